// The files of a version: folders, text, images.
import { useEffect, useState } from 'preact/hooks'
import { ApiError, get, type Contents, type PackageDetail } from '../../api'
import { Choice, Failure, message, size, Skeleton, useLoad } from '../../parts'
import { go, Link, useLocation } from '../../router'
import { fileAddress, fileView, path, type PagePart } from './page'

const MOST_SHOWN = 1_000_000

type Seen = { kind: 'text'; text: string } | { kind: 'image' } | { kind: 'other'; why: string }

async function look(address: string, bytes: number): Promise<Seen> {
  if (bytes > MOST_SHOWN && !/\.(png|jpe?g|gif|svg|webp)$/i.test(address)) return { kind: 'other', why: `This file has ${size(bytes)}, which is more than is shown here.` }
  const answer = await fetch(address)
  const type = answer.headers.get('content-type') ?? ''
  if (!answer.ok) {
    const said = (await answer.json().catch(() => ({}))) as { detail?: string }
    throw new ApiError({ status: answer.status, code: 'failed', detail: said.detail ?? `The server answered with status ${answer.status}.` })
  }
  if (type.startsWith('image/')) return { kind: 'image' }
  return type.startsWith('text/plain') ? { kind: 'text', text: await answer.text() } : { kind: 'other', why: 'This file is neither text nor an image.' }
}

function FileShown({ p, version, file }: { p: PackageDetail; version: string; file: { name: string; bytes: number } }) {
  const address = fileAddress(p, version, file.name)
  const [seen, setSeen] = useState<Seen | null>(null)
  const [error, setError] = useState<string | null>(null)
  useEffect(() => {
    setSeen(null)
    setError(null)
    look(address, file.bytes).then(setSeen, (failed: unknown) => setError(message(failed)))
  }, [address])
  return (
    <section aria-label={file.name}>
      <p class="muted">{size(file.bytes)} · <a href={address} download={file.name.split('/').at(-1)}>Download</a></p>
      <Failure text={error} />
      {!seen && !error && <Skeleton rows={3} />}
      {seen?.kind === 'text' && <pre class="file" tabIndex={0}>{seen.text}</pre>}
      {seen?.kind === 'image' && <p class="card picture"><img src={address} alt={file.name} /></p>}
      {seen?.kind === 'other' && <p class="muted">{seen.why}</p>}
    </section>
  )
}

// What stands directly in a folder: folders first.
function inside(files: Contents['files'], folder: string) {
  const folders = new Map<string, number>()
  const here: Contents['files'] = []
  for (const file of files) {
    if (!file.name.startsWith(folder)) continue
    const rest = file.name.slice(folder.length), slash = rest.indexOf('/')
    if (slash < 0) here.push(file)
    else folders.set(rest.slice(0, slash + 1), (folders.get(rest.slice(0, slash + 1)) ?? 0) + file.bytes)
  }
  return { folders: [...folders].sort(([a], [b]) => a.localeCompare(b)), here: here.sort((a, b) => a.name.localeCompare(b.name)) }
}

export function Files({ p }: PagePart) {
  const asked = useLocation().searchParams
  const version = asked.get('version') ?? p.latest, at = asked.get('path') ?? ''
  const load = useLoad(() => get<Contents>(`${path(p)}/versions/${encodeURIComponent(version)}/contents`), [p.name, version])
  const c = load.value
  const file = c?.files.find((f) => f.name === at)
  const folder = at === '' || at.endsWith('/') ? at : at.slice(0, at.lastIndexOf('/') + 1)
  const parts = (file ? at : folder).split('/').filter(Boolean)
  const { folders, here } = inside(c?.files ?? [], folder)
  return (
    <>
      <div class="bar">
        <Choice label="Version" name="version" value={version} options={p.versions.map((v) => [v.version, v.version])} onInput={(v) => go(fileView(p, v, at))} />
      </div>
      <nav class="crumb" aria-label="Path">
        <Link to={fileView(p, version, '')}>{p.name}</Link>
        {parts.map((part, i) => <span key={i}> / {i === parts.length - 1 && file ? part : <Link to={fileView(p, version, `${parts.slice(0, i + 1).join('/')}/`)}>{part}</Link>}</span>)}
      </nav>
      <Failure text={load.error} />
      {!c && !load.error && <Skeleton rows={4} />}
      {c && !file && (at !== folder || (at !== '' && folders.length + here.length === 0)) && <Failure text="There is no such file in this version." />}
      {c && (file ? <FileShown key={`${version} ${at}`} p={p} version={version} file={file} /> : (
        <ul class="plainlist card files">
          {folders.map(([name, bytes]) => <li key={name}><Link to={fileView(p, version, folder + name)}>{name}</Link><span class="muted">{size(bytes)}</span></li>)}
          {here.map((f) => <li key={f.name}><Link to={fileView(p, version, f.name)}>{f.name.slice(folder.length)}</Link><span class="muted">{size(f.bytes)}</span></li>)}
        </ul>
      ))}
      {c && !file && <p class="muted">{c.count} files, {size(c.bytes)}{c.count > c.files.length && `; the first ${c.files.length} are listed`}</p>}
    </>
  )
}
