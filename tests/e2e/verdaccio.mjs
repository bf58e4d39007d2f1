// A real Verdaccio with people, tokens and packages, whose storage outlives it.
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, root, until } from './redhouse.mjs'

const home = join(root, 'bench', 'rivals')

export class Verdaccio {
  /** algorithm: of its htpasswd; jwt: tokens that nobody else can read. */
  static async start({ folder = mkdtempSync('/tmp/rh-move-'), algorithm = 'bcrypt', jwt = false, uplink } = {}) {
    const v = new Verdaccio()
    if (!existsSync(join(home, 'node_modules', 'verdaccio')))
      execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: home, stdio: ['ignore', 'ignore', 'inherit'] })
    v.folder = folder
    v.storage = join(v.folder, 'storage')
    v.port = await freePort()
    v.url = `http://127.0.0.1:${v.port}`
    v.registry = `${v.url}/`
    const config = join(v.folder, 'config.yaml')
    writeFileSync(config, [
      `storage: ${v.storage}`, `auth: {htpasswd: {file: ./htpasswd, algorithm: ${algorithm}}}`,
      `uplinks: ${uplink ? `{outside: {url: '${uplink}'}}` : '{}'}`,
      ...(jwt ? ['security: {api: {legacy: false, jwt: {sign: {expiresIn: 7d}}}}'] : []),
      `packages: {'@acme/*': {access: $all, publish: $authenticated, unpublish: $authenticated}, '**': {access: $all, publish: $authenticated, unpublish: $authenticated${uplink ? ', proxy: outside' : ''}}}`,
      'log: {type: stdout, format: json, level: fatal}', 'web: {enable: false}', '',
    ].join('\n'))
    v.child = spawn('node', [join(home, 'node_modules', 'verdaccio', 'bin', 'verdaccio'), '--config', config, '--listen', `127.0.0.1:${v.port}`],
      { stdio: 'ignore', env: { ...process.env, NODE_ENV: 'production' } })
    await until('Verdaccio', async () => (await fetch(`${v.url}/-/ping`)).ok)
    return v
  }

  async ask(method, path, body, token) {
    const answer = await fetch(this.url + path, {
      method, body: body && JSON.stringify(body), headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
    })
    return answer.json()
  }

  /** A new user's token. */
  async user(name, password) {
    return (await this.ask('PUT', `/-/user/org.couchdb.user:${name}`, { name, password })).token
  }

  /** Its storage stays. */
  async off() {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    const ended = new Promise((done) => this.child.once('exit', done))
    this.child.kill('SIGTERM')
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 5000)
    await ended
    clearTimeout(timer)
  }

  async stop() {
    await this.off()
    rmSync(this.folder, { recursive: true, force: true })
  }
}
