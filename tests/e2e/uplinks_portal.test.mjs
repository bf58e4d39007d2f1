// The portal's page of uplinks: added, tested, ruled, and a bundle made and taken in.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Uplink } from '../hostile/uplink.mjs'
import { launch, login, shot } from './browser.mjs'
import { Redhouse } from './redhouse.mjs'

let r, one, two, browser, page, folder
const limit = { timeout: 60000 }
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'uplinks-'))
  ;[one, two] = [await Uplink.start(), await Uplink.start()]
  r = await Redhouse.start({ uplink: one.url })
  browser = await launch()
  page = await (await browser.newContext()).newPage()
  page.setDefaultTimeout(15000)
  await login(page, r.url, 'admin', r.password)
  await page.goto(`${r.url}/ui/uplinks`)
}, { timeout: 120000 })
after(async () => {
  await browser?.close()
  await r?.stop()
  await one?.stop()
  await two?.stop()
  rmSync(folder, { recursive: true, force: true })
})

const row = (text) => page.locator('li.card', { hasText: text })

test('an uplink is added with a token that is not shown again, tested, switched off and on', limit, async () => {
  await page.locator('input[name=name]').fill('partner')
  await page.locator('input[name=url]').fill(two.url)
  await page.locator('select[name=auth]').selectOption('bearer')
  await page.locator('input[name=secret]').fill('s3cret')
  await page.getByRole('button', { name: 'Add uplink' }).click()
  await row('partner').getByText('answers').waitFor()
  await page.getByRole('button', { name: 'Test partner' }).click()
  await row('partner').getByText(/It answered 404 in \d+ ms/).waitFor()
  assert.equal(two.asked.at(-1).headers.authorization, 'Bearer s3cret')
  assert.doesNotMatch(await page.content(), /s3cret/)
  await page.getByRole('button', { name: 'Switch off partner' }).click()
  await row('partner').getByText('offline').waitFor()
  await page.getByRole('button', { name: 'Use partner' }).click()
  await row('partner').getByText('answers').waitFor()
})

test('rules say where names come from, and refuse what they cannot mean', limit, async () => {
  const rule = async (pattern, to, reason) => {
    await page.locator('input[name=pattern]').fill(pattern)
    await page.locator('select[name=to]').selectOption(to)
    if (reason) await page.locator('input[name=reason]').fill(reason)
    await page.getByRole('button', { name: 'Add rule' }).click()
  }
  await rule('@partner/*', 'partner')
  await row('@partner/*').getByText('from partner').waitFor()
  await rule('evil-*', '', 'it steals')
  await row('evil-*').getByText('it steals').waitFor()
  await rule('evil-*', 'partner')
  await page.locator('[role=alert]', { hasText: 'There is a rule for "evil-*".' }).waitFor()
  await page.getByRole('button', { name: 'Remove the rule for evil-*' }).click()
  await row('evil-*').waitFor({ state: 'detached' })
  await shot(page, 'uplinks')
})

test('a bundle is made, fetched and taken in', limit, async () => {
  one.add('packed', { manifest: { dependencies: { absent: '^1' } } })
  await page.locator('textarea[name=list]').fill('packed\n')
  await page.getByRole('button', { name: 'Make', exact: true }).click()
  await page.getByText('1 packages, 1 versions').waitFor()
  await page.getByText('absent@^1 is left out').waitFor()
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'bundle.tar' }).click()])
  const file = join(folder, 'bundle.tar')
  await download.saveAs(file)
  await page.locator('input[name=bundle]').setInputFiles(file)
  await page.getByRole('button', { name: 'Take in' }).click()
  await page.getByText('1 packages are here, 1 of 1 versions are new.').waitFor()
})
