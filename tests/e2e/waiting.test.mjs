// Requests that wait for an instance cost the server nothing while they wait, and are all answered once it is there.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { chain } from './processes.mjs'
import { raw, Redhouse, sleep, until } from './redhouse.mjs'

const limit = { timeout: 120000 }

describe('requests that wait', limit, () => {
  let r, auth, id
  // Milliseconds of processor that the server has used.
  const used = () => {
    const text = readFileSync(`/proc/${r.ready.pid}/stat`, 'utf8')
    const [user, system] = text.slice(text.lastIndexOf(')') + 2).split(' ').slice(11, 13)
    return 10 * (Number(user) + Number(system))
  }
  const state = async () => (await r.instanceState('demo')).state

  before(async () => {
    r = await Redhouse.start()
    await r.run('tenant', 'create', 'demo')
    await r.run('instance', 'create', 'demo/demo')
    auth = { authorization: `Bearer ${await r.token('admin', 't')}` }
    id = (await r.instanceState('demo')).id
  }, limit)
  after(async () => r?.stop(), limit)

  test('cost nothing meanwhile, and are answered when it runs', limit, async () => {
    await r.run('instance', 'stop', 'demo')
    assert.equal((await r.api('POST', '/api/v1/instances/demo/start', {}, auth)).status, 202)
    const { node } = await until('Node-RED begins', () => chain(r, id))
    process.kill(node.pid, 'SIGSTOP')
    let waiting
    try {
      assert.equal(await state(), 'starting')
      waiting = Array.from({ length: 8 }, () => raw(r, 'demo.localhost', '/flows', { headers: auth }))
      // Each change of any instance judges all who wait; nothing is left of it a moment later.
      for (let i = 0; i < 5; i++) assert.equal((await r.api('PATCH', '/api/v1/instances/demo', { name: `Demo ${i}` }, auth)).status, 200)
      await sleep(1000)
      const before = used()
      await sleep(2000)
      assert.ok(used() - before < 600, `${used() - before} ms of 2000 ms`)
      assert.equal(await state(), 'starting')
    } finally {
      process.kill(node.pid, 'SIGCONT')
    }
    for (const answer of await Promise.all(waiting)) assert.equal(answer.status, 200, answer.text)
    await until('it runs', async () => await state() === 'running')
    assert.equal((await r.instanceState('demo')).restarts, 0)
  })
})
