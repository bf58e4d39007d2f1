// The palette in the portal: picks of a tenant and of the platform, their order, notes and badges, the address for Node-REDs
// elsewhere, and node types that clash. Wide and narrow, light and dark.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { fits, launch, login } from './browser.mjs'
import { Outside } from './outside.mjs'
import { publishDocument } from './publish.mjs'
import { Redhouse } from './redhouse.mjs'

const limit = { timeout: 120000 }
const nodes = (...types) => ({ 'node-red': { nodes: { x: 'x.js' } }, files: { 'x.js': types.map((t) => `RED.nodes.registerType('${t}', f)`).join('\n') } })

describe('the palette in the portal', limit, () => {
  let r, outside, browser, page, token
  const row = (name) => page.locator('li.row', { has: page.getByText(name, { exact: true }) })
  const order = () => page.getByRole('list', { name: 'Picked packages' }).locator('strong').allInnerTexts()
  async function pick(name, badge, note) {
    await page.getByRole('button', { name: 'Pick a package' }).click()
    for (const [field, text] of Object.entries({ name, badge, note })) await page.locator(`dialog input[name=${field}]`).fill(text)
    await page.getByRole('button', { name: 'Pick', exact: true }).click()
  }

  before(async () => {
    outside = await Outside.start()
    for (const [name, ...types] of [['node-red-one', 'one', 'uno'], ['node-red-two', 'two'], ['node-red-all', 'all']]) outside.add(name, '1.2.3', { description: `about ${name}`, ...nodes(...types) })
    r = await Redhouse.start({ uplink: outside.url })
    await r.run('tenant', 'create', 'acme')
    token = await r.token('admin', 't')
    browser = await launch()
    page = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage()
    await login(page, r.url, 'admin', r.password)
  }, limit)
  after(async () => {
    await browser?.close()
    await r?.stop()
    outside?.stop()
  }, limit)

  test('a public package is picked, moved, changed and removed', limit, async () => {
    await page.goto(`${r.url}/ui/tenants/acme/palette`)
    await page.getByText('No public packages yet').waitFor()
    await pick('nobody-has-this', '', '')
    await page.locator('dialog [role=alert]').waitFor()
    await page.keyboard.press('Escape')
    await pick('node-red-one', 'tried', 'ask the crew')
    await row('node-red-one').getByText('ask the crew').waitFor()
    await row('node-red-one').getByText('uno').waitFor()
    await pick('node-red-two', '', '')
    await row('node-red-two').waitFor()
    assert.deepEqual(await order(), ['node-red-one', 'node-red-two'])
    const asked = outside.asked.length
    await page.getByRole('button', { name: 'Move node-red-two up' }).click()
    await page.getByRole('button', { name: 'Move node-red-one up' }).waitFor()
    assert.deepEqual(await order(), ['node-red-two', 'node-red-one'])
    assert.equal(outside.asked.length, asked, 'a new place asks nobody')
    await page.getByRole('button', { name: 'Edit node-red-one' }).click()
    await page.locator('dialog input[name=note]').fill('<b>ask</b> Ada')
    await page.getByRole('button', { name: 'Save' }).click()
    await row('node-red-one').getByText('<b>ask</b> Ada').waitFor()
    await fits(page, 'palette-tenant')
    await page.getByRole('button', { name: 'Remove node-red-two' }).click()
    await row('node-red-two').waitFor({ state: 'detached' })
  })

  test("what is picked for all stands below a tenant's own", limit, async () => {
    await page.getByRole('link', { name: 'Platform' }).click()
    await page.getByRole('navigation', { name: 'Platform' }).getByRole('link', { name: 'Palette' }).click()
    await page.getByRole('heading', { name: 'Palette' }).waitFor()
    await pick('node-red-all', 'for all', '')
    await row('node-red-all').waitFor()
    await fits(page, 'palette-platform')
    await page.goto(`${r.url}/ui/tenants/acme/palette`)
    await row('node-red-all').waitFor()
    assert.equal(await row('node-red-all').getByRole('button').count(), 0)
  })

  test('the address for Node-REDs elsewhere is shown once, made anew and ended after asking', limit, async () => {
    await page.getByRole('button', { name: 'Make an address' }).click()
    const url = await page.locator('.notice code').innerText()
    assert.equal((await fetch(url)).status, 200)
    await fits(page, 'palette-address')
    await page.reload()
    await page.getByRole('button', { name: 'End the address' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'End it' }).click()
    await page.getByRole('button', { name: 'Make an address' }).waitFor()
    assert.equal((await fetch(url)).status, 404)
    assert.ok(!(await page.content()).includes(url))
  })

  test('node types that another package registers too stand on the page of a package', limit, async () => {
    const { files, ...manifest } = nodes('one')
    const { body } = publishDocument('@acme/clash', '1.0.0', { manifest, files })
    assert.equal((await r.api('PUT', '/npm/@acme%2fclash', body, { authorization: `Bearer ${token}` })).status, 201)
    await page.goto(`${r.url}/ui/packages/@acme/clash?tab=nodes`)
    await page.getByText('The node type "one" is registered by node-red-one too').waitFor()
    await fits(page, 'palette-clash')
  })
})
