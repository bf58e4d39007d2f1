// Versions with their tags: what was published, how large it is, and what may be done about it.
import { useState } from 'preact/hooks'
import { api, type Version } from '../../api'
import { Act, Ago, Bars, Dialog, Failure, Field, Form, size } from '../../parts'
import { go, Link } from '../../router'
import { fileView, path, type PagePart } from './page'

type Asked = { kind: 'deprecate' | 'tag'; version: string } | null

function Deprecate({ p, version, reload, onClose }: { version: string; onClose: () => void } & Pick<PagePart, 'p' | 'reload'>) {
  const [text, setText] = useState('')
  return (
    <Dialog title={`Deprecate ${version}`} onClose={onClose}>
      <Form submit="Deprecate" action={async () => { await api('PATCH', `${path(p)}/versions/${version}`, { deprecated: text }); reload(); onClose() }}>
        <Field label="What should people do instead?" name="message" value={text} onInput={setText} required autofocus hint="Shown by npm when it is installed, and in Manage Palette." />
      </Form>
    </Dialog>
  )
}

function Tag({ p, version, reload, onClose }: { version: string; onClose: () => void } & Pick<PagePart, 'p' | 'reload'>) {
  const [tag, setTag] = useState('')
  const has = p.tags[tag]
  return (
    <Dialog title={`Tag ${version}`} onClose={onClose}>
      <Form submit={has ? 'Move the tag' : 'Add the tag'} action={async () => { await api('PUT', `${path(p)}/tags/${encodeURIComponent(tag)}`, { version }); reload(); onClose() }}>
        <Field label="Tag" name="tag" value={tag} onInput={setTag} required autofocus placeholder="next" hint={has ? `Now at ${has}.` : 'latest is what people get who do not name a version.'} />
      </Form>
    </Dialog>
  )
}

function VersionRow({ p, v, may, reload, ask }: { v: Version; ask: (asked: Asked) => void } & PagePart) {
  const tags = Object.entries(p.tags).filter(([, at]) => at === v.version).map(([tag]) => tag)
  const publish = may('package:publish')
  const last = p.versions.length === 1
  return (
    <li class="card row">
      <div class="grow">
        <strong>{v.version}</strong>{' '}
        {tags.map((tag) => (
          <span key={tag} class="state">
            {tag}
            {publish && tag !== 'latest' && <Act kind="chip" label={`Remove the tag ${tag}`} action={async () => { await api('DELETE', `${path(p)}/tags/${encodeURIComponent(tag)}`); reload() }}>×</Act>}
          </span>
        ))}
        <div class="muted">
          {v.source === 'trusted' ? `trusted publisher ${v.publisher}` : v.publisher} · <Ago at={v.published_at} /> · {size(v.bytes)}{v.unpacked_bytes ? `, ${size(v.unpacked_bytes)} in ${v.files ?? '?'} files` : ''}
          {v.source_commit && <> · commit <code>{v.source_commit.slice(0, 8)}</code></>}{v.install_scripts && ' · runs scripts when it is installed'}
        </div>
        {v.deprecated && <Failure text={`Deprecated: ${v.deprecated}`} />}
      </div>
      <div class="controls">
        <Link to={fileView(p, v.version, '')} class="button plain">Files</Link>
        {publish && <>
          <button type="button" aria-label={`Tag ${v.version}`} onClick={() => ask({ kind: 'tag', version: v.version })}>Tag</button>
          {v.deprecated
            ? <Act label={`Take back the deprecation of ${v.version}`} action={async () => { await api('PATCH', `${path(p)}/versions/${v.version}`, { deprecated: null }); reload() }}>Undeprecate</Act>
            : <button type="button" aria-label={`Deprecate ${v.version}`} onClick={() => ask({ kind: 'deprecate', version: v.version })}>Deprecate</button>}
          <Act
            label={`Unpublish ${v.version}`}
            sure={last ? `${p.name} has no other version: the whole package goes. Its number stays taken for ever.` : `Who needs ${p.name}@${v.version} will not find it any more, and its number stays taken for ever. Deprecating is kinder.`}
            action={async () => {
              await api('DELETE', `${path(p)}/versions/${v.version}?confirm=${v.version}`)
              if (last) go(p.tenant ? `/ui/tenants/${p.tenant}/packages` : '/ui/')
              else reload()
            }}
          >
            Unpublish
          </Act>
        </>}
      </div>
    </li>
  )
}

export function Versions(part: PagePart) {
  const { p } = part
  const [asked, setAsked] = useState<Asked>(null)
  const [all, setAll] = useState(false)
  const shown = all ? p.versions : p.versions.slice(0, 30)
  const close = () => setAsked(null)
  return (
    <>
      {p.versions.length > 1 && (
        <figure class="chart card">
          <figcaption>Size of the last {Math.min(40, p.versions.length)} versions</figcaption>
          <Bars label="Size by version" bars={p.versions.slice(0, 40).reverse().map((v) => ({ value: v.bytes, text: `${v.version}: ${size(v.bytes)}` }))} />
        </figure>
      )}
      <ul class="rows" aria-label="Versions">
        {shown.map((v) => <VersionRow key={v.version} {...part} v={v} ask={setAsked} />)}
      </ul>
      {shown.length < p.versions.length && <button type="button" onClick={() => setAll(true)}>All {p.versions.length} versions</button>}
      {asked?.kind === 'deprecate' && <Deprecate p={p} reload={part.reload} version={asked.version} onClose={close} />}
      {asked?.kind === 'tag' && <Tag p={p} reload={part.reload} version={asked.version} onClose={close} />}
    </>
  )
}
