// Webhooks: what happens to packages is told to real receivers, also to slow, lying and absent ones.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { publishDocument } from './publish.mjs'
import { Redhouse, freePort, root, until } from './redhouse.mjs'

// Takes what comes; answer(req, res, n) says how.
class Receiver {
  static async start(answer = (req, res) => res.writeHead(204).end()) {
    const u = new Receiver()
    u.got = []
    u.answer = answer
    u.server = createServer(async (req, res) => {
      const parts = []
      for await (const part of req) parts.push(part)
      const body = Buffer.concat(parts)
      u.got.push({ url: req.url, headers: req.headers, body, event: body.length ? JSON.parse(body) : null })
      u.answer(req, res, u.got.length)
    }).listen(0, '127.0.0.1')
    await new Promise((done) => u.server.once('listening', done))
    u.url = `http://127.0.0.1:${u.server.address().port}/in`
    return u
  }

  stop() {
    this.server.close()
    this.server.closeAllConnections()
  }
}

let r, owner, eve, admin, token, dev
const receivers = []
const receiver = async (answer) => {
  const made = await Receiver.start(answer)
  receivers.push(made)
  return made
}
const hooks = (path = '', method = 'GET', body, who = owner) => r.api(method, `/api/v1/tenants/acme/hooks${path}`, body, who)
const add = async (url, events) => {
  const answer = await hooks('', 'POST', { url, events })
  assert.equal(answer.status, 201, JSON.stringify(answer.body))
  return answer.body
}
const publish = async (name, version) => {
  const answer = await r.api('PUT', `/npm/${name.replace('/', '%2f')}`, publishDocument(name, version).body, { authorization: `Bearer ${token}` })
  assert.equal(answer.status, 201, JSON.stringify(answer.body))
}
const deliveries = async (hook) => (await hooks(`/${hook.id}/deliveries`)).body.items
const one = async (hook) => (await hooks(`/${hook.id}`)).body
const args = ['--hook-private', '--hook-retry', '100ms']

before(async () => {
  r = await Redhouse.start({ args })
  admin = { cookie: await r.login('admin', r.password) }
  for (const [tenant, user, role] of [['acme', 'ada', 'owner'], ['acme', 'dev', 'developer'], ['beta', 'eve', 'owner']]) {
    if (role === 'owner') await r.run('tenant', 'create', tenant)
    await r.member(tenant, user, role)
  }
  token = await r.token('ada', 't')
  owner = { authorization: `Bearer ${token}` }
  dev = { authorization: `Bearer ${await r.token('dev', 't')}` }
  eve = { authorization: `Bearer ${await r.token('eve', 't')}` }
}, { timeout: 120000 })
after(async () => {
  await r?.stop()
  for (const one of receivers) one.stop()
})

describe('webhooks', { timeout: 300000 }, () => {
  test('every kind of change is told once, in order and signed', async () => {
    const to = await receiver()
    const hook = await add(to.url)
    assert.match(hook.secret, /^[\w-]{43}$/)
    assert.equal((await one(hook)).secret, undefined)
    const name = '@acme/told', at = `/npm/${name.replace('/', '%2f')}`
    await publish(name, '1.0.0')
    await publish(name, '1.1.0')
    const ok = (answer) => assert.ok(answer.status < 300, `${answer.status} ${JSON.stringify(answer.body)}`)
    ok(await r.api('PUT', `/npm/-/package/${name.replace('/', '%2f')}/dist-tags/old`, '1.0.0', owner))
    ok(await r.api('DELETE', `/npm/-/package/${name.replace('/', '%2f')}/dist-tags/old`, undefined, owner))
    ok(await r.api('PUT', at, { name, versions: { '1.0.0': { deprecated: 'use 1.1' } } }, owner))
    const { _rev } = (await r.api('GET', at, undefined, owner)).body
    ok(await r.api('PUT', `${at}/-rev/${_rev}`, { _id: name, maintainers: [{ name: 'ada' }, { name: 'dev' }] }, owner))
    const doc = (await r.api('GET', at, undefined, owner)).body
    delete doc.versions['1.0.0']
    ok(await r.api('PUT', `${at}/-rev/${doc._rev}`, doc, owner))
    await until('all came', () => to.got.length === 7)
    assert.deepEqual(to.got.map((g) => g.event.event), ['publish', 'publish', 'tag', 'tag', 'deprecate', 'owner', 'unpublish'])
    const [first] = to.got
    assert.deepEqual({ ...first.event, at: 0, integrity: 0 }, { event: 'publish', at: 0, tenant: 'acme', package: name, user: 'ada', version: '1.0.0', integrity: 0, tags: ['latest'] })
    assert.equal(first.event.integrity, publishDocument(name, '1.0.0').integrity)
    assert.deepEqual(to.got[2].event.version, '1.0.0')
    assert.equal(to.got[3].event.version, undefined)
    assert.equal(to.got[4].event.message, 'use 1.1')
    assert.deepEqual(to.got[5].event.owners, ['ada', 'dev'])
    for (const { headers, body, event } of to.got) {
      assert.equal(headers['x-redhouse-event'], event.event)
      assert.ok(Math.abs(Number(headers['x-redhouse-timestamp']) - Date.now() / 1000) < 60)
      assert.equal(headers['x-redhouse-signature'], `sha256=${createHmac('sha256', hook.secret).update(`${headers['x-redhouse-timestamp']}.`).update(body).digest('hex')}`)
    }
    assert.equal(new Set(to.got.map((g) => g.headers['x-redhouse-delivery'])).size, 7)
    await until('all are noted', async () => (await deliveries(hook)).every((d) => d.state === 'done' && d.status === 204 && d.attempts === 1))
    await hooks(`/${hook.id}`, 'DELETE')
  })

  test('a receiver made as the documentation shows takes them and refuses what is forged or played again', async () => {
    const text = readFileSync(join(root, 'docs', 'tenants.md'), 'utf8')
    const file = join(r.data, 'receiver.mjs')
    writeFileSync(file, text.match(/```js\n([^]*?)```/)[1])
    const port = await freePort()
    const hook = await add(`http://127.0.0.1:${port}/`, ['publish'])
    const child = spawn(process.execPath, [file], { env: { ...process.env, HOOK_SECRET: hook.secret, PORT: String(port) }, stdio: ['ignore', 'pipe', 'inherit'] })
    try {
      let said = ''
      child.stdout.on('data', (chunk) => { said += chunk })
      await publish('@acme/example', '1.0.0')
      await until('it printed', () => said === 'publish @acme/example 1.0.0\n')
      const body = '{"event":"publish"}'
      const ask = async (stamp, secret, id = 'x') => (await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body, headers: { 'x-redhouse-timestamp': stamp, 'x-redhouse-delivery': id,
        'x-redhouse-signature': `sha256=${createHmac('sha256', secret).update(`${stamp}.${body}`).digest('hex')}` } })).status
      const now = String(Math.floor(Date.now() / 1000))
      assert.equal(await ask(now, 'another secret'), 401)
      assert.equal(await ask(String(Number(now) - 1000), hook.secret), 401)
      assert.equal(await ask(now, hook.secret, 'y'), 204)
      assert.equal(await ask(now, hook.secret, 'y'), 200)
      assert.equal(said.split('\n').length, 3)
    } finally {
      child.kill()
    }
    await hooks(`/${hook.id}`, 'DELETE')
  })

  test('what fails is tried again with pauses, and what is asked for is delivered again', async () => {
    const to = await receiver((req, res, n) => res.writeHead(n < 4 ? 503 : 200).end('x'))
    const hook = await add(to.url, ['publish'])
    await publish('@acme/again', '1.0.0')
    await until('it failed', async () => (await one(hook)).cause === 'It answered 503.')
    await until('it came', async () => (await deliveries(hook))[0].state === 'done')
    const [delivery] = await deliveries(hook)
    assert.equal(delivery.attempts, 4)
    assert.equal(new Set(to.got.map((g) => g.headers['x-redhouse-delivery'])).size, 1)
    await until('no cause is left', async () => (await one(hook)).cause === null)
    const again = await hooks(`/${hook.id}/deliveries/${delivery.id}`, 'POST', {})
    assert.equal(again.status, 201, JSON.stringify(again.body))
    await until('it came again', () => to.got.length === 5)
    assert.deepEqual(to.got[4].body, to.got[0].body)
    assert.equal(to.got[4].headers['x-redhouse-delivery'], again.body.id)
    const made = await r.json('hook', 'ping', 'acme', hook.id)
    await until('the ping came', () => to.got.length === 6)
    assert.equal(to.got[5].event.event, made.event)
    await r.run('hook', 'redeliver', 'acme', hook.id, delivery.id)
    await until('it came a third time', () => to.got.length === 7)
    assert.deepEqual(to.got[6].body, to.got[0].body)
    assert.equal((await r.json('hook', 'deliveries', 'acme', hook.id)).items.length, 4)
    await r.run('hook', 'remove', 'acme', hook.id)
    assert.equal((await hooks(`/${hook.id}`)).status, 404)
  })

  test('receivers that are slow, endless, gone or send elsewhere hold up nobody and get nothing more', async () => {
    const good = await receiver(), aim = await receiver()
    const slow = await receiver(() => {})
    const endless = await receiver((req, res) => { res.writeHead(200); const more = () => { while (!res.destroyed && res.write(Buffer.alloc(65536))); res.once('drain', more) }; more() })
    const elsewhere = await receiver((req, res) => res.writeHead(307, { location: aim.url }).end())
    const gone = await receiver((req, res) => res.writeHead(410).end())
    const bad = []
    for (const to of [slow, endless, elsewhere, gone]) bad.push(await add(to.url, ['publish']))
    const absent = await add(`http://127.0.0.1:${await freePort()}/`, ['publish'])
    const hook = await add(good.url, ['publish'])
    const began = Date.now()
    await publish('@acme/hostile', '1.0.0')
    await until('the good one has it', () => good.got.length === 1)
    assert.ok(Date.now() - began < 5000)
    await until('causes', async () => (await one(bad[1])).cause && (await one(bad[2])).cause && (await one(absent)).cause)
    assert.match((await one(bad[2])).cause, /answered 307; redirects are not followed/)
    assert.equal(aim.got.length, 0)
    await until('the one that is gone is off', async () => (await one(bad[3])).active === false)
    assert.match((await one(bad[3])).cause, /gone for good/)
    await publish('@acme/hostile', '1.1.0')
    await until('the good one has the next', () => good.got.length === 2)
    assert.equal(gone.got.length, 1)
    assert.equal((await hooks(`/${bad[3].id}/deliveries`, 'POST', {})).status, 409)
    await r.run('hook', 'enable', 'acme', bad[3].id)
    assert.deepEqual({ active: true, cause: null }, (({ active, cause }) => ({ active, cause }))(await one(bad[3])))
    await until('the slow one was given up for now', async () => /./.test((await one(bad[0])).cause ?? ''), 30000)
    for (const h of [...bad, absent, hook]) await hooks(`/${h.id}`, 'DELETE')
  })

  test('a kill between the change and its delivery loses nothing', async () => {
    const port = await freePort()
    const hook = await add(`http://127.0.0.1:${port}/in`, ['publish'])
    for (let i = 0; i < 5; i++) {
      await publish('@acme/killed', `1.0.${i}`)
      await r.kill()
      await r.serve()
    }
    const seen = new Set()
    const server = createServer(async (req, res) => {
      const parts = []
      for await (const part of req) parts.push(part)
      seen.add(JSON.parse(Buffer.concat(parts)).version)
      res.end()
    }).listen(port, '127.0.0.1')
    receivers.push({ stop: () => { server.close(); server.closeAllConnections() } })
    await until('all five came', () => seen.size === 5)
    await until('all are noted', async () => (await one(hook)).waiting === 0)
    await hooks(`/${hook.id}`, 'DELETE')
  })

  test("a tenant's webhooks are its owners' alone, and are told of its packages alone", async () => {
    const to = await receiver(), all = await receiver()
    const hook = await add(to.url, ['publish'])
    const platform = await r.json('hook', 'add', '-', all.url, '--events', 'publish')
    for (const [method, path, body] of [['GET', ''], ['GET', `/${hook.id}`], ['GET', `/${hook.id}/deliveries`], ['PATCH', `/${hook.id}`, { active: false }], ['DELETE', `/${hook.id}`],
      ['POST', '', { url: 'https://example.org/' }], ['POST', `/${hook.id}/deliveries`, {}]]) {
      assert.equal((await hooks(path, method, body, eve)).status, 404, `${method} ${path}`)
      assert.equal((await hooks(path, method, body, dev)).status, 403, `${method} ${path}`)
    }
    // By way of her own tenant, or of the platform.
    assert.equal((await r.api('GET', `/api/v1/tenants/beta/hooks/${hook.id}`, undefined, eve)).status, 404)
    assert.equal((await r.api('DELETE', `/api/v1/tenants/beta/hooks/${hook.id}`, undefined, eve)).status, 404)
    assert.equal((await r.api('GET', '/api/v1/hooks', undefined, eve)).status, 403)
    assert.equal((await r.api('GET', `/api/v1/hooks/${hook.id}`, undefined, admin)).status, 404)
    const own = token
    token = eve.authorization.slice(7)
    await publish('@beta/other', '1.0.0')
    token = own
    await publish('@acme/own', '1.0.0')
    await until('both came to the platform', () => all.got.length === 2)
    await until('one came', () => to.got.length === 1)
    assert.equal(to.got[0].event.package, '@acme/own')
    await r.run('hook', 'remove', '-', platform.id)
    await hooks(`/${hook.id}`, 'DELETE')
  })

  test('bad addresses and events are refused with a sentence', async () => {
    for (const url of ['', 'ftp://example.org/', 'https://', 'https://user:word@example.org/', 'https://example.org/#x', `https://example.org/${'x'.repeat(1000)}`, 'https://exa mple.org/'])
      assert.equal((await hooks('', 'POST', { url })).status, 422, url)
    for (const events of [[], ['everything'], ['ping'], 'publish', [1]])
      assert.equal((await hooks('', 'POST', { url: 'https://example.org/', events })).status, 422, JSON.stringify(events))
    for (let i = 0; i < 20; i++) await add('https://example.org/', ['stage'])
    const answer = await hooks('', 'POST', { url: 'https://example.org/' })
    assert.equal(answer.status, 429)
    assert.match(answer.body.detail, /remove one first/)
    for (const h of (await hooks()).body.items) await hooks(`/${h.id}`, 'DELETE')
  })

  test('private addresses are refused unless the operator allows them', async () => {
    const to = await receiver()
    await r.term()
    r.options.args = ['--hook-retry', '100ms']
    await r.serve()
    const hook = await add(to.url, ['publish'])
    await publish('@acme/private', '1.0.0')
    await until('it is refused', async () => /private|address/.test((await one(hook)).cause ?? ''))
    assert.equal(to.got.length, 0)
  })
})
