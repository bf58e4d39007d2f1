// TLS: certificates by name and their reload, versions, what is offered; and HTTP/2 that is not to be had.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import tls from 'node:tls'
import { Server, certificate, sleep, until } from './http.mjs'

let s, dir
before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'tls-'))
  await Promise.all(['default', 'one.localhost', '*.two.localhost'].map((name) => certificate(dir, name)))
  s = await Server.start({ tls: dir, url: 'https://localhost' })
})
after(async () => {
  await s.end()
  rmSync(dir, { recursive: true })
})

const shake = (options) =>
  new Promise((done) => {
    const socket = tls.connect({ port: s.port, host: '127.0.0.1', rejectUnauthorized: false, ...options })
    socket.on('secureConnect', () => {
      done({ name: socket.getPeerCertificate().subject.CN, protocol: socket.getProtocol(), alpn: socket.alpnProtocol })
      socket.destroy()
    })
    socket.on('error', (e) => done({ error: e.code ?? e.message }))
  })
const get = (path) => `GET ${path} HTTP/1.1\r\nHost: ${s.host}\r\n\r\n`

test('requests are answered, one after another and at once', async () => {
  const client = s.connect()
  await client.connected
  client.write(get('/hello') + get('/slow?ms=50') + get('/hello'))
  assert.equal((await client.answer()).text, 'hello\n')
  assert.equal((await client.answer()).text, 'slow\n')
  assert.equal((await client.answer()).text, 'hello\n')
  client.write(get('/file?bytes=5000000'))
  assert.equal((await client.answer()).body.length, 5000000)
  client.close()
})

test('the certificate is chosen by name', async () => {
  assert.equal((await shake({ servername: 'one.localhost' })).name, 'one.localhost')
  assert.equal((await shake({ servername: 'ONE.localhost' })).name, 'one.localhost')
  assert.equal((await shake({ servername: 'x.two.localhost' })).name, '*.two.localhost')
  assert.equal((await shake({ servername: 'x.y.two.localhost' })).name, 'default')
  assert.equal((await shake({ servername: 'two.localhost' })).name, 'default')
  assert.equal((await shake({ servername: 'elsewhere.test' })).name, 'default')
  assert.equal((await shake({ servername: '' })).name, 'default')
})

test('only HTTP/1.1 is offered', async () => {
  assert.equal((await shake({ ALPNProtocols: ['h2', 'http/1.1'] })).alpn, 'http/1.1')
  assert.equal((await shake({ ALPNProtocols: ['h2', 'http/1.1'], servername: 'one.localhost' })).alpn, 'http/1.1')
  assert.equal((await shake({})).alpn, false)
  assert.match((await shake({ ALPNProtocols: ['h2'] })).error, /ALPN|alert|ECONNRESET/i)
})

test('HTTP/2 spoken all the same is refused', async () => {
  const client = s.connect({ ALPNProtocols: ['http/1.1'] })
  await client.connected
  client.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0')
  assert.equal((await client.answer()).status, 400)
  await client.closing()
})

test('versions before TLS 1.2 are refused', async () => {
  assert.equal((await shake({ maxVersion: 'TLSv1.2' })).protocol, 'TLSv1.2')
  assert.equal((await shake({})).protocol, 'TLSv1.3')
  assert.ok((await shake({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' })).error)
})

test('plain HTTP and noise on the TLS port end the connection', async () => {
  for (const bytes of [get('/hello'), '\x16\x03\x01\xff\xff' + 'x'.repeat(1000), '\0'.repeat(100)]) {
    const socket = net.connect(s.port, '127.0.0.1')
    socket.on('error', () => {})
    let text = ''
    socket.on('data', (d) => (text += d.toString('latin1')))
    socket.write(Buffer.from(bytes, 'latin1'))
    await new Promise((done) => socket.on('close', done))
    assert.ok(!text.includes('hello'))
  }
  assert.equal((await s.raw(get('/hello'))).status, 200)
})

test('a large body and a stalled reader under TLS', async () => {
  const client = s.connect()
  await client.connected
  const bytes = Buffer.alloc(20 << 20, 'x')
  client.write(`PUT /open-upload HTTP/1.1\r\nHost: ${s.host}\r\nContent-Length: ${bytes.length}\r\n\r\n`)
  client.write(bytes)
  assert.equal((await client.answer()).json().bytes, bytes.length)
  await s.raw(`GET /file?bytes=60000000 HTTP/1.1\r\nHost: ${s.host}\r\nRange: bytes=0-0\r\n\r\n`) // the fixture makes it in memory
  const before = (await s.stats()).rss
  client.socket.pause()
  client.write(get('/file?bytes=60000000'))
  await sleep(500)
  assert.ok((await s.stats()).rss - before < 40 * 1024)
  client.close()
})

test('an early answer arrives under TLS', async () => {
  const client = s.connect()
  await client.connected
  client.write(`PUT /upload HTTP/1.1\r\nHost: ${s.host}\r\nContent-Length: 100000000\r\n\r\n`)
  for (let i = 0; i < 40 && client.bytes.length === 0; i++) {
    client.write(Buffer.alloc(65536))
    await sleep(10)
  }
  assert.equal((await client.answer()).status, 401)
  client.close()
})

test('a cookie under https is the __Host- one', async () => {
  const ask = async (name) => (await s.raw(`GET /user HTTP/1.1\r\nHost: ${s.host}\r\nCookie: ${name}=${s.cookie}\r\n\r\n`)).status
  assert.equal(await ask('__Host-redhouse_test'), 200)
  assert.equal(await ask('redhouse_test'), 401)
})

test('certificates are read again; a bad one changes nothing', async () => {
  const open = s.connect()
  await open.connected
  await certificate(dir, 'default', 'renewed')
  assert.equal((await shake({})).name, 'default')
  assert.equal((await s.tell('reload')).ok, true)
  assert.equal((await shake({})).name, 'renewed')
  open.write(get('/hello'))
  assert.equal((await open.answer()).status, 200)
  open.close()
  mkdirSync(join(dir, 'aside'))
  writeFileSync(join(dir, 'broken.pem'), 'not a certificate')
  const bad = await s.tell('reload')
  assert.equal(bad.ok, false)
  assert.match(bad.error, /broken\.pem: not a certificate chain/)
  renameSync(join(dir, 'broken.pem'), join(dir, 'aside', 'broken.pem'))
  await certificate(dir, 'aside/other', 'other')
  renameSync(join(dir, 'one.localhost.key'), join(dir, 'aside', 'one.key'))
  renameSync(join(dir, 'aside/other.key'), join(dir, 'one.localhost.key'))
  assert.match((await s.tell('reload')).error, /one\.localhost\.key/)
  assert.equal((await shake({ servername: 'one.localhost' })).name, 'one.localhost')
  renameSync(join(dir, 'aside', 'one.key'), join(dir, 'one.localhost.key'))
  assert.equal((await s.tell('reload')).ok, true)
})

test('handshakes that never come to an end do not pile up', async () => {
  const { files } = await s.stats()
  const sockets = Array.from({ length: 30 }, () => net.connect(s.port, '127.0.0.1'))
  for (const socket of sockets) {
    socket.on('error', () => {})
    socket.write(Buffer.from([0x16, 0x03, 0x01]))
  }
  await until('they are there', async () => (await s.stats()).files >= files + 30)
  await until('they are gone', async () => (await s.stats()).files <= files + 1)
})
