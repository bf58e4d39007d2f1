// Tokens with limits: each one holds for real clients and over the bare protocol, and ends when it should.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Machine, client } from './clients.mjs'
import { publishDocument } from './publish.mjs'
import { Redhouse, until } from './redhouse.mjs'

let r, full, cookie
const password = 'a developer of acme 1'

before(async () => {
  const data = mkdtempSync('/tmp/rh-')
  r = await Redhouse.start({ data, args: ['--trusted-proxies', '127.0.0.1', '--access-log', join(data, 'access.log')] })
  const admin = { cookie: await r.login('admin', r.password) }
  const ok = (answer) => assert.ok(answer.status < 300, `${answer.status} ${JSON.stringify(answer.body)}`)
  for (const slug of ['acme', 'beta']) ok(await r.api('POST', '/api/v1/tenants', { slug, name: slug }, admin))
  ok(await r.api('POST', '/api/v1/users', { name: 'dev', password, tenant: 'acme', role: 'owner' }, admin))
  ok(await r.api('PUT', '/api/v1/tenants/beta/members/dev', { role: 'developer' }, admin))
  full = await r.token('dev', 'laptop')
  cookie = await r.login('dev', password)
  for (const name of ['@acme/one', '@acme/two', '@beta/three']) ok(await publish(name, '1.0.0', full))
}, { timeout: 120000 })

after(async () => r?.stop())

const bearer = (token, more = {}) => ({ authorization: `Bearer ${token}`, ...more })
const get = (path, token, more) => r.api('GET', path, undefined, bearer(token, more))
const publish = (name, version, token, more) =>
  r.api('PUT', `/npm/${name.replace('/', '%2f')}`, publishDocument(name, version).body, bearer(token, more))
const make = async (body) => {
  const answer = await r.api('POST', '/api/v1/tokens', { name: 'limited', ...body }, { cookie })
  assert.equal(answer.status, 201, JSON.stringify(answer.body))
  return answer.body
}

describe('a token of the API', () => {
  test('is held to its packages, when reading and when writing', async () => {
    const { token, packages } = await make({ packages: ['@acme/one', '@beta/*'] })
    assert.deepEqual(packages, ['@acme/one', '@beta/*'])
    for (const name of ['@acme/one', '@beta/three']) {
      assert.equal((await get(`/npm/${name}`, token)).status, 200)
      assert.equal((await get(`/npm/${name}`, token)).status, 200, 'also when it lies ready')
      assert.equal((await publish(name, '1.1.0', token)).status, 201)
    }
    for (const path of ['/npm/@acme/two', '/npm/@acme%2ftwo', '/npm/@acme/two/1.0.0', '/npm/@acme/two/-/two-1.0.0.tgz', '/npm/-/package/@acme%2ftwo/dist-tags', '/api/v1/packages/@acme/two']) {
      await get(path, full)
      const answer = await get(path, token)
      assert.equal(answer.status, 403, path)
      assert.match(JSON.stringify(answer.body), /limited to other packages/)
    }
    assert.equal((await publish('@acme/two', '1.1.0', token)).status, 403)
    assert.equal((await publish('@acme/new', '1.0.0', token)).status, 403)
    assert.equal((await r.api('DELETE', '/npm/-/package/@acme%2ftwo/dist-tags/latest', undefined, bearer(token))).status, 403)
    const upload = async (name) => fetch(`${r.url}/api/v1/tenants/acme/packages`, { method: 'POST', headers: bearer(token, { 'content-type': 'application/gzip' }),
      body: Buffer.from(Object.values(publishDocument(name, '1.2.0').body._attachments)[0].data, 'base64') })
    assert.equal((await upload('@acme/one')).status, 201)
    assert.equal((await upload('@acme/two')).status, 403)
    for (const [method, path, body] of [['POST', '/api/v1/tenants/acme/teams', { name: 'mine' }], ['PUT', '/npm/-/org/acme/team', { name: 'mine' }], ['POST', '/npm/-/npm/v1/user', { email: 'x@example.org' }],
      ['PATCH', '/api/v1/me', { email: 'x@example.org' }], ['PUT', '/api/v1/tenants/acme/catalogue/picks/lodash', {}], ['POST', '/api/v1/tenants/acme/sources', { url: 'https://example.org/x.git' }]]) {
      const answer = await r.api(method, path, body, bearer(token))
      assert.ok([403, 404].includes(answer.status), `${method} ${path}: ${answer.status}`)
    }
    const seen = JSON.stringify((await get('/npm/-/v1/search?text=o&size=50', token)).body) + JSON.stringify((await get('/api/v1/packages', token)).body)
    assert.ok(seen.includes('@acme/one') && !seen.includes('@acme/two'), seen)
  })

  test('is held to its addresses, whatever a client says of itself', async () => {
    const inside = await make({ addresses: ['127.0.0.0/8', '::1'] }), outside = await make({ addresses: ['10.0.0.0/8', '2001:db8::/32'] })
    assert.equal((await get('/npm/-/whoami', inside.token)).status, 200)
    const refused = await get('/npm/-/whoami', outside.token)
    assert.equal(refused.status, 401)
    assert.equal(refused.headers.get('www-authenticate'), 'ipaddress')
    assert.match(refused.body.error, /does not work from 127\.0\.0\.1/)
    assert.equal((await get('/api/v1/session', outside.token)).status, 401)
    // The server trusts 127.0.0.1 to say for whom it asks.
    for (const [from, status] of [['10.1.2.3', 200], ['2001:db8::7', 200], ['::ffff:10.1.2.3', 200], ['11.1.2.3', 401], ['10.1.2.3, 11.1.2.3', 401], ['10.1.2.3:80', 401]])
      assert.equal((await get('/npm/-/whoami', outside.token, { 'x-forwarded-for': from })).status, status, from)
    const basic = (token) => ({ authorization: `Basic ${Buffer.from(`dev:${token}`).toString('base64')}` })
    assert.equal((await r.api('GET', '/npm/-/whoami', undefined, basic(inside.token))).status, 200)
    const basically = await r.api('GET', '/npm/-/whoami', undefined, basic(outside.token))
    assert.equal(basically.headers.get('www-authenticate'), 'ipaddress')
  })

  test('is held to tenants in all that is no package', async () => {
    const { token, scopes } = await make({ tenants: ['beta'] })
    assert.ok(!scopes.includes('platform'))
    assert.equal((await get('/api/v1/tenants/beta', token)).status, 200)
    assert.equal((await get('/api/v1/tenants/acme/members', token)).status, 403)
    assert.equal((await get('/npm/@acme/one', token)).status, 200)
    assert.equal((await r.api('POST', '/api/v1/tokens', { name: 'x', tenants: ['nobody'] }, { cookie })).body.code, 'bad_limit')
  })

  test('for some packages neither takes away nor is told of others by what is about all of them', async () => {
    const { token } = await make({ packages: ['@acme/one'], scopes: ['tenant:read', 'tenant:admin', 'package:read', 'package:publish'] })
    for (const [method, path, body] of [['PUT', 'retention', { keep: 1 }], ['POST', 'retention'], ['GET', 'hooks'], ['POST', 'hooks', { url: 'https://example.org/x' }]])
      assert.equal((await r.api(method, `/api/v1/tenants/acme/${path}`, body, bearer(token))).body.code, 'token_limited', `${method} ${path}`)
  })

  test('is not the only secret in an address that no log holds', async () => {
    const { loginUrl, doneUrl } = (await r.api('POST', '/npm/-/v1/login', {})).body
    const made = await r.api('POST', '/api/v1/tenants/acme/catalogue/key', {}, { cookie })
    assert.equal(made.status, 201)
    const [key] = JSON.stringify(made.body).match(/(?<=\/catalogue\/)[\w-]+/)
    for (const path of [new URL(loginUrl).pathname, new URL(doneUrl).pathname, `/catalogue/${key}/catalogue.json`])
      assert.ok((await fetch(r.url + path)).status < 300, path)
    const log = await until('the log', () => {
      const text = readFileSync(join(r.data, 'access.log'), 'utf8')
      return /catalogue\//.test(text) && text
    })
    for (const secret of [key, loginUrl.split('/').at(-1), doneUrl.split('/').at(-1)]) assert.ok(!log.includes(secret))
  })

  test('that may only stage does not publish', async () => {
    const { token, scopes } = await make({ scopes: ['package:read', 'package:stage'] })
    assert.deepEqual(scopes, ['package:read', 'package:stage'])
    assert.equal((await get('/npm/@acme/one', token)).status, 200)
    assert.equal((await publish('@acme/one', '7.0.0', token)).status, 403)
  })

  test('with limits neither makes nor removes others', async () => {
    const { token } = await make({ packages: ['@acme/*'] })
    assert.equal((await r.api('POST', '/api/v1/tokens', { name: 'wide' }, bearer(token))).body.code, 'narrow_token')
    assert.equal((await r.api('POST', '/npm/-/npm/v1/tokens', { password, readonly: false }, bearer(token))).status, 403)
    const other = await make({})
    assert.equal((await r.api('DELETE', `/api/v1/tokens/${other.id}`, undefined, bearer(token))).status, 403)
    assert.equal((await get('/npm/-/whoami', other.token)).status, 200)
  })

  test('that is cut or mistyped is told by its checksum', async () => {
    const bad = full.slice(0, -1) + (full.endsWith('x') ? 'y' : 'x')
    for (const token of [bad, full.slice(0, -3)])
      assert.match((await get('/npm/-/whoami', token)).body.error, /cut or mistyped/)
    assert.match(full, /^rh_[0-9A-Za-z]{36}$/)
  })

  test('with limits that make no sense is refused with a sentence', async () => {
    for (const [body, code] of [[{ addresses: ['10.0.0.0/64'] }, 'bad_cidr'], [{ addresses: ['localhost'] }, 'bad_cidr'], [{ packages: 'x' }, 'bad_limit'],
      [{ packages: [7] }, 'bad_limit'], [{ packages: [''] }, 'bad_limit'], [{ packages: Array(51).fill('@acme/x') }, 'bad_limit'], [{ packages: ['x'.repeat(300)] }, 'bad_limit'],
      [{ description: 'x'.repeat(501) }, 'bad_description']]) {
      const answer = await r.api('POST', '/api/v1/tokens', { name: 'x', ...body }, { cookie })
      assert.equal(answer.status, 422, JSON.stringify(body))
      assert.equal(answer.body.code, code)
    }
  })

  test('shows when and from where it was last used, also to the operator', async () => {
    const { token, id } = await make({ description: 'of the build' })
    await get('/npm/-/whoami', token, { 'x-forwarded-for': '10.9.8.7' })
    const row = await until('the use is written', async () =>
      (await r.api('GET', '/api/v1/tokens?limit=200', undefined, { cookie })).body.items.find((t) => t.id === id && t.last_used_at), 90000)
    assert.equal(row.last_used_from, '10.9.8.7')
    assert.equal(row.description, 'of the build')
    assert.ok((await r.json('token', 'list', '--user', 'dev')).items.some((t) => t.id === id && t.last_used_from === '10.9.8.7'))
    await r.run('token', 'remove', id, '--user', 'dev')
    assert.equal((await get('/npm/-/whoami', token)).status, 401)
  }, { timeout: 120000 })

  test('is made by the operator with every limit', async () => {
    const made = await r.json('token', 'create', '--user', 'dev', '--name', 'ci', '--packages', '@acme/one, @beta/*', '--addresses', '127.0.0.1,10.0.0.0/8',
      '--scopes', 'package:read,package:stage', '--expires', '1h', '--bypass-2fa', '--description', 'for CI')
    assert.deepEqual([made.packages, made.addresses, made.scopes, made.bypass_2fa, made.description],
      [['@acme/one', '@beta/*'], ['127.0.0.1', '10.0.0.0/8'], ['package:read', 'package:stage'], true, 'for CI'])
    assert.equal((await get('/npm/@acme/two', made.token)).status, 403)
  })
})

for (const kind of ['npm10', 'npm11', 'npm12']) {
  describe(kind, { timeout: 300000 }, () => {
    let m, dir
    const modern = kind !== 'npm10'
    // All that was answered. npm 10 takes the password from nobody but a person.
    const create = async (...args) => {
      if (modern) return m.json(dir, 'token', 'create', `--password=${password}`, ...args)
      const child = m.start(dir, 'token', 'create', '--json', ...args)
      await until('it asks', () => /password:/.test(child.text))
      child.stdin.end(`${password}\n`)
      assert.equal(await child.ended, 0, child.text)
      return JSON.parse(child.text.slice(child.text.indexOf('{')))
    }
    const as = async (token) => new Machine(r, kind, m.path, token)

    before(async () => {
      m = new Machine(r, kind, await client(kind), await r.token('dev', kind))
      dir = m.project('tokens')
    })

    test('makes a token, read-only and for addresses, lists it and ends it', async () => {
      const args = modern ? ['--name', `${kind} reads`, '--packages-and-scopes-permission=read-only', '--packages-all'] : ['--read-only']
      const made = await create(...args, '--cidr=127.0.0.0/8')
      assert.deepEqual([made.readonly, made.cidr_whitelist], [true, ['127.0.0.0/8']])
      const reader = await as(made.token)
      assert.match(await reader.run(reader.project('view'), 'view', '@acme/one', 'version'), /1\./)
      assert.match(await reader.fails(reader.package('@acme/one', '80.0.0'), 'publish'), /E403/)
      const listed = (await m.json(dir, 'token', 'list')).find((t) => made.token.startsWith(t.token) && t.readonly)
      assert.match(listed.key, /^[0-9a-f]{64}$/)
      assert.deepEqual(listed.cidr_whitelist, ['127.0.0.0/8'])
      for (const key of ['name', 'created', 'updated', 'last_used', 'last_used_from']) assert.ok(key in listed, key)
      assert.match(await m.run(dir, 'token', 'list'), modern ? new RegExp(`${kind} reads`) : /Read only|read-only/i)
      if (modern) assert.match(await m.fails(dir, 'token', 'create', '--password=wrong password', '--name=x'), /E401|Unable to authenticate|wrong/i)
      await m.run(dir, 'token', 'revoke', listed.key.slice(0, 20))
      assert.match(await reader.fails(reader.project('view'), 'view', '@acme/one'), /E401/)
      const again = await create(...(modern ? ['--name=again'] : []))
      await m.run(dir, 'token', 'revoke', again.token)
      assert.equal((await get('/npm/-/whoami', again.token)).status, 401)
    })

    test('is told that an address may not', async () => {
      const made = await create(...(modern ? ['--name=far'] : []), '--cidr=10.0.0.0/8,192.168.7.0/24')
      assert.deepEqual(made.cidr_whitelist, ['10.0.0.0/8', '192.168.7.0/24'])
      const far = await as(made.token)
      assert.match(await far.fails(far.project('who'), 'whoami'), /EAUTHIP/)
    })

    test('logs out: the token is dead and in no log', async () => {
      const made = await create(...(modern ? ['--name=short'] : []))
      const there = await as(made.token)
      await there.run(there.project('out'), 'logout')
      assert.equal((await get('/npm/-/whoami', made.token)).status, 401)
      const log = await until('the logout is logged', () => {
        const text = ['access.log', 'server.log'].map((f) => readFileSync(join(r.data, f), 'utf8')).join('')
        return /DELETE host=\S+ path=\/npm\/-\/user\/token\/ /.test(text) && text
      })
      assert.ok(!log.includes(made.token.slice(10)))
    })

    if (!modern) return

    test('limits a token to packages and scopes, with an end and a description', async () => {
      const made = await create('--name', 'limited', '--token-description', 'of the test', '--packages=@acme/one', '--scopes=@beta', '--expires=7',
        '--packages-and-scopes-permission=read-write')
      const days = (Date.parse(made.expires) - Date.now()) / 86400000
      assert.ok(days > 6.9 && days <= 7, made.expires)
      assert.deepEqual([made.packages, made.scopes, made.packages_and_scopes_permission, made.description], [['@acme/one'], ['@beta'], 'read-write', 'of the test'])
      const there = await as(made.token), version = `${kind.slice(3)}.0.0`
      await there.run(there.package('@acme/one', version), 'publish')
      await there.run(there.package('@beta/three', version), 'publish')
      assert.match(await there.fails(there.package('@acme/two', version), 'publish'), /E403[^]*limited to other packages/)
      assert.match(await there.fails(there.project('v'), 'view', '@acme/two'), /E403/)
    })

    test('makes a token that only stages, one for organisations, and one that asks for no second factor', async () => {
      const stage = await create('--name=stage', '--packages-and-scopes-permission=read-write-stage-only', '--packages-all', '--bypass-2fa')
      assert.deepEqual([stage.packages_and_scopes_permission, stage.readonly, stage.bypass_2fa], ['read-write-stage-only', false, true])
      assert.equal((await publish('@acme/one', '9.9.9', stage.token)).status, 403)
      const orgs = await create('--name=orgs', '--orgs=beta', '--orgs-permission=read-only', '--packages-and-scopes-permission=no-access')
      assert.deepEqual([orgs.orgs, orgs.orgs_permission, orgs.packages_and_scopes_permission], [['beta'], 'read-only', 'no-access'])
      assert.equal((await get('/npm/@beta/three', orgs.token)).status, 404)
      assert.equal((await get('/api/v1/tenants/beta', orgs.token)).status, 200)
      assert.equal((await get('/api/v1/tenants/acme', orgs.token)).status, 404)
      assert.match(await m.fails(dir, 'token', 'create', `--password=${password}`, '--name=none', '--packages-and-scopes-permission=no-access'), /of no use/)
      assert.match(await m.fails(dir, 'token', 'create', `--password=${password}`, '--name=o', '--orgs=nobody'), /no organisation/)
    })
  })
}
