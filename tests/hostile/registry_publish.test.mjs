// One test for each trap that a registry can be caught in. Where each is laid, of this file and its sisters:
//
//   odd Host header on a packument                    registry_http    (http1: every form of it)
//   the same version published at once                registry_race
//   first publishes of a new package at once          registry_race
//   a publish that is refused                         registry_publish
//   integrity, length, no hashes, no gzip, empty      registry_publish (e2e/badinput: the sentences)
//   a manifest that the tarball denies                registry_publish (e2e/manifest: real clients)
//   a tarball that leads out of itself, a bomb        registry_publish (e2e/badinput: every kind)
//   a file that no version has                        registry_publish
//   names of an object's prototype                    registry_names
//   odd names, versions, tags                         registry_names
//   a stale revision                                  registry_rights
//   a tarball in use, other bytes after an unpublish  registry_rights
//   somebody else's package                           registry_rights (isolation, tenancy: every route)
//   a bad token, logout, another user's login         registry_rights (move: tokens of a Verdaccio)
//   self-registration                                 registry_rights
//   dist.tarball and attachments of others            registry_publish
//   a private name upstream, an audit                 registry_rights
//   bodies and framing                                registry_http    (http1, uploads: the same for every route)
//   searches                                          registry_http
//   wrong passwords                                   registry_rights (login: the portal)
//   a storage folder, an uplink or a registry that lies   e2e/move, e2e/move_registry, e2e/uplink*
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { hash, sri, tgz } from '../e2e/publish.mjs'
import { Scene, bent, document, tarball } from './registry.mjs'

let s
before(async () => { s = await Scene.start() }, { timeout: 60000 })
after(() => s?.stop())

const blobs = () => [
  readdirSync(join(s.r.data, 'blobs', 'sha512'), { recursive: true, withFileTypes: true }).filter((f) => f.isFile()).length,
  execFileSync('sqlite3', ['-readonly', join(s.r.data, 'blobs', 'small.db'), 'SELECT count(*) FROM small_blob'], { encoding: 'utf8' }).trim(),
]
const shown = async () => (await s.ask('@acme%2fnothing')).status

async function refused(what, doc, status = 422, name = '@acme/nothing') {
  const answer = await s.put(name, doc)
  assert.ok([status].flat().includes(answer.status), `${what}: ${answer.status} ${answer.text}`)
  assert.match(answer.body.error, /\S.+\.$/, what)
}

test('a publish that is refused leaves nothing that can be seen, found or fetched', async () => {
  const was = blobs()
  await refused('a wrong shasum', bent(document('@acme/nothing', '1.0.0'), (d, v) => { v.dist.shasum = '0'.repeat(40) }))
  assert.equal(await shown(), 404)
  for (const path of ['@acme%2fnothing/1.0.0', '@acme/nothing/-/nothing-1.0.0.tgz', '-/package/@acme%2fnothing/dist-tags']) assert.equal((await s.ask(path)).status, 404, path)
  assert.equal((await s.ask('-/v1/search?text=nothing')).body.objects.length, 0)
  assert.deepEqual(blobs(), was)
  // and its number is free
  await s.publish('@acme/nothing-at-first', '1.0.0')
})

test('a tarball that is not what is promised of it is refused: integrity, length, hashes, form', async () => {
  const name = '@acme/nothing'
  const bend = (fn) => bent(document(name, '1.0.0'), fn)
  const cases = {
    'another integrity': bend((d, v) => { v.dist.integrity = `sha512-${'A'.repeat(86)}==` }),
    'a right shasum beside a wrong integrity': bend((d, v) => { v.dist.integrity = sri(Buffer.from('x')) }),
    'a right integrity beside a wrong shasum': bend((d, v) => { v.dist.shasum = hash('sha1', 'x', 'hex') }),
    'one right hash of two': bend((d, v) => { v.dist.integrity += ` ${sri(Buffer.from('x'))}` }),
    'an unknown kind of hash': bend((d, v) => { v.dist = { integrity: 'md5-1B2M2Y8AsgTpgAmY7PhCfg==' } }),
    'no hash': bend((d, v) => { v.dist = {} }), 'no dist': bend((d, v) => { delete v.dist }), 'dist is a list': bend((d, v) => { v.dist = [] }),
    'one byte more promised': bend((d, v, a) => { a.length++ }), 'no bytes where some are promised': bend((d, v, a) => { a.data = '' }),
    'no base64': bend((d, v, a) => { a.data = '!!!!' }), 'half base64': bend((d, v, a) => { a.data = a.data.slice(0, -1) }), 'base64 with line breaks': bend((d, v, a) => { a.data = a.data.replace(/.{76}/g, '$&\n') }),
    'no gzip': document(name, '1.0.0', Buffer.from('plain text')), 'empty': document(name, '1.0.0', Buffer.alloc(0)), 'an empty gzip': document(name, '1.0.0', gzipSync('')),
    'two attachments': bend((d) => { d._attachments['b.tgz'] = Object.values(d._attachments)[0] }), 'an attachment that is text': bend((d) => { d._attachments = { 'a.tgz': 'x' } }),
  }
  for (const [what, doc] of Object.entries(cases)) await refused(what, doc, what === 'an attachment that is text' ? [400, 422] : 422)
  assert.equal(await shown(), 404)
})

test('a document that says other than the tarball is refused, or the tarball is believed', async () => {
  const name = '@acme/nothing'
  await refused('another name', document(name, '1.0.0', tarball('@acme/evil', '1.0.0')))
  await refused('another version', document(name, '1.0.0', tarball(name, '1.0.1')))
  await refused('a key that is another version', bent(document(name, '1.0.0'), (d, v) => { v.version = '1.0.1' }))
  await refused('an id of another', bent(document(name, '1.0.0'), (d, v) => { v._id = '@acme/evil@1.0.0' }))
  await refused('two versions', bent(document(name, '1.0.0'), (d) => { d.versions['2.0.0'] = d.versions['1.0.0'] }))
  const ball = tarball('@acme/honest', '1.0.0', { dependencies: { real: '1.0.0' }, scripts: { postinstall: 'true' }, bin: { honest: 'index.js' } })
  await s.publish('@acme/honest', '1.0.0', { ball, manifest: { dependencies: { harmless: '1.0.0' }, scripts: {}, bin: {}, hasInstallScript: false } })
  const v = (await s.full('@acme/honest')).versions['1.0.0']
  assert.deepEqual([v.dependencies, v.scripts, v.bin, v.hasInstallScript], [{ real: '1.0.0' }, { postinstall: 'true' }, { honest: 'index.js' }, true])
})

test('a tarball with a way out, a link, a device, a foreign right or far too much in it is refused', async () => {
  const name = '@acme/nothing', own = { name: 'package/package.json', body: JSON.stringify({ name, version: '1.0.0' }) }
  const members = {
    'two dots': [{ name: 'package/../../x', body: 'x' }], 'an absolute path': [{ name: '/etc/passwd', body: 'x' }], 'a symbolic link': [{ name: 'package/l', type: '2', link: '/etc/passwd' }],
    'a hard link': [{ name: 'package/l', type: '1', link: 'package/package.json' }], 'a device': [{ name: 'package/null', type: '3' }], 'a pipe': [{ name: 'package/p', type: '6' }],
    'a file through a link': [{ name: 'package/l', type: '2', link: '/tmp' }, { name: 'package/l/x', body: 'x' }], 'setuid': [{ name: 'package/s', body: 'x', mode: '0004755' }], 'setgid': [{ name: 'package/s', body: 'x', mode: '0002755' }],
  }
  for (const [what, more] of Object.entries(members)) await refused(what, document(name, '1.0.0', tgz(own, ...more)))
  const bomb = tgz(own, { name: 'package/zero', body: Buffer.alloc(200 << 20) })
  assert.ok(bomb.length < 1 << 20)
  await refused('200 MB in 200 kB', document(name, '1.0.0', bomb))
  assert.equal(await shown(), 404)
})

test('a file that no version is called after is 404, whatever lies on the disk', async () => {
  await s.publish('@acme/files', '1.0.0')
  const odd = ['package.json', 'files-1.0.0.tgz.part', 'files-1.0.0.tar', 'files-1.0.1.tgz', 'files-.tgz', '..%2ffiles-1.0.0.tgz', 'other-1.0.0.tgz', 'FILES-1.0.0.tgz', 'files-1.0.0.tgz%00', 'redhouse.db', 'files-latest.tgz']
  for (const file of odd) assert.ok([400, 404].includes((await s.ask(`@acme/files/-/${file}`)).status), file)
  for (const path of ['@acme/files/-/../../../secret.key', '@acme/files/-/%2e%2e/%2e%2e/secret.key', '@acme%2f..%2f..%2fsecret.key']) {
    const answer = await s.raw(s.head('GET', path, s.bearer))
    assert.ok([400, 404].includes(answer.status), `${path}: ${answer.text}`)
  }
  assert.equal((await s.ask('@acme/files/-/files-1.0.0.tgz')).status, 200)
})

test('where a document says that its tarball is does not matter, nor what an attachment is called', async () => {
  const doc = bent(document('@acme/aimed', '1.0.0'), (d, v) => { v.dist.tarball = 'http://evil.example/x.tgz' })
  doc._attachments = { '../../@acme/files-1.0.0.tgz': Object.values(doc._attachments)[0] }
  const was = (await s.ask('@acme/files/-/files-1.0.0.tgz')).bytes
  assert.equal((await s.put('@acme/aimed', doc)).status, 201)
  const got = await s.full('@acme/aimed')
  assert.equal(got.versions['1.0.0'].dist.tarball, `${s.r.url}/npm/@acme/aimed/-/aimed-1.0.0.tgz`)
  assert.ok(!JSON.stringify(got).includes('evil.example'))
  assert.deepEqual((await s.ask('@acme/files/-/files-1.0.0.tgz')).bytes, was)
  assert.equal(sri((await s.ask('@acme/aimed/-/aimed-1.0.0.tgz')).bytes), got.versions['1.0.0'].dist.integrity)
})
