// The server is away, or its storage is, while an instance starts, while somebody deploys and while somebody logs in: the
// runtime goes on as the same process, nothing is overwritten, and people are told what to do. AWAY is how many seconds:
// short in CI; `AWAY=70` is the long run, longer than each deadline on the way.
import assert from 'node:assert/strict'
import { chmodSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { editor, launch, login, shot } from './browser.mjs'
import { alive, chain } from './processes.mjs'
import { raw, Redhouse, sleep, until } from './redhouse.mjs'

const away = Number(process.env.AWAY ?? 8) * 1000
const limit = { timeout: 120000 + 3 * away }
const flow = (label) => [
  { id: 'aa', type: 'tab', label },
  { id: 'b1', type: 'http in', z: 'aa', url: '/label', method: 'get', wires: [['b2']] },
  { id: 'b2', type: 'change', z: 'aa', rules: [{ t: 'set', p: 'payload', pt: 'msg', to: label, tot: 'str' }], wires: [['b3']] },
  { id: 'b3', type: 'http response', z: 'aa', wires: [] },
]

describe(`away for ${away / 1000} s`, { timeout: 600000 + 10 * away }, () => {
  let r, token, id, browser, context, page, node
  const auth = () => ({ authorization: `Bearer ${token}` })
  // What Node-RED holds; that it is what storage has shows at the next start.
  const held = async () => {
    const answer = await raw(r, 'demo.localhost', '/flows', { headers: auth() })
    assert.equal(answer.status, 200, answer.text)
    return JSON.parse(answer.text)[0].label
  }
  const running = (slug) => until(`${slug} runs`, async () => {
    const now = await r.instanceState(slug)
    return now?.state === 'running' && now.ready && now
  }, 60000)
  const same = (slug = id, was = node) => {
    assert.ok(alive(was), 'the runtime ended')
    assert.deepEqual([chain(r, slug).node.pid, chain(r, slug).node.began], [was.pid, was.began])
  }
  // Asks the runtime itself, past the server.
  const serves = () => new Promise((done, fail) => {
    const req = request({ socketPath: join(r.data, 'run', 'instances', id, 'editor.sock'), path: '/label', headers: { host: 'x', 'x-redhouse-face': 'app' }, signal: AbortSignal.timeout(10000) }, (answer) => {
      let text = ''
      answer.on('data', (chunk) => { text += chunk })
      answer.on('end', () => done(text))
    })
    req.on('error', fail)
    req.end()
  })
  // Nobody but root gets through the instance's way to the server any more; what is connected already stays so. Answers what
  // opens it again.
  const way = () => join(r.data, 'run', 'instances', id, 'server.sock')
  const shut = () => {
    const socket = way()
    chmodSync(socket, 0)
    return () => chmodSync(socket, 0o600)
  }
  const rename = (label) => page.evaluate((text) => {
    const tab = window.RED.nodes.workspace('aa')
    tab.label = text
    tab.changed = true
    const rule = window.RED.nodes.node('b2')
    rule.rules[0].to = text
    rule.changed = true
    rule.dirty = true
    window.RED.nodes.dirty(true)
  }, label)
  const press = () => page.evaluate(() => window.RED.actions.invoke('core:deploy-flows'))
  const dirty = () => page.evaluate(() => window.RED.nodes.dirty())
  const note = (text) => page.locator('.red-ui-notification', { hasText: text }).last()
  const clean = () => page.waitForFunction(() => !window.RED.nodes.dirty(), null, { timeout: 30000 })
  // Node-RED's editor tries again by itself, later and later, and has a link for who will not wait.
  const reconnected = () => until('the editor is connected again', async () => {
    const now = page.locator('.red-ui-notification a', { hasText: 'Try now' })
    if (await now.isVisible()) await now.click()
    return !await page.locator('.red-ui-notification', { hasText: /lost connection/i }).isVisible()
  })

  before(async () => {
    r = await Redhouse.start()
    await r.run('tenant', 'create', 'demo')
    writeFileSync(join(r.data, 'dev.password'), 'another good password\n')
    await r.run('user', 'create', 'dev', '--password-file', join(r.data, 'dev.password'), '--tenant', 'demo', '--role', 'owner')
    await r.run('instance', 'create', 'demo/demo')
    token = await r.token('admin', 't')
    id = (await running('demo')).id
    const first = await raw(r, 'demo.localhost', '/flows', { method: 'POST', headers: { 'content-type': 'application/json', ...auth() }, body: JSON.stringify(flow('first')) })
    assert.ok(first.status < 300, first.text)
    node = chain(r, id).node
    browser = await launch()
    context = await browser.newContext({ viewport: { width: 1280, height: 800 } })
    page = await context.newPage()
    await login(page, r.url, 'dev', 'another good password')
    await editor(page, `http://demo.localhost:${r.port}/`)
  }, limit)
  after(async () => {
    await browser?.close()
    await r?.stop()
  }, limit)

  test('a deploy that finds no server says so, stays in the editor and is repeated', limit, async () => {
    await r.kill()
    const gone = Date.now()
    await rename('without a server')
    await press()
    await note(/error|no response|failed/i).waitFor({ timeout: 30000 })
    assert.equal(await dirty(), true)
    await note(/lost connection/i).waitFor({ timeout: 30000 })
    await shot(page, 'away-lost')
    assert.equal(await serves(), 'first')
    await sleep(Math.max(0, gone + away - Date.now()))
    await r.serve()
    await running('demo')
    same()
    assert.equal(await held(), 'first')
    await reconnected()
    await press()
    await clean()
    assert.equal(await held(), 'without a server')
    await until('it is served', async () => await serves() === 'without a server')
    same()
  })

  test('a server that stands still answers the deploy when it goes on, and stores it once', limit, async () => {
    const before = await held()
    await rename('stood still')
    process.kill(r.ready.pid, 'SIGSTOP')
    try {
      await press()
      await sleep(away)
      assert.equal(await serves(), before)
      assert.equal(await dirty(), true)
    } finally {
      process.kill(r.ready.pid, 'SIGCONT')
    }
    await until('the editor says how it went', async () => !await dirty() || await note(/error|failed/i).isVisible(), 60000)
    if (await dirty()) {
      await press()
      await clean()
    }
    assert.equal(await held(), 'stood still')
    await reconnected()
    same()
  })

  test('a deploy that storage does not take is refused with a sentence, and is repeated', limit, async () => {
    const before = await held()
    // A server that begins again has no connection yet, and nothing makes one before the way is shut.
    await page.goto('about:blank')
    await r.kill()
    await r.serve()
    await running('demo')
    const open = shut()
    const gone = Date.now()
    try {
      await editor(page, `http://demo.localhost:${r.port}/`)
      await rename('refused once')
      await press()
      // The carrier takes the request and finds nobody behind it: it cannot be known whether the flows arrived.
      await note(/Storage (did not confirm in time|cannot be reached).*please deploy again/).waitFor({ timeout: 30000 })
      await shot(page, 'away-refused')
      assert.equal(await dirty(), true)
      await sleep(Math.max(0, gone + away - Date.now()))
      assert.equal(await serves(), before)
    } finally {
      open()
    }
    await press()
    await clean()
    await until('it is served', async () => await serves() === 'refused once')
    same()
  })

  test('what is stored is what was acknowledged last: a new start reads it', limit, async () => {
    await r.run('instance', 'restart', 'demo')
    await until('the runtime ended', () => !alive(node))
    await running('demo')
    assert.equal(await held(), 'refused once')
    node = chain(r, id).node
  })

  test('an instance that starts waits for the server, and the page that waits for it opens the editor', limit, async () => {
    await r.run('instance', 'stop', 'demo')
    await until('the runtime ended', () => !alive(node))
    const started = await r.api('POST', '/api/v1/instances/demo/start', {}, auth())
    assert.equal(started.status, 202, JSON.stringify(started.body))
    node = await until('Node-RED begins', () => chain(r, id).node)
    const tab = await context.newPage()
    await tab.goto(`http://demo.localhost:${r.port}/`, { waitUntil: 'commit' })
    const waits = await tab.locator('main [role=status]').isVisible()
    await r.kill()
    const gone = Date.now()
    await sleep(Math.max(0, gone + away - Date.now()))
    assert.ok(alive(node), 'the runtime ended while the server was away')
    await r.serve()
    const now = await running('demo')
    assert.equal(now.restarts, 0)
    same()
    if (!waits) await tab.goto(`http://demo.localhost:${r.port}/`)
    await tab.waitForSelector('.red-ui-palette-node[data-palette-type=inject]', { timeout: 60000 })
    assert.equal(await held(), 'refused once')
    await tab.close()
  })

  test('an instance that starts waits for its storage', limit, async () => {
    await r.run('instance', 'stop', 'demo')
    await until('the runtime ended', () => !alive(node))
    const from = await r.instanceState('demo'), old = statSync(way()).mtimeMs
    const started = await r.api('POST', '/api/v1/instances/demo/start', {}, auth())
    assert.equal(started.status, 202, JSON.stringify(started.body))
    // It is made anew for each start, before Node-RED begins.
    for (const end = Date.now() + 30000; ; await sleep(5)) {
      assert.ok(Date.now() < end, 'its way to the server is not there')
      if ((statSync(way(), { throwIfNoEntry: false })?.mtimeMs ?? old) !== old) break
    }
    const open = await until('the way is shut', shut)
    try {
      node = await until('Node-RED begins', () => chain(r, id).node)
      await until('the log says what it waits for', async () => /waiting for (settings|flows|context)/.test((await r.run('instance', 'logs', 'demo')).split('\n').slice(-15).join('\n')))
      await sleep(away)
      assert.equal((await r.instanceState('demo')).state, 'starting')
    } finally {
      open()
    }
    const now = await running('demo')
    assert.equal(now.generation, from.generation + 1)
    same()
    assert.equal(await held(), 'refused once')
  })

  test('a login that finds no server says so and is repeated; one that stands still goes on', limit, async () => {
    for (const how of ['away', 'still']) {
      const other = await browser.newContext()
      const tab = await other.newPage()
      await tab.goto(`${r.url}/login?to=${encodeURIComponent(`http://demo.localhost:${r.port}/`)}`)
      await tab.locator('input[name=username]').fill('dev')
      await tab.locator('input[name=password]').fill('another good password')
      if (how === 'away') {
        await r.kill()
        await tab.locator('button[type=submit]').click()
        await tab.getByRole('alert').filter({ hasText: 'The server does not answer' }).waitFor({ timeout: 30000 })
        await r.serve()
        assert.equal(await tab.locator('input[name=password]').inputValue(), 'another good password')
        await tab.locator('button[type=submit]').click()
      } else {
        process.kill(r.ready.pid, 'SIGSTOP')
        await tab.locator('button[type=submit]').click({ noWaitAfter: true }).catch(() => {})
        await sleep(away / 4)
        process.kill(r.ready.pid, 'SIGCONT')
      }
      await tab.waitForSelector('.red-ui-palette-node[data-palette-type=inject]', { timeout: 60000 })
      await other.close()
    }
    same()
  })
})
