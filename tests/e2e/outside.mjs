// The world outside: a public registry of which a test says what it holds, and an OSV export about it.
import { createServer } from 'node:http'
import { crc32, deflateRawSync } from 'node:zlib'
import { publishDocument } from './publish.mjs'

export class Outside {
  static async start() {
    const o = new Outside()
    o.packages = new Map()
    o.asked = []
    o.server = createServer((req, res) => o.answer(req, res)).listen(0, '127.0.0.1')
    await new Promise((done) => o.server.once('listening', done))
    o.url = `http://127.0.0.1:${o.server.address().port}`
    return o
  }

  /** age: how long ago it was published, in ms; files: beside package.json. */
  add(name, version, { age = 0, files = {}, ...manifest } = {}) {
    const { body } = publishDocument(name, version, { manifest, files })
    const p = this.packages.get(name) ?? { name, 'dist-tags': {}, versions: {}, time: {}, tarballs: new Map() }
    this.packages.set(name, p)
    p['dist-tags'].latest = version
    p.versions[version] = body.versions[version]
    if (manifest.scripts?.install) p.versions[version].hasInstallScript = true
    p.versions[version].dist.tarball = `${this.url}/${name}/-/${name.split('/').at(-1)}-${version}.tgz`
    p.time[version] = new Date(Date.now() - age).toISOString()
    p.tarballs.set(`${name.split('/').at(-1)}-${version}.tgz`, Buffer.from(Object.values(body._attachments)[0].data, 'base64'))
  }

  answer(req, res) {
    this.asked.push(req.url)
    const [path, file] = decodeURIComponent(req.url.slice(1)).split('/-/')
    const p = this.packages.get(path)
    if (!p || (file && !p.tarballs.has(file))) return res.writeHead(404).end('{}')
    if (file) return res.end(p.tarballs.get(file))
    const { tarballs, ...doc } = p
    const short = req.headers.accept?.includes('install-v1')
    if (short) {
      delete doc.time
      doc.versions = Object.fromEntries(Object.entries(doc.versions).map(([v, { license, ...m }]) => [v, m]))
    }
    res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(doc))
  }

  stop() {
    this.server.close()
    this.server.closeAllConnections()
  }
}

/** An advisory of the OSV schema. */
export const osv = (id, name, events, more = {}) => ({
  schema_version: '1.6.0', id, modified: '2026-01-02T03:04:05Z', published: '2026-01-01T00:00:00Z', summary: `${name} does what it should not`, aliases: ['CVE-2026-0001'],
  affected: [{ package: { ecosystem: 'npm', name }, ranges: [{ type: 'SEMVER', events }] }],
  severity: [{ type: 'CVSS_V3', score: 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H' }],
  references: [{ type: 'ADVISORY', url: `https://advisories.example/${id}` }],
  database_specific: { severity: 'HIGH', cwe_ids: ['CWE-79'] }, ...more,
})

/** A .zip of these files. */
export function zip(files) {
  const parts = [], index = []
  let at = 0
  for (const [name, text] of Object.entries(files)) {
    const bytes = Buffer.from(text), packed = deflateRawSync(bytes)
    const head = Buffer.alloc(26)
    head.writeUInt16LE(20, 0)
    head.writeUInt16LE(8, 4)
    head.writeUInt32LE(0x00210000, 6)
    head.writeUInt32LE(crc32(bytes), 10)
    head.writeUInt32LE(packed.length, 14)
    head.writeUInt32LE(bytes.length, 18)
    head.writeUInt16LE(Buffer.byteLength(name), 22)
    parts.push(Buffer.from('PK\x03\x04'), head, Buffer.from(name), packed)
    const tail = Buffer.alloc(14)
    tail.writeUInt32LE(at, 10)
    index.push(Buffer.from('PK\x01\x02'), Buffer.from([20, 0]), head, tail, Buffer.from(name))
    at += 30 + Buffer.byteLength(name) + packed.length
  }
  const central = Buffer.concat(index), end = Buffer.alloc(18)
  end.writeUInt16LE(Object.keys(files).length, 4)
  end.writeUInt16LE(Object.keys(files).length, 6)
  end.writeUInt32LE(central.length, 8)
  end.writeUInt32LE(at, 12)
  return Buffer.concat([...parts, central, Buffer.from('PK\x05\x06'), end])
}
