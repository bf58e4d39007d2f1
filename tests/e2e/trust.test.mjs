// Trusted publishing: a CI job shows its ID token and publishes, and nobody else does.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHmac, createSign, generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Machine, client } from './clients.mjs'
import { Ci } from './oidc.mjs'
import { publishDocument } from './publish.mjs'
import { Redhouse } from './redhouse.mjs'

let r, ci, stranger, dev, cookie
const job = { repository: 'acme/red-one', workflow_ref: 'acme/red-one/.github/workflows/release.yml@refs/heads/main', environment: 'npm', ref: 'refs/heads/main' }
const escape = (name) => name.replace('/', '%2f')

before(async () => {
  r = await Redhouse.start({ args: ['--platform-scope', '@shared'] })
  ci = await Ci.start('npm:localhost')
  stranger = await Ci.start('npm:localhost')
  const admin = { cookie: await r.login('admin', r.password) }
  const ok = (answer) => assert.ok(answer.status < 300, `${answer.status} ${JSON.stringify(answer.body)}`)
  for (const slug of ['acme', 'beta']) ok(await r.api('POST', '/api/v1/tenants', { slug, name: slug }, admin))
  for (const [name, tenant] of [['dev', 'acme'], ['eve', 'beta']])
    ok(await r.api('POST', '/api/v1/users', { name, password: `${name} has a password`, tenant, role: 'developer' }, admin))
  dev = await r.token('dev', 'laptop')
  cookie = await r.login('dev', 'dev has a password')
  await r.run('issuer', 'add', 'github', '--address', ci.url)
  for (const name of ['@acme/red-one', '@acme/red-two']) ok(await r.api('PUT', `/npm/${escape(name)}`, publishDocument(name, '1.0.0').body, bearer(dev)))
}, { timeout: 120000 })

after(async () => {
  await r?.stop()
  ci?.stop()
  stranger?.stop()
})

const bearer = (token) => ({ authorization: `Bearer ${token}` })
const exchange = (idToken, name = '@acme/red-one', base = '') => r.api('POST', `${base}/-/npm/v1/oidc/token/exchange/package/${escape(name)}`, undefined, bearer(idToken))
const trust = async (name, claims, more = {}) => {
  const answer = await r.api('POST', `/api/v1/packages/${name}/trust`, { issuer: 'github', claims, ...more }, { cookie })
  assert.equal(answer.status, 201, JSON.stringify(answer.body))
  return answer.body.items.at(-1)
}
const rows = async (name) => (await r.api('GET', `/api/v1/packages/${name}/trust`, undefined, { cookie })).body.items
const forget = async (name) => { for (const row of await rows(name)) await r.api('DELETE', `/api/v1/packages/${name}/trust/${row.id}`, undefined, { cookie }) }
const publish = (name, version, token) => r.api('PUT', `/npm/${escape(name)}`, publishDocument(name, version).body, bearer(token))

for (const kind of ['npm11', 'npm12']) {
  test(`${kind} says whom a package trusts, and publishes from the job without a token of its own`, { timeout: 120000 }, async () => {
    const name = `@acme/red-${kind}`, person = new Machine(r, kind, await client(kind), dev), dir = person.project('trust')
    await person.run(person.package(name, '1.0.0'), 'publish')
    const said = await person.run(dir, 'trust', 'github', name, '--repository=acme/red-one', '--file=release.yml', '--environment=npm', '--allow-publish', '--yes')
    assert.match(said, /acme\/red-one/)
    assert.match(await person.run(dir, 'trust', 'list', name), /type: github[^]*file: release.yml[^]*repository: acme\/red-one[^]*environment: npm/)
    const [row] = await rows(name)
    assert.deepEqual(row.claims, { repository: 'acme/red-one', workflow_ref: 'acme/red-one/.github/workflows/release.yml@*', environment: 'npm' })

    const runner = new Machine(r, kind, person.path)
    Object.assign(runner.env, ci.github(job))
    assert.match(await runner.run(runner.package(name, '1.1.0'), 'publish'), new RegExp(`\\+ ${name}@1.1.0`))
    await runner.run(runner.project('tag'), 'dist-tag', 'add', `${name}@1.1.0`, 'stable')
    const doc = (await r.api('GET', `/npm/${escape(name)}`, undefined, bearer(dev))).body
    assert.deepEqual(doc.versions['1.1.0']._npmUser, { name: 'github', email: '', trustedPublisher: { id: 'github' } })
    assert.equal(doc['dist-tags'].stable, '1.1.0')
    const shown = (await r.api('GET', `/api/v1/packages/${name}`, undefined, bearer(dev))).body.versions.find((v) => v.version === '1.1.0')
    assert.deepEqual([shown.publisher, shown.source], ['github', 'trusted'])
    assert.ok((await rows(name))[0].last_used_at)

    Object.assign(runner.env, ci.github({ ...job, repository: 'mallory/red-one', workflow_ref: 'mallory/red-one/.github/workflows/release.yml@refs/heads/main' }))
    assert.match(await runner.fails(runner.package(name, '1.2.0'), 'publish'), /ENEEDAUTH|E401/)
    assert.match((await rows(name))[0].last_refused, /repository is "mallory\/red-one"; "acme\/red-one" was expected/)

    await person.run(dir, 'trust', 'revoke', name, `--id=${row.id}`)
    assert.deepEqual(await rows(name), [])
    Object.assign(runner.env, ci.github(job))
    assert.match(await runner.fails(runner.package(name, '1.3.0'), 'publish'), /ENEEDAUTH|E401/)
  })
}

test('a job of GitLab\'s kind shows the token that it was given', { timeout: 120000 }, async () => {
  const other = await Ci.start('npm:localhost'), kind = 'npm11'
  try {
    await r.run('issuer', 'add', 'gitlab', '--address', other.url)
    const person = new Machine(r, kind, await client(kind), dev)
    await person.run(person.project('lab'), 'trust', 'gitlab', '@acme/red-two', '--project=acme/nodes/two', '--file=.gitlab-ci.yml', '--allow-publish', '--yes')
    const claims = { project_path: 'acme/nodes/two', ci_config_ref_uri: `${other.url.slice(7)}/acme/nodes/two//.gitlab-ci.yml@refs/heads/main` }
    const runner = new Machine(r, kind, person.path)
    Object.assign(runner.env, await other.gitlab(claims))
    assert.match(await runner.run(runner.package('@acme/red-two', '1.1.0'), 'publish'), /\+ @acme\/red-two@1\.1\.0/)
    assert.match(await runner.fails(runner.package('@acme/red-two', '1.2.0'), 'publish'), /ENEEDAUTH|E401/, 'the same ID token again')
    assert.match((await rows('@acme/red-two'))[0].last_refused, /exchanged for this package before/)
    Object.assign(runner.env, await other.gitlab({ ...claims, ci_config_ref_uri: 'evil.example.org/acme/nodes/two//.gitlab-ci.yml@refs/heads/main' }))
    assert.match(await runner.fails(runner.package('@acme/red-two', '1.2.0'), 'publish'), /ENEEDAUTH|E401/)
    await forget('@acme/red-two')
    await r.run('issuer', 'remove', 'gitlab')
  } finally {
    other.stop()
  }
})

test("a job of CircleCI's kind is told by the claims that npm asks for", { timeout: 120000 }, async () => {
  const other = await Ci.start('npm:localhost'), kind = 'npm12', name = '@acme/red-circle'
  const [org, project, pipeline, context] = ['11', '22', '33', '44'].map((n) => `${n.repeat(4)}-${n}${n}-4${n}1-8${n}1-${n.repeat(6)}`)
  const claims = { 'oidc.circleci.com/org-id': org, 'oidc.circleci.com/project-id': project, 'oidc.circleci.com/pipeline-definition-id': pipeline, 'oidc.circleci.com/vcs-origin': 'github.com/acme/circle' }
  try {
    await r.run('issuer', 'add', 'circleci', '--address', other.url)
    const person = new Machine(r, kind, await client(kind), dev), dir = person.project('circle')
    await person.run(person.package(name, '1.0.0'), 'publish')
    await person.run(dir, 'trust', 'circleci', name, `--org-id=${org}`, `--project-id=${project}`, `--pipeline-definition-id=${pipeline}`, '--vcs-origin=github.com/acme/circle', `--context-id=${context}`, '--allow-publish', '--yes')
    assert.match(await person.run(dir, 'trust', 'list', name), /type: circleci[^]*github\.com\/acme\/circle/)
    const runner = new Machine(r, kind, person.path)
    const job = async (more) => Object.assign(runner.env, { CIRCLECI: 'true', NPM_ID_TOKEN: await other.idToken({ ...claims, ...more }) })
    await job({ 'oidc.circleci.com/context-ids': [context, org] })
    assert.match(await runner.run(runner.package(name, '1.1.0'), 'publish'), /\+ @acme\/red-circle@1\.1\.0/)
    for (const [claim, value] of [['context-ids', [org]], ['project-id', org]]) {
      await job({ 'oidc.circleci.com/context-ids': [context], [`oidc.circleci.com/${claim}`]: value })
      assert.match(await runner.fails(runner.package(name, '1.2.0'), 'publish'), /ENEEDAUTH|E401/, claim)
    }
    assert.match((await rows(name))[0].last_refused, /circleci\.com\/(context-ids|project-id) is/)
    await r.run('issuer', 'remove', 'circleci')
  } finally {
    other.stop()
  }
})

test('the token that is given publishes this package alone, and dies with the trust', async () => {
  const row = await trust('@acme/red-one', { repository: 'acme/red-one' })
  for (const base of ['', '/npm']) {
    const { status, body } = await exchange(await ci.idToken(job), '@acme/red-one', base)
    assert.equal(status, 201, JSON.stringify(body))
    const minutes = (Date.parse(body.expires) - Date.now()) / 60000
    assert.ok(minutes > 14 && minutes <= 15, body.expires)
    assert.equal((await publish('@acme/red-two', '8.0.0', body.token)).status, 403)
    assert.equal((await publish('@acme/other', '1.0.0', body.token)).status, 403)
    assert.ok([403, 404].includes((await publish('@beta/thing', '1.0.0', body.token)).status))
    assert.equal((await publish('@acme/red-one', base ? '2.1.0' : '2.0.0', body.token)).status, 201)
    for (const [method, path, doc] of [['GET', '/api/v1/tenants/acme'], ['GET', '/api/v1/tokens'], ['POST', '/api/v1/tokens', { name: 'x' }], ['GET', '/npm/-/npm/v1/tokens'],
      ['POST', '/api/v1/packages/@acme/red-one/trust', { issuer: 'github', claims: { repository: 'x' } }], ['DELETE', '/npm/@acme%2fred-one/-rev/1'],
      ['PUT', '/npm/@acme%2fred-one', { _id: '@acme/red-one', maintainers: [{ name: 'eve' }] }], ['GET', '/api/v1/session']]) {
      const answer = await r.api(method, path, doc, bearer(body.token))
      assert.ok([401, 403, 404, 422].includes(answer.status), `${method} ${path}: ${answer.status}`)
    }
    if (base) continue
    continue
  }
  const { body } = await exchange(await ci.idToken(job))
  await r.run('trust', 'remove', '@acme/red-one', row.id)
  assert.equal((await publish('@acme/red-one', '3.0.0', body.token)).status, 401)
})

test('a job that may only stage does not publish, and hands in what a person approves', { timeout: 60000 }, async () => {
  const runner = new Machine(r, 'npm11', await client('npm11'))
  Object.assign(runner.env, ci.github(job))
  await trust('@acme/red-one', { repository: 'acme/red-one' }, { publish: false, stage: true })
  const { body } = await exchange(await ci.idToken(job))
  assert.equal((await publish('@acme/red-one', '4.0.0', body.token)).status, 403)
  assert.match(await runner.fails(runner.package('@acme/red-one', '4.0.0'), 'publish'), /E403/)
  await runner.run(runner.package('@acme/red-one', '4.0.0'), 'stage', 'publish')
  const [staged] = (await r.api('GET', '/npm/-/stage?package=@acme/red-one', undefined, bearer(dev))).body.items
  assert.deepEqual([staged.version, staged.actor], ['4.0.0', 'github'])
  assert.equal((await r.api('POST', `/npm/-/stage/${staged.id}/approve`, {}, bearer(body.token))).status, 403)
  await forget('@acme/red-one')
})

test('claims are matched as they were written: texts, globs, lists', async () => {
  for (const [claims, said, status] of [
    [{ repository: 'acme/*', ref: 'refs/tags/v*' }, { ...job, ref: 'refs/tags/v1' }, 201], [{ repository: 'acme/*', ref: 'refs/tags/v*' }, job, 403],
    [{ repository: 'acme/red' }, job, 403], [{ Repository: 'acme/red-one' }, job, 403], [{ groups: ['a', 'b'] }, { groups: ['b', 'c', 'a'] }, 201], [{ groups: ['a', 'b'] }, { groups: ['a'] }, 403],
    [{ protected: 'true', n: '7' }, { protected: true, n: 7 }, 201], [{ repository: 'acme/red-one' }, { repository: { x: 'acme/red-one' } }, 403], [{ 'a.b/c': 'x' }, { 'a.b/c': 'x' }, 201],
    [{ repository: 'null' }, { repository: null }, 403], [{ repository: 'acme/red-one' }, {}, 403]]) {
    await trust('@acme/red-one', claims)
    const answer = await exchange(await ci.idToken(said))
    assert.equal(answer.status, status, `${JSON.stringify(claims)} ${JSON.stringify(answer.body)}`)
    if (status === 403) assert.match((await rows('@acme/red-one'))[0].last_refused, /^The claim /)
    await forget('@acme/red-one')
  }
  for (const claims of [{}, { repository: '*' }, { repository: '**', ref: ['*'] }, { repository: 7 }, { repository: '' }, { repository: [] }, 'x', { x: 'y'.repeat(501) }]) {
    const answer = await r.api('POST', '/api/v1/packages/@acme/red-one/trust', { issuer: 'github', claims }, { cookie })
    assert.equal(answer.body.code, 'bad_claims', JSON.stringify(claims))
  }
})

test('an issuer that changes its keys is asked for them again, but not for every stranger\'s token', async () => {
  const other = await Ci.start('npm:localhost')
  try {
    await r.run('issuer', 'add', 'turning', '--address', other.url)
    await trust('@acme/red-one', { repository: 'acme/red-one' }, { issuer: 'turning' })
    assert.equal((await exchange(await other.idToken(job))).status, 201)
    assert.equal(other.asked, 1)
    const old = await other.idToken(job)
    other.rotate()
    for (let i = 0; i < 5; i++) assert.equal((await exchange(await other.idToken(job))).status, 401, 'a minute has not passed')
    assert.equal(other.asked, 1)
    assert.equal((await exchange(old)).status, 201, 'what is kept still counts')
  } finally {
    other.stop()
    await forget('@acme/red-one')
    await r.run('issuer', 'remove', 'turning')
  }
})

test('an issuer that does not answer holds up neither the others nor a publish', { timeout: 120000 }, async () => {
  const b64 = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const silent = createServer(() => {}).listen(0, '127.0.0.1')
  await once(silent, 'listening')
  const iss = `http://localhost:${silent.address().port}`
  await r.run('issuer', 'add', 'silent', '--address', iss)
  await trust('@acme/red-one', { repository: 'acme/red-one' })
  try {
    const forged = `${b64({ alg: 'RS256' })}.${b64({ iss })}.AA`
    const strangers = Array.from({ length: 40 }, () => exchange(forged))
    const began = Date.now()
    const { status, body } = await exchange(await ci.idToken(job))
    assert.equal(status, 201)
    assert.equal((await publish('@acme/red-one', '5.0.0', body.token)).status, 201)
    assert.ok(Date.now() - began < 6000, `${Date.now() - began} ms`)
    silent.closeAllConnections()
    for (const answer of await Promise.all(strangers)) assert.equal(answer.body.code, 'issuer_unreachable')
  } finally {
    silent.close()
    silent.closeAllConnections()
    await forget('@acme/red-one')
    await r.run('issuer', 'remove', 'silent')
  }
})

describe('a forged ID token', () => {
  const b64 = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
  const now = () => Math.floor(Date.now() / 1000)
  const claims = (more) => ({ iss: ci.url, aud: 'npm:localhost', sub: 'job', iat: now(), exp: now() + 300, jti: `${Math.random()}`, ...job, ...more })
  const key = () => ci.keys[0]
  const sign = (header, payload, jwk = key()) => {
    const head = `${b64(header)}.${b64(payload)}`
    return `${head}.${createSign('sha256').update(head).sign({ key: jwk, format: 'jwk' }, 'base64url')}`
  }
  const header = (more) => ({ alg: 'RS256', typ: 'JWT', kid: key().kid, ...more })
  const refused = async (token, why, status = 401) => {
    const answer = await exchange(token)
    assert.equal(answer.status, status, `${why}: ${JSON.stringify(answer.body)}`)
    assert.ok(answer.body.detail.length > 10)
    return answer.body
  }

  before(async () => { await trust('@acme/red-one', { repository: 'acme/red-one' }) })
  after(async () => forget('@acme/red-one'))

  test('is told from one that is true', async () => {
    assert.equal((await exchange(sign(header(), claims()))).status, 201)
  })

  test('without a signature or by a secret of all is refused', async () => {
    for (const alg of ['none', 'None', 'NONE', '', null, 'RS1', 'RS512', 'HS256', ['RS256']]) await refused(`${b64(header({ alg }))}.${b64(claims())}.`, `alg ${alg}`)
    for (const alg of ['none', 'RS256']) await refused(`${b64(header({ alg }))}.${b64(claims())}.AA`, alg)
    const { d, p, q, dp, dq, qi, ...open } = key()
    const pem = (await import('node:crypto')).createPublicKey({ key: open, format: 'jwk' }).export({ type: 'spki', format: 'pem' })
    for (const secret of [pem, JSON.stringify(open), open.n, '']) {
      const head = `${b64(header({ alg: 'HS256' }))}.${b64(claims())}`
      await refused(`${head}.${createHmac('sha256', secret).update(head).digest('base64url')}`, 'HS256 with the public key')
    }
  })

  test('by another key, or with its own key beside it, is refused', async () => {
    const own = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' })
    const { d, p, q, dp, dq, qi, ...open } = own
    for (const more of [{}, { jwk: open }, { jku: `${stranger.url}/jwks` }, { x5u: stranger.url }, { kid: '../../x' }, { kid: "' OR 1=1 --" }, { kid: '' }, { kid: 7 }, { kid: null }, { kid: [key().kid] }, { kid: 'x'.repeat(10000) }, { crit: ['x'], x: 1 }, { b64: false, crit: ['b64'] }])
      await refused(sign(header(more), claims(), own), JSON.stringify(more).slice(0, 60))
    await refused(sign(header({ crit: ['x'], x: 1 }), claims()), 'crit, well signed')
    await refused(await stranger.idToken(job), 'of another issuer')
    await refused(sign(header({ kid: stranger.keys[0].kid }), claims(), stranger.keys[0]), 'signed by another issuer in this one\'s name')
  })

  test('for another audience or another time is refused, and the owner reads why', async () => {
    for (const [more, code] of [[{ aud: 'npm:registry.example.org' }, 'wrong_audience'], [{ aud: ['npm:localhost', 'other'] }, 'wrong_audience'], [{ aud: [] }, 'wrong_audience'], [{ aud: null }, 'wrong_audience'],
      [{ aud: `npm:localhost:${r.port}` }, 'wrong_audience'], [{ exp: now() - 120 }, 'id_token_expired'], [{ exp: '9999999999' }, 'bad_id_token'], [{ exp: undefined }, 'bad_id_token'], [{ exp: 1e300 }, 'bad_id_token'],
      [{ exp: now() + 90 * 86400 }, 'bad_id_token'], [{ iat: now() + 600 }, 'bad_id_token'], [{ iat: undefined }, 'bad_id_token'], [{ nbf: now() + 600 }, 'bad_id_token'], [{ nbf: 'x' }, 'bad_id_token']])
      assert.equal((await refused(sign(header(), claims(more)), JSON.stringify(more))).code, code, JSON.stringify(more))
    assert.ok((await rows('@acme/red-one'))[0].last_refused)
    for (const iss of [undefined, null, 7, '', `${ci.url}/`, 'https://evil.example.org', ['x']]) await refused(sign(header(), claims({ iss })), `iss ${iss}`)
    assert.equal((await exchange(sign(header(), claims({ aud: ['npm:localhost'] })))).status, 201)
  })

  test('that is changed, cut, doubled or huge is refused', async () => {
    const good = sign(header(), claims()), [h, , s] = good.split('.')
    await refused(`${h}.${b64(claims({ repository: 'mallory/x' }))}.${s}`, 'other claims')
    await refused(`${h}.${b64(JSON.stringify(claims()).replace('{', '{"iss":"x",'))}.${s}`, 'a claim twice')
    await refused(`${b64(JSON.stringify(header()).replace('{', '{"alg":"none",'))}.${good.split('.')[1]}.${s}`, 'alg twice')
    for (const cut of [good.slice(0, -10), good.slice(5), `${good}.${s}`, `.${good}`, '..', '.', 'x', 'a.b.c', good.replaceAll('.', ''), `${h}.${h}.${h}`, `${h}..${s}`, `${good}=`]) await refused(cut, cut.slice(0, 20))
    await refused(sign(header(), claims({ pad: 'x'.repeat(20000) })), 'huge')
    for (const headers of [{}, { authorization: '' }, { authorization: 'Bearer' }, { authorization: `Basic ${b64('x:y')}` }, bearer(dev)])
      assert.equal((await r.api('POST', '/-/npm/v1/oidc/token/exchange/package/@acme%2fred-one', undefined, headers)).status, 401)
  })

  test('comes once, and for no package but its own', async () => {
    const token = sign(header(), claims())
    assert.equal((await exchange(token)).status, 201)
    assert.equal((await refused(token, 'again', 403)).code, 'id_token_replayed')
    const jti = `${Math.random()}`, answers = await Promise.all(Array.from({ length: 8 }, () => exchange(sign(header(), claims({ jti })))))
    assert.deepEqual(answers.map((a) => a.status).sort(), [201, 403, 403, 403, 403, 403, 403, 403])
    for (const name of ['@acme/red-two', '@beta/x', 'lodash', '@acme/absent']) assert.equal((await exchange(sign(header(), claims()), name)).body.code, 'not_trusted')
  })
})

test('whom a package trusts is for its owners, and not for tokens with limits', async () => {
  const body = { issuer: 'github', claims: { repository: 'mallory/x' } }, path = '/api/v1/packages/@acme/red-one/trust', npm = '/npm/-/package/@acme%2fred-one/trust'
  const eve = { cookie: await r.login('eve', 'eve has a password') }
  for (const [method, at] of [['GET', path], ['POST', path], ['DELETE', `${path}/x`]]) {
    const answer = await r.api(method, at, method === 'POST' ? body : undefined, eve)
    assert.equal(answer.status, 404, `${method} ${at}`)
  }
  for (const args of [['--read-only'], ['--packages', '@acme/*'], ['--bypass-2fa']])
    assert.equal((await r.api('POST', path, body, bearer(await r.token('dev', 'ci', ...args)))).status, 403)
  const second = await r.api('POST', '/api/v1/users', { name: 'helen', password: 'helen has a password', tenant: 'acme', role: 'developer' }, { cookie: await r.login('admin', r.password) })
  assert.equal(second.status, 201)
  assert.equal((await r.api('POST', npm, [{ type: 'github', claims: {}, permissions: ['createPackage'] }], bearer(await r.token('helen', 'x')))).body.error.includes('owners'), true)
  for (const [doc, status] of [[[], 400], [{}, 400], [[{ type: 'nobody', claims: { a: 'b' }, permissions: ['createPackage'] }], 404], [[{ type: 'github', claims: { repository: 'a/b', workflow_ref: { file: 'x.yml' } }, permissions: [] }], 422],
    [[{ type: 'github', claims: { repository: 'a/*', workflow_ref: { file: 'x.yml' } }, permissions: ['createPackage'] }], 422], [[{ type: 'github', claims: { repository: 'a/b', workflow_ref: { file: '../x.yml' } }, permissions: ['createPackage'] }], 422],
    [[{ type: 'github', claims: null, permissions: ['createPackage'] }], 422], [[{ type: 'github', claims: { repository: 'a/b' }, permissions: ['createPackage'] }], 422], [[{ type: 'github', permissions: ['fly'] }], 422]]) {
    const answer = await r.api('POST', npm, doc, bearer(dev))
    assert.equal(answer.status, status, `${JSON.stringify(doc)} ${JSON.stringify(answer.body)}`)
  }
  assert.deepEqual(await rows('@acme/red-one'), [])
})

test('issuers are the admins\', reached by https, and each once', async () => {
  const admin = { cookie: await r.login('admin', r.password) }
  for (const [body, code] of [[{ name: 'x', url: 'http://ci.example.org' }, 'bad_issuer'], [{ name: 'x', url: 'ftp://ci.example.org' }, 'bad_issuer'], [{ name: 'x' }, 'bad_issuer'], [{ name: 'X y', url: 'https://ci.example.org' }, 'bad_issuer'],
    [{ name: 'x', url: 'https://user@ci.example.org' }, 'bad_issuer'], [{ name: 'x', url: 'https://ci.example.org?x' }, 'bad_issuer'], [{ name: 'github', url: 'https://ci.example.org' }, 'issuer_exists'], [{ name: 'again', url: ci.url }, 'issuer_exists']])
    assert.equal((await r.api('POST', '/api/v1/trust/issuers', body, admin)).body.code, code, JSON.stringify(body))
  assert.equal((await r.api('POST', '/api/v1/trust/issuers', { name: 'mine', url: 'https://ci.example.org' }, { cookie })).status, 403)
  assert.equal((await r.api('DELETE', '/api/v1/trust/issuers/github', undefined, { cookie })).status, 403)
  assert.deepEqual((await r.json('issuer', 'list')).items.map((i) => [i.name, i.url]), [['github', ci.url]])
  assert.equal((await r.json('issuer', 'add', 'gitlab')).url, 'https://gitlab.com')
  await r.run('issuer', 'remove', 'gitlab')
  await r.run('trust', 'add', '@acme/red-one', '--issuer', 'github', '--claims', 'repository=acme/red-one,ref=refs/tags/*')
  assert.deepEqual((await r.json('trust', 'list', '@acme/red-one')).items[0].claims, { repository: 'acme/red-one', ref: 'refs/tags/*' })
  await forget('@acme/red-one')
})

test('a publisher that is removed while its job exchanges leaves no token', { timeout: 120000 }, async () => {
  const row = await trust('@acme/red-one', { repository: 'acme/red-one' })
  const sql = (text) => execFileSync('sqlite3', [join(r.data, 'redhouse.db'), text], { encoding: 'utf8' }).trim()
  const meanwhile = async (text) => {
    await r.term()
    const said = sql(text)
    await r.serve()
    return said
  }
  await meanwhile('CREATE TRIGGER meanwhile AFTER INSERT ON trust_used BEGIN DELETE FROM trust; END')
  const answer = await exchange(await ci.idToken(job))
  const left = await meanwhile(`DROP TRIGGER meanwhile; SELECT count(*) FROM token WHERE instance = '${row.id}'`)
  assert.deepEqual([answer.status, answer.body.code, left], [403, 'not_trusted', '0'])
})
