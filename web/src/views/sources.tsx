import { useState } from 'preact/hooks'
import { all, api, get, post, type Build, type Source } from '../api'
import { useEvents } from '../events'
import { Act, Ago, Copy, Dialog, Empty, Failure, Field, Form, Log, Skeleton, State, useLoad } from '../parts'
import { Link } from '../router'

function Add({ tenant, onClose }: { tenant: string; onClose: () => void }) {
  const [url, setUrl] = useState('')
  const [tags, setTags] = useState('v*')
  const [token, setToken] = useState('')
  return (
    <Dialog title="New source" onClose={onClose}>
      <Form submit="Add" action={async () => { await post(`/tenants/${tenant}/sources`, { url, tags, ...(token ? { token } : {}) }); onClose() }}>
        <Field label="Git address" name="url" value={url} onInput={setUrl} required autofocus placeholder="https://git.example.com/nodes.git" />
        <Field label="Tags" name="tags" value={tags} onInput={setTags} hint="Each tag that fits becomes a version." />
        <Field label="Access token" name="token" type="password" value={token} onInput={setToken} autocomplete="new-password" hint="For a private repository. Sealed; never shown again." />
      </Form>
    </Dialog>
  )
}

function Builds({ source }: { source: Source }) {
  const list = useLoad(() => all<Build>(`/sources/${source.id}/builds`), [source.id])
  useEvents<unknown>('build', list.reload, list.reload)
  return (
    <ul class="plainlist">
      {list.value?.slice(0, 8).map((b) => (
        <li key={b.id}>
          <Link to={`/ui/builds/${b.id}`}>{b.ref}</Link> <State state={b.state} /> {b.version && <code>{b.version}</code>} <span class="muted"><Ago at={b.started_at} /></span>
          {b.cause && <Failure text={b.cause} />}
        </li>
      ))}
    </ul>
  )
}

export function Sources({ tenant, may }: { tenant: string; may: boolean }) {
  const list = useLoad(() => all<Source>(`/tenants/${tenant}/sources`), [tenant])
  const [adding, setAdding] = useState(false)
  return (
    <section aria-label="Sources">
      {may && <div class="bar"><button type="button" class="primary" onClick={() => setAdding(true)}>New source</button></div>}
      <Failure text={list.error} />
      {!list.value && !list.error && <Skeleton />}
      {list.value?.length === 0 && <Empty title="No sources yet"><p>A git repository whose tags become versions of packages.</p></Empty>}
      <ul class="rows">
        {list.value?.map((s) => (
          <li key={s.id} class="card">
            <div class="row">
              <div class="grow"><strong>{s.url}</strong> <div class="muted">tags {s.tags}</div></div>
              {may && <Act action={() => post(`/sources/${s.id}/builds`)}>Build now</Act>}
              {may && <Act kind="plain" action={async () => { await api('DELETE', `/sources/${s.id}`); list.reload() }}>Remove</Act>}
            </div>
            <p class="muted">Webhook: <Copy text={s.webhook_url} /></p>
            <Builds source={s} />
          </li>
        ))}
      </ul>
      {adding && <Add tenant={tenant} onClose={() => { setAdding(false); list.reload() }} />}
    </section>
  )
}

export function BuildView({ id }: { id: string }) {
  const one = useLoad(() => get<Build>(`/builds/${id}`), [id])
  useEvents<unknown>('build', one.reload, one.reload)
  if (one.error) return <Failure text={one.error} />
  const b = one.value
  if (!b) return <Skeleton />
  return (
    <>
      <div class="title"><h1>Build of {b.ref}</h1><State state={b.state} /></div>
      {b.package && <p><Link to={`/ui/packages/${b.package}`}>{b.package}</Link> {b.version}</p>}
      <Failure text={b.cause} />
      <Log path={`/builds/${id}/log?follow=true`} />
    </>
  )
}
