// The chosen part of the public catalogue: picked by a tenant or by the platform, in order, with notes; its types from the tarball,
// its versions from the uplink; the address for Node-REDs elsewhere; node types that two packages register, told to who publishes.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { editor, launch } from './browser.mjs'
import { Outside } from './outside.mjs'
import { publishDocument } from './publish.mjs'
import { instanceCookie, npm, raw, Redhouse, until } from './redhouse.mjs'

const limit = { timeout: 120000 }
const registers = (...types) => types.map((t) => `RED.nodes.registerType('${t}', function () {})\n`).join('')
const nodes = (...types) => ({ 'node-red': { nodes: { x: 'x.js' } }, files: { 'x.js': `module.exports = (RED) => {\n${registers(...types)}}\n` } })

describe('the public part of a catalogue', limit, () => {
  let r, outside, ada, eve, bob, admin
  const as = (token) => ({ authorization: `Bearer ${token}` })
  const api = (method, path, body, token = ada) => r.api(method, `/api/v1${path}`, body, as(token))
  const pick = (name, body = {}, token = ada, where = '/tenants/demo') => api('PUT', `${where}/catalogue/picks/${name}`, body, token)
  const modules = async (token = ada, tenant = 'demo') => (await api('GET', `/tenants/${tenant}/catalogue`, undefined, token)).body.modules
  const ids = async (...args) => (await modules(...args)).map((m) => m.id)

  async function publish(name, version, { files, ...manifest }, token = ada) {
    const { body } = publishDocument(name, version, { manifest, files })
    const answer = await r.api('PUT', `/npm/${name.replace('/', '%2f')}`, body, as(token))
    assert.equal(answer.status, 201, JSON.stringify(answer.body))
    return answer.headers.get('npm-notice')
  }

  before(async () => {
    outside = await Outside.start()
    outside.add('node-red-outside', '1.0.0', { description: 'from outside', keywords: ['node-red', 'x'], homepage: 'https://example.org/outside', age: 1000 * 86400000, ...nodes('outer', 'outer two') })
    outside.add('@far/node-red-far', '2.0.0', nodes('far'))
    outside.add('node-red-third', '1.0.0', nodes('third'))
    outside.add('plain', '1.0.0')
    r = await Redhouse.start({ uplink: outside.url, args: ['--platform-scope', '@shared', '--uplink-fresh', '1s', '--uplink-stale', '0s'] })
    for (const [tenant, user, role] of [['demo', 'ada', 'owner'], ['other', 'eve', 'owner'], ['demo', 'bob', 'viewer']]) {
      if (role === 'owner') await r.run('tenant', 'create', tenant)
      await r.member(tenant, user, role)
    }
    ;[ada, eve, bob, admin] = await Promise.all(['ada', 'eve', 'bob', 'admin'].map((user) => r.token(user, 't')))
    await publish('@demo/node-red-own', '1.0.0', nodes('own'))
  }, limit)
  after(async () => {
    await r?.stop()
    outside?.stop()
  }, limit)

  test('what is picked shows with version, types, time and address; what is none is told', limit, async () => {
    assert.equal((await pick('node-red-outside', { note: 'ask the crew', badge: 'tried' })).status, 204)
    const found = (await modules()).find((m) => m.id === 'node-red-outside')
    assert.deepEqual({ ...found, updated_at: Math.round((Date.now() - Date.parse(found.updated_at)) / 86400000) }, {
      id: 'node-red-outside', version: '1.0.0', description: '[tried] ask the crew · from outside', keywords: ['node-red', 'x'], types: ['outer', 'outer two'],
      updated_at: 1000, url: 'https://example.org/outside', deprecated: null, downloads: found.downloads, note: 'ask the crew', badge: 'tried',
    })
    for (const [name, status, said] of [['plain', 422, /no package for Node-RED/], ['nobody-has-this', 404, /./], ['@demo/node-red-own', 422, /no public package/], ['@other/x', 422, /no public package/]]) {
      const answer = await pick(name)
      assert.equal(answer.status, status, `${name}: ${JSON.stringify(answer.body)}`)
      assert.match(answer.body.detail, said)
    }
    for (const body of [{ note: 'a\nb' }, { note: 'x'.repeat(301) }, { badge: 'x'.repeat(31) }, { position: -5 }])
      assert.equal((await pick('node-red-outside', body)).status, 422, JSON.stringify(body))
  })

  test("they stand in their order, the tenant's before the platform's, and each tenant sees its own", limit, async () => {
    assert.equal((await pick('@far/node-red-far')).status, 204)
    assert.equal((await pick('node-red-third', { note: 'for all' }, admin, '')).status, 204)
    assert.equal((await pick('node-red-third', {}, ada, '')).status, 403)
    assert.deepEqual(await ids(), ['@demo/node-red-own', 'node-red-outside', '@far/node-red-far', 'node-red-third'])
    assert.deepEqual(await ids(eve, 'other'), ['node-red-third'])
    assert.equal((await pick('@far/node-red-far', { position: 0 })).status, 204)
    assert.deepEqual(await ids(), ['@demo/node-red-own', '@far/node-red-far', 'node-red-outside', 'node-red-third'])
    const { items } = (await api('GET', '/tenants/demo/catalogue/picks')).body
    assert.deepEqual(items.map((p) => [p.name, p.platform, p.note, p.cause]), [['@far/node-red-far', false, '', null], ['node-red-outside', false, 'ask the crew', null], ['node-red-third', true, 'for all', null]])
    assert.equal((await pick('node-red-third', { note: 'ours' })).status, 204)
    assert.equal((await modules()).find((m) => m.id === 'node-red-third').note, 'ours')
    assert.equal((await api('DELETE', '/tenants/demo/catalogue/picks/node-red-third')).status, 204)
    assert.equal((await modules()).find((m) => m.id === 'node-red-third').note, 'for all')
    for (const [method, path] of [['PUT', 'node-red-outside'], ['DELETE', 'node-red-outside']]) {
      assert.equal((await api(method, `/tenants/demo/catalogue/picks/${path}`, {}, bob)).status, 403)
      assert.equal((await api(method, `/tenants/demo/catalogue/picks/${path}`, {}, eve)).status, 404)
    }
    assert.equal((await api('GET', '/tenants/demo/catalogue/picks', undefined, eve)).status, 404)
    assert.equal((await api('GET', '/tenants/demo/catalogue', undefined, eve)).status, 404)
    assert.equal((await api('GET', '/catalogue/picks', undefined, ada)).status, 403)
  })

  test('a new version outside is known after the next look, deprecation too', limit, async () => {
    outside.add('node-red-outside', '1.1.0', { deprecated: 'use another', ...nodes('outer', 'newer') })
    outside.packages.get('node-red-outside').versions['1.1.0'].deprecated = 'use another'
    await until('it is stale', async () => {
      assert.equal((await pick('node-red-outside')).status, 204)
      return (await modules()).find((m) => m.id === 'node-red-outside').version === '1.1.0'
    })
    const now = (await modules()).find((m) => m.id === 'node-red-outside')
    assert.deepEqual([now.types, now.deprecated, now.note], [['outer', 'newer'], 'use another', 'ask the crew'])
  })

  test('node types that another package of the catalogue registers are told to who publishes, and not refused', limit, async () => {
    assert.equal(await publish('@demo/node-red-new', '1.0.0', nodes('fresh')), null)
    assert.match(await publish('@demo/node-red-new', '1.1.0', nodes('fresh', 'own')), /node type "own" is registered by @demo\/node-red-own too/)
    assert.match(await publish('@demo/node-red-new', '1.2.0', nodes('outer')), /"outer" is registered by node-red-outside too/)
    assert.match(await publish('@demo/node-red-new', '1.3.0', nodes('own', 'outer')), /and 1 more/)
    assert.deepEqual((await api('GET', '/packages/@demo/node-red-new')).body.clashes, [{ type: 'outer', package: 'node-red-outside' }, { type: 'own', package: '@demo/node-red-own' }])
    assert.equal(await publish('@other/node-red-same', '1.0.0', nodes('own', 'outer', 'fresh'), eve), null, "nobody learns of another tenant's nodes")
    assert.equal(await publish('@shared/node-red-all', '1.0.0', nodes('fresh'), admin), null)
    assert.match(await publish('@demo/node-red-new', '1.4.0', nodes('fresh')), /@shared\/node-red-all/)
    assert.match(await publish('@demo/node-red-new', '1.5.0', nodes('http in')), /"http in" is registered by node-red too/)
    // npm prints it.
    const dir = join(r.data, 'printed')
    await import('node:fs').then((fs) => { fs.mkdirSync(dir); writeFileSync(join(dir, 'package.json'), JSON.stringify({ name: '@demo/printed', version: '1.0.0', 'node-red': { nodes: { x: 'x.js' } } })); writeFileSync(join(dir, 'x.js'), registers('own')) })
    assert.match(await npm(r.npmEnv(ada), dir, 'publish'), /node type "own" is registered by/)
  })

  test('a Node-RED elsewhere reads it by its address, which is shown once and can be made anew', limit, async () => {
    assert.deepEqual((await api('GET', '/tenants/demo/catalogue/key')).body, { created_by: null, created_at: null })
    const made = await api('POST', '/tenants/demo/catalogue/key', {})
    assert.equal(made.status, 201)
    assert.match(made.body.url, new RegExp(`^${r.url}/catalogue/[\\w-]{30,}/catalogue\\.json$`))
    const answer = await fetch(`${made.body.url}?_=123`, { headers: { origin: 'http://editor.example' } })
    assert.deepEqual([answer.status, answer.headers.get('access-control-allow-origin')], [200, '*'])
    assert.deepEqual((await answer.json()).modules, await modules())
    assert.equal((await fetch(made.body.url, { headers: { 'if-none-match': answer.headers.get('etag') } })).status, 304)
    assert.equal((await api('GET', '/tenants/demo/catalogue/key')).body.created_by, 'ada')
    for (const token of [bob, eve]) assert.ok([403, 404].includes((await api('POST', '/tenants/demo/catalogue/key', {}, token)).status))
    const again = await api('POST', '/tenants/demo/catalogue/key', {})
    assert.equal((await fetch(made.body.url)).status, 404)
    assert.equal((await fetch(again.body.url)).status, 200)
    assert.equal((await fetch(`${r.url}/catalogue/x/catalogue.json`)).status, 404)

    // As the editor's page does it, from another origin.
    const page = createServer((req, res) => res.writeHead(200, { 'content-type': 'text/html' }).end('<title>editor</title>')).listen(0, '127.0.0.1')
    const browser = await launch()
    try {
      const tab = await browser.newPage()
      await tab.goto(`http://127.0.0.1:${page.address().port}/`)
      const list = await tab.evaluate((url) => fetch(`${url}?_=${Date.now()}`, { headers: { accept: 'application/json, text/javascript, */*; q=0.01' } }).then((a) => a.json()), again.body.url)
      assert.deepEqual(list.modules.map((m) => m.id), await ids())
    } finally {
      await browser.close()
      page.close()
    }
    assert.equal((await api('DELETE', '/tenants/demo/catalogue/key')).status, 204)
    assert.equal((await fetch(again.body.url)).status, 404)
  })

  test('the command line picks, lists and removes, for a tenant and for all', limit, async () => {
    await r.run('catalogue', 'pick', 'other', 'node-red-outside', '--note', 'from the shell', '--badge', 'new')
    await r.run('catalogue', 'pick', '-', '@far/node-red-far')
    assert.deepEqual((await r.json('catalogue', 'list', 'other')).items.map((p) => [p.name, p.platform, p.note, p.badge]), [['node-red-outside', false, 'from the shell', 'new'], ['node-red-third', true, 'for all', ''], ['@far/node-red-far', true, '', '']])
    assert.deepEqual((await r.json('catalogue', 'list', '-')).items.map((p) => p.name), ['node-red-third', '@far/node-red-far'])
    await r.run('catalogue', 'remove', 'other', 'node-red-outside')
    await r.run('catalogue', 'remove', '-', '@far/node-red-far')
    assert.deepEqual((await r.json('catalogue', 'list', 'other')).items.map((p) => p.name), ['node-red-third'])
    const address = (await r.run('catalogue', 'address', 'other')).split('\n')[0].trim()
    assert.equal((await (await fetch(address)).json()).modules.at(-1).id, 'node-red-third')
  })

  test("Manage Palette shows it, and installs from it", limit, async () => {
    await r.run('instance', 'create', 'demo/one')
    const cookie = await instanceCookie(r, await r.login('ada', 'ada has a password'), 'one.localhost')
    const browser = await launch()
    try {
      const context = await browser.newContext()
      const [name, value] = cookie.split('; ').at(-1).split('=')
      await context.addCookies([{ name, value, domain: 'one.localhost', path: '/' }])
      const page = await context.newPage()
      await editor(page, `http://one.localhost:${r.port}/`)
      await page.evaluate(() => window.RED.actions.invoke('core:manage-palette'))
      await page.locator('#red-ui-settings-tab-palette').waitFor()
      await page.getByText('Install', { exact: true }).first().click()
      await page.locator('.red-ui-palette-module-name, .red-ui-palette-module-header', { hasText: 'node-red-outside' }).first().waitFor({ timeout: 20000 })
      assert.match(await page.locator('.red-ui-palette-module-description', { hasText: 'ask the crew' }).first().innerText(), /\[tried\] ask the crew/)
    } finally {
      await browser.close()
    }
    const installed = await raw(r, 'one.localhost', '/nodes', { method: 'POST', headers: { cookie, origin: `http://one.localhost:${r.port}`, 'content-type': 'application/json' }, body: JSON.stringify({ module: '@far/node-red-far', version: '2.0.0' }) })
    assert.equal(installed.status, 200, installed.text)
    await until('its use is known', async () => (await api('GET', '/packages/@far/node-red-far/users')).body.items?.[0]?.instance === 'one')
  })

  test('nothing is kept of a package that could not be picked', limit, async () => {
    for (let i = 0; i < 5; i++) assert.equal((await pick(`nobody-has-this-${i}`)).status, 404)
    assert.equal((await pick('plain')).status, 422)
    await r.term()
    const kept = execFileSync('sqlite3', ['-readonly', join(r.data, 'redhouse.db'), 'SELECT name FROM catalogue_public ORDER BY name'], { encoding: 'utf8' })
    assert.deepEqual(kept.trim().split('\n'), ['@far/node-red-far', 'node-red-outside', 'node-red-third'])
  })
})
