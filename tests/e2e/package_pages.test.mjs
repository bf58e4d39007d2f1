// What the API tells and changes of a package beside npm's own requests: its contents and files, who needs it, how often it is
// downloaded, versions, tags and owners by hand, and a tarball that is uploaded.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { publishDocument } from './publish.mjs'
import { raw, Redhouse } from './redhouse.mjs'

const limit = { timeout: 120000 }
const png = Buffer.from('89504e470d0a1a0a0000000d494844520000000100000001', 'hex')
const svg = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
const html = `<script>RED.nodes.registerType('lamp', { category: 'lights', color: '#ffcc00', icon: 'lamp.svg', inputs: 1, outputs: 0, align: 'right',
  label: function () { return this.name || 'lamp' }, paletteLabel: 'A lamp' })</script>
<script>RED.nodes.registerType('bad', { color: 'red;background:url(//x)', category: '<img src=x>' })</script>`

describe('what there is to know of a package', limit, () => {
  let r, ada, eve, bob
  const as = (token) => ({ authorization: `Bearer ${token}` })
  const call = (method, path, body, token = ada) => r.api(method, `/api/v1${path}`, body, as(token))
  const get = async (path, token) => {
    const answer = await call('GET', path, undefined, token)
    assert.equal(answer.status, 200, `${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
    return answer.body
  }
  const file = (path, more = {}) => raw(r, 'localhost', `/api/v1/packages/${path}`, { headers: { ...as(ada), ...more } })
  async function publish(name, version, more, token = ada) {
    const { body } = publishDocument(name, version, more)
    const answer = await r.api('PUT', `/npm/${name.replace('/', '%2f')}`, body, as(token))
    assert.equal(answer.status, 201, JSON.stringify(answer.body))
    return body
  }
  const tarball = (name, version, more) => Buffer.from(Object.values(publishDocument(name, version, more).body._attachments)[0].data, 'base64')
  const upload = (bytes, path = '/tenants/demo/packages', token = ada) => fetch(`${r.url}/api/v1${path}`, {
    method: 'POST', headers: { ...as(token), 'content-type': 'application/gzip' }, body: bytes,
  }).then(async (answer) => ({ status: answer.status, body: await answer.json() }))

  before(async () => {
    r = await Redhouse.start({ args: ['--platform-scope', '@shared'] })
    for (const [tenant, user, role] of [['demo', 'ada', 'owner'], ['other', 'eve', 'owner'], ['demo', 'bob', 'viewer']]) {
      if (role === 'owner') await r.run('tenant', 'create', tenant)
      await r.member(tenant, user, role)
    }
    ada = await r.token('ada', 't')
    eve = await r.token('eve', 't')
    bob = await r.token('bob', 't')
    await publish('@demo/lamp', '1.0.0', {
      manifest: { 'node-red': { nodes: { lamp: './nodes/lamp.js' }, plugins: { look: 'look.js' } }, dependencies: { '@demo/base': '^1.0.0', lodash: '4' }, peerDependencies: { '@shared/all': '*' } },
      files: {
        'README.md': '# lamp', 'nodes/lamp.js': "RED.nodes.registerType('lamp', f)", 'nodes/lamp.html': html, 'nodes/icons/lamp.svg': svg, 'pic.png': png,
        'look.js': "RED.plugins.registerPlugin('night', { type: 'node-red-theme' })", 'examples/first one.json': '[]', 'page.html': '<script>alert(1)</script>',
        'odd "name";x.txt': 'odd', 'lie.png': '<script>alert(1)</script>', 'data.bin': Buffer.from([0, 255, 1]), 'big.txt': randomBytes(5 << 20).toString('hex'),
      },
    })
    await publish('@demo/base', '1.0.0')
  }, limit)
  after(async () => r?.stop(), limit)

  test('its contents name files, nodes as the palette shows them, plugins, examples and icons', limit, async () => {
    const answer = await call('GET', '/packages/@demo/lamp/versions/1.0.0/contents')
    const { files, ...rest } = answer.body
    const look = { set: 'lamp', icon: null, right: false, input: false, output: false }
    assert.deepEqual(rest, {
      nodes: [{ ...look, type: 'lamp', category: 'lights', color: '#ffcc00', icon: 'lamp.svg', label: 'A lamp', right: true, input: true },
        { ...look, type: 'bad', category: '<img src=x>', color: null, label: 'bad' }],
      plugins: [{ id: 'night', set: 'look', type: 'node-red-theme' }], examples: ['first one'], icons: ['nodes/icons/lamp.svg'],
      count: 13, bytes: files.reduce((sum, f) => sum + f.bytes, 0),
    })
    assert.ok(files.some((f) => f.name === 'odd "name";x.txt' && f.bytes === 3))
    assert.deepEqual((await call('GET', '/packages/@demo/lamp/versions/latest/contents')).body, answer.body)
    assert.equal((await r.api('GET', '/api/v1/packages/@demo/lamp/versions/1.0.0/contents', undefined, { ...as(ada), 'if-none-match': answer.headers.get('etag') })).status, 304)
    assert.equal((await call('GET', '/packages/@demo/lamp/versions/9.0.0/contents')).status, 404)
  })

  test('a file of a stranger is an image, a text or bytes to keep, and never a page', limit, async () => {
    const kinds = {
      'nodes/icons/lamp.svg': ['image/svg+xml', /^inline/], 'pic.png': ['image/png', /^inline/], 'page.html': ['text/plain; charset=utf-8', /^attachment/],
      'lie.png': ['text/plain; charset=utf-8', /^attachment/], 'data.bin': ['application/octet-stream', /^attachment/],
      'odd%20%22name%22%3Bx.txt': ['text/plain; charset=utf-8', /^attachment; filename="odd__name__x\.txt"$/],
    }
    for (const [name, [type, disposition]] of Object.entries(kinds)) {
      const answer = await file(`@demo/lamp/versions/1.0.0/files/${name}`)
      assert.deepEqual([answer.status, answer.headers['content-type']], [200, type], name)
      assert.match(answer.headers['content-disposition'], disposition)
      assert.equal(answer.headers['x-content-type-options'], 'nosniff')
      assert.match(answer.headers['content-security-policy'], /^sandbox; default-src 'none'/)
      assert.equal((await file(`@demo/lamp/versions/1.0.0/files/${name}`, { 'if-none-match': answer.headers.etag })).status, 304)
    }
    for (const name of ['none.txt', '../lamp.js', '%2e%2e/package.json', 'nodes', 'nodes/', '', '/etc/passwd', 'package/package.json'])
      assert.equal((await file(`@demo/lamp/versions/1.0.0/files/${name}`)).status, 404, name)
    const big = await file('@demo/lamp/versions/1.0.0/files/big.txt')
    assert.equal(big.status, 413)
    assert.match(big.text, /npm pack/)
  })

  test('who needs whom is told both ways, and of nobody who is hidden', limit, async () => {
    await publish('@other/secret', '1.0.0', { manifest: { dependencies: { '@demo/base': '1', lodash: '4' } } }, eve)
    const lamp = await get('/packages/@demo/lamp/needs')
    assert.deepEqual(lamp, { needs: [{ name: '@demo/base', range: '^1.0.0', kind: 'dependencies' }, { name: 'lodash', range: '4', kind: 'dependencies' }, { name: '@shared/all', range: '*', kind: 'peerDependencies' }], needed_by: [], more: false })
    assert.deepEqual((await get('/packages/@demo/base/needs')).needed_by, [{ name: '@demo/lamp', range: '^1.0.0', kind: 'dependencies' }])
    assert.deepEqual((await get('/packages/lodash/needs', eve)).needed_by.map((n) => n.name), ['@other/secret'])
  })

  test('a package that needs everything counts as one that needs 500', limit, async () => {
    const all = Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`n${String(i).padStart(4, '0')}`, `^1.0.0${' || ^1.0.0'.repeat(50)}`]))
    await publish('@other/greedy', '1.0.0', { manifest: { dependencies: { ['x'.repeat(300)]: '1', ...all } } }, eve)
    const [first] = (await get('/packages/n0000/needs', eve)).needed_by
    assert.deepEqual([first.name, first.range.length], ['@other/greedy', 200])
    assert.equal((await get('/packages/n0499/needs', eve)).needed_by.length, 1)
    const { status } = await raw(r, 'localhost', '/api/v1/packages/n0500/needs', { headers: as(eve) })
    assert.equal(status, 404)
    assert.equal((await get('/packages/@other/greedy/needs', eve)).needs.length, 2001)
  })

  test('downloads are counted by day and version', limit, async () => {
    for (let i = 0; i < 3; i++) assert.equal((await raw(r, 'localhost', '/npm/@demo/lamp/-/lamp-1.0.0.tgz', { headers: as(ada) })).status, 200)
    await raw(r, 'localhost', '/npm/@demo/lamp/-/lamp-9.0.0.tgz', { headers: as(ada) })
    await raw(r, 'localhost', '/npm/@demo/lamp/-/lamp-1.0.0.tgz')
    const today = new Date().toISOString().slice(0, 10)
    assert.deepEqual(await get('/packages/@demo/lamp/downloads'), { total: 3, week: 3, days: [{ day: today, count: 3 }], versions: [{ version: '1.0.0', count: 3 }] })
  })

  test('a tarball is uploaded, and what is wrong with it is told', limit, async () => {
    assert.deepEqual(await upload(tarball('@demo/up', '1.0.0')), { status: 201, body: { name: '@demo/up', version: '1.0.0', notice: null } })
    assert.equal((await upload(tarball('@demo/up', '1.1.0'), '/tenants/demo/packages?tag=next')).status, 201)
    const one = await get('/packages/@demo/up')
    assert.deepEqual([one.tags, one.versions.map((v) => v.source), one.owners], [{ latest: '1.0.0', next: '1.1.0' }, ['upload', 'upload'], [{ user: 'ada' }]])
    for (const [bytes, path, token, status, said] of [
      [Buffer.from('no tarball'), undefined, ada, 422, /not a .tgz/], [tarball('@other/up', '1.0.0'), undefined, ada, 403, /not a name of this tenant/],
      [tarball('@demo/up', '1.0.0', { readme: 'x', files: { x: 'y' } }), undefined, ada, 409, /is there already/], [tarball('@demo/up', '2.0.0'), '/tenants/demo/packages?tag=1.x', ada, 422, /tag/],
      [tarball('@demo/up', '2.0.0'), undefined, bob, 403, /./], [tarball('@demo/up', '2.0.0'), undefined, eve, 404, /./],
    ]) {
      const answer = await upload(bytes, path, token)
      assert.equal(answer.status, status, JSON.stringify(answer.body))
      assert.match(answer.body.detail, said)
    }
  })

  test('versions, tags and owners are changed one by one, by those who may', limit, async () => {
    const path = '/packages/@demo/up'
    for (const [method, where, body] of [['PATCH', '/versions/1.0.0', { deprecated: 'x' }], ['DELETE', '/versions/1.0.0?confirm=1.0.0'], ['PUT', '/tags/old', { version: '1.0.0' }],
      ['DELETE', '/tags/next'], ['POST', '/owners', { user: 'eve' }], ['DELETE', '/owners/ada'], ['DELETE', '?confirm=@demo/up']]) {
      assert.equal((await call(method, path + where, body, eve)).status, 404, `${method} ${where}`)
      assert.equal((await call(method, path + where, body, bob)).status, 403, `${method} ${where}`)
    }
    assert.equal((await call('PATCH', `${path}/versions/1.0.0`, { deprecated: 'use lamp' })).status, 204)
    assert.equal((await get(path)).versions.find((v) => v.version === '1.0.0').deprecated, 'use lamp')
    assert.equal((await call('PATCH', `${path}/versions/1.0.0`, { deprecated: null })).status, 204)
    assert.equal((await call('PATCH', `${path}/versions/7.0.0`, { deprecated: 'x' })).status, 404)
    assert.equal((await call('PATCH', `${path}/versions/1.0.0`, {})).status, 400)
    assert.equal((await call('PUT', `${path}/tags/old`, { version: '1.0.0' })).status, 204)
    assert.equal((await call('PUT', `${path}/tags/latest`, { version: '1.1.0' })).status, 204)
    assert.equal((await call('PUT', `${path}/tags/old`, { version: '7.0.0' })).status, 404)
    assert.equal((await call('DELETE', `${path}/tags/next`)).status, 204)
    assert.equal((await call('DELETE', `${path}/tags/latest`)).status, 422)
    assert.deepEqual((await get(path)).tags, { latest: '1.1.0', old: '1.0.0' })
    assert.equal((await call('POST', `${path}/owners`, { user: 'bob' })).status, 204)
    assert.equal((await call('POST', `${path}/owners`, { user: 'nobody' })).status, 422)
    assert.equal((await call('DELETE', `${path}/owners/eve`)).status, 404)
    assert.equal((await call('DELETE', `${path}/owners/ada`)).status, 204)
    const last = await call('DELETE', `${path}/owners/bob`)
    assert.deepEqual([last.status, last.body.code], [422, 'bad_owners'])
    assert.equal((await call('DELETE', `${path}/versions/1.1.0`)).status, 400, 'is confirmed by its name')
    assert.equal((await call('DELETE', `${path}/versions/1.1.0?confirm=1.1.0`)).status, 204)
    assert.deepEqual([(await get(path)).latest, (await upload(tarball('@demo/up', '1.1.0', { files: { new: 'x' } }))).status], ['1.0.0', 409])
    assert.equal((await call('DELETE', `${path}?confirm=@demo/up`)).status, 204)
    assert.equal((await call('GET', path)).status, 404)
  })
})
