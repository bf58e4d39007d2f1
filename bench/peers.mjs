// The programs that Redhouse is measured against, each with its own folder and port, always ended and erased.
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, until } from '../tests/e2e/redhouse.mjs'
import { children } from './measure.mjs'

const here = join(import.meta.dirname, 'verdaccio')

async function end(child) {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((done) => child.once('exit', done))
  child.kill('SIGTERM')
  setTimeout(() => child.kill('SIGKILL'), 5000).unref()
  await ended
}

export class Verdaccio {
  /** With JWT tokens: its default token costs a bcrypt for each request. */
  static async start() {
    const v = new Verdaccio()
    if (!existsSync(join(here, 'node_modules', 'verdaccio')))
      execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: here, stdio: ['ignore', 'ignore', 'inherit'] })
    v.folder = mkdtempSync('/tmp/rh-verdaccio-')
    v.port = await freePort()
    v.url = `http://127.0.0.1:${v.port}`
    const config = join(v.folder, 'config.yaml')
    writeFileSync(config, [
      `storage: ${v.folder}/storage`, 'auth: {htpasswd: {file: ./htpasswd}}', 'uplinks: {}',
      'security: {api: {legacy: false, jwt: {sign: {expiresIn: 7d}}}}',
      "packages: {'**': {access: $all, publish: $authenticated}}", 'log: {type: stdout, format: json, level: fatal}', 'web: {enable: false}', '',
    ].join('\n'))
    v.child = spawn('node', [join(here, 'node_modules', 'verdaccio', 'bin', 'verdaccio'), '--config', config, '--listen', `127.0.0.1:${v.port}`],
      { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, NODE_ENV: 'production' } })
    await until('Verdaccio', async () => (await fetch(`${v.url}/-/ping`)).ok)
    const answer = await fetch(`${v.url}/-/user/org.couchdb.user:bench`, {
      method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ name: 'bench', password: 'bench has a password' }),
    })
    v.token = (await answer.json()).token
    if (!v.token) throw new Error('Verdaccio gave no token')
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
