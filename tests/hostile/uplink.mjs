// An uplink that lies: what it does with a request is decided by the package's name.
import { createHash, randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { gzipSync } from 'node:zlib'

export const hash = (algorithm, data, encoding) => createHash(algorithm).update(data).digest(encoding)

export class Uplink {
  static async start(host = '127.0.0.1') {
    const u = new Uplink()
    u.asked = []
    u.packages = new Map()
    u.rules = new Map()
    u.server = createServer((req, res) => u.#answer(req, res))
    u.server.on('clientError', (_, socket) => socket.destroy())
    await new Promise((done) => u.server.listen(0, host, done))
    u.port = u.server.address().port
    u.url = `http://${host}:${u.port}`
    return u
  }

  /** A package of one version. document and tarball, each (req, res, {body, count}), answer instead of what is right. */
  add(name, { version = '1.0.0', size = 200, document, tarball, dist = {}, manifest = {} } = {}) {
    const base = name.split('/').at(-1)
    const tgz = randomBytes(size)
    const known = this.packages.get(name)
    const doc = known?.doc ?? { name, 'dist-tags': {}, versions: {}, time: {} }
    doc['dist-tags'].latest = version
    doc.time[version] = '2024-01-01T00:00:00.000Z'
    doc.versions[version] = { name, version, ...manifest, dist: { integrity: `sha512-${hash('sha512', tgz, 'base64')}`, tarball: `${this.url}/${name}/-/${base}-${version}.tgz`, ...dist } }
    const files = known?.files ?? new Map()
    files.set(`${base}-${version}.tgz`, tgz)
    this.packages.set(name, { doc, files, document, tarball })
    return tgz
  }

  count(part) {
    return this.asked.filter((r) => r.url.includes(part)).length
  }

  #answer(req, res) {
    const path = decodeURIComponent(req.url.split('?')[0]).slice(1)
    const [name, file] = path.split('/-/')
    this.asked.push({ url: `/${path}`, method: req.method, headers: req.headers })
    const p = this.packages.get(name)
    if (this.all) return this.all(req, res)
    if (!p) return res.writeHead(404).end('{"error":"not found"}')
    const count = this.asked.filter((r) => r.url === `/${path}`).length
    if (file === undefined) {
      const body = Buffer.from(JSON.stringify(p.doc))
      if (p.document) return p.document(req, res, { body, count })
      const etag = `"${hash('sha1', body, 'hex')}"`
      if (req.headers['if-none-match'] === etag) return res.writeHead(304).end()
      return res.writeHead(200, { etag, 'content-type': 'application/json' }).end(body)
    }
    const body = p.files.get(file)
    if (!body) return res.writeHead(404).end('{}')
    if (p.tarball) return p.tarball(req, res, { body, count })
    res.writeHead(200, { 'content-length': body.length }).end(body)
  }

  async stop() {
    this.server.closeAllConnections()
    await new Promise((done) => this.server.close(done))
  }
}

/** Sends body up to `bytes` and then cuts the line. */
export function cut(res, body, bytes, headers = {}, status = 200) {
  res.writeHead(status, { 'content-length': body.length, ...headers })
  res.write(body.subarray(0, bytes))
  setTimeout(() => res.socket?.destroy(), 50)
}

export const bomb = () => gzipSync(Buffer.alloc(200 << 20, 0x20))
