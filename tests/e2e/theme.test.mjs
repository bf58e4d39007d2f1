// Themes as people see them: what a tenant inherits and what is its own, in the portal, at the login on the way to an editor, and in a
// real editor with all that a bundle may bring.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { contrast, editor, launch, login, shot } from './browser.mjs'
import { raw, Redhouse, until } from './redhouse.mjs'

const limit = { timeout: 90000 }
const logo = (color) => `<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><rect width="40" height="20" fill="${color}"/></svg>`
const pixel = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64')

describe('themes', { timeout: 300000 }, () => {
  let r, browser, context, page, admin, owner
  const errors = []
  const style = (on, selector, property) => on.locator(selector).first().evaluate((el, p) => getComputedStyle(el).getPropertyValue(p), property)
  const ground = (on) => style(on, 'html', 'background-color')
  const worn = (on, color) => on.waitForFunction((c) => getComputedStyle(document.documentElement).backgroundColor === c, color, { timeout: 10000 })

  function bundle(name, files) {
    const dir = join(r.data, name)
    mkdirSync(dir)
    for (const [file, body] of Object.entries(files)) writeFileSync(join(dir, file), typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body))
    execFileSync('tar', ['-czf', `${dir}.tgz`, '-C', dir, ...Object.keys(files)])
    return `${dir}.tgz`
  }
  const put = async (path, theme, cookie = admin) => {
    const answer = await r.api('PUT', path, theme, { cookie })
    assert.equal(answer.status, 200, JSON.stringify(answer.body))
    return answer.body
  }
  const get = async (path, cookie) => (await r.api('GET', path, undefined, { cookie })).body
  // All grounds that were painted while the page loaded.
  const watchPaint = (on) => on.addInitScript(() => {
    window.grounds = new Set()
    const look = () => {
      const color = getComputedStyle(document.documentElement).backgroundColor
      if (color !== 'rgba(0, 0, 0, 0)') window.grounds.add(color)
      requestAnimationFrame(look)
    }
    requestAnimationFrame(look)
  })

  before(async () => {
    r = await Redhouse.start()
    for (const name of ['ada', 'bob']) {
      writeFileSync(join(r.data, 'word'), 'another good password\n')
      await r.run('tenant', 'create', name === 'ada' ? 'acme' : 'beta')
      await r.run('user', 'create', name, '--password-file', join(r.data, 'word'), '--tenant', name === 'ada' ? 'acme' : 'beta', '--role', 'owner')
    }
    await r.run('instance', 'create', 'acme/one')
    admin = await r.login('admin', r.password)
    owner = await r.login('ada', 'another good password')
    browser = await launch()
    context = await browser.newContext({ viewport: { width: 1280, height: 800 } })
    page = await context.newPage()
    page.on('pageerror', (error) => { if (page.url().startsWith(r.url)) errors.push(error.message) })
    await watchPaint(page)
    await login(page, r.url, 'ada', 'another good password')
  }, limit)
  after(async () => {
    await browser?.close()
    await r?.stop()
  }, limit)

  test('a tenant that changes one colour saves that one, and the rest goes on coming from the platform', limit, async () => {
    const cookie = await r.login('admin', r.password)
    await page.context().request.fetch(`${r.url}/api/v1/theme`, { method: 'PUT', data: execFileSync('cat', [bundle('platform', {
      'theme.json': { tokens: { light: { header: '#102030', headerText: '#fafafa', primary: '#aa0055' }, dark: { header: '#203040' } }, header: { image: 'logo.svg', title: 'The platform' } },
      'logo.svg': logo('#0a0'),
    })]), headers: { cookie, origin: r.url, 'content-type': 'application/octet-stream' } }).then(async (answer) => assert.equal(answer.status(), 200, await answer.text()))
    await page.goto(`${r.url}/ui/tenants/acme/theme`)
    const header = page.locator('input[name=token-header]')
    await header.waitFor()
    assert.deepEqual([await header.inputValue(), await header.getAttribute('placeholder')], ['', '#102030'])
    assert.equal(await page.locator('input[name=header]').getAttribute('placeholder'), 'The platform')
    assert.equal(await page.locator('.preview-title img').evaluate((img) => img.decode().then(() => img.naturalWidth)), 40)
    await page.locator('input[name=token-background]').fill('#fdf2e9')
    await page.locator('input[name=token-muted]').fill('#333333')
    await page.getByRole('button', { name: 'Quiet text: inherit again' }).click()
    await shot(page, 'theme-tenant')
    await page.getByRole('button', { name: 'Save theme' }).click()
    await page.getByText(/^Saved/).waitFor()
    await worn(page, 'rgb(253, 242, 233)')
    const own = await get('/api/v1/tenants/acme/theme', owner)
    assert.deepEqual([own.from, own.theme, own.files], ['tenant', { tokens: { light: { background: '#fdf2e9' } } }, []])
    assert.deepEqual([own.inherited.from, own.inherited.theme.tokens.light.header, own.inherited.files.map((f) => f.name)], ['platform', '#102030', ['logo.svg']])
    // The platform changes another colour: the tenant has it, in the form and in its sheet.
    await put('/api/v1/theme', { ...own.inherited.theme, tokens: { light: { header: '#445566', primary: '#aa0055' } } })
    await page.reload()
    await page.locator('input[name=token-header]').waitFor()
    assert.equal(await page.locator('input[name=token-header]').getAttribute('placeholder'), '#445566')
    assert.deepEqual([await style(page, 'header.top', 'background-color'), await ground(page)], ['rgb(68, 85, 102)', 'rgb(253, 242, 233)'])
  })

  test('a tenant’s views wear its look from the first picture on, others the platform’s; light and dark', limit, async () => {
    await put('/api/v1/tenants/acme/theme', { tokens: { light: { background: '#fdf2e9', primary: '#004488' }, dark: { background: '#0b1a2b' } } }, owner)
    for (const [scheme, acme, platform] of [['light', 'rgb(253, 242, 233)', 'rgb(250, 248, 246)'], ['dark', 'rgb(11, 26, 43)', 'rgb(27, 26, 25)']]) {
      await page.emulateMedia({ colorScheme: scheme })
      for (const path of ['/ui/tenants/acme', '/ui/instances/one', '/ui/tenants/acme/theme', '/ui/packages/@acme/none']) {
        await page.goto(`${r.url}${path}`)
        await page.locator('main :is(h1, .failure)').first().waitFor()
        await until(`painted: ${path}`, () => page.evaluate(() => window.grounds.size > 0))
        assert.deepEqual(await page.evaluate(() => [...window.grounds]), [acme], path)
      }
      await page.goto(`${r.url}/ui/`)
      await page.getByRole('link', { name: 'one', exact: true }).waitFor()
      assert.deepEqual(await page.evaluate(() => [...window.grounds]), [platform])
      await page.getByRole('link', { name: 'one', exact: true }).click()
      await page.getByRole('heading', { name: 'one', exact: true }).waitFor()
      assert.equal(await ground(page), acme)
      await page.getByRole('link', { name: 'Tokens' }).click()
      await worn(page, platform)
    }
    await page.emulateMedia({ colorScheme: null })
  })

  test('the login on the way to an editor wears the look of its tenant, and says no more than the editor’s own pages', limit, async () => {
    const guest = await browser.newContext()
    const tab = await guest.newPage()
    await watchPaint(tab)
    for (const [scheme, acme, platform] of [['light', 'rgb(253, 242, 233)', 'rgb(250, 248, 246)'], ['dark', 'rgb(11, 26, 43)', 'rgb(27, 26, 25)']]) {
      await tab.emulateMedia({ colorScheme: scheme })
      await tab.goto(`http://one.localhost:${r.port}/.redhouse/login?to=/`)
      await tab.locator('button[type=submit]').waitFor()
      assert.match(new URL(tab.url()).pathname + new URL(tab.url()).search, /^\/login\?to=http/)
      assert.deepEqual(await tab.evaluate(() => [...window.grounds]), [acme])
      if (scheme === 'light') assert.equal(await style(tab, 'button[type=submit]', 'background-color'), 'rgb(0, 68, 136)')
      await shot(tab, `theme-login-${scheme}`)
      for (const to of scheme === 'dark' ? [] : ['', '?to=/ui/tenants/acme', `?to=http://none.localhost:${r.port}/`, '?to=https://stranger.invalid/', '?to=http://']) {
        await tab.goto(`${r.url}/login${to}`)
        await tab.locator('button[type=submit]').waitFor()
        assert.deepEqual(await tab.evaluate(() => [[...window.grounds], document.getElementById('look')]), [[platform], null], to)
      }
    }
    await guest.close()
    const bob = await r.login('bob', 'another good password')
    const status = async (path, headers) => (await raw(r, 'localhost', path, { headers })).status
    assert.equal(await status('/api/v1/looks/none.localhost/theme.css', {}), 404)
    assert.equal(await status('/api/v1/looks/acme/theme.css', {}), 404)
    assert.equal(await status('/api/v1/tenants/acme/theme.css', {}), 401)
    assert.deepEqual(await Promise.all(['acme', 'none'].map((slug) => status(`/api/v1/tenants/${slug}/theme.css`, { cookie: bob }))), [404, 404])
    assert.equal(await status('/api/v1/tenants/acme/theme/files/logo.svg', { cookie: bob }), 404)
    for (const path of ['/ui/tenants/acme', '/ui/instances/one', '/ui/packages/@acme/x'])
      for (const headers of [{ cookie: bob }, {}]) assert.ok(!(await raw(r, 'localhost', path, { headers })).text.includes('id="look"'), path)
    const page = await raw(r, 'localhost', '/ui/tenants/acme', { headers: { cookie: owner } })
    assert.match(page.text, /<link id="look" rel="stylesheet" href="\/api\/v1\/tenants\/acme\/theme.css" \/>/)
    assert.equal(page.headers['content-security-policy'], (await raw(r, 'localhost', '/ui/')).headers['content-security-policy'])
    assert.equal(page.headers['cache-control'], 'private, no-cache')
  })

  test('all that a bundle brings shows in the editor when it is loaded again, and nowhere else', limit, async () => {
    const address = `http://one.localhost:${r.port}/`
    await editor(page, address)
    assert.doesNotMatch(await page.title(), /Acme flows/)
    const icon = () => page.evaluate(async () => [...new Uint8Array(await (await fetch(document.querySelector('link[rel~=icon]').href)).arrayBuffer())])
    const seen = bundle('acme', {
      'theme.json': {
        tokens: { light: { primary: '#0a7d33', header: '#123456', headerText: '#fafafa' }, dark: { header: '#334455', headerText: '#fefefe' } },
        page: { title: 'Acme flows' }, header: { title: 'Acme works', image: 'logo.svg' }, favicon: 'favicon.png',
        palette: { theme: [{ category: '.*', type: 'inject', color: '#ff8800' }] }, deployButton: { label: 'Ship it' }, css: 'editor.css',
      },
      'logo.svg': logo('#f0f'), 'favicon.png': pixel, 'editor.css': '#red-ui-palette { outline: 3px solid rgb(1, 2, 3); background-image: url(/.redhouse/theme/logo.svg) }\n',
    })
    await r.run('theme', 'set', 'acme', seen)
    await until('the runtime has the new title', async () => {
      await editor(page, address)
      return /^Acme flows/.test(await page.title())
    })
    assert.equal(await style(page, '#red-ui-header', 'background-color'), 'rgb(18, 52, 86)')
    assert.match(await page.locator('#red-ui-header').innerText(), /Acme works[^]*Ship it/)
    assert.deepEqual(await icon(), [...pixel])
    assert.equal(await page.locator('.red-ui-header-logo img').evaluate((img) => img.decode().then(() => img.naturalWidth)), 40)
    assert.equal(await page.evaluate(() => window.RED.utils.getNodeColor('inject', window.RED.nodes.getType('inject'))), '#ff8800')
    assert.equal(await style(page, '#red-ui-palette', 'outline-color'), 'rgb(1, 2, 3)')
    assert.match(await style(page, '#red-ui-palette', 'background-image'), /theme\/logo\.svg/)
    await shot(page, 'theme-editor')
  })

  test('the header’s colours stay in the header: trays, tabs and tables are the editor’s own, and its menu can be read; light and dark', limit, async () => {
    for (const [scheme, header, words] of [['light', 'rgb(18, 52, 86)', 'rgb(250, 250, 250)'], ['dark', 'rgb(51, 68, 85)', 'rgb(254, 254, 254)']]) {
      await page.evaluate((to) => localStorage.setItem('view-dark-theme', to), scheme)
      await editor(page, `http://one.localhost:${r.port}/`)
      await page.waitForFunction((dark) => document.documentElement.classList.contains('nr-theme-dark') === dark, scheme === 'dark')
      assert.equal(await style(page, '#red-ui-header', 'background-color'), header, scheme)
      assert.equal(await style(page, '#red-ui-header .button', 'color'), words, scheme)
      await page.evaluate(() => {
        const node = window.RED.nodes.node('a1a1a1a1a1a1a1a1') ?? { id: 'a1a1a1a1a1a1a1a1', type: 'inject', z: window.RED.workspaces.active(), name: '', props: [], repeat: '', crontab: '', once: false, x: 200, y: 200, wires: [[]] }
        if (!node._def) window.RED.view.importNodes([node], { generateIds: false, addFlow: false, touchImport: true })
        window.RED.editor.edit(window.RED.nodes.node(node.id))
      })
      await page.locator('.red-ui-tray .red-ui-tabs').first().waitFor()
      if (scheme === 'light') assert.equal(await style(page, '.red-ui-tray-toolbar button.primary', 'background-color'), 'rgb(10, 125, 51)')
      const seen = await page.evaluate(() => [...document.querySelectorAll('.red-ui-tray *, .red-ui-sidebar *')].flatMap((el) => {
        const css = getComputedStyle(el)
        return [css.backgroundColor, css.backgroundImage, css.color]
      }).join(' '))
      for (const color of [header, words]) assert.ok(!seen.includes(color), `${scheme}: ${color} outside the header`)
      await shot(page, `theme-tray-${scheme}`)
      await page.locator('.red-ui-tray button', { hasText: /^Cancel$/ }).first().click()
      await page.locator('.red-ui-tray').first().waitFor({ state: 'detached' })
      await page.locator('#red-ui-header-button-sidemenu').click()
      const item = page.locator('#red-ui-header-button-sidemenu-submenu > li > a').first()
      await item.hover()
      const [back, front] = [await item.evaluate((el) => getComputedStyle(el).backgroundColor), await item.evaluate((el) => getComputedStyle(el).color)]
      await shot(page, `theme-menu-${scheme}`)
      assert.ok(contrast(back, front) >= 4.5, `${scheme}: ${front} on ${back}`)
    }
    assert.deepEqual(errors, [])
  })
})
