// The second factor at the API and at the command line.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Redhouse, sleep } from './redhouse.mjs'
import { App } from './totp.mjs'

describe('the second factor', { timeout: 400000 }, () => {
  let r, admin, session, app, codes
  const password = 'a developer of acme'
  const ask = (method, path, body, headers = { cookie: session }) => r.api(method, path, body, headers)
  const login = (more = {}) => r.api('POST', '/api/v1/session', { username: 'dev', password, ...more })
  const cookie = (answer) => answer.headers.get('set-cookie').split(';')[0]

  before(async () => {
    r = await Redhouse.start()
    admin = { cookie: await r.login('admin', r.password) }
    assert.equal((await r.api('POST', '/api/v1/tenants', { slug: 'acme', name: 'Acme' }, admin)).status, 201)
    for (const name of ['dev', 'other'])
      assert.equal((await r.api('POST', '/api/v1/users', { name, password, tenant: 'acme' }, admin)).status, 201)
    session = await r.login('dev', password)
  }, { timeout: 60000 })
  after(() => r?.stop())

  test('what was begun is not in force, outlives kill -9, and needs the password', async () => {
    assert.equal((await ask('PUT', '/api/v1/me/factor', { mode: 'auth-only', password: 'wrong' })).body.code, 'wrong_password')
    assert.equal((await ask('PUT', '/api/v1/me/factor', { mode: 'always', password })).body.code, 'bad_mode')
    const begun = await ask('PUT', '/api/v1/me/factor', { mode: 'auth-only', password })
    assert.equal(begun.status, 200, JSON.stringify(begun.body))
    assert.match(begun.body.otpauth, /^otpauth:\/\/totp\/localhost%3A\d+:dev\?secret=[A-Z2-7]{32}&issuer=localhost%3A\d+$/)
    app = new App(begun.body.secret)
    assert.equal((await login()).status, 200)
    await r.kill()
    await r.serve()
    const me = await ask('GET', '/api/v1/me')
    assert.deepEqual([me.body.second_factor.mode, me.body.second_factor.pending], ['auth-only', true])
    assert.equal(me.body.secret, undefined)
  })

  test('its first code puts it in force, at once and for good, and ends other logins', async () => {
    const elsewhere = cookie(await login())
    assert.equal((await ask('POST', '/api/v1/me/factor/confirmation', { code: '123' })).body.code, 'wrong_otp')
    const done = await ask('POST', '/api/v1/me/factor/confirmation', { code: await app.code() })
    assert.equal(done.status, 200, JSON.stringify(done.body))
    codes = done.body.recovery_codes
    assert.equal(new Set(codes).size, 10)
    for (const code of codes) assert.match(code, /^\d{4} \d{4} \d{4} \d{4}$/)
    await r.kill()
    await r.serve()
    assert.equal((await ask('GET', '/api/v1/me')).body.second_factor.recovery_codes_left, 10)
    assert.equal((await ask('GET', '/api/v1/session')).body.user.second_factor, 'auth-only')
    assert.equal((await ask('GET', '/api/v1/session', undefined, { cookie: elsewhere })).status, 401)
  })

  test('a login takes two steps at one address, and says nothing of it to who has no password', async () => {
    assert.deepEqual([(await login({ password: 'wrong' })).body.code, (await login({ password: 'wrong', code: '000000' })).body.code], ['bad_credentials', 'bad_credentials'])
    const asked = await login()
    assert.deepEqual([asked.status, asked.body.code, asked.headers.get('www-authenticate')], [401, 'otp_required', 'OTP'])
    assert.equal((await login({ code: app.used() })).body.code, 'wrong_otp')
    const code = await app.code()
    assert.equal((await login({ code })).status, 200)
    assert.equal((await login({ code })).body.code, 'wrong_otp')
    assert.equal((await login({ code: codes[0] })).status, 200)
    assert.equal((await login({ code: codes[0] })).body.code, 'wrong_otp')
  })

  test('of ten at once with one code, one gets in', async () => {
    for (const code of [await app.code(), codes[9]]) {
      const said = await Promise.all(Array.from({ length: 8 }, () => login({ code })))
      assert.equal(said.filter((a) => a.status === 200).length, 1, said.map((a) => a.status).join(' '))
    }
  })

  test('tokens, profile and password ask for it, but not again at once in a session that has shown it', async () => {
    const token = await r.token('dev', 'all')
    const bearer = { authorization: `Bearer ${token}` }
    const stale = cookie(await login({ code: await app.code() }))
    await r.kill() // what was shown lately is kept in memory only
    await r.serve()
    for (const headers of [bearer, { cookie: stale }]) {
      assert.equal((await ask('POST', '/api/v1/tokens', { name: 'more' }, headers)).body.code, 'otp_required')
      assert.equal((await ask('PATCH', '/api/v1/me', { fullname: 'D' }, headers)).body.code, 'otp_required')
    }
    const { loginUrl, doneUrl } = (await r.api('POST', '/npm/-/v1/login', {})).body
    const page = await fetch(loginUrl, { method: 'POST', headers: { cookie: stale, origin: r.url, 'content-type': 'application/x-www-form-urlencoded' }, body: 'use=session' })
    assert.equal(page.status, 401)
    assert.match(await page.text(), /name="code"/)
    assert.equal((await fetch(doneUrl)).status, 202)
    assert.equal((await ask('PATCH', '/api/v1/me', { fullname: 'D' }, { cookie: stale, 'npm-otp': await app.code() })).body.fullname, 'D')
    assert.equal((await ask('POST', '/api/v1/tokens', { name: 'more' }, { cookie: stale })).status, 201)
    assert.equal((await ask('POST', '/api/v1/session/password', { old: password, new: 'another long one' }, { cookie: stale })).body.code, 'otp_required')
    assert.equal((await ask('POST', '/api/v1/tokens', { name: 'more' }, bearer)).body.code, 'otp_required')
  })

  test('sessions are listed and ended, one\'s own only', async () => {
    const other = { cookie: await r.login('other', password) }
    const mine = (await ask('GET', '/api/v1/me/sessions')).body.items
    const theirs = (await ask('GET', '/api/v1/me/sessions', undefined, other)).body.items
    assert.ok(mine.length > 1)
    assert.equal(theirs.length, 1)
    assert.equal((await ask('DELETE', `/api/v1/me/sessions/${theirs[0].id}`)).status, 404)
    const { session: current } = (await ask('GET', '/api/v1/me')).body
    for (const { id } of mine.filter((s) => s.id !== current)) assert.equal((await ask('DELETE', `/api/v1/me/sessions/${id}`)).status, 204)
    assert.deepEqual((await ask('GET', '/api/v1/me/sessions')).body.items.map((s) => s.id), [current])
  })

  test('the mode is changed and it is switched off with password and a fresh code only', async () => {
    assert.equal((await ask('PUT', '/api/v1/me/factor', { mode: 'auth-and-writes', password })).body.code, 'otp_required')
    assert.equal((await ask('PUT', '/api/v1/me/factor', { mode: 'auth-and-writes', password, code: await app.code() })).body.second_factor.mode, 'auth-and-writes')
    const fresh = await ask('POST', '/api/v1/me/factor/codes', { password, code: codes[1] })
    assert.equal(fresh.body.recovery_codes.length, 10)
    assert.equal((await login({ code: codes[2] })).body.code, 'wrong_otp')
    assert.equal((await ask('PUT', '/api/v1/me/factor', { mode: 'none', password })).body.code, 'otp_required')
    assert.equal((await ask('PUT', '/api/v1/me/factor', { mode: 'none', password, code: fresh.body.recovery_codes[0] })).body.second_factor, null)
    assert.equal((await login()).status, 200)
  })

  test('an admin takes it away from who lost all, at the API and at the command line, and the log tells', async () => {
    for (const reset of [
      () => ask('DELETE', '/api/v1/users/dev/factor', undefined, admin).then((a) => assert.equal(a.status, 204)),
      () => r.run('user', 'reset-factor', 'dev'),
    ]) {
      const begun = await ask('PUT', '/api/v1/me/factor', { mode: 'auth-only', password })
      app = new App(begun.body.secret)
      assert.equal((await ask('POST', '/api/v1/me/factor/confirmation', { code: await app.code() })).status, 200)
      assert.equal((await login()).status, 401)
      assert.equal((await ask('DELETE', '/api/v1/users/dev/factor')).status, 403)
      await reset()
      assert.equal((await login()).status, 200)
    }
    assert.match(r.log(), /a second factor was reset user=dev by=admin/)
    assert.equal((await ask('DELETE', '/api/v1/users/dev/factor', undefined, admin)).body.code, 'no_factor')
  })

  test('wrong codes are limited as wrong passwords are', async () => {
    const begun = await ask('PUT', '/api/v1/me/factor', { mode: 'auth-only', password }, { cookie: await r.login('other', password) })
    assert.equal(begun.status, 200)
    const other = { cookie: await r.login('other', password) }
    let last
    for (let i = 0; i < 12; i++) {
      last = await ask('POST', '/api/v1/me/factor/confirmation', { code: '12345' }, other)
      if (last.status === 429) break
      await sleep(1)
    }
    assert.deepEqual([last.status, last.body.code], [429, 'otp_limited'])
  })
})
