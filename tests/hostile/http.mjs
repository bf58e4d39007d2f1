// The HTTP fixture as a child process, and clients that write whatever bytes a test wants.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import readline from 'node:readline'
import tls from 'node:tls'

const program = process.env.HTTP_FIXTURE ?? 'build/dev/hostile/http_fixture'

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms))

export async function until(what, check, ms = 20000) {
  const end = Date.now() + ms
  for (;;) {
    const value = await check()
    if (value) return value
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${what}`)
    await sleep(20)
  }
}

/** How a fixture that was told to end ended; one that hangs is aborted, which fails its test with SIGABRT. */
export async function endsInTime(child, ended) {
  const timer = setTimeout(() => child.kill('SIGABRT'), 30000)
  const how = await ended
  clearTimeout(timer)
  return how
}

export class Server {
  static async start(options = {}) {
    const s = new Server()
    s.dir = mkdtempSync(join(tmpdir(), 'http-'))
    s.tls = options.tls !== undefined
    const args = Object.entries(options).flatMap(([k, v]) => [k, String(v).replaceAll('DIR', s.dir)])
    s.child = spawn(program, [s.dir, ...args], { stdio: ['pipe', 'pipe', 'pipe'] })
    s.errors = ''
    s.child.stderr.on('data', (d) => (s.errors += d))
    s.exited = new Promise((done) => s.child.on('exit', (code, signal) => done({ code, signal })))
    s.waiting = []
    readline.createInterface({ input: s.child.stdout }).on('line', (line) => s.waiting.shift()?.(line))
    const line = await Promise.race([
      new Promise((done) => s.waiting.push(done)),
      s.exited.then(() => Promise.reject(new Error(`the fixture ended: ${s.errors}`))),
    ])
    Object.assign(s, JSON.parse(line))
    s.host = `${options.domain ?? 'localhost'}:${s.port}`
    return s
  }

  async tell(command) {
    const answer = new Promise((done) => this.waiting.push(done))
    this.child.stdin.write(`${command}\n`)
    const ended = this.exited.then(() => Promise.reject(new Error(`the fixture ended: ${this.errors}`)))
    ended.catch(() => {})
    return JSON.parse(await Promise.race([answer, ended]))
  }

  stats() {
    return this.tell('stats')
  }

  /** Ends it; throws when it had died or a sanitizer spoke. */
  async end() {
    const alive = this.child.exitCode === null && this.child.signalCode === null
    this.child.stdin.end()
    const { code, signal } = await endsInTime(this.child, this.exited)
    rmSync(this.dir, { recursive: true, force: true })
    if (!alive || code !== 0) throw new Error(`the fixture ended with ${code ?? signal}: ${this.errors}`)
    if (/Sanitizer|runtime error/.test(this.errors)) throw new Error(this.errors)
  }

  connect(options = {}) {
    return new Client(
      options.path !== undefined
        ? net.connect(options.path)
        : this.tls
          ? tls.connect({ port: this.port, host: '127.0.0.1', rejectUnauthorized: false, ...options })
          : net.connect(this.port, '127.0.0.1'),
    )
  }

  /** One request on a connection of its own, by node's client. */
  request(method, path, { headers = {}, body, socketPath } = {}) {
    return new Promise((done, fail) => {
      const where = socketPath ? { socketPath } : { port: this.port, host: '127.0.0.1' }
      const req = http.request({ ...where, method, path, headers: { host: this.host, ...headers }, agent: false })
      req.on('error', fail)
      req.on('response', (res) => {
        const chunks = []
        res.on('data', (d) => chunks.push(d))
        res.on('error', fail)
        res.on('end', () => {
          const bytes = Buffer.concat(chunks)
          done({ status: res.statusCode, headers: res.headers, bytes, text: bytes.toString(), json: () => JSON.parse(bytes) })
        })
      })
      req.end(body)
    })
  }

  /** Writes bytes, reads until the connection closes or a whole answer with Content-Length is there. */
  async raw(bytes, options = {}) {
    const client = this.connect(options)
    client.write(bytes)
    const answer = await client.answer(options.ms)
    client.close()
    return answer
  }
}

/** A socket with what arrived on it. */
export class Client {
  constructor(socket) {
    this.socket = socket
    this.bytes = Buffer.alloc(0)
    this.closed = false
    socket.on('error', (e) => (this.error = e))
    socket.on('data', (d) => (this.bytes = Buffer.concat([this.bytes, d])))
    socket.on('end', () => (this.ended = true))
    socket.on('close', () => (this.closed = true))
    this.connected = new Promise((done) => {
      socket.once(socket instanceof tls.TLSSocket ? 'secureConnect' : 'connect', done)
      socket.once('close', done)
    })
  }

  write(bytes) {
    this.socket.write(bytes)
  }

  close() {
    this.socket.destroy()
  }

  get text() {
    return this.bytes.toString('latin1')
  }

  /** Takes one answer off what arrived: {status, head, body}; status 0 when the connection closed without one. */
  async answer(ms = 20000) {
    const whole = () => {
      const end = this.bytes.indexOf('\r\n\r\n')
      if (end < 0) return null
      const head = this.bytes.subarray(0, end).toString('latin1')
      const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
      const status = Number(head.split(' ')[1])
      const bare = status === 204 || status === 304 || status === 100
      const size = bare ? 0 : length === undefined ? null : Number(length)
      if (size === null && !this.closed) return null
      const from = end + 4
      const to = size === null ? this.bytes.length : from + size
      if (this.bytes.length < to && !this.closed) return null
      const body = this.bytes.subarray(from, to)
      this.bytes = this.bytes.subarray(to)
      return { status, head, body, text: body.toString(), json: () => JSON.parse(body) }
    }
    return until('an answer', () => whole() ?? (this.closed && { status: 0, head: '', text: '' }), ms)
  }

  /** How long until the other side closes. */
  async closing(ms = 20000) {
    const from = Date.now()
    await until('the connection closes', () => this.closed || this.ended, ms)
    return Date.now() - from
  }
}

/** The certificate and key of a name, made by openssl, as DIR/NAME.pem and NAME.key. */
export function certificate(dir, name, commonName = name) {
  return new Promise((done, fail) => {
    const child = spawn('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
      '-days', '2', '-subj', `/CN=${commonName}`, '-keyout', join(dir, `${name}.key`), '-out', join(dir, `${name}.pem`)],
      { stdio: 'ignore' })
    child.on('exit', (code) => (code === 0 ? done() : fail(new Error(`openssl ended with ${code}`))))
  })
}
