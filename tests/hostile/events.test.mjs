// Events as a stream and operations as rows: who hears what, resume, what ends a stream.
import assert from 'node:assert/strict'
import http from 'node:http'
import { after, before, test } from 'node:test'

import { until } from './harness.mjs'
import { People } from './people.mjs'

let people, admin

before(async () => {
  people = await People.start()
  admin = await people.person()
  await admin.post('/api/v1/tenants', { slug: 'other', name: 'Other' })
  await admin.post('/api/v1/users', { name: 'ada', password: 'ada horse 1', tenant: 'acme', role: 'viewer' })
  await admin.post('/api/v1/users', { name: 'dash', password: 'dash horse 1', tenant: 'acme', role: 'dashboard' })
})
after(() => people.stop())

/** An open stream: {events, open, close}. */
function listen(browser, headers = {}) {
  const stream = { events: [], open: true, text: '' }
  const cookie = [...(browser.jars.get('localhost') ?? [])].map(([n, v]) => `${n}=${v}`).join('; ')
  return new Promise((done, fail) => {
    const request = http.request({ host: '127.0.0.1', port: people.port, path: '/api/v1/events',
      headers: { host: `localhost:${people.port}`, cookie, ...headers } })
    stream.close = () => request.destroy()
    request.on('error', fail)
    request.on('response', (answer) => {
      stream.status = answer.statusCode
      stream.type = answer.headers['content-type']
      answer.on('data', (data) => {
        stream.text += data
        for (let end; (end = stream.text.indexOf('\n\n')) >= 0; stream.text = stream.text.slice(end + 2)) {
          const event = {}
          for (const line of stream.text.slice(0, end).split('\n')) {
            const colon = line.indexOf(': ')
            if (colon > 0) event[line.slice(0, colon)] = line.slice(colon + 2)
          }
          if (event.event) stream.events.push(event)
        }
      })
      answer.on('close', () => (stream.open = false))
      answer.on('error', () => {})
      done(stream)
    })
    request.end()
  })
}
const kinds = (stream) => stream.events.map((e) => `${e.event} ${e.data}`)
const heard = (stream, n) => until(`${n} events`, () => stream.events.length >= n)

test('everybody hears their tenants, admins hear all, dashboards nothing', async () => {
  const streams = { admin: await listen(admin), ada: await listen(await people.person('ada', 'ada horse 1')), dash: await listen(await people.person('dash', 'dash horse 1')) }
  assert.match(streams.ada.type, /text\/event-stream/)
  await people.tell('emit acme instance {"n":1}')
  await people.tell('emit other instance {"n":2}')
  await people.tell('emit - stack {"n":3}')
  await people.tell('emit acme build {"n":4}')
  await heard(streams.admin, 4)
  await heard(streams.ada, 2)
  assert.deepEqual(kinds(streams.admin), ['instance {"n":1}', 'instance {"n":2}', 'stack {"n":3}', 'build {"n":4}'])
  assert.deepEqual(kinds(streams.ada), ['instance {"n":1}', 'build {"n":4}'])
  assert.deepEqual(kinds(streams.dash), [])
  Object.values(streams).forEach((s) => s.close())
})

test('a listener that comes back hears what it missed, and only what it may', async () => {
  const first = await listen(admin)
  await people.tell('emit acme instance {"n":10}')
  await heard(first, 1)
  first.close()
  await people.tell('emit acme instance {"n":11}')
  await people.tell('emit other instance {"n":12}')
  const id = first.events[0].id
  const again = await listen(admin, { 'last-event-id': id })
  await heard(again, 2)
  assert.deepEqual(kinds(again), ['instance {"n":11}', 'instance {"n":12}'])
  const ada = await listen(await people.person('ada', 'ada horse 1'), { 'last-event-id': id })
  await heard(ada, 1)
  assert.deepEqual(kinds(ada), ['instance {"n":11}'])
  again.close()
  ada.close()
})

test('a listener that missed more than is kept, or comes from before a restart, reads anew', async () => {
  const first = await listen(admin)
  await people.tell('emit acme instance {"n":20}')
  await heard(first, 1)
  first.close()
  for (let i = 0; i < 1001; i++) await people.tell('emit acme instance {}')
  for (const id of [first.events[0].id, '1', '9007199254740993']) {
    const late = await listen(admin, { 'last-event-id': id })
    await heard(late, 1)
    assert.equal(late.events[0].event, 'reset')
    late.close()
  }
  const last = await listen(admin)
  await people.tell('emit acme instance {"n":21}')
  await heard(last, 1)
  last.close()
  await people.restart()
  await people.tell('emit acme instance {"n":22}')
  const after = await listen(admin, { 'last-event-id': last.events[0].id })
  await heard(after, 1)
  assert.equal(after.events[0].event, 'reset')
  after.close()
})

test('a stream ends with the login, the token, the role, and when a tenant is added', async () => {
  const ada = await people.person('ada', 'ada horse 1')
  const stream = await listen(ada)
  await ada.ask('DELETE', '/api/v1/session')
  await until('the stream of an ended session closes', () => !stream.open)

  const { body } = await admin.post('/api/v1/tokens', { name: 'listener' })
  const byToken = await listen(people.browser(), { authorization: `Bearer ${body.token}` })
  await admin.ask('DELETE', `/api/v1/tokens/${body.id}`)
  await until('the stream of a removed token closes', () => !byToken.open)

  const again = await people.person('ada', 'ada horse 1')
  for (const change of [
    () => admin.ask('PUT', '/api/v1/tenants/other/members/ada', { body: { role: 'viewer' } }),
    () => admin.ask('DELETE', '/api/v1/tenants/other/members/ada'),
  ]) {
    const one = await listen(again)
    const mine = await listen(admin)
    assert.ok((await change()).status < 300)
    await until('the stream of a changed membership closes', () => !one.open)
    assert.ok(mine.open)
    mine.close()
  }
})

test('an event is one line, whatever was in it', async () => {
  const stream = await listen(admin)
  await people.tell('emit acme instance {"a":\r1,\r"b":2}')
  await people.tell('emit acme instance {"end":1}')
  await heard(stream, 2)
  assert.deepEqual(JSON.parse(stream.events[0].data), { a: 1, b: 2 })
  stream.close()
})

test('an operation is told as it goes on and listed newest first', async () => {
  const stream = await listen(admin)
  const id = await people.tell('begin acme demo')
  await people.tell(`end ${id}`)
  await heard(stream, 2)
  const [begun, done] = stream.events.map((e) => JSON.parse(e.data))
  assert.deepEqual([begun.id, begun.tenant, begun.subject, begun.state, begun.percent], [id, 'acme', 'demo', 'running', null])
  assert.deepEqual([done.state, done.percent, done.problem], ['done', 100, null])
  const read = await admin.get(`/api/v1/operations/${id}`)
  assert.deepEqual(read.body, done)
  stream.close()
})

test('operations of other tenants are neither listed nor found', async () => {
  const theirs = await people.tell('begin other secret')
  const platform = await people.tell('begin - stack')
  const ada = await people.person('ada', 'ada horse 1')
  for (const id of [theirs, platform]) assert.equal((await ada.get(`/api/v1/operations/${id}`)).status, 404)
  const mine = [await people.tell('begin acme one'), await people.tell('begin acme two'), await people.tell('begin acme three')]
  const seen = []
  for (let cursor = ''; cursor !== null; ) {
    const page = (await ada.get(`/api/v1/operations?limit=2&state=running&cursor=${cursor}`)).body
    seen.push(...page.items.map((o) => o.id))
    cursor = page.next
  }
  assert.deepEqual(seen, mine.reverse())
  assert.ok((await admin.get('/api/v1/operations?limit=200')).body.items.some((o) => o.id === theirs))
})

test('what ran when the server ended is failed, with a sentence', async () => {
  const id = await people.tell('begin acme cut')
  await people.restart()
  const { body } = await admin.get(`/api/v1/operations/${id}`)
  assert.equal(body.state, 'failed')
  assert.equal(body.problem.code, 'interrupted')
})
