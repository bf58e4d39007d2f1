// Requests for an instance that is not up: who waits, who gets a page, what it says and to whom.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { afterEach, test } from 'node:test'
import { APP, ask, exchange, HOST, ok, sleep, until, withBackend } from './harness.mjs'

let fixture
let backend
afterEach(() => fixture.tell('state running'))
withBackend((made) => ({ fixture, backend } = made), { wait: 1500 })

const browser = { Accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }
const timed = async (promise) => {
  const begin = Date.now()
  return [await promise, Date.now() - begin]
}

test('a program waits until the instance runs, and only it is asked', async () => {
  for (const state of ['starting', 'asleep']) {
    const wanted = (await fixture.tell(`state ${state}`)).wanted
    const waiting = [ask(fixture), ask(fixture, { method: 'POST', body: 'x' }), ask(fixture, { host: APP })]
    await until('they wait', async () => (await fixture.stats()).busy === 3)
    assert.ok((await fixture.stats()).wanted >= wanted + 3)
    const asked = backend.requests.length
    await sleep(300)
    assert.equal(backend.requests.length, asked)
    await fixture.tell('state running')
    for (const answer of await Promise.all(waiting)) assert.equal(answer.body, 'fine')
    assert.equal(backend.requests.length, asked + 3)
  }
})

test('whoever waits too long is told so', async () => {
  await fixture.tell('state starting')
  const [answer, ms] = await timed(ask(fixture))
  assert.equal(answer.status, 503)
  assert.equal(JSON.parse(answer.body).code, 'instance_starting')
  assert.equal(answer.headers['retry-after'], '2')
  assert.equal(answer.headers['cache-control'], 'no-store')
  assert.ok(ms > 1300 && ms < 2500, `${ms} ms`)
})

test('a browser gets the page at once when the instance starts, after a moment when it sleeps', async () => {
  await fixture.tell('state starting')
  let [page, ms] = await timed(ask(fixture, { headers: browser }))
  assert.equal(page.status, 503)
  assert.match(page.headers['content-type'], /text\/html/)
  assert.ok(ms < 300)
  await fixture.tell('state asleep')
  ;[page, ms] = await timed(ask(fixture, { headers: browser }))
  assert.match(page.body, /Starting/)
  assert.ok(ms > 800 && ms < 1700, `${ms} ms`)
  await fixture.tell('state asleep')
  const woken = ask(fixture, { headers: browser })
  await sleep(200)
  await fixture.tell('state starting')
  await sleep(200)
  await fixture.tell('state running')
  assert.equal((await woken).body, 'fine')
})

test('scripts and images of a browser wait like programs', async () => {
  await fixture.tell('state starting')
  const waiting = ask(fixture, { headers: { ...browser, 'Sec-Fetch-Mode': 'cors' } })
  await sleep(300)
  await fixture.tell('state running')
  assert.equal((await waiting).body, 'fine')
})

test('the page runs nothing but its own script and escapes what it shows', async () => {
  await fixture.tell('state starting')
  const { headers, body } = await ask(fixture, { headers: browser })
  const policy = headers['content-security-policy']
  const hash = (text) => `'sha256-${createHash('sha256').update(text, 'latin1').digest('base64')}'`
  const script = /<script>([^]*?)<\/script>/.exec(body)[1]
  const style = /<style>([^]*?)<\/style>/.exec(body)[1]
  assert.match(policy, /default-src 'none'/)
  assert.doesNotMatch(policy, /unsafe/)
  assert.ok(policy.includes(`script-src ${hash(script)}`))
  assert.ok(policy.includes(`style-src ${hash(style)}`))
  assert.match(style, /--rh-primary:#336699/)
  assert.match(body, /Demo &lt;1&gt;/)
  assert.doesNotMatch(body, /<1>/)
  assert.match(body, /<noscript><meta http-equiv="refresh"/)
})

test('stopped says so at once and wakes nothing', async () => {
  const { wanted } = await fixture.tell('state stopped')
  const answer = await ask(fixture)
  assert.equal(answer.status, 503)
  assert.equal(JSON.parse(answer.body).code, 'instance_stopped')
  assert.match((await ask(fixture, { headers: browser })).body, /Stopped/)
  assert.equal((await fixture.stats()).wanted, wanted)
})

test('the cause of a failure is for those who may see the tenant', async () => {
  await fixture.tell('state failed Port 1880 is taken. Choose <another>.')
  const owner = { 'X-Test-Who': 'owner' }
  const answer = await ask(fixture, { headers: owner })
  assert.equal(answer.status, 503)
  assert.deepEqual([JSON.parse(answer.body).code, JSON.parse(answer.body).detail], ['instance_failed', 'Port 1880 is taken. Choose <another>.'])
  assert.match((await ask(fixture, { headers: { ...owner, ...browser } })).body, /Choose &lt;another&gt;/)
  const stranger = await ask(fixture, { headers: browser })
  assert.doesNotMatch(stranger.body, /1880/)
  assert.match(stranger.body, /href="\/\.redhouse\/login/)
  assert.doesNotMatch((await ask(fixture, { host: APP, headers: { 'X-Test-Who': 'dashboard' } })).body, /1880/)
})

test('those who wait learn of a failure at once', async () => {
  await fixture.tell('state starting')
  const waiting = ask(fixture)
  await sleep(200)
  await fixture.tell('state failed broken')
  assert.equal(JSON.parse((await waiting).body).code, 'instance_failed')
})

test('an editor tab left open does not wake an instance', async () => {
  const { wanted, last } = await fixture.tell('state asleep')
  const socket = (host) => exchange(fixture, `GET /comms HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n`,
    { enough: (text) => text.includes('\r\n\r\n') })
  assert.match(await socket(HOST), /^HTTP\/1.1 503/)
  const now = await fixture.stats()
  assert.deepEqual([now.wanted, now.last], [wanted, last])
  await socket(APP)
  assert.ok((await fixture.stats()).wanted > wanted)
})

test('closing an instance’s connections answers those who wait', async () => {
  await fixture.tell('state starting')
  const waiting = ask(fixture)
  await sleep(200)
  await fixture.tell('close')
  assert.equal((await waiting).status, 503)
})

test('a crowd does not wait', async () => {
  await fixture.tell('state starting')
  let refused = 0
  const all = Array.from({ length: 400 }, () =>
    ask(fixture, { ms: 15000 }).then((answer) => {
      if (answer.status === 503) refused++
      return answer
    })
  )
  await until('those beyond the ceiling are refused', () => refused >= 100)
  await fixture.tell('state running')
  const answers = await Promise.all(all)
  const count = (status) => answers.filter((answer) => answer.status === status).length
  assert.equal(count(200) + count(503), 400)
  assert.ok(count(200) >= 200 && count(503) >= 100, `${count(200)} and ${count(503)}`)
})

test('clients that leave while they wait are forgotten', async () => {
  await fixture.tell('state starting')
  await Promise.allSettled(Array.from({ length: 20 }, () => ask(fixture, { ms: 200 })))
  await fixture.idle()
})
