import { useState } from 'preact/hooks'
import { get, type Instance, type Module, type Session } from '../api'
import { useEvents } from '../events'
import { wear } from '../look'
import { Ago, Failure, Log, Missing, Skeleton, State, useLoad } from '../parts'
import { go, Link } from '../router'
import { Controls, Remove } from './instances'

// What somebody installed in it; what Node-RED brings along and what packages need is not listed.
function Modules({ slug }: { slug: string }) {
  const list = useLoad(() => get<{ reported_at: string | null; items: Module[] }>(`/instances/${slug}/modules`), [slug])
  const own = list.value?.items.filter((m) => m.direct) ?? []
  if (own.length === 0) return null
  return (
    <>
      <h2>Packages</h2>
      <ul class="plainlist card modules">
        {own.map((m) => (
          <li key={m.name}>
            <Link to={`/ui/packages/${m.name}?tab=usage`}>{m.name}</Link> <code>{m.version}</code>{m.pending_version && <span class="muted"> {m.pending_version} after the next start</span>}
          </li>
        ))}
      </ul>
    </>
  )
}

export function InstanceView({ slug, session }: { slug: string; session: Session }) {
  const one = useLoad(() => get<Instance>(`/instances/${slug}`).then((i) => wear(i.tenant).then(() => i)), [slug])
  const [removing, setRemoving] = useState(false)
  useEvents<Instance>('instance', (i) => { if (i.slug === slug) one.reload() }, one.reload)

  const i = one.value
  document.title = `${i?.name ?? slug} · Redhouse`
  if (one.error) return <Missing text={one.error} />
  if (!i) return <Skeleton rows={6} />
  const may = session.user.admin || (session.tenants.find((t) => t.slug === i.tenant)?.scopes.includes('instance:control') ?? false)
  const facts: [string, preact.ComponentChildren][] = [
    ['Editor', <a href={i.url}>{i.url}</a>],
    ['What its flows serve', <a href={i.app_url}>{i.app_url}</a>],
    ['Stack', `${i.stack}${i.node_red ? ` · Node-RED ${i.node_red} · Node.js ${i.node}` : ''}`],
    ['Memory limit', `${Math.round(i.memory_limit_bytes / 1048576)} MB`],
    ['Unasked restarts', String(i.restarts)],
    ['Made', <Ago at={i.created_at} />],
  ]
  return (
    <>
      <p class="crumb"><Link to={`/ui/tenants/${i.tenant}`}>{i.tenant}</Link> /</p>
      <div class="title"><h1>{i.name}</h1><State state={i.state} /><span class="muted">since <Ago at={i.since} /></span></div>
      <Failure text={i.cause} />
      <Controls instance={i} may={may} onRemove={() => setRemoving(true)} />
      <dl class="facts card">{facts.map(([k, v]) => <div key={k}><dt>{k}</dt><dd>{v}</dd></div>)}</dl>
      <h2>Log</h2>
      <Log path={`/instances/${slug}/logs?tail=300&follow=true`} />
      <Modules slug={slug} />
      {removing && <Remove instance={i} onClose={() => setRemoving(false)} onDone={() => go(`/ui/tenants/${i.tenant}`)} />}
    </>
  )
}
