// Webhooks in the portal: added, tried, read about, delivered again.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { after, before, describe, test } from 'node:test'
import { launch, login, shot } from './browser.mjs'
import { publishDocument } from './publish.mjs'
import { Redhouse, until } from './redhouse.mjs'

describe('webhooks in the portal', { timeout: 120000 }, () => {
  let r, browser, page, server, port
  const got = []
  let status = 500

  before(async () => {
    server = createServer((req, res) => {
      got.push(req.headers)
      req.resume().on('end', () => res.writeHead(status).end())
    }).listen(0, '127.0.0.1')
    await new Promise((done) => server.once('listening', done))
    port = server.address().port
    r = await Redhouse.start({ args: ['--hook-private', '--hook-retry', '100ms'] })
    await r.run('tenant', 'create', 'acme')
    browser = await launch()
    page = await browser.newPage({ viewport: { width: 1280, height: 800 } })
    await login(page, r.url, 'admin', r.password)
  })
  after(async () => {
    await browser?.close()
    await r?.stop()
    server?.close()
    server?.closeAllConnections()
  })

  test('an owner adds one, tries it, sees why it failed and delivers again', async () => {
    await page.goto(`${r.url}/ui/tenants/acme/hooks`)
    await page.getByText('No webhooks yet').waitFor()
    await page.getByRole('button', { name: 'New webhook' }).click()
    await page.getByLabel('Address').fill('nowhere')
    await page.getByLabel('Owners change').uncheck()
    await shot(page, 'portal-hook-new')
    await page.getByRole('button', { name: 'Add', exact: true }).click()
    await page.locator('dialog [role=alert]').waitFor()
    await page.getByLabel('Address').fill(`http://127.0.0.1:${port}/in`)
    await page.getByRole('button', { name: 'Add', exact: true }).click()
    await page.getByText('shown only this once').waitFor()
    const [hook] = (await r.json('hook', 'list', 'acme')).items
    assert.deepEqual(hook.events, ['publish', 'unpublish', 'deprecate', 'tag', 'stage'])
    await page.getByRole('button', { name: 'Done' }).click()
    await page.getByRole('button', { name: 'Ping' }).click()
    await page.getByText('The last delivery failed. It answered 500.').waitFor()
    await shot(page, 'portal-hooks')
    status = 204
    await page.getByRole('list', { name: 'Deliveries' }).locator('.state-done').waitFor({ timeout: 20000 })
    await page.getByText('The last delivery failed.').waitFor({ state: 'detached', timeout: 20000 })
    const before = got.length
    await page.getByRole('button', { name: /^Deliver ping/ }).click()
    await until('it came again', () => got.length === before + 1)
    await page.getByRole('list', { name: 'Deliveries' }).locator('li').nth(1).waitFor()
    await page.getByRole('button', { name: 'Switch off' }).click()
    await page.getByRole('button', { name: 'Switch on' }).waitFor()
    await page.setViewportSize({ width: 400, height: 800 })
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth))
    await page.getByRole('button', { name: `Remove ${hook.url}` }).click()
    await page.locator('dialog button[type=submit]').click()
    await page.getByText('No webhooks yet').waitFor()
  })

  test('an admin adds one of the platform, which is told of every package', async () => {
    await page.setViewportSize({ width: 1280, height: 800 })
    await page.goto(`${r.url}/ui/users`)
    await page.getByRole('navigation', { name: 'Platform' }).getByRole('link', { name: 'Webhooks' }).click()
    await page.getByText('any package here changes').waitFor()
    await page.getByRole('button', { name: 'New webhook' }).click()
    await page.getByLabel('Address').fill(`http://127.0.0.1:${port}/all`)
    await page.getByRole('button', { name: 'Add', exact: true }).click()
    await page.getByRole('button', { name: 'Done' }).click()
    const token = await r.token('admin', 'test')
    const answer = await r.api('PUT', '/npm/@acme%2fthing', publishDocument('@acme/thing', '1.0.0').body, { authorization: `Bearer ${token}` })
    assert.equal(answer.status, 201, JSON.stringify(answer.body))
    await page.getByText('@acme/thing 1.0.0').first().waitFor({ timeout: 20000 })
    await until('it was told', () => got.some((headers) => headers['x-redhouse-event'] === 'publish'))
    assert.equal((await r.json('hook', 'list', '-')).items.length, 1)
    await shot(page, 'portal-hooks-platform')
    await page.setViewportSize({ width: 400, height: 800 })
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth))
  })
})
