// A real server with people of two tenants and an uplink that writes down all that it is asked, for tests of the registry that send whatever bytes they want.
import { createServer } from 'node:http'
import net from 'node:net'
import { document as promise, tgz } from '../e2e/publish.mjs'
import { Redhouse } from '../e2e/redhouse.mjs'

let made = 0
export const tarball = (name, version, more = {}, ...members) =>
  tgz({ name: 'package/package.json', body: JSON.stringify({ name, version, ...more }) }, { name: 'package/index.js', body: `// ${made++} ${Math.random()}\n` }, ...members)

export const document = (name, version, ball = tarball(name, version), options) => promise(name, version, ball, options)

// What stands in a document may be anything: fn gets it, its version and its attachment.
export function bent(doc, fn) {
  fn(doc, Object.values(doc.versions)[0], Object.values(doc._attachments)[0])
  return doc
}

export class Scene {
  static async start({ args = [] } = {}) {
    const s = new Scene()
    s.asked = []
    s.upstream = createServer((req, res) => {
      let body = ''
      req.on('data', (chunk) => { body += chunk })
      req.on('end', () => {
        s.asked.push({ method: req.method, url: req.url, headers: req.headers, body })
        res.writeHead(404, { 'content-type': 'application/json' }).end('{"error":"not there"}')
      })
    }).listen(0, '127.0.0.1')
    await new Promise((done) => s.upstream.once('listening', done))
    s.r = await Redhouse.start({ args: ['--platform-scope', '@shared', '--uplink', `http://127.0.0.1:${s.upstream.address().port}`, ...args] })
    s.admin = { cookie: await s.r.login('admin', s.r.password) }
    s.tokens = {}
    for (const slug of ['acme', 'beta']) await s.api('POST', '/api/v1/tenants', { slug, name: slug })
    for (const [name, tenant, role] of [['owner', 'acme', 'owner'], ['dev', 'acme', 'developer'], ['mate', 'acme', 'developer'], ['viewer', 'acme', 'viewer'], ['other', 'beta', 'owner']]) {
      await s.api('POST', '/api/v1/users', { name, password: `${name} has a password`, tenant, role })
      s.tokens[name] = await s.r.token(name, 'laptop')
    }
    return s
  }

  async stop() {
    await this.r?.stop()
    this.upstream.close()
  }

  async api(method, path, body) {
    const answer = await this.r.api(method, path, body, this.admin)
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
    return answer.body
  }

  // path below /npm/; body: text, bytes or a document. {status, text, body, headers}
  async ask(path, { who = 'dev', method = 'GET', headers = {}, body } = {}) {
    const answer = await fetch(`${this.r.url}/npm/${path}`, {
      method, redirect: 'manual', signal: AbortSignal.timeout(60000),
      headers: { ...(who ? { authorization: `Bearer ${this.tokens[who] ?? who}` } : {}), ...(body !== undefined ? { 'content-type': 'application/json' } : {}), ...headers },
      body: body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body),
    })
    const bytes = Buffer.from(await answer.arrayBuffer())
    let parsed
    try {
      parsed = JSON.parse(bytes.toString())
    } catch {}
    return { status: answer.status, headers: answer.headers, bytes, text: bytes.toString(), body: parsed }
  }

  put(name, doc, who = 'dev') {
    return this.ask(name.replace('/', '%2f'), { who, method: 'PUT', body: doc })
  }

  async publish(name, version, options = {}, who = 'dev') {
    const ball = options.ball ?? tarball(name, version, options.manifest)
    const answer = await this.put(name, document(name, version, ball, options), who)
    if (answer.status !== 201) throw new Error(`${name}@${version}: ${answer.status} ${answer.text}`)
    return ball
  }

  async full(name, who = 'dev') {
    return (await this.ask(`${name.replace('/', '%2f')}?write=true`, { who })).body
  }

  // Bytes as they are on a connection of their own; what came back until it was quiet or closed.
  raw(bytes, { ms = 5000, end = false } = {}) {
    return new Promise((done, fail) => {
      const socket = net.connect(this.r.port, '127.0.0.1')
      const chunks = []
      const finish = () => {
        clearTimeout(timer)
        socket.destroy()
        const text = Buffer.concat(chunks).toString('latin1')
        done({ status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0), text, count: [...text.matchAll(/HTTP\/1\.1 \d+/g)].length })
      }
      const timer = setTimeout(finish, ms)
      socket.on('data', (chunk) => {
        chunks.push(chunk)
        const text = Buffer.concat(chunks).toString('latin1')
        const head = text.indexOf('\r\n\r\n')
        const length = Number(/\r\ncontent-length: *(\d+)/i.exec(text.slice(0, head))?.[1] ?? NaN)
        if (head > 0 && text.length >= head + 4 + length) setTimeout(finish, 50)
      })
      socket.on('error', (error) => (chunks.length || error.code === 'ECONNRESET' || error.code === 'EPIPE' ? finish() : fail(error)))
      socket.on('close', finish)
      socket.on('connect', () => {
        socket.write(bytes)
        if (end) socket.end()
      })
    })
  }

  // Lines of a request below /npm/ for raw(); what follows is the body.
  head(method, path, ...lines) {
    return [`${method} /npm/${path} HTTP/1.1`, `Host: localhost:${this.r.port}`, ...lines, '', ''].join('\r\n')
  }

  get bearer() {
    return `Authorization: Bearer ${this.tokens.dev}`
  }
}
