// npm with a second factor: the profile, publishing, the page that asks for a code, logins.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Machine, client } from './clients.mjs'
import { Redhouse, until } from './redhouse.mjs'
import { App } from './totp.mjs'

let r
const admin = {}
const password = 'a developer of acme'
const form = (url, body) => fetch(url, { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded', origin: r.url }, body: new URLSearchParams(body) })
const page = /http:\S+\/-\/login\/[\w-]+/

before(async () => {
  r = await Redhouse.start()
  admin.cookie = await r.login('admin', r.password)
  assert.equal((await r.api('POST', '/api/v1/tenants', { slug: 'acme', name: 'Acme' }, admin)).status, 201)
}, { timeout: 60000 })
after(() => r?.stop())

for (const kind of ['npm10', 'npm11', 'npm12']) {
  describe(`${kind} with a second factor`, { timeout: 300000 }, () => {
    const name = `dev-${kind}`, pkg = `@acme/${kind}`
    let m, dir, token, app, codes

    before(async () => {
      assert.equal((await r.api('POST', '/api/v1/users', { name, password, email: 'dev@example.org', tenant: 'acme', role: 'owner' }, admin)).status, 201)
      token = await r.token(name, 'laptop')
      m = new Machine(r, kind, await client(kind), token)
      dir = m.project('profile')
    })
    const doc = async () => (await r.api('GET', `/npm/${pkg.replace('/', '%2f')}`, undefined, { authorization: `Bearer ${token}` })).body
    const profile = (body, headers = {}) => r.api(body ? 'POST' : 'GET', '/npm/-/npm/v1/user', body, { authorization: `Bearer ${token}`, ...headers })

    test('shows and sets the profile', async () => {
      assert.match(await m.run(dir, 'profile', 'get'), /two-factor auth.*disabled/)
      await m.run(dir, 'profile', 'set', 'fullname', 'Dev Eloper')
      await m.run(dir, 'profile', 'set', 'homepage', 'https://example.org/')
      await m.run(dir, 'profile', 'set', 'homepage', '')
      const { body } = await profile()
      assert.deepEqual([body.fullname, body.homepage, body.email, body.tfa, body.name], ['Dev Eloper', null, 'dev@example.org', null, name])
    })

    test('switches it on at a terminal', async () => {
      const at = m.terminal(dir, 'profile', 'enable-2fa', 'auth-and-writes')
      await at.asks(/password/i, password)
      app = new App((await at.asks(/enter code: ?\s*([A-Z2-7]{32})/))[1])
      await until('it asks for a code', () => /OTP code from/.test(at.text))
      at.stdin.write(`${await app.code()}\r`)
      assert.equal(await at.ended, 0, at.text)
      codes = at.text.match(/\d{4} \d{4} \d{4} \d{4}/g)
      assert.equal(codes.length, 10)
      assert.match(await m.run(dir, 'profile', 'get'), /two-factor auth.*auth-and-writes/)
    })

    test('publishes with --otp, and says EOTP without, also for a code that was used', async () => {
      const first = m.package(pkg, '1.0.0')
      assert.match(await m.fails(first, 'publish'), /EOTP/)
      assert.match(await m.fails(first, 'publish', '--otp', app.used()), /EOTP/)
      assert.match((await doc()).error, /There is no/)
      await m.run(first, 'publish', '--otp', await app.code())
      assert.match(await m.fails(m.package(pkg, '1.0.1'), 'publish', '--otp', app.used()), /EOTP/)
      await m.run(m.package(pkg, '1.1.0'), 'publish', '--otp', codes[0])
      assert.match(await m.fails(m.package(pkg, '1.2.0'), 'publish', '--otp', codes[0]), /EOTP/)
      assert.deepEqual(Object.keys((await doc()).versions), ['1.0.0', '1.1.0'])
    })

    test('publishes by the page that asks for a code', async () => {
      const at = m.terminal(m.package(pkg, '2.0.0'), 'publish')
      const [url] = await at.asks(page)
      const html = await (await fetch(url)).text()
      assert.match(html, new RegExp(`asks to change a package in your name[^]*<b>${name}</b>`))
      assert.doesNotMatch(html, /type="password"/)
      assert.equal((await form(url, { code: '000000' })).status, 401)
      assert.equal((await form(url, { user: name, password })).status, 401)
      assert.equal((await form(url, { code: codes[1] })).status, 200)
      assert.equal(await at.ended, 0, at.text)
      assert.equal((await fetch(url)).status, 404)
      assert.ok((await doc()).versions['2.0.0'])
    })

    test('what the page gave serves only who asked, with the credential that asked', async () => {
      const put = (headers) => r.api('PUT', `/npm/-/package/${pkg.replace('/', '%2f')}/dist-tags/old`, '1.0.0', headers)
      const challenge = await put({ authorization: `Bearer ${token}` })
      assert.deepEqual([challenge.status, challenge.headers.get('www-authenticate')], [401, 'OTP'])
      assert.equal((await r.api('GET', new URL(challenge.body.doneUrl).pathname)).status, 202)
      assert.equal((await form(challenge.body.authUrl, { code: codes[2] })).status, 200)
      const { body: { token: pass } } = await r.api('GET', new URL(challenge.body.doneUrl).pathname)
      assert.equal((await r.api('GET', new URL(challenge.body.doneUrl).pathname)).status, 404)
      const another = await r.token(name, 'another')
      assert.equal((await put({ authorization: `Bearer ${another}`, 'npm-otp': pass })).status, 401)
      assert.equal((await put({ authorization: `Bearer ${token}`, 'npm-otp': pass })).status, 200)
      const plain = await put({ authorization: `Bearer ${token}`, 'npm-auth-type': 'legacy' })
      assert.deepEqual([plain.status, plain.body.authUrl], [401, undefined])
    })

    test('asks for it before it deprecates, tags, unpublishes and makes a token', async () => {
      for (const args of [['deprecate', `${pkg}@1.0.0`, 'old'], ['dist-tag', 'add', `${pkg}@1.0.0`, 'older'], ['owner', 'add', 'admin', pkg], ['unpublish', `${pkg}@1.0.0`, '--force']])
        assert.match(await m.fails(dir, ...args), /EOTP|OTP required/, args[0])
      await m.run(dir, 'deprecate', `${pkg}@1.0.0`, 'old', '--otp', codes[3])
      await m.run(dir, 'unpublish', `${pkg}@1.0.0`, '--force', '--otp', codes[4])
      assert.equal((await doc()).versions['1.0.0'], undefined)
      const made = (headers) => r.api('POST', '/npm/-/npm/v1/tokens', { password, name: 'ci' }, { authorization: `Bearer ${token}`, ...headers })
      assert.equal((await made()).status, 401)
      assert.equal((await made({ 'npm-otp': codes[5] })).status, 200)
    })

    test('a login by password asks for a code, at the terminal and in the browser', async () => {
      const mine = new Machine(r, kind, m.path, null)
      const at = mine.terminal(dir, 'login', '--auth-type=legacy')
      await at.asks(/username/i, name)
      await at.asks(/password/i, password)
      await at.asks(/one-time password|OTP/i, codes[6])
      assert.equal(await at.ended, 0, at.text)
      assert.match(await mine.run(dir, 'whoami'), new RegExp(name))
      const other = new Machine(r, kind, m.path, null)
      const child = other.start(dir, 'login', '--auth-type=web')
      const url = await until('the login address', () => child.text.match(page)?.[0])
      assert.doesNotMatch(await (await fetch(url)).text(), /name="code"/)
      const second = await form(url, { user: name, password })
      assert.equal(second.status, 401)
      assert.match(await second.text(), /name="code"/)
      assert.equal((await form(url, { code: 'wrong' })).status, 401)
      assert.equal((await form(url, { code: codes[7] })).status, 200)
      assert.equal(await child.ended, 0, child.text)
      assert.ok(readFileSync(join(other.home, '.npmrc'), 'utf8').includes('_authToken=rh_'))
    })

    test('changes the mode and the password, then switches it off at a terminal', async () => {
      assert.equal((await profile({ tfa: { mode: 'auth-only', password } })).status, 401)
      assert.equal((await profile({ tfa: { mode: 'auth-only', password } }, { 'npm-otp': codes[8] })).body.tfa.mode, 'auth-only')
      assert.match(await m.run(dir, 'dist-tag', 'add', `${pkg}@1.1.0`, 'older'), /older/)
      assert.equal((await profile({ password: { old: password, new: 'another of acme' } })).status, 401)
      assert.equal((await profile({ password: { old: 'wrong', new: 'another of acme' } }, { 'npm-otp': codes[9] })).status, 403)
      assert.equal((await profile({ password: { old: password, new: 'another of acme' } }, { 'npm-otp': codes[9] })).status, 200)
      const at = m.terminal(dir, 'profile', 'disable-2fa')
      await at.asks(/password/i, 'another of acme')
      await at.asks(/one-time password|OTP/i, await app.code())
      assert.equal(await at.ended, 0, at.text)
      assert.equal((await profile()).body.tfa, null)
    })
  })
}
