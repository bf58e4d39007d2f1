// The main road, end to end: a private node is published, another comes from a git tag, both are installed from Manage Palette in a
// tenant's themed editor, deployed, and their message shows; then whatever can end is ended. road*.test.mjs run it for each
// Node-RED that is offered, on *.localhost and on a host name of one's own over plain HTTP.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { editor, launch, login, mapped, reconnected, shot } from './browser.mjs'
import { gitServer } from './gitserver.mjs'
import { alive, broker, chain } from './processes.mjs'
import { npm, raw, Redhouse, root, until } from './redhouse.mjs'

const limit = { timeout: 150000 }
const hello = join(root, 'fixtures', 'nodes', '@demo', 'node-red-hello')
const shout = {
  'package.json': JSON.stringify({ name: '@demo/node-red-shout', version: '1.4.0', license: 'Apache-2.0', keywords: ['node-red'], 'node-red': { nodes: { shout: 'shout.js' } } }),
  'shout.js': `module.exports = (RED) => RED.nodes.registerType('shout', function (config) {
  RED.nodes.createNode(this, config)
  this.on('input', (msg, send, done) => { msg.payload = String(msg.payload).toUpperCase(); send(msg); done() })
})
`,
  'shout.html': `<script type="text/javascript">
RED.nodes.registerType('shout', { category: 'demo', color: '#f3b567', defaults: {}, inputs: 1, outputs: 1, label: 'shout' })
</script>
<script type="text/html" data-template-name="shout"></script>
`,
}
const theme = {
  tokens: { light: { primary: '#0a7d33', header: '#123456', headerText: '#fafafa' } },
  page: { title: 'Acme "flows" </script>' },
  header: { title: 'Acme works' },
  palette: { theme: [{ category: '.*', type: 'hello', color: '#ff8800' }] },
}
const flow = [
  { id: 'f1f1f1f1f1f1f1f1', type: 'tab', label: 'Road' },
  { id: 'a1a1a1a1a1a1a1a1', type: 'inject', z: 'f1f1f1f1f1f1f1f1', name: 'go', props: [{ p: 'payload' }], repeat: '', crontab: '', once: false, onceDelay: 0.1, topic: '', payload: 'road', payloadType: 'str', x: 140, y: 100, wires: [['b1b1b1b1b1b1b1b1']] },
  { id: 'b1b1b1b1b1b1b1b1', type: 'hello', z: 'f1f1f1f1f1f1f1f1', name: '', word: 'hello', x: 320, y: 100, wires: [['d1d1d1d1d1d1d1d1']] },
  { id: 'd1d1d1d1d1d1d1d1', type: 'shout', z: 'f1f1f1f1f1f1f1f1', x: 420, y: 100, wires: [['c1c1c1c1c1c1c1c1']] },
  { id: 'c1c1c1c1c1c1c1c1', type: 'debug', z: 'f1f1f1f1f1f1f1f1', name: 'out', active: true, tosidebar: true, complete: 'payload', targetType: 'msg', x: 600, y: 100, wires: [] },
]

// `again`: the list was loaded before; whoever waits for something new asks for it anew.
async function installFromPalette(page, module, type, again = false) {
  await page.evaluate(() => window.RED.actions.invoke('core:manage-palette'))
  await page.locator('#red-ui-settings-tab-palette, .red-ui-settings-tabs-content').first().waitFor()
  await page.locator('a', { hasText: /^Install$/ }).first().click()
  const loading = page.locator('#red-ui-palette-module-install-shade')
  await loading.waitFor({ state: 'hidden' })
  if (again) {
    await page.locator('.red-ui-tray a.red-ui-sidebar-header-button:visible:has(i.fa-refresh)').click()
    await loading.waitFor({ state: 'hidden' })
  }
  const box = page.locator('.red-ui-tray .red-ui-palette-search input:visible, .red-ui-tray .red-ui-searchBox-input:visible').last()
  await box.fill('')
  // Its list follows keys only.
  await box.pressSequentially(module)
  // The list is drawn anew a moment after the last key.
  await until(`the palette lists ${module} alone`, async () => {
    const found = await page.locator('.red-ui-palette-module-name:visible').allInnerTexts()
    if (found.length === 1 && found[0].includes(module)) return true
    throw new Error(found.join())
  }).catch(async (error) => {
    await shot(page, 'palette-failed')
    throw error
  })
  await page.locator('.red-ui-palette-module-header:visible', { hasText: module }).locator('a.red-ui-button', { hasText: /install/i }).click()
  // The last button of the question is the one that installs.
  await page.locator('.red-ui-notification button.primary, .red-ui-notification button', { hasText: /^Install$/ }).last().click()
  await page.waitForFunction((name) => window.RED.nodes.getType(name), type, { timeout: 90000 })
  await page.locator('.red-ui-tray button', { hasText: /^Close$/ }).first().click()
  await page.locator('.red-ui-tray').first().waitFor({ state: 'detached' })
}

async function deployed(page) {
  await page.evaluate(() => window.RED.actions.invoke('core:deploy-flows'))
  await page.waitForFunction(() => !window.RED.nodes.dirty(), null, { timeout: 30000 }).catch(async (error) => {
    await shot(page, 'deploy-failed')
    throw error
  })
}

// The deploy is answered before its flows have started: a message sent too early reaches nobody.
function shows(page, text) {
  return until(`the message ${text} shows`, async () => {
    const status = await page.evaluate(async () => (await fetch('inject/a1a1a1a1a1a1a1a1', { method: 'POST' })).status)
    if (status !== 200) throw new Error(`inject: ${status}`)
    return page.locator('.red-ui-debug-msg', { hasText: text }).first().waitFor({ timeout: 1000 }).then(() => true, () => false)
  })
}

// A repository of one commit and no tag, behind real smart HTTP; release() pushes a tag.
async function origin(dir) {
  const work = join(dir, 'work')
  const git = (...args) => execFileSync('git', ['-c', 'user.name=Dev', '-c', 'user.email=dev@example.org', ...args], { cwd: work, stdio: 'pipe' })
  mkdirSync(work)
  for (const [file, text] of Object.entries(shout)) writeFileSync(join(work, file), text)
  execFileSync('git', ['init', '-q', '--bare', join(dir, 'shout.git')])
  git('init', '-q')
  git('remote', 'add', 'origin', join(dir, 'shout.git'))
  git('add', '-A')
  git('commit', '-qm', 'a node that shouts')
  git('push', '-q', 'origin', 'HEAD:main')
  const server = await gitServer(dir)
  return {
    url: `http://127.0.0.1:${server.address().port}/shout.git`,
    release(tag) {
      git('tag', '-a', tag, '-m', tag)
      git('push', '-q', 'origin', tag)
    },
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}

// The environment of npm on a machine that knows the server's name.
function named(r, env) {
  if (r.domain === 'localhost') return env
  const file = join(r.data, 'names.cjs')
  writeFileSync(file, `const dns = require('node:dns'), { lookup } = dns
dns.lookup = (name, ...rest) => lookup(name === ${JSON.stringify(r.domain)} ? '127.0.0.1' : name, ...rest)
`)
  return { ...env, NODE_OPTIONS: `--require ${file}` }
}

export const road = (stack, domain) => describe(`the main road on ${stack} at ${domain}`, () => {
  let r, git, dir, browser, context, page, id

  before(async () => {
    dir = mkdtempSync('/tmp/rh-git-')
    git = await origin(dir)
    r = await Redhouse.start({ domain, args: ['--git-private'] })
    await r.run('tenant', 'create', 'demo', '--title', 'Demo')
    writeFileSync(join(r.data, 'dev.password'), 'another good password\n')
    await r.run('user', 'create', 'dev', '--password-file', join(r.data, 'dev.password'), '--tenant', 'demo', '--role', 'owner')
    writeFileSync(join(r.data, 'theme.json'), JSON.stringify(theme))
    await r.run('theme', 'set', 'demo', join(r.data, 'theme.json'))
    await r.run('instance', 'create', 'demo/demo', '--stack', stack)
    browser = await launch(mapped(domain))
    context = await browser.newContext({ viewport: { width: 1280, height: 800 } })
    page = await context.newPage()
    page.on('pageerror', (error) => console.error(`page: ${error.message}`))
    id = (await r.instanceState('demo')).id
  }, limit)
  after(async () => {
    await browser?.close()
    await r?.stop()
    git?.close()
    rmSync(dir, { recursive: true, force: true })
  }, limit)

  test('a node of the tenant is published with npm', limit, async () => {
    const said = await npm(named(r, r.npmEnv(await r.token('dev', 'laptop'))), hello, 'publish')
    assert.match(said, /\+ @demo\/node-red-hello@1\.0\.0/)
  })

  test('the editor opens after one login at the portal', limit, async () => {
    await login(page, r.url, 'dev', 'another good password')
    await editor(page, `http://demo.${domain}:${r.port}/`)
    await shot(page, `editor-${stack}-${domain}`)
    const cookies = (await context.cookies()).filter((c) => c.name.includes('redhouse'))
    assert.ok(cookies.length >= 2 && cookies.every((c) => c.httpOnly && c.sameSite === 'Lax'), JSON.stringify(cookies))
    assert.equal(await page.evaluate(() => isSecureContext), domain === 'localhost', 'the browser judges this name otherwise')
  })

  test('the editor wears the theme of its tenant', limit, async () => {
    const header = await page.evaluate(() => getComputedStyle(document.querySelector('#red-ui-header')).backgroundColor)
    assert.equal(header, 'rgb(18, 52, 86)')
    assert.match(await page.title(), /^Acme "flows" <\/script>/)
    assert.match(await page.locator('#red-ui-header').innerText(), /Acme works/)
  })

  test('the palette lists the private node and installs it', limit, async () => {
    await installFromPalette(page, '@demo/node-red-hello', 'hello')
    await shot(page, `palette-${stack}-${domain}`)
    const color = await page.evaluate(() => window.RED.utils.getNodeColor('hello', window.RED.nodes.getType('hello')))
    assert.equal(color.toLowerCase(), '#ff8800')
  })

  test('a git tag that is pushed becomes a version, and the palette installs it', limit, async () => {
    const source = await r.json('source', 'add', 'demo', git.url)
    git.release('v1.4.0')
    const body = JSON.stringify({ ref: 'refs/tags/v1.4.0' })
    const signature = `sha256=${createHmac('sha256', source.webhook_secret).update(body).digest('hex')}`
    const told = await raw(r, domain, `/hooks/${source.id}`, { method: 'POST', headers: { 'content-type': 'application/json', 'x-hub-signature-256': signature }, body })
    assert.equal(told.status, 202, told.text)
    const built = await until('the tag is built', async () => {
      const { last_build: build } = (await r.json('source', 'list', 'demo')).items[0]
      return build && ['done', 'failed'].includes(build.state) && build
    }, 60000)
    assert.deepEqual([built.ref, built.state, built.version], ['v1.4.0', 'done', '1.4.0'])
    await installFromPalette(page, '@demo/node-red-shout', 'shout', true)
    const installed = await page.evaluate(() => window.RED.nodes.registry.getModule('@demo/node-red-shout').version)
    assert.equal(installed, '1.4.0')
  })

  test('the node is dragged, deployed, and its message shows in the debug sidebar', limit, async () => {
    await page.evaluate((nodes) => window.RED.view.importNodes(nodes, { generateIds: false, addFlow: false, touchImport: true }), flow)
    await page.evaluate(() => window.RED.workspaces.show('f1f1f1f1f1f1f1f1'))
    const before = await page.evaluate(() => window.RED.nodes.filterNodes({ type: 'hello' }).length)
    const node = page.locator('.red-ui-palette-node[data-palette-type=hello]')
    await node.scrollIntoViewIfNeeded()
    const from = await node.boundingBox()
    const to = await page.locator('#red-ui-workspace-chart').boundingBox()
    await page.mouse.move(from.x + 40, from.y + 10)
    await page.mouse.down()
    await page.mouse.move(to.x + 300, to.y + 300, { steps: 12 })
    await page.mouse.up()
    await until('the dragged node is there', () => page.evaluate((n) => window.RED.nodes.filterNodes({ type: 'hello' }).length === n + 1, before))
    await deployed(page)
    await page.evaluate(() => window.RED.sidebar.show('debug'))
    await shows(page, 'HELLO ROAD')
    await shot(page, `debug-${stack}-${domain}`)
  })

  test('a restart of the server under an open editor loses nothing', limit, async () => {
    await r.term()
    await r.serve()
    await until('the editor is connected again', () => page.evaluate(async () => (await fetch('settings')).ok))
    const state = await r.instanceState('demo')
    assert.equal(state.restarts, 0)
    await page.reload()
    await page.waitForSelector('.red-ui-palette-node[data-palette-type=hello]', { timeout: 60000 })
    assert.equal(await page.evaluate(() => window.RED.nodes.filterNodes({ type: 'hello' }).length), 2)
  })

  test('kill -9 of the server loses nothing and restarts nothing', limit, async () => {
    await r.kill()
    await r.serve()
    await until('the instance is adopted', async () => (await r.instanceState('demo')).state === 'running')
    assert.equal((await r.instanceState('demo')).restarts, 0)
    await page.reload()
    await page.waitForSelector('.red-ui-palette-node[data-palette-type=hello]', { timeout: 60000 })
  })

  test('kill -9 of the broker under an open editor: the next server adopts, and the editor goes on', limit, async () => {
    await page.evaluate(() => window.RED.sidebar.show('debug'))
    const before = chain(r, id)
    process.kill(broker(r).pid, 'SIGKILL')
    assert.deepEqual(await r.ended, { code: 75, signal: null })
    await r.serve()
    await until('the instance is adopted', async () => (await r.instanceState('demo')).state === 'running')
    assert.deepEqual(chain(r, id), before)
    await reconnected(page)
    await page.evaluate(() => {
      const node = window.RED.nodes.node('b1b1b1b1b1b1b1b1')
      Object.assign(node, { word: 'goodbye', changed: true, dirty: true })
      window.RED.nodes.dirty(true)
    })
    await deployed(page)
    await shows(page, 'GOODBYE ROAD')
  })

  test('kill -9 of Node-RED and of its warden ends in the same flows', limit, async () => {
    for (const victim of ['node', 'warden']) {
      const { generation } = await r.instanceState('demo')
      const before = chain(r, id)
      process.kill(before[victim].pid, 'SIGKILL')
      await until(`running again after ${victim}`, async () => {
        const now = await r.instanceState('demo')
        return now.state === 'running' && now.generation > generation
      }, 60000)
      assert.deepEqual(Object.values(before).filter(alive), [], `something of the runtime outlived its ${victim}`)
    }
    await editor(page, `http://demo.${domain}:${r.port}/`)
    await page.waitForSelector('.red-ui-palette-node[data-palette-type=hello]', { timeout: 60000 })
    assert.equal(await page.evaluate(() => window.RED.nodes.filterNodes({ type: 'hello' }).length), 2)
    assert.equal(await page.evaluate(() => window.RED.nodes.node('b1b1b1b1b1b1b1b1').word), 'goodbye')
  })
})
