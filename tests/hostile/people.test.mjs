// Users, tenants, members, tokens: what the API lets whom do, lists in pages, If-Match, Idempotency-Key.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'

import { People } from './people.mjs'

let people, admin

before(async () => {
  people = await People.start()
  admin = await people.person()
})
after(() => people.stop())

const user = async (name, role, tenant = 'acme') => {
  const answer = await admin.post('/api/v1/users', { name, password: `${name} horse 1`, ...(role ? { tenant, role } : {}) })
  assert.equal(answer.status, 201, answer.text)
  return people.person(name, `${name} horse 1`)
}

test('a user is made, read, changed and removed', async () => {
  const made = await admin.post('/api/v1/users', { name: 'ada', password: 'ada horse 1', email: 'ada@example.org', tenant: 'acme', role: 'viewer' })
  assert.equal(made.status, 201)
  assert.deepEqual(made.body.tenants, [{ slug: 'acme', role: 'viewer' }])
  assert.equal(made.body.email, 'ada@example.org')
  assert.match(made.body.created_at, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
  assert.equal(made.body.password, undefined)
  assert.equal((await admin.post('/api/v1/users', { name: 'ada', password: 'ada horse 1' })).body.code, 'user_exists')
  const changed = await admin.ask('PATCH', '/api/v1/users/ada', { body: { admin: null, email: 'a@example.org' } })
  assert.equal(changed.body.email, 'a@example.org')
  assert.equal(changed.body.admin, false)
  assert.equal((await admin.ask('PATCH', '/api/v1/users/ada', { body: { email: '' } })).body.email, null)
  const ada = await people.person('ada', 'ada horse 1')
  assert.equal((await admin.ask('DELETE', '/api/v1/users/ada')).status, 204)
  assert.equal((await ada.get('/api/v1/session')).status, 401)
  assert.equal((await admin.get('/api/v1/users/ada')).status, 404)
})

test('hostile members of a user are refused with a stable code', async () => {
  const bad = [
    [{ name: 'Ada Lovelace', password: 'long enough' }, 422], [{ name: '../x', password: 'long enough' }, 422],
    [{ name: 'x'.repeat(65), password: 'long enough' }, 422], [{ name: 'bob', password: 'short' }, 422],
    [{ name: 'bob', password: 'x'.repeat(300) }, 422], [{ name: 'bob', password: 'long enough', email: 'a\nb' }, 422],
    [{ name: 'bob', password: 'long enough', email: 'x'.repeat(300) }, 422], [{ name: 'bob', password: 'long enough', tenant: 'none' }, 422],
    [{ name: 'bob', password: 'long enough', tenant: 'acme', role: 'king' }, 422], [{ name: 'bob' }, 400], [{ name: 7, password: 'long enough' }, 400],
  ]
  for (const [body, status] of bad) {
    const answer = await admin.post('/api/v1/users', body)
    assert.equal(answer.status, status, JSON.stringify(body).slice(0, 80) + answer.text)
    assert.match(answer.headers['content-type'], /problem\+json/)
    assert.match(answer.body.code, /^[a-z_]+$/)
  }
  assert.equal((await admin.get('/api/v1/users/bob')).status, 404)
})

test('the last admin can neither go nor step down', async () => {
  assert.equal((await admin.ask('DELETE', '/api/v1/users/admin')).body.code, 'last_admin')
  assert.equal((await admin.ask('PATCH', '/api/v1/users/admin', { body: { admin: false } })).body.code, 'last_admin')
})

test('only admins see users and make tenants', async () => {
  const owner = await user('olga', 'owner')
  for (const [method, path, body] of [
    ['GET', '/api/v1/users'], ['POST', '/api/v1/users', { name: 'x', password: 'long enough' }], ['GET', '/api/v1/users/admin'],
    ['PATCH', '/api/v1/users/olga', { admin: true }], ['DELETE', '/api/v1/users/admin'], ['POST', '/api/v1/users/admin/password', { password: 'long enough' }],
    ['POST', '/api/v1/tenants', { slug: 'mine' }], ['DELETE', '/api/v1/tenants/acme'], ['GET', '/api/v1/users/admin/tokens'],
    ['POST', '/api/v1/users/admin/tokens', { name: 'x' }], ['DELETE', '/api/v1/users/admin/tokens/x'],
  ]) {
    const answer = await owner.ask(method, path, { body })
    assert.equal(answer.status, 403, `${method} ${path}`)
    assert.equal(answer.body.code, 'forbidden')
  }
})

test('a stranger cannot tell whether a tenant is there', async () => {
  await admin.post('/api/v1/tenants', { slug: 'hidden', name: 'Hidden' })
  const other = await user('otto', 'owner')
  const there = await other.get('/api/v1/tenants/hidden')
  const not = await other.get('/api/v1/tenants/nowhere')
  assert.equal(there.status, 404)
  assert.deepEqual({ ...there.body, request: '' }, { ...not.body, request: '' })
  assert.equal((await other.get('/api/v1/tenants/hidden/members')).status, 404)
  assert.equal((await other.ask('PUT', '/api/v1/tenants/hidden/members/otto', { body: { role: 'owner' } })).status, 404)
  assert.deepEqual((await other.get('/api/v1/tenants')).body.items.map((t) => t.slug), ['acme'])
})

test('owners manage members, others do not, and the last owner stays', async () => {
  await admin.post('/api/v1/tenants', { slug: 'team', name: 'Team' })
  const owner = await user('tom', 'owner', 'team')
  const viewer = await user('vera', 'viewer', 'team')
  const put = await owner.ask('PUT', '/api/v1/tenants/team/members/vera', { body: { role: 'developer' } })
  assert.equal(put.status, 200)
  assert.equal(put.body.role, 'developer')
  assert.equal((await viewer.get('/api/v1/session')).body.tenants[0].role, 'developer')
  assert.equal((await viewer.ask('PUT', '/api/v1/tenants/team/members/vera', { body: { role: 'owner' } })).status, 403)
  assert.equal((await viewer.ask('PATCH', '/api/v1/tenants/team', { body: { name: 'Mine' } })).status, 403)
  assert.equal((await owner.ask('PUT', '/api/v1/tenants/team/members/tom', { body: { role: 'viewer' } })).body.code, 'last_owner')
  assert.equal((await owner.ask('DELETE', '/api/v1/tenants/team/members/tom')).body.code, 'last_owner')
  assert.equal((await owner.ask('PUT', '/api/v1/tenants/team/members/vera', { body: { role: 'owner' } })).status, 200)
  assert.equal((await owner.ask('DELETE', '/api/v1/tenants/team/members/tom')).status, 204)
  assert.equal((await owner.get('/api/v1/tenants/team')).status, 404)
  assert.deepEqual((await viewer.get('/api/v1/tenants/team/members')).body.items.map((m) => [m.user, m.role]), [['vera', 'owner']])
})

test('a slug that is taken, reserved or malformed is refused', async () => {
  for (const [slug, code] of [['acme', 'slug_taken'], ['www', 'slug_reserved'], ['node-red', 'slug_reserved'], ['a--b', 'bad_slug'], ['Ä', 'bad_slug'],
    ['', 'bad_slug'], ['-a', 'bad_slug'], ['a'.repeat(41), 'bad_slug'], ['a.b', 'bad_slug']])
    assert.equal((await admin.post('/api/v1/tenants', { slug, name: 'X' })).body.code, code, slug)
})

test('lists come in pages that neither lose nor repeat anything', async () => {
  for (let i = 0; i < 7; i++) await admin.post('/api/v1/tenants', { slug: `page-${i}`, name: `Page ${i}` })
  for (const path of ['/api/v1/tenants', '/api/v1/users']) {
    const all = (await admin.get(`${path}?limit=200`)).body
    assert.equal(all.next, null)
    const seen = []
    for (let cursor = ''; cursor !== null; ) {
      const page = (await admin.get(`${path}?limit=2&cursor=${encodeURIComponent(cursor)}`)).body
      assert.ok(page.items.length <= 2)
      seen.push(...page.items)
      cursor = page.next
    }
    assert.deepEqual(seen, all.items)
  }
  assert.deepEqual((await admin.get('/api/v1/tenants?filter=page-&limit=3')).body.items.map((t) => t.slug), ['page-0', 'page-1', 'page-2'])
  assert.deepEqual((await admin.get('/api/v1/users?filter=olga')).body.items.map((u) => u.name), ['olga'])
  for (const limit of ['0', '201', '-1', 'x', '']) assert.equal((await admin.get(`/api/v1/users?limit=${limit}`)).status, 400, limit)
})

test('a change with If-Match is refused when somebody was faster', async () => {
  const first = await admin.get('/api/v1/tenants/page-1')
  assert.match(first.headers.etag, /^"[\w-]+"$/)
  assert.equal((await admin.get('/api/v1/tenants/page-1', { headers: { 'if-none-match': first.headers.etag } })).status, 304)
  const patch = (name, etag) => admin.ask('PATCH', '/api/v1/tenants/page-1', { body: { name }, headers: etag ? { 'if-match': etag } : {} })
  const second = await patch('Second', first.headers.etag)
  assert.equal(second.status, 200)
  const late = await patch('Third', first.headers.etag)
  assert.equal(late.status, 412)
  assert.equal(late.body.code, 'changed')
  assert.equal((await patch('Fourth', second.headers.etag)).status, 200)
  assert.equal((await patch('Fifth')).status, 200)
  const races = await Promise.all([...Array(6)].map(async (_, i) => (await patch(`Race ${i}`, (await admin.get('/api/v1/tenants/page-1')).headers.etag)).status))
  assert.ok(races.includes(200))
  const one = (await admin.get('/api/v1/tenants/page-1')).headers.etag
  const both = await Promise.all([...Array(6)].map((_, i) => patch(`Both ${i}`, one)))
  assert.equal(both.filter((a) => a.status === 200).length, 1)
  assert.equal((await admin.ask('PATCH', '/api/v1/users/olga', { body: { email: 'o@example.org' }, headers: { 'if-match': '"old"' } })).status, 412)
})

test('a token is shown once, works as its owner, and is refused once removed', async () => {
  const made = await admin.post('/api/v1/tokens', { name: 'ci', expires_days: 3 })
  assert.equal(made.status, 201)
  assert.match(made.body.token, /^rh_[0-9A-Za-z]{36}$/)
  const program = people.program(made.body.token)
  assert.equal((await program.get('/api/v1/session')).body.user.name, 'admin')
  const [listed] = (await admin.get('/api/v1/tokens')).body.items
  assert.equal(listed.id, made.body.id)
  assert.equal(listed.token, undefined)
  assert.ok(listed.scopes.includes('package:publish'))
  await people.tell('flush')
  assert.equal((await admin.get('/api/v1/tokens')).body.items[0].last_used_from, '127.0.0.1')
  assert.equal((await admin.ask('DELETE', `/api/v1/tokens/${made.body.id}`)).status, 204)
  assert.equal((await program.get('/api/v1/session')).status, 401)
  await people.restart()
  assert.equal((await program.get('/api/v1/session')).status, 401)
  assert.equal((await admin.ask('DELETE', `/api/v1/tokens/${made.body.id}`)).status, 404)
})

test('a token has at most its owner\'s rights, at any time', async () => {
  const dev = await user('dora', 'owner')
  const { body } = await dev.post('/api/v1/tokens', { name: 'all' })
  const program = people.program(body.token)
  assert.equal((await program.ask('PATCH', '/api/v1/tenants/acme', { body: { name: 'Acme 2' } })).status, 200)
  await admin.ask('PUT', '/api/v1/tenants/acme/members/dora', { body: { role: 'viewer' } })
  assert.equal((await program.ask('PATCH', '/api/v1/tenants/acme', { body: { name: 'Acme 3' } })).status, 403)
  await admin.ask('DELETE', '/api/v1/tenants/acme/members/dora')
  assert.equal((await program.get('/api/v1/tenants/acme')).status, 404)
})

test('a narrower token neither widens itself nor touches other tokens', async () => {
  const owner = people.program((await admin.post('/api/v1/tokens', { name: 'full', expires_days: 1 })).body.token)
  const narrow = await owner.post('/api/v1/tokens', { name: 'reader', read_only: true })
  assert.equal(narrow.status, 201)
  assert.ok(new Date(narrow.body.expires_at) - Date.now() <= 86400000)
  assert.deepEqual(narrow.body.scopes, ['tenant:read', 'instance:logs', 'editor:read', 'package:read'])
  const reader = people.program(narrow.body.token)
  assert.equal((await reader.get('/api/v1/tenants/acme')).status, 200)
  assert.equal((await reader.ask('PATCH', '/api/v1/tenants/acme', { body: { name: 'X' } })).status, 403)
  assert.equal((await reader.get('/api/v1/users')).status, 403)
  assert.equal((await reader.post('/api/v1/tokens', { name: 'wide' })).body.code, 'narrow_token')
  const [other] = (await admin.get('/api/v1/tokens')).body.items
  assert.equal((await reader.ask('DELETE', `/api/v1/tokens/${other.id}`)).body.code, 'narrow_token')
  assert.equal((await reader.ask('DELETE', `/api/v1/tokens/${narrow.body.id}`)).status, 204)
  assert.equal((await reader.get('/api/v1/session')).status, 401)
  for (const body of [{ name: 'x', scopes: [] }, { name: 'x', scopes: ['everything'] }, { name: 'x', scopes: 'platform' }, { name: '' }, { name: 'a\u0001b' },
    { name: 'x', expires_days: -1 }, { name: 'x', expires_days: 99999 },
    { name: 'x', expires_seconds: -1 }, { name: 'x', expires_seconds: 3650 * 86400 + 1 }, { name: 'x', expires_days: 1, expires_seconds: 1 }])
    assert.equal((await admin.post('/api/v1/tokens', body)).status, 422, JSON.stringify(body))
})

test('nobody removes another person\'s token but an admin', async () => {
  const nina = await user('nina', 'owner')
  const { body } = await nina.post('/api/v1/tokens', { name: 'hers' })
  const paul = await user('paul', 'owner')
  assert.equal((await paul.ask('DELETE', `/api/v1/tokens/${body.id}`)).status, 404)
  assert.equal((await people.program(body.token).get('/api/v1/session')).status, 200)
  assert.deepEqual((await admin.get('/api/v1/users/nina/tokens')).body.items.map((t) => t.name), ['hers'])
  assert.equal((await admin.ask('DELETE', `/api/v1/users/nina/tokens/${body.id}`)).status, 204)
  assert.equal((await people.program(body.token).get('/api/v1/session')).status, 401)
})

test('a POST that is sent again with its key is done once', async () => {
  const keyed = (key, path = '/api/v1/test/counted', who = admin, body = { a: 1 }) => who.post(path, body, { 'idempotency-key': key })
  const first = await keyed('one')
  const again = await keyed('one')
  assert.equal(first.status, 201)
  assert.equal(first.headers['idempotent-replayed'], undefined)
  assert.equal(again.status, 201)
  assert.equal(again.text, first.text)
  assert.equal(again.headers.location, '/api/v1/test/1')
  assert.equal(again.headers['idempotent-replayed'], 'true')
  assert.match(again.headers['content-type'], /application\/json/)
  assert.equal((await keyed('two')).body.count, first.body.count + 1)

  const reused = await keyed('one', '/api/v1/test/counted', admin, { a: 2 })
  assert.equal(reused.status, 422)
  assert.equal(reused.body.code, 'idempotency_key_reused')
  assert.equal((await keyed('one', '/api/v1/test/counted?x=1')).status, 422)

  const olga = await people.person('olga', 'olga horse 1')
  assert.equal((await keyed('one', '/api/v1/test/counted', olga)).headers['idempotent-replayed'], undefined)

  await people.restart()
  assert.equal((await keyed('one')).text, first.text)
  for (const key of ['', 'x'.repeat(256)]) assert.equal((await keyed(key)).body.code, 'bad_idempotency_key')
})

test('of two at the same moment one is done; failures may be tried again; old keys are forgotten', async () => {
  const slow = () => admin.post('/api/v1/test/counted?wait=400', { b: 1 }, { 'idempotency-key': 'slow' })
  const answers = await Promise.all([slow(), slow(), slow()])
  assert.deepEqual(answers.map((a) => a.status).sort(), [201, 409, 409])
  assert.ok(answers.every((a) => a.status === 201 || a.body.code === 'in_progress'))
  assert.equal((await slow()).headers['idempotent-replayed'], 'true')

  const failing = () => admin.post('/api/v1/test/failing', {}, { 'idempotency-key': 'fail' })
  assert.notEqual((await failing()).body.detail, (await failing()).body.detail)

  await people.tell('sql UPDATE idempotency SET at = at - 86400001')
  assert.equal((await slow()).headers['idempotent-replayed'], undefined)
})

test('an answer with a secret is not kept for its key', async () => {
  const make = () => admin.post('/api/v1/tokens', { name: 'keyed' }, { 'idempotency-key': 'secret' })
  const [first, second] = [await make(), await make()]
  assert.notEqual(first.body.token, second.body.token)
})
