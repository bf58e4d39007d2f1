// The proxy fixture as a child process, backends that write whatever bytes a test wants, and raw clients.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import readline from 'node:readline'
import { after, afterEach, before } from 'node:test'
import tls from 'node:tls'
import { endsInTime, sleep, until } from './http.mjs'

export { sleep, until }

const program = process.env.PROXY_FIXTURE ?? 'build/dev/hostile/proxy_fixture'
export const HOST = 'demo.localhost'
export const APP = 'demo--app.localhost'

/** A backend on a Unix socket. answer(socket, request) is called for each whole request that arrives; request is
 * {head, body, headers, line, n} with n counting requests of this backend. */
export class Backend {
  constructor(path, answer) {
    this.path = path
    this.answer = answer
    this.requests = []
    this.connections = 0
    this.sockets = new Set()
    this.server = net.createServer((socket) => this.#serve(socket))
  }

  listen() {
    return new Promise((done, fail) => this.server.once('error', fail).listen(this.path, done))
  }

  #serve(socket) {
    let bytes = Buffer.alloc(0)
    this.connections++
    this.sockets.add(socket)
    socket.on('close', () => this.sockets.delete(socket))
    socket.on('error', () => {})
    socket.on('data', (data) => {
      if (socket.raw) return
      bytes = Buffer.concat([bytes, data])
      for (;;) {
        const end = bytes.indexOf('\r\n\r\n')
        if (end < 0) return
        const head = bytes.subarray(0, end).toString('latin1')
        const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0)
        if (bytes.length < end + 4 + length && !this.early) return
        const body = bytes.subarray(end + 4, end + 4 + length)
        bytes = bytes.subarray(end + 4 + length)
        const request = { head, body, line: head.split('\r\n')[0], headers: headersOf(head), n: this.requests.length }
        this.requests.push(request)
        this.answer(socket, request)
        if (socket.raw || this.early) return
      }
    })
  }

  async close() {
    for (const socket of this.sockets) socket.destroy()
    await new Promise((done) => this.server.close(done))
  }
}

export function headersOf(head) {
  const headers = {}
  for (const line of head.split('\r\n').slice(1)) {
    const colon = line.indexOf(':')
    const name = line.slice(0, colon).toLowerCase()
    const value = line.slice(colon + 1).trim()
    headers[name] = name in headers ? `${headers[name]}\n${value}` : value
  }
  return headers
}

export class Fixture {
  static async start({ socket, wait = 5000, certificate, key } = {}) {
    const fixture = new Fixture()
    fixture.folder = mkdtempSync(join(tmpdir(), 'proxy-'))
    fixture.socket = socket ?? join(fixture.folder, 'editor.sock')
    const args = [fixture.socket, String(wait)]
    if (certificate) args.push(certificate, key)
    fixture.tls = Boolean(certificate)
    fixture.errors = ''
    fixture.child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ASAN_OPTIONS: 'detect_leaks=0' } })
    fixture.child.stderr.on('data', (data) => (fixture.errors += data))
    fixture.ended = new Promise((done) => fixture.child.on('exit', (code, signal) => done({ code, signal })))
    fixture.lines = readline.createInterface({ input: fixture.child.stdout })[Symbol.asyncIterator]()
    fixture.turn = Promise.resolve()
    const first = await fixture.lines.next()
    if (first.done) throw new Error(`the fixture did not start: ${fixture.errors}`)
    fixture.port = Number(first.value.split(' ')[1])
    return fixture
  }

  /** One command; resolves to its statistics. */
  tell(command) {
    this.turn = this.turn.then(async () => {
      this.child.stdin.write(`${command}\n`)
      const { value, done } = await this.lines.next()
      if (done) throw new Error(`the fixture is gone: ${this.errors}`)
      return JSON.parse(value)
    })
    return this.turn
  }

  stats() {
    return this.tell('stats')
  }

  idle() {
    return until('nothing under way', async () => {
      const now = await this.stats()
      return now.busy === 0 && now.requests === 0 && now.sockets === 0 && now
    })
  }

  connect() {
    return this.tls
      ? tls.connect({ port: this.port, host: '127.0.0.1', rejectUnauthorized: false })
      : net.connect(this.port, '127.0.0.1')
  }

  async stop() {
    this.child.stdin.end()
    const { code, signal } = await endsInTime(this.child, this.ended)
    rmSync(this.folder, { recursive: true, force: true })
    if (code !== 0 || this.errors) throw new Error(`the fixture ended with ${code ?? signal}: ${this.errors}`)
  }
}

/** Writes bytes and collects what comes until the other end closes, or until enough(text) says so. */
export function exchange(fixture, bytes, { enough, ms = 8000 } = {}) {
  return new Promise((done, fail) => {
    const socket = fixture.connect()
    const parts = []
    let closed = false
    const timer = setTimeout(() => finish(new Error(`no end after ${ms} ms: ${Buffer.concat(parts).toString('latin1').slice(0, 300)}`)), ms)
    function finish(error) {
      if (closed) return
      closed = true
      clearTimeout(timer)
      socket.destroy()
      if (error) fail(error)
      else done(Buffer.concat(parts).toString('latin1'))
    }
    socket.on('data', (data) => {
      parts.push(data)
      if (enough?.(Buffer.concat(parts).toString('latin1'))) finish()
    })
    socket.on('end', () => finish())
    socket.on('close', () => finish())
    socket.on('error', () => finish())
    socket.write(bytes)
  })
}

/** One request with Connection: close; {status, headers, body} with chunks joined, whole: framing was complete. */
export async function ask(fixture, { method = 'GET', path = '/', host = HOST, headers = {}, body = '', ms } = {}) {
  const lines = [`${method} ${path} HTTP/1.1`, `Host: ${host}`, 'Connection: close']
  for (const [name, value] of Object.entries(headers)) for (const one of [value].flat()) lines.push(`${name}: ${one}`)
  if (body.length) lines.push(`Content-Length: ${Buffer.byteLength(body)}`)
  return parse(await exchange(fixture, `${lines.join('\r\n')}\r\n\r\n${body}`, { ms }), method)
}

export function parse(text, method = 'GET') {
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return { status: 0, headers: {}, body: text, whole: false, head: text }
  const head = text.slice(0, end)
  const headers = headersOf(head)
  const rest = text.slice(end + 4)
  const status = Number(head.split(' ')[1])
  const answer = { status, headers, head, body: rest, whole: true }
  if (method === 'HEAD' || status === 204 || status === 304) answer.whole = rest === ''
  else if (headers['transfer-encoding'] === 'chunked') Object.assign(answer, joinChunks(rest))
  else if ('content-length' in headers) answer.whole = rest.length === Number(headers['content-length'])
  return answer
}

function joinChunks(text) {
  let body = ''
  let at = 0
  for (;;) {
    const line = text.indexOf('\r\n', at)
    if (line < 0) return { body, whole: false }
    const size = Number.parseInt(text.slice(at, line), 16)
    if (!(size >= 0)) return { body, whole: false }
    if (size === 0) return { body, whole: text.slice(line) === '\r\n\r\n' }
    body += text.slice(line + 2, line + 2 + size)
    at = line + 2 + size
    if (text.slice(at, at + 2) !== '\r\n') return { body, whole: false }
    at += 2
  }
}

export const ok = (body, more = '') => `HTTP/1.1 200 OK\r\n${more}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`

const fine = (socket) => socket.write(ok('fine'))

/** For the tests of a file or a describe: given gets a fixture and a backend, {fixture, backend}. After each test the backend answers as
 * at first and nothing may be under way. Returns what lets it answer otherwise: by bytes, or by a function as Backend takes it. */
export function withBackend(given, { answer = fine, ...options } = {}) {
  let fixture
  let backend
  const answers = (how) => {
    backend.answer = typeof how === 'function' ? how : (socket) => socket.write(how)
    backend.early = false
  }
  before(async () => {
    fixture = await Fixture.start(options)
    backend = new Backend(fixture.socket, answer)
    await backend.listen()
    given({ fixture, backend })
  })
  after(async () => {
    await backend.close()
    await fixture.stop()
  })
  afterEach(async () => {
    answers(answer)
    if (answer === fine) assert.equal((await ask(fixture)).body, 'fine')
    await fixture.idle()
  })
  return answers
}
