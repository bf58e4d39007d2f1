// What is known against packages: imports of OSV exports, what audits of real clients say, who is told what.
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { Machine, client } from './clients.mjs'
import { Outside, osv, zip } from './outside.mjs'
import { publishDocument } from './publish.mjs'
import { Redhouse, until } from './redhouse.mjs'

let r, outside, admin
const bearer = {}
const low = [{ introduced: '0' }, { fixed: '1.2.0' }]

before(async () => {
  outside = await Outside.start()
  outside.add('weak-thing', '1.0.0')
  outside.add('weak-thing', '1.2.0')
  outside.add('needs-weak', '1.0.0', { dependencies: { 'weak-thing': '1.0.0' } })
  r = await Redhouse.start({ uplink: outside.url, args: ['--uplink-fresh', '1s', '--platform-scope', '@shared'] })
  admin = { cookie: await r.login('admin', r.password) }
  Object.assign(bearer, await r.people(admin, 'correct horse', [['acme', 'dev', 'owner'], ['beta', 'other', 'owner']]))
}, { timeout: 120000 })
after(async () => {
  await r?.stop()
  outside?.stop()
})

const as = (who) => ({ authorization: `Bearer ${bearer[who]}` })
const api = (method, path, body, who = 'dev') => r.api(method, `/api/v1${path}`, body, as(who))
async function send(body, type = 'application/json') {
  const answer = await fetch(`${r.url}/api/v1/advisories/import`, { method: 'POST', headers: { ...admin, origin: r.url, 'content-type': type }, body })
  if (answer.status !== 202) return { status: answer.status, body: await answer.json() }
  const { operation } = await answer.json()
  const done = await until('the import', async () => {
    const { body: o } = await r.api('GET', `/api/v1/operations/${operation.id}`, undefined, admin)
    return o.state !== 'running' && o
  })
  const { items } = (await r.api('GET', '/api/v1/advisories/imports', undefined, admin)).body
  return { status: 202, operation: done, report: items.find((i) => i.operation === operation.id).report }
}
const bulk = async (question, { who = 'dev', gzip = false } = {}) => {
  const body = JSON.stringify(question)
  const answer = await fetch(`${r.url}/npm/-/npm/v1/security/advisories/bulk`, {
    method: 'POST', headers: { ...as(who), 'content-type': 'application/json', ...(gzip ? { 'content-encoding': 'gzip' } : {}) }, body: gzip ? gzipSync(body) : body })
  assert.equal(answer.status, 200)
  return answer.json()
}

describe('an import', () => {
  test('takes one advisory, an array, a zip and a folder, and nothing twice', async () => {
    const one = osv('T-1', 'weak-thing', low)
    assert.deepEqual((await send(JSON.stringify(one))).report, { read: 1, new: 1, changed: 0, known: 0, withdrawn: 0, elsewhere: 0, refused: 0, reasons: [], failed: null })
    const other = { ...one, id: 'T-2', affected: [{ package: { ecosystem: 'PyPI', name: 'x' } }] }
    const many = await send(JSON.stringify([one, { ...one, modified: '2026-02-02T00:00:00Z', summary: 'Said anew' }, other, { id: 'T-3' }]))
    assert.deepEqual([many.report.read, many.report.known, many.report.changed, many.report.elsewhere, many.report.refused], [4, 1, 1, 1, 1])
    assert.match(many.report.reasons[0], /^T-3: The advisory does not say when it was modified/)
    assert.match(many.operation.step, /4 read/)
    const packed = await send(zip({ 'T-4.json': JSON.stringify(osv('T-4', 'other-thing', low)), 'README.md': 'no', 'bad.json': '{' }), 'application/zip')
    assert.deepEqual([packed.report.read, packed.report.new, packed.report.refused], [2, 1, 1])
    const folder = join(r.data, 'osv')
    mkdirSync(folder)
    for (let i = 0; i < 30; i++) writeFileSync(join(folder, `T-1${i}.json`), JSON.stringify(osv(`T-1${i}`, `thing-${i}`, low)))
    await r.run('advisories', 'import', folder)
    await r.run('advisories', 'import', folder)
    const items = await r.json('advisories', 'list')
    assert.equal(items.items.filter((a) => a.package.startsWith('thing-')).length, 30)
    assert.equal((await send(JSON.stringify({ ...one, modified: '2026-03-01T00:00:00Z', withdrawn: '2026-03-01T00:00:00Z' }))).report.withdrawn, 1)
    assert.deepEqual(await bulk({ 'weak-thing': ['1.0.0'] }), {})
    assert.equal((await send(JSON.stringify(one))).report.new, 1)
  })

  test('says what is wrong with what is none, and goes on', async () => {
    const nested = `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`
    const events = Array.from({ length: 5000 }, (_, i) => ({ introduced: `${i}.0.0` }))
    for (const hostile of [nested, `[${nested}]`, '{"id":', '[1,2', 'PK\x03\x04 no zip', '\x1f\x8b no gzip', '', 'text']) {
      const answer = await send(hostile)
      assert.ok(answer.status === 400 || answer.status === 415 || answer.operation.state === 'failed', hostile.slice(0, 20))
    }
    const refused = await send(JSON.stringify([osv('H-1', 'h', events), osv('H-2', '../../etc', low), osv('H-3', 'h', [{ introduced: '>=1 '.repeat(9999) }]), osv('H 4', 'h', low), null, 7, [[]],
      osv('H-5', 'h', [{ introduced: `${'9'.repeat(300)}.0.0` }]), osv('RH-1', 'h', low)]))
    assert.equal(refused.report.refused, 9)
    assert.equal(refused.operation.state, 'done')
    const odd = await send(JSON.stringify({ ...osv('H-6', 'h', low), summary: 'a\nb\u0000\u001b[2J'.repeat(500), references: [{ type: 'ADVISORY', url: 'javascript:alert(1)' }], aliases: Array(9999).fill('x') }))
    assert.equal(odd.report.new, 1)
    const [told] = (await api('GET', '/advisories?package=h')).body.items
    assert.deepEqual([told.title, told.aliases.length, told.url.startsWith('https://')], ['a', 50, true])
    const bomb = zip(Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`${i}.json`, ' '.repeat(4 << 20)])))
    assert.equal((await send(bomb, 'application/zip')).operation.state, 'failed')
  })

  test('is for administrators', async () => {
    for (const [method, path] of [['POST', '/advisories/import'], ['GET', '/advisories/imports']]) assert.equal((await api(method, path, method === 'POST' ? {} : undefined)).status, 403)
  })
})

describe('an audit', () => {
  test('says the versions that something is known against, also to a gzip body', async () => {
    for (const gzip of [false, true]) {
      const found = await bulk({ 'weak-thing': ['1.0.0', '1.2.0'], 'needs-weak': ['1.0.0'], constructor: ['1.0.0'], '__proto__x': ['1'] }, { gzip })
      assert.deepEqual(Object.keys(found), ['weak-thing'])
      const [a] = found['weak-thing']
      assert.deepEqual({ ...a, id: typeof a.id }, { id: 'number', url: 'https://advisories.example/T-1', title: 'weak-thing does what it should not', severity: 'high', vulnerable_versions: '<1.2.0', cwe: ['CWE-79'],
        cvss: { score: 9.8, vectorString: 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H' } })
    }
    assert.deepEqual(await bulk({ 'weak-thing': ['1.2.0'] }), {})
    assert.deepEqual(await bulk({ 'weak-thing': 'x', y: [1, null, {}] }), {})
  })

  test('of a whole tree has the paths and the sums', async () => {
    const tree = { name: 'x', version: '1.0.0', dependencies: { 'needs-weak': { version: '1.0.0', dependencies: { 'weak-thing': { version: '1.0.0' } } }, 'weak-thing': { version: '1.2.0' } } }
    for (const path of ['audits', 'audits/quick']) {
      const { status, body } = await r.api('POST', `/npm/-/npm/v1/security/${path}`, tree, as('dev'))
      assert.equal(status, 200)
      const [a] = Object.values(body.advisories)
      assert.deepEqual(a.findings, [{ version: '1.0.0', paths: ['needs-weak>weak-thing'] }])
      assert.deepEqual([a.module_name, a.severity, a.patched_versions, body.metadata.vulnerabilities.high, body.metadata.totalDependencies, body.actions, body.muted], ['weak-thing', 'high', '>=1.2.0', 1, 3, [], []])
    }
    let deep = {}
    for (let i = 0; i < 200; i++) deep = { version: '1.0.0', dependencies: { a: deep } }
    assert.equal((await r.api('POST', '/npm/-/npm/v1/security/audits', deep, as('dev'))).status, 400)
  })

  test('of more than can be told says so, and takes neither the memory nor the time of others', { timeout: 120000 }, async () => {
    const ask = (path, question) => r.api('POST', `/npm/-/npm/v1/security/${path}`, question, as('dev'))
    const long = (n) => `n${n}`.padEnd(200, 'x')
    let tree = Object.fromEntries(Array.from({ length: 15000 }, (_, i) => [`p${i}`, { dependencies: { 'weak-thing': { version: `1.0.0-${i}` } } }]))
    for (let i = 0; i < 25; i++) tree = { [long(i)]: { version: '1.0.0', dependencies: tree } }
    const large = await ask('audits', { dependencies: tree })
    assert.deepEqual([large.status, large.body.error.slice(0, 16)], [413, 'There is too muc'])
    const huge = { ['n'.repeat(1 << 20)]: { dependencies: { 'weak-thing': { version: '1.0.0' } } }, 'weak-thing': { version: '1.1.0' } }
    assert.equal(Object.values((await ask('audits', { dependencies: huge })).body.advisories)[0].findings.length, 1)
    const slow = { package: '@acme/slow', title: 'Slow', level: 'low', vulnerable: Array(2700).fill('9').join('||') }
    const { body: made } = await api('POST', '/advisories', slow)
    const began = Date.now()
    const late = await ask('advisories/bulk', { '@acme/slow': Array.from({ length: 500000 }, (_, i) => `1.0.${i}`) })
    assert.equal(late.status, 413, `${Date.now() - began} ms`)
    assert.ok(Date.now() - began < 60000)
    assert.equal((await api('DELETE', `/advisories/${made.id}`)).status, 204)
  })

  for (const kind of ['npm10', 'npm11', 'npm12', 'pnpm10', 'pnpm11', 'pnpm12', 'berry', 'bun'])
    test(`of ${kind} shows it`, { timeout: 180000 }, async () => {
      const m = new Machine(r, kind, await client(kind), bearer.dev)
      const dir = m.folder('audited', { 'package.json': { name: 'audited', version: '1.0.0', private: true, dependencies: { 'needs-weak': '1.0.0' } }, ...(kind === 'berry' ? { 'yarn.lock': '' } : {}) })
      await m.run(dir, 'install')
      const said = kind === 'berry' ? await m.fails(dir, 'npm', 'audit', '--all', '--recursive') : await m.fails(dir, 'audit')
      assert.match(said, /weak-thing/)
      assert.match(said, /high/i)
    })

  test('never leaves the server', () => {
    assert.deepEqual(outside.asked.filter((path) => path.startsWith('/-/')), [])
  })
})

describe('what is written here', () => {
  const mine = { package: '@acme/red-own', title: 'Lets everybody in', level: 'critical', vulnerable: '<1.1.0', patched: '>=1.1.0', url: 'https://acme.example/1' }
  const publish = (version) => r.api('PUT', '/npm/@acme%2fred-own', publishDocument('@acme/red-own', version).body, as('dev'))

  test('is about own packages, by who answers for them, and is told to members alone', async () => {
    assert.equal((await publish('1.0.0')).status, 201)
    for (const [status, body, who] of [[422, { ...mine, package: 'weak-thing' }], [404, mine, 'other'], [422, { ...mine, vulnerable: 'latest' }], [422, { ...mine, level: 'huge' }], [422, { ...mine, url: 'javascript:x' }], [400, {}]])
      assert.equal((await api('POST', '/advisories', body, who)).status, status, JSON.stringify(body))
    const { body: made } = await api('POST', '/advisories', mine)
    assert.deepEqual(Object.keys(await bulk({ '@acme/red-own': ['1.0.0'] })), ['@acme/red-own'])
    assert.deepEqual(await bulk({ '@acme/red-own': ['1.0.0'] }, { who: 'other' }), {})
    assert.equal((await api('GET', '/advisories?package=@acme/red-own')).body.items.length, 1)
    assert.equal((await api('GET', '/advisories?package=@acme/red-own', undefined, 'other')).body.items.length, 0)
    const search = async (text) => (await r.api('GET', `/npm/-/v1/search?text=${text}`, undefined, as('dev'))).body
    assert.equal((await search('red-own')).objects[0].flags.insecure, 1)
    assert.equal((await search('red-own%20not:insecure')).total, 0)
    assert.equal((await publish('1.1.0')).status, 201)
    assert.equal((await search('red-own%20not:insecure')).total, 1)
    const { token } = (await r.api('POST', '/api/v1/tokens', { name: 'reads', scopes: ['package:read'] }, admin)).body
    const narrow = (await r.api('POST', '/api/v1/users/dev/tokens', { name: 'narrow', packages: ['@acme/other'], scopes: ['tenant:admin', 'package:read'] }, admin)).body
    for (const who of [token, narrow.token])
      for (const [method, path, body] of [['POST', '', mine], ['DELETE', `/${made.id}`]])
        assert.equal((await r.api(method, `/api/v1/advisories${path}`, body, { authorization: `Bearer ${who}` })).status, 403, method)
    assert.equal((await api('DELETE', `/advisories/${made.id}`, undefined, 'other')).status, 404)
    assert.equal((await api('DELETE', `/advisories/${made.id}`)).status, 204)
    assert.deepEqual(await bulk({ '@acme/red-own': ['1.0.0'] }), {})
  })

  test('has a ceiling for each tenant', { timeout: 120000 }, async () => {
    const write = (i) => api('POST', '/advisories', { ...mine, package: `@beta/n${i}` }, 'other')
    for (let i = 0; i < 1000; i += 20) {
      const all = await Promise.all(Array.from({ length: 20 }, (_, k) => write(i + k)))
      assert.ok(all.every(({ status }) => status === 201))
    }
    const { status, body } = await write(1000)
    assert.deepEqual([status, body.code], [429, 'too_many_advisories'])
    const { status: taken, body: made } = await api('POST', '/advisories', mine)
    assert.equal(taken, 201)
    assert.equal((await api('DELETE', `/advisories/${made.id}`)).status, 204)
  })

  test('of the world about a name of ours is about something else', async () => {
    await send(JSON.stringify(osv('T-50', '@acme/red-own', [{ introduced: '0' }])))
    assert.deepEqual(await bulk({ '@acme/red-own': ['1.0.0'] }), {})
  })
})
