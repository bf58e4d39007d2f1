// The main road, end to end: a private node is published, installed from Manage Palette in a tenant's themed editor,
// deployed, and its message shows. For each Node-RED that is offered.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { editor, launch, login, shot } from './browser.mjs'
import { npm, Redhouse, root, sleep, until } from './redhouse.mjs'

const hello = join(root, 'fixtures', 'nodes', '@demo', 'node-red-hello')
const theme = {
  tokens: { light: { primary: '#0a7d33', header: '#123456', headerText: '#fafafa' } },
  page: { title: 'Acme "flows" </script>' },
  header: { title: 'Acme works' },
  palette: { theme: [{ category: '.*', type: 'hello', color: '#ff8800' }] },
}
const flow = [
  { id: 'f1f1f1f1f1f1f1f1', type: 'tab', label: 'Road' },
  { id: 'a1a1a1a1a1a1a1a1', type: 'inject', z: 'f1f1f1f1f1f1f1f1', name: 'go', props: [{ p: 'payload' }], repeat: '', crontab: '', once: false, onceDelay: 0.1, topic: '', payload: 'road', payloadType: 'str', x: 140, y: 100, wires: [['b1b1b1b1b1b1b1b1']] },
  { id: 'b1b1b1b1b1b1b1b1', type: 'hello', z: 'f1f1f1f1f1f1f1f1', name: '', word: 'hello', x: 320, y: 100, wires: [['c1c1c1c1c1c1c1c1']] },
  { id: 'c1c1c1c1c1c1c1c1', type: 'debug', z: 'f1f1f1f1f1f1f1f1', name: 'out', active: true, tosidebar: true, complete: 'payload', targetType: 'msg', x: 500, y: 100, wires: [] },
]

async function installFromPalette(page) {
  await page.evaluate(() => window.RED.actions.invoke('core:manage-palette'))
  await page.locator('#red-ui-settings-tab-palette, .red-ui-settings-tabs-content').first().waitFor()
  await page.locator('a', { hasText: /^Install$/ }).first().click()
  const row = page.locator('.red-ui-palette-module-header', { hasText: '@demo/node-red-hello' }).last()
  await page.locator('.red-ui-palette-search input:visible, .red-ui-searchBox-input:visible').last().fill('hello')
  await row.waitFor({ timeout: 20000 })
  await sleep(800)
  await row.locator('a.red-ui-button', { hasText: /install/i }).click()
  // The last button of the question is the one that installs.
  await page.locator('.red-ui-notification button.primary, .red-ui-notification button', { hasText: /^Install$/ }).last().click()
  await page.waitForFunction(() => window.RED.nodes.getType('hello'), null, { timeout: 90000 })
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

async function inject(page) {
  const status = await page.evaluate(async () => (await fetch('inject/a1a1a1a1a1a1a1a1', { method: 'POST' })).status)
  assert.equal(status, 200)
}

const offered = (process.env.REDHOUSE_ROAD ?? 'node-red@5,node-red@4.1').split(',')
for (const stack of offered) {
  describe(`the main road on ${stack}`, () => {
    let r, browser, context, page, cookie

    before(async () => {
      r = await Redhouse.start()
      await r.run('tenant', 'create', 'demo', '--title', 'Demo')
      writeFileSync(join(r.data, 'dev.password'), 'another good password\n')
      await r.run('user', 'create', 'dev', '--password-file', join(r.data, 'dev.password'), '--tenant', 'demo', '--role', 'owner')
      writeFileSync(join(r.data, 'theme.json'), JSON.stringify(theme))
      await r.run('theme', 'set', 'demo', join(r.data, 'theme.json'))
      await r.run('instance', 'create', 'demo/demo', '--stack', stack)
      browser = await launch()
      context = await browser.newContext({ viewport: { width: 1280, height: 800 } })
      page = await context.newPage()
      page.on('pageerror', (error) => console.error(`page: ${error.message}`))
    })
    after(async () => {
      await browser?.close()
      await r?.stop()
    })

    test('a node of the tenant is published with npm', async () => {
      const env = r.npmEnv(await r.token('dev', 'laptop'))
      const said = await npm(env, hello, 'publish')
      assert.match(said, /\+ @demo\/node-red-hello@1\.0\.0/)
    })

    test('the editor opens after one login at the portal', async () => {
      await login(page, r.url, 'dev', 'another good password')
      await editor(page, `http://demo.localhost:${r.port}/`)
      await shot(page, `editor-${stack}`)
      cookie = (await context.cookies()).filter((c) => c.name.includes('redhouse'))
      assert.ok(cookie.every((c) => c.httpOnly && c.sameSite === 'Lax'))
    })

    test('the editor wears the theme of its tenant', async () => {
      const header = await page.evaluate(() => getComputedStyle(document.querySelector('#red-ui-header')).backgroundColor)
      assert.equal(header, 'rgb(18, 52, 86)')
      assert.match(await page.title(), /^Acme "flows" <\/script>/)
      assert.match(await page.locator('#red-ui-header').innerText(), /Acme works/)
    })

    test('the palette lists the private node and installs it', async () => {
      await installFromPalette(page)
      await shot(page, `palette-${stack}`)
      const color = await page.evaluate(() => window.RED.utils.getNodeColor('hello', window.RED.nodes.getType('hello')))
      assert.equal(color.toLowerCase(), '#ff8800')
    })

    test('the node is dragged, deployed, and its message shows in the debug sidebar', async () => {
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
      // The deploy is answered before its flows have started: a message sent too early reaches nobody.
      await until('the message shows', async () => {
        await inject(page)
        await sleep(500)
        return page.locator('.red-ui-debug-msg', { hasText: 'hello road' }).first().isVisible()
      })
      await shot(page, `debug-${stack}`)
    })

    test('a restart of the server under an open editor loses nothing', async () => {
      await r.term()
      await r.serve()
      await until('the editor is connected again', () => page.evaluate(async () => (await fetch('settings')).ok))
      const state = await r.instanceState('demo')
      assert.equal(state.restarts, 0)
      await page.reload()
      await page.waitForSelector('.red-ui-palette-node[data-palette-type=hello]', { timeout: 60000 })
      assert.equal(await page.evaluate(() => window.RED.nodes.filterNodes({ type: 'hello' }).length), 2)
    })

    test('kill -9 of the server loses nothing and restarts nothing', async () => {
      await r.kill()
      await r.serve()
      await until('the instance is adopted', async () => (await r.instanceState('demo')).state === 'running')
      assert.equal((await r.instanceState('demo')).restarts, 0)
      await page.reload()
      await page.waitForSelector('.red-ui-palette-node[data-palette-type=hello]', { timeout: 60000 })
    })

    test('kill -9 of Node-RED and of its warden ends in the same flows', async () => {
      for (const victim of ['/stack/bin/node', 'redhouse-warden']) {
        const before = (await r.instanceState('demo')).generation
        const pids = execFileSync('pgrep', ['-f', victim]).toString().trim().split('\n').filter((pid) => ofThis(pid, r.data))
        assert.ok(pids.length > 0, victim)
        for (const pid of pids) process.kill(Number(pid), 'SIGKILL')
        await until(`running again after ${victim}`, async () => {
          const now = await r.instanceState('demo')
          return now.state === 'running' && now.generation > before
        }, 60000)
      }
      await editor(page, `http://demo.localhost:${r.port}/`)
      await page.waitForSelector('.red-ui-palette-node[data-palette-type=hello]', { timeout: 60000 })
      assert.equal(await page.evaluate(() => window.RED.nodes.filterNodes({ type: 'hello' }).length), 2)
    })
  })
}

// Belongs this process to the instances of this data folder? Others' tests may run beside.
function ofThis(pid, data) {
  try {
    const run = execFileSync('sh', ['-c', `cat ${data}/run/instances/*/warden.pid`]).toString().split(/\s+/)
    let at = pid
    for (let i = 0; i < 6 && at > 1; i++) {
      if (run.includes(String(at))) return true
      at = execFileSync('ps', ['-o', 'ppid=', '-p', String(at)]).toString().trim()
    }
  } catch {}
  return false
}
