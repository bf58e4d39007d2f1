// A tenant that asks its members for a second factor.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { launch, login } from './browser.mjs'
import { Machine, client } from './clients.mjs'
import { publishDocument } from './publish.mjs'
import { Redhouse } from './redhouse.mjs'
import { App } from './totp.mjs'

describe('a tenant that asks for a second factor', { timeout: 200000 }, () => {
  let r, admin, owner, dev, browser
  const password = 'a member of acme', tokens = {}
  const factor = async (name, headers) => {
    const begun = await r.api('PUT', '/api/v1/me/factor', { mode: 'auth-only', password }, headers)
    return r.api('POST', '/api/v1/me/factor/confirmation', { code: await new App(begun.body.secret).code() }, headers)
  }

  before(async () => {
    r = await Redhouse.start()
    admin = { cookie: await r.login('admin', r.password) }
    Object.assign(tokens, await r.people(admin, password, [['acme', 'owner', 'owner'], ['acme', 'dev', 'developer']]))
    assert.equal((await r.api('POST', '/api/v1/tenants', { slug: 'beta', name: 'beta' }, admin)).status, 201)
    assert.equal((await r.api('PUT', '/api/v1/tenants/beta/members/dev', { role: 'developer' }, admin)).status, 200)
    owner = { cookie: await r.login('owner', password) }
    dev = { cookie: await r.login('dev', password) }
    assert.equal((await r.api('PUT', '/npm/@acme%2fthing', publishDocument('@acme/thing', '1.0.0').body, { authorization: `Bearer ${tokens.dev}` })).status, 201)
  }, { timeout: 60000 })
  after(async () => {
    await browser?.close()
    await r?.stop()
  })

  test('only its owner sets that, with a second factor of their own', async () => {
    const set = (headers) => r.api('PATCH', '/api/v1/tenants/acme', { require_second_factor: true }, headers)
    assert.equal((await set(dev)).status, 403)
    assert.equal((await set(owner)).body.code, 'own_factor_first')
    assert.equal((await factor('owner', owner)).status, 200)
    assert.equal((await set(owner)).body.require_second_factor, true)
    assert.equal((await r.api('PATCH', '/api/v1/tenants/acme', { name: 'Acme' }, owner)).body.require_second_factor, true)
    await r.kill()
    await r.serve()
    assert.equal((await r.api('GET', '/api/v1/tenants/acme', undefined, owner)).body.require_second_factor, true)
  })

  test('a member without one is told so and sees nothing of it, but all of the other tenant', async () => {
    for (const headers of [dev, { authorization: `Bearer ${tokens.dev}` }]) {
      const refused = await r.api('GET', '/api/v1/tenants/acme', undefined, headers)
      assert.deepEqual([refused.status, refused.body.code], [403, 'factor_required'])
      assert.equal((await r.api('GET', '/npm/@acme%2fthing', undefined, headers)).status, 403)
      assert.equal((await r.api('PUT', '/npm/@acme%2fthing', publishDocument('@acme/thing', '1.1.0').body, { origin: r.url, ...headers })).status, 403)
      assert.deepEqual((await r.api('GET', '/api/v1/packages', undefined, headers)).body.items, [])
      assert.deepEqual((await r.api('GET', '/api/v1/tenants', undefined, headers)).body.items.map((t) => t.slug), ['beta'])
    }
    const m = new Machine(r, 'npm12', await client('npm12'), tokens.dev)
    assert.match(await m.fails(m.project('view'), 'view', '@acme/thing'), /asks its members for a second factor/)
    const { tenants } = (await r.api('GET', '/api/v1/session', undefined, dev)).body
    assert.deepEqual(tenants.map((t) => [t.slug, t.role, t.needs_second_factor, t.scopes.length > 0]), [['acme', 'developer', true, false], ['beta', 'developer', false, true]])
    const stranger = await r.api('GET', '/api/v1/tenants/acme')
    assert.equal(stranger.status, 401)
    assert.equal((await r.api('GET', '/npm/@acme%2fthing', undefined, { authorization: `Bearer ${tokens.owner}` })).status, 200)
    assert.equal((await r.api('GET', '/api/v1/tenants/acme', undefined, admin)).status, 200)
  })

  test('the portal says so, and after the set-up all is there again', async () => {
    browser = await launch()
    const page = await browser.newPage()
    page.setDefaultTimeout(20000)
    await login(page, r.url, 'dev', password)
    await page.getByText('asks its members for a second factor').waitFor()
    await page.getByRole('link', { name: 'Set one up' }).click()
    await page.getByRole('heading', { name: 'Second factor' }).waitFor()
    assert.equal((await factor('dev', dev)).status, 200)
    assert.equal((await r.api('GET', '/api/v1/tenants/acme', undefined, dev)).status, 200)
    assert.equal((await r.api('GET', '/npm/@acme%2fthing', undefined, { authorization: `Bearer ${tokens.dev}` })).status, 200)
  })

  test('an owner takes it back in the portal', async () => {
    const context = await browser.newContext()
    const [name, value] = owner.cookie.split('=')
    await context.addCookies([{ name, value, url: r.url }])
    const page = await context.newPage()
    page.setDefaultTimeout(20000)
    await page.goto(`${r.url}/ui/tenants/acme/members`)
    await page.getByRole('button', { name: 'Ask for no second factor' }).click()
    await page.getByRole('button', { name: 'Ask every member for a second factor' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Ask every member' }).click()
    await page.getByRole('button', { name: 'Ask for no second factor' }).click()
    await page.getByText('Each member decides for themselves').waitFor()
    assert.equal((await r.api('GET', '/api/v1/tenants/acme', undefined, owner)).body.require_second_factor, false)
  })
})
