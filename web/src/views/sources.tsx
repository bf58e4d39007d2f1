import { useEffect, useState } from 'preact/hooks'
import { all, api, follow, get, post, type Build, type Operation, type Source } from '../api'
import { useEvents } from '../events'
import { Act, Ago, Copy, Dialog, Empty, Failure, Field, Form, Log, Missing, Skeleton, State, useLoad } from '../parts'
import { Link } from '../router'

// What a git host needs to tell of a push. Its secret is known only now.
function Hook({ source, onClose }: { source: Source; onClose: () => void }) {
  return (
    <Dialog title="Webhook of this source" onClose={onClose}>
      <p>The repository is looked at now, and again from time to time. To have each pushed tag built at once, add a webhook at the git host:</p>
      <dl class="hook">
        <dt>Address</dt><dd><Copy text={source.webhook_url} name="Copy the address" /></dd>
        {source.webhook_secret && <><dt>Secret</dt><dd><Copy text={source.webhook_secret} name="Copy the secret" /></dd></>}
        <dt>Content type</dt><dd>application/json</dd>
      </dl>
      {source.webhook_secret && <p><strong>The secret is shown only this once.</strong> If it is lost, remove the source and add it again.</p>}
      <div class="actions"><button type="button" class="primary" onClick={onClose}>Done</button></div>
    </Dialog>
  )
}

function Add({ tenant, onClose, onAdded }: { tenant: string; onClose: () => void; onAdded: (source: Source) => void }) {
  const [url, setUrl] = useState('')
  const [tags, setTags] = useState('v*')
  const [token, setToken] = useState('')
  return (
    <Dialog title="New source" onClose={onClose}>
      <Form submit="Add" action={async () => { onAdded(await post<Source>(`/tenants/${tenant}/sources`, { url, tags, ...(token ? { token } : {}) })) }}>
        <Field label="Git address" name="url" value={url} onInput={setUrl} required autofocus placeholder="https://git.example.com/nodes.git" />
        <Field label="Tags" name="tags" value={tags} onInput={setTags} hint="Each tag that fits becomes a version." />
        <Field label="Access token" name="token" type="password" value={token} onInput={setToken} autocomplete="new-password" hint="For a private repository. Sealed; never shown again." />
      </Form>
    </Dialog>
  )
}

// The last look failed: why, and what helps.
function Trouble({ source, may }: { source: Source; may: boolean }) {
  if (!source.cause) return null
  return (
    <div class="trouble" role="status">
      <p class="failure"><strong>The last look at this repository failed.</strong> {source.cause}</p>
      <p class="muted">{may
        ? 'Check that the address is right and that the repository can be reached from this server; a private one needs an access token. Then press Build now; for another address or token, remove this source and add it again.'
        : 'A developer of this tenant can check the address and the token, and look again.'} It is also tried again from time to time.</p>
    </div>
  )
}

// Looks at the repository now; the server may answer at once or by an operation that is followed.
async function build(source: Source): Promise<void> {
  const answer = await post<{ operation?: Operation }>(`/sources/${source.id}/builds`)
  if (!answer.operation) return
  const ended = await follow(answer.operation.id, () => {})
  if (ended.state === 'failed') throw new Error(ended.problem?.detail ?? 'It failed.')
}

function Builds({ source, tenant }: { source: Source; tenant: string }) {
  const list = useLoad(() => all<Build>(`/sources/${source.id}/builds`), [source.id])
  useEvents<unknown>('build', list.reload, list.reload)
  return (
    <ul class="plainlist">
      {list.value?.slice(0, 8).map((b) => (
        <li key={b.id}>
          <Link to={`/ui/tenants/${tenant}/builds/${b.id}`}>{b.ref}</Link> <State state={b.state} /> {b.version && <code>{b.version}</code>} <span class="muted"><Ago at={b.started_at} /></span>
          {b.cause && <Failure text={b.cause} />}
        </li>
      ))}
    </ul>
  )
}

export function Sources({ tenant, may }: { tenant: string; may: boolean }) {
  const list = useLoad(() => all<Source>(`/tenants/${tenant}/sources`), [tenant])
  const [adding, setAdding] = useState(false)
  const [added, setAdded] = useState<Source | null>(null)
  useEvents<unknown>('build', list.reload, list.reload)
  // A look that fails builds nothing, so no event tells of it.
  useEffect(() => {
    const timer = setInterval(() => { if (!document.hidden) list.reload() }, 5000)
    return () => clearInterval(timer)
  }, [])
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
              {may && <Act action={() => build(s).finally(list.reload)}>Build now</Act>}
              {may && <Act kind="plain" label={`Remove ${s.url}`} sure="Takes the source, its builds and their logs. What it published stays." action={async () => { await api('DELETE', `/sources/${s.id}`); list.reload() }}>Remove</Act>}
            </div>
            <Trouble source={s} may={may} />
            <p class="muted">Webhook: <Copy text={s.webhook_url} /></p>
            <Builds source={s} tenant={tenant} />
          </li>
        ))}
      </ul>
      {adding && <Add tenant={tenant} onClose={() => setAdding(false)} onAdded={(source) => { setAdding(false); setAdded(source); list.reload() }} />}
      {added && <Hook source={added} onClose={() => { setAdded(null); list.reload() }} />}
    </section>
  )
}

const over = (state: string) => state === 'done' || state === 'failed'

export function BuildView({ tenant, id }: { tenant: string; id: string }) {
  const one = useLoad(() => get<Build>(`/builds/${id}`), [id])
  useEvents<unknown>('build', one.reload, one.reload)
  const b = one.value
  document.title = `${b ? `Build of ${b.ref}` : 'Build'} · Redhouse`
  if (one.error) return <Missing text={one.error} />
  if (!b) return <Skeleton />
  return (
    <>
      <p class="crumb"><Link to={`/ui/tenants/${tenant}/sources`}>Sources of {tenant}</Link> /</p>
      <div class="title"><h1>Build of {b.ref}</h1><State state={b.state} /><span class="muted">{b.ended_at ? <>ended <Ago at={b.ended_at} /></> : <>began <Ago at={b.started_at} /></>}</span></div>
      {b.package && <p><Link to={`/ui/packages/${b.package}`}>{b.package}</Link> {b.version}</p>}
      <Failure text={b.cause} />
      <h2>Log</h2>
      <Log path={`/builds/${id}/log?tail=5000&follow=true`} whole={over(b.state)} />
    </>
  )
}
