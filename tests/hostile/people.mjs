// The people fixture as a child process, and a client that keeps cookies per host as a browser does.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import readline from 'node:readline'
import { endsInTime } from './http.mjs'

const program = process.env.PEOPLE_FIXTURE ?? 'build/dev/hostile/people_fixture'
export const COOKIE = 'redhouse_ab12'
export const PASSWORD = 'correct horse'

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1')
  await new Promise((done) => server.once('listening', done))
  const { port } = server.address()
  await new Promise((done) => server.close(done))
  return port
}

export class People {
  static async start({ scheme = 'http', cookie = COOKIE } = {}) {
    const people = new People()
    people.folder = mkdtempSync(join(tmpdir(), 'people-'))
    people.port = await freePort()
    people.scheme = scheme
    people.cookie = cookie
    people.url = `${scheme}://localhost:${people.port}`
    people.editor = `${scheme}://demo.localhost:${people.port}`
    people.app = `${scheme}://demo--app.localhost:${people.port}`
    people.socket = join(people.folder, 'editor.sock')
    await people.serve()
    return people
  }

  async serve() {
    this.errors = ''
    this.child = spawn(program, [join(this.folder, 'control.db'), String(this.port), this.url, this.cookie, this.socket],
      { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ASAN_OPTIONS: 'detect_leaks=0' } })
    this.child.stderr.on('data', (data) => (this.errors += data))
    this.ended = new Promise((done) => this.child.on('exit', (code, signal) => done({ code, signal })))
    this.lines = readline.createInterface({ input: this.child.stdout })[Symbol.asyncIterator]()
    this.turn = Promise.resolve()
    const first = await this.lines.next()
    if (first.done) throw new Error(`the fixture did not start: ${this.errors}`)
  }

  /** One command; resolves to its line. */
  tell(command) {
    this.turn = this.turn.then(async () => {
      this.child.stdin.write(`${command}\n`)
      const { value, done } = await this.lines.next()
      if (done) throw new Error(`the fixture is gone: ${this.errors}`)
      return value
    })
    return this.turn
  }

  async restart() {
    await this.close()
    await this.serve()
  }

  async close() {
    this.child.stdin.end()
    const { code, signal } = await endsInTime(this.child, this.ended)
    if (code !== 0) throw new Error(`the fixture ended with ${code ?? signal}: ${this.errors}`)
  }

  async stop() {
    await this.close()
    rmSync(this.folder, { recursive: true, force: true })
  }

  browser() {
    return new Browser(this)
  }

  /** A browser that is logged in at the portal. */
  async person(name = 'admin', password = PASSWORD) {
    const browser = this.browser()
    const answer = await browser.post('/api/v1/session', { username: name, password })
    if (answer.status !== 200) throw new Error(`login of ${name}: ${answer.status} ${answer.text}`)
    return browser
  }

  /** A client with a bearer token and no cookies. */
  program(token) {
    const browser = new Browser(this)
    browser.token = token
    return browser
  }
}

export class Browser {
  constructor(people) {
    this.people = people
    this.jars = new Map() // host name: Map of name to value
  }

  /** {status, headers, text, body} of an absolute address or a path of the portal. */
  async ask(method, address, { body, headers = {}, raw } = {}) {
    const url = new URL(address, this.people.url)
    const jar = this.jars.get(url.hostname) ?? new Map()
    this.jars.set(url.hostname, jar)
    const sent = { host: url.host }
    if (this.token) sent.authorization = `Bearer ${this.token}`
    if (jar.size > 0) sent.cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    if (method !== 'GET' && !this.token) sent.origin = url.origin
    const payload = raw ?? (body !== undefined ? JSON.stringify(body) : undefined)
    if (payload !== undefined) Object.assign(sent, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) })
    Object.assign(sent, headers)
    for (const [name, value] of Object.entries(sent)) if (value === null) delete sent[name]
    const answer = await new Promise((done, fail) => {
      const request = http.request({ host: '127.0.0.1', port: this.people.port, method, path: url.pathname + url.search, headers: sent })
      request.on('response', done)
      request.on('error', fail)
      request.end(payload)
    })
    let text = ''
    for await (const chunk of answer) text += chunk
    for (const line of answer.headers['set-cookie'] ?? []) {
      const [pair] = line.split(';')
      const name = pair.slice(0, pair.indexOf('='))
      if (/max-age=0/i.test(line)) jar.delete(name)
      else jar.set(name, pair.slice(name.length + 1))
    }
    let parsed
    try {
      parsed = JSON.parse(text)
    } catch {
      parsed = undefined
    }
    return { status: answer.statusCode, headers: answer.headers, text, body: parsed }
  }

  get(address, options) {
    return this.ask('GET', address, options)
  }

  post(address, body, headers) {
    return this.ask('POST', address, { body, headers })
  }

  /** Follows redirects as a browser would; answers the last one with the addresses that were asked. */
  async follow(address) {
    const trail = [address]
    for (;;) {
      const answer = await this.get(trail.at(-1))
      if (answer.status < 300 || answer.status > 399) return { ...answer, trail }
      trail.push(new URL(answer.headers.location, trail.at(-1)).href)
      if (trail.length > 12) throw new Error(`redirects without end: ${trail.join(' ')}`)
    }
  }

  cookie(hostname, name = this.people.cookie) {
    return this.jars.get(hostname)?.get(name)
  }
}
