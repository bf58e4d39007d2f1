import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { all, api, follow, get, type Operation } from '../api'
import { Act, Ago, Empty, Failure, Form, Skeleton, State, useLoad } from '../parts'
import { Link } from '../router'
import { Progress } from './instances'

interface Advisory {
  id: string; title: string; url: string; level: string; score: number | null; own: boolean; published_at: string
  package: string; vulnerable: string; patched: string
}
interface Concern { tenant: string; instance: string; version: string; direct: boolean; advisory: Advisory }
interface Import {
  operation: string; ended_at: string; advisories: number
  report: { read: number; new: number; changed: number; known: number; withdrawn: number; elsewhere: number; refused: number; reasons: string[]; failed: string | null }
}

const address = (a: Advisory) => (/^https?:\/\//.test(a.url) ? <a href={a.url} rel="noreferrer noopener" target="_blank">{a.id}</a> : a.id)

function About({ advisory: a }: { advisory: Advisory }) {
  return (
    <>
      <State state={a.level} /> <strong>{a.package}</strong> {a.vulnerable}
      <div>{a.title}</div>
      <div class="muted">{address(a)}{a.score !== null && <> · CVSS {a.score}</>} · {a.patched ? `mended in ${a.patched}` : 'not mended'}</div>
    </>
  )
}

// Where something is running that something is known against.
function Concerned({ children }: { children: ComponentChildren }) {
  const list = useLoad(() => get<{ items: Concern[]; more: boolean }>('/advisories/concerned'), [])
  return (
    <>
      <section aria-label="Concerned instances">
        <h2>Concerned instances</h2>
        <Failure text={list.error} />
        {!list.value && !list.error && <Skeleton />}
        {list.value?.items.length === 0 && <p class="muted">No instance has a version that something is known against.</p>}
        <ul class="rows">
          {list.value?.items.map((c) => (
            <li key={`${c.instance} ${c.advisory.id} ${c.version}`} class="card row">
              <div class="grow">
                <Link to={`/ui/instances/${c.instance}`} class="strong">{c.instance}</Link> <span class="muted">of {c.tenant} has {c.advisory.package} {c.version}{!c.direct && ', which another package needs'}</span>
                <div><About advisory={c.advisory} /></div>
              </div>
            </li>
          ))}
        </ul>
        {list.value?.more && <p class="muted">There are more.</p>}
      </section>
      {list.ready && children}
    </>
  )
}

function Take({ onDone }: { onDone: () => void }) {
  const [file, setFile] = useState<File | null>(null)
  const [operation, setOperation] = useState<Operation | null>(null)
  return (
    <div class="card narrow">
      <h2>Import</h2>
      <p class="muted">What OSV publishes for npm: its all.zip, one .json or an array of them. The same again changes nothing.</p>
      <Form
        submit="Import"
        action={async () => {
          if (!file) throw new Error('Choose a file first.')
          const answer = await api<{ operation: Operation }>('POST', '/advisories/import', file)
          const ended = await follow(answer.operation.id, setOperation)
          setOperation(null)
          onDone()
          if (ended.state === 'failed') throw new Error(ended.problem?.detail ?? 'It failed.')
        }}
      >
        <label class="field"><span>OSV export</span><input type="file" name="osv" accept=".json,.zip,.tgz,.gz" onChange={(event) => setFile(event.currentTarget.files?.[0] ?? null)} /></label>
        <Progress operation={operation} />
      </Form>
    </div>
  )
}

function Imports({ children }: { children: ComponentChildren }) {
  const list = useLoad(() => all<Import>('/advisories/imports'), [])
  const last = list.value?.[0]
  if (!list.ready) return null
  return (
    <>
      <section aria-label="Imports">
        <Take onDone={list.reload} />
        <Failure text={list.error} />
        {last && (
          <div class="card narrow" role="status">
            <p>{last.advisories} are here. The last import ended <Ago at={last.ended_at} />: {last.report.read} read, {last.report.new} new, {last.report.changed} changed, {last.report.withdrawn} withdrawn, {last.report.refused} refused.</p>
            <Failure text={last.report.failed} />
            {last.report.reasons.length > 0 && <ul class="plainlist">{last.report.reasons.map((r) => <li key={r} class="muted">{r}</li>)}</ul>}
          </div>
        )}
      </section>
      {children}
    </>
  )
}

function Known() {
  const [name, setName] = useState('')
  const query = name.trim() ? `&package=${encodeURIComponent(name.trim())}` : ''
  const list = useLoad(() => get<{ items: Advisory[]; next: string | null }>(`/advisories?limit=50${query}`), [query])
  return (
    <section aria-label="Advisories">
      <div class="bar"><h2>Known</h2><input type="search" aria-label="Package" placeholder="Name of a package" value={name} onInput={(event) => setName(event.currentTarget.value)} /></div>
      <Failure text={list.error} />
      {!list.value && !list.error && <Skeleton />}
      {list.value?.items.length === 0 && <Empty title="Nothing is known"><p>{query ? 'Nothing stands here against a package of that name.' : 'No advisories were imported yet.'}</p></Empty>}
      <ul class="rows">
        {list.value?.items.map((a) => (
          <li key={`${a.id} ${a.package}`} class="card row">
            <div class="grow"><About advisory={a} /></div>
            {a.own && <Act kind="plain" label={`Take ${a.id} back`} sure={`${a.title} is not told any more.`} action={() => api('DELETE', `/advisories/${a.id}`).then(list.reload)}>Take back</Act>}
          </li>
        ))}
      </ul>
      {list.value?.next && <p class="muted">There are more: name a package.</p>}
    </section>
  )
}

export function Advisories({ admin }: { admin: boolean }) {
  document.title = 'Advisories · Redhouse'
  return (
    <>
      <h1>Advisories</h1>
      <p class="muted">What is known against packages. npm audit answers from it, and a rule may refuse what is concerned.</p>
      <Concerned>{admin ? <Imports><Known /></Imports> : <Known />}</Concerned>
    </>
  )
}
