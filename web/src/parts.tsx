// The small parts that views are made of.
import type { ComponentChildren } from 'preact'
import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { ApiError } from './api'

export function message(error: unknown): string {
  if (error instanceof ApiError) return error.problem.detail
  return error instanceof Error ? error.message : String(error)
}

// Loads once, and again when asked to.
export function useLoad<T>(load: () => Promise<T>, keys: unknown[]): { value: T | null; error: string | null; ready: boolean; reload: () => void; set: (value: T) => void } {
  const [value, setValue] = useState<T | null>(null)
  const [error, setError] = useState<string | null>(null)
  const [turn, setTurn] = useState(0)
  useEffect(() => {
    let live = true
    load().then(
      (got) => live && (setValue(got), setError(null)),
      (failed: unknown) => live && setError(message(failed)),
    )
    return () => {
      live = false
    }
  }, [...keys, turn])
  // ready: what stands below will not be moved any more.
  return { value, error, ready: value !== null || error !== null, reload: useCallback(() => setTurn((n) => n + 1), []), set: setValue }
}

export function State({ state }: { state: string }) {
  return <span class={`state state-${state}`}>{state}</span>
}

export function Failure({ text }: { text: string | null }) {
  return text ? <p class="failure" role="alert">{text}</p> : null
}

// Instead of a view that is not there, or not for this person.
export function Missing({ text }: { text: string }) {
  return <Empty title="This cannot be shown"><Failure text={text} /><p><a href="/ui/">Back to the tenants</a></p></Empty>
}

export function Skeleton({ rows = 3 }: { rows?: number }) {
  return <div class="skeleton" aria-hidden="true">{Array.from({ length: rows }, (_, i) => <div key={i} />)}</div>
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <h3>{title}</h3>
      {children}
    </div>
  )
}

export function Field(props: { label: string; name: string; value: string; onInput: (value: string) => void; type?: string; hint?: string; required?: boolean; autofocus?: boolean; autocomplete?: string; placeholder?: string }) {
  return (
    <label class="field">
      <span>{props.label}</span>
      <input
        name={props.name}
        type={props.type ?? 'text'}
        value={props.value}
        required={props.required}
        autoFocus={props.autofocus}
        autocomplete={props.autocomplete ?? 'off'}
        placeholder={props.placeholder}
        spellcheck={false}
        onInput={(event) => props.onInput(event.currentTarget.value)}
      />
      {props.hint && <small>{props.hint}</small>}
    </label>
  )
}

export function Choice(props: { label: string; name: string; value: string; options: [string, string][]; onInput: (value: string) => void }) {
  return (
    <label class="field">
      <span>{props.label}</span>
      <select name={props.name} value={props.value} onChange={(event) => props.onInput(event.currentTarget.value)}>
        {props.options.map(([value, text]) => <option key={value} value={value}>{text}</option>)}
      </select>
    </label>
  )
}

// A native dialog: focus stays inside, Escape closes.
export function Dialog({ title, onClose, children }: { title: string; onClose: () => void; children: ComponentChildren }) {
  const ref = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    const dialog = ref.current
    dialog?.showModal()
    return () => dialog?.close()
  }, [])
  return (
    <dialog ref={ref} aria-label={title} onCancel={(event) => { event.preventDefault(); onClose() }}>
      <header>
        <h2>{title}</h2>
        <button type="button" class="plain" aria-label="Close" onClick={onClose}>×</button>
      </header>
      {children}
    </dialog>
  )
}

// A form whose submit runs an action: disabled meanwhile, its failure shown.
export function Form({ action, submit, children, danger }: { action: () => Promise<void>; submit: string; children: ComponentChildren; danger?: boolean }) {
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<string | null>(null)
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        setBusy(true)
        setError(null)
        action().then(() => setBusy(false), (failed: unknown) => { setBusy(false); setError(message(failed)) })
      }}
    >
      {children}
      <Failure text={error} />
      <div class="actions"><button type="submit" class={danger ? 'danger' : 'primary'} disabled={busy}>{submit}</button></div>
    </form>
  )
}

// A button that runs an action.
// With `sure`, it asks first: what it takes cannot be had back. `label` is for those who do not see what it stands beside.
export function Act({ action, children, kind, disabled, label, sure }: { action: () => Promise<unknown>; children: ComponentChildren; kind?: string; disabled?: boolean; label?: string; sure?: string }) {
  const [asking, setAsking] = useState(false)
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<string | null>(null)
  return (
    <>
      <button
        type="button"
        class={kind}
        disabled={busy || disabled}
        aria-label={label}
        title={error ?? undefined}
        onClick={() => {
          if (sure) return setAsking(true)
          setBusy(true)
          setError(null)
          action().then(() => setBusy(false), (failed: unknown) => { setBusy(false); setError(message(failed)) })
        }}
      >
        {children}
      </button>
      {error && <Failure text={error} />}
      {asking && (
        <Dialog title={`${label ?? 'Sure'}?`} onClose={() => setAsking(false)}>
          <Form submit={typeof children === 'string' ? children : 'Yes'} danger action={async () => { await action(); setAsking(false) }}><p>{sure}</p></Form>
        </Dialog>
      )}
    </>
  )
}

export function Copy({ text, name }: { text: string; name?: string }) {
  const [said, setSaid] = useState('')
  const copy = () => {
    const tell = (word: string) => { setSaid(word); setTimeout(() => setSaid(''), 1500) }
    // Only https and localhost have a clipboard; elsewhere the text is there to be marked.
    if (navigator.clipboard) void navigator.clipboard.writeText(text).then(() => tell('copied'), () => tell('copy by hand'))
    else tell('copy by hand')
  }
  return (
    <span class="copy">
      <code>{text}</code>
      <button type="button" class="plain" aria-label={name} onClick={copy}>{said || 'copy'}</button>
      <span class="aside" role="status">{said}</span>
    </span>
  )
}

export function size(bytes: number): string {
  return bytes < 1000 ? `${bytes} B` : bytes < 1e6 ? `${(bytes / 1000).toFixed(bytes < 1e4 ? 1 : 0)} kB` : bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(1)} GB`
}

// Bars from left to right; each says what it is.
export function Bars({ label, bars }: { label: string; bars: { value: number; text: string }[] }) {
  const top = Math.max(1, ...bars.map((b) => b.value))
  const width = 100 / Math.max(bars.length, 24)
  return (
    <svg class="bars" viewBox="0 0 100 30" preserveAspectRatio="none" role="img" aria-label={label}>
      {bars.map((b, i) => {
        const height = b.value === 0 ? 0 : Math.max(1, b.value / top * 29)
        return <rect key={b.text} x={i * width + width * 0.1} y={30 - height} width={width * 0.8} height={height}><title>{b.text}</title></rect>
      })}
    </svg>
  )
}

export function Ago({ at }: { at: string | null }) {
  if (!at) return <span class="muted">never</span>
  const seconds = (Date.now() - Date.parse(at)) / 1000
  const steps: [number, string][] = [[60, 'second'], [3600, 'minute'], [86400, 'hour'], [Infinity, 'day']]
  const i = steps.findIndex(([end]) => seconds < end)
  const n = Math.max(1, Math.round(seconds / (i === 0 ? 1 : steps[i - 1]![0])))
  return <time dateTime={at} title={new Date(at).toLocaleString()}>{seconds < 5 ? 'just now' : `${n} ${steps[i]![1]}${n === 1 ? '' : 's'} ago`}</time>
}

// A log that is followed: events "line", each a JSON string; "end" when no more will come. `whole`: it has ended already, so that a
// log which is not there will not come.
export function Log({ path, whole }: { path: string; whole?: boolean }) {
  const ref = useRef<HTMLPreElement>(null)
  const over = useRef(whole)
  over.current = whole
  const [state, setState] = useState('live')
  useEffect(() => {
    const pre = ref.current!
    let source: EventSource, timer = 0
    const open = () => {
      let lines = 0
      source = new EventSource(`/api/v1${path}`)
      source.onopen = () => {
        pre.textContent = ''
        setState('live')
      }
      source.addEventListener('line', (event) => {
        const end = pre.scrollHeight - pre.scrollTop - pre.clientHeight < 40
        pre.append(`${JSON.parse((event as MessageEvent<string>).data) as string}\n`)
        if (++lines > 5000) pre.firstChild?.remove()
        if (end) pre.scrollTop = pre.scrollHeight
      })
      source.addEventListener('end', () => {
        source.close()
        setState('ended')
      })
      source.onerror = () => {
        source.close() // a log is read from its tail: the browser's own second try would repeat it
        setState(over.current ? 'ended' : 'not there yet; looks again')
        if (!over.current) timer = window.setTimeout(open, 2000)
      }
    }
    open()
    return () => {
      clearTimeout(timer)
      source.close()
    }
  }, [path])
  return <><pre class="log" ref={ref} tabIndex={0} role="region" aria-label="log" /><small class="muted log-state" role="status">{state}</small></>
}
