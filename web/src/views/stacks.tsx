import { useState } from 'preact/hooks'
import { all, api, follow, type Operation, type Stack } from '../api'
import { useEvents } from '../events'
import { Choice, Empty, Failure, Form, Skeleton, State, useLoad } from '../parts'
import { Progress } from './instances'

export function Stacks({ admin }: { admin: boolean }) {
  const list = useLoad(() => all<Stack>('/stacks'), [])
  const [spec, setSpec] = useState('node-red@5')
  const [operation, setOperation] = useState<Operation | null>(null)
  useEvents<unknown>('operation', list.reload)
  document.title = 'Stacks · Redhouse'
  return (
    <>
      <h1>Stacks</h1>
      <p class="muted">What instances run on: a Node-RED and the Node.js under it.</p>
      <Failure text={list.error} />
      {!list.value && !list.error && <Skeleton />}
      {list.value?.length === 0 && <Empty title="No stacks yet"><p>Instances need one.</p></Empty>}
      <ul class="rows">
        {list.value?.map((s) => (
          <li key={s.name} class="card row">
            <div class="grow"><strong>{s.name}</strong> <State state={s.state} />
              <div class="muted">Node-RED {s.node_red} · Node.js {s.node} · {s.instances} instances</div><Failure text={s.cause} /></div>
          </li>
        ))}
      </ul>
      {admin && list.ready && (
        <div class="card narrow">
          <h2>Add a stack</h2>
          <Form
            submit="Install"
            action={async () => {
              const answer = await api<{ operation: Operation }>('POST', '/stacks', { spec })
              const ended = await follow(answer.operation.id, setOperation)
              setOperation(null)
              list.reload()
              if (ended.state === 'failed') throw new Error(ended.problem?.detail ?? 'It failed.')
            }}
          >
            <Choice label="Stack" name="spec" value={spec} onInput={setSpec} options={[['node-red@5', 'Node-RED 5'], ['node-red@4.1', 'Node-RED 4.1']]} />
            <Progress operation={operation} />
          </Form>
        </div>
      )}
    </>
  )
}
