// The processes of one server, as the kernel tells them: who is the broker, the warden, the sandbox, Node-RED.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

// One process: its parent, its name, when it began. A pid with its beginning is one process for ever.
export function look(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const end = text.lastIndexOf(')')
    const rest = text.slice(end + 2).split(' ')
    return { pid: Number(pid), name: text.slice(text.indexOf('(') + 1, end), state: rest[0], parent: Number(rest[1]), began: rest[19] }
  } catch {
    return null
  }
}

export const alive = (one) => {
  const now = look(one.pid)
  return now !== null && now.began === one.began && now.state !== 'Z'
}

const all = () => readdirSync('/proc').filter((f) => /^\d+$/.test(f)).map(look).filter((p) => p !== null)
const children = (pid) => all().filter((p) => p.parent === Number(pid))

function only(list, what) {
  if (list.length !== 1) throw new Error(`${list.length} processes are the ${what}: ${JSON.stringify(list)}`)
  return list[0]
}

export const broker = (r) => only(children(r.ready.pid).filter((p) => p.name === 'redhouse-broker' || p.name === 'redhouse'), 'broker')

// SIGSTOP, until all of its threads stand.
export async function hold(pid) {
  process.kill(pid, 'SIGSTOP')
  const stands = (thread) => (look(`${pid}/task/${thread}`)?.state ?? 'T') === 'T'
  while (!readdirSync(`/proc/${pid}/task`).every(stands)) await sleep(1)
}

// Warden, process 1 of the sandbox and Node-RED of the instance with this id; throws while it is not whole.
export function chain(r, id) {
  const pid = Number(readFileSync(join(r.data, 'run', 'instances', id, 'warden.pid'), 'utf8').split(' ')[0])
  const warden = look(pid)
  if (warden === null) throw new Error(`no warden ${pid}`)
  const sandbox = only(children(pid), 'sandbox')
  const node = only(children(sandbox.pid).filter((p) => p.name !== 'redhouse-warden'), 'Node-RED')
  return { warden, sandbox, node }
}

// The sandboxes that have the userDir of the instance with this id mounted, whoever may be their parent.
export function sandboxes(id) {
  return all().filter((p) => {
    try {
      return p.name === 'redhouse-init' && readFileSync(`/proc/${p.pid}/mountinfo`, 'utf8').includes(`/${id} /data `)
    } catch {
      return false
    }
  })
}

// Ends what a test that failed has left: wardens of this data folder take their sandbox with them.
export function sweep(data) {
  let folders = []
  try {
    folders = readdirSync(join(data, 'run', 'instances'), { withFileTypes: true }).filter((f) => f.isDirectory())
  } catch {}
  for (const { name } of folders) {
    try {
      const pid = Number(readFileSync(join(data, 'run', 'instances', name, 'warden.pid'), 'utf8').split(' ')[0])
      if (look(pid)?.name.startsWith('redhouse-warde')) process.kill(pid, 'SIGKILL')
    } catch {}
  }
}
