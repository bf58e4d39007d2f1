// Everything at once, at random: clients that leave, instances that misbehave, states that change. Whatever
// happened, nothing stays open in the end.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { APP, Backend, Fixture, HOST, ok, sleep, until } from './harness.mjs'

const SECONDS = Number(process.env.SOAK_SECONDS ?? 6)
const CLIENTS = 40
const folder = mkdtempSync(join(tmpdir(), 'proxy-soak-'))
const pem = { certificate: join(folder, 'c.pem'), key: join(folder, 'k.pem') }
execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
  '-subj', '/CN=demo.localhost', '-keyout', pem.key, '-out', pem.certificate], { stdio: 'ignore' })
after(() => rmSync(folder, { recursive: true }))

const below = (n) => Math.floor(Math.random() * n)
const pick = (list) => list[below(list.length)]
const big = 'x'.repeat(1 << 20)

const answers = [
  () => ok('hi'),
  () => ok(big),
  () => ok(big, 'Content-Type: text/css\r\n'),
  () => `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${'3\r\nabc\r\n'.repeat(below(2000))}0\r\n\r\n`,
  () => 'HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n100\r\nabc',
  () => 'HTTP/1.1 200 OK\r\n\r\nuntil the end',
  () => 'junk\r\n\r\n',
  () => ok('a') + ok('b'),
  () => 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(below(20)) + ok('z'),
  () => 'HTTP/1.1 204 No Content\r\n\r\n',
  () => '',
]

function webSocket(socket) {
  if (below(5) === 0) return void socket.destroy()
  socket.raw = true
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n${big.slice(0, below(100000))}`)
  socket.on('data', (data) => (below(30) === 0 ? socket.destroy() : socket.write(data)))
}

async function misbehave(socket, request) {
  if (/websocket/.test(request.headers.upgrade ?? '')) return webSocket(socket)
  let bytes = pick(answers)()
  while (bytes.length && !socket.destroyed) {
    const n = below(4) ? bytes.length : below(bytes.length) + 1
    socket.write(bytes.slice(0, n))
    bytes = bytes.slice(n)
    if (below(3) === 0) await sleep(below(8))
  }
  if (below(3) === 0) socket.end()
  else if (below(6) === 0) socket.destroy()
}

async function client(fixture, end) {
  for (; Date.now() < end(); ) {
    const socket = fixture.connect()
    const host = pick([HOST, APP])
    const head = [`Host: ${host}`]
    socket.on('error', () => {})
    socket.on('data', () => {
      if (below(50)) return
      socket.pause()
      setTimeout(() => socket.resume(), below(60))
    })
    if (below(2)) head.push('X-Test-Who: owner', `Origin: ${fixture.tls ? 'https' : 'http'}://${host}`)
    if (below(2)) head.push('Accept-Encoding: gzip')
    if (!below(3)) head.push('Accept: text/html')
    if (below(4) === 0) {
      socket.write(`GET /ws HTTP/1.1\r\n${head.join('\r\n')}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`)
      for (let i = below(20); i > 0; i--) {
        socket.write(Buffer.alloc(below(50000), 3))
        await sleep(below(4))
      }
    } else {
      for (let i = below(5); i >= 0; i--) {
        const method = pick(['GET', 'POST', 'HEAD', 'PUT', 'DELETE'])
        const body = method === 'POST' ? 'b'.repeat(below(3) ? 10 : below(600000)) : ''
        socket.write(`${method} /${i} HTTP/1.${below(8) ? 1 : 0}\r\n${head.join('\r\n')}\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
        await sleep(below(3))
      }
    }
    await sleep(below(below(4) ? 30 : 400))
    if (below(2)) socket.end()
    if (below(2)) await sleep(below(40))
    socket.destroy()
  }
}

async function unrest(fixture, end) {
  while (Date.now() < end()) {
    await fixture.tell(`state ${pick(['running', 'running', 'starting', 'asleep', 'stopped', 'failed broken'])}`)
    await sleep(below(80))
    await fixture.tell('state running')
    await sleep(below(300))
    await fixture.tell(pick(['close', 'ended 01user', 'stats', `socket ${join(fixture.folder, 'nowhere')}`]))
    await sleep(below(60))
    await fixture.tell(`socket ${fixture.socket}`)
  }
}

for (const [kind, options] of [['plain', {}], ['TLS', pem]]) {
  test(`nothing stays open after ${SECONDS} s of everything over ${kind}`, async () => {
    const fixture = await Fixture.start({ wait: 800, ...options })
    const backend = new Backend(fixture.socket, misbehave)
    await backend.listen()
    const before = (await fixture.stats()).files
    const stop = Date.now() + SECONDS * 1000
    const end = () => stop
    await Promise.all([...Array.from({ length: CLIENTS }, () => client(fixture, end)), unrest(fixture, end)])
    await fixture.tell('state stopped')
    await backend.close()
    await fixture.tell('close')
    await until('nothing is open', async () => {
      const now = await fixture.stats()
      return now.busy === 0 && now.requests === 0 && now.sockets === 0 && now.files <= before
    }, 30000)
    await fixture.stop()
  })
}
