// Teams and what they may do with a package: in the portal, by the command line, and in the API.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { launch, login, shot } from './browser.mjs'
import { publishDocument } from './publish.mjs'
import { Redhouse } from './redhouse.mjs'

describe('teams', { timeout: 200000 }, () => {
  let r, browser, page
  const password = 'correct horse battery', tokens = {}
  const publish = async (who, version) => (await r.api('PUT', '/npm/@acme%2fthing', publishDocument('@acme/thing', version).body, { authorization: `Bearer ${tokens[who]}` })).status
  const ask = (who, method, path, body) => r.api(method, `/api/v1${path}`, body, { authorization: `Bearer ${tokens[who]}` })

  before(async () => {
    r = await Redhouse.start()
    const admin = { cookie: await r.login('admin', r.password) }
    Object.assign(tokens, await r.people(admin, password, [['acme', 'ann', 'owner'], ['acme', 'bob', 'developer'], ['acme', 'cy', 'developer']]))
    assert.equal(await publish('ann', '1.0.0'), 201)
    browser = await launch()
    page = await browser.newPage()
    page.setDefaultTimeout(20000)
    await login(page, r.url, 'ann', password)
  }, { timeout: 60000 })
  after(async () => {
    await browser?.close()
    await r?.stop()
  })

  test('a team is made in the portal and gets a permission on the page of a package', async () => {
    await page.goto(`${r.url}/ui/tenants/acme/teams`)
    await page.getByText('There are no teams').waitFor()
    await page.locator('input[name=name]').fill('devs')
    await page.locator('input[name=description]').fill('who writes')
    await page.getByRole('button', { name: 'Make', exact: true }).click()
    const team = page.getByRole('listitem', { name: 'devs' })
    await team.locator('select[name=user]').selectOption('bob')
    await team.getByRole('button', { name: 'Add to the team' }).click()
    await page.getByRole('button', { name: 'Take bob out of devs' }).waitFor()
    await shot(page, 'teams')
    assert.equal(await publish('cy', '1.0.1'), 201)
    await page.goto(`${r.url}/ui/packages/@acme/thing?tab=access`)
    await page.getByText('every developer of the tenant publishes it').waitFor()
    await page.getByRole('button', { name: 'Give permission' }).click()
    await page.getByRole('list', { name: 'Teams' }).getByText('devs').waitFor()
    await page.getByRole('list', { name: 'People' }).getByRole('listitem').filter({ hasText: 'cy' }).getByText('read only').waitFor()
    await shot(page, 'access')
    assert.equal(await publish('cy', '1.0.2'), 403)
    assert.equal(await publish('bob', '1.0.2'), 201)
  })

  test('who may not change it sees it and no buttons', async () => {
    const access = (await ask('bob', 'GET', '/packages/@acme/thing/access')).body
    assert.deepEqual([access.may_write, access.may_change, access.teams], [true, false, [{ team: 'devs', permission: 'read-write' }]])
    assert.equal((await ask('cy', 'GET', '/packages/@acme/thing/access')).body.may_write, false)
    assert.equal((await ask('bob', 'PUT', '/packages/@acme/thing/access/teams/devs', { permission: 'read-only' })).status, 403)
    assert.equal((await ask('bob', 'POST', '/tenants/acme/teams', { name: 'mine' })).status, 403)
    const theirs = await browser.newPage()
    await login(theirs, r.url, 'cy', password)
    await theirs.goto(`${r.url}/ui/packages/@acme/thing?tab=access`)
    await theirs.getByRole('list', { name: 'People' }).waitFor()
    assert.equal(await theirs.getByRole('button', { name: /permission/ }).count(), 0)
    await theirs.close()
  })

  test('who leaves the tenant leaves its teams, and comes back without them', async () => {
    assert.equal((await ask('ann', 'DELETE', '/tenants/acme/members/bob')).status, 204)
    assert.deepEqual((await ask('ann', 'GET', '/tenants/acme/teams/devs')).body.members, [])
    assert.equal((await ask('ann', 'PUT', '/tenants/acme/members/bob', { role: 'developer' })).status, 200)
    assert.equal(await publish('bob', '1.0.3'), 403)
  })

  test('the command line does the same', async () => {
    assert.equal((await r.json('team', 'create', 'acme', 'ops', '--description', 'who runs it')).name, 'ops')
    assert.deepEqual((await r.json('team', 'join', 'acme', 'ops', 'bob')).members, [{ user: 'bob', role: 'developer' }])
    assert.deepEqual((await r.json('package', 'grant', '@acme/thing', 'ops', 'read-write')).teams.map((t) => t.team), ['devs', 'ops'])
    assert.equal(await publish('bob', '1.0.3'), 201)
    assert.deepEqual((await r.json('package', 'access', '@acme/thing')).people, [{ user: 'ann', permissions: 'read-write' }, { user: 'bob', permissions: 'read-write' }, { user: 'cy', permissions: 'read-only' }])
    await r.run('team', 'leave', 'acme', 'ops', 'bob')
    assert.equal(await publish('bob', '1.0.4'), 403)
    assert.deepEqual((await r.json('package', 'revoke', '@acme/thing', 'ops')).teams.map((t) => t.team), ['devs'])
    assert.deepEqual((await r.json('team', 'list', 'acme')).items.map((t) => [t.name, t.packages]), [['devs', [{ name: '@acme/thing', permission: 'read-write' }]], ['ops', []]])
    for (const name of ['devs', 'ops']) await r.run('team', 'remove', 'acme', name)
    assert.equal(await publish('cy', '1.0.4'), 201)
  })
})
