// The page of a package in Chromium: README with its own pictures and links, versions and tags, nodes as the palette shows them, files,
// dependencies, usage, owners; a tarball that is dropped. Wide and narrow, light and dark.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { fits, launch, login, shot } from './browser.mjs'
import { publishDocument } from './publish.mjs'
import { Redhouse, until } from './redhouse.mjs'

const limit = { timeout: 120000 }
const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40"><rect width="40" height="40" rx="8" fill="#fff" stroke="#555"/><script>top.ran = 1</script></svg>'
const readme = `# Lamp

![the lamp](docs/lamp.svg) ![elsewhere](https://stranger.invalid/x.png) <img src="//stranger.invalid/y.png" alt="nowhere"> <img src="javascript:alert(1)" alt="no script"> ![way out](docs/..%2f..%2f..%2f..%2f..%2f..%2fsession)

See [the guide](./docs/guide.md#start), [outside](../../../etc/passwd), [usage](#how-to-use-it), [home](https://example.org/), [bad](javascript:alert(1)), [data](data:text/html,x).

${'Some words that fill the page.\n\n'.repeat(30)}
## How to use it

\`\`\`js
const wide = '${'x'.repeat(200)}'
\`\`\`
`
const html = `<script>
RED.nodes.registerType('lamp', { category: 'lights', color: '#f3d37b', icon: 'lamp.svg', inputs: 1, outputs: 1, paletteLabel: 'lamp' })
RED.nodes.registerType('switch off', { category: 'lights', color: 'rgb(166, 187, 207)', align: 'right', inputs: 1, outputs: 0 })
RED.nodes.registerType('lamp-config', { category: 'config' })</script>`

describe('the page of a package', { timeout: 300000 }, () => {
  let r, browser, page, token
  const strangers = [], dialogs = [], errors = [], asked = []
  const tab = (name) => page.getByRole('navigation', { name: 'Package' }).getByRole('link', { name, exact: true }).click()
  const row = (name) => page.locator('li.row', { has: page.getByText(name, { exact: true }) })
  const content = (name, version, more) => Buffer.from(Object.values(publishDocument(name, version, more).body._attachments)[0].data, 'base64')

  async function publish(name, version, more) {
    const { body } = publishDocument(name, version, more)
    const answer = await r.api('PUT', `/npm/${name.replace('/', '%2f')}`, body, { authorization: `Bearer ${token}` })
    assert.equal(answer.status, 201, JSON.stringify(answer.body))
  }

  before(async () => {
    r = await Redhouse.start()
    await r.run('tenant', 'create', 'acme')
    await r.member('acme', 'eve', 'viewer')
    token = await r.token('admin', 't')
    const more = {
      readme, manifest: { description: 'lights and switches', 'node-red': { nodes: { lamp: 'lamp.js' } }, dependencies: { '@acme/base': '^1.0.0', lodash: '^4.17.0' } },
      files: {
        'README.md': readme, 'lamp.js': "RED.nodes.registerType('lamp', f); RED.nodes.registerType('switch off', f); RED.nodes.registerType('lamp-config', f)", 'lamp.html': html,
        'icons/lamp.svg': svg, 'docs/lamp.svg': svg, 'docs/guide.md': '# The guide\n<script>alert(1)</script>', 'examples/all lights.json': '[]', 'page.html': '<script>alert(1)</script>',
        'page.json': JSON.stringify({ name: '@acme/base', latest: '1.0.0', versions: [], tags: {}, types: [], keywords: [], owners: [{ user: 'eve' }], clashes: [], readme: 'Made up.' }),
      },
    }
    await publish('@acme/base', '1.0.0')
    for (const [i, version] of ['1.0.0', '1.1.0', '1.2.0', '2.0.0-beta.1'].entries())
      await publish('@acme/lamp', version, { ...more, files: { ...more.files, 'more.txt': Array.from({ length: 2000 * (i + 1) }, (_, n) => (n * 7919 % 997).toString(36)).join('') } })
    await r.api('PUT', '/api/v1/packages/@acme/lamp/tags/latest', { version: '1.2.0' }, { authorization: `Bearer ${token}` })
    for (let i = 0; i < 5; i++) await fetch(`${r.url}/npm/@acme/lamp/-/lamp-1.2.0.tgz`, { headers: { authorization: `Bearer ${token}` } }).then((a) => a.arrayBuffer())
    await r.run('instance', 'create', 'acme/one')
    browser = await launch()
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } })
    page = await context.newPage()
    page.on('dialog', (d) => { dialogs.push(d.message()); void d.dismiss() })
    page.on('pageerror', (error) => errors.push(error.message))
    page.on('request', (req) => asked.push(new URL(req.url()).pathname))
    page.on('request', (req) => { if (!/^(http:\/\/([\w-]+\.)?localhost:|data:|blob:|about:)/.test(req.url())) strangers.push(req.url()) })
    await login(page, r.url, 'admin', r.password)
  }, limit)
  after(async () => {
    await browser?.close()
    await r?.stop()
  }, limit)

  test("its README shows the package's own pictures and leads to its own files, and nothing else comes along", limit, async () => {
    await page.goto(`${r.url}/ui/packages/@acme/lamp`)
    await page.locator('.readme h1', { hasText: 'Lamp' }).waitFor()
    const image = page.locator('.readme img')
    await until('the picture is there', () => image.first().evaluate((el) => el.naturalWidth === 40))
    assert.equal(await image.count(), 1)
    assert.match(await image.getAttribute('src'), /^\/api\/v1\/packages\/@acme\/lamp\/versions\/1\.2\.0\/files\/docs\/lamp\.svg$/)
    const links = await page.locator('.readme a').evaluateAll((all) => Object.fromEntries(all.map((a) => [a.textContent, a.getAttribute('href')])))
    assert.deepEqual(links, {
      'the guide': '/ui/packages/@acme/lamp?tab=files&path=docs%2Fguide.md', outside: '/ui/packages/@acme/lamp?tab=files&path=etc%2Fpasswd', usage: '#how-to-use-it', home: 'https://example.org/',
    })
    await fits(page, 'package-readme')
    await page.getByText('usage', { exact: true }).click()
    await until('it scrolls', () => page.evaluate(() => scrollY > 300))
    await page.getByText('the guide', { exact: true }).click()
    await page.locator('pre.file', { hasText: '<script>alert(1)</script>' }).waitFor()
    assert.deepEqual({ strangers, dialogs, errors }, { strangers: [], dialogs: [], errors: [] })
  })

  test('its files are looked through, as text and pictures, in each version', limit, async () => {
    await fits(page, 'package-file')
    await page.getByRole('navigation', { name: 'Path' }).getByRole('link', { name: 'docs' }).click()
    await page.getByRole('link', { name: 'lamp.svg' }).click()
    await page.locator('.picture img').waitFor()
    await tab('Files')
    await page.locator('.files li', { hasText: 'examples/' }).waitFor()
    await fits(page, 'package-files')
    await page.getByRole('link', { name: 'page.html' }).click()
    await page.locator('pre.file', { hasText: '<script>' }).waitFor()
    await page.getByLabel('Version').selectOption('1.0.0')
    await page.waitForURL((url) => url.searchParams.get('version') === '1.0.0' && url.searchParams.get('path') === 'page.html')
    await page.locator('pre.file').waitFor()
    await page.goto(`${r.url}/ui/packages/@acme/lamp?tab=files&path=none.txt`)
    await page.getByText('There is no such file').waitFor()
    assert.deepEqual(dialogs, [])
  })

  test('an address that leads to something else of the API is no page, and nothing is asked of it', limit, async () => {
    const file = '/packages/@acme/lamp/versions/1.2.0/files/page.json'
    assert.equal((await r.api('GET', `/api/v1${file}`, undefined, { authorization: `Bearer ${token}` })).body.readme, 'Made up.')
    asked.length = 0
    for (const address of [file, `/packages/${encodeURIComponent(file.slice(10))}`, '/packages/..%2ftokens', '/packages/lamp%3fx', `/tenants/..%2f${encodeURIComponent(file.slice(1))}%3f`, '/tenants/%2e%2e%2fsession', '/instances/a%2fb']) {
      await page.goto(`${r.url}/ui/packages/@acme/base`)
      await page.getByRole('heading', { name: '@acme/base' }).waitFor()
      // As the portal's own links do; the server refuses some of these by itself.
      await page.evaluate((to) => { history.pushState(null, '', to); dispatchEvent(new PopStateEvent('popstate')) }, `/ui${address}`)
      await page.getByText('There is no such page.').waitFor()
      assert.deepEqual(asked.filter((path) => /^\/api\/v1\/(?!session$|events$|.*theme(\.css)?$|packages\/@acme\/base$)/.test(path)), [], address)
    }
    await page.goto(`${r.url}/ui/packages/@acme%2flamp`)
    await page.locator('.readme h1', { hasText: 'Lamp' }).waitFor()
  })

  test('its nodes look as the palette shows them', limit, async () => {
    await tab('Nodes')
    const lamp = page.locator('.palette-node', { hasText: 'lamp' }).first()
    await until('the icon is there', () => lamp.locator('img').evaluate((el) => el.naturalWidth === 40))
    assert.equal(await lamp.evaluate((el) => getComputedStyle(el).backgroundColor), 'rgb(243, 211, 123)')
    await page.getByRole('heading', { name: 'Configuration' }).waitFor()
    await page.getByRole('link', { name: 'all lights' }).waitFor()
    await fits(page, 'package-nodes')
  })

  test('dependencies both ways, usage and downloads', limit, async () => {
    await tab('Dependencies')
    await page.getByRole('link', { name: '@acme/base' }).waitFor()
    await fits(page, 'package-needs')
    await page.getByRole('link', { name: '@acme/base' }).click()
    await page.getByRole('heading', { name: '@acme/base' }).waitFor()
    await tab('Dependencies')
    await page.getByRole('region', { name: 'Needed by (1)' }).getByRole('link', { name: '@acme/lamp' }).click()
    await page.getByRole('heading', { name: '@acme/lamp' }).waitFor()
    await tab('Usage')
    await page.getByText('5 downloads in the last 7 days').waitFor()
    await page.getByText('No instance has it').waitFor()
    await fits(page, 'package-usage')
  })

  test('of a public package the page says who uses it, and of one that nobody has that it is not here', limit, async () => {
    await page.goto(`${r.url}/ui/packages/node-red`)
    await page.getByText('a public package').waitFor()
    await page.getByRole('region', { name: 'Instances' }).getByRole('link', { name: 'acme/one' }).waitFor()
    await fits(page, 'package-public')
    await page.goto(`${r.url}/ui/packages/nobody-has-this`)
    await page.getByText('This cannot be shown').waitFor()
    await page.goto(`${r.url}/ui/packages/@acme/lamp`)
  })

  test('a version is tagged, deprecated and unpublished, each after asking', limit, async () => {
    await tab('Versions')
    await fits(page, 'package-versions')
    await page.getByRole('button', { name: 'Tag 1.0.0' }).click()
    await page.locator('dialog input[name=tag]').fill('1.x')
    await page.getByRole('button', { name: 'Add the tag' }).click()
    await page.locator('dialog [role=alert]').waitFor()
    await page.locator('dialog input[name=tag]').fill('old')
    await shot(page, 'package-tag')
    await page.getByRole('button', { name: 'Add the tag' }).click()
    await row('1.0.0').locator('.state', { hasText: 'old' }).waitFor()
    await page.getByRole('button', { name: 'Remove the tag old' }).click()
    await row('1.0.0').locator('.state', { hasText: 'old' }).waitFor({ state: 'detached' })
    await page.getByRole('button', { name: 'Deprecate 1.1.0' }).click()
    await page.getByLabel('What should people do instead?').fill('use 1.2.0')
    await page.getByRole('button', { name: 'Deprecate', exact: true }).last().click()
    await row('1.1.0').getByText('Deprecated: use 1.2.0').waitFor()
    await page.getByRole('button', { name: 'Take back the deprecation of 1.1.0' }).click()
    await row('1.1.0').getByText('Deprecated').waitFor({ state: 'detached' })
    await page.getByRole('button', { name: 'Unpublish 1.0.0' }).click()
    await page.getByRole('dialog').getByText('stays taken for ever').waitFor()
    await fits(page, 'package-unpublish')
    await page.getByRole('dialog').getByRole('button', { name: 'Unpublish' }).click()
    await row('1.0.0').waitFor({ state: 'detached' })
    assert.equal(await page.getByRole('list', { name: 'Versions' }).locator('> li').count(), 3)
  })

  test('an owner is added and removed; the last one stays', limit, async () => {
    await tab('Owners')
    await page.getByLabel('User name').fill('nobody')
    await page.getByRole('button', { name: 'Add owner' }).click()
    await page.getByText('There is no user "nobody".').waitFor()
    await page.getByLabel('User name').fill('eve')
    await page.getByRole('button', { name: 'Add owner' }).click()
    await page.getByRole('button', { name: 'Remove eve' }).waitFor()
    await fits(page, 'package-owners')
    await page.getByRole('button', { name: 'Remove eve' }).click()
    await page.getByRole('button', { name: 'Remove eve' }).waitFor({ state: 'detached' })
    assert.ok(await page.getByRole('button', { name: 'Remove admin' }).isDisabled())
  })

  test('a tarball that is dropped is published, and what is wrong with another is told', limit, async () => {
    await page.goto(`${r.url}/ui/tenants/acme/packages`)
    const input = page.getByLabel('Publish a .tgz')
    await input.setInputFiles([
      { name: 'up-1.0.0.tgz', mimeType: 'application/gzip', buffer: content('@acme/up', '1.0.0') },
      { name: 'broken.tgz', mimeType: 'application/gzip', buffer: Buffer.from('nothing') },
      { name: 'other-1.0.0.tgz', mimeType: 'application/gzip', buffer: content('@other/up', '1.0.0') },
    ])
    await page.getByRole('link', { name: '@acme/up@1.0.0' }).waitFor()
    await page.getByText('not a .tgz').waitFor()
    await page.getByText('not a name of this tenant').waitFor()
    await row('@acme/up').waitFor()
    await fits(page, 'package-publish')
    const data = await page.evaluateHandle((text) => {
      const transfer = new DataTransfer()
      transfer.items.add(new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], 'up-1.1.0.tgz', { type: 'application/gzip' }))
      return transfer
    }, content('@acme/up', '1.1.0').toString('base64'))
    await page.locator('.drop').dispatchEvent('drop', { dataTransfer: data })
    await page.getByRole('link', { name: '@acme/up@1.1.0' }).waitFor()
  })

  test('who may only read sees no button that changes anything', limit, async () => {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } })
    const other = await context.newPage()
    await login(other, r.url, 'eve', 'eve has a password')
    await other.goto(`${r.url}/ui/packages/@acme/lamp?tab=versions`)
    await other.getByRole('list', { name: 'Versions' }).waitFor()
    assert.equal(await other.locator('main .rows button').count(), 0)
    await other.goto(`${r.url}/ui/tenants/acme/packages`)
    await other.getByRole('link', { name: '@acme/lamp' }).waitFor()
    assert.equal(await other.locator('.drop').count(), 0)
    assert.deepEqual({ strangers, dialogs, errors }, { strangers: [], dialogs: [], errors: [] })
  })
})
