// What npm publish sends, made by hand, and archives that no tool would make.
import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'

export const hash = (algorithm, data, encoding) => createHash(algorithm).update(data).digest(encoding)
export const sri = (data) => `sha512-${hash('sha512', data, 'base64')}`

// One member of a tar: {name, body, type, link, mode, size}; size may lie.
export function member({ name, body = '', type = '0', link = '', mode = '0000644', size }) {
  const content = Buffer.from(body)
  const head = Buffer.alloc(512)
  head.write(name, 0, 100)
  head.write(`${mode}\0`, 100)
  head.write('0000000\0', 108)
  head.write('0000000\0', 116)
  head.write(`${(size ?? content.length).toString(8).padStart(11, '0')}\0`, 124)
  head.write('00000000000\0', 136)
  head.fill(' ', 148, 156)
  head.write(type, 156)
  head.write(link, 157, 100)
  head.write('ustar\0' + '00', 257)
  if (type === '3' || type === '4') head.write('0000001\0' + '0000003\0', 329)
  head.write(`${head.reduce((a, b) => a + b, 0).toString(8).padStart(6, '0')}\0 `, 148)
  return Buffer.concat([head, content, Buffer.alloc((512 - (content.length % 512)) % 512)])
}

export const tar = (...members) => Buffer.concat([...members.map(member), Buffer.alloc(1024)])
export const tgz = (...members) => gzipSync(tar(...members))

// What npm would send for this tarball.
export function document(name, version, tarball, { tag = 'latest', manifest = {}, top = {} } = {}) {
  return {
    _id: name, name, 'dist-tags': { [tag]: version },
    versions: { [version]: { name, version, ...manifest, dist: { integrity: sri(tarball), shasum: hash('sha1', tarball, 'hex') } } },
    _attachments: { [`${name}-${version}.tgz`]: { content_type: 'application/octet-stream', data: tarball.toString('base64'), length: tarball.length } },
    ...top,
  }
}

// more: {manifest: further members of package.json, files: {name: text or bytes}, readme}
export function publishDocument(name, version, more = {}) {
  const manifest = { name, version, description: 'a package', main: 'index.js', ...more.manifest }
  const files = Object.entries({ 'package.json': JSON.stringify(manifest), ...more.files })
  const tarball = tgz(...files.map(([file, body]) => ({ name: `package/${file}`, body })))
  const body = document(name, version, tarball, { manifest: { ...manifest, _id: `${name}@${version}` }, top: { readme: more.readme } })
  body.versions[version].dist.tarball = `http://x/${name}-${version}.tgz`
  return { integrity: sri(tarball), body }
}
