// What a package asks of everybody who changes it, and the tokens that need no code.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Machine, client } from './clients.mjs'
import { publishDocument } from './publish.mjs'
import { Redhouse } from './redhouse.mjs'
import { App } from './totp.mjs'

describe('a package that asks for a second factor', { timeout: 300000 }, () => {
  let r, m, dir, codes
  const password = 'an owner of acme', tokens = {}
  const as = (name, more = {}) => ({ authorization: `Bearer ${tokens[name]}`, ...more })
  const put = (name, version, headers, pkg = '@acme/rule') => r.api('PUT', `/npm/${pkg.replace('/', '%2f')}`, publishDocument(pkg, version).body, as(name, headers))

  before(async () => {
    r = await Redhouse.start()
    const admin = { cookie: await r.login('admin', r.password) }
    Object.assign(tokens, await r.people(admin, password, [['acme', 'plain', 'owner'], ['acme', 'careful', 'owner']]))
    const session = { cookie: await r.login('careful', password) }
    const begun = await r.api('PUT', '/api/v1/me/factor', { mode: 'auth-and-writes', password }, session)
    codes = (await r.api('POST', '/api/v1/me/factor/confirmation', { code: await new App(begun.body.secret).code() }, session)).body.recovery_codes
    const made = await r.api('POST', '/npm/-/npm/v1/tokens', { password, name: 'robot', description: '', packages_all: true, packages_and_scopes_permission: 'read-write', bypass_2fa: true }, as('careful', { 'npm-otp': codes[0] }))
    assert.equal(made.status, 200, JSON.stringify(made.body))
    tokens.robot = made.body.token
    assert.equal((await put('plain', '1.0.0')).status, 201)
    m = new Machine(r, 'npm12', await client('npm12'), tokens.careful)
    dir = m.project('access')
  }, { timeout: 60000 })
  after(() => r?.stop())

  test('a token that bypasses the second factor publishes without a code, its owner does not', async () => {
    assert.equal((await put('careful', '1.0.1')).status, 401)
    assert.equal((await put('robot', '1.0.1')).status, 201)
    assert.equal((await r.api('POST', '/npm/-/npm/v1/tokens', { password, name: 'more' }, as('robot'))).status, 401)
  })

  test('who has no second factor cannot set a rule that would shut them out', async () => {
    const own = new Machine(r, 'npm11', await client('npm11'), tokens.plain)
    for (const mode of ['publish', 'automation'])
      assert.match(await own.fails(own.project('shut'), 'access', 'set', `mfa=${mode}`, '@acme/rule'), /403[^]*switch on your own second factor first/)
    assert.equal((await put('plain', '1.0.2')).status, 201)
  })

  test('npm access sets the rule: nobody without a second factor, and no such token', async () => {
    await m.run(dir, 'access', 'set', 'mfa=publish', '@acme/rule', '--otp', codes[6])
    const refused = await put('plain', '1.1.0')
    assert.deepEqual([refused.status, /Only who has a second factor/.test(refused.body.error)], [403, true])
    assert.equal((await put('robot', '1.1.0')).status, 401)
    assert.equal((await put('careful', '1.1.0', { 'npm-otp': codes[1] })).status, 201)
    assert.equal((await put('plain', '1.0.0', {}, '@acme/another')).status, 201)
  })

  test('with automation allowed such a token publishes, and a rule is taken back by who has a code only', async () => {
    const set = (name, body, headers) => r.api('POST', '/npm/-/package/@acme%2frule/access', body, as(name, headers))
    assert.equal((await set('plain', { publish_requires_tfa: false })).status, 403)
    assert.equal((await set('careful', { publish_requires_tfa: true, automation_token_overrides_tfa: true }, { 'npm-otp': codes[2] })).status, 200)
    assert.equal((await put('robot', '1.2.0')).status, 201)
    assert.equal((await put('plain', '1.3.0')).status, 403)
    assert.equal((await set('careful', { publish_requires_tfa: false }, { 'npm-otp': codes[3] })).status, 200)
    assert.equal((await put('plain', '1.3.0')).status, 201)
  })

  test('no header of a client opens another door', async () => {
    for (const headers of [{ 'npm-command': 'star' }, { 'npm-command': 'unstar' }, { 'npm-auth-type': 'legacy' }, { 'npm-otp': '' }, { 'npm-otp': 'x'.repeat(32) }])
      assert.equal((await put('careful', '2.0.0', headers)).status, 401, JSON.stringify(headers))
  })

  test('the API asks as npm\'s requests do: an upload, a tag, a deprecation, an owner', async () => {
    const [file] = Object.values(publishDocument('@acme/rule', '2.1.0').body._attachments)
    const upload = (headers) => fetch(`${r.url}/api/v1/tenants/acme/packages`, { method: 'POST', headers: { 'content-type': 'application/gzip', ...headers }, body: Buffer.from(file.data, 'base64') })
    const refused = await upload(as('careful'))
    assert.deepEqual([refused.status, refused.headers.get('www-authenticate'), (await refused.json()).code], [401, 'OTP', 'otp_required'])
    for (const [method, path, body] of [['PUT', 'tags/old', { version: '1.0.0' }], ['PATCH', 'versions/1.0.0', { deprecated: 'old' }], ['POST', 'owners', { user: 'plain' }]]) {
      const answer = await r.api(method, `/api/v1/packages/@acme%2frule/${path}`, body, as('careful'))
      assert.deepEqual([answer.status, answer.body.code], [401, 'otp_required'], path)
    }
    assert.equal((await upload(as('careful', { 'npm-otp': codes[5] }))).status, 201)
  })

  test('a token that needs no code does not judge what waits for a person', async () => {
    const staged = await r.api('POST', '/npm/-/stage/package/@acme%2frule', publishDocument('@acme/rule', '3.0.0').body, as('robot'))
    assert.equal(staged.status, 201, JSON.stringify(staged.body))
    assert.equal((await r.api('POST', `/npm/-/stage/${staged.body.stageId}/approve`, undefined, as('robot'))).status, 401)
    assert.equal((await r.api('POST', `/npm/-/stage/${staged.body.stageId}/approve`, undefined, as('robot', { 'npm-otp': codes[4] }))).status, 200)
  })
})
