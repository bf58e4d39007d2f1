// A carrier where the public address is https: TLS and plain HTTP on one socket, told apart by their first byte.
// What speaks there is a tenant's.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Duplex } from 'node:stream'
import { after, before, test } from 'node:test'
import tls from 'node:tls'
import { Server, certificate, sleep, until } from './http.mjs'

let s, dir, path
before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'carrier-'))
  await certificate(dir, 'default')
  s = await Server.start({ 'carrier-tls': dir, url: 'https://localhost' })
  path = join(s.dir, 'carrier.sock')
})
after(async () => {
  await s.end()
  rmSync(dir, { recursive: true })
})

const ask = () => `GET /runtime HTTP/1.1\r\nHost: ${s.host}\r\nAuthorization: Bearer ${s.instance}\r\n\r\n`

// What came until the connection ended, or an answer was there.
function speak(socket, bytes) {
  return new Promise((done) => {
    let text = ''
    const end = () => { done(text); socket.destroy() }
    socket.on('data', (d) => { text += d.toString('latin1'); if (/"kind"/.test(text)) end() })
    socket.on('error', () => {})
    socket.on('close', end)
    if (bytes) socket.write(bytes)
  })
}
const secure = (options = {}) =>
  new Promise((done, fail) => {
    const socket = tls.connect({ path, rejectUnauthorized: false, ...options }, () => done(socket))
    socket.on('error', fail)
  })

test('both are answered, with the rights of the carrier', async () => {
  assert.match(await speak(net.connect(path), ask()), /^HTTP\/1\.1 200 [^]*"instance": ?"01demo"/)
  assert.match(await speak(await secure(), ask()), /^HTTP\/1\.1 200 [^]*"instance": ?"01demo"/)
})

test('a first byte that comes alone decides as well', async () => {
  const plain = net.connect(path)
  const answer = speak(plain, 'G')
  await sleep(50)
  plain.write(ask().slice(1))
  assert.match(await answer, /^HTTP\/1\.1 200 /)
  const slow = net.connect(path)
  const client = tls.connect({ socket: new OneByOne(slow), rejectUnauthorized: false })
  assert.match(await speak(client, ask()), /^HTTP\/1\.1 200 /)
})

test('no HTTP/2, by neither way', async () => {
  await assert.rejects(secure({ ALPNProtocols: ['h2'] }))
  const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0'
  assert.match(await speak(net.connect(path), preface), /^HTTP\/1\.1 400 /)
  assert.match(await speak(await secure(), preface), /^HTTP\/1\.1 400 /)
})

test('noise ends the connection and nothing else', async () => {
  for (const bytes of ['\x16\x03\x01\xff\xff' + 'x'.repeat(1000), '\x16', '\x16'.repeat(70000), '\0'.repeat(100), '\x15\x03\x03\x00\x02\x02\x28']) {
    const socket = net.connect(path)
    const said = speak(socket, Buffer.from(bytes, 'latin1'))
    if (bytes.length === 1) socket.end()
    assert.doesNotMatch(await said, / 200 /)
  }
  assert.match(await speak(net.connect(path), ask()), /^HTTP\/1\.1 200 /)
})

test('who says nothing, or half of a greeting, is let go', { timeout: 60000 }, async () => {
  const before_ = (await s.stats()).files
  const silent = Array.from({ length: 20 }, () => net.connect(path))
  const half = Array.from({ length: 20 }, () => net.connect(path))
  for (const socket of half) socket.write(Buffer.from('160301', 'hex'))
  await Promise.all([...silent, ...half].map((socket) => speak(socket)))
  await until('their descriptors are free', async () => (await s.stats()).files <= before_)
  assert.match(await speak(await secure(), ask()), /^HTTP\/1\.1 200 /)
})

// A socket whose writes arrive byte by byte.
class OneByOne extends Duplex {
  constructor(socket) {
    super()
    this.socket = socket.setNoDelay()
    socket.on('data', (d) => this.push(d))
    socket.on('end', () => this.push(null))
    socket.on('error', (e) => this.destroy(e))
  }
  _read() {}
  async _write(bytes, encoding, done) {
    for (const byte of bytes.subarray(0, 40)) {
      this.socket.write(Buffer.from([byte]))
      await sleep(1)
    }
    this.socket.write(bytes.subarray(40), done)
  }
  _final(done) { this.socket.end(done) }
}
