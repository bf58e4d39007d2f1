// Options that open a door: self-registration, anonymous reads, a scope that all share. Shut, they are shut.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { client, Machine } from './clients.mjs'
import { publishDocument } from './publish.mjs'
import { Redhouse, until } from './redhouse.mjs'

const limit = { timeout: 120000 }
const publish = (r, name, token) => r.api('PUT', `/npm/${name.replace('/', '%2f')}`, publishDocument(name, '1.0.0').body, token ? { authorization: `Bearer ${token}` } : {})
const read = (r, name, token) => r.api('GET', `/npm/${name.replace('/', '%2f')}`, undefined, token ? { authorization: `Bearer ${token}` } : {})

// Two tenants with a member each: answers their tokens.
async function people(r) {
  const tokens = {}
  for (const [tenant, user] of [['demo', 'ada'], ['other', 'eve']]) {
    await r.run('tenant', 'create', tenant)
    await r.member(tenant, user, 'developer')
    tokens[user] = await r.token(user, 't')
  }
  return tokens
}

// npm adduser, typed: [status, what it said].
async function adduser(m, name, password) {
  const child = m.start(m.project('adduser'), 'adduser', '--auth-type=legacy')
  for (const [question, answer] of [[/username:/i, name], [/password:/i, password], [/email/i, `${name}@example.org`]]) {
    const ended = child.ended.then(() => 'ended')
    const asked = until('a question', () => question.test(child.text)).then(() => 'asked')
    if (await Promise.race([ended, asked]) === 'ended') break
    child.stdin.write(`${answer}\n`)
  }
  child.stdin.end()
  return [await child.ended, child.text]
}

describe('with the doors open', limit, () => {
  let r, ada, eve
  before(async () => {
    r = await Redhouse.start({ args: ['--self-registration', '--anonymous-reads', '--platform-scope', '@shared'] })
    ;({ ada, eve } = await people(r))
  }, limit)
  after(async () => r?.stop(), limit)

  test('npm adduser makes a user of no tenant, who can log in at the portal and is nobody elsewhere', limit, async () => {
    const m = new Machine(r, 'npm11', await client('npm11'), null)
    const [status, said] = await adduser(m, 'newcomer', 'a password of mine')
    assert.equal(status, 0, said)
    assert.match(await m.run(m.project(), 'whoami'), /^newcomer$/m)
    const cookie = await r.login('newcomer', 'a password of mine')
    const session = (await r.api('GET', '/api/v1/session', undefined, { cookie })).body
    assert.deepEqual([session.user.name, session.user.admin, session.tenants], ['newcomer', false, []])
    assert.equal((await publish(r, '@demo/first', ada)).status, 201)
    for (const path of ['/api/v1/tenants/demo', '/npm/@demo%2ffirst']) assert.equal((await r.api('GET', path, undefined, { cookie })).status, 404, path)
    assert.ok([403, 404].includes((await r.api('POST', '/api/v1/tenants', { slug: 'mine' }, { cookie })).status))
    const name = m.package('@demo/of-newcomer', '1.0.0')
    assert.match(await m.fails(name, 'publish'), /E40[34]/)
  })

  test('npm adduser with the name of somebody takes nothing over', limit, async () => {
    const m = new Machine(r, 'npm11', await client('npm11'), null)
    for (const name of ['ada', 'admin', 'newcomer']) {
      const [status, said] = await adduser(m, name, 'a password of the thief')
      assert.notEqual(status, 0, said)
    }
    await r.login('ada', 'ada has a password')
    await r.login('admin', r.password)
    await assert.rejects(r.login('ada', 'a password of the thief'))
  })

  test('npm adduser asks for no less of a password than the portal', limit, async () => {
    const m = new Machine(r, 'npm11', await client('npm11'), null)
    const [status, said] = await adduser(m, 'careless', 'x')
    assert.notEqual(status, 0, said)
    await assert.rejects(r.login('careless', 'x'))
  })

  test("the platform's scope is read and written by the members of all tenants", limit, async () => {
    assert.equal((await publish(r, '@shared/thing', ada)).status, 201)
    for (const token of [ada, eve]) assert.equal((await read(r, '@shared/thing', token)).body['dist-tags'].latest, '1.0.0')
    const m = new Machine(r, 'npm11', await client('npm11'), eve)
    const dir = m.project()
    await m.run(dir, 'install', '@shared/thing')
    // A name there belongs to who took it first.
    assert.match(await m.fails(m.package('@shared/thing', '1.1.0'), 'publish'), /E403[^]*Only the owners/)
    await m.run(m.package('@shared/of-eve', '1.0.0'), 'publish')
    assert.equal((await read(r, '@shared/of-eve', ada)).body['dist-tags'].latest, '1.0.0')
    assert.equal((await publish(r, '@Shared/other', ada)).status < 300, false)
    // A tenant of that name would take what everybody reads for its own.
    const admin = await r.login('admin', r.password)
    const refused = await r.api('POST', '/api/v1/tenants', { slug: 'shared' }, { cookie: admin })
    assert.deepEqual([refused.status, refused.body.code], [409, 'slug_reserved'], refused.body.detail)
  })

  test('anybody reads what is public, and nothing of a tenant; nobody writes without a name', limit, async () => {
    const m = new Machine(r, 'npm11', await client('npm11'), null)
    await m.run(m.project(), 'install', '@shared/thing')
    assert.equal((await read(r, '@shared/thing')).status, 200)
    assert.equal((await r.api('GET', '/npm/@shared/thing/-/thing-1.0.0.tgz')).status, 200)
    for (const path of ['@demo%2ffirst', '@demo/first/-/first-1.0.0.tgz', '@demo%2fmissing']) assert.equal((await r.api('GET', `/npm/${path}`)).status, (await r.api('GET', '/npm/@demo%2fmissing')).status, path)
    assert.ok([401, 404].includes((await read(r, '@demo/first')).status))
    assert.ok(!JSON.stringify((await r.api('GET', '/npm/-/v1/search?text=first')).body).includes('@demo/first'))
    for (const name of ['@shared/anonymous', '@demo/anonymous', 'anonymous']) assert.equal((await publish(r, name)).status, 401, name)
    assert.equal((await r.api('GET', '/api/v1/packages')).status, 401)
  })
})

describe('with the doors shut', limit, () => {
  let r, ada
  before(async () => {
    r = await Redhouse.start()
    ;({ ada } = await people(r))
  }, limit)
  after(async () => r?.stop(), limit)

  test('npm adduser makes nobody', limit, async () => {
    const m = new Machine(r, 'npm11', await client('npm11'), null)
    const [status, said] = await adduser(m, 'newcomer', 'a password of mine')
    assert.notEqual(status, 0, said)
    assert.ok(!(await r.json('user', 'list')).items.some((u) => u.name === 'newcomer'))
  })

  test('nobody reads without a name, and no scope is shared', limit, async () => {
    assert.equal((await publish(r, '@demo/first', ada)).status, 201)
    for (const path of ['@demo%2ffirst', '@shared%2fthing', 'left-pad', '-/v1/search?text=x']) assert.equal((await r.api('GET', `/npm/${path}`)).status, 401, path)
    assert.equal((await publish(r, '@shared/thing', ada)).status, 403)
  })
})

test("a tenant's scope cannot become the one that all share", limit, async () => {
  const r = await Redhouse.start()
  try {
    await r.run('tenant', 'create', 'demo')
    await r.term()
    r.options.args = ['--platform-scope', '@demo']
    await assert.rejects(r.serve(), /belongs to the tenant "demo".*Choose another --platform-scope/)
    r.options.args = ['--platform-scope', '@demos']
    await r.serve()
  } finally {
    await r.stop()
  }
})

describe('what is left running', limit, () => {
  test('keeps no descriptor of the one who started the server', limit, async () => {
    const r = await Redhouse.start({ stdio: ['pipe', 'pipe', 'pipe', 'pipe', 'pipe', 'pipe'] })
    try {
      await r.run('tenant', 'create', 'demo')
      await r.run('instance', 'create', 'demo/demo')
      const running = async () => (await r.instanceState('demo')).state === 'running'
      await until('it runs', running)
      const ends = []
      // Standard output and error, where readiness is told, and two that nobody spoke of.
      for (const fd of [1, 2, 3, 4, 5]) ends.push(new Promise((done) => {
        const stream = r.process.stdio[fd]
        if (stream.readableEnded) done(fd)
        else stream.on('end', () => done(fd)).resume()
      }))
      await r.term()
      const late = new Promise((done) => setTimeout(done, 20000, 'somebody holds a descriptor').unref())
      assert.deepEqual(await Promise.race([Promise.all(ends), late]), [1, 2, 3, 4, 5])
      await r.serve()
      await until('it was left running', running)
      assert.equal((await r.instanceState('demo')).generation, 1)
    } finally {
      await r.stop()
    }
  })
})
