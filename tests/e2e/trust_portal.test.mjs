// Limited tokens and trusted publishers in the portal, each used for what it was made for.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { launch, login, shot } from './browser.mjs'
import { Ci } from './oidc.mjs'
import { publishDocument } from './publish.mjs'
import { Redhouse } from './redhouse.mjs'

let r, ci, browser, page
const limit = { timeout: 60000 }

before(async () => {
  r = await Redhouse.start()
  ci = await Ci.start('npm:localhost')
  const admin = { cookie: await r.login('admin', r.password) }
  const ok = (answer) => assert.ok(answer.status < 300, `${answer.status} ${JSON.stringify(answer.body)}`)
  ok(await r.api('POST', '/api/v1/tenants', { slug: 'acme', name: 'Acme' }, admin))
  ok(await r.api('POST', '/api/v1/users', { name: 'dev', password: 'dev has a password', tenant: 'acme', role: 'developer' }, admin))
  const token = await r.token('dev', 'laptop')
  for (const name of ['one', 'two']) ok(await r.api('PUT', `/npm/@acme%2f${name}`, publishDocument(`@acme/${name}`, '1.0.0').body, { authorization: `Bearer ${token}` }))
  browser = await launch()
  page = await (await browser.newContext()).newPage()
  page.setDefaultTimeout(20000)
  await login(page, r.url, 'dev', 'dev has a password')
}, { timeout: 120000 })

after(async () => {
  await browser?.close()
  await r?.stop()
  ci?.stop()
})

// Nothing is wider than a narrow window.
async function fits(name) {
  await page.setViewportSize({ width: 400, height: 900 })
  const [has, may] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth])
  await shot(page, `narrow-${name}`)
  await page.setViewportSize({ width: 1280, height: 900 })
  assert.ok(has <= may, `${name}: ${has} > ${may}`)
}

test('a token is made with limits, shows them, and is held to them', limit, async () => {
  await page.goto(`${r.url}/ui/tokens`)
  await page.getByLabel('Name', { exact: true }).fill('of the build')
  await page.locator('select[name=kind]').selectOption('publish')
  await page.getByText('Limits', { exact: true }).click()
  await page.locator('input[name=packages]').fill('@acme/one, @acme/red-*')
  await page.locator('input[name=addresses]').fill('127.0.0.0/8 ::1')
  await page.getByRole('button', { name: 'Make token' }).click()
  const token = (await page.locator('.notice code').innerText()).trim()
  const row = page.locator('li.row', { hasText: 'of the build' })
  await row.getByText('packages @acme/one, @acme/red-* · from 127.0.0.0/8, ::1').waitFor()
  assert.match(await row.innerText(), /publishes packages/)
  await shot(page, 'tokens-limits')
  await fits('tokens-limits')
  const put = (name) => r.api('PUT', `/npm/@acme%2f${name}`, publishDocument(`@acme/${name}`, '2.0.0').body, { authorization: `Bearer ${token}` })
  assert.equal((await put('one')).status, 201)
  assert.equal((await put('two')).status, 403)
})

test('a limit that cannot be is told', limit, async () => {
  await page.getByLabel('Name', { exact: true }).fill('wrong')
  if (!await page.locator('input[name=addresses]').isVisible()) await page.getByText('Limits', { exact: true }).click()
  await page.locator('input[name=addresses]').fill('10.0.0.0/64')
  await page.getByRole('button', { name: 'Make token' }).click()
  await page.getByText('"10.0.0.0/64" is not an address or a range').waitFor()
})

test('a job is trusted, publishes, and a refusal is told to the owner', limit, async () => {
  await page.goto(`${r.url}/ui/packages/@acme/one?tab=trust`)
  await page.getByText('The platform believes no CI yet').waitFor()
  const admin = await (await browser.newContext()).newPage()
  await login(admin, r.url, 'admin', r.password)
  await admin.goto(`${r.url}/ui/issuers`)
  await admin.getByText('No issuers yet').waitFor()
  await admin.locator('input[name=url]').fill('http://ci.example.org')
  await admin.getByRole('button', { name: 'Believe it' }).click()
  await admin.getByText('An issuer is reached by https').waitFor()
  await admin.locator('input[name=url]').fill(ci.url)
  await admin.getByRole('button', { name: 'Believe it' }).click()
  await admin.locator('li.row', { hasText: ci.url }).getByText('0 trusted publishers').waitFor()
  await admin.close()
  await page.reload()
  await page.getByLabel('Repository').fill('acme/nodes')
  await page.getByLabel('Workflow file').fill('release.yml')
  await page.getByRole('button', { name: 'Trust this job' }).click()
  const row = page.locator('li.row', { hasText: 'acme/nodes/.github/workflows/release.yml@*' })
  await row.waitFor()
  const exchange = async (claims) =>
    r.api('POST', '/-/npm/v1/oidc/token/exchange/package/@acme%2fone', undefined, { authorization: `Bearer ${await ci.idToken(claims)}` })
  const job = { repository: 'acme/nodes', workflow_ref: 'acme/nodes/.github/workflows/release.yml@refs/heads/main' }
  const { body } = await exchange(job)
  assert.equal((await r.api('PUT', '/npm/@acme%2fone', publishDocument('@acme/one', '3.0.0').body, { authorization: `Bearer ${body.token}` })).status, 201)
  assert.equal((await exchange({ ...job, repository: 'mallory/nodes' })).status, 403)
  await page.reload()
  await row.getByText('The claim repository is "mallory/nodes"').waitFor()
  await shot(page, 'package-trust')
  await fits('package-trust')
  await page.goto(`${r.url}/ui/packages/@acme/one?tab=versions`)
  await page.getByText('trusted publisher github').waitFor()
  await page.goto(`${r.url}/ui/packages/@acme/one?tab=trust`)
  await row.getByRole('button', { name: 'Remove github' }).click()
  await page.getByText('No trusted publishers yet').waitFor()
})
