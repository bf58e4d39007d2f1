// A page that a flow serves, opened by whoever is logged in at the portal and at three editors: that of its own instance, of another
// of its tenant, of one of another tenant. It drives none of them, nor the portal; on *.localhost and on a mapped name.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { editor, launch, login, mapped } from './browser.mjs'
import { raw, Redhouse, until } from './redhouse.mjs'

const limit = { timeout: 150000 }
// Counts what is injected, tells it to the debug sidebar and to /count, and serves a page.
const flow = [
  { id: 'aa', type: 'tab', label: 'Pages' },
  { id: 'a1', type: 'inject', z: 'aa', name: 'go', props: [{ p: 'payload' }], repeat: '', once: false, topic: '', payload: 'told', payloadType: 'str', x: 140, y: 100, wires: [['a2', 'a3']] },
  { id: 'a2', type: 'debug', z: 'aa', name: 'out', active: true, tosidebar: true, complete: 'payload', targetType: 'msg', x: 500, y: 100, wires: [] },
  { id: 'a3', type: 'function', z: 'aa', func: "global.set('n', (global.get('n') || 0) + 1)", outputs: 0, x: 320, y: 150, wires: [] },
  { id: 'b1', type: 'http in', z: 'aa', url: '/page', method: 'get', x: 140, y: 200, wires: [['b2']] },
  { id: 'b2', type: 'template', z: 'aa', field: 'payload', fieldType: 'msg', format: 'html', syntax: 'plain', template: '<!doctype html><title>a page</title><h1>A page of a flow</h1>', output: 'str', x: 320, y: 200, wires: [['b3']] },
  { id: 'b3', type: 'http response', z: 'aa', x: 600, y: 200, wires: [] },
  { id: 'c1', type: 'http in', z: 'aa', url: '/count', method: 'get', x: 140, y: 300, wires: [['c2']] },
  { id: 'c2', type: 'function', z: 'aa', func: "msg.payload = String(global.get('n') || 0); return msg", outputs: 1, x: 320, y: 300, wires: [['b3']] },
]

// What runs in the flow's page: each way in that HTML knows. Nothing here may throw.
async function attack({ editors, portal }) {
  const seen = {}
  const ask = async (name, url, options) => {
    try {
      const answer = await fetch(url, { credentials: 'include', signal: AbortSignal.timeout(10000), ...options })
      seen[name] = { type: answer.type, status: answer.status, text: (await answer.text()).slice(0, 200) }
    } catch (error) {
      seen[name] = { error: error.name }
    }
  }
  const nodes = JSON.stringify([{ id: 'ee', type: 'tab', label: 'stolen' }])
  for (const { name, url } of editors) {
    await ask(`${name} read`, `${url}/flows`)
    await ask(`${name} readOpaque`, `${url}/flows`, { mode: 'no-cors' })
    await ask(`${name} write`, `${url}/flows`, { method: 'POST', body: nodes, headers: { 'content-type': 'application/json' } })
    await ask(`${name} writeOpaque`, `${url}/flows`, { method: 'POST', mode: 'no-cors', body: nodes })
    await ask(`${name} injectOpaque`, `${url}/inject/a1`, { method: 'POST', mode: 'no-cors' })
    await ask(`${name} install`, `${url}/nodes`, { method: 'POST', body: '{"module":"left-pad"}', headers: { 'content-type': 'application/json' } })
    await ask(`${name} disable`, `${url}/nodes/node-red/inject`, { method: 'PUT', body: '{"enabled":false}', headers: { 'content-type': 'application/json' } })
  }
  await ask('session', `${portal}/api/v1/session`)
  await ask('stopOpaque', `${portal}/api/v1/instances/demo/stop`, { method: 'POST', mode: 'no-cors', body: '{}' })
  await ask('tokenOpaque', `${portal}/api/v1/tokens`, { method: 'POST', mode: 'no-cors', body: '{"name":"stolen"}' })
  await ask('remove', `${portal}/api/v1/instances/demo?confirm=demo`, { method: 'DELETE' })
  await ask('logout', `${portal}/api/v1/session`, { method: 'DELETE' })

  // A form that posts needs no permission to read the answer.
  const posted = (url) => new Promise((done) => {
    const frame = document.createElement('iframe')
    frame.name = `f${Math.random()}`
    document.body.append(frame)
    const form = document.createElement('form')
    Object.assign(form, { action: url, method: 'POST', target: frame.name, enctype: 'text/plain' })
    const input = document.createElement('input')
    Object.assign(input, { name: '[{"id":"ee","type":"tab","label":"', value: 'stolen"}]' })
    form.append(input)
    document.body.append(form)
    frame.onload = () => done(true)
    setTimeout(() => done(false), 10000)
    form.submit()
  })
  for (const { url } of editors) {
    await posted(`${url}/flows`)
    await posted(`${url}/inject/a1`)
  }
  await posted(`${portal}/api/v1/instances/demo/stop`)

  // A frame shows that it was refused by an error page, in which nothing can be found either.
  const framed = (url) => new Promise((done) => {
    const frame = document.createElement('iframe')
    frame.src = url
    frame.className = 'probe'
    document.body.append(frame)
    frame.onload = () => done(true)
    setTimeout(() => done(false), 10000)
  })
  for (const { url } of editors) await framed(`${url}/`)
  await framed(`${portal}/`)

  // The socket of an editor: whoever is let in hears "auth" answered with "ok".
  window.heard = []
  for (const { name, url } of editors) {
    seen[`${name} socket`] = await new Promise((done) => {
      const heard = []
      const socket = new WebSocket(`${url.replace('http', 'ws')}/comms`)
      socket.onopen = () => { socket.send('{"subscribe":"debug"}'); socket.send('{"auth":"guess"}') }
      socket.onmessage = (event) => { heard.push(String(event.data)); window.heard.push(String(event.data)); if (/"auth"/.test(event.data)) done(heard) }
      socket.onclose = () => done([...heard, 'closed'])
      setTimeout(() => done([...heard, 'silent']), 10000)
    })
  }
  return seen
}

for (const domain of ['localhost', 'example.test'])
  describe(`the page of a flow at ${domain}`, limit, () => {
    let r, browser, context, page, tab, token
    const names = ['demo', 'second', 'third']
    const url = (name) => `http://${name}.${domain}:${r.port}`
    const ask = (host, path, options = {}) => raw(r, host, path, { ...options, headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...options.headers } })
    const count = async (name) => Number((await ask(`${name}--app.${domain}`, '/count')).text)
    // All that an attack could change.
    async function state() {
      const all = { tokens: JSON.parse((await ask(domain, '/api/v1/tokens')).text).items.length, instances: {} }
      for (const name of names)
        all.instances[name] = { state: (await r.instanceState(name)).state, flows: JSON.parse((await ask(`${name}.${domain}`, '/flows')).text), injected: await count(name), nodes: (await ask(`${name}.${domain}`, '/nodes', { headers: { accept: 'application/json' } })).text }
      return all
    }

    before(async () => {
      r = await Redhouse.start({ domain, args: ['--drain', '2s'] })
      await r.run('tenant', 'create', 'demo')
      await r.run('tenant', 'create', 'other')
      writeFileSync(join(r.data, 'dev.password'), 'another good password\n')
      await r.run('user', 'create', 'dev', '--password-file', join(r.data, 'dev.password'), '--tenant', 'demo', '--role', 'owner')
      const put = await raw(r, domain, '/api/v1/tenants/other/members/dev', { method: 'PUT', headers: { authorization: `Bearer ${await r.token('admin', 't')}`, 'content-type': 'application/json' }, body: '{"role":"owner"}' })
      assert.ok(put.status < 300, put.text)
      token = await r.token('dev', 't')
      browser = await launch(mapped(domain))
      context = await browser.newContext({ viewport: { width: 1280, height: 800 } })
      for (const name of names) {
        await r.run('instance', 'create', `${name === 'third' ? 'other' : 'demo'}/${name}`)
        const deployed = await ask(`${name}.${domain}`, '/flows', { method: 'POST', body: JSON.stringify(flow) })
        assert.ok(deployed.status < 300, deployed.text)
        await until('its flow answers', async () => (await ask(`${name}--app.${domain}`, '/count')).status === 200)
      }
      page = await context.newPage()
      await login(page, r.url, 'dev', 'another good password')
      for (const name of ['third', 'second']) {
        await page.goto(`${url(name)}/`)
        await until('the editor lets in', () => page.evaluate(async () => (await fetch('flows')).status === 200))
      }
      await editor(page, `${url('demo')}/`)
      const hosts = (await context.cookies()).filter((c) => c.name.includes('redhouse')).map((c) => c.domain)
      for (const host of [domain, ...names.map((name) => `${name}.${domain}`)]) assert.ok(hosts.includes(host), `no session at ${host}: the test tests nothing`)
      tab = await context.newPage()
      await tab.goto(`http://demo--app.${domain}:${r.port}/page`)
    }, limit)
    after(async () => {
      await browser?.close()
      await r?.stop()
    }, limit)

    test('it drives no editor and not the portal', limit, async () => {
      // What it must not do is what the editor's own page does.
      await page.evaluate(() => fetch('inject/a1', { method: 'POST' }))
      await until('it was injected', async () => await count('demo') === 1)
      const had = await state()
      const seen = await tab.evaluate(attack, { editors: names.map((name) => ({ name, url: url(name) })), portal: r.url })
      for (const [name, answer] of Object.entries(seen)) {
        if (name.endsWith('socket')) assert.ok(answer.some((m) => /"auth":"fail"|closed/.test(m)) && !answer.some((m) => /"auth":"ok"/.test(m)), `${name}: ${JSON.stringify(answer)}`)
        else if (name.endsWith('Opaque')) assert.ok(answer.error || (answer.type === 'opaque' && answer.text === ''), `${name}: ${JSON.stringify(answer)}`)
        else assert.equal(answer.error, 'TypeError', `${name}: ${JSON.stringify(answer)}`)
      }
      assert.equal(Object.keys(seen).length, 8 * names.length + 5)
      assert.ok(tab.frames().length > 8)
      for (const frame of tab.frames().slice(1)) {
        const found = await frame.evaluate(() => [document.querySelectorAll('.red-ui-palette-node, form input, main').length, location.href]).catch(() => [0, frame.url()])
        assert.equal(found[0], 0, `framed: ${found[1]} ${frame.url()}`)
      }
      assert.deepEqual(await state(), had)
      assert.equal((await page.evaluate(async () => (await fetch('settings')).json())).user?.username, 'dev')
      assert.equal(await page.evaluate(async () => (await fetch('flows')).status), 200)
    })

    test('what an editor hears does not reach its sockets', limit, async () => {
      for (const name of ['second', 'third']) {
        const before = await count(name)
        assert.equal((await ask(`${name}.${domain}`, '/inject/a1', { method: 'POST' })).status, 200)
        await until('it was injected', async () => await count(name) > before)
      }
      await page.evaluate(() => window.RED.sidebar.show('debug'))
      await until('the editor hears it', async () => {
        await page.evaluate(() => fetch('inject/a1', { method: 'POST' }))
        return page.locator('.red-ui-debug-msg', { hasText: 'told' }).first().waitFor({ timeout: 1000 }).then(() => true, () => false)
      })
      assert.doesNotMatch(JSON.stringify(await tab.evaluate(() => window.heard)), /told|debug/)
    })

    test('a window that it opens is of another origin', limit, async () => {
      for (const name of ['demo', 'third']) {
        const [opened] = await Promise.all([context.waitForEvent('page'), tab.evaluate((to) => { window.other = window.open(to) }, `${url(name)}/`)])
        await opened.waitForSelector('.red-ui-palette-node[data-palette-type=inject]', { timeout: 60000 })
        assert.equal(await tab.evaluate(() => { try { return String(window.other.document.title) } catch (error) { return error.name } }), 'SecurityError')
        await opened.close()
      }
    })
  })
