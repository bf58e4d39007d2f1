// Which instance has which version of a package: told by its runtime, kept by the server, shown to those who may see the
// instance and to nobody else.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { publishDocument } from './publish.mjs'
import { instanceCookie, raw, Redhouse, until } from './redhouse.mjs'

const limit = { timeout: 180000 }
const registers = (type) => `module.exports = (RED) => { RED.nodes.registerType('${type}', function () {}) }\n`

describe('the packages of instances', limit, () => {
  let r, ada, eve, admin, cookie
  const as = (token) => ({ authorization: `Bearer ${token}` })
  const get = async (path, token) => {
    const answer = await r.api('GET', `/api/v1${path}`, undefined, as(token))
    assert.equal(answer.status, 200, `${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
    return answer.body
  }
  const users = async (name, token) => (await get(`/packages/${name}/users`, token)).items
  const palette = (method, path, body) => raw(r, 'one.localhost', path, {
    method, headers: { cookie, origin: `http://one.localhost:${r.port}`, 'content-type': 'application/json' }, body: JSON.stringify(body),
  })

  before(async () => {
    r = await Redhouse.start({ args: ['--platform-scope', '@shared'] })
    for (const [tenant, user, slug] of [['demo', 'ada', 'one'], ['other', 'eve', 'two']]) {
      await r.run('tenant', 'create', tenant)
      await r.member(tenant, user, 'owner')
      await r.run('instance', 'create', `${tenant}/${slug}`)
    }
    ada = await r.token('ada', 't')
    eve = await r.token('eve', 't')
    admin = await r.token('admin', 't')
    cookie = await instanceCookie(r, await r.login('ada', 'ada has a password'), 'one.localhost')
    for (const version of ['1.0.0', '1.1.0']) {
      const { body } = publishDocument('@shared/node-red-s', version, { manifest: { 'node-red': { nodes: { s: 's.js' } } }, files: { 's.js': registers('common') } })
      assert.equal((await r.api('PUT', '/npm/@shared%2fnode-red-s', body, as(admin))).status, 201)
    }
  }, limit)
  after(async () => r?.stop(), limit)

  test('an instance tells what it has when it is up', limit, async () => {
    const list = await until('the report', async () => {
      const said = await get('/instances/one/modules', ada)
      return said.reported_at && said
    })
    assert.match(list.items.find((m) => m.name === 'node-red').version, /^\d+\.\d+\.\d+/)
    assert.equal((await get('/packages/@shared/node-red-s/users', ada)).more, false)
    assert.deepEqual(await users('@shared/node-red-s', ada), [])
  })

  test('what is installed, updated and removed in the palette is known at once, to its tenant and to admins', limit, async () => {
    assert.equal((await palette('POST', '/nodes', { module: '@shared/node-red-s', version: '1.0.0' })).status, 200)
    const found = await until('the user', async () => (await users('@shared/node-red-s', ada))[0])
    assert.deepEqual(found, { tenant: 'demo', instance: 'one', version: '1.0.0', pending_version: null, direct: true })
    assert.deepEqual(await users('@shared/node-red-s', admin), [found])
    assert.match(await r.run('package', 'users', '@shared/node-red-s'), /demo\s+one\s+1\.0\.0/)
    assert.match(await r.run('instance', 'modules', 'demo/one'), /@shared\/node-red-s\s+1\.0\.0/)
    assert.deepEqual(await users('@shared/node-red-s', eve), [], "another tenant's instance is not shown")
    const { items } = await get('/instances/one/modules', ada)
    assert.deepEqual(items.find((m) => m.name === '@shared/node-red-s'), { name: '@shared/node-red-s', version: '1.0.0', pending_version: null, direct: true, types: ['common'] })
    assert.equal((await palette('POST', '/nodes', { module: '@shared/node-red-s', version: '1.1.0' })).status, 200)
    await until('the new version', async () => (await users('@shared/node-red-s', ada))[0].pending_version === '1.1.0')
    assert.equal((await palette('DELETE', '/nodes/@shared/node-red-s')).status, 204)
    await until('nobody', async () => (await users('@shared/node-red-s', ada)).length === 0)
  })

  test('a pre-release that an instance has, or will have, outlives the rule for pre-releases', limit, async () => {
    const name = '@demo/node-red-pre', put = async (version, tag) => {
      const { body } = publishDocument(name, version, { manifest: { 'node-red': { nodes: { p: 'p.js' } } }, files: { 'p.js': registers('early') } })
      assert.equal((await r.api('PUT', '/npm/@demo%2fnode-red-pre', { ...body, 'dist-tags': { [tag]: version } }, as(ada))).status, 201)
    }
    await put('1.0.0', 'latest')
    for (const n of [1, 2, 3, 4]) await put(`1.1.0-rc.${n}`, 'next')
    assert.equal((await palette('POST', '/nodes', { module: name, version: '1.1.0-rc.1' })).status, 200)
    await until('it is told', async () => (await users(name, ada))[0]?.version === '1.1.0-rc.1')
    assert.equal((await palette('POST', '/nodes', { module: name, version: '1.1.0-rc.2' })).status, 200)
    await until('both are told', async () => (await users(name, ada))[0].pending_version === '1.1.0-rc.2')
    const rule = await r.api('PUT', '/api/v1/tenants/demo/retention', { keep: 0 }, as(ada))
    assert.deepEqual(rule.body.due.map((d) => d.version), ['1.1.0-rc.3'])
    await r.run('tenant', 'retention', 'demo', '--run')
    const { body } = await r.api('GET', '/npm/@demo%2fnode-red-pre', undefined, as(ada))
    assert.deepEqual(Object.keys(body.versions), ['1.0.0', '1.1.0-rc.1', '1.1.0-rc.2', '1.1.0-rc.4'])
  })

  test('what a rule for packages forbids is not installed from Manage Palette, and the log says why', limit, async () => {
    const name = '@demo/node-red-old', { body } = publishDocument(name, '1.0.0', { manifest: { 'node-red': { nodes: { o: 'o.js' } } }, files: { 'o.js': registers('old') } })
    assert.equal((await r.api('PUT', '/npm/@demo%2fnode-red-old', body, as(ada))).status, 201)
    const rules = async (list) => assert.equal((await r.api('PUT', '/api/v1/tenants/demo/policy', list, as(ada))).status, 200)
    await rules({ private: { deny: [{ name, versions: '1.0.0', reason: 'it is for the museum' }] } })
    const refused = await palette('POST', '/nodes', { module: name, version: '1.0.0' })
    assert.equal(refused.status, 400, refused.text)
    assert.match(await r.run('instance', 'logs', 'demo/one'), /it is for the museum/)
    assert.deepEqual(await users(name, ada), [])
    await rules({})
    assert.equal((await palette('POST', '/nodes', { module: name, version: '1.0.0' })).status, 200)
  })

  test('who has a package of that name, but not the package, is not told what is known against it', limit, async () => {
    const name = '@demo/node-red-weak', { body } = publishDocument(name, '1.0.0', { manifest: { 'node-red': { nodes: { w: 'w.js' } } }, files: { 'w.js': registers('weak') } })
    assert.equal((await r.api('PUT', '/npm/@demo%2fnode-red-weak', body, as(ada))).status, 201)
    const advisory = { package: name, title: 'Known to its tenant', level: 'high', vulnerable: '<2' }
    assert.equal((await r.api('POST', '/api/v1/advisories', advisory, as(ada))).status, 201)
    assert.equal((await palette('POST', '/nodes', { module: name, version: '1.0.0' })).status, 200)
    const cookie = await instanceCookie(r, await r.login('eve', 'eve has a password'), 'two.localhost')
    const part = 'content-disposition: form-data; name="tarball"; filename="weak-1.0.0.tgz"\r\ncontent-type: application/gzip'
    const upload = Buffer.concat([Buffer.from(`--x\r\n${part}\r\n\r\n`), Buffer.from(Object.values(body._attachments)[0].data, 'base64'), Buffer.from('\r\n--x--\r\n')])
    const put = await raw(r, 'two.localhost', '/nodes', { method: 'POST', headers: { cookie, origin: `http://two.localhost:${r.port}`, 'content-type': 'multipart/form-data; boundary=x' }, body: upload })
    assert.equal(put.status, 200, put.text)
    await until('both have it', async () => (await users(name, admin)).length === 2)
    const concerned = async (token) => (await get('/advisories/concerned', token)).items.map((i) => [i.tenant, i.advisory.title])
    assert.deepEqual(await concerned(ada), [['demo', 'Known to its tenant']])
    assert.deepEqual(await concerned(eve), [])
  })

  test('the list of an instance is there for its tenant only', limit, async () => {
    for (const headers of [as(eve), {}]) {
      const answer = await r.api('GET', '/api/v1/instances/one/modules', undefined, headers)
      assert.ok([401, 404].includes(answer.status), `${answer.status}`)
    }
    assert.equal((await r.api('PUT', '/api/v1/runtime/modules', { modules: [] }, as(ada))).status, 404, 'people tell no modules')
    await r.run('instance', 'remove', 'other/two')
    assert.equal((await r.api('GET', '/api/v1/packages/node-red/users', undefined, as(eve))).status, 404)
  })
})
