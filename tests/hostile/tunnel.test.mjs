// WebSockets through the proxy: nothing lost, nothing kept, everything closable.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { APP, ask, exchange, HOST, ok, sleep, until, withBackend } from './harness.mjs'

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** One frame; masked as clients do. */
function frame(opcode, payload, masked = true) {
  const bytes = Buffer.from(payload)
  const size = bytes.length < 126 ? Buffer.from([bytes.length]) : bytes.length < 65536 ? Buffer.from([126, bytes.length >> 8, bytes.length & 255]) : Buffer.alloc(9)
  if (size.length === 9) {
    size[0] = 127
    size.writeBigUInt64BE(BigInt(bytes.length), 1)
  }
  if (!masked) return Buffer.concat([Buffer.from([0x80 | opcode]), size, bytes])
  const mask = randomBytes(4)
  size[0] |= 0x80
  const hidden = Buffer.alloc(bytes.length)
  for (let i = 0; i < bytes.length; i++) hidden[i] = bytes[i] ^ mask[i & 3]
  return Buffer.concat([Buffer.from([0x80 | opcode]), size, mask, hidden])
}

/** Cuts whole frames off a stream of bytes. */
function frames(onFrame) {
  let bytes = Buffer.alloc(0)
  return (data) => {
    bytes = bytes.length ? Buffer.concat([bytes, data]) : data
    for (;;) {
      if (bytes.length < 2) return
      const masked = bytes[1] & 0x80 ? 4 : 0
      let size = bytes[1] & 0x7f
      let at = 2
      if (size === 126) {
        if (bytes.length < 4) return
        size = bytes.readUInt16BE(2)
        at = 4
      } else if (size === 127) {
        if (bytes.length < 10) return
        size = Number(bytes.readBigUInt64BE(2))
        at = 10
      }
      if (bytes.length < at + masked + size) return
      const payload = Buffer.from(bytes.subarray(at + masked, at + masked + size))
      if (masked) for (let i = 0; i < size; i++) payload[i] ^= bytes[at + (i & 3)]
      onFrame(bytes[0] & 15, payload)
      bytes = bytes.subarray(at + masked + size)
    }
  }
}

const switching = (request, more = '') =>
  `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n${more}Sec-WebSocket-Accept: ` +
  `${createHash('sha1').update(request.headers['sec-websocket-key'] + GUID).digest('base64')}\r\n\r\n`

/** A backend that takes WebSockets and sends every frame back. */
function echo(socket, request) {
  if (!/websocket/i.test(request.headers.upgrade ?? '')) return void socket.write(ok('plain'))
  socket.raw = true
  socket.write(Buffer.concat([Buffer.from(switching(request)), frame(1, 'first frame', false)]))
  const read = frames((opcode, payload) => socket.write(frame(opcode, payload, false)))
  socket.on('data', read)
}

const upgrade = (host, more = '', path = '/comms') =>
  `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
  `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n${more}\r\n`

/** An open WebSocket: {send, next, closed, head}. */
function open(fixture, { host = HOST, headers = '', early = '' } = {}) {
  return new Promise((done, fail) => {
    const socket = fixture.connect()
    const got = []
    const waiting = []
    let bytes = Buffer.alloc(0)
    let read = null
    const ws = {
      socket,
      send: (opcode, payload) => socket.write(frame(opcode, payload)),
      next: () => (got.length ? Promise.resolve(got.shift()) : new Promise((resolve) => waiting.push(resolve))),
      closed: new Promise((resolve) => socket.on('close', resolve)),
    }
    socket.on('error', () => {})
    socket.on('close', () => fail(new Error('closed before it opened')))
    socket.on('data', (data) => {
      if (read) return read(data)
      bytes = Buffer.concat([bytes, data])
      const end = bytes.indexOf('\r\n\r\n')
      if (end < 0) return
      ws.head = bytes.subarray(0, end).toString()
      if (!ws.head.startsWith('HTTP/1.1 101')) return fail(new Error(ws.head))
      read = frames((opcode, payload) => {
        const one = { opcode, payload }
        if (waiting.length) waiting.shift()(one)
        else got.push(one)
      })
      done(ws)
      read(bytes.subarray(end + 4))
    })
    socket.write(Buffer.concat([Buffer.from(upgrade(host, headers)), Buffer.from(early)]))
  })
}

const folder = mkdtempSync(join(tmpdir(), 'proxy-tls-'))
const pem = { certificate: join(folder, 'c.pem'), key: join(folder, 'k.pem') }
execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
  '-subj', '/CN=demo.localhost', '-keyout', pem.key, '-out', pem.certificate], { stdio: 'ignore' })
after(() => rmSync(folder, { recursive: true }))

for (const [kind, options] of [['plain', {}], ['TLS', pem]]) {
  describe(`WebSockets over ${kind}`, () => {
    let fixture
    let backend
    withBackend((made) => ({ fixture, backend } = made), { ...options, answer: echo })

    test('the frame that came with the 101 is not lost', async () => {
      const ws = await open(fixture)
      assert.match(ws.head, /connection: upgrade/i)
      assert.match(ws.head, /upgrade: websocket/i)
      assert.match(ws.head, /sec-websocket-accept/i)
      assert.equal((await ws.next()).payload.toString(), 'first frame')
      ws.socket.destroy()
    })

    test('a frame that came with the request is not lost', async () => {
      const ws = await open(fixture, { early: frame(1, 'eager') })
      await ws.next()
      assert.equal((await ws.next()).payload.toString(), 'eager')
      ws.socket.destroy()
    })

    test('messages of all sizes come back in order', async () => {
      const ws = await open(fixture)
      await ws.next()
      const sizes = [0, 1, 125, 126, 127, 65535, 65536, 1 << 20, 5, 1 << 20, 3 << 20, 7]
      for (const size of sizes) ws.send(2, Buffer.alloc(size, size))
      for (const size of sizes) {
        const { payload } = await ws.next()
        assert.equal(payload.length, size)
        assert.ok(payload.equals(Buffer.alloc(size, size)))
      }
      for (let i = 0; i < 200; i++) {
        ws.send(1, `message ${i}`)
        assert.equal((await ws.next()).payload.toString(), `message ${i}`)
      }
      ws.socket.destroy()
    })

    test('many open and close', async () => {
      const files = (await fixture.idle()).files
      for (let round = 0; round < 10; round++) {
        await Promise.all(
          Array.from({ length: 50 }, async (_, i) => {
            const ws = await open(fixture)
            await ws.next()
            ws.send(1, `hello ${i}`)
            assert.equal((await ws.next()).payload.toString(), `hello ${i}`)
            if (i % 3) ws.socket.destroy()
            else ws.socket.end()
            await ws.closed
          }),
        )
      }
      assert.ok((await fixture.idle()).files <= files + 2)
    })

    test('hundreds stay open in little memory', async () => {
      const all = await Promise.all(Array.from({ length: 300 }, () => open(fixture)))
      const now = await fixture.stats()
      assert.equal(now.sockets, 300)
      assert.equal(now.busy, 300)
      for (const ws of all) {
        await ws.next()
        ws.send(1, 'x')
      }
      for (const ws of all) assert.equal((await ws.next()).payload.toString(), 'x')
      for (const ws of all) ws.socket.destroy()
    })

    test('an instance that goes away closes the client’s side', async () => {
      const ws = await open(fixture)
      await ws.next()
      for (const socket of backend.sockets) socket.destroy()
      await ws.closed
    })

    test('what the instance said last still arrives', async () => {
      backend.answer = (socket, request) => {
        socket.raw = true
        socket.write(switching(request))
        socket.end(Buffer.concat([frame(2, Buffer.alloc(2 << 20, 1), false), frame(8, '', false)]))
      }
      const ws = await open(fixture)
      assert.equal((await ws.next()).payload.length, 2 << 20)
      assert.equal((await ws.next()).opcode, 8)
      await ws.closed
    })

    test('closing the instance’s connections closes them', async () => {
      const all = await Promise.all(Array.from({ length: 5 }, () => open(fixture)))
      await fixture.tell('close')
      await Promise.all(all.map((ws) => ws.closed))
    })

    test('a client that does not read makes the instance wait', async () => {
      let sent = 0
      backend.answer = (socket, request) => {
        socket.raw = true
        socket.write(switching(request))
        const block = frame(2, Buffer.alloc(1 << 20), false)
        const more = () => {
          while (sent < 200) {
            sent++
            if (!socket.write(block)) return socket.once('drain', more)
          }
        }
        more()
      }
      const before = (await fixture.stats()).rss
      const ws = await open(fixture)
      ws.socket.pause()
      await sleep(1000)
      assert.ok(sent < 32, `${sent} MiB`)
      assert.ok((await fixture.stats()).rss - before < 8192)
      ws.socket.destroy()
    })
  })
}

describe('WebSockets', () => {
  let fixture
  let backend
  withBackend((made) => ({ fixture, backend } = made), { answer: echo })

  test('identity needs the own Origin', async () => {
    const who = 'X-Test-Who: owner\r\n'
    const identity = async (headers) => {
      const ws = await open(fixture, { headers })
      ws.socket.destroy()
      return backend.requests.at(-1).headers['x-redhouse-identity']
    }
    assert.equal(await identity(who), undefined)
    assert.equal(await identity(`${who}Origin: http://${APP}\r\n`), undefined)
    assert.equal(await identity(`${who}Origin: null\r\n`), undefined)
    assert.ok(await identity(`${who}Origin: http://${HOST}\r\n`))
  })

  test('those of a person whose right ended are closed, others stay', async () => {
    const owned = await open(fixture, { headers: `X-Test-Who: owner\r\nOrigin: http://${HOST}\r\n` })
    const nobody = await open(fixture, { host: APP })
    await fixture.tell('ended 02other')
    owned.send(1, 'still here')
    await owned.next()
    assert.equal((await owned.next()).payload.toString(), 'still here')
    await fixture.tell('ended 01user')
    await owned.closed
    await nobody.next()
    nobody.send(1, 'still here')
    assert.equal((await nobody.next()).payload.toString(), 'still here')
    nobody.socket.destroy()
  })

  test('a stream of a person whose right ended is cut', async () => {
    backend.answer = (socket) => {
      socket.raw = true
      socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n:hi\n\r\n')
    }
    const cut = exchange(fixture, `GET / HTTP/1.1\r\nHost: ${HOST}\r\nX-Test-Who: owner\r\n\r\n`)
    await until('the stream is open', async () => (await fixture.stats()).busy === 1)
    await sleep(100)
    await fixture.tell('ended 01user')
    assert.match(await cut, /:hi/)
  })

  test('a person’s frames are activity, heartbeats are not', async () => {
    const ws = await open(fixture)
    await ws.next()
    const begin = (await fixture.stats()).last
    ws.send(1, '3')
    ws.send(9, 'a ping of some length')
    await ws.next()
    await ws.next()
    assert.equal((await fixture.stats()).last, begin)
    ws.send(1, '{"subscribe":"debug"}')
    await ws.next()
    assert.ok((await fixture.stats()).last > begin)
    ws.socket.destroy()
  })

  test('an answer that is no 101 passes as it is', async () => {
    backend.answer = (socket) => socket.write('HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno')
    const text = await exchange(fixture, upgrade(HOST, ''), { enough: (t) => t.endsWith('no') })
    assert.match(text, /^HTTP\/1.1 401/)
  })

  for (const [name, bytes] of [
    ['without Connection: upgrade', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n'],
    ['that is no HTTP', 'HTTP/1.1 101 Switching\nConnection: upgrade\n\n'],
    ['with a status of its own', 'HTTP/1.1 102 Processing\r\nConnection: upgrade\r\n\r\n'.repeat(20)],
  ]) {
    test(`a 101 ${name} becomes 502`, async () => {
      backend.answer = (socket) => socket.write(bytes)
      const text = await exchange(fixture, upgrade(HOST), { enough: (t) => t.includes('\r\n\r\n') })
      assert.match(text, /^HTTP\/1.1 502/)
    })
  }

  test('cookies that an instance may not set are removed from a 101, too', async () => {
    backend.answer = (socket, request) => {
      socket.raw = true
      socket.write(switching(request, 'Set-Cookie: redhouse_test=x\r\nSet-Cookie: a=b\r\nStrict-Transport-Security: max-age=1\r\n'))
    }
    const ws = await open(fixture)
    assert.doesNotMatch(ws.head, /redhouse_test|strict/i)
    assert.match(ws.head, /set-cookie: a=b/i)
    ws.socket.destroy()
  })

  test('another protocol is not switched to', async () => {
    for (const protocol of ['h2c', 'TLS/1.0', 'websocket, h2c']) {
      const text = await exchange(fixture, `GET / HTTP/1.1\r\nHost: ${HOST}\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: ${protocol}\r\nHTTP2-Settings: AAA\r\n\r\n`,
        { enough: (t) => t.endsWith('plain') })
      assert.match(text, /^HTTP\/1.1 200/)
      const { headers } = backend.requests.at(-1)
      assert.equal(headers.upgrade, undefined)
      assert.equal(headers.connection, undefined)
      assert.equal(headers['http2-settings'], undefined)
    }
  })

  test('an ordinary request goes on while they are open', async () => {
    const ws = await open(fixture)
    assert.equal((await ask(fixture)).body, 'plain')
    ws.socket.destroy()
  })
})
