// The programs that Redhouse is measured against, each with its own folder and port, always ended and erased.
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, until } from '../tests/e2e/redhouse.mjs'
import { children } from './measure.mjs'

const here = join(import.meta.dirname, 'rivals')

// The rivals, from npm, once.
function fetched(file) {
  if (!existsSync(join(here, 'node_modules', 'verdaccio')))
    execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: here, stdio: ['ignore', 'ignore', 'inherit'] })
  return join(here, 'node_modules', file)
}

// A user `bench` by way of npm's own login; their token.
async function register(url) {
  const answer = await fetch(`${url}/-/user/org.couchdb.user:bench`, {
    method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ name: 'bench', password: 'bench has a password' }),
  })
  const { token } = await answer.json()
  if (!token) throw new Error(`${url} gave no token`)
  return token
}

/** Where this machine's packages come from: what the caching registries have as their upstream. */
export const upstream = () =>
  (process.env.REDHOUSE_UPLINK ?? execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()).replace(/\/?$/, '/')

async function end(child) {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((done) => child.once('exit', done))
  child.kill('SIGTERM')
  setTimeout(() => child.kill('SIGKILL'), 5000).unref()
  await ended
}

export class Verdaccio {
  /** With JWT tokens: its default token costs a bcrypt for each request. uplink: the registry behind it; absent: none. */
  static async start({ uplink } = {}) {
    const v = new Verdaccio()
    v.folder = mkdtempSync('/tmp/rh-verdaccio-')
    v.port = await freePort()
    v.url = `http://127.0.0.1:${v.port}`
    const config = join(v.folder, 'config.yaml')
    writeFileSync(config, [
      `storage: ${v.folder}/storage`, 'auth: {htpasswd: {file: ./htpasswd}}', `uplinks: {${uplink ? `up: {url: '${uplink}', maxage: 60m}` : ''}}`,
      'security: {api: {legacy: false, jwt: {sign: {expiresIn: 7d}}}}',
      `packages: {'**': {access: $all, publish: $authenticated${uplink ? ', proxy: up' : ''}}}`, 'log: {type: stdout, format: json, level: fatal}', 'web: {enable: false}', '',
    ].join('\n'))
    v.child = spawn('node', [fetched('verdaccio/bin/verdaccio'), '--config', config, '--listen', `127.0.0.1:${v.port}`],
      { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, NODE_ENV: 'production' } })
    await until('Verdaccio', async () => (await fetch(`${v.url}/-/ping`)).ok)
    v.token = await register(v.url)
    return v
  }

  get pids() {
    return [this.child.pid]
  }

  async stop() {
    await end(this.child)
    rmSync(this.folder, { recursive: true, force: true })
  }
}

export class Pnpr {
  /** pnpm's registry server, or undefined where there is none for this machine. uplink: the registry behind it; absent: none. */
  static async start({ uplink } = {}) {
    const binary = fetched(`@pnpm/pnpr.linux-${process.arch}/pnpr`)
    if (!existsSync(binary)) return undefined
    const p = new Pnpr()
    p.folder = mkdtempSync('/tmp/rh-pnpr-')
    p.url = `http://127.0.0.1:${await freePort()}`
    const config = join(p.folder, 'config.yaml')
    writeFileSync(config, [
      `storage: ${p.folder}/storage`, `auth: {htpasswd: {file: ${p.folder}/htpasswd, max_users: 10}}`, 'registries:',
      "  local: {type: hosted, access: $all, packages: {'@bench/*': {access: $all, publish: $authenticated}}}",
      ...(uplink ? [`  up: {type: upstream, url: '${uplink}', public: true}`, '  main: {type: router, sources: [local, up]}'] : []),
      `defaultRegistry: ${uplink ? 'main' : 'local'}`, 'log: {type: stdout, format: pretty, level: error}', '',
    ].join('\n'))
    p.child = spawn(binary, ['-c', config, '--listen', p.url.slice(7), '--packument-ttl-secs', '3600'],
      { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, RUST_LOG: 'error' } })
    await until('pnpr', async () => (await fetch(`${p.url}/-/ping`)).ok)
    p.token = await register(p.url)
    return p
  }

  get pids() {
    return [this.child.pid]
  }

  async stop() {
    await end(this.child)
    rmSync(this.folder, { recursive: true, force: true })
  }
}

export class Nginx {
  /** servers: the text of its server blocks; uid: the user that all of it runs as, instead of root. */
  static async start(servers, { uid, extra = '' } = {}) {
    const n = new Nginx()
    n.folder = mkdtempSync('/tmp/rh-nginx-')
    mkdirSync(join(n.folder, 'temp'))
    if (uid) execFileSync('chown', ['-R', `${uid}:${uid}`, n.folder])
    const config = join(n.folder, 'nginx.conf')
    writeFileSync(config, `
worker_processes 1;
daemon off;
error_log ${n.folder}/error.log;
pid ${n.folder}/nginx.pid;
${uid ? '' : 'user root;'}
events { worker_connections 4096; }
http {
  access_log off;
  sendfile on;
  keepalive_requests 100000000;
  default_type application/json;
  client_body_temp_path ${n.folder}/temp/b;
  proxy_temp_path ${n.folder}/temp/p;
  fastcgi_temp_path ${n.folder}/temp/f;
  uwsgi_temp_path ${n.folder}/temp/u;
  scgi_temp_path ${n.folder}/temp/s;
  ${extra}
  ${servers}
}
`)
    const [command, args] = uid ? ['setpriv', [`--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', 'nginx']] : ['nginx', []]
    n.child = spawn(command, [...args, '-c', config, '-e', `${n.folder}/error.log`, '-p', n.folder], { stdio: ['ignore', 'ignore', 'inherit'] })
    await until('nginx', () => {
      if (n.child.exitCode !== null) throw new Error(readFileSync(join(n.folder, 'error.log'), 'utf8'))
      return existsSync(join(n.folder, 'nginx.pid')) && children(n.child.pid).length > 0
    })
    return n
  }

  get pids() {
    return children(this.child.pid)
  }

  async stop() {
    await end(this.child)
    rmSync(this.folder, { recursive: true, force: true })
  }
}
