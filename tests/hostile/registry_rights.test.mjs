// Who may what, and what leaves this server. (What is tested where: registry_publish.test.mjs.)
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { Scene, document } from './registry.mjs'

let s
before(async () => { s = await Scene.start() }, { timeout: 60000 })
after(() => s?.stop())

const couch = (name, password, more = {}) => ({ _id: `org.couchdb.user:${name}`, name, password, type: 'user', roles: [], date: new Date().toISOString(), ...more })
const login = (name, password, { path = name, ...options } = {}) => s.ask(`-/user/org.couchdb.user:${path}`, { who: null, method: 'PUT', body: couch(name, password), ...options })

test('a revision that is behind changes nothing', async () => {
  const name = '@acme/rev', path = '@acme%2frev'
  for (const version of ['1.0.0', '1.1.0']) await s.publish(name, version)
  const old = await s.full(name)
  await s.publish(name, '1.2.0')
  const without = structuredClone(old)
  delete without.versions['1.0.0']
  for (const v of Object.values(old.versions)) v.deprecated = 'old'
  assert.equal((await s.put(name, old)).status, 409)
  for (const rev of [old._rev, 'undefined', '', '1-0', `${old._rev}x`, '../x']) {
    assert.ok([404, 405, 409].includes((await s.ask(`${path}/-rev/${encodeURIComponent(rev)}`, { method: 'PUT', body: without })).status), rev)
    assert.ok([404, 405, 409].includes((await s.ask(`${path}/-rev/${encodeURIComponent(rev)}`, { who: 'owner', method: 'DELETE' })).status), rev)
  }
  const now = await s.full(name)
  assert.deepEqual(Object.keys(now.versions), ['1.0.0', '1.1.0', '1.2.0'])
  assert.ok(Object.values(now.versions).every((v) => v.deprecated === undefined))
})

test('a tarball that a version names stays; other bytes never come under a number that was used', async () => {
  const name = '@acme/kept', path = '@acme%2fkept'
  const ball = await s.publish(name, '1.0.0')
  await s.publish(name, '1.1.0')
  let doc = await s.full(name)
  assert.equal((await s.ask(`@acme/kept/-/kept-1.0.0.tgz/-rev/${doc._rev}`, { method: 'DELETE' })).status, 409)
  assert.equal((await s.ask('@acme/kept/-/kept-1.0.0.tgz')).status, 200)
  delete doc.versions['1.0.0']
  assert.equal((await s.ask(`${path}/-rev/${doc._rev}`, { method: 'PUT', body: doc })).status, 200)
  assert.equal((await s.ask('@acme/kept/-/kept-1.0.0.tgz')).status, 404)
  assert.equal((await s.put(name, document(name, '1.0.0'))).status, 409)
  assert.equal((await s.put(name, document(name, '1.1.0'))).status, 409)
  assert.equal((await s.put(name, document(name, '1.0.0', ball))).status, 201)
  assert.equal((await s.ask(`${path}/-rev/${(await s.full(name))._rev}`, { method: 'DELETE' })).status, 200)
  for (const version of ['1.0.0', '1.1.0']) assert.equal((await s.put(name, document(name, version))).status, 409, `${version}, the whole package gone`)
})

test('a package of another tenant is not there; in one\'s own, taking away is for its owners', async () => {
  await s.publish('@acme/mine', '1.0.0')
  const doc = await s.full('@acme/mine')
  const path = '@acme%2fmine'
  for (const [method, at, body] of [['PUT', path, document('@acme/mine', '1.0.1')], ['PUT', path, doc], ['PUT', `${path}/-rev/${doc._rev}`, { ...doc, versions: {} }], ['DELETE', `${path}/-rev/${doc._rev}`],
    ['PUT', `-/package/${path}/dist-tags/beta`, '"1.0.0"'], ['DELETE', `-/package/${path}/dist-tags/latest`], ['PUT', `${path}/-rev/${doc._rev}`, { _id: doc._id, maintainers: [{ name: 'other', email: '' }] }]]) {
    assert.equal((await s.ask(at, { who: 'other', method, body })).status, 404, `another tenant: ${method} ${at}`)
    assert.equal((await s.ask(at, { who: 'viewer', method, body })).status, 403, `who only reads: ${method} ${at}`)
    assert.equal((await s.ask(at, { who: null, method, body })).status, 401, `nobody: ${method} ${at}`)
  }
  for (const [method, body] of [['PUT', { ...doc, versions: {} }], ['DELETE'], ['PUT', { _id: doc._id, maintainers: [{ name: 'mate', email: '' }] }]])
    assert.equal((await s.ask(`${path}/-rev/${doc._rev}`, { who: 'mate', method, body })).status, 403, `a mate: ${method} ${JSON.stringify(body)}`)
  assert.equal((await s.full('@acme/mine'))._rev, doc._rev)
  // in the scope that all share, publishing is for the owners as well
  await s.publish('@shared/mine', '1.0.0')
  assert.equal((await s.put('@shared/mine', document('@shared/mine', '1.0.1'), 'other')).status, 403)
  assert.equal((await s.ask('-/package/@shared%2fmine/dist-tags/beta', { who: 'other', method: 'PUT', body: '"1.0.0"' })).status, 403)
})

test('a token that is wrong is 401 everywhere, also where nobody needs one', async () => {
  const odd = [`rh_${'x'.repeat(36)}`, `${s.tokens.dev}x`, s.tokens.dev.slice(0, -1), s.tokens.dev.toUpperCase(), 'null', 'undefined', '{}', 'a'.repeat(5000), `${s.tokens.dev} ${s.tokens.dev}`]
  for (const who of odd)
    for (const path of ['-/ping', '-/whoami', '@acme%2fmine', 'lodash', '-/v1/search?text=x', '-/npm/v1/keys', '-/npm/v1/tokens'])
      assert.equal((await s.ask(path, { who })).status, 401, `${path} with ${who.slice(0, 40)}`)
  for (const header of ['Bearer', 'Bearer ', `bearer  ${'x'}`, 'Basic !!!', `Basic ${Buffer.from(`dev:rh_${'x'.repeat(36)}`).toString('base64')}`, `Basic ${Buffer.from('nocolon').toString('base64')}`])
    assert.ok([200, 401].includes((await s.ask('-/ping', { who: null, headers: { authorization: header } })).status), header)
  assert.equal((await s.ask('-/whoami', { who: null, headers: { authorization: `Basic ${Buffer.from(`dev:rh_${'x'.repeat(36)}`).toString('base64')}` } })).status, 401)
})

test('a logout ends the token at once, and only that one', async () => {
  const { body } = await login('mate', 'mate has a password')
  assert.equal((await s.ask('-/whoami', { who: body.token })).body.username, 'mate')
  assert.equal((await s.ask(`-/user/token/${encodeURIComponent(body.token)}`, { who: body.token, method: 'DELETE' })).status, 200)
  assert.equal((await s.ask('-/whoami', { who: body.token })).status, 401)
  assert.equal((await s.ask('-/whoami', { who: 'mate' })).status, 200)
  assert.ok(!s.r.log().includes(body.token), 'a token is in the log')
  assert.equal((await s.ask(`-/user/token/${'x'.repeat(36)}`, { method: 'DELETE' })).status, 404)
})

test('a login is for the user of the address, and nobody makes himself one', async () => {
  assert.equal((await login('dev', 'dev has a password', { path: 'owner' })).status, 400)
  assert.equal((await login('dev', 'dev has a password', { body: couch('dev', 'dev has a password', { name: undefined }) })).status, 400)
  for (const body of ['', '[]', '{"name":"dev"}', '{"name":"dev","password":1}', '{"name":"dev","name":"owner","password":"x"}']) assert.ok([400, 401].includes((await login('dev', 'x', { body })).status), body)
  const made = await login('stranger', 'a long enough password', { body: couch('stranger', 'a long enough password', { email: 's@example.org' }) })
  assert.equal(made.status, 401)
  assert.ok(!JSON.stringify(await s.api('GET', '/api/v1/users')).includes('stranger'))
  const who = await login('owner', 'owner has a password', { body: couch('owner', 'owner has a password', { roles: ['admin'], admin: true, type: 'admin' }) })
  assert.equal((await s.r.api('GET', '/api/v1/users', undefined, { authorization: `Bearer ${who.body.token}` })).status, 403)
})

test('a name of ours never goes upstream, whoever asks and however it is spelt', async () => {
  s.asked.length = 0
  for (const who of ['dev', 'other', null])
    for (const path of ['@acme%2fno-such', '@ACME%2fno-such', '@acme/no-such/-/no-such-1.0.0.tgz', '@acme%2fno-such/latest', '-/package/@acme%2fno-such/dist-tags', '@beta%2fno-such', '@shared%2fno-such'])
      assert.ok([401, 404].includes((await s.ask(path, { who })).status), path)
  await s.api('POST', '/api/v1/claims', { name: 'acme-secret-plan', tenant: 'acme' })
  for (const path of ['acme-secret-plan', 'ACME-secret-plan', 'acme-secret-plan/-/acme-secret-plan-1.0.0.tgz']) assert.equal((await s.ask(path)).status, 404, path)
  await s.ask('-/v1/search?text=acme-secret-plan')
  assert.deepEqual(s.asked.map((a) => a.url), [])
  assert.equal((await s.ask('lodash')).status, 404)
  assert.ok(s.asked.some((a) => a.url.includes('lodash')), 'public names do go there')
})

test('what goes upstream carries nothing of whoever asked, and an audit goes nowhere', async () => {
  s.asked.length = 0
  await s.ask('is-even', { headers: { cookie: 'session=1', 'npm-otp': '123456', 'x-forwarded-for': '10.0.0.1', 'npm-session': 'abc', referer: 'install @acme/secret', 'user-agent': 'npm/11 of dev' } })
  const tree = JSON.stringify({ '@acme/mine': ['1.0.0'], lodash: ['4.0.0'] })
  for (const [path, body, headers] of [['-/npm/v1/security/advisories/bulk', gzipSync(tree), { 'content-encoding': 'gzip' }], ['-/npm/v1/security/advisories/bulk', tree, {}],
    ['-/npm/v1/security/audits/quick', JSON.stringify({ name: 'x', version: '1.0.0', requires: {}, dependencies: { '@acme/mine': { version: '1.0.0' } } }), {}], ['-/npm/v1/security/audits', '{}', {}]]) {
    const answer = await s.ask(path, { method: 'POST', body, headers })
    assert.ok([200, 400, 404, 422].includes(answer.status), `${path}: ${answer.status} ${answer.text}`)
  }
  assert.ok(s.asked.length > 0)
  for (const { method, url, headers, body } of s.asked) {
    assert.equal(method, 'GET', url)
    assert.equal(body, '')
    const said = JSON.stringify(headers) + url
    for (const secret of [s.tokens.dev, 'session=1', '123456', '10.0.0.1', '@acme', 'npm/11 of dev']) assert.ok(!said.includes(secret), `${secret} went upstream`)
  }
})

test('wrong passwords are limited, alike for who is here and who is not, without telling which', async () => {
  const said = new Set()
  let limited = 0
  for (let i = 0; i < 40 && !limited; i++) {
    for (const name of ['viewer', 'nobody-here']) {
      const answer = await login(name, `guess ${i}`)
      if (answer.status === 429) {
        limited++
        assert.ok(Number(answer.headers.get('retry-after')) > 0)
      } else {
        assert.equal(answer.status, 401)
        said.add(answer.text)
      }
    }
  }
  assert.ok(limited > 0, 'nobody was limited')
  assert.equal(said.size, 1, [...said].join())
  // who has a token goes on
  assert.equal((await s.ask('-/whoami', { who: 'viewer' })).status, 200)
})
