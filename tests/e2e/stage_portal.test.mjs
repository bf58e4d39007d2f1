// Versions that wait for approval, in the portal.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { launch, login, shot } from './browser.mjs'
import { publishDocument } from './publish.mjs'
import { Redhouse, until } from './redhouse.mjs'
import { App } from './totp.mjs'

describe('staged versions in the portal', { timeout: 200000 }, () => {
  let r, browser, page, token, codes
  const password = 'a developer of acme'
  const stage = async (version, manifest) => {
    const answer = await r.api('POST', '/npm/-/stage/package/@acme%2fthing', publishDocument('@acme/thing', version, { manifest }).body, { authorization: `Bearer ${token}` })
    assert.equal(answer.status, 201, JSON.stringify(answer.body))
  }
  const versions = async () => Object.keys((await r.api('GET', '/npm/@acme%2fthing', undefined, { authorization: `Bearer ${token}` })).body.versions ?? {})

  before(async () => {
    r = await Redhouse.start()
    const admin = { cookie: await r.login('admin', r.password) }
    assert.equal((await r.api('POST', '/api/v1/tenants', { slug: 'acme', name: 'Acme' }, admin)).status, 201)
    assert.equal((await r.api('POST', '/api/v1/users', { name: 'dev', password, tenant: 'acme' }, admin)).status, 201)
    token = await r.token('dev', 'laptop')
    const session = { cookie: await r.login('dev', password) }
    browser = await launch()
    page = await browser.newPage()
    page.setDefaultTimeout(20000)
    const begun = await r.api('PUT', '/api/v1/me/factor', { mode: 'auth-only', password }, session)
    codes = (await r.api('POST', '/api/v1/me/factor/confirmation', { code: await new App(begun.body.secret).code() }, session)).body.recovery_codes
    await page.goto(`${r.url}/login`)
    await page.locator('input[name=username]').fill('dev')
    await page.locator('input[name=password]').fill(password)
    await page.getByRole('button', { name: 'Log in' }).click()
    await page.locator('input[name=code]').fill(codes[0])
    await page.getByRole('button', { name: 'Go on' }).click()
    await page.waitForURL(/\/ui\//)
    await r.kill() // the code of the login is not fresh any more
    await r.serve()
  }, { timeout: 60000 })
  after(async () => {
    await browser?.close()
    await r?.stop()
  })

  test('a first version is looked at and approved with a code', async () => {
    await stage('1.0.0', { dependencies: { left: '1' } })
    await page.goto(`${r.url}/ui/tenants/acme/staged`)
    await page.getByRole('button', { name: 'What is in @acme/thing@1.0.0' }).click()
    await page.getByText('left').waitFor()
    await page.getByText('package.json').waitFor()
    await shot(page, 'staged')
    await page.getByRole('button', { name: 'Approve @acme/thing@1.0.0' }).click()
    const dialog = page.getByRole('dialog', { name: 'One-time password' })
    await dialog.locator('input[name=code]').fill(codes[1])
    await dialog.getByRole('button', { name: 'Go on' }).click()
    await page.getByText('Nothing waits for approval').waitFor()
    assert.deepEqual(await versions(), ['1.0.0'])
  })

  test('a later one shows what changed, on the package\'s own page, and is rejected', async () => {
    await stage('1.1.0', { dependencies: { right: '2' } })
    await page.goto(`${r.url}/ui/packages/@acme/thing?tab=staged`)
    await page.getByRole('button', { name: 'What is in @acme/thing@1.1.0' }).click()
    await page.getByText('new → 2').waitFor()
    await page.getByText('1 → gone').waitFor()
    await page.getByRole('button', { name: 'Reject @acme/thing@1.1.0' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Reject' }).click()
    await until('it is gone', async () => (await r.api('GET', '/npm/-/stage', undefined, { authorization: `Bearer ${token}` })).body.total === 0)
    assert.deepEqual(await versions(), ['1.0.0'])
  })
})
