import { useEffect, useState } from 'preact/hooks'
import { api, get, type Theme, type ThemeDoc } from '../api'
import { wear, wearPlatform } from '../look'
import { Act, Failure, Field, Form, message, Skeleton, useLoad } from '../parts'

type Scheme = 'light' | 'dark'
type Group = 'page' | 'header' | 'deployButton'

const names: Record<string, string> = {
  primary: 'Accent', primaryHover: 'Accent, pointed at', primaryText: 'Text on accent', header: 'Header', headerText: 'Text in the header', headerAccent: 'Line below the header',
  background: 'Background', surface: 'Cards and inputs', text: 'Text', muted: 'Quiet text', border: 'Borders', font: 'Font', radius: 'Corners',
}

// What shines through where this layer says nothing: the layer below it, then the product.
function inheritedToken(theme: Theme, scheme: Scheme, name: string): string {
  const preset = theme.tokens.find((t) => t.name === name)
  return theme.inherited.theme.tokens?.[scheme]?.[name] ?? preset?.[scheme] ?? ''
}

function shownToken(theme: Theme, doc: ThemeDoc, scheme: Scheme, name: string): string {
  const value = doc.tokens?.[scheme]?.[name] ?? inheritedToken(theme, scheme, name)
  return value !== '' || scheme === 'light' ? value : shownToken(theme, doc, 'light', name)
}

function part(doc: ThemeDoc, group: Group, key: string): string {
  return (doc[group] as Record<string, string> | undefined)?.[key] ?? ''
}

// For <input type=color>, which takes six digits only.
function sixDigits(color: string): string {
  const digits = color.slice(1)
  return digits.length === 3 ? `#${[...digits].map((d) => d + d).join('')}` : `#${digits.slice(0, 6)}`
}

// Without groups that hold nothing: what is not said is inherited.
function pruned(doc: ThemeDoc): ThemeDoc {
  const full = Object.entries(doc).map(([key, value]): [string, unknown] =>
    [key, value !== null && typeof value === 'object' && !Array.isArray(value) ? pruned(value as ThemeDoc) : value])
  return Object.fromEntries(full.filter(([, value]) => value === null || typeof value !== 'object' || Array.isArray(value) || Object.keys(value).length > 0))
}

function Preview({ theme, doc, scheme, path }: { theme: Theme; doc: ThemeDoc; scheme: Scheme; path: string }) {
  const value = (name: string) => shownToken(theme, doc, scheme, name)
  const below = theme.inherited.theme
  const logo = doc.header?.image ?? below.header?.image
  return (
    <figure class="preview" aria-label="Preview" style={{ backgroundColor: value('background'), color: value('text'), borderColor: value('border'), borderRadius: value('radius'), fontFamily: value('font') }}>
      <div class="preview-header" style={{ backgroundColor: value('header'), color: value('headerText'), borderColor: value('headerAccent') }}>
        <span class="preview-title">{logo && <img src={`/api/v1${path}/files/${encodeURIComponent(logo)}?at=${theme.version ?? ''}`} alt="" height="24" />}
          {part(doc, 'header', 'title') || part(below, 'header', 'title') || 'Title'}</span>
        <span class="preview-deploy" style={{ backgroundColor: value('primary'), color: value('primaryText') }}>{part(doc, 'deployButton', 'label') || part(below, 'deployButton', 'label') || 'Deploy'}</span>
      </div>
      <div class="preview-body">
        <span class="preview-node" style={{ backgroundColor: (doc.palette?.theme ?? below.palette?.theme)?.[0]?.color ?? '#fdd0a2' }}>function</span>
        <span style={{ color: value('muted') }}>a quiet text</span>
      </div>
    </figure>
  )
}

// One value of this layer; empty is inherited.
function Own(props: { label: string; name: string; value: string; inherited: string; color?: boolean; onInput: (value: string) => void }) {
  return (
    <div class="token">
      <Field label={props.label} name={props.name} value={props.value} placeholder={props.inherited} onInput={props.onInput} />
      {props.color && <input type="color" aria-label={`${props.label}, colour`} value={sixDigits(/^#([0-9a-f]{3}){1,2}([0-9a-f]{2})?$/i.test(props.value) ? props.value : props.inherited)} onInput={(e) => props.onInput(e.currentTarget.value)} />}
      <button type="button" class="plain inherit" disabled={props.value === ''} aria-label={`${props.label}: inherit again`} title={props.value === '' ? 'inherited' : 'Inherit again'} onClick={() => props.onInput('')}>↺</button>
    </div>
  )
}

function Values({ theme, doc, scheme, setScheme, setDoc }: { theme: Theme; doc: ThemeDoc; scheme: Scheme; setScheme: (s: Scheme) => void; setDoc: (doc: ThemeDoc) => void }) {
  const setToken = (name: string, value: string) => {
    const tokens = { ...doc.tokens?.[scheme] }
    if (value === '') delete tokens[name]
    else tokens[name] = value
    setDoc({ ...doc, tokens: { ...doc.tokens, [scheme]: tokens } })
  }
  const setPart = (group: Group, key: string) => (value: string) => {
    const now: Record<string, string> = { ...(doc[group] as Record<string, string> | undefined) }
    if (value === '') delete now[key]
    else now[key] = value
    setDoc({ ...doc, [group]: now })
  }
  const text = (label: string, name: string, group: Group, key: string, preset: string) =>
    <Own label={label} name={name} value={part(doc, group, key)} inherited={part(theme.inherited.theme, group, key) || preset} onInput={setPart(group, key)} />
  return (
    <>
      <div class="tabs" role="group" aria-label="Scheme">
        {(['light', 'dark'] as const).map((s) => <button key={s} type="button" aria-pressed={s === scheme} class={s === scheme ? 'on' : 'plain'} onClick={() => setScheme(s)}>{s}</button>)}
      </div>
      <div class="tokens">
        {theme.tokens.map((token) => (
          <Own key={token.name} label={names[token.name] ?? token.name} name={`token-${token.name}`} color={token.kind === 'color'} value={doc.tokens?.[scheme]?.[token.name] ?? ''}
            inherited={inheritedToken(theme, scheme, token.name) || shownToken(theme, doc, 'light', token.name)} onInput={(v) => setToken(token.name, v)} />
        ))}
      </div>
      {text('Page title', 'title', 'page', 'title', 'name of the instance')}
      {text('Header title', 'header', 'header', 'title', 'name of the instance')}
      {text('Deploy button', 'deploy', 'deployButton', 'label', 'Deploy')}
    </>
  )
}

function Files({ title, files }: { title: string; files: Theme['files'] }) {
  if (files.length === 0) return null
  return (
    <section aria-label={title}>
      <h3 class="small">{title}</h3>
      <ul class="plainlist">{files.map((f) => <li key={f.name}>{f.name} <span class="muted">{Math.ceil(f.bytes / 1024)} kB</span></li>)}</ul>
    </section>
  )
}

function Editor({ path, may, worn }: { path: string; may: boolean; worn: (version: string | null) => Promise<void> }) {
  const loaded = useLoad(() => get<Theme>(path), [path])
  const [doc, setDoc] = useState<ThemeDoc>({})
  const [scheme, setScheme] = useState<Scheme>('light')
  const [said, setSaid] = useState('')
  const [wrong, setWrong] = useState<string | null>(null)
  useEffect(() => { if (loaded.value) setDoc(loaded.value.theme) }, [loaded.value])
  if (loaded.error) return <Failure text={loaded.error} />
  if (!loaded.value) return <Skeleton rows={6} />
  const t = loaded.value
  const save = async (body: unknown) => {
    setSaid('')
    setWrong(null)
    const now = await api<Theme>('PUT', path, body)
    loaded.set(now)
    await worn(now.version)
    setSaid('Saved. Open editors show it when they are loaded again.')
  }
  const values = <Values theme={t} doc={doc} scheme={scheme} setScheme={setScheme} setDoc={setDoc} />
  return (
    <div class="split">
      <div class="grow">
        <p class="muted">What is left empty comes from {t.inherited.from === 'platform' ? 'the platform’s theme' : 'the product'}, also when that changes.</p>
        {may
          ? <Form submit="Save theme" action={() => save(pruned(doc))}>{values}<p role="status" class="muted">{said || ' '}</p></Form>
          : <fieldset class="bare" disabled>{values}</fieldset>}
        {may && (
          <div class="bar">
            <label class="button plain">Upload a bundle<input class="hidden" type="file" accept=".zip,.tgz,.gz,.json" onChange={(e) => {
              const input = e.currentTarget, file = input.files?.[0]
              if (file) save(file).catch((error: unknown) => setWrong(message(error))).finally(() => { input.value = '' })
            }} /></label>
            <Act kind="plain" label="Reset all" sure="Takes all values and files that were set here; everything is inherited again." disabled={t.version === null} action={async () => {
              await api('DELETE', path)
              const now = await get<Theme>(path)
              loaded.set(now)
              await worn(`none-${Date.now()}`)
              setSaid('Everything is inherited again.')
            }}>Reset all</Act>
            <Failure text={wrong} />
          </div>
        )}
      </div>
      <div class="side stick">
        <Preview theme={t} doc={doc} scheme={scheme} path={path} />
        <Files title="Files" files={t.files} />
        <Files title="Files of the platform’s theme" files={t.inherited.files} />
      </div>
    </div>
  )
}

export function TenantTheme({ tenant, may }: { tenant: string; may: boolean }) {
  return <Editor path={`/tenants/${tenant}/theme`} may={may} worn={(version) => wear(tenant, version)} />
}

export function PlatformTheme() {
  document.title = 'Theme · Redhouse'
  return <><h1>Theme of the platform</h1><Editor path="/theme" may worn={wearPlatform} /></>
}
