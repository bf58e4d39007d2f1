import { useEffect, useState } from 'preact/hooks'
import { api, get, type Theme, type ThemeDoc } from '../api'
import { Act, Failure, Field, Form, Skeleton, useLoad } from '../parts'

type Scheme = 'light' | 'dark'

function Preview({ theme, scheme, presets }: { theme: ThemeDoc; scheme: Scheme; presets: Theme['tokens'] }) {
  const value = (name: string) => theme.tokens?.[scheme]?.[name] ?? presets.find((t) => t.name === name)?.[scheme] ?? presets.find((t) => t.name === name)?.light ?? ''
  return (
    <figure class="preview" aria-label="Preview" style={{ backgroundColor: value('background'), color: value('text'), borderColor: value('border'), borderRadius: value('radius'), fontFamily: value('font') }}>
      <div class="preview-header" style={{ backgroundColor: value('header'), color: value('headerText'), borderColor: value('headerAccent') }}>
        <span>{theme.header?.title || 'Title'}</span>
        <span class="preview-deploy" style={{ backgroundColor: value('primary'), color: value('primaryText') }}>{theme.deployButton?.label || 'Deploy'}</span>
      </div>
      <div class="preview-body">
        <span class="preview-node" style={{ backgroundColor: theme.palette?.theme?.[0]?.color ?? '#fdd0a2' }}>function</span>
        <span style={{ color: value('muted') }}>a quiet text</span>
      </div>
    </figure>
  )
}

function Editor({ path, may }: { path: string; may: boolean }) {
  const loaded = useLoad(() => get<Theme>(path), [path])
  const [doc, setDoc] = useState<ThemeDoc>({})
  const [scheme, setScheme] = useState<Scheme>('light')
  const [said, setSaid] = useState('')
  useEffect(() => { if (loaded.value) setDoc(loaded.value.theme) }, [loaded.value])
  if (loaded.error) return <Failure text={loaded.error} />
  if (!loaded.value) return <Skeleton rows={6} />
  const t = loaded.value
  const setToken = (name: string, value: string) => {
    const tokens = { ...doc.tokens?.[scheme] }
    if (value === '') delete tokens[name]
    else tokens[name] = value
    setDoc({ ...doc, tokens: { ...doc.tokens, [scheme]: tokens } })
  }
  const setPart = (group: 'page' | 'header' | 'deployButton', key: string, value: string) => {
    const part: Record<string, string> = { ...(doc[group] as Record<string, string> | undefined) }
    if (value === '') delete part[key]
    else part[key] = value
    setDoc({ ...doc, [group]: part })
  }
  const save = async (body: unknown) => {
    loaded.set(await api<Theme>('PUT', path, body))
    setSaid('Saved. Open editors show it when they are loaded again.')
  }
  return (
    <div class="split">
      <div class="grow">
        <p class="muted">In force: the {t.from}’s theme.</p>
        <Form submit="Save theme" action={() => save(doc)}>
          <div class="tabs" role="group" aria-label="Scheme">
            {(['light', 'dark'] as const).map((s) => <button key={s} type="button" aria-pressed={s === scheme} class={s === scheme ? 'on' : 'plain'} onClick={() => setScheme(s)}>{s}</button>)}
          </div>
          <div class="tokens">
            {t.tokens.map((token) => {
              const value = doc.tokens?.[scheme]?.[token.name] ?? ''
              const preset = token[scheme] ?? token.light ?? ''
              return (
                <div key={token.name} class="token">
                  <Field label={token.name} name={`token-${token.name}`} value={value} placeholder={preset} onInput={(v) => setToken(token.name, v)} />
                  {token.kind === 'color' && <input type="color" aria-label={`${token.name} colour`} value={/^#[0-9a-f]{6}$/i.test(value) ? value : preset} onInput={(e) => setToken(token.name, e.currentTarget.value)} />}
                </div>
              )
            })}
          </div>
          <Field label="Page title" name="title" value={doc.page?.title ?? ''} onInput={(v) => setPart('page', 'title', v)} />
          <Field label="Header title" name="header" value={doc.header?.title ?? ''} onInput={(v) => setPart('header', 'title', v)} />
          <Field label="Deploy button" name="deploy" value={doc.deployButton?.label ?? ''} onInput={(v) => setPart('deployButton', 'label', v)} placeholder="Deploy" />
          <p role="status" class="muted">{said || ' '}</p>
        </Form>
        {may && (
          <div class="bar">
            <label class="button plain">Upload a bundle<input class="hidden" type="file" accept=".zip,.tgz,.gz,.json" onChange={(e) => {
              const file = e.currentTarget.files?.[0]
              if (file) save(file).catch((error: unknown) => setSaid(error instanceof Error ? error.message : String(error)))
            }} /></label>
            <Act kind="plain" action={async () => { await api('DELETE', path); loaded.reload() }}>Reset</Act>
          </div>
        )}
      </div>
      <div class="side stick"><Preview theme={doc} scheme={scheme} presets={t.tokens} />
        <ul class="plainlist">{t.files.map((f) => <li key={f.name}>{f.name} <span class="muted">{Math.ceil(f.bytes / 1024)} kB</span></li>)}</ul></div>
    </div>
  )
}

export function TenantTheme({ tenant, may }: { tenant: string; may: boolean }) {
  return <Editor path={`/tenants/${tenant}/theme`} may={may} />
}

export function PlatformTheme() {
  document.title = 'Theme · Redhouse'
  return <><h1>Theme of the platform</h1><Editor path="/theme" may /></>
}
