// What npm publish sends, made by hand.
import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'

// One file of a tar archive.
function tarFile(name, content) {
  const header = Buffer.alloc(512)
  header.write(name, 0)
  header.write('0000644\0', 100)
  header.write('0000000\0', 108)
  header.write('0000000\0', 116)
  header.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124)
  header.write('00000000000\0', 136)
  header.write('        ', 148)
  header.write('0', 156)
  header.write('ustar\0' + '00', 257)
  let sum = 0
  for (const byte of header) sum += byte
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return Buffer.concat([header, content, Buffer.alloc((512 - (content.length % 512)) % 512)])
}

// more: {manifest: further members of package.json, files: {name: text or bytes}, readme}
export function publishDocument(name, version, more = {}) {
  const manifest = { name, version, description: 'a package', main: 'index.js', ...more.manifest }
  const files = Object.entries({ 'package.json': JSON.stringify(manifest), ...more.files })
  const tarball = gzipSync(Buffer.concat([...files.map(([file, text]) => tarFile(`package/${file}`, Buffer.from(text))), Buffer.alloc(1024)]))
  const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`
  const shasum = createHash('sha1').update(tarball).digest('hex')
  const file = `${name}-${version}.tgz`
  return {
    integrity,
    body: { _id: name, name, readme: more.readme, 'dist-tags': { latest: version }, versions: { [version]: { ...manifest, _id: `${name}@${version}`, dist: { integrity, shasum, tarball: `http://x/${file}` } } },
      _attachments: { [file]: { content_type: 'application/octet-stream', data: tarball.toString('base64'), length: tarball.length } } },
  }
}
