// Which instance has which version of a package: told by its runtime, kept by the server, shown to those who may see the
// instance and to nobody else.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
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
      writeFileSync(join(r.data, `${user}.password`), `${user} has a password\n`)
      await r.run('user', 'create', user, '--password-file', join(r.data, `${user}.password`), '--tenant', tenant, '--role', 'owner')
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
