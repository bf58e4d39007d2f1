// The server is away, or stands still, or storage is shut, for a minute, while an instance starts, while somebody deploys and while
// somebody logs in: the runtime goes on as the same process, nothing is overwritten, and people are told what to do. The three
// run side by side, each on a server of its own. AWAY is how many seconds; more than each deadline on the way, unless a
// developer is in a hurry.
import assert from 'node:assert/strict'
import { chmodSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { editor, launch, login, reconnected, shot } from './browser.mjs'
import { askAll, idle } from './lane.mjs'
import { alive, broker, chain, hold } from './processes.mjs'
import { raw, Redhouse, sleep, until } from './redhouse.mjs'

const away = Number(process.env.AWAY ?? 65) * 1000
const limit = { timeout: 150000 + away }
const flow = (label) => [
  { id: 'aa', type: 'tab', label },
  { id: 'b1', type: 'http in', z: 'aa', url: '/label', method: 'get', wires: [['b2']] },
  { id: 'b2', type: 'change', z: 'aa', rules: [{ t: 'set', p: 'payload', pt: 'msg', to: label, tot: 'str' }], wires: [['b3']] },
  { id: 'b3', type: 'http response', z: 'aa', wires: [] },
]

// A server with two instances: `demo` runs a flow and has an open editor, `late` is stopped.
class World {
  async open() {
    const r = this.r = await Redhouse.start()
    await r.run('tenant', 'create', 'demo')
    writeFileSync(join(r.data, 'dev.password'), 'another good password\n')
    await r.run('user', 'create', 'dev', '--password-file', join(r.data, 'dev.password'), '--tenant', 'demo', '--role', 'owner')
    await r.run('instance', 'create', 'demo/demo')
    await r.run('instance', 'create', 'demo/late')
    this.token = await r.token('admin', 't')
    this.auth = { authorization: `Bearer ${this.token}` }
    this.demo = (await this.running('demo')).id
    this.late = (await this.running('late')).id
    const first = await raw(r, 'demo.localhost', '/flows', { method: 'POST', headers: { 'content-type': 'application/json', ...this.auth }, body: JSON.stringify(flow('first')) })
    assert.ok(first.status < 300, first.text)
    await until('its flow answers', async () => await this.serves() === 'first')
    this.node = chain(r, this.demo).node
    await r.run('instance', 'stop', 'late')
    this.browser = await launch()
    this.context = await this.browser.newContext({ viewport: { width: 1280, height: 800 } })
    this.page = await this.context.newPage()
    await login(this.page, r.url, 'dev', 'another good password')
    await editor(this.page, this.address('demo'))
  }

  async close() {
    await this.browser?.close()
    await this.r?.stop()
  }

  address(slug) {
    return `http://${slug}.localhost:${this.r.port}/`
  }

  running(slug) {
    return until(`${slug} runs`, async () => {
      const now = await this.r.instanceState(slug)
      return now?.state === 'running' && now.ready && now
    }, 90000)
  }

  async start() {
    const started = await this.r.api('POST', '/api/v1/instances/late/start', {}, this.auth)
    assert.equal(started.status, 202, JSON.stringify(started.body))
  }

  // Begins to start `late`; keeps its Node-RED once there is one.
  async begin() {
    await this.start()
    this.begun = await until('Node-RED begins', () => chain(this.r, this.late).node)
  }

  // As begin, and the way of `late` is shut before its Node-RED is there. The server has the broker prepare, makes the way anew, and
  // has the broker start. So the two never run at once until the way is shut: the broker hears of the start only afterwards.
  // Answers what opens the way again.
  async beginShut() {
    const server = this.r.ready.pid, hands = broker(this.r).pid
    const way = () => statSync(this.way(this.late), { throwIfNoEntry: false })
    const old = way()?.ctimeMs
    // The server sets its mode last.
    const made = () => way() && way().ctimeMs !== old && (way().mode & 0o777) === 0o600
    await hold(hands)
    let open
    try {
      await this.start()
      for (const end = Date.now() + 30000; !made();) {
        assert.ok(Date.now() < end, 'its way to the server is not there')
        await hold(server)
        process.kill(hands, 'SIGCONT')
        await sleep(50)
        await hold(hands)
        process.kill(server, 'SIGCONT')
        await sleep(50)
      }
      open = this.shut(this.late)
    } finally {
      for (const pid of [server, hands]) process.kill(pid, 'SIGCONT')
    }
    this.begun = await until('Node-RED begins', () => chain(this.r, this.late).node)
    return open
  }

  // What the Node-RED of `demo` holds; that it is what storage has shows at the next start.
  async held() {
    const answer = await raw(this.r, 'demo.localhost', '/flows', { headers: this.auth })
    assert.equal(answer.status, 200, answer.text)
    return JSON.parse(answer.text)[0].label
  }

  same(id, was) {
    assert.ok(alive(was), 'the runtime ended')
    assert.deepEqual([chain(this.r, id).node.pid, chain(this.r, id).node.began], [was.pid, was.began])
  }

  // Asks the runtime itself, past the server.
  serves() {
    return new Promise((done, fail) => {
      const req = request({ socketPath: join(this.r.data, 'run', 'instances', this.demo, 'editor.sock'), path: '/label', headers: { host: 'x', 'x-redhouse-face': 'app' }, signal: AbortSignal.timeout(10000) }, (answer) => {
        let text = ''
        answer.on('data', (chunk) => { text += chunk })
        answer.on('end', () => done(text))
      })
      req.on('error', fail)
      req.end()
    })
  }

  // An instance's way to the server.
  way(id) {
    return join(this.r.data, 'run', 'instances', id, 'server.sock')
  }

  // Nobody but root gets through it any more; what is connected already stays so. Answers what opens it again.
  shut(id) {
    const socket = this.way(id)
    chmodSync(socket, 0)
    return () => chmodSync(socket, 0o600)
  }

  rename(label) {
    return this.page.evaluate((text) => {
      const tab = window.RED.nodes.workspace('aa')
      tab.label = text
      tab.changed = true
      const rule = window.RED.nodes.node('b2')
      rule.rules[0].to = text
      rule.changed = true
      rule.dirty = true
      window.RED.nodes.dirty(true)
    }, label)
  }

  press() {
    return this.page.evaluate(() => window.RED.actions.invoke('core:deploy-flows'))
  }

  dirty() {
    return this.page.evaluate(() => window.RED.nodes.dirty())
  }

  note(text) {
    return this.page.locator('.red-ui-notification', { hasText: text }).last()
  }

  // Deploys; what the editor said is then what is held, served, and of the same process.
  async deploys(label) {
    await this.press()
    await this.page.waitForFunction(() => !window.RED.nodes.dirty(), null, { timeout: 30000 })
    await this.deployed(label)
  }

  async deployed(label) {
    assert.equal(await this.held(), label)
    await until('it is served', async () => await this.serves() === label)
    this.same(this.demo, this.node)
  }

  // The form of the portal, filled, in a browser that knows nobody yet.
  async form() {
    const tab = await (await this.browser.newContext()).newPage()
    await tab.goto(`${this.r.url}/login?to=${encodeURIComponent(this.address('demo'))}`)
    await tab.locator('input[name=username]').fill('dev')
    await tab.locator('input[name=password]').fill('another good password')
    return tab
  }

  // What was acknowledged last is on disk.
  async restarts(label) {
    await this.r.run('instance', 'restart', 'demo')
    await until('the runtime ended', () => !alive(this.node))
    await this.running('demo')
    assert.equal(await this.held(), label)
  }
}

const palette = (tab) => tab.waitForSelector('.red-ui-palette-node[data-palette-type=inject]', { timeout: 60000 })
const rest = (since) => sleep(Math.max(0, since + away - Date.now()))

describe(`for ${away / 1000} s`, { timeout: 420000 + 2 * away, concurrency: 3 }, () => {
  describe('the server is away', { concurrency: 1 }, () => {
    const w = new World()
    let gone, form, waiting, waits
    before(() => w.open(), limit)
    after(() => w.close(), limit)

    test('a deploy that finds no server says so and stays in the editor', limit, async () => {
      form = await w.form()
      await w.begin()
      waiting = await w.context.newPage()
      await waiting.goto(w.address('late'), { waitUntil: 'commit' })
      waits = await waiting.locator('main [role=status]').isVisible()
      await w.r.kill()
      gone = Date.now()
      await w.rename('without a server')
      await w.press()
      await w.note(/error|no response|failed/i).waitFor({ timeout: 30000 })
      assert.equal(await w.dirty(), true)
      await w.note(/lost connection/i).waitFor({ timeout: 30000 })
      await shot(w.page, 'away-lost')
    })

    test('a login that finds no server says so and keeps what was typed', limit, async () => {
      await form.locator('button[type=submit]').click()
      await form.getByRole('alert').filter({ hasText: 'The server does not answer' }).waitFor({ timeout: 30000 })
      assert.equal(await form.locator('input[name=password]').inputValue(), 'another good password')
    })

    test('what runs serves, and what starts waits', limit, async () => {
      await rest(gone)
      assert.equal(await w.serves(), 'first')
      assert.ok(alive(w.begun), 'the runtime ended while the server was away')
      await w.r.serve()
      await w.running('demo')
      w.same(w.demo, w.node)
      assert.equal(await w.held(), 'first')
    })

    test('the start goes on, and the page that waits for it opens the editor', limit, async () => {
      const now = await w.running('late')
      assert.equal(now.restarts, 0)
      w.same(w.late, w.begun)
      if (!waits) await waiting.goto(w.address('late'))
      await palette(waiting)
    })

    test('the deploy is repeated', limit, async () => {
      await reconnected(w.page)
      await w.deploys('without a server')
    })

    test('the login is repeated', limit, async () => {
      await form.locator('button[type=submit]').click()
      await palette(form)
      assert.equal(new URL(form.url()).host, new URL(w.address('demo')).host)
    })

    test('a new start reads what was acknowledged last', limit, () => w.restarts('without a server'))
  })

  describe('the server stands still', { concurrency: 1 }, () => {
    const w = new World()
    let form, lanes, judge
    before(() => w.open(), limit)
    after(() => w.close(), limit)

    test('what runs serves, and nobody is told that anything was done', limit, async () => {
      form = await w.form()
      await w.begin()
      await w.rename('stood still')
      const { token } = w
      lanes = await Promise.all(Array.from({ length: 24 }, () => idle(w.r, token)))
      process.kill(w.r.ready.pid, 'SIGSTOP')
      try {
        judge = askAll(w.r, token, lanes, 'still')
        await w.press()
        await form.locator('button[type=submit]').click({ noWaitAfter: true })
        await sleep(away)
        assert.equal(await w.serves(), 'first')
        assert.equal(await w.dirty(), true)
        assert.equal(new URL(form.url()).pathname, '/login')
      } finally {
        process.kill(w.r.ready.pid, 'SIGCONT')
      }
    })

    test('a request on a connection that was idle for too long is answered, or not done', limit, async () => {
      for (const lane of lanes) await until('an answer, or the end', () => lane.text !== '' || lane.closed())
      await judge()
      for (const lane of lanes) lane.close()
    })

    test('the deploy is stored once it goes on', limit, async () => {
      await until('the editor says how it went', async () => !await w.dirty() || await w.note(/error|failed/i).isVisible(), 60000)
      await reconnected(w.page)
      if (await w.dirty()) await w.deploys('stood still')
      else await w.deployed('stood still')
    })

    test('the login goes on', limit, async () => {
      await palette(form)
      assert.equal(new URL(form.url()).host, new URL(w.address('demo')).host)
    })

    test('the start goes on', limit, async () => {
      assert.equal((await w.running('late')).restarts, 0)
      w.same(w.late, w.begun)
    })

    test('a new start reads what was acknowledged last', limit, () => w.restarts('stood still'))
  })

  describe('storage is shut', { concurrency: 1 }, () => {
    const w = new World()
    let gone, opens = []
    const open = () => { for (const one of opens.splice(0)) one() }
    before(() => w.open(), limit)
    after(async () => {
      open()
      await w.close()
    }, limit)

    test('an instance that starts waits for its storage and says so', limit, async () => {
      // A server that begins again has no connection yet, and nothing makes one before the way is shut.
      await w.page.goto('about:blank')
      await w.r.kill()
      await w.r.serve()
      await w.running('demo')
      opens.push(w.shut(w.demo))
      gone = Date.now()
      opens.push(await w.beginShut())
      await until('the log says what it waits for', async () => /waiting for (settings|flows|context)/.test((await w.r.run('instance', 'logs', 'late')).split('\n').slice(-15).join('\n')))
    })

    test('a deploy is refused with a sentence', limit, async () => {
      await editor(w.page, w.address('demo'))
      await w.rename('refused once')
      await w.press()
      // The carrier takes the request and finds nobody behind it: it cannot be known whether the flows arrived.
      await w.note(/Storage (did not confirm in time|cannot be reached).*please deploy again/).waitFor({ timeout: 30000 })
      await shot(w.page, 'away-refused')
      assert.equal(await w.dirty(), true)
    })

    test('what runs serves, and what starts waits', limit, async () => {
      await rest(gone)
      assert.equal(await w.serves(), 'first')
      assert.equal((await w.r.instanceState('late')).state, 'starting')
      assert.ok(alive(w.begun), 'the runtime ended while its storage was shut')
      open()
    })

    test('the deploy is repeated', limit, () => w.deploys('refused once'))

    test('the start goes on', limit, async () => {
      assert.deepEqual([(await w.running('late')).generation, (await w.r.instanceState('late')).restarts], [2, 0])
      w.same(w.late, w.begun)
    })

    test('a new start reads what was acknowledged last', limit, () => w.restarts('refused once'))
  })
})
