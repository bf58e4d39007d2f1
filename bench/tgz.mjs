// Packages made for a bench: a .tgz of one package.json and padding, and the document that npm publish sends with it.
import { createHash, randomBytes } from 'node:crypto'
import { gzipSync } from 'node:zlib'

function entry(name, body) {
  const head = Buffer.alloc(512)
  head.write(name, 0)
  head.write('0000644\0', 100)
  head.write('0000000\0', 108)
  head.write('0000000\0', 116)
  head.write(`${body.length.toString(8).padStart(11, '0')}\0`, 124)
  head.write('00000000000\0', 136)
  head.write('        ', 148)
  head.write('0', 156)
  head.write('ustar\0' + '00', 257)
  const sum = head.reduce((a, b) => a + b, 0)
  head.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return Buffer.concat([head, body, Buffer.alloc((512 - (body.length % 512)) % 512)])
}

/** About bytes of .tgz: padding is random, so that it does not shrink. */
function tgz(manifest, bytes) {
  const padding = randomBytes(Math.max(0, bytes - 700))
  return gzipSync(Buffer.concat([
    entry('package/package.json', Buffer.from(JSON.stringify(manifest))),
    entry('package/padding.bin', padding),
    Buffer.alloc(1024),
  ]))
}

/** The body of PUT /NAME for one version, as npm 11 sends it. */
export function publishDocument(name, version, bytes = 10000) {
  const dependencies = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`dependency-number-${i}`, `^${i}.1.${i}`]))
  const manifest = {
    name, version, description: `A package that a bench publishes: ${name}`, main: 'index.js', license: 'Apache-2.0',
    keywords: ['node-red', 'bench', 'measure'], repository: { type: 'git', url: 'git+https://git.example/bench/bench.git' },
    scripts: { test: 'node --test', lint: 'eslint .', build: 'tsc -p .' }, dependencies,
    engines: { node: '>=20' },
  }
  const tarball = tgz(manifest, bytes)
  const file = `${name.split('/').at(-1)}-${version}.tgz`
  const dist = {
    integrity: `sha512-${createHash('sha512').update(tarball).digest('base64')}`,
    shasum: createHash('sha1').update(tarball).digest('hex'),
    tarball: `http://localhost/${name}/-/${file}`,
  }
  return JSON.stringify({
    _id: name, name, 'dist-tags': { latest: version }, access: null,
    versions: { [version]: { ...manifest, _id: `${name}@${version}`, dist } },
    _attachments: { [`${name}-${version}.tgz`]: { content_type: 'application/octet-stream', data: tarball.toString('base64'), length: tarball.length } },
  })
}
