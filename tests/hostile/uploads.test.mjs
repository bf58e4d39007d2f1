// Bodies: large, slow, stalled, too large, not allowed, compressed; and clients that send heads slowly or do not read.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { Server, sleep, until } from './http.mjs'

const MB = 1 << 20
let s
before(async () => (s = await Server.start({ spool: 400 * MB })))
after(() => s.end())

const pattern = (bytes) => {
  const all = Buffer.alloc(bytes)
  for (let i = 0; i + 4 <= bytes; i += 4) all.writeUInt32LE(i, i)
  return all
}
const sum = (bytes) => createHash('sha256').update(bytes).digest('hex')
const head = (method, path, ...headers) => `${method} ${path} HTTP/1.1\r\nHost: ${s.host}\r\n${headers.map((h) => `${h}\r\n`).join('')}\r\n`

/** Writes in pieces as fast as the other side takes them, until done or it answers. */
async function pour(client, bytes, piece = MB, pause = 0) {
  for (let at = 0; at < bytes.length && !client.closed && client.bytes.length === 0; at += piece) {
    if (!client.socket.write(bytes.subarray(at, at + piece))) {
      await Promise.race([new Promise((done) => client.socket.once('drain', done)), new Promise((done) => client.socket.once('close', done)), until('', () => client.bytes.length > 0, 20000)])
    }
    if (pause) await sleep(pause)
  }
}

test('a body of 100 MB arrives whole, with a length and in chunks', async () => {
  const bytes = pattern(100 * MB)
  const wanted = { bytes: bytes.length, sum: sum(bytes) }
  const answer = await s.request('PUT', '/upload', { body: bytes, headers: { authorization: `Bearer ${s.token}` } })
  assert.deepEqual(answer.json(), wanted)
  const client = s.connect()
  client.write(head('PUT', '/open-upload', 'Transfer-Encoding: chunked'))
  for (let at = 0; at < bytes.length; at += 4 * MB) {
    const piece = bytes.subarray(at, at + 4 * MB)
    client.write(`${piece.length.toString(16)}\r\n`)
    await pour(client, piece)
    client.write('\r\n')
  }
  client.write('0\r\n\r\n')
  assert.deepEqual((await client.answer(20000)).json(), wanted)
  client.close()
})

test('memory and descriptors are given back after large bodies', async () => {
  await sleep(300)
  const before = await s.stats()
  for (let i = 0; i < 3; i++) assert.equal((await s.request('PUT', '/open-upload', { body: Buffer.alloc(60 * MB) })).status, 201)
  await until('memory back', async () => (await s.stats()).rss < before.rss + 40 * 1024)
  assert.ok((await s.stats()).files <= before.files + 1)
  assert.deepEqual(readdirSync(s.dir).filter((f) => f.startsWith('body')), [])
})

test('a body larger than the route takes is answered 413, whole or declared', async () => {
  const small = await s.request('POST', '/small', { body: Buffer.alloc(1001) })
  assert.equal(small.status, 413)
  assert.equal(small.json().code, 'body_too_large')
  assert.equal((await s.request('POST', '/small', { body: Buffer.alloc(1000) })).status, 200)
  assert.equal((await s.request('GET', '/hello', { body: Buffer.alloc(70000), headers: { 'content-length': 70000 } })).status, 413)
})

test('a body that is declared too large is answered before it has come', async () => {
  const client = s.connect()
  client.write(head('PUT', '/open-upload', 'Content-Length: 150000000') + 'x'.repeat(1000))
  const answer = await client.answer(2000)
  assert.equal(answer.status, 413)
  assert.equal(answer.json().code, 'body_too_large')
  assert.match(answer.head, /connection: close/i)
  await client.closing(3000)
})

test('one that is declared larger than anything is refused at once', async () => {
  const answer = await s.raw(head('PUT', '/open-upload', 'Content-Length: 9000000000'))
  assert.equal(answer.status, 413)
})

test('one that grows too large in chunks is answered while it comes', async () => {
  const client = s.connect()
  client.write(head('POST', '/echo', 'Transfer-Encoding: chunked'))
  const piece = Buffer.concat([Buffer.from('40000\r\n'), Buffer.alloc(0x40000), Buffer.from('\r\n')])
  for (let i = 0; i < 100 && client.bytes.length === 0 && !client.closed; i++) {
    client.write(piece)
    await sleep(20)
  }
  assert.equal((await client.answer()).status, 413)
  client.close()
})

test('whoever may not send a large body hears so before it has come', async () => {
  const cases = [
    [['Authorization: Bearer rh_wrong'], '/upload', 401],
    [[], '/upload', 401],
    [[], '/nowhere', 404],
    [['Origin: http://evil.test', `Cookie: redhouse_test=${s.cookie}`], '/upload', 403],
  ]
  for (const [headers, path, status] of cases) {
    const client = s.connect()
    client.write(head('PUT', path, 'Content-Length: 100000000', ...headers))
    await pour(client, Buffer.alloc(60 * MB), 256 * 1024, 10)
    assert.equal((await client.answer()).status, status)
    client.close()
  }
})

test('an early answer reaches a client that writes on', async () => {
  let whole = 0
  for (let i = 0; i < 10; i++) {
    const client = s.connect()
    client.write(head('PUT', '/upload', 'Content-Length: 100000000'))
    await pour(client, Buffer.alloc(20 * MB), 64 * 1024, 5)
    for (let k = 0; k < 20 && !client.closed; k++) client.write(Buffer.alloc(65536))
    const answer = await client.answer()
    whole += answer.status === 401 && answer.json().code === 'login_needed' ? 1 : 0
    client.close()
  }
  assert.equal(whole, 10)
})

test('100-continue and an early refusal go together', async () => {
  const client = s.connect()
  client.write(head('PUT', '/upload', 'Content-Length: 1000', 'Expect: 100-continue'))
  assert.equal((await client.answer()).status, 100)
  assert.equal((await client.answer()).status, 401)
  client.close()
})

test('an upload that is allowed is not cut for being slow for a while', async () => {
  const client = s.connect()
  const bytes = pattern(300000)
  client.write(head('PUT', '/open-upload', `Content-Length: ${bytes.length}`))
  for (let at = 0; at < bytes.length; at += 20000) {
    client.write(bytes.subarray(at, at + 20000))
    await sleep(200)
  }
  assert.equal((await client.answer()).json().sum, sum(bytes))
  client.close()
})

test('more large bodies than the spool holds are told to come later', async () => {
  const clients = []
  for (let i = 0; i < 8; i++) {
    const client = s.connect()
    client.write(head('PUT', '/open-upload', 'Content-Length: 120000000'))
    clients.push(client)
    await pour(client, Buffer.alloc(60 * MB))
  }
  await until('some are refused', () => clients.filter((c) => c.bytes.length > 0).length >= 2)
  const refused = clients.filter((c) => c.bytes.length > 0)
  const answer = await refused[0].answer()
  assert.equal(answer.status, 503)
  assert.equal(answer.json().code, 'spool_full')
  assert.match(answer.head, /retry-after: 60/i)
  assert.ok(refused.length < 8, 'those that came first go on')
  for (const client of clients) client.close()
  await until('room again', async () => (await s.request('PUT', '/open-upload', { body: Buffer.alloc(30 * MB) })).status === 201)
})

test('a bomb is not unpacked past the ceiling', async () => {
  const bomb = gzipSync(Buffer.alloc(40 * MB))
  const answer = await s.request('POST', '/echo', { body: bomb, headers: { 'content-encoding': 'gzip' } })
  assert.equal(answer.status, 413)
  const fits = await s.request('POST', '/echo', { body: gzipSync(Buffer.alloc(MB)), headers: { 'content-encoding': 'gzip' } })
  assert.equal(fits.bytes.length, MB)
})

test('what is too slow is cut: heads, stalled bodies, idle connections, clients that do not read', async (t) => {
  const other = await Server.start({ head: 1000, idle: 4000, stall: 2000 })
  t.after(() => other.end())
  const host = `Host: ${other.host}\r\n`
  const [slow, silent, stalled, reader] = Array.from({ length: 4 }, () => other.connect())
  await Promise.all([slow, silent, stalled, reader].map((c) => c.connected))
  const from = Date.now()
  const ended = {}
  const watch = (name, c) => c.closing(20000).then(() => (ended[name] = Date.now() - from))
  reader.socket.pause()
  reader.write(`GET /file?bytes=50000000 HTTP/1.1\r\n${host}\r\n`)
  stalled.write(`PUT /open-upload HTTP/1.1\r\n${host}Content-Length: 1000\r\n\r\nabc`)
  const all = [watch('slow', slow), watch('silent', silent), watch('stalled', stalled)]
  for (let i = 0; i < 100 && !slow.closed && !slow.ended; i++) {
    slow.write(i === 0 ? 'GET /hello HTTP/1.1\r\nX: ' : 'y')
    await sleep(50)
  }
  await Promise.all(all)
  assert.ok(ended.slow >= 1000, `the slow head after ${ended.slow} ms`)
  assert.ok(ended.stalled >= 2000, `the stalled body after ${ended.stalled} ms`)
  assert.ok(ended.silent >= 4000, `the idle connection after ${ended.silent} ms`)
  assert.ok(ended.slow < ended.stalled && ended.stalled < ended.silent, JSON.stringify(ended))
  reader.socket.resume()
  await reader.closing()
  assert.ok(reader.bytes.length < 50000000, `${reader.bytes.length} bytes`)
})

test('a flood of connections is held at the ceiling and served after it', async (t) => {
  const other = await Server.start({ connections: 50 })
  t.after(() => other.end())
  const clients = Array.from({ length: 120 }, () => other.connect())
  await sleep(500)
  const get = `GET /hello HTTP/1.1\r\nHost: ${other.host}\r\n\r\n`
  for (const c of clients) c.write(get)
  await sleep(300)
  const served = () => clients.filter((c) => c.text.includes('hello')).length
  assert.ok(served() <= 52, `${served()} at once`)
  for (const c of clients.filter((c) => c.text.includes('hello'))) c.close()
  await until('the next are served', () => served() > 90)
  for (const c of clients) c.close()
})

test('no free descriptors do not make the server spin or die', async (t) => {
  const other = await Server.start({ files: 64 })
  t.after(() => other.end())
  const clients = Array.from({ length: 100 }, () => other.connect())
  await sleep(300)
  const spent = async () => (await other.stats()).cpu
  const from = await spent()
  await sleep(1000)
  assert.ok((await spent()) - from < 500, 'milliseconds of processor in a second')
  for (const c of clients) c.close()
  assert.equal((await until('it serves again', () => other.request('GET', '/hello').catch(() => null))).status, 200)
})
