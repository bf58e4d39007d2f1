import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { all, api, get } from '../api'
import { Ago, Choice, Failure, Field, Form, Skeleton, useLoad } from '../parts'
import { Link } from '../router'

interface Rule { name: string; versions?: string; reason?: string }
interface Section {
  minimum_age_hours?: number; deny?: Rule[]; allow?: Rule[]; only_allowed?: boolean; licences_allowed?: string[]; licences_denied?: string[]
  install_scripts?: 'allow' | 'deny'; install_scripts_allowed?: string[]; advisories?: string | null
}
interface Rules { public?: Section; private?: Section }
interface Refusal { package: string; version: string; who: string; tenant: string | null; action: string; reason: string; times: number; last_at: string }

const lines = (text: string) => text.split('\n').map((line) => line.trim()).filter(Boolean)
// "name versions # reason", a line each.
const toText = (rules?: Rule[]) => (rules ?? []).map((r) => [r.name, r.versions, r.reason && `# ${r.reason}`].filter(Boolean).join(' ')).join('\n')
function toRules(text: string): Rule[] {
  return lines(text).map((line) => {
    const [what, ...reason] = line.split('#')
    const [name = '', ...versions] = what!.trim().split(/\s+/)
    return { name, ...(versions.length ? { versions: versions.join(' ') } : {}), ...(reason.length ? { reason: reason.join('#').trim() } : {}) }
  })
}

function Area(props: { label: string; name: string; value: string; onInput: (value: string) => void; hint?: string; disabled?: boolean }) {
  return (
    <label class="field">
      <span>{props.label}</span>
      <textarea name={props.name} rows={3} value={props.value} spellcheck={false} disabled={props.disabled} onInput={(event) => props.onInput(event.currentTarget.value)} />
      {props.hint && <small>{props.hint}</small>}
    </label>
  )
}

// What the fields of a section hold: text, until it is sent.
interface Draft { age: string; deny: string; allow: string; only: boolean; licences: string; no_licences: string; scripts: boolean; scripted: string; level: string }
const draftOf = (s: Section = {}): Draft => ({
  age: s.minimum_age_hours ? String(s.minimum_age_hours) : '', deny: toText(s.deny), allow: toText(s.allow), only: s.only_allowed ?? false,
  licences: (s.licences_allowed ?? []).join('\n'), no_licences: (s.licences_denied ?? []).join('\n'), scripts: s.install_scripts === 'deny',
  scripted: (s.install_scripts_allowed ?? []).join('\n'), level: s.advisories ?? '',
})
const sectionOf = (d: Draft): Section => ({
  minimum_age_hours: Number(d.age) || 0, deny: toRules(d.deny), allow: toRules(d.allow), only_allowed: d.only, licences_allowed: lines(d.licences),
  licences_denied: lines(d.no_licences), install_scripts: d.scripts ? 'deny' : 'allow', install_scripts_allowed: lines(d.scripted), advisories: d.level || null,
})

const levels: [string, string][] = [['', 'never'], ['low', 'low and worse'], ['moderate', 'moderate and worse'], ['high', 'high and critical'], ['critical', 'critical']]

function Fields({ title, about, kind, draft, onChange }: { title: string; about: string; kind: string; draft: Draft; onChange: (draft: Draft) => void }) {
  const set = (change: Partial<Draft>) => onChange({ ...draft, ...change })
  return (
    <fieldset>
      <legend>{title}</legend>
      <p class="muted">{about}</p>
      {kind === 'public' && <Field label="Least age in hours" name={`${kind}-age`} type="number" value={draft.age} onInput={(age) => set({ age })} hint="Younger versions are not offered." />}
      <Area label="Denied" name={`${kind}-deny`} value={draft.deny} onInput={(deny) => set({ deny })} hint="A line each: name versions # reason. Names may hold *; without versions all are meant." />
      <Area label="Allowed, whatever else is said below" name={`${kind}-allow`} value={draft.allow} onInput={(allow) => set({ allow })} />
      <label class="check"><input type="checkbox" name={`${kind}-only`} checked={draft.only} onChange={() => set({ only: !draft.only })} /> Nothing else is offered</label>
      <Choice label="Refused when an advisory is" name={`${kind}-level`} value={draft.level} options={levels} onInput={(level) => set({ level })} />
      <label class="check"><input type="checkbox" name={`${kind}-scripts`} checked={draft.scripts} onChange={() => set({ scripts: !draft.scripts })} /> Refuse what runs a script when it is installed</label>
      {draft.scripts && <Area label="Packages that may" name={`${kind}-scripted`} value={draft.scripted} onInput={(scripted) => set({ scripted })} />}
      <Area label="Licences that are refused" name={`${kind}-no-licences`} value={draft.no_licences} onInput={(no_licences) => set({ no_licences })} hint="A line each, such as AGPL-*." />
      <Area label="Only these licences" name={`${kind}-licences`} value={draft.licences} onInput={(licences) => set({ licences })} />
    </fieldset>
  )
}

// children: what stands below, once the form is there and will not move it.
function RulesForm({ path, may, children }: { path: string; may: boolean; children?: ComponentChildren }) {
  const rules = useLoad(() => get<Rules>(path), [path])
  const [outside, setOutside] = useState<Draft | null>(null)
  const [inside, setInside] = useState<Draft | null>(null)
  const [said, setSaid] = useState('')
  useEffect(() => {
    if (!rules.value) return
    setOutside(draftOf(rules.value.public))
    setInside(draftOf(rules.value.private))
  }, [rules.value])
  if (!outside || !inside) return rules.error ? <Failure text={rules.error} /> : <Skeleton />
  const fields = (
    <div class="halves">
      <Fields title="Public packages" about="What comes from outside." kind="public" draft={outside} onChange={setOutside} />
      <Fields title="Private packages" about="What is published here; a version that a rule refuses cannot be published either." kind="private" draft={inside} onChange={setInside} />
    </div>
  )
  if (!may) return <fieldset disabled class="card">{fields}</fieldset>
  return (
    <>
      <div class="card">
        <Form submit="Save" action={async () => { rules.set(await api<Rules>('PUT', path, { public: sectionOf(outside), private: sectionOf(inside) })); setSaid('Saved.') }}>
          {fields}
          <p role="status" class="muted">{said}</p>
        </Form>
      </div>
      {children}
    </>
  )
}

export function Refusals() {
  const list = useLoad(() => all<Refusal>('/policy/refusals'), [])
  return (
    <section aria-label="Refused lately">
      <h2>Refused lately</h2>
      <Failure text={list.error} />
      {!list.value && !list.error && <Skeleton />}
      {list.value?.length === 0 && <p class="muted">Nothing was refused.</p>}
      <ul class="rows">
        {list.value?.map((r) => (
          <li key={`${r.package} ${r.version} ${r.who} ${r.action}`} class="card row">
            <div class="grow"><strong>{r.package}</strong> {r.version} <span class="muted">{r.action === 'publish' ? 'was not published' : 'was not handed out'}: {r.reason}</span>
              <div class="muted">{r.who || 'somebody'}{r.tenant && <> of {r.tenant}</>}, {r.times === 1 ? 'once' : `${r.times} times`}, <Ago at={r.last_at} /></div></div>
          </li>
        ))}
      </ul>
    </section>
  )
}

export function Policy() {
  document.title = 'Policy · Redhouse'
  return (
    <>
      <h1>Policy</h1>
      <p class="muted">Which versions are not offered, to anybody. A tenant may be stricter. What is known against packages stands under <Link to="/ui/advisories">Advisories</Link>.</p>
      <RulesForm path="/policy" may><Refusals /></RulesForm>
    </>
  )
}

export function TenantPolicy({ tenant, may }: { tenant: string; may: boolean }) {
  return (
    <section aria-label="Policy">
      <p class="muted">Rules of this tenant, beside those of the platform. They bind its members and instances.</p>
      <RulesForm path={`/tenants/${tenant}/policy`} may={may} />
    </section>
  )
}
