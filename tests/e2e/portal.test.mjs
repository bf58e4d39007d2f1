// The portal as people use it, in Chromium: by keyboard alone, narrow and wide, light and dark; what strangers wrote stays text.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { contrast, launch, login, shot } from './browser.mjs'
import { gitServer } from './gitserver.mjs'
import { publishDocument } from './publish.mjs'
import { Redhouse, root, until } from './redhouse.mjs'

const limit = { timeout: 120000 }
const readme = `# Steady

<script>alert('script')</script><img src="x" onerror="alert('image')"><svg onload="alert('svg')"></svg>
<img src="https://stranger.invalid/pixel.png" alt="a pixel"><iframe src="https://stranger.invalid/"></iframe>
<form action="https://stranger.invalid/"><button>Log in</button></form><style>body { display: none }</style>

[a link](javascript:alert('link')) [a good link](https://example.org/) <a id="app" name="api" onclick="alert(1)">x</a>

| a | table |
| - | - |
| 1 | 2 |
`

describe('the portal', { timeout: 400000 }, () => {
  let r, browser, context, page, git, dir
  const asked = new Set()
  const strangers = [], dialogs = [], errors = []
  const url = (path) => `${r.url}${path}`
  const open = async (path, title) => {
    await page.goto(url(path))
    await page.getByRole('heading', { name: title, exact: true }).first().waitFor()
  }
  const row = (name) => page.locator('li.row', { hasText: name })
  const state = (name, want) => row(name).locator('.state', { hasText: new RegExp(`^${want}$`) }).waitFor({ timeout: 60000 })
  const style = (selector, property, on = page) => on.locator(selector).first().evaluate((el, p) => getComputedStyle(el).getPropertyValue(p), property)

  function watch(one) {
    one.on('dialog', (d) => { dialogs.push(d.message()); void d.dismiss() })
    one.on('pageerror', (error) => errors.push(error.message))
    // What the page's own policy stops never leaves the browser.
    one.on('requestfailed', (req) => { if (req.failure()?.errorText === 'csp') strangers.splice(strangers.indexOf(req.url()), 1) })
    one.on('request', (req) => { if (!/^(http:\/\/([\w-]+\.)?localhost:|data:|blob:|about:)/.test(req.url())) strangers.push(req.url()) })
    return one
  }
  // The page has what it asked for, and has painted it.
  async function settled() {
    await page.locator('header.top').waitFor()
    await page.waitForLoadState('load')
    await until('all answers are there', () => asked.size === 0)
    await page.waitForFunction(() => !document.querySelector('.skeleton, [aria-busy=true]'))
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))))
  }
  // Nothing is wider than a narrow window.
  async function fits(name) {
    await page.setViewportSize({ width: 400, height: 800 })
    const [has, may] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth])
    assert.ok(has <= may, `${name}: ${has} > ${may}`)
    await shot(page, `narrow-${name}`)
    await page.setViewportSize({ width: 1280, height: 800 })
  }
  // Tab until what has the focus says this; as a person without a mouse would.
  async function tabTo(name) {
    for (let i = 0; i < 60; i++) {
      const now = await page.evaluate(() => { const el = document.activeElement; return (el?.getAttribute('aria-label') ?? el?.innerText ?? '').trim() })
      if (now === name) return
      await page.keyboard.press('Tab')
    }
    throw new Error(`Tab never comes to ${name}`)
  }
  const focused = (name) => page.waitForFunction((n) => document.activeElement?.getAttribute('name') === n, name, { timeout: 10000 })

  const run = (...args) => execFileSync('git', ['-c', 'user.name=Dev', '-c', 'user.email=dev@example.org', ...args], { cwd: join(dir, 'work'), stdio: 'pipe' })

  // A repository with one tag.
  function repository() {
    const work = join(dir, 'work')
    mkdirSync(work)
    cpSync(join(root, 'fixtures', 'nodes', '@demo', 'node-red-hello'), work, { recursive: true })
    const manifest = JSON.parse(readFileSync(join(work, 'package.json')))
    writeFileSync(join(work, 'package.json'), JSON.stringify({ ...manifest, name: '@acme/node-red-git', version: '1.2.0' }))
    execFileSync('git', ['init', '-q', '--bare', join(dir, 'nodes.git')])
    run('init', '-q')
    run('add', '-A')
    run('commit', '-qm', 'one')
    run('tag', '-a', 'v1.2.0', '-m', 'one')
    run('push', '-q', join(dir, 'nodes.git'), 'HEAD:main', 'v1.2.0')
  }

  before(async () => {
    dir = mkdtempSync('/tmp/rh-git-')
    repository()
    git = await gitServer(dir)
    r = await Redhouse.start({ args: ['--git-private'] })
    browser = await launch()
    context = await browser.newContext({ viewport: { width: 1280, height: 800 } })
    await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: r.url })
    // What moved without anybody's doing, and by how much.
    await context.addInitScript(() => {
      window.shifts = []
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries())
          if (!entry.hadRecentInput) window.shifts.push([entry.sources.map((s) => s.node?.className || s.node?.nodeName).join(), entry.value])
      }).observe({ type: 'layout-shift', buffered: true })
    })
    page = watch(await context.newPage())
  }, limit)
  after(async () => {
    await browser?.close()
    await r?.stop()
    git?.closeAllConnections()
    git?.close()
    rmSync(dir, { recursive: true, force: true })
  }, limit)

  test('a wrong password is told, the right one lets in; by keyboard alone', limit, async () => {
    await page.goto(url('/'))
    await page.waitForURL((at) => at.pathname === '/login')
    await focused('username')
    await shot(page, 'portal-login')
    await fits('login')
    await page.keyboard.type('admin')
    await page.keyboard.press('Tab')
    await focused('password')
    await page.keyboard.type('wrong')
    await page.keyboard.press('Enter')
    const said = page.getByRole('alert')
    await said.waitFor()
    assert.match(await said.innerText(), /wrong|password/i)
    assert.equal(new URL(page.url()).pathname, '/login')
    await focused('password')
    await page.keyboard.press('Control+a')
    await page.keyboard.type(r.password)
    await page.keyboard.press('Enter')
    await page.waitForURL((at) => at.pathname === '/ui/')
  })

  test('a new platform says what to do next, step by step; a tenant and an instance by keyboard alone', limit, async () => {
    const next = page.locator('.steps [aria-current=step] strong')
    await next.filter({ hasText: 'Make a tenant' }).waitFor()
    const jumped = await page.evaluate(() => window.shifts)
    assert.ok(jumped.reduce((sum, [, value]) => sum + value, 0) < 0.1, JSON.stringify(jumped))
    await shot(page, 'portal-first')
    await fits('first')
    await tabTo('New tenant')
    await page.keyboard.press('Enter')
    await focused('slug')
    await page.keyboard.type('acme')
    await page.keyboard.press('Tab')
    await page.keyboard.type('Acme works')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Acme works', exact: true }).waitFor()
    assert.equal(new URL(page.url()).pathname, '/ui/tenants/acme')
    await page.getByText('No instances yet').waitFor()
    await tabTo('New instance')
    await page.keyboard.press('Enter')
    await focused('slug')
    await page.keyboard.press('Escape')
    await page.locator('dialog').waitFor({ state: 'detached' })
    await tabTo('New instance')
    await page.keyboard.press('Enter')
    await focused('slug')
    await page.keyboard.type('one')
    await page.keyboard.press('Enter')
    await page.locator('dialog .progress', { hasText: /\w/ }).waitFor({ timeout: 20000 })
    await shot(page, 'portal-progress')
    await page.locator('dialog').waitFor({ state: 'detached', timeout: 60000 })
    await state('one', 'running')
    await page.goto(url('/ui/'))
    await next.filter({ hasText: 'Publish a node' }).waitFor()
  })

  test('an instance is stopped, started and restarted, and its log is followed', limit, async () => {
    await open('/ui/instances/one', 'one')
    const log = page.locator('pre.log')
    await until('the log is there', async () => /Started flows/.test(await log.innerText()))
    const lines = async () => (await log.innerText()).split('\n').filter((l) => /Started flows/.test(l)).length
    const first = await lines()
    await page.getByRole('button', { name: 'Restart' }).click()
    await until('the log goes on by itself', async () => await lines() > first)
    await shot(page, 'portal-instance')
    await page.getByRole('button', { name: 'Stop' }).click()
    await page.locator('.title .state', { hasText: /^stopped$/ }).waitFor({ timeout: 30000 })
    assert.equal(await page.getByRole('link', { name: 'Open editor' }).count(), 0)
    await page.getByRole('button', { name: 'Start' }).click()
    await page.locator('.title .state', { hasText: /^running$/ }).waitFor({ timeout: 60000 })
    const editor = await page.getByRole('link', { name: 'Open editor' }).getAttribute('href')
    assert.equal(editor, `http://one.localhost:${r.port}/`)
  })

  test('packages are listed and filtered, and a README stays text and pictures without a will of their own', limit, async () => {
    const token = await r.token('admin', 'publisher')
    for (const name of ['steady', 'other']) {
      const text = name === 'steady' ? readme : readme.replace('Steady', 'Other')
      const { body } = publishDocument(`@acme/${name}`, '1.0.0', { readme: text, manifest: { description: `the ${name} one` }, files: { 'README.md': text } })
      const put = await r.api('PUT', `/npm/@acme%2f${name}`, body, { authorization: `Bearer ${token}` })
      assert.ok(put.status < 300, JSON.stringify(put.body))
    }
    await page.goto(url('/ui/tenants/acme/packages'))
    await row('@acme/other').waitFor()
    await page.getByLabel('Filter packages').fill('steady')
    await row('@acme/other').waitFor({ state: 'detached' })
    await shot(page, 'portal-packages')
    await page.getByRole('link', { name: '@acme/steady' }).click()
    await page.locator('.readme h1', { hasText: 'Steady' }).waitFor()
    await page.locator('.readme table').waitFor()
    await page.getByText('a link', { exact: true }).click()
    await page.getByText('a pixel').waitFor()
    await shot(page, 'portal-package')
    assert.deepEqual({ dialogs, strangers }, { dialogs: [], strangers: [] })
    const left = await page.locator('.readme').evaluate((el) => ({
      tags: [...el.querySelectorAll('script, iframe, form, button, style, input, object, embed')].map((x) => x.tagName),
      attributes: [...el.querySelectorAll('*')].flatMap((x) => x.getAttributeNames()).filter((a) => /^on|^style$|^id$|^name$/.test(a)),
      links: [...el.querySelectorAll('[href]')].map((a) => a.getAttribute('href')),
    }))
    assert.deepEqual(left, { tags: [], attributes: [], links: ['https://example.org/'] })
    // And if the cleaning failed, the policy of the page would hold: an inline script, an event handler, a stranger's picture.
    const ran = await page.evaluate(() => new Promise((done) => {
      window.ran = []
      const box = document.createElement('div')
      box.innerHTML = '<img src="/assets/none.png" onerror="window.ran.push(1)"><img src="https://stranger.invalid/2.png">'
      const script = document.createElement('script')
      script.textContent = 'window.ran.push(2)'
      const seen = []
      document.addEventListener('securitypolicyviolation', (e) => { seen.push(e.effectiveDirective); if (seen.length === 3) done({ ran: window.ran, seen: seen.sort() }) })
      document.body.append(box, script)
      setTimeout(() => done({ ran: window.ran, seen: seen.sort() }), 10000)
    }))
    assert.deepEqual(ran, { ran: [], seen: ['img-src', 'script-src-attr', 'script-src-elem'] })
    assert.deepEqual(dialogs, [])
  })

  test('a source is added, built, and its log read', limit, async () => {
    await page.goto(url('/ui/tenants/acme/sources'))
    await page.getByText('No sources yet').waitFor()
    await page.getByRole('button', { name: 'New source' }).click()
    await page.getByLabel('Git address').fill('not an address')
    await page.getByRole('button', { name: 'Add', exact: true }).click()
    await page.locator('dialog [role=alert]').waitFor()
    await page.getByLabel('Git address').fill(`http://127.0.0.1:${git.address().port}/nodes.git`)
    await page.getByRole('button', { name: 'Add', exact: true }).click()
    // The webhook's secret is shown now and never again.
    await page.getByRole('button', { name: 'Copy the secret' }).click()
    const secret = await page.evaluate(() => navigator.clipboard.readText())
    assert.match(secret, /^\S{20,}$/)
    assert.equal(await page.locator('.hook code').nth(1).innerText(), secret)
    await page.getByRole('dialog').getByText('shown only this once').waitFor()
    await shot(page, 'portal-hook')
    await fits('hook')
    await page.getByRole('button', { name: 'Done' }).click()
    await page.locator('dialog').waitFor({ state: 'detached' })
    await page.locator('.card .state-done').waitFor({ timeout: 60000 })
    assert.ok(!(await page.content()).includes(secret))
    await shot(page, 'portal-sources')
    await page.getByRole('link', { name: 'v1.2.0' }).click()
    await page.getByRole('heading', { name: 'Build of v1.2.0' }).waitFor()
    await page.locator('.log-state', { hasText: /^ended$/ }).waitFor()
    assert.match(await page.locator('pre.log').innerText(), /== published @acme\/node-red-git@1\.2\.0\s*$/)
    await shot(page, 'portal-build')
    await fits('build')
    await page.getByRole('link', { name: '@acme/node-red-git' }).click()
    await page.getByRole('heading', { name: '@acme/node-red-git' }).waitFor()
  })

  test('a build that ends while it is looked at says so, with its last line', limit, async () => {
    const manifest = JSON.parse(readFileSync(join(dir, 'work', 'package.json')))
    writeFileSync(join(dir, 'work', 'package.json'), JSON.stringify({ ...manifest, name: '@other/node', version: '1.2.1' }))
    run('commit', '-qam', 'of another scope')
    run('tag', '-a', 'v1.2.1', '-m', 'wrong')
    run('push', '-q', join(dir, 'nodes.git'), 'v1.2.1')
    await page.goto(url('/ui/tenants/acme/sources'))
    await page.getByRole('button', { name: 'Build now' }).click()
    await page.getByRole('link', { name: 'v1.2.1' }).click()
    await page.getByRole('heading', { name: 'Build of v1.2.1' }).waitFor()
    await page.locator('.title .state', { hasText: /^failed$/ }).waitFor({ timeout: 60000 })
    await page.locator('.log-state', { hasText: /^ended$/ }).waitFor()
    assert.match(await page.locator('pre.log').innerText(), /== failed: .+\s*$/)
  })

  test('a repository that cannot be looked at is told beside its source, with what to do', limit, async () => {
    const at = `http://127.0.0.1:${git.address().port}/none.git`
    const cookie = await r.login('admin', r.password)
    assert.equal((await r.api('POST', '/api/v1/tenants/acme/sources', { url: at }, { cookie })).status, 201)
    await page.goto(url('/ui/tenants/acme/sources'))
    const card = page.locator('li.card', { hasText: at })
    await card.getByText('The last look at this repository failed.').waitFor({ timeout: 40000 })
    await card.getByText('press Build now').waitFor()
    await shot(page, 'portal-trouble')
    await fits('trouble')
    // Mended at the other end: the next look says nothing of it.
    cpSync(join(dir, 'nodes.git'), join(dir, 'none.git'), { recursive: true })
    await card.getByRole('button', { name: 'Build now' }).click()
    await card.locator('.trouble').waitFor({ state: 'detached', timeout: 40000 })
    await card.getByRole('button', { name: 'Remove' }).click()
    await page.getByRole('dialog').getByText('What it published stays').waitFor()
    await page.keyboard.press('Escape')
    await page.locator('dialog').waitFor({ state: 'detached' })
    await card.getByRole('button', { name: 'Remove' }).click()
    await page.locator('dialog button[type=submit]').click()
    await card.waitFor({ state: 'detached' })
  })

  test('a token is shown once, works, and is gone when it was removed', limit, async () => {
    await open('/ui/tokens', 'Tokens')
    await page.getByLabel('Name', { exact: true }).fill('from the portal')
    await page.getByRole('button', { name: 'Make token' }).click()
    const secret = (await page.locator('.notice code').innerText()).trim()
    await shot(page, 'portal-tokens')
    const auth = { authorization: `Bearer ${secret}` }
    assert.equal((await r.api('GET', '/api/v1/tenants', undefined, auth)).status, 200)
    await fits('token')
    await page.getByRole('button', { name: 'copy', exact: true }).first().click()
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), secret)
    await page.reload()
    await row('from the portal').waitFor()
    assert.ok(!(await page.content()).includes(secret))
    await row('from the portal').getByRole('button', { name: 'Remove' }).click()
    await row('from the portal').waitFor({ state: 'detached' })
    assert.equal((await r.api('GET', '/api/v1/tenants', undefined, auth)).status, 401)
  })

  test('the theme form previews, and a saved theme shows at the portal, its login and the waiting page', limit, async () => {
    await open('/ui/theme', 'Theme of the platform')
    const bad = page.locator('input[name=token-header]')
    await bad.fill('url(https://stranger.invalid/)')
    await page.getByRole('button', { name: 'Save theme' }).click()
    await page.locator('form [role=alert]').waitFor()
    await bad.fill('#0b3d2e')
    assert.equal(await style('.preview-header', 'background-color'), 'rgb(11, 61, 46)')
    await page.locator('input[name=token-primary]').fill('#0b7a3d')
    assert.equal(await style('.preview-deploy', 'background-color'), 'rgb(11, 122, 61)')
    await page.locator('input[name=token-background]').fill('#eef6f1')
    await shot(page, 'portal-theme')
    await page.getByRole('button', { name: 'Save theme' }).click()
    await page.getByText(/^Saved/).waitFor()
    await page.reload()
    await page.getByRole('heading', { name: 'Theme of the platform' }).waitFor()
    assert.equal(await style('header.top', 'background-color'), 'rgb(11, 61, 46)')
    assert.equal(await style('html', 'background-color'), 'rgb(238, 246, 241)')
    const guest = await browser.newContext()
    const tab = watch(await guest.newPage())
    await tab.goto(url('/login'))
    await tab.locator('button[type=submit]').waitFor()
    assert.equal(await style('button[type=submit]', 'background-color', tab), 'rgb(11, 122, 61)')
    assert.equal(await style('html', 'background-color', tab), 'rgb(238, 246, 241)')
    await shot(tab, 'portal-login-themed')

    // A tenant's own is what its instances' pages wear.
    await page.goto(url('/ui/tenants/acme/theme'))
    await page.locator('input[name=token-background]').fill('#fdf2e9')
    await page.getByRole('button', { name: 'Save theme' }).click()
    await page.getByText(/^Saved/).waitFor()
    await r.run('instance', 'stop', 'one')
    await until('it has stopped', async () => (await r.instanceState('one')).state === 'stopped')
    await tab.goto(`http://one.localhost:${r.port}/`)
    await tab.locator('main [role=status]').waitFor()
    assert.equal(await tab.evaluate(() => [document.body, document.documentElement].map((el) => getComputedStyle(el).backgroundColor).find((c) => c !== 'rgba(0, 0, 0, 0)')), 'rgb(253, 242, 233)')
    await shot(tab, 'portal-waiting')
    await guest.close()
    for (const path of ['/ui/theme', '/ui/tenants/acme/theme']) {
      await page.goto(url(path))
      await page.getByRole('button', { name: 'Reset' }).click()
      await page.locator('dialog button[type=submit]').click()
      await page.waitForFunction(() => document.querySelector('input[name=token-background]')?.value === '')
    }
    await r.run('instance', 'start', 'one')
  })

  test('no page scrolls sideways at 400 pixels, and none jumps while it loads; light and dark', limit, async () => {
    const pages = ['/ui/', '/ui/tokens', '/ui/stacks', '/ui/users', '/ui/uplinks', '/ui/theme', '/ui/policy', '/ui/advisories', '/ui/tenants/acme/policy', '/ui/tenants/acme/instances', '/ui/tenants/acme/packages', '/ui/tenants/acme/sources', '/ui/tenants/acme/hooks',
      '/ui/tenants/acme/theme', '/ui/tenants/acme/members', '/ui/instances/one', '/ui/packages/@acme/steady']
    // Answers come late and in another order than they were asked for, as on a slow line.
    const late = /\/api\/v1\/(?!events|session|theme\.css|.*(follow=true|theme\.css))/
    let turn = 0
    for (const kind of ['request', 'requestfinished', 'requestfailed'])
      page.on(kind, (req) => { if (late.test(req.url())) asked[kind === 'request' ? 'add' : 'delete'](req) })
    await page.route(late, (route) => setTimeout(() => void route.continue().catch(() => {}), [150, 30, 90][turn++ % 3]))
    for (const scheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme: scheme })
      for (const path of pages) {
        await page.goto(url(path))
        await settled()
        const jumped = await page.evaluate(() => window.shifts)
        assert.ok(jumped.reduce((sum, [, value]) => sum + value, 0) < 0.1, `${scheme} ${path}: ${JSON.stringify(jumped)}`)
        const name = `${scheme}-${path.replace(/^\/ui\/?/, '').replace(/\W+/g, '-') || 'home'}`
        await shot(page, `wide-${name}`)
        await fits(name)
      }
      const [text, ground] = [await style('html', 'color'), await style('html', 'background-color')]
      assert.ok(contrast(text, ground) >= 7, `${scheme}: ${text} on ${ground}`)
      assert.ok(contrast(await style('.muted', 'color'), ground) >= 4.5, scheme)
    }
    await page.emulateMedia({ colorScheme: null })
    await page.unroute(late)
  })

  test('a viewer sees an instance and cannot do what a viewer may not', limit, async () => {
    writeFileSync(join(r.data, 'vic.password'), 'a viewer has a password\n')
    await r.run('user', 'create', 'vic', '--password-file', join(r.data, 'vic.password'), '--tenant', 'acme', '--role', 'viewer')
    const other = await browser.newContext()
    const tab = watch(await other.newPage())
    await login(tab, r.url, 'vic', 'a viewer has a password')
    for (const path of ['/ui/instances/one', '/ui/tenants/acme/instances']) {
      await tab.goto(url(path))
      await tab.getByRole('link', { name: 'Open editor' }).waitFor({ timeout: 60000 })
      assert.equal(await tab.getByRole('button', { name: /^(Start|Stop|Restart|Remove|New instance)$/ }).count(), 0, path)
    }
    assert.equal(await tab.getByRole('link', { name: 'Users' }).count(), 0)
    await other.close()
  })

  test('an instance is removed only by its name', limit, async () => {
    await page.goto(url('/ui/tenants/acme/instances'))
    await row('one').getByRole('button', { name: 'Remove' }).click()
    await page.locator('input[name=confirm]').fill('two')
    await page.getByRole('button', { name: 'Remove for good' }).click()
    await page.locator('dialog [role=alert]', { hasText: 'Type one to confirm' }).waitFor()
    assert.notEqual(await r.instanceState('one'), undefined)
    await page.locator('input[name=confirm]').fill('one')
    await shot(page, 'portal-remove')
    await fits('remove')
    await page.getByRole('button', { name: 'Remove for good' }).click()
    await page.getByText('No instances yet').waitFor({ timeout: 60000 })
    assert.equal(await r.instanceState('one'), undefined)
  })

  test('after logging out the portal asks for a login again, and nothing went wrong on the way', limit, async () => {
    await page.getByRole('button', { name: 'Log out' }).click()
    await page.waitForURL((at) => at.pathname === '/login')
    await page.goto(url('/ui/tokens'))
    await page.waitForURL((at) => at.pathname === '/login')
    assert.deepEqual({ dialogs, strangers, errors }, { dialogs: [], strangers: [], errors: [] })
  })
})
