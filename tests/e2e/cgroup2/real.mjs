// Run as a test by ./init inside the User-Mode Linux guest: the server itself starts Node-RED, by the real launcher, under cgroup v2.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { chain } from '../processes.mjs'
import { raw, Redhouse, until } from '../redhouse.mjs'

const patience = 120000
const limit = { timeout: patience }
const group = (id, file) => readFileSync(join('/sys/fs/cgroup/redhouse', id, file), 'utf8').trim()
const field = (id, file, key) => Number(new RegExp(`^${key} (\\d+)$`, 'm').exec(group(id, file))[1])
const http = (id, url, more) => [
  { id: `${id}1`, type: 'http in', z: 'aa', url, method: 'get', wires: [[`${id}2`]] },
  { id: `${id}2`, z: 'aa', wires: [[`${id}3`]], ...more },
  { id: `${id}3`, type: 'http response', z: 'aa', wires: [] },
]

let r, id, auth
const running = (least) => until('Node-RED runs', async () => {
  const now = await r.instanceState('demo')
  return now.state === 'running' && now.generation >= least && now
}, patience)

before(async () => {
  r = await Redhouse.start({ args: ['--memory', '192M', '--pids', '64'] })
  await r.run('tenant', 'create', 'demo')
  await r.run('instance', 'create', 'demo/demo', '--stack', 'node-red@5')
  id = (await running(1)).id
  auth = { authorization: `Bearer ${await r.token('admin', 't')}` }
}, { timeout: 2 * patience })
after(async () => r?.stop(), limit)

test('Node-RED runs in a group with its limits', limit, async () => {
  const instance = await r.instanceState('demo')
  assert.match(instance.node_red, /^5\./)
  assert.equal(instance.memory_limit_bytes, 192 << 20)
  assert.equal(group(id, 'memory.max'), String(192 << 20))
  assert.equal(group(id, 'pids.max'), '64')
  assert.match(group(id, 'cpu.max'), /^\d+ 100000$/)
  const { sandbox, node } = chain(r, id)
  const procs = group(id, 'cgroup.procs').split('\n')
  assert.ok(procs.includes(String(node.pid)) && procs.includes(String(sandbox.pid)), procs.join())
  assert.equal(readFileSync(`/proc/${node.pid}/cgroup`, 'utf8'), `0::/redhouse/${id}\n`)
  assert.ok(Number(group(id, 'memory.current')) > 20 << 20, group(id, 'memory.current'))
})

test('a flow meets the limit of processes, and then that of memory', limit, async () => {
  const flows = [
    { id: 'aa', type: 'tab', label: 'limits' },
    ...http('b', '/fork', { type: 'exec', command: 'sh -c \'i=0; while [ $i -lt 100 ]; do sleep 5 >/dev/null 2>&1 & i=$((i+1)); done\'', addpay: '', append: '', useSpawn: 'false', timer: '60', wires: [[], ['b3'], []] }),
    ...http('c', '/eat', { type: 'function', outputs: 1, func: 'const all = []; const more = () => { all.push(Buffer.alloc(16 << 20, 1)); setTimeout(more, 5) }; more()' }),
  ]
  const deployed = await raw(r, 'demo.localhost', '/flows', { method: 'POST', headers: { 'content-type': 'application/json', ...auth }, body: JSON.stringify(flows) })
  assert.ok(deployed.status < 300, deployed.text)
  const refused = raw(r, 'demo--app.localhost', '/fork', { ms: patience }).catch(() => {})
  await until('the group refused a process', () => field(id, 'pids.events', 'max') > 0, patience)
  await refused
  assert.equal((await r.instanceState('demo')).restarts, 0)

  raw(r, 'demo--app.localhost', '/eat', { ms: patience }).catch(() => {})
  await until('it is started again', async () => (await r.instanceState('demo')).restarts === 1, patience)
  assert.match(readFileSync(join(r.data, 'server.log'), 'utf8'), /to=failed cause="Node-RED needed more memory than its limit/)
  await running(2)
  assert.equal(field(id, 'memory.events', 'oom_kill'), 0, 'the group of the new one is new')
})
