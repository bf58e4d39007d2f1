// A real server for a test: its own data folder, its own port, always ended and erased.
import { execFile, spawn } from 'node:child_process'
import { request } from 'node:http'
import { createServer } from 'node:net'
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { sweep } from './processes.mjs'

export const root = join(import.meta.dirname, '..', '..')
export const binary = process.env.REDHOUSE_BINARY ?? join(root, 'build', 'dev', 'redhouse')
export const stacks = process.env.REDHOUSE_STACKS ?? join(root, 'build', 'stacks')
export { sleep }
const exec = promisify(execFile)

export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((done) => server.once('listening', done))
  const { port } = server.address()
  await new Promise((done) => server.close(done))
  return port
}

// Asks until fn answers something true; throws what it last said.
export async function until(what, fn, ms = 30000) {
  const end = Date.now() + ms
  let last
  for (;;) {
    try {
      const got = await fn()
      if (got) return got
      last = undefined
    } catch (error) {
      last = error
    }
    if (Date.now() > end) throw new Error(`${what}: not within ${ms} ms${last ? `: ${last.message}` : ''}`)
    await sleep(100)
  }
}

// A request with any Host, cookies and headers, as a browser on that host would send it.
export function raw(r, host, path, { method = 'GET', headers = {}, body, ms = 60000 } = {}) {
  return new Promise((done, fail) => {
    const req = request({ signal: AbortSignal.timeout(ms), host: '127.0.0.1', port: r.port, path, method, headers: { host: `${host}:${r.port}`, ...headers } }, (answer) => {
      let text = ''
      answer.on('data', (chunk) => { text += chunk })
      answer.on('end', () => done({ status: answer.statusCode, headers: answer.headers, text }))
    })
    req.on('error', fail)
    req.end(body)
  })
}

// The cookie of an instance's host, by way of a ticket. Follows redirects by hand.
export async function instanceCookie(r, portalCookie, host) {
  const jar = { [r.domain]: [portalCookie], [host]: [] }
  let at = `http://${host}:${r.port}/.redhouse/login?to=/`
  for (let i = 0; i < 6; i++) {
    const url = new URL(at)
    const answer = await raw(r, url.hostname, url.pathname + url.search, { headers: { cookie: jar[url.hostname].join('; ') } })
    for (const set of answer.headers['set-cookie'] ?? []) jar[url.hostname].push(set.split(';')[0])
    if (![302, 303].includes(answer.status)) break
    at = new URL(answer.headers.location, at).href
  }
  return jar[host].join('; ')
}

export class Redhouse {
  // options.uplink: its address, instead of that of the environment.
  static async start(options = {}) {
    const r = new Redhouse()
    // Short: paths of Unix sockets have an end.
    r.data = options.data ?? mkdtempSync('/tmp/rh-')
    r.options = options
    r.port = await freePort()
    r.domain = options.domain ?? 'localhost'
    r.url = `http://${r.domain}:${r.port}`
    r.password = 'correct horse battery'
    writeFileSync(join(r.data, 'password'), `${r.password}\n`)
    await r.run('init', '--admin', 'admin', '--password-file', join(r.data, 'password'),
      ...(r.env().REDHOUSE_UPLINK ? ['--uplink', r.env().REDHOUSE_UPLINK] : []))
    await r.serve()
    return r
  }

  // One command of the binary on this data folder; its output.
  async run(...args) {
    const { stdout } = await exec(binary, [...args, '--data', this.data], { cwd: root, env: this.env(), timeout: 300000 })
    return stdout
  }

  async json(...args) {
    return JSON.parse(await this.run(...args, '--json'))
  }

  env() {
    return { ...process.env, ...(this.options.uplink && { REDHOUSE_UPLINK: this.options.uplink }), ASAN_OPTIONS: 'detect_leaks=0:abort_on_error=0', UBSAN_OPTIONS: 'print_stacktrace=1' }
  }

  async serve() {
    const log = openSync(join(this.data, 'server.log'), 'a')
    this.process = spawn(binary, ['serve', '--data', this.data, '--listen', `127.0.0.1:${this.port}`, '--domain', this.domain,
      '--stacks', this.options.stacks ?? stacks, '--ready-fd', '3', ...(this.options.args ?? [])],
    { cwd: root, env: this.env(), stdio: this.options.stdio ?? ['ignore', log, log, 'pipe'], detached: true })
    this.ended = new Promise((done) => this.process.once('exit', (code, signal) => done({ code, signal })))
    this.ready = await this.line()
  }

  // The ready line; the server's log when it does not come.
  async line() {
    let timer
    const late = new Promise((done) => { timer = setTimeout(() => done('not in time'), 60000) })
    const line = new Promise((done) => {
      let text = ''
      this.process.stdio[3].on('data', (chunk) => {
        text += chunk
        if (text.includes('\n')) done({ ready: JSON.parse(text) })
      })
    })
    const said = await Promise.race([line, late, this.ended.then((how) => JSON.stringify(how))])
    clearTimeout(timer)
    if (!said.ready) throw new Error(`the server did not come up: ${said}\n${this.log()}`)
    return said.ready
  }

  log() {
    return readFileSync(join(this.data, 'server.log'), 'utf8').split('\n').slice(-60).join('\n')
  }

  // SIGTERM: instances go on.
  async term() {
    process.kill(this.ready.pid, 'SIGTERM')
    return this.ended
  }

  async kill() {
    process.kill(this.ready.pid, 'SIGKILL')
    return this.ended
  }

  // Ends the server and its instances and erases all.
  async stop() {
    try {
      await exec(binary, ['stop', '--instances', '--data', this.data], { env: this.env(), timeout: 60000 })
    } catch {
      this.process.kill('SIGKILL')
    }
    sweep(this.data)
    if (process.env.REDHOUSE_KEEP) console.error(`kept: ${this.data}`)
    else rmSync(this.data, { recursive: true, force: true })
  }

  // A request of the API with a token or a cookie; answers {status, body, headers}.
  async api(method, path, body, headers = {}) {
    const answer = await fetch(`${this.url}${path}`, {
      method,
      redirect: 'manual',
      signal: AbortSignal.timeout(60000),
      headers: { ...(body !== undefined ? { 'content-type': 'application/json' } : {}), origin: this.url, ...headers },
      body: body !== undefined ? JSON.stringify(body) : undefined,
    })
    const text = await answer.text()
    let parsed = text
    try {
      parsed = JSON.parse(text)
    } catch {}
    return { status: answer.status, body: parsed, headers: answer.headers }
  }

  async login(username, password) {
    const answer = await this.api('POST', '/api/v1/session', { username, password })
    if (answer.status !== 200) throw new Error(`login: ${answer.status} ${JSON.stringify(answer.body)}`)
    return answer.headers.get('set-cookie').split(';')[0]
  }

  // A new user NAME of a tenant, with the password "NAME has a password".
  async member(tenant, name, role) {
    const file = join(this.data, `${name}.password`)
    writeFileSync(file, `${name} has a password\n`)
    await this.run('user', 'create', name, '--password-file', file, '--tenant', tenant, '--role', role)
  }

  // New users as [tenant, name, role], with one password and a mail address; each tenant is made first. admin: headers. Answers with tokens of
  // theirs by name.
  async people(admin, password, list) {
    const tokens = {}
    const post = async (path, body) => {
      const answer = await this.api('POST', path, body, admin)
      if (answer.status !== 201) throw new Error(`${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
    }
    for (const slug of new Set(list.map(([tenant]) => tenant))) await post('/api/v1/tenants', { slug, name: slug })
    for (const [tenant, name, role] of list) {
      await post('/api/v1/users', { name, email: `${name}@example.org`, password, tenant, role })
      tokens[name] = await this.token(name, 'laptop')
    }
    return tokens
  }

  async token(user, name, ...args) {
    return (await this.run('token', 'create', '--user', user, '--name', name, ...args)).trim()
  }

  // An npmrc for a user's token; returns the environment for npm.
  npmEnv(token) {
    const home = mkdtempSync(join(this.data, 'npm-'))
    const base = `${this.url.replace('http:', '')}/npm/`
    writeFileSync(join(home, '.npmrc'), `registry=${this.url}/npm/\n${token ? `${base}:_authToken=${token}\n` : ''}update-notifier=false\nfund=false\naudit=false\n`)
    return { ...process.env, HOME: home, npm_config_userconfig: join(home, '.npmrc'), npm_config_cache: join(home, 'cache') }
  }

  async instanceState(slug) {
    const { items } = await this.json('instance', 'list')
    return items.find((i) => i.slug === slug)
  }
}

export async function npm(env, cwd, ...args) {
  const { stdout, stderr } = await exec('npm', args, { cwd, env, timeout: 120000 })
  return stdout + stderr
}
