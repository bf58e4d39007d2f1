import DOMPurify from 'dompurify'
import { marked } from 'marked'
import { useMemo } from 'preact/hooks'
import { get, type PackageDetail } from '../api'
import { Ago, Copy, Failure, Missing, Skeleton, useLoad } from '../parts'

// A README is a stranger's text: sanitised, and no address but https and mailto. Pictures would tell their host who reads; they
// are shown as the words that stand for them.
function clean(text: string): string {
  const body = DOMPurify.sanitize(marked.parse(text, { async: false }), {
    RETURN_DOM: true, FORBID_TAGS: ['style', 'form', 'input', 'button', 'iframe', 'svg', 'math', 'video', 'audio'], FORBID_ATTR: ['style', 'id', 'name'],
    ALLOWED_URI_REGEXP: /^(?:https?:|mailto:|#)/i,
  }) as HTMLElement
  for (const image of body.querySelectorAll('img')) image.replaceWith(image.alt)
  return body.innerHTML
}

function Readme({ text }: { text: string }) {
  const html = useMemo(() => clean(text), [text])
  return <article class="readme card" dangerouslySetInnerHTML={{ __html: html }} />
}

export function PackageView({ name }: { name: string }) {
  const one = useLoad(() => get<PackageDetail>(`/packages/${name}`), [name])
  const p = one.value
  document.title = `${name} · Redhouse`
  if (one.error) return <Missing text={one.error} />
  if (!p) return <Skeleton rows={6} />
  const tagsOf = (version: string) => Object.entries(p.tags).filter(([, v]) => v === version).map(([tag]) => tag)
  return (
    <>
      <div class="title"><h1>{p.name}</h1><span class="muted">{p.latest}</span></div>
      <p>{p.description}</p>
      <p><Copy text={`npm install ${p.name}`} /></p>
      {p.types.length > 0 && <p>Nodes: {p.types.map((t) => <code key={t}>{t}</code>)}</p>}
      <div class="split">
        <div class="grow">{p.readme ? <Readme text={p.readme} /> : <p class="muted">This package has no README.</p>}</div>
        <section class="card side" aria-label="Versions">
          <h2>Versions</h2>
          <ul class="plainlist">
            {p.versions.map((v) => (
              <li key={v.version}>
                <strong>{v.version}</strong> {tagsOf(v.version).map((t) => <span key={t} class="state">{t}</span>)}
                <div class="muted">{v.publisher} · <Ago at={v.published_at} /></div>
                {v.deprecated && <Failure text={v.deprecated} />}
              </li>
            ))}
          </ul>
        </section>
      </div>
    </>
  )
}
