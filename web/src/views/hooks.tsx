import { useEffect, useState } from 'preact/hooks'
import { all, api, post, type Delivery, type Hook } from '../api'
import { Act, Ago, Copy, Dialog, Empty, Failure, Field, Form, Skeleton, State, useLoad } from '../parts'

const events: [string, string][] = [['publish', 'A version is published'], ['unpublish', 'A version is removed'], ['deprecate', 'A version is deprecated, or not any more'],
  ['tag', 'A dist-tag is set or removed'], ['stage', 'A version is staged, approved or rejected'], ['owner', 'Owners change']]

function Add({ at, onClose, onAdded }: { at: string; onClose: () => void; onAdded: (hook: Hook) => void }) {
  const [url, setUrl] = useState('')
  const [chosen, setChosen] = useState(events.map(([name]) => name))
  const flip = (name: string) => setChosen(chosen.includes(name) ? chosen.filter((one) => one !== name) : [...chosen, name])
  return (
    <Dialog title="New webhook" onClose={onClose}>
      <Form submit="Add" action={async () => { onAdded(await post<Hook>(at, { url, events: chosen })) }}>
        <Field label="Address" name="url" value={url} onInput={setUrl} required autofocus placeholder="https://ci.example.com/redhouse" hint="Gets a signed POST for each of these:" />
        <fieldset>
          <legend>Events</legend>
          {events.map(([name, text]) => (
            <label key={name} class="check"><input type="checkbox" name={name} checked={chosen.includes(name)} onChange={() => flip(name)} /> {text}</label>
          ))}
        </fieldset>
      </Form>
    </Dialog>
  )
}

// Its secret is known only now.
function Secret({ hook, onClose }: { hook: Hook; onClose: () => void }) {
  return (
    <Dialog title="Secret of this webhook" onClose={onClose}>
      <p>The receiver checks by it that a delivery comes from here.</p>
      <p><Copy text={hook.secret ?? ''} name="Copy the secret" /></p>
      <p><strong>The secret is shown only this once.</strong> If it is lost, remove the webhook and add it again.</p>
      <div class="actions"><button type="button" class="primary" onClick={onClose}>Done</button></div>
    </Dialog>
  )
}

const what = (d: Delivery) => [d.body.package, d.body.version, d.body.tag].filter(Boolean).join(' ')

function Deliveries({ at, active }: { at: string; active: boolean }) {
  const list = useLoad(() => all<Delivery>(`${at}/deliveries`), [at])
  const [whole, setWhole] = useState(false)
  useEffect(() => {
    const timer = setInterval(() => { if (!document.hidden) list.reload() }, 3000)
    return () => clearInterval(timer)
  }, [at])
  const rows = list.value?.slice(0, whole ? 200 : 5)
  return (
    <>
      <Failure text={list.error} />
      {list.value?.length === 0 && <p class="muted">Nothing was delivered yet.</p>}
      <ul class="plainlist" aria-label="Deliveries">
        {rows?.map((d) => (
          <li key={d.id}>
            <State state={d.state} /> <strong>{d.event}</strong> {what(d)} <span class="muted">{d.status ? `answered ${d.status}, ` : ''}{d.attempts === 1 ? '1 attempt' : `${d.attempts} attempts`}, <Ago at={d.created_at} /></span>{' '}
            {active && d.state !== 'waiting' && <Act kind="plain" label={`Deliver ${d.event} ${what(d)} again`} action={() => post(`${at}/deliveries/${d.id}`).finally(list.reload)}>Redeliver</Act>}
            {d.cause && <Failure text={d.cause} />}
          </li>
        ))}
      </ul>
      {!whole && list.value && list.value.length > 5 && <button type="button" class="plain" onClick={() => setWhole(true)}>Show all {list.value.length}</button>}
    </>
  )
}

// tenant null: the platform's, which are told of every package.
export function Hooks({ tenant, may }: { tenant: string | null; may: boolean }) {
  const at = tenant === null ? '/hooks' : `/tenants/${tenant}/hooks`
  const list = useLoad(() => (may ? all<Hook>(at) : Promise.resolve<Hook[]>([])), [at, may])
  const [adding, setAdding] = useState(false)
  const [added, setAdded] = useState<Hook | null>(null)
  useEffect(() => {
    const timer = setInterval(() => { if (!document.hidden) list.reload() }, 5000)
    return () => clearInterval(timer)
  }, [at])
  if (!may) return <Empty title="Webhooks are for owners"><p>An owner of this tenant says who is told of its packages.</p></Empty>
  return (
    <section aria-label="Webhooks">
      <div class="bar"><button type="button" class="primary" onClick={() => setAdding(true)}>New webhook</button></div>
      <Failure text={list.error} />
      {!list.value && !list.error && <Skeleton />}
      {list.value?.length === 0 && <Empty title="No webhooks yet"><p>An address that is told when {tenant === null ? 'any package here changes' : 'packages of this tenant change'}: a CI, a chat, a mirror.</p></Empty>}
      <ul class="rows">
        {list.value?.map((h) => (
          <li key={h.id} class="card">
            <div class="row">
              <div class="grow"><strong>{h.url}</strong> <div class="muted">{h.events.join(', ')}{h.waiting > 0 && ` · ${h.waiting} waiting`}</div></div>
              {h.active && <Act action={() => post(`${at}/${h.id}/deliveries`)}>Ping</Act>}
              <Act action={() => api('PATCH', `${at}/${h.id}`, { active: !h.active }).finally(list.reload)}>{h.active ? 'Switch off' : 'Switch on'}</Act>
              <Act kind="plain" label={`Remove ${h.url}`} sure="Takes the webhook and what waits to be delivered." action={async () => { await api('DELETE', `${at}/${h.id}`); list.reload() }}>Remove</Act>
            </div>
            {h.cause && <div class="trouble" role="status"><p class="failure"><strong>{h.active ? 'The last delivery failed.' : 'It is switched off.'}</strong> {h.cause}</p></div>}
            <Deliveries at={`${at}/${h.id}`} active={h.active} />
          </li>
        ))}
      </ul>
      {adding && <Add at={at} onClose={() => setAdding(false)} onAdded={(hook) => { setAdding(false); setAdded(hook); list.reload() }} />}
      {added && <Secret hook={added} onClose={() => setAdded(null)} />}
    </section>
  )
}

export function PlatformHooks() {
  document.title = 'Webhooks · Redhouse'
  return (
    <>
      <h1>Webhooks</h1>
      <p class="muted">Told of every package here, whichever tenant it is of.</p>
      <Hooks tenant={null} may />
    </>
  )
}
