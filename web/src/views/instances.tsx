import { useState } from 'preact/hooks'
import { all, api, follow, post, type Instance, type Operation, type Stack } from '../api'
import { useEvents } from '../events'
import { Act, Ago, Choice, Dialog, Empty, Failure, Field, Form, Skeleton, State, useLoad } from '../parts'
import { Link } from '../router'

async function run(path: string, body: unknown, onStep: (o: Operation) => void, method = 'POST') {
  const answer = await api<{ operation: Operation }>(method, path, body)
  const ended = await follow(answer.operation.id, onStep)
  if (ended.state === 'failed') throw new Error(ended.problem?.detail ?? 'It failed.')
}

export function Progress({ operation }: { operation: Operation | null }) {
  return <p class="progress" aria-live="polite">{operation ? <><span class="spin" /> {operation.step ?? 'Beginning'}{operation.percent !== null ? ` (${operation.percent} %)` : '…'}</> : ' '}</p>
}

function Create({ tenant, onClose }: { tenant: string; onClose: () => void }) {
  const [slug, setSlug] = useState('')
  const [name, setName] = useState('')
  const [stack, setStack] = useState('')
  const [operation, setOperation] = useState<Operation | null>(null)
  const stacks = useLoad(() => all<Stack>('/stacks'), [])
  const ready = (stacks.value ?? []).filter((s) => s.state === 'ready')
  return (
    <Dialog title="New instance" onClose={onClose}>
      <Form
        submit="Create and start"
        action={async () => {
          await run(`/tenants/${tenant}/instances`, { slug, name: name || slug, ...(stack ? { stack } : {}) }, setOperation)
          onClose()
        }}
      >
        <Field label="Name in its address" name="slug" value={slug} onInput={setSlug} required autofocus hint="Letters, digits and hyphens; unique on this platform." />
        <Field label="Name for people" name="name" value={name} onInput={setName} placeholder={slug} />
        <Choice label="Stack" name="stack" value={stack} onInput={setStack} options={[['', 'The usual one'], ...ready.map((s): [string, string] => [s.name, `${s.name} (Node-RED ${s.node_red}, Node.js ${s.node})`])]} />
        {stacks.value && ready.length === 0 && <p class="failure">There is no stack yet. An admin adds one under Stacks.</p>}
        <Progress operation={operation} />
      </Form>
    </Dialog>
  )
}

export function Remove({ instance, onClose, onDone }: { instance: Instance; onClose: () => void; onDone: () => void }) {
  const [typed, setTyped] = useState('')
  const [operation, setOperation] = useState<Operation | null>(null)
  return (
    <Dialog title={`Remove ${instance.slug}?`} onClose={onClose}>
      <p>This stops the instance and erases its flows, credentials and files. It cannot be undone.</p>
      <Form
        submit="Remove for good"
        danger
        action={async () => {
          if (typed !== instance.slug) throw new Error(`Type ${instance.slug} to confirm.`)
          await run(`/instances/${instance.slug}?confirm=${encodeURIComponent(typed)}`, undefined, setOperation, 'DELETE')
          onDone()
        }}
      >
        <Field label={`Type ${instance.slug} to confirm`} name="confirm" value={typed} onInput={setTyped} autofocus required />
        <Progress operation={operation} />
      </Form>
    </Dialog>
  )
}

export function Controls({ instance, onRemove, may }: { instance: Instance; onRemove: () => void; may: boolean }) {
  const up = instance.desired === 'running'
  const act = (verb: string) => post(`/instances/${instance.slug}/${verb}`)
  return (
    <span class="controls">
      {instance.state === 'running' && <a class="button" href={instance.url}>Open editor</a>}
      {instance.state === 'running' && <a class="button plain" href={instance.app_url}>Open app</a>}
      {may && (!up || instance.state === 'failed') && <Act action={() => act('start')}>Start</Act>}
      {may && up && <Act action={() => act('restart')}>Restart</Act>}
      {may && up && <Act action={() => act('stop')}>Stop</Act>}
      {may && <button type="button" class="plain" onClick={onRemove}>Remove</button>}
    </span>
  )
}

export function Instances({ tenant, may }: { tenant: string; may: boolean }) {
  const list = useLoad(() => all<Instance>(`/instances?tenant=${tenant}`), [tenant])
  const [adding, setAdding] = useState(false)
  const [removing, setRemoving] = useState<Instance | null>(null)
  useEvents<Instance>('instance', list.reload, list.reload)
  return (
    <section aria-label="Instances">
      {may && <div class="bar"><button type="button" class="primary" onClick={() => setAdding(true)}>New instance</button></div>}
      <Failure text={list.error} />
      {!list.value && !list.error && <Skeleton />}
      {list.value?.length === 0 && <Empty title="No instances yet"><p>An instance is one Node-RED of this tenant, at its own address.</p></Empty>}
      <ul class="rows">
        {list.value?.map((i) => (
          <li key={i.slug} class="card row">
            <div class="grow">
              <Link to={`/ui/instances/${i.slug}`} class="strong">{i.name}</Link> <State state={i.state} />
              <div class="muted">{i.slug} · {i.stack}{i.node_red ? ` · Node-RED ${i.node_red}` : ''} · <Ago at={i.since} /></div>
              {i.cause && <Failure text={i.cause} />}
            </div>
            <Controls instance={i} may={may} onRemove={() => setRemoving(i)} />
          </li>
        ))}
      </ul>
      {adding && <Create tenant={tenant} onClose={() => { setAdding(false); list.reload() }} />}
      {removing && <Remove instance={removing} onClose={() => setRemoving(null)} onDone={() => { setRemoving(null); list.reload() }} />}
    </section>
  )
}
