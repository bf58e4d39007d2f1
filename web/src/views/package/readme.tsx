import DOMPurify from 'dompurify'
import { marked } from 'marked'
import { useMemo } from 'preact/hooks'
import type { PagePart } from './page'

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

export function Overview({ p }: PagePart) {
  return p.readme ? <Readme text={p.readme} /> : <p class="muted">This package has no README.</p>
}
