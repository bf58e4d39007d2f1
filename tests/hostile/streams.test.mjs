// Answers that go on, answers that lie ready, parts of files.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { Server, sleep, until } from './http.mjs'

let s
before(async () => (s = await Server.start()))
after(() => s.end())

const get = (path, ...headers) => `GET ${path} HTTP/1.1\r\nHost: ${s.host}\r\n${headers.map((h) => `${h}\r\n`).join('')}\r\n`
const listen = (token) => {
  const client = s.connect()
  client.write(get('/events', `Authorization: Bearer ${token}`))
  return client
}

test('events reach who listens, in order', async () => {
  const clients = [listen(s.token), listen(s.token), listen(s.admin)]
  for (const c of clients) await until('the first event', () => c.text.includes('id: 7\nevent: hello\ndata: {}\n\n'))
  for (let i = 0; i < 50; i++) await s.tell(`emit {"n":${i}}`)
  for (const c of clients) {
    await until('the last event', () => c.text.includes('{"n":49}'))
    assert.match(c.text, /^HTTP\/1\.1 200 OK\r\n[^]*content-type: text\/event-stream\r\n/)
    assert.deepEqual([...c.text.matchAll(/event: said\ndata: \{"n":(\d+)\}\n\n/g)].map((m) => Number(m[1])), Array.from({ length: 50 }, (_, i) => i))
    c.close()
  }
})

test('a listener that hangs up is noticed without an event', async () => {
  const { closed } = await s.stats()
  const gone = [listen(s.token), listen(s.token)]
  for (const c of gone) await until('the first event', () => c.text.includes('hello'))
  gone[0].close()
  gone[1].socket.end()
  await until('both are noticed', async () => (await s.stats()).closed >= closed + 2, 4000)
})

test('a stream ends when its token does, others go on', async () => {
  const other = await Server.start()
  s.tell('stats')
  const open = (token) => {
    const c = other.connect()
    c.write(`GET /events HTTP/1.1\r\nHost: ${other.host}\r\nAuthorization: Bearer ${token}\r\n\r\n`)
    return c
  }
  const [mine, reader, admin] = [open(other.token), open(other.reader), open(other.admin)]
  for (const c of [mine, reader, admin]) await until('the first event', () => c.text.includes('hello'))
  await other.tell('role owner')
  await sleep(200)
  for (const c of [mine, reader, admin]) assert.ok(!c.text.includes('\r\n0\r\n\r\n'), 'more rights end nothing')
  await other.tell('revoke')
  await until('it ends', () => mine.text.endsWith('\r\n0\r\n\r\n'))
  assert.ok(!reader.text.endsWith('\r\n0\r\n\r\n'))
  await other.tell('role viewer')
  await until('the role was taken', () => reader.text.endsWith('\r\n0\r\n\r\n'))
  assert.ok(!admin.text.endsWith('\r\n0\r\n\r\n'))
  await other.end()
})

test('a stream that its writer ends leaves the connection usable', async () => {
  const client = s.connect()
  client.write(get('/lines') + get('/hello'))
  await until('both answers', () => client.text.endsWith('hello\n'))
  assert.match(client.text, /line 0\n[^]*line 4\n\r\n0\r\n\r\nHTTP\/1\.1 200 OK/)
  client.close()
})

test('a reader that does not keep up is cut, and memory stays bounded', async () => {
  const { closed, rss } = await s.stats()
  const clients = Array.from({ length: 8 }, () => s.connect())
  for (const c of clients) {
    c.socket.pause()
    c.write(get('/flood'))
  }
  await until('all are given up', async () => (await s.stats()).closed >= closed + 8)
  assert.ok((await s.stats()).rss < rss + 60 * 1024)
  for (const c of clients) {
    c.socket.resume()
    await c.closing()
    assert.ok(!c.text.endsWith('\r\n0\r\n\r\n'), 'the client must see that it is cut off')
  }
})

test('streams that begin and end at random do no harm', async () => {
  const clients = []
  for (let i = 0; i < 150; i++) {
    const c = i % 3 === 0 ? s.connect() : listen(s.token)
    if (i % 3 === 0) c.write(get('/lines'))
    clients.push(c)
    if (i % 2) clients[Math.floor(Math.random() * clients.length)].close()
    if (i % 10 === 0) await s.tell(`emit ${'x'.repeat(500)}`)
  }
  for (const c of clients) c.close()
  await sleep(700)
  assert.equal((await s.request('GET', '/hello')).status, 200)
})

test('one worker builds for all who wait', async () => {
  const { builds } = await s.stats()
  const answers = await Promise.all(Array.from({ length: 6 }, () => s.request('GET', '/ready/shared')))
  assert.equal(new Set(answers.map((a) => a.text)).size, 1)
  assert.equal((await s.stats()).builds, builds + 1)
})

test('what lies ready is answered with a tag, and 304 to who has it', async () => {
  const first = await s.request('GET', '/ready/tagged')
  const again = await s.request('GET', '/ready/tagged', { headers: { 'if-none-match': first.headers.etag } })
  assert.equal(again.status, 304)
  assert.equal(again.bytes.length, 0)
  assert.equal(again.headers.etag, first.headers.etag)
  for (const list of [`"a", ${first.headers.etag}`, `W/${first.headers.etag}`, '*'])
    assert.equal((await s.request('GET', '/ready/tagged', { headers: { 'if-none-match': list } })).status, 304)
  for (const list of ['"a"', first.headers.etag.slice(1), `"a" ${first.headers.etag.replaceAll('"', '')}`, ''])
    assert.equal((await s.request('GET', '/ready/tagged', { headers: { 'if-none-match': list } })).status, 200)
})

test('each encoding has its own tag and is made once', async () => {
  const ask = (coding) => s.request('GET', '/ready/big-one', { headers: { 'accept-encoding': coding } })
  const plain = await ask('identity')
  const gzip = await ask('deflate, gzip;q=0.5')
  const zstd = await ask('gzip, zstd')
  assert.equal(plain.headers['content-encoding'], undefined)
  assert.equal(gzip.headers['content-encoding'], 'gzip')
  assert.equal(zstd.headers['content-encoding'], 'zstd')
  assert.deepEqual(gunzipSync(gzip.bytes), plain.bytes)
  assert.equal(new Set([plain, gzip, zstd].map((a) => a.headers.etag)).size, 3)
  assert.equal(gzip.headers.vary, 'accept-encoding')
  assert.equal((await ask('gzip;q=0, zstd;q=0.0')).headers['content-encoding'], undefined)
  assert.equal((await ask('*')).headers['content-encoding'], 'gzip')
  const { builds } = await s.stats()
  await Promise.all(Array.from({ length: 20 }, () => ask('gzip')))
  assert.equal((await s.stats()).builds, builds)
  assert.equal((await s.request('GET', '/ready/small', { headers: { 'accept-encoding': 'gzip' } })).headers['content-encoding'], undefined)
})

test('a drop is seen by whoever asks after it, and beats a build under way', async () => {
  const first = await s.request('GET', '/ready/dropped')
  assert.equal((await s.request('GET', '/ready/dropped')).text, first.text)
  await s.tell('drop dropped')
  assert.notEqual((await s.request('GET', '/ready/dropped')).text, first.text)
  await s.tell('drop dropped')
  const early = s.request('GET', '/ready/dropped')
  await sleep(40)
  await s.tell('drop dropped')
  const late = await s.request('GET', '/ready/dropped')
  assert.notEqual(late.text, (await early).text)
  assert.equal((await s.request('GET', '/ready/dropped')).text, late.text)
})

test('a build that fails is not kept', async () => {
  const { builds } = await s.stats()
  assert.equal((await s.request('GET', '/ready/bad')).status, 404)
  assert.equal((await s.request('GET', '/ready/bad')).status, 404)
  assert.equal((await s.stats()).builds, builds + 2)
})

test('what was used longest ago makes room', async () => {
  for (let i = 0; i < 14; i++) {
    await s.request('GET', `/ready/big-${i}`)
    await s.request('GET', '/ready/big-0')
  }
  const { builds } = await s.stats()
  await s.request('GET', '/ready/big-0')
  await s.request('GET', '/ready/big-13')
  assert.equal((await s.stats()).builds, builds)
  await s.request('GET', '/ready/big-1')
  assert.equal((await s.stats()).builds, builds + 1)
})

const expected = (bytes, from, to) => {
  const all = Buffer.alloc(bytes + 8)
  for (let i = 0; i < bytes; i += 8) all.writeBigUInt64LE(BigInt(i), i)
  return all.subarray(from, to)
}

test('a file is sent whole and in parts', async () => {
  for (const size of [0, 1, 1000, 65536, 65537, 3000001]) {
    const whole = await s.request('GET', `/file?bytes=${size}`)
    assert.deepEqual(whole.bytes, expected(size, 0, size), `${size}`)
    assert.equal(whole.headers['accept-ranges'], 'bytes')
  }
  const size = 3000001
  for (const [range, from, to] of [['0-0', 0, 1], ['5-99', 5, 100], ['4097-1004096', 4097, 1004097], ['2999999-', 2999999, size], ['-3', size - 3, size], ['-9999999999', 0, size], ['0-99999999', 0, size]]) {
    const part = await s.request('GET', `/file?bytes=${size}`, { headers: { range: `bytes=${range}` } })
    assert.equal(part.status, 206, range)
    assert.equal(part.headers['content-range'], `bytes ${from}-${to - 1}/${size}`)
    assert.deepEqual(part.bytes, expected(size, from, to), range)
  }
})

test('a range that is odd is passed over, one past the end refused', async () => {
  const ask = (range, more = {}) => s.request('GET', '/file?bytes=1000', { headers: { range, ...more } })
  for (const range of ['bytes=', 'bytes=-', 'bytes=a-b', 'bytes=5-3', 'bytes=0-1,5-6', 'lines=0-1', 'bytes=0-99999999999999999999', 'bytes=--5'])
    assert.equal((await ask(range)).status, 200, range)
  for (const range of ['bytes=1000-', 'bytes=5000-6000', 'bytes=-0']) {
    const answer = await ask(range)
    assert.equal(answer.status, 416, range)
    assert.equal(answer.headers['content-range'], 'bytes */1000')
  }
  assert.equal((await ask('bytes=0-9', { 'if-range': '"file-1000"' })).status, 206)
  assert.equal((await ask('bytes=0-9', { 'if-range': '"other"' })).status, 200)
  assert.equal((await ask('bytes=0-9', { 'if-none-match': '"file-1000"' })).status, 304)
})

test('clients that leave in the middle of a file leave nothing behind', async () => {
  const before = await s.stats()
  for (let i = 0; i < 30; i++) {
    const c = s.connect()
    c.write(get('/file?bytes=20000000'))
    await until('some of it', () => c.bytes.length > 100000)
    c.close()
  }
  await until('descriptors back', async () => (await s.stats()).files <= before.files + 1)
})
