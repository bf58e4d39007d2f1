// What a tenant may keep, and which pre-releases stay.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { launch, login, shot } from './browser.mjs'
import { Machine, client } from './clients.mjs'
import { publishDocument } from './publish.mjs'
import { Redhouse } from './redhouse.mjs'

let r, token, ada, dev, eve
const put = (name, version, more) => r.api('PUT', `/npm/${name.replace('/', '%2f')}`, { ...publishDocument(name, version, more).body, ...more?.doc }, { authorization: `Bearer ${token}` })
const publish = async (name, version, tag = 'latest') => {
  const answer = await put(name, version, { doc: { 'dist-tags': { [tag]: version } } })
  assert.equal(answer.status, 201, JSON.stringify(answer.body))
}
const versions = async (name) => Object.keys((await r.api('GET', `/npm/${name.replace('/', '%2f')}`, undefined, ada)).body.versions)
const quota = (who, method = 'GET', body) => r.api(method, '/api/v1/tenants/acme/quota', body, who)
const retention = (who, method = 'GET', body) => r.api(method, '/api/v1/tenants/acme/retention', body, who)

before(async () => {
  r = await Redhouse.start()
  for (const [tenant, user, role] of [['acme', 'ada', 'owner'], ['acme', 'dev', 'developer'], ['beta', 'eve', 'owner']]) {
    if (role === 'owner') await r.run('tenant', 'create', tenant)
    await r.member(tenant, user, role)
  }
  token = await r.token('ada', 't')
  ada = { authorization: `Bearer ${token}` }
  dev = { authorization: `Bearer ${await r.token('dev', 't')}` }
  eve = { authorization: `Bearer ${await r.token('eve', 't')}` }
}, { timeout: 120000 })
after(async () => r?.stop())

describe('quota and retention', { timeout: 300000 }, () => {
  test('a publish past the quota is refused with use and limit, and clients print it', async () => {
    await publish('@acme/one', '1.0.0')
    const use = (await quota(ada)).body
    assert.equal(use.versions, 1)
    assert.equal(use.max_bytes, null)
    assert.deepEqual(await r.json('tenant', 'quota', 'acme', '--versions', '2'), { ...use, max_versions: 2 })
    await publish('@acme/one', '1.1.0')
    const many = await put('@acme/one', '1.2.0')
    assert.equal(many.status, 403)
    assert.match(many.body.error, /2 of 2 versions/)
    // What is there already may come again.
    assert.equal((await put('@acme/one', '1.1.0')).status, 200)
    await r.run('tenant', 'quota', 'acme', '--versions', 'any', '--bytes', '100')
    const m = new Machine(r, 'npm11', await client('npm11'), token)
    const said = await m.fails(m.package('@acme/large', '1.0.0'), 'publish')
    assert.match(said, /E413|413/)
    assert.match(said, /of 100 bytes/)
    await r.run('tenant', 'quota', 'acme', '--bytes', 'any')
    await publish('@acme/one', '1.2.0')
  })

  test('publishes at once do not go past it together', async () => {
    const { versions: now } = (await quota(ada)).body
    await r.run('tenant', 'quota', 'acme', '--versions', String(now + 3))
    const answers = await Promise.all(Array.from({ length: 12 }, (_, i) => put(`@acme/crowd-${i}`, '1.0.0')))
    assert.deepEqual(answers.map((a) => a.status).sort(), [...Array(3).fill(201), ...Array(9).fill(403)])
    assert.equal((await quota(ada)).body.versions, now + 3)
    await r.run('tenant', 'quota', 'acme', '--versions', 'any')
  })

  test('who may see and say it', async () => {
    assert.equal((await quota(eve)).status, 404)
    assert.equal((await quota(dev)).status, 200)
    assert.equal((await quota(ada, 'PUT', { max_bytes: 1 })).status, 403)
    assert.equal((await retention(eve)).status, 404)
    assert.equal((await retention(eve, 'PUT', { keep: 0 })).status, 404)
    assert.equal((await retention(dev, 'PUT', { keep: 0 })).status, 403)
    assert.equal((await retention(ada, 'PUT', { keep: -1 })).status, 422)
    assert.equal((await retention(ada, 'PUT', { days: 'x' })).status, 400)
  })

  test('the portal shows what is kept, and what would go', async () => {
    const name = '@acme/shown'
    await publish(name, '1.0.0')
    for (let i = 1; i <= 3; i++) await publish(name, `1.1.0-rc.${i}`, 'next')
    await r.run('tenant', 'quota', 'acme', '--bytes', '2M')
    const browser = await launch()
    try {
      const page = await browser.newPage({ viewport: { width: 1280, height: 800 } })
      await login(page, r.url, 'ada', 'ada has a password')
      await page.goto(`${r.url}/ui/tenants/acme/packages`)
      await page.getByText(/ of 2\.1 MB in \d+ versions/).waitFor()
      await page.getByText('Pre-releases that stay: all').click()
      await page.getByLabel('Newest of each package').fill('1')
      await page.getByRole('button', { name: 'Save' }).click()
      await page.getByText('2 would go with the next daily run').waitFor()
      await shot(page, 'portal-keeping')
      await page.getByRole('button', { name: 'Remove what is due' }).click()
      await page.locator('dialog button[type=submit]').click()
      await page.getByText('would go with').waitFor({ state: 'detached' })
      assert.deepEqual(await versions(name), ['1.0.0', '1.1.0-rc.3'])
    } finally {
      await browser.close()
    }
    await retention(ada, 'PUT', {})
    await r.run('tenant', 'quota', 'acme', '--bytes', 'any')
  })

  test('pre-releases beyond the rule go, but never what a tag names; their numbers stay taken', async () => {
    const name = '@acme/pre'
    await publish(name, '1.0.0')
    for (let i = 1; i <= 6; i++) await publish(name, `1.1.0-beta.${i}`, i === 2 ? 'special' : 'next')
    const before = await versions(name)
    assert.deepEqual((await retention(ada)).body, { keep: null, days: null, due: [] })
    const rule = await retention(ada, 'PUT', { keep: 2 })
    assert.deepEqual(rule.body.due.map((d) => `${d.package}@${d.version}`), ['1', '3', '4'].map((n) => `${name}@1.1.0-beta.${n}`))
    assert.deepEqual(await versions(name), before)
    // Younger than a day: with both rules what either keeps.
    assert.deepEqual((await retention(ada, 'PUT', { keep: 2, days: 1 })).body.due, [])
    await r.run('tenant', 'retention', 'acme', '--days', 'any', '--run')
    assert.deepEqual(await versions(name), ['1.0.0', '1.1.0-beta.2', '1.1.0-beta.5', '1.1.0-beta.6'])
    const again = await put(name, '1.1.0-beta.1', { manifest: { description: 'other bytes' } })
    assert.equal(again.status, 409)
    assert.match(again.body.error, /was removed/)
    const { body } = await r.api('GET', '/api/v1/registry/reports/retention', undefined, { cookie: await r.login('admin', r.password) })
    assert.equal(body.counts.removed, 3)
    assert.equal((await r.api('GET', `/npm/@acme%2fpre/-/pre-1.1.0-beta.1.tgz`, undefined, ada)).status, 404)
  })
})
