// Login at the portal, the ticket that carries it to an instance, logout, limits, foreign origins.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'

import { Backend } from './harness.mjs'
import { COOKIE, PASSWORD, People } from './people.mjs'

let people, backend

before(async () => {
  people = await People.start()
  backend = new Backend(people.socket, (socket, request) => {
    const body = JSON.stringify({ identity: request.headers['x-redhouse-identity'] ?? null, cookie: request.headers.cookie ?? null })
    socket.write(`HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
  })
  await backend.listen()
})
after(async () => {
  await people.stop()
  await backend.close()
})

const identity = (answer) =>
  answer.body.identity && JSON.parse(Buffer.from(answer.body.identity.split('.')[0], 'base64url').toString())

test('a login answers who it is and sets a cookie that scripts cannot read', async () => {
  const browser = people.browser()
  const answer = await browser.post('/api/v1/session', { username: 'admin', password: PASSWORD })
  assert.equal(answer.status, 200)
  assert.deepEqual(answer.body.user, { name: 'admin', email: null, admin: true, must_change_password: false, second_factor: null })
  assert.equal(answer.body.tenants[0].slug, 'acme')
  const [line] = answer.headers['set-cookie']
  assert.match(line, new RegExp(`^${COOKIE}=[A-Za-z0-9_-]{43}; Path=/; HttpOnly; SameSite=Lax; Max-Age=\\d+$`))
  assert.equal((await browser.get('/api/v1/session')).body.user.name, 'admin')
})

test('a wrong password, an unknown name and no name get the same answer', async () => {
  const answers = [
    await people.browser().post('/api/v1/session', { username: 'admin', password: 'wrong horse' }),
    await people.browser().post('/api/v1/session', { username: 'nobody', password: 'wrong horse' }),
    await people.browser().post('/api/v1/session', { username: '', password: '' }),
  ]
  for (const answer of answers) {
    assert.equal(answer.status, 401)
    assert.equal(answer.body.code, 'bad_credentials')
    assert.equal(answer.body.detail, answers[0].body.detail)
    assert.equal(answer.headers['set-cookie'], undefined)
  }
})

test('without a login there is no session, and an ended one counts no more', async () => {
  assert.equal((await people.browser().get('/api/v1/session')).status, 401)
  const browser = await people.person()
  const value = browser.cookie('localhost')
  assert.equal((await browser.ask('DELETE', '/api/v1/session')).status, 204)
  assert.equal(browser.cookie('localhost'), undefined)
  assert.equal((await browser.get('/api/v1/session', { headers: { cookie: `${COOKIE}=${value}` } })).status, 401)
})

test('a login is carried to an instance by one round through the portal', async () => {
  const browser = await people.person()
  const answer = await browser.follow(`${people.editor}/.redhouse/login?to=${encodeURIComponent('/deep?x=1&y=2')}`)
  assert.equal(answer.status, 200)
  assert.equal(answer.trail.at(-1), `${people.editor}/deep?x=1&y=2`)
  assert.equal(answer.trail.length, 4)
  assert.equal(identity(answer).u, 'admin')
  assert.equal(answer.body.cookie, null)
  assert.notEqual(browser.cookie('demo.localhost'), browser.cookie('localhost'))
})

test('a link of the portal to an instance ends at the instance, logged in', async () => {
  const browser = await people.person()
  const answer = await browser.follow(`${people.url}/.redhouse/ticket?to=${encodeURIComponent(`${people.editor}/`)}`)
  assert.equal(answer.status, 200)
  assert.equal(answer.trail.at(-1), `${people.editor}/`)
  assert.ok(identity(answer))
})

test('whoever is not logged in is sent to the login page with the way back', async () => {
  const browser = people.browser()
  const first = await browser.get(`${people.editor}/.redhouse/login?to=/x`)
  assert.equal(first.status, 302)
  const second = await browser.get(first.headers.location)
  assert.equal(second.status, 302)
  const login = new URL(second.headers.location)
  assert.equal(`${login.origin}${login.pathname}`, `${people.url}/login`)
  assert.equal(login.searchParams.get('to'), `${people.editor}/x`)
})

test('a ticket opens nothing in another browser, on another host, or twice', async () => {
  const victim = await people.person()
  const attacker = await people.person()
  await attacker.get(`${people.editor}/.redhouse/login`)
  const asked = await attacker.get(`${people.editor}/.redhouse/login`)
  const ticket = (await attacker.get(asked.headers.location)).headers.location
  assert.match(ticket, /\/\.redhouse\/session\?ticket=/)

  const elsewhere = await victim.get(ticket)
  assert.equal(elsewhere.status, 302)
  assert.match(elsewhere.headers.location, /\/\.redhouse\/ticket\?/)
  assert.equal(victim.cookie('demo.localhost'), undefined)

  const other = ticket.replace('demo.localhost', 'demo--app.localhost')
  await attacker.get(`${people.app}/.redhouse/login`)
  assert.match((await attacker.get(other)).headers.location, /\/\.redhouse\/ticket\?/)
  assert.equal(attacker.cookie('demo--app.localhost'), undefined)

  assert.equal((await attacker.get(ticket)).headers.location, '/')
  assert.ok(attacker.cookie('demo.localhost'))
  assert.match((await attacker.get(ticket)).headers.location, /\/\.redhouse\/ticket\?/)
})

test('the portal sends nobody and no ticket to an address that is no instance of ours', async () => {
  const browser = await people.person()
  const bad = [
    'https://evil.example/', `http://evil.example:${people.port}/`, '//evil.example/', '/path', '', 'javascript:alert(1)',
    `http://demo.localhost:${people.port}@evil.example/`, `http://evil.example:${people.port}@demo.localhost/`,
    `http://demo.localhost:${people.port === 80 ? 81 : 80}/`, 'http://demo.localhost/', `http://demo.localhost:${people.port}\\@evil.example/`,
    `http://demo.localhost.evil.example:${people.port}/`, `http://localhost:${people.port}/`, `https://demo.localhost:${people.port}/`,
    `http://demo.localhost:${people.port}?x`, `http://demo.localhost:${people.port}#x`, `http://other.localhost:${people.port}/`,
    `http://demo.localhost:${people.port}/a\r\nset-cookie: x=y`, `http:///demo.localhost:${people.port}/`,
  ]
  for (const to of bad) {
    for (const who of [browser, people.browser()]) {
      const answer = await who.get(`/.redhouse/ticket?to=${encodeURIComponent(to)}`)
      assert.equal(answer.status, 400, to)
      assert.equal(answer.headers.location, undefined)
    }
  }
  assert.equal((await browser.get('/.redhouse/ticket')).status, 400)
})

test('after login an instance sends people only to paths of its own', async () => {
  for (const to of ['//evil.example/', '/\\evil.example/', 'https://evil.example/', 'evil', '/a\r\nx: y', '\\\\evil.example']) {
    const browser = await people.person()
    const answer = await browser.follow(`${people.editor}/.redhouse/login?to=${encodeURIComponent(to)}`)
    assert.equal(answer.trail.at(-1), `${people.editor}/`, to)
  }
})

test('logout at an instance ends the login at the portal and at the other instances', async () => {
  const browser = await people.person()
  await browser.follow(`${people.editor}/.redhouse/login`)
  await browser.follow(`${people.app}/.redhouse/login`)
  assert.ok(browser.cookie('demo--app.localhost'))
  const jar = new Map(browser.jars.get('demo--app.localhost'))
  const answer = await browser.get(`${people.editor}/.redhouse/logout`)
  assert.equal(answer.status, 303)
  assert.equal(answer.headers.location, `${people.url}/login`)
  assert.equal((await browser.get('/api/v1/session')).status, 401)
  browser.jars.set('demo--app.localhost', jar)
  assert.equal((await browser.get(`${people.app}/x`)).body.identity, null)
  assert.equal((await browser.get(`${people.editor}/x`)).body.identity, null)
})

test('logout works by POST as well, and a picture or a foreign page cannot log anybody out', async () => {
  const browser = await people.person()
  await browser.follow(`${people.editor}/.redhouse/login`)
  const logout = `${people.editor}/.redhouse/logout`
  assert.equal((await browser.get(logout, { headers: { 'sec-fetch-dest': 'image' } })).status, 403)
  assert.equal((await browser.post(logout, undefined, { origin: 'http://evil.example' })).status, 403)
  assert.equal((await browser.get('/api/v1/session')).status, 200)
  assert.equal((await browser.post(logout)).status, 303)
  assert.equal((await browser.get('/api/v1/session')).status, 401)
})

test('a portal cookie is worth nothing at an instance, and the other way round', async () => {
  const browser = await people.person()
  await browser.follow(`${people.editor}/.redhouse/login`)
  const portal = browser.cookie('localhost')
  const editor = browser.cookie('demo.localhost')
  const stranger = people.browser()
  assert.equal((await stranger.get(`${people.editor}/`, { headers: { cookie: `${COOKIE}=${portal}` } })).body.identity, null)
  assert.equal((await stranger.get('/api/v1/session', { headers: { cookie: `${COOKIE}=${editor}` } })).status, 401)
})

test('an unsafe request with a cookie must come from the portal itself', async () => {
  const browser = await people.person()
  const foreign = [{ origin: 'http://evil.example' }, { origin: people.editor }, { origin: people.app }, { origin: 'null' }, { origin: null },
    { origin: null, 'sec-fetch-site': 'same-site' }, { origin: null, 'sec-fetch-site': 'cross-site' }, { origin: `https://localhost:${people.port}` }]
  for (const headers of foreign) {
    const answer = await browser.post('/api/v1/tenants', { slug: 'stolen' }, headers)
    assert.equal(answer.status, 403, JSON.stringify(headers))
    assert.equal(answer.body.code, 'foreign_origin')
  }
  assert.equal((await browser.get('/api/v1/tenants/stolen')).status, 404)
  assert.equal((await browser.post('/api/v1/tenants', { slug: 'ours' })).status, 201)
})

test('a login form of another page cannot log its visitor in', async () => {
  const answer = await people.browser().ask('POST', '/api/v1/session', {
    raw: JSON.stringify({ username: 'admin', password: PASSWORD }),
    headers: { 'content-type': 'text/plain', origin: 'http://evil.example' },
  })
  assert.equal(answer.status, 415)
  assert.equal(answer.headers['set-cookie'], undefined)
})

test('a person who must change the password can do nothing else, and the change ends other sessions', async () => {
  const admin = await people.person()
  assert.equal((await admin.post('/api/v1/users', { name: 'mia', password: 'first horse', must_change_password: true, tenant: 'acme', role: 'owner' })).status, 201)
  const mia = await people.person('mia', 'first horse')
  const other = await people.person('mia', 'first horse')
  const refused = await mia.get('/api/v1/tenants')
  assert.equal(refused.status, 403)
  assert.equal(refused.body.code, 'password_change_required')
  assert.equal((await mia.get('/api/v1/session')).body.user.must_change_password, true)
  const carried = await mia.get(`/.redhouse/ticket?to=${encodeURIComponent(`${people.editor}/`)}`)
  assert.match(carried.headers.location, /\/login\?to=/)

  assert.equal((await mia.post('/api/v1/session/password', { old: 'first horse', new: 'first horse' })).body.code, 'same_password')
  assert.equal((await mia.post('/api/v1/session/password', { old: 'wrong horse', new: 'second horse' })).body.code, 'wrong_password')
  assert.equal((await mia.post('/api/v1/session/password', { old: 'first horse', new: 'short' })).status, 422)
  assert.equal((await mia.post('/api/v1/session/password', { old: 'first horse', new: 'second horse' })).status, 204)
  assert.equal((await mia.get('/api/v1/tenants')).status, 200)
  assert.equal((await other.get('/api/v1/session')).status, 401)

  assert.equal((await admin.post('/api/v1/users/mia/password', { password: 'third horse' })).status, 204)
  assert.equal((await mia.get('/api/v1/session')).status, 401)
  assert.equal((await (await people.person('mia', 'third horse')).get('/api/v1/tenants')).status, 403)
})

test('too many failures stop a name, with Retry-After, but not people who are known at their address', async () => {
  const admin = await people.person()
  await admin.post('/api/v1/users', { name: 'leo', password: 'lion horse' })
  for (let i = 0; i < 10; i++)
    assert.equal((await people.browser().post('/api/v1/session', { username: 'leo', password: `guess ${i} horse` })).status, 401)
  const limited = await people.browser().post('/api/v1/session', { username: 'leo', password: 'lion horse' })
  assert.equal(limited.status, 429)
  assert.equal(limited.body.code, 'login_limited')
  assert.ok(Number(limited.headers['retry-after']) > 0)
  assert.equal((await people.browser().post('/api/v1/session', { username: 'admin', password: PASSWORD })).status, 200)
})

test('sessions outlive a restart of the server, tickets do not', async () => {
  const browser = await people.person()
  const asked = await browser.get(`${people.editor}/.redhouse/login`)
  const ticket = (await browser.get(asked.headers.location)).headers.location
  await people.restart()
  assert.equal((await browser.get('/api/v1/session')).status, 200)
  assert.match((await browser.get(ticket)).headers.location, /\/\.redhouse\/ticket\?/)
  assert.equal((await browser.follow(ticket)).status, 200)
})

test('the state of an instance is told without a login', async () => {
  const answer = await people.browser().get(`${people.editor}/.redhouse/state`)
  assert.deepEqual(answer.body, { state: 'running', cause: null })
  assert.equal((await people.browser().get('/.redhouse/state')).status, 404)
})
