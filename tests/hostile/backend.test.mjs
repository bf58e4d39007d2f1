// What an instance may answer, and how it may go away: the proxy stays up, its neighbours are not disturbed, and
// nobody is told something that was not said.
import assert from 'node:assert/strict'
import { symlinkSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { ask, Backend, exchange, HOST, ok, sleep, until, withBackend } from './harness.mjs'

let fixture
let backend
const answers = withBackend((made) => ({ fixture, backend } = made))

const head = (lines) => `HTTP/1.1 200 OK\r\n${lines}\r\n\r\n`

describe('answers that are not HTTP become 502', () => {
  const hostile = {
    'a length that is a word': head('Content-Length: abc'),
    'a negative length': head('Content-Length: -1'),
    'an empty length': head('Content-Length:'),
    'a length of 2^64-1': head('Content-Length: 18446744073709551615'),
    'a length beyond 64 bits': head('Content-Length: 99999999999999999999999'),
    'a list of lengths': head('Content-Length: 5, 5') + 'hello',
    'a hexadecimal length': head('Content-Length: 0x5') + 'hello',
    'two different lengths': head('Content-Length: 5\r\nContent-Length: 6') + 'hello!',
    'a length and chunks': head('Content-Length: 5\r\nTransfer-Encoding: chunked') + '0\r\n\r\n',
    'chunks and a length': head('Transfer-Encoding: chunked\r\nContent-Length: 5') + '0\r\n\r\n',
    'an unknown encoding': head('Transfer-Encoding: gzip') + 'x',
    'two encodings': head('Transfer-Encoding: gzip, chunked') + '0\r\n\r\n',
    'chunked twice': head('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked') + '0\r\n\r\n',
    'identity': head('Transfer-Encoding: identity\r\nContent-Length: 1') + 'x',
    'chunks in HTTP/1.0': 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'status 000': 'HTTP/1.1 000 X\r\nContent-Length: 0\r\n\r\n',
    'status 099': 'HTTP/1.1 099 X\r\nContent-Length: 0\r\n\r\n',
    'status 600': 'HTTP/1.1 600 X\r\nContent-Length: 0\r\n\r\n',
    'status 999': 'HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n',
    'a status of two digits': 'HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n',
    'a status of four digits': 'HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n',
    'a negative status': 'HTTP/1.1 -20 OK\r\nContent-Length: 0\r\n\r\n',
    'HTTP/2': 'HTTP/2 200\r\ncontent-length: 0\r\n\r\n',
    'HTTP/0.9': 'hello\n',
    'a greeting of another protocol': '220 mail.example ESMTP\r\n\r\n',
    'a folded header': head('A: b\r\n folded\r\nContent-Length: 0'),
    'a fold first': 'HTTP/1.1 200 OK\r\n A: b\r\nContent-Length: 0\r\n\r\n',
    'a blank before the colon': head('Content-Length : 0'),
    'an empty name': head(': b\r\nContent-Length: 0'),
    'a line without colon': head('nonsense\r\nContent-Length: 0'),
    'a NUL in a value': head('A: b\0c\r\nContent-Length: 0'),
    'a CR in a value': head('A: b\rSet-Cookie: x=y\r\nContent-Length: 0'),
    'a control byte in a name': head('A\x01: b\r\nContent-Length: 0'),
    'bare line feeds': 'HTTP/1.1 200 OK\nContent-Length: 0\n\n',
    'one bare line feed': 'HTTP/1.1 200 OK\r\nA: b\nContent-Length: 0\r\n\r\n',
    'an empty line first': '\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
    'a hundred and one headers': head(`${'A: b\r\n'.repeat(101)}Content-Length: 0`),
    'a head without end': `HTTP/1.1 200 OK\r\nA: ${'x'.repeat(70000)}`,
    'many lines without end': `HTTP/1.1 200 OK\r\n${'A: b\r\n'.repeat(20000)}`,
    'an unsolicited 101': 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
    'a flood of 100s': 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(5000),
    'a flood of 103s with headers': `HTTP/1.1 103 Early Hints\r\nLink: </${'x'.repeat(500)}>\r\n\r\n`.repeat(500),
    'half a head and the end': ['HTTP/1.1 200 OK\r\nConte', 'end'],
    'a 100 and the end': ['HTTP/1.1 100 Continue\r\n\r\n', 'end'],
    'the end': ['', 'end'],
    'a reset': ['', 'destroy'],
  }
  for (const [name, bytes] of Object.entries(hostile)) {
    test(name, async () => {
      answers((socket) => {
        socket.write([bytes].flat()[0])
        if (Array.isArray(bytes)) socket[bytes[1]]()
      })
      const answer = await ask(fixture, { method: 'POST', body: 'x' })
      assert.equal(answer.status, 502)
      assert.ok(answer.whole)
      assert.match(answer.headers['content-type'], /problem\+json/)
      assert.match(JSON.parse(answer.body).code, /^instance_(bad_answer|closed)$/)
    })
  }
})

describe('bodies that are cut short are seen as cut short', () => {
  const cut = {
    'a length not met': head('Content-Length: 100') + 'hello',
    'chunks without end': head('Transfer-Encoding: chunked') + '5\r\nhello\r\n',
    'a chunk not met': head('Transfer-Encoding: chunked') + 'ff\r\nhello',
    'chunks that are none': head('Transfer-Encoding: chunked') + '5\r\nhello\r\nzz\r\n',
    'a chunk with a sign': head('Transfer-Encoding: chunked') + '5\r\nhello\r\n-5\r\n',
    'a chunk too large for a number': head('Transfer-Encoding: chunked') + '5\r\nhello\r\nffffffffffffffffff\r\n',
    'a chunk with a bare line feed': head('Transfer-Encoding: chunked') + '5\r\nhello\r\n5\nworld\r\n0\r\n\r\n',
    'endless extensions': head('Transfer-Encoding: chunked') + `5\r\nhello\r\n5;${'x'.repeat(5000)}\r\n`,
    'endless trailers': head('Transfer-Encoding: chunked') + `5\r\nhello\r\n0\r\n${'A: b\r\n'.repeat(5000)}`,
  }
  for (const [name, bytes] of Object.entries(cut)) {
    for (const method of ['GET', 'POST']) {
      test(`${name}, ${method}`, async () => {
        answers((socket) => socket.end(bytes))
        const answer = await ask(fixture, { method, body: method === 'POST' ? 'x' : '' })
        assert.equal(answer.status, 200)
        assert.equal(answer.body.slice(0, 5), 'hello')
        assert.equal(answer.whole, false)
      })
    }
  }

  test('a client of HTTP/1.0 gets a reset, not a seeming end', async () => {
    answers((socket) => {
      socket.write(head('Transfer-Encoding: chunked') + '5\r\nhello\r\n')
      setTimeout(() => socket.destroy(), 50)
    })
    const seen = await new Promise((done) => {
      const socket = fixture.connect()
      socket.on('error', (error) => done(error.code))
      socket.on('end', () => done('end'))
      socket.resume()
      socket.write(`GET / HTTP/1.0\r\nHost: ${HOST}\r\n\r\n`)
    })
    assert.equal(seen, 'ECONNRESET')
  })
})

describe('answers that are right pass unharmed', () => {
  test('informational heads are skipped', async () => {
    answers('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n' + ok('hello'))
    const answer = await ask(fixture)
    assert.equal(answer.body, 'hello')
    assert.equal(answer.headers.link, undefined)
  })

  test('a head byte by byte', async () => {
    answers(async (socket) => {
      for (const c of ok('hello', 'X-A: b\r\n')) {
        socket.write(c)
        await sleep(1)
      }
    })
    assert.equal((await ask(fixture)).body, 'hello')
  })

  test('chunks of one byte', async () => {
    const body = 'abcdefghij'.repeat(2000)
    answers(head('Transfer-Encoding: chunked') + [...body].map((c) => `1\r\n${c}\r\n`).join('') + '0\r\n\r\n')
    const answer = await ask(fixture)
    assert.equal(answer.body, body)
    assert.ok(answer.whole)
  })

  test('chunks of all sizes, cut anywhere', async () => {
    let body = ''
    let bytes = head('Transfer-Encoding: chunked')
    for (let i = 1; i < 400; i++) {
      const piece = String.fromCharCode(97 + (i % 26)).repeat((i * 37) % 3000 || 1)
      body += piece
      bytes += `${piece.length.toString(16)};e=1\r\n${piece}\r\n`
    }
    bytes += '0\r\nTrailer: x\r\n\r\n'
    answers(async (socket) => {
      for (let at = 0; at < bytes.length; at += 7919) {
        socket.write(bytes.slice(at, at + 7919))
        await sleep(1)
      }
    })
    const answer = await ask(fixture)
    assert.ok(answer.whole)
    assert.equal(answer.body, body)
  })

  test('a body until the end of the connection', async () => {
    answers((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\nhello'))
    const answer = await ask(fixture)
    assert.equal(answer.body, 'hello')
    assert.ok(answer.whole)
  })

  test('chunks to a client of HTTP/1.0 come plain', async () => {
    answers(head('Transfer-Encoding: chunked') + '5\r\nhello\r\n0\r\n\r\n')
    const text = await exchange(fixture, `GET / HTTP/1.0\r\nHost: ${HOST}\r\nConnection: keep-alive\r\n\r\n`)
    assert.match(text, /\r\n\r\nhello$/)
    assert.doesNotMatch(text, /chunked/)
  })

  test('chunks of other statuses keep the connection', async () => {
    answers('HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n')
    const request = `GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`
    const text = await exchange(fixture, request + request, { enough: (t) => t.split('0\r\n\r\n').length === 3 })
    assert.equal(text.match(/HTTP\/1.1 404/g).length, 2)
  })

  test('the head comes before a body that is late', async () => {
    answers((socket) => {
      socket.write(head('Content-Type: text/event-stream\r\nTransfer-Encoding: chunked'))
      setTimeout(() => socket.write('6\r\n: hi\n\n\r\n0\r\n\r\n'), 400)
    })
    const begin = Date.now()
    await exchange(fixture, `GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`, { enough: (t) => t.includes('\r\n\r\n') })
    assert.ok(Date.now() - begin < 300)
  })

  test('an answer to HEAD has no body but its length', async () => {
    answers((socket, request) => socket.write(request.line.startsWith('HEAD') ? 'HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n' : ok('fine')))
    const answer = await ask(fixture, { method: 'HEAD' })
    assert.equal(answer.headers['content-length'], '12345')
    assert.ok(answer.whole)
  })

  for (const [name, bytes] of [
    ['a body after 204', 'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello'],
    ['a body after 304', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nhello'],
    ['a second answer nobody asked for', ok('hello') + ok('smuggled')],
    ['bytes after the last chunk', head('Transfer-Encoding: chunked') + '5\r\nhello\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n'],
  ]) {
    test(`${name} is never the answer to the next request`, async () => {
      await fixture.tell('close')
      const used = backend.connections
      answers((socket, request) => socket.write(request.line.includes('/bad') ? bytes : ok('mine')))
      const both = await exchange(
        fixture,
        `GET /bad HTTP/1.1\r\nHost: ${HOST}\r\n\r\nGET /good HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`,
      )
      assert.doesNotMatch(both, /smuggled/)
      assert.match(both, /mine$/)
      assert.equal(backend.connections, used + 2)
    })
  }

  test('connections are used again', async () => {
    await ask(fixture)
    const used = backend.connections
    for (let i = 0; i < 20; i++) assert.equal((await ask(fixture)).body, 'fine')
    assert.equal(backend.connections, used)
  })

  test('large answers arrive whole', async () => {
    const body = Buffer.alloc(20 << 20, 'abcdefgh').toString()
    answers(ok(body))
    const answer = await ask(fixture)
    assert.equal(answer.body.length, body.length)
    assert.ok(answer.body === body)
  })
})

describe('connections that die', () => {
  test('a kept connection that is gone: reading is tried again, writing is not sent twice', async () => {
    answers((socket) => socket.write(ok('fine')))
    await ask(fixture)
    let dying = 0
    answers((socket, request) => {
      if (request.line.includes('/die') && dying++ === 0) socket.destroy()
      else socket.write(ok(`n${request.n}`))
    })
    const again = await ask(fixture, { path: '/die' })
    assert.equal(again.status, 200)
    assert.equal(dying, 2)
    await ask(fixture)
    dying = 0
    const once = await ask(fixture, { method: 'POST', path: '/die', body: 'x' })
    assert.equal(once.status, 502)
    assert.equal(dying, 1)
  })

  test('kept connections that closed meanwhile are not used', async () => {
    await ask(fixture)
    for (const socket of backend.sockets) socket.destroy()
    const answer = await ask(fixture, { method: 'POST', body: 'x' })
    assert.equal(answer.status, 200)
  })

  test('a kept connection that talks out of turn is dropped', async () => {
    await ask(fixture)
    for (const socket of backend.sockets) socket.write(ok('poison'))
    assert.equal((await ask(fixture)).body, 'fine')
    assert.equal((await ask(fixture, { method: 'POST', body: 'x' })).body, 'fine')
  })

  test('an answer before the request was read ends the exchange', async () => {
    answers((socket) => socket.end('HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig'))
    backend.early = true
    const answer = await ask(fixture, { method: 'POST', body: 'x'.repeat(8 << 20) })
    assert.equal(answer.status, 413)
    assert.equal(answer.body, 'big')
  })

  test('a client that leaves closes the instance’s side', async () => {
    let closed = false
    answers((socket) => {
      socket.on('close', () => (closed = true))
      socket.write(head('Transfer-Encoding: chunked'))
      const timer = setInterval(() => socket.write('5\r\nhello\r\n'), 10)
      socket.on('close', () => clearInterval(timer))
    })
    await exchange(fixture, `GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`, { enough: (t) => t.includes('hello') })
    await until('the instance’s side is closed', () => closed)
  })

  test('a client that leaves before the answer is noticed', async () => {
    let closed = 0
    answers((socket) => socket.on('close', () => closed++))
    for (const method of ['GET', 'POST']) {
      closed = 0
      const socket = fixture.connect()
      socket.write(`${method} / HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 0\r\n\r\n`)
      await until('it is with the instance', async () => (await fixture.stats()).busy === 1)
      socket.destroy()
      await until('the instance’s side is closed', () => closed === 1)
      await fixture.idle()
    }
  })

  test('a silent stream ends with its client', async () => {
    let closed = false
    answers((socket) => {
      socket.on('close', () => (closed = true))
      socket.write(head('Content-Type: text/event-stream\r\nTransfer-Encoding: chunked'))
    })
    await exchange(fixture, `GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`, { enough: (t) => t.includes('\r\n\r\n') })
    await until('the instance’s side is closed', () => closed)
  })

  test('requests that came at once are answered one by one', async () => {
    answers((socket, request) => setTimeout(() => socket.write(ok(`<${request.line.split(' ')[1]}>`)), 20))
    const one = (i) => `POST /${i} HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 3\r\n\r\nabc`
    const text = await exchange(fixture, Array.from({ length: 20 }, (_, i) => one(i)).join(''), { enough: (t) => t.includes('</19>') })
    assert.deepEqual(text.match(/<\/\d+>/g), Array.from({ length: 20 }, (_, i) => `</${i}>`))
    const slow = fixture.connect()
    let got = ''
    slow.on('data', (data) => (got += data))
    slow.write(one(1))
    await sleep(5)
    slow.write(one(2).slice(0, 30))
    await sleep(5)
    slow.write(one(2).slice(30))
    await until('both are answered', () => got.includes('</2>'))
    assert.ok(got.includes('</1>'))
    slow.destroy()
  })

  test('hundreds at once leave nothing open', async () => {
    answers((socket, request) => {
      const kind = request.n % 4
      if (kind === 0) socket.write(ok('a'.repeat(100000)))
      else if (kind === 1) socket.end(head('Content-Length: 100') + 'short')
      else if (kind === 2) setTimeout(() => socket.write(ok('late')), 50)
      else socket.destroy()
    })
    const before = (await fixture.idle()).files
    const answers1 = await Promise.all(Array.from({ length: 400 }, (_, i) => ask(fixture, { path: `/${i}`, ms: 20000 })))
    assert.ok(answers1.every((a) => [200, 502].includes(a.status)))
    await fixture.tell('close')
    assert.ok((await fixture.idle()).files <= before + 2)
  })
})

describe('the socket', () => {
  test('that does not exist is tried for some seconds', async () => {
    await fixture.tell(`socket ${join(fixture.folder, 'later.sock')}`)
    const waiting = ask(fixture)
    await sleep(300)
    const late = new Backend(join(fixture.folder, 'later.sock'), (socket) => socket.write(ok('late')))
    await late.listen()
    assert.equal((await waiting).body, 'late')
    await late.close()
    const begin = Date.now()
    const answer = await ask(fixture)
    assert.equal(answer.status, 502)
    assert.equal(JSON.parse(answer.body).code, 'instance_unreachable')
    assert.ok(answer.headers['retry-after'])
    assert.ok(Date.now() - begin > 2000 && Date.now() - begin < 5000)
    await fixture.tell(`socket ${fixture.socket}`)
  })

  test('is never reached through a symbolic link, nor is it another kind of file', async () => {
    const link = join(fixture.folder, 'link.sock')
    symlinkSync(fixture.socket, link)
    for (const path of [link, '/dev/null', fixture.folder]) {
      await fixture.tell(`socket ${path}`)
      assert.equal((await ask(fixture)).status, 502)
    }
    unlinkSync(link)
    await fixture.tell(`socket ${fixture.socket}`)
  })
})

describe('memory', () => {
  test('a slow client makes the instance wait, not the proxy grow', async () => {
    let sent = 0
    const total = 300 << 20
    answers((socket) => {
      const block = Buffer.alloc(1 << 20, 'x')
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`)
      const more = () => {
        while (sent < total) {
          sent += block.length
          if (!socket.write(block)) return socket.once('drain', more)
        }
      }
      more()
    })
    const before = (await fixture.stats()).rss
    const socket = fixture.connect()
    socket.write(`GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`)
    await new Promise((done) => socket.once('readable', done))
    await sleep(1500)
    const during = (await fixture.stats()).rss
    assert.ok(during - before < 4096, `grew by ${during - before} KiB`)
    assert.ok(sent < 32 << 20, `took ${sent} bytes from the instance`)
    socket.destroy()
  })

  test('many slow clients stay within their share', async () => {
    answers((socket) => socket.write(ok('x'.repeat(4 << 20))))
    const before = (await fixture.stats()).rss
    const sockets = Array.from({ length: 50 }, () => {
      const socket = fixture.connect()
      socket.pause()
      socket.write(`GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`)
      return socket
    })
    await sleep(1500)
    const during = (await fixture.stats()).rss
    assert.ok(during - before < 50 * 400, `grew by ${during - before} KiB`)
    for (const socket of sockets) socket.destroy()
    await fixture.tell('close')
  })
})
