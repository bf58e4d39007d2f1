// A host name of one's own over plain HTTP: no trusted origin, so a browser sends no Sec-Fetch headers and takes no __Host-
// cookies. One login, a deploy, and the rules of the cookies.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { editor, launch, login, mapped, shot } from './browser.mjs'
import { publishDocument } from './publish.mjs'
import { raw, Redhouse, until } from './redhouse.mjs'

const limit = { timeout: 120000 }
const node = `module.exports = (RED) => { RED.nodes.registerType('plain-word', function (c) {
  RED.nodes.createNode(this, c); this.on('input', (msg) => { msg.payload = 'plain ' + msg.payload; this.send(msg) }) }) }`
const look = `<script type="text/javascript">RED.nodes.registerType('plain-word', { category: 'function', color: '#ffffff', defaults: {},
  inputs: 1, outputs: 1, label: 'plain word' })</script><script type="text/html" data-template-name="plain-word"></script>`
const flow = [
  { id: 'aa', type: 'tab', label: 'Mapped' },
  { id: 'a1', type: 'inject', z: 'aa', name: 'go', props: [{ p: 'payload' }], repeat: '', once: false, topic: '', payload: 'mapped', payloadType: 'str', x: 140, y: 100, wires: [['a2']] },
  { id: 'a2', type: 'debug', z: 'aa', name: 'out', active: true, tosidebar: true, complete: 'payload', targetType: 'msg', x: 500, y: 100, wires: [] },
  { id: 'b1', type: 'http in', z: 'aa', url: '/page', method: 'get', x: 140, y: 200, wires: [['b2']] },
  { id: 'b2', type: 'template', z: 'aa', field: 'payload', fieldType: 'msg', format: 'html', syntax: 'plain', template: '<!doctype html><title>a page</title><h1>A page of a flow</h1>', output: 'str', x: 320, y: 200, wires: [['b4']] },
  { id: 'b4', type: 'change', z: 'aa', rules: [{ t: 'set', p: 'headers', pt: 'msg', to: '{"set-cookie":["own=1; Path=/","wide=1; Path=/; Domain=example.test"]}', tot: 'json' }], x: 420, y: 200, wires: [['b3']] },
  { id: 'b3', type: 'http response', z: 'aa', x: 600, y: 200, wires: [] },
]

describe('a mapped host name over plain HTTP', limit, () => {
  let r, browser, context, page, token, portalHost, editorUrl, appUrl
  const auth = () => ({ authorization: `Bearer ${token}` })
  const flows = async () => JSON.parse((await raw(r, 'demo.example.test', '/flows', { headers: auth() })).text)
  const tokens = async () => JSON.parse((await raw(r, 'example.test', '/api/v1/tokens', { headers: auth() })).text).items.length
  const ours = async () => (await context.cookies()).filter((c) => c.name.includes('redhouse'))

  before(async () => {
    r = await Redhouse.start({ domain: 'example.test', args: ['--drain', '2s'] })
    await r.run('tenant', 'create', 'demo')
    writeFileSync(join(r.data, 'dev.password'), 'another good password\n')
    await r.run('user', 'create', 'dev', '--password-file', join(r.data, 'dev.password'), '--tenant', 'demo', '--role', 'owner')
    await r.run('instance', 'create', 'demo/demo')
    token = await r.token('dev', 't')
    portalHost = `example.test:${r.port}`
    editorUrl = `http://demo.example.test:${r.port}`
    appUrl = `http://demo--app.example.test:${r.port}`
    browser = await launch(mapped('example.test'))
    context = await browser.newContext({ viewport: { width: 1280, height: 800 } })
    page = await context.newPage()
  }, limit)
  after(async () => {
    await browser?.close()
    await r?.stop()
  }, limit)

  test('the editor sends a person without a session to the portal and takes them back after one login', limit, async () => {
    await page.goto(`${editorUrl}/`)
    await page.waitForURL((at) => at.host === portalHost && at.pathname === '/login')
    assert.equal(await page.evaluate(() => isSecureContext), false, 'the browser trusts this name: the test tests nothing')
    await page.locator('input[name=username]').fill('dev')
    await page.locator('input[name=password]').fill('another good password')
    await page.locator('button[type=submit]').click()
    await page.waitForSelector('.red-ui-palette-node[data-palette-type=inject]', { timeout: 60000 })
    assert.equal(new URL(page.url()).origin, editorUrl)
    await shot(page, 'mapped-editor')
  })

  test('the cookies are of one host each, hidden from scripts, Lax', limit, async () => {
    const cookies = await ours()
    assert.deepEqual([...new Set(cookies.map((c) => c.domain))].sort(), ['demo.example.test', 'example.test'])
    for (const c of cookies) assert.deepEqual([c.httpOnly, c.sameSite, c.secure, c.path, c.name.startsWith('__')], [true, 'Lax', false, '/', false], c.name)
    const sessions = cookies.filter((c) => !c.name.endsWith('-login'))
    assert.equal(new Set(sessions.map((c) => c.value)).size, 2, 'the portal and the editor share a session')
  })

  test('login at the portal, then the editor: no second login', limit, async () => {
    const other = await browser.newContext()
    const tab = await other.newPage()
    const logins = []
    tab.on('framenavigated', (frame) => { if (new URL(frame.url()).pathname === '/login') logins.push(frame.url()) })
    await login(tab, `http://${portalHost}`, 'dev', 'another good password')
    const before = logins.length
    await editor(tab, `${editorUrl}/`)
    assert.equal(logins.length, before)
    await other.close()
  })

  test('a private node is installed and runs, and the debug sidebar hears it', limit, async () => {
    const manifest = { 'node-red': { nodes: { 'plain-word': 'plain.js' } }, keywords: ['node-red'] }
    const { body } = publishDocument('@demo/plain', '1.0.0', { manifest, files: { 'plain.js': node, 'plain.html': look } })
    const published = await raw(r, 'example.test', '/npm/@demo%2fplain', { method: 'PUT', headers: { 'content-type': 'application/json', ...auth() }, body: JSON.stringify(body) })
    assert.ok(published.status < 300, published.text)
    const installed = await page.evaluate(async () => {
      const answer = await fetch('nodes', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ module: '@demo/plain' }) })
      return { status: answer.status, text: await answer.text() }
    })
    assert.equal(installed.status, 200, installed.text)
    await page.waitForFunction(() => window.RED.nodes.getType('plain-word'))
    const nodes = flow.map((n) => (n.id === 'a1' ? { ...n, wires: [['a3']] } : n)).concat({ id: 'a3', type: 'plain-word', z: 'aa', x: 320, y: 100, wires: [['a2']] })
    await page.evaluate((all) => window.RED.view.importNodes(all, { generateIds: false, addFlow: false, touchImport: true }), nodes)
    await page.evaluate(() => { window.RED.actions.invoke('core:deploy-flows'); window.RED.sidebar.show('debug') })
    await page.waitForFunction(() => !window.RED.nodes.dirty())
    await until('the message shows', async () => {
      await page.evaluate(() => fetch('inject/a1', { method: 'POST' }))
      return page.locator('.red-ui-debug-msg', { hasText: 'plain mapped' }).first().isVisible()
    })
    await until('the page is served', async () => (await raw(r, 'demo--app.example.test', '/page')).status === 200)
  })

  test('an app sets cookies for its own host only', limit, async () => {
    const tab = await context.newPage()
    await tab.goto(`${appUrl}/page`)
    await tab.close()
    const all = await context.cookies()
    assert.deepEqual(all.filter((c) => c.name === 'own').map((c) => c.domain), ['demo--app.example.test'])
    assert.deepEqual(all.filter((c) => c.name === 'wide'), [])
  })

  test('a page that sets cookies of our names for the whole domain breaks no session and no login', limit, async () => {
    const names = [...new Set((await ours()).map((c) => c.name))]
    assert.equal(names.length, 2)
    const tab = await context.newPage()
    await tab.goto(`${appUrl}/page`)
    await tab.evaluate((list) => {
      for (const name of list)
        for (const path of ['/', '/flows', '/api', '/.redhouse'])
          document.cookie = `${name}=no value of ours; domain=example.test; path=${path}`
    }, names)
    assert.ok((await ours()).some((c) => c.domain === '.example.test'), 'the browser refuses such a cookie: the test tests nothing')
    await editor(tab, `${editorUrl}/`)
    await tab.goto(`http://${portalHost}/ui/`)
    await tab.getByText('dev', { exact: true }).first().waitFor()
    // Whoever has no session here yet, but those cookies.
    await context.clearCookies({ domain: 'example.test' })
    await context.clearCookies({ domain: 'demo.example.test' })
    assert.equal((await ours()).filter((c) => c.domain === '.example.test').length, 4 * names.length)
    await tab.goto(`${editorUrl}/`)
    await tab.waitForURL((at) => at.pathname === '/login')
    await tab.locator('input[name=username]').fill('dev')
    await tab.locator('input[name=password]').fill('another good password')
    await tab.locator('button[type=submit]').click()
    await tab.waitForSelector('.red-ui-palette-node[data-palette-type=inject]', { timeout: 60000 })
    await tab.close()
  })
})
