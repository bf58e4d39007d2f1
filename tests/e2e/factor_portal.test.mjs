// The second factor in the portal, in Chromium: set up, asked for, switched off; a phone is played.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { launch, login, shot } from './browser.mjs'
import { Redhouse, until } from './redhouse.mjs'
import { App } from './totp.mjs'

describe('the second factor in the portal', { timeout: 300000 }, () => {
  let r, browser, context, page, app, codes
  const errors = []
  const password = 'a developer of acme'
  const heading = (name) => page.getByRole('heading', { name, exact: true }).waitFor()

  before(async () => {
    r = await Redhouse.start()
    const admin = { cookie: await r.login('admin', r.password) }
    assert.equal((await r.api('POST', '/api/v1/tenants', { slug: 'acme', name: 'Acme' }, admin)).status, 201)
    assert.equal((await r.api('POST', '/api/v1/users', { name: 'dev', password, tenant: 'acme' }, admin)).status, 201)
    browser = await launch()
    context = await browser.newContext()
    page = await context.newPage()
    page.setDefaultTimeout(20000)
    page.on('pageerror', (error) => errors.push(error.message))
    await login(page, r.url, 'dev', password)
  }, { timeout: 60000 })
  after(async () => {
    await browser?.close()
    await r?.stop()
  })

  // The form of the login, up to where the server asks for a code.
  async function begin() {
    await page.goto(`${r.url}/login`)
    await page.locator('input[name=username]').fill('dev')
    await page.locator('input[name=password]').fill(password)
    await page.getByRole('button', { name: 'Log in' }).click()
    await page.locator('input[name=code]').waitFor()
  }

  test('a person sets it up on their account\'s page and keeps the recovery codes', async () => {
    await page.getByRole('link', { name: 'dev', exact: true }).click()
    await heading('Second factor')
    await page.locator('input[name=factor-password]').fill('wrong')
    await page.getByRole('button', { name: 'Set up' }).click()
    await page.getByRole('alert').filter({ hasText: 'The password is wrong' }).waitFor()
    await page.locator('input[name=factor-password]').fill(password)
    await page.getByRole('button', { name: 'Set up' }).click()
    const picture = page.locator('svg.qr')
    await picture.waitFor()
    assert.ok((await picture.locator('path').getAttribute('d')).length > 1000)
    await shot(page, 'factor-begun')
    app = new App(await page.locator('section[aria-labelledby=factor] .copy code').textContent())
    await page.locator('input[name=first-code]').fill('000000')
    await page.getByRole('button', { name: 'Switch on' }).click()
    await page.getByRole('alert').filter({ hasText: /one-time password is wrong/ }).waitFor()
    await page.locator('input[name=first-code]').fill(await app.code())
    await page.getByRole('button', { name: 'Switch on' }).click()
    await heading('Recovery codes')
    codes = (await page.locator('.notice .copy code').textContent()).split('\n')
    assert.equal(codes.length, 10)
    await shot(page, 'factor-codes')
    await page.getByRole('button', { name: 'I have kept them' }).click()
    await page.getByText('10 recovery codes are left').waitFor()
  })

  test('a login asks for a code in a second step', async () => {
    await page.getByRole('button', { name: 'Log out' }).click()
    await page.waitForURL(/login/)
    await begin()
    await shot(page, 'factor-login')
    await page.locator('input[name=code]').fill(app.used())
    await page.getByRole('button', { name: 'Go on' }).click()
    await page.getByRole('alert').waitFor()
    await page.locator('input[name=code]').fill(codes[0])
    await page.getByRole('button', { name: 'Go on' }).click()
    await page.waitForURL(/\/ui\//)
  })

  test('what needs a code asks for it where it is needed, and goes on', async () => {
    await r.kill() // so that the login's own code is not fresh any more
    await r.serve()
    await page.goto(`${r.url}/ui/tokens`)
    await page.locator('input[name=name]').fill('ci')
    await page.getByRole('button', { name: 'Make token' }).click()
    const dialog = page.getByRole('dialog', { name: 'One-time password' })
    await dialog.waitFor()
    await dialog.locator('input[name=code]').fill('000000')
    await dialog.getByRole('button', { name: 'Go on' }).click()
    await dialog.getByRole('alert').waitFor()
    await dialog.locator('input[name=code]').fill(codes[1])
    await dialog.getByRole('button', { name: 'Go on' }).click()
    await page.getByText('Copy it now').waitFor()
    // Refused by the person, it is a failure of the form, and nobody is logged out.
    await page.goto(`${r.url}/ui/account`)
    await page.locator('input[name=old]').fill(password)
    await page.locator('input[name=new]').fill('another of acme')
    await page.locator('input[name=again]').fill('another of acme')
    await page.getByRole('button', { name: 'Change password' }).click()
    await dialog.waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('alert').filter({ hasText: /needs a one-time password/ }).waitFor()
  })

  test('logins are listed and ended', async () => {
    await r.api('POST', '/api/v1/session', { username: 'dev', password, code: codes[2] })
    await page.reload()
    await heading('Logins')
    const rows = page.locator('section[aria-labelledby=logins] li')
    await until('two logins', async () => await rows.count() === 2)
    await rows.getByRole('button').click()
    await until('one login', async () => await rows.count() === 1)
  })

  test('an admin resets it', async () => {
    const other = await browser.newContext()
    const desk = await other.newPage()
    await login(desk, r.url, 'admin', r.password)
    await desk.goto(`${r.url}/ui/users`)
    await desk.getByRole('button', { name: 'Reset the second factor of dev' }).click()
    await desk.getByRole('dialog').getByRole('button', { name: 'Reset second factor' }).click()
    await until('it is off', async () => (await r.api('POST', '/api/v1/session', { username: 'dev', password })).status === 200)
    await desk.getByRole('button', { name: 'Reset the second factor of dev' }).waitFor({ state: 'detached' })
    await other.close()
    assert.deepEqual(errors, [])
  })
})
