// Rules for packages: what real clients are offered, what they are told, who is bound by which rules.
import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Machine, client } from './clients.mjs'
import { Outside, osv } from './outside.mjs'
import { publishDocument } from './publish.mjs'
import { Redhouse, until } from './redhouse.mjs'

let r, outside, admin
const bearer = {}
const day = 86400000

before(async () => {
  outside = await Outside.start()
  outside.add('aged', '1.0.0', { age: 100 * day, license: 'MIT' })
  outside.add('aged', '1.1.0', { age: 50 * day, license: 'MIT' })
  outside.add('aged', '1.2.0', { age: day / 24, license: 'MIT' })
  outside.add('scripted', '1.0.0', { age: 50 * day, license: 'MIT', scripts: { install: 'true' } })
  outside.add('free', '1.0.0', { age: 50 * day, license: 'GPL-3.0-only' })
  outside.add('either', '1.0.0', { age: 50 * day, license: '(GPL-3.0-only OR MIT)' })
  outside.add('evil', '1.0.0', { age: 50 * day, license: 'MIT' })
  outside.add('weak', '1.0.0', { age: 50 * day, license: 'MIT' })
  outside.add('weak', '1.0.1', { age: 49 * day, license: 'MIT' })
  r = await Redhouse.start({ uplink: outside.url, args: ['--uplink-fresh', '1s', '--platform-scope', '@shared'] })
  admin = { cookie: await r.login('admin', r.password) }
  Object.assign(bearer, await r.people(admin, 'correct horse', [['acme', 'dev', 'developer'], ['acme', 'own', 'owner'], ['beta', 'other', 'owner']]))
}, { timeout: 120000 })
after(async () => {
  await r?.stop()
  outside?.stop()
})

const as = (who) => ({ authorization: `Bearer ${bearer[who]}` })
const set = async (rules, path = '/policy', headers = admin) => r.api('PUT', `/api/v1${path}`, rules, headers)
const put = async (rules) => assert.equal((await set({ public: rules })).status, 200)
const short = { accept: 'application/vnd.npm.install-v1+json' }
const doc = async (name, who = 'dev', headers = {}) => (await r.api('GET', `/npm/${name.replace('/', '%2f')}`, undefined, { ...as(who), ...headers })).body
const versions = async (...args) => Object.keys((await doc(...args)).versions)
const file = (name, version, who = 'dev') => r.api('GET', `/npm/${name}/-/${name.split('/').at(-1)}-${version}.tgz`, undefined, as(who))
const page = (name, which, part, who = 'dev') => r.api('GET', `/api/v1/packages/${name}/versions/${which}/${part}`, undefined, as(who))
const publish = (name, version, manifest = {}, who = 'dev') => r.api('PUT', `/npm/${name.replace('/', '%2f')}`, publishDocument(name, version, { manifest }).body, as(who))

describe('public packages', () => {
  test('that are too young are not offered, in either form, and tags fall back', async () => {
    assert.deepEqual(await versions('aged'), ['1.0.0', '1.1.0', '1.2.0'])
    assert.equal((await file('aged', '1.2.0')).status, 200)
    await put({ minimum_age_hours: 72 })
    for (const headers of [{}, short]) {
      const d = await doc('aged', 'dev', headers)
      assert.deepEqual(Object.keys(d.versions), ['1.0.0', '1.1.0'])
      assert.deepEqual(d['dist-tags'], { latest: '1.1.0' })
      assert.match(d.policyRestrictions.message, /1\.2\.0: it is younger than 72 hours/)
    }
    for (const again of [1, 2]) {
      assert.equal((await file('aged', '1.1.0')).status, 200, again)
      const refused = await file('aged', '1.2.0')
      assert.deepEqual([refused.status, refused.body], [403, { error: 'aged@1.2.0 is refused here: it is younger than 72 hours.' }])
    }
    for (const part of ['contents', 'files/package.json']) {
      assert.deepEqual([(await page('aged', '1.1.0', part)).status, (await page('aged', '1.1.0', part, 'other')).status], [200, 200], part)
      const refused = await page('aged', '1.2.0', part)
      assert.deepEqual([refused.status, refused.body.code, refused.body.detail], [403, 'policy', 'aged@1.2.0 is refused here: it is younger than 72 hours.'], part)
      assert.equal((await page('aged', 'latest', part)).status, 403, `${part}: a tag means what the uplink means by it`)
    }
    const part = (which) => r.api('GET', `/npm/aged/${which}`, undefined, as('dev'))
    assert.equal((await part('latest')).body.version, '1.1.0')
    assert.match((await part('1.2.0')).body.error, /younger/)
    assert.deepEqual((await r.api('GET', '/npm/-/package/aged/dist-tags', undefined, as('dev'))).body, { latest: '1.1.0' })
    await put({})
    assert.deepEqual(await versions('aged'), ['1.0.0', '1.1.0', '1.2.0'])
    assert.equal((await file('aged', '1.2.0')).status, 200)
  })

  test('are judged by name, licence, scripts and advisories', async () => {
    await r.api('POST', '/api/v1/advisories/import', osv('T-1', 'weak', [{ introduced: '0' }, { fixed: '1.0.1' }]), admin)
    await until('the import', async () => (await r.api('GET', '/api/v1/advisories/imports', undefined, admin)).body.items.length > 0)
    await put({ deny: [{ name: 'ev*', reason: 'it is evil' }], licences_denied: ['GPL-*'], install_scripts: 'deny', advisories: 'high' })
    const reasons = { evil: 'it is evil', free: 'its licence, GPL-3.0-only, is not allowed', scripted: 'it runs a script when it is installed', weak: 'T-1 is known against it' }
    for (const [name, reason] of Object.entries(reasons)) {
      assert.equal((await file(name, '1.0.0')).body.error, `${name}@1.0.0 is refused here: ${reason}.`)
      for (const headers of [{}, short]) assert.deepEqual(await versions(name, 'dev', headers), name === 'weak' ? ['1.0.1'] : [])
    }
    outside.add('evil-old', '1.0beta', { age: 50 * day, license: 'MIT' })
    assert.deepEqual([await versions('evil-old'), (await file('evil-old', '1.0beta')).status], [[], 403])
    assert.equal((await r.api('GET', '/npm/aged/-/other-1.0.0.tgz', undefined, as('dev'))).status, 404)
    assert.deepEqual([await versions('either'), (await file('weak', '1.0.1')).status], [['1.0.0'], 200])
    await put({ only_allowed: true, allow: [{ name: 'weak', versions: '>=1.0.1' }] })
    assert.deepEqual([await versions('weak'), await versions('aged')], [['1.0.1'], []])
    await put({})
  })

  for (const kind of ['npm10', 'npm11', 'npm12', 'pnpm10', 'pnpm11', 'pnpm12', 'yarn1', 'berry', 'bun'])
    test(`reach ${kind} as the rules leave them, with the reason`, { timeout: 180000 }, async () => {
      // Each with caches of its own: what a client has it does not ask for.
      const machine = async () => {
        const m = new Machine(r, kind, await client(kind), bearer.dev)
        m.env.YARN_CACHE_FOLDER = join(m.home, 'yarn-cache')
        return m
      }
      const lock = kind.startsWith('npm') ? 'package-lock.json' : kind.startsWith('pnpm') ? 'pnpm-lock.yaml' : kind === 'bun' ? 'bun.lock' : 'yarn.lock'
      const project = (m, name, dependencies) => m.folder(name, { 'package.json': { name, version: '1.0.0', private: true, dependencies }, ...(kind === 'berry' ? { 'yarn.lock': '' } : {}) })
      await put({})
      const first = await machine(), m = await machine(), other = await machine()
      const locked = project(first, 'locked', { aged: '1.2.0' })
      await first.run(locked, 'install')
      await put({ minimum_age_hours: 72, deny: [{ name: 'evil', reason: 'it is evil' }] })
      const free = project(m, 'free', { aged: '^1.0.0' })
      await m.run(free, 'install')
      assert.equal(JSON.parse(readFileSync(join(free, 'node_modules/aged/package.json'))).version, '1.1.0')
      const exact = await m.fails(project(m, 'exact', { aged: '1.2.0' }), 'install')
      if (kind.startsWith('npm')) assert.match(exact, /E403[^]*policy violations[^]*1\.2\.0: it is younger than 72 hours/)
      const evil = await m.fails(project(m, 'without', { evil: '*' }), 'install')
      if (kind.startsWith('npm')) assert.match(evil, /it is evil/)
      // A lock file names what is refused now: the tarball says no.
      const copy = other.folder('locked', { 'package.json': readFileSync(join(locked, 'package.json'), 'utf8'), [lock]: readFileSync(join(locked, lock), 'utf8') })
      const said = await other.fails(copy, ...(kind.startsWith('npm') ? ['ci'] : ['install', ...(kind === 'berry' ? ['--immutable'] : ['--frozen-lockfile'])]))
      assert.match(said, /403|younger/, said)
      assert.ok(!existsSync(join(copy, 'node_modules/aged/package.json')))
    })
})

describe('private packages', () => {
  test('obey their own rules, also when they are published', async () => {
    assert.equal((await publish('@acme/red-one', '1.0.0', { license: 'MIT' })).status, 201)
    assert.equal((await publish('@acme/red-one', '1.1.0', { license: 'GPL-3.0-only' })).status, 201)
    assert.equal((await set({ private: { licences_allowed: ['MIT'], install_scripts: 'deny' } })).status, 200)
    assert.deepEqual(await versions('@acme/red-one'), ['1.0.0'])
    assert.equal((await doc('@acme/red-one'))['dist-tags'].latest, '1.0.0')
    assert.equal((await file('@acme/red-one', '1.1.0')).status, 403)
    assert.equal((await file('@acme/red-one', '1.0.0')).status, 200)
    for (const part of ['contents', 'files/package.json'])
      assert.deepEqual([(await page('@acme/red-one', '1.1.0', part)).status, (await page('@acme/red-one', '1.0.0', part)).status], [403, 200], part)
    const refused = await publish('@acme/red-one', '1.2.0', { license: 'MIT', scripts: { postinstall: 'x' } })
    assert.deepEqual([refused.status, refused.body.error], [403, '@acme/red-one@1.2.0 may not be published here: it runs a script when it is installed.'])
    assert.match((await publish('@acme/red-two', '1.0.0')).body.error, /it tells no licence/)
    assert.equal((await r.api('GET', '/npm/@acme%2fred-two', undefined, as('dev'))).status, 404)
    // What is not shown is not taken away by who sends back what they saw.
    const m = new Machine(r, 'npm11', await client('npm11'), bearer.dev)
    await m.run(m.project('un'), 'deprecate', '@acme/red-one@1.0.0', 'old')
    assert.equal((await set({})).status, 200)
    assert.deepEqual(await versions('@acme/red-one'), ['1.0.0', '1.1.0'])
    const { items } = (await r.api('GET', '/api/v1/policy/refusals', undefined, admin)).body
    const one = items.find((i) => i.version === '1.2.0' && i.package === '@acme/red-one')
    assert.deepEqual([one.who, one.tenant, one.action, one.times], ['dev', 'acme', 'publish', 1])
  })
})

describe('rules', () => {
  test('of a tenant bind its members alone, beside the platform\'s', async () => {
    await put({})
    assert.equal((await set({ public: { deny: [{ name: 'evil' }] } }, '/tenants/acme/policy', as('own'))).status, 200)
    assert.deepEqual([await versions('evil'), await versions('evil', 'other')], [[], ['1.0.0']])
    assert.deepEqual([(await file('evil', '1.0.0', 'other')).status, (await file('evil', '1.0.0')).status], [200, 403])
    assert.equal((await set({ public: { deny: [{ name: 'aged' }] } }, '/tenants/beta/policy', as('other'))).status, 200)
    assert.deepEqual([await versions('aged', 'other'), (await versions('aged')).length], [[], 3])
    for (const [status, path, who] of [[403, '/tenants/acme/policy', 'dev'], [404, '/tenants/acme/policy', 'other'], [403, '/policy', 'own']]) assert.equal((await set({}, path, as(who))).status, status, path)
    const seen = async (who) => (await r.api('GET', '/api/v1/policy/refusals', undefined, as(who))).body.items.map((i) => i.tenant)
    assert.ok((await seen('dev')).every((t) => t === 'acme'))
    assert.deepEqual(await seen('other'), [])
    for (const [tenant, who] of [['acme', 'own'], ['beta', 'other']]) assert.equal((await set({}, `/tenants/${tenant}/policy`, as(who))).status, 200)
  })

  test('hold for what Manage Palette is told, too', async () => {
    await set({})
    for (const [version, license] of [['1.0.0', 'MIT'], ['1.1.0', 'GPL-3.0-only']]) assert.equal((await publish('@acme/red-node', version, { license, 'node-red': { nodes: {} } }, 'own')).status, 201)
    await publish('@acme/red-gpl', '1.0.0', { license: 'GPL-3.0-only', 'node-red': { nodes: {} } }, 'own')
    const listed = async () => (await r.api('GET', '/api/v1/tenants/acme/catalogue', undefined, as('own'))).body.modules.map((m) => `${m.id}@${m.version}`)
    assert.deepEqual(await listed(), ['@acme/red-gpl@1.0.0', '@acme/red-node@1.1.0'])
    assert.equal((await set({ private: { licences_allowed: ['MIT'] } })).status, 200)
    assert.deepEqual(await listed(), ['@acme/red-node@1.0.0'])
    await set({})
    assert.deepEqual(await listed(), ['@acme/red-gpl@1.0.0', '@acme/red-node@1.1.0'])
  })

  test('are kept over a restart, and what is wrong with them is said', async () => {
    for (const [bad, said] of [[{ publik: {} }, /no rule "publik"/], [{ public: { minimum_age: 3 } }, /no rule "minimum_age"/], [{ public: { deny: [{ name: 'x', versions: '((' }] } }, /no range/], [{ public: { advisories: 'all' } }, /one of low/]]) {
      const answer = await set(bad)
      assert.equal(answer.status, 422)
      assert.match(answer.body.detail, said)
    }
    writeFileSync(join(r.data, 'rules.json'), '{"public":{"deny":[{"name":"evil"}]}}')
    await r.run('policy', 'set', join(r.data, 'rules.json'))
    assert.deepEqual(JSON.parse(await r.run('policy', 'show')), { public: { deny: [{ name: 'evil' }] } })
    assert.ok((await r.json('policy', 'refusals')).items.length > 0)
    await r.term()
    await r.serve()
    assert.deepEqual(await versions('evil'), [])
  })
})
