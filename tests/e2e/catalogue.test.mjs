// What Manage Palette is told: each tenant's nodes and those that all share, with types, keywords, times and deprecation, as they
// are published, and nothing of the others.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { publishDocument } from './publish.mjs'
import { npm, raw, Redhouse } from './redhouse.mjs'

const limit = { timeout: 120000 }
const registers = (...types) => `module.exports = (RED) => {\n${types.map((t) => `  RED.nodes.registerType('${t}', function () {})\n`).join('')}}\n`

describe('the catalogue', limit, () => {
  let r, ada, eve
  const began = Date.now()
  const catalogue = (host, token) => raw(r, host, '/.redhouse/catalogue.json', { headers: token ? { authorization: `Bearer ${token}` } : {} })
  async function listed(host, token) {
    const answer = await catalogue(host, token)
    assert.equal(answer.status, 200, answer.text)
    assert.match(answer.headers['content-type'], /^application\/json/)
    return JSON.parse(answer.text)
  }
  const one = () => listed('one.localhost', ada)
  const two = () => listed('two.localhost', eve)
  const names = (list) => list.modules.map((m) => m.id)
  const entry = (list, name) => list.modules.find((m) => m.id === name)
  const time = (text) => {
    assert.match(text, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/)
    const at = Date.parse(text)
    assert.ok(at >= began - 1000 && at <= Date.now() + 1000, text)
    return at
  }

  async function publish(token, name, version, { tag = 'latest', nodes, files = {}, ...manifest } = {}) {
    const { body } = publishDocument(name, version, { manifest: { ...manifest, ...(nodes && { 'node-red': { nodes } }) }, files })
    body['dist-tags'] = { [tag]: version }
    const answer = await r.api('PUT', `/npm/${name.replace('/', '%2f')}`, body, { authorization: `Bearer ${token}` })
    assert.equal(answer.status, 201, JSON.stringify(answer.body))
  }

  before(async () => {
    r = await Redhouse.start({ args: ['--platform-scope', '@shared'] })
    for (const [tenant, user, slug] of [['demo', 'ada', 'one'], ['other', 'eve', 'two']]) {
      await r.run('tenant', 'create', tenant)
      await r.member(tenant, user, 'owner')
      await r.run('instance', 'create', `${tenant}/${slug}`)
    }
    ada = await r.token('ada', 't')
    eve = await r.token('eve', 't')
  }, limit)
  after(async () => r?.stop(), limit)

  test('is empty, and valid, before anything is published', limit, async () => {
    const list = await one()
    assert.deepEqual([list.name.length > 0, list.modules], [true, []])
    assert.ok(!Number.isNaN(Date.parse(list.updated_at)))
  })

  test('tells what was published: version, description, keywords, types of all its files, time, address', limit, async () => {
    await publish(ada, '@demo/node-red-a', '1.0.0', {
      description: 'nodes of "a" & <more>', keywords: ['node-red', 'äpfel'], nodes: { x: 'x.js', y: './lib/y.js' },
      files: { 'x.js': registers('alpha', 'alpha two'), 'lib/y.js': registers('beta'), 'z.js': registers('unlisted') },
    })
    await publish(ada, '@demo/plain', '1.0.0', { keywords: ['node-red'] })
    const list = await one()
    assert.deepEqual(names(list), ['@demo/node-red-a'])
    const { updated_at: at, ...a } = list.modules[0]
    assert.deepEqual({ ...a, types: [...a.types].sort() }, {
      id: '@demo/node-red-a', version: '1.0.0', description: 'nodes of "a" & <more>', keywords: ['node-red', 'äpfel'],
      types: ['alpha', 'alpha two', 'beta'], url: `${r.url}/ui/packages/@demo/node-red-a`,
      deprecated: null, downloads: { week: 0 },
    })
    assert.ok(time(list.updated_at) >= time(at))
    const document = (await r.api('GET', '/npm/@demo%2fnode-red-a', undefined, { authorization: `Bearer ${ada}` })).body
    assert.equal(Date.parse(document.time['1.0.0']), Date.parse(at))
    assert.equal((await fetch(a.url)).status, 200)
  })

  test('follows the latest version at once, not what is published under another tag', limit, async () => {
    const first = entry(await one(), '@demo/node-red-a')
    await publish(ada, '@demo/node-red-a', '2.0.0-beta.1', { tag: 'beta', nodes: { x: 'x.js' }, files: { 'x.js': registers('future') } })
    assert.deepEqual(entry(await one(), '@demo/node-red-a'), first)
    await publish(ada, '@demo/node-red-a', '1.1.0', { keywords: ['node-red', 'new'], nodes: { x: 'x.js' }, files: { 'x.js': registers('alpha', 'gamma') } })
    const next = entry(await one(), '@demo/node-red-a')
    assert.deepEqual([next.version, [...next.types].sort(), next.keywords], ['1.1.0', ['alpha', 'gamma'], ['node-red', 'new']])
    assert.ok(time(next.updated_at) >= time(first.updated_at))
  })

  test('shows what its author deprecates, and no longer when it is taken back', limit, async () => {
    const env = r.npmEnv(ada)
    await npm(env, r.data, 'deprecate', '@demo/node-red-a@1.1.0', 'use "b" instead')
    assert.equal(entry(await one(), '@demo/node-red-a').deprecated, 'use "b" instead')
    await npm(env, r.data, 'deprecate', '@demo/node-red-a@1.1.0', '')
    assert.ok(!entry(await one(), '@demo/node-red-a').deprecated)
    await npm(env, r.data, 'deprecate', '@demo/node-red-a@1.0.0', 'old')
    assert.ok(!entry(await one(), '@demo/node-red-a').deprecated, 'an older version is deprecated, not this one')
  })

  test("holds the platform's scope for all and a tenant's for itself", limit, async () => {
    const nodes = { x: 'x.js' }
    await publish(eve, '@other/node-red-b', '1.0.0', { nodes, files: { 'x.js': registers('secret') } })
    await publish(ada, '@shared/node-red-s', '1.0.0', { nodes, files: { 'x.js': registers('common') } })
    assert.deepEqual(names(await one()), ['@demo/node-red-a', '@shared/node-red-s'])
    assert.deepEqual(names(await two()), ['@other/node-red-b', '@shared/node-red-s'])
    assert.ok(!JSON.stringify(await one()).includes('secret'))
    assert.deepEqual(entry(await two(), '@shared/node-red-s').types, ['common'])
    // Its time is the newest of what it holds, not of what another tenant does.
    const before = (await one()).updated_at
    await publish(eve, '@other/node-red-b', '1.1.0', { nodes, files: { 'x.js': registers('secret') } })
    assert.equal((await one()).updated_at, before)
    assert.equal(entry(await two(), '@other/node-red-b').version, '1.1.0')
  })

  test('is for the members of its tenant', limit, async () => {
    assert.ok([401, 403, 404].includes((await catalogue('one.localhost')).status))
    for (const [host, token] of [['one.localhost', eve], ['two.localhost', ada]]) {
      const answer = await catalogue(host, token)
      assert.ok([401, 403, 404].includes(answer.status), `${host}: ${answer.status}`)
      assert.doesNotMatch(answer.text, /node-red-/)
    }
    assert.equal((await raw(r, 'one--app.localhost', '/.redhouse/catalogue.json', { headers: { authorization: `Bearer ${ada}` } })).status === 200, false)
  })

  test('forgets what is unpublished', limit, async () => {
    await npm(r.npmEnv(eve), r.data, 'unpublish', '@other/node-red-b@1.1.0')
    assert.equal(entry(await two(), '@other/node-red-b').version, '1.0.0')
    await npm(r.npmEnv(eve), r.data, 'unpublish', '--force', '@other/node-red-b')
    assert.deepEqual(names(await two()), ['@shared/node-red-s'])
  })
})
