// kill -9 of each process of the product: the broker, the server while instances are on their way, Node-RED, process 1 of the
// sandbox, the warden. What was acknowledged is there afterwards, and nothing restarts that did not have to.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { join } from 'node:path'
import { alive, broker, chain, hold, look, sandboxes } from './processes.mjs'
import { publishDocument } from './publish.mjs'
import { raw, Redhouse, sleep, until } from './redhouse.mjs'

const limit = { timeout: 150000 }
const flow = (label) => [
  { id: 'aa', type: 'tab', label },
  { id: 'b1', type: 'http in', z: 'aa', url: '/label', method: 'get', wires: [['b2']] },
  { id: 'b2', type: 'change', z: 'aa', rules: [{ t: 'set', p: 'payload', pt: 'msg', to: label, tot: 'str' }], wires: [['b3']] },
  { id: 'b3', type: 'http response', z: 'aa', wires: [] },
]

describe('kill -9', limit, () => {
  let r, token, id
  const auth = () => ({ authorization: `Bearer ${token}` })
  const deploy = (slug, label) => raw(r, `${slug}.localhost`, '/flows', { method: 'POST', headers: { 'content-type': 'application/json', ...auth() }, body: JSON.stringify(flow(label)) })
  const label = async (slug) => {
    const answer = await raw(r, `${slug}.localhost`, '/flows', { headers: auth() })
    assert.equal(answer.status, 200, answer.text)
    return JSON.parse(answer.text)[0].label
  }
  // What its flow answers: a deploy is answered before its flows have started.
  const serves = (slug, text) => until(`the flow of ${slug} answers ${text}`, async () => {
    const answer = await raw(r, `${slug}--app.localhost`, '/label')
    return answer.status === 200 && answer.text === text
  })
  const running = (slug, least = 0) => until(`${slug} runs`, async () => {
    const now = await r.instanceState(slug)
    return now?.state === 'running' && now.ready && now.generation >= least && now
  }, 60000)

  before(async () => {
    r = await Redhouse.start({ args: ['--drain', '2s'] })
    await r.run('tenant', 'create', 'demo')
    await r.run('instance', 'create', 'demo/demo')
    token = await r.token('admin', 't')
    id = (await running('demo')).id
    assert.ok((await deploy('demo', 'first 0')).status < 300)
    await serves('demo', 'first 0')
  }, limit)
  after(async () => r?.stop(), limit)

  // Publishes and deploys until told to stop; remembers what was answered with success.
  function load() {
    const done = { published: new Map(), deployed: null, stop: false }
    const publisher = async () => {
      for (let n = 0; !done.stop; n++) {
        const version = `1.0.${Date.now()}${n}`
        const { integrity, body } = publishDocument('@demo/steady', version)
        try {
          if ((await r.api('PUT', '/npm/@demo%2fsteady', body, auth())).status < 300) done.published.set(version, integrity)
        } catch {}
        await sleep(5)
      }
    }
    const deployer = async () => {
      for (let n = 1; !done.stop; n++) {
        try {
          if ((await deploy('demo', `round ${n}`)).status < 300) done.deployed = n
        } catch {}
        await sleep(20)
      }
    }
    const lanes = Promise.all([publisher(), deployer()])
    done.end = () => { done.stop = true; return lanes }
    return done
  }

  // Ends the broker and waits for the server to follow; the server may not outlive it.
  async function killBroker() {
    process.kill(broker(r).pid, 'SIGKILL')
    return Promise.race([r.ended, sleep(30000, 'the server goes on', { ref: false })])
  }
  // Without a pause: what comes up stays so for a few milliseconds.
  const untilAtOnce = async (fn) => {
    for (const end = Date.now() + 10000; Date.now() < end; await new Promise(setImmediate)) {
      const got = fn()
      if (got) return got
    }
    throw new Error('not within 10 s')
  }
  const same = (a, b) => {
    for (const name of Object.keys(a)) assert.deepEqual([name, a[name].pid, a[name].began], [name, b[name].pid, b[name].began])
  }

  test('the broker: the server ends with 75, instances go on, the next server adopts them', limit, async () => {
    const before = chain(r, id)
    for (let round = 0; round < 3; round++) {
      const work = load()
      await until('a publish and a deploy were acknowledged', () => work.published.size > 0 && work.deployed)
      const how = await killBroker()
      await work.end()
      assert.deepEqual(how, { code: 75, signal: null })
      for (const [name, one] of Object.entries(before)) assert.ok(alive(one), `${name} ended with the broker`)
      await r.serve()
      const now = await running('demo')
      assert.deepEqual([now.generation, now.restarts], [1, 0])
      same(before, chain(r, id))
      const { versions } = (await r.api('GET', '/npm/@demo%2fsteady', undefined, auth())).body
      for (const [version, integrity] of work.published) assert.equal(versions[version]?.dist.integrity, integrity, version)
      const last = await label('demo')
      assert.ok(Number(last.split(' ')[1]) >= work.deployed, `${last} is older than ${work.deployed}, which was acknowledged`)
      await serves('demo', last)
    }
  })

  test('an adopted instance obeys: it takes a deploy, stops and starts', limit, async () => {
    const before = chain(r, id)
    assert.ok((await deploy('demo', 'adopted 1')).status < 300)
    await r.run('instance', 'stop', 'demo')
    await until('its processes have ended', () => !Object.values(before).some(alive))
    await r.run('instance', 'start', 'demo')
    await running('demo', 2)
    await serves('demo', 'adopted 1')
  })

  for (const [victim, kill] of [['broker', killBroker], ['server', () => r.kill()]])
    test(`the ${victim}, while an instance starts: it runs afterwards, once`, limit, async () => {
      const slug = `begins-${victim}`
      // Sooner and later within the start: before there is a warden, and after.
      for (const wait of [0, 400]) {
        const asked = wait === 0 ? await r.api('POST', '/api/v1/tenants/demo/instances', { slug }, auth()) : await r.api('POST', `/api/v1/instances/${slug}/restart`, {}, auth())
        assert.equal(asked.status, 202, JSON.stringify(asked.body))
        await sleep(wait)
        await kill()
        await r.serve()
        const now = await running(slug, wait === 0 ? 1 : 2)
        assert.deepEqual(sandboxes(now.id).map((p) => p.pid), [chain(r, now.id).sandbox.pid])
        assert.equal((await raw(r, `${slug}.localhost`, '/flows', { headers: auth() })).status, 200)
      }
    })

  test('the broker, while the server starts: the server ends', limit, async () => {
    await r.kill()
    for (let round = 0; round < 8; round++) {
      const serving = r.serve().catch(() => {})
      const starting = { ready: { pid: r.process.pid } }
      const victim = await untilAtOnce(() => {
        try {
          return broker(starting).name === 'redhouse-broker' && broker(starting)
        } catch {}
      })
      process.kill(victim.pid, 'SIGKILL')
      const how = await Promise.race([r.ended, sleep(30000, 'the server goes on', { ref: false })])
      // 1: it had not heard yet that the broker is ready.
      assert.ok([1, 75].includes(how.code), JSON.stringify(how))
      await serving
    }
    await r.serve()
    await running('demo')
  })

  // A machine that is busy enough lets a warden stand for a while; SIGSTOP is the worst of it.
  for (const then of ['run', 'stop'])
    test(`the broker, while a warden stands still, then the instance is to ${then}: the next server ends that warden, and it holds nothing`, limit, async () => {
      const slug = `stands-${then}`
      const folder = join(r.data, 'run', 'instances')
      const known = new Set(readdirSync(folder))
      assert.equal((await r.api('POST', '/api/v1/tenants/demo/instances', { slug }, auth())).status, 202)
      const warden = await untilAtOnce(() => {
        const lock = readdirSync(folder).find((f) => f.endsWith('.lock') && !known.has(f))
        return lock && Number(readFileSync(join(folder, lock), 'utf8'))
      })
      await hold(warden)
      const stood = look(warden)
      if (then === 'stop') assert.equal((await r.api('POST', `/api/v1/instances/${slug}/stop`, {}, auth())).status, 202)
      assert.deepEqual(await killBroker(), { code: 75, signal: null })
      await r.serve()
      await running('demo')
      if (then === 'run') {
        const now = await running(slug)
        assert.deepEqual(sandboxes(now.id).map((p) => p.pid), [chain(r, now.id).sandbox.pid])
      } else {
        await until('it has stopped', async () => (await r.instanceState(slug)).state === 'stopped')
        assert.deepEqual(sandboxes((await r.instanceState(slug)).id), [])
      }
      await until('the warden that stood is no more', () => !alive(stood))
      await r.run('instance', 'remove', slug)
    })

  test('a warden that listens but says nothing to the next server: it is ended, its instance starts anew', limit, async () => {
    const { generation } = await running('demo')
    const before = chain(r, id)
    await hold(before.warden.pid)
    await r.kill()
    await r.serve()
    await running('demo', generation + 1)
    assert.deepEqual(Object.values(before).filter(alive), [])
    assert.deepEqual(sandboxes(id).map((p) => p.pid), [chain(r, id).sandbox.pid])
  })

  // Before it is told, while it is, and when it has ended before the next server looks.
  for (const when of ['asked', 'stopping', 'ended'])
    test(`the server, while an instance stops (${when}): it is stopped afterwards`, limit, async () => {
      const { id: which } = await running('begins-server')
      const before = chain(r, which)
      assert.equal((await r.api('POST', '/api/v1/instances/begins-server/stop', {}, auth())).status, 202)
      if (when !== 'asked') await until('it is stopping', async () => (await r.instanceState('begins-server')).state !== 'running')
      await r.kill()
      if (when === 'ended') await until('its processes have ended', () => !Object.values(before).some(alive))
      await r.serve()
      await until('it has stopped', async () => (await r.instanceState('begins-server')).state === 'stopped')
      assert.ok(!Object.values(before).some(alive))
      await r.run('instance', when === 'ended' ? 'remove' : 'start', 'begins-server')
      if (when === 'ended') await r.run('instance', 'remove', 'begins-broker')
    })

  test('Node-RED, process 1 of the sandbox, the warden: a new one with the last acknowledged flows; after the third quick end they are stopped', limit, async () => {
    await r.run('instance', 'restart', 'demo')
    const { generation } = await running('demo')
    const from = readFileSync(join(r.data, 'server.log')).length
    for (const [n, victim] of ['node', 'sandbox', 'warden'].entries()) {
      assert.ok((await deploy('demo', `kill ${n}`)).status < 300)
      const before = chain(r, id)
      process.kill(before[victim].pid, 'SIGKILL')
      await running('demo', generation + n + 1)
      assert.deepEqual(Object.values(before).filter(alive), [], `something of the runtime outlived its ${victim}`)
      assert.equal(await label('demo'), `kill ${n}`)
      if (victim !== 'warden') await serves('demo', `kill ${n}`)
    }
    // A cause stands on the instance for a second or two only; the log keeps all.
    const log = readFileSync(join(r.data, 'server.log')).subarray(from).toString()
    const causes = [...log.matchAll(/slug=demo from=running to=failed cause="(.*)"/g)].map((m) => m[1])
    assert.equal(causes.length, 3, log)
    assert.match(causes[0], /ended by signal 9/)
    assert.doesNotMatch(causes.slice(0, 2).join(), /flows stopped/)
    assert.match(causes[2], /with its flows stopped/)
    assert.equal((await raw(r, 'demo--app.localhost', '/label')).status, 404)
    assert.ok((await deploy('demo', 'mended')).status < 300)
    await serves('demo', 'mended')
  })
})
