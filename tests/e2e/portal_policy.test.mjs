// Rules and advisories in the portal, in Chromium.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { launch, login, shot } from './browser.mjs'
import { osv } from './outside.mjs'
import { publishDocument } from './publish.mjs'
import { Redhouse, until } from './redhouse.mjs'

const limit = { timeout: 120000 }

describe('rules and advisories in the portal', limit, () => {
  let r, browser, page, token
  const errors = [], dialogs = []

  before(async () => {
    r = await Redhouse.start()
    await r.run('tenant', 'create', 'acme')
    token = await r.token('admin', 't')
    browser = await launch()
    page = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage()
    page.on('dialog', (d) => { dialogs.push(d.message()); void d.dismiss() })
    page.on('pageerror', (error) => errors.push(error.message))
    await login(page, r.url, 'admin', r.password)
  }, limit)
  after(async () => {
    await browser?.close()
    await r?.stop()
  }, limit)

  const as = () => ({ authorization: `Bearer ${token}` })
  const publish = async (manifest) => (await r.api('PUT', '/npm/@acme%2fone', publishDocument('@acme/one', '1.0.0', { manifest }).body, as())).status

  test('rules are written in a form, hold at once, and what they refused is shown', limit, async () => {
    await page.goto(`${r.url}/ui/policy`)
    await page.locator('textarea[name=public-deny]').fill('evil-* # we do not want it\nleft-pad <1.3.0')
    await page.locator('input[name=public-age]').fill('72')
    await page.locator('input[name=private-scripts]').check()
    await page.locator('textarea[name=private-licences]').fill('MIT')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('Saved.').waitFor()
    const { body } = await r.api('GET', '/api/v1/policy', undefined, as())
    assert.deepEqual(body.public.deny, [{ name: 'evil-*', reason: 'we do not want it' }, { name: 'left-pad', versions: '<1.3.0' }])
    assert.deepEqual([body.public.minimum_age_hours, body.private.install_scripts, body.private.licences_allowed], [72, 'deny', ['MIT']])
    assert.equal(await publish({ license: 'GPL-3.0-only' }), 403)
    await page.reload()
    await page.getByText('its licence, GPL-3.0-only, is not allowed').waitFor()
    assert.equal(await page.locator('textarea[name=public-deny]').inputValue(), 'evil-* # we do not want it\nleft-pad <1.3.0')
    await page.locator('textarea[name=public-deny]').fill('left-pad ((')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByRole('alert').getByText('no range of npm').waitFor()
    await shot(page, 'policy')
  })

  test('a tenant has rules of its own', limit, async () => {
    await page.goto(`${r.url}/ui/tenants/acme/policy`)
    await page.locator('input[name=public-only]').check()
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('Saved.').waitFor()
    assert.equal((await r.api('GET', '/api/v1/tenants/acme/policy', undefined, as())).body.public.only_allowed, true)
  })

  test('an OSV export is imported, and what strangers wrote in it stays text', limit, async () => {
    const file = join(r.data, 'osv.json')
    writeFileSync(file, JSON.stringify([osv('T-1', 'weak', [{ introduced: '0' }], { summary: '<img src=x onerror="alert(1)">' }), osv('T-2', 'weaker', [{ introduced: '0' }], { references: [{ type: 'ADVISORY', url: 'javascript:alert(1)' }] }), { id: 'T-3' }]))
    await page.goto(`${r.url}/ui/advisories`)
    await page.getByText('No instance has a version').waitFor()
    await page.locator('input[name=osv]').setInputFiles(file)
    await page.getByRole('button', { name: 'Import' }).click()
    await page.getByText(/2 are here.*3 read, 2 new.*1 refused/).waitFor()
    await page.getByText('T-3: The advisory does not say').waitFor()
    await page.getByLabel('Package', { exact: true }).fill('weak')
    await until('the one of that name', async () => (await page.locator('section[aria-label=Advisories] li').count()) === 1)
    await page.getByText('<img src=x onerror="alert(1)">').waitFor()
    assert.deepEqual(await page.locator('main a[href^="javascript"]').count(), 0)
    await shot(page, 'advisories')
    assert.deepEqual([errors, dialogs], [[], []])
  })
})
