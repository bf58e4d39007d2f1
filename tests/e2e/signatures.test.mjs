// Signatures: what was published here, and what came through the uplink, is verified by clients themselves.
import assert from 'node:assert/strict'
import { createHash, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Machine, client } from './clients.mjs'
import { publishDocument } from './publish.mjs'
import { Redhouse, root, until } from './redhouse.mjs'

const require = createRequire(import.meta.url)
const pacote = require(join(root, 'build', 'node', 'node_modules', 'npm', 'node_modules', 'pacote'))

// A public registry that signs as the public one does.
class Upstream {
  static async start() {
    const u = new Upstream()
    u.asked = []
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const der = publicKey.export({ type: 'spki', format: 'der' })
    u.keyid = `SHA256:${createHash('sha256').update(der).digest('base64')}`
    u.keys = { keys: [{ expires: null, keyid: u.keyid, keytype: 'ecdsa-sha2-nistp256', scheme: 'ecdsa-sha2-nistp256', key: der.toString('base64'), extra: 'left out' }, { keyid: 'no key' }] }
    const { body, integrity } = publishDocument('left-hand', '1.0.0')
    u.tarball = Buffer.from(body._attachments['left-hand-1.0.0.tgz'].data, 'base64')
    const sig = sign('sha256', Buffer.from(`left-hand@1.0.0:${integrity}`), privateKey).toString('base64')
    u.doc = { name: 'left-hand', 'dist-tags': { latest: '1.0.0' }, time: { '1.0.0': '2020-01-01T00:00:00.000Z' },
      versions: { '1.0.0': { name: 'left-hand', version: '1.0.0', _id: 'left-hand@1.0.0', dist: { integrity, tarball: 'http://x/left-hand/-/left-hand-1.0.0.tgz', signatures: [{ keyid: u.keyid, sig }] } } } }
    u.server = createServer((req, res) => u.answer(req, res)).listen(0, '127.0.0.1')
    await new Promise((done) => u.server.once('listening', done))
    u.url = `http://127.0.0.1:${u.server.address().port}`
    return u
  }

  answer(req, res) {
    this.asked.push(req.url)
    if (req.url === '/left-hand') return res.end(JSON.stringify(this.doc))
    if (req.url.endsWith('.tgz')) return res.end(this.tarball)
    if (req.url === '/-/npm/v1/attestations/left-hand@1.0.0') return res.end(JSON.stringify({ attestations: [{ predicateType: 'p', bundle: {} }] }))
    if (req.url === '/-/npm/v1/attestations/left-hand@1.0.1') return res.end('no json')
    if (req.url === '/-/npm/v1/keys' && !this.down) return res.end(JSON.stringify(this.keys))
    res.writeHead(this.down ? 503 : 404).end('{}')
  }

  stop() {
    this.server.close()
    this.server.closeAllConnections()
  }
}

let r, upstream, token, admin
const keys = async () => (await r.api('GET', '/npm/-/npm/v1/keys')).body.keys
const packument = async (name, accept = 'application/json') =>
  (await r.api('GET', `/npm/${name.replace('/', '%2f')}`, undefined, { authorization: `Bearer ${token}`, accept })).body
const publish = async (name, version) => {
  const answer = await r.api('PUT', `/npm/${name.replace('/', '%2f')}`, publishDocument(name, version).body, { authorization: `Bearer ${token}` })
  assert.equal(answer.status, 201, JSON.stringify(answer.body))
}
const held = (name, version, dist, list) => {
  const [{ keyid, sig }] = dist.signatures
  const key = createPublicKey({ key: Buffer.from(list.find((k) => k.keyid === keyid).key, 'base64'), format: 'der', type: 'spki' })
  return verify('sha256', Buffer.from(`${name}@${version}:${dist.integrity}`), key, Buffer.from(sig, 'base64'))
}
// npm's own reader of packages, told to verify.
const manifest = async (spec, list, how = {}) => {
  const registry = `${r.url}/npm/`
  const nerf = registry.replace('http:', '')
  return pacote.manifest(spec, { registry, [`${nerf}:_authToken`]: token, verifySignatures: true, preferOnline: true, cache: join(r.data, `cache-${Math.random()}`),
    [`${nerf}:_keys`]: list.map((k) => ({ ...k, pemkey: `-----BEGIN PUBLIC KEY-----\n${k.key}\n-----END PUBLIC KEY-----` })), ...how })
}

before(async () => {
  upstream = await Upstream.start()
  r = await Redhouse.start({ uplink: upstream.url, args: ['--uplink-fresh', '1s'] })
  admin = { cookie: await r.login('admin', r.password) }
  await r.run('tenant', 'create', 'acme')
  await r.api('POST', '/api/v1/users', { name: 'dev', password: 'correct horse', tenant: 'acme', role: 'developer' }, admin)
  token = await r.token('dev', 't')
  await publish('@acme/signed', '1.0.0')
}, { timeout: 120000 })
after(async () => {
  await r?.stop()
  upstream?.stop()
})

describe('signatures', { timeout: 300000 }, () => {
  test('both forms carry a signature of name, version and integrity', async () => {
    const list = await keys()
    for (const accept of ['application/json', 'application/vnd.npm.install-v1+json']) {
      const { dist } = (await packument('@acme/signed', accept)).versions['1.0.0']
      assert.ok(held('@acme/signed', '1.0.0', dist, list), accept)
      assert.ok(!held('@acme/signed', '1.0.1', dist, list))
    }
  })

  test('the keys are ours and those of the uplink, whose signatures stay as they are', async () => {
    const list = await keys()
    assert.equal(list.length, 2)
    assert.deepEqual(list[1], { expires: null, keyid: upstream.keyid, keytype: 'ecdsa-sha2-nistp256', scheme: 'ecdsa-sha2-nistp256', key: upstream.keys.keys[0].key })
    const { dist } = (await packument('left-hand')).versions['1.0.0']
    assert.deepEqual(dist.signatures, upstream.doc.versions['1.0.0'].dist.signatures)
    assert.ok(held('left-hand', '1.0.0', dist, list))
    await keys()
    assert.equal(upstream.asked.filter((url) => url.endsWith('/keys')).length, 1)
  })

  test('what the uplink attests of a public version is found where clients look for it', async () => {
    const who = { authorization: `Bearer ${token}` }
    for (const path of ['/-/npm/v1/attestations/left-hand@1.0.0', '/npm/-/npm/v1/attestations/left-hand@1.0.0'])
      assert.deepEqual((await r.api('GET', path, undefined, who)).body, { attestations: [{ predicateType: 'p', bundle: {} }] }, path)
    for (const path of ['left-hand@1.0.1', 'left-hand@2.0.0', 'left-hand@..%2f..%2fx', '@acme/signed@1.0.0'])
      assert.equal((await r.api('GET', `/-/npm/v1/attestations/${path}`, undefined, who)).status, 404, path)
    assert.equal((await r.api('GET', '/-/npm/v1/attestations/left-hand@1.0.0')).status, 401)
    assert.ok(!upstream.asked.some((url) => url.includes('..') || url.includes('acme')))
  })

  test('npm verifies what was published here and what came through', async () => {
    const list = await keys()
    for (const spec of ['@acme/signed@1.0.0', 'left-hand@1.0.0'])
      assert.equal((await manifest(spec, list))._signatures.length, 1, spec)
    await assert.rejects(manifest('@acme/signed@1.0.0', list.slice(1)), { code: 'EMISSINGSIGNATUREKEY' })
    const swapped = list.map((k, i) => ({ ...k, key: list[1 - i].key }))
    await assert.rejects(manifest('@acme/signed@1.0.0', swapped), { code: 'EINTEGRITYSIGNATURE' })
  })

  test('pnpm audits the signatures of a tree of both kinds and refuses a wrong one', async () => {
    const m = new Machine(r, 'pnpm12', await client('pnpm12'), token)
    const dir = m.project()
    await m.run(dir, 'add', '@acme/signed@1.0.0', 'left-hand@1.0.0', '--ignore-scripts')
    assert.match(await m.run(dir, 'audit', 'signatures'), /2 packages have verified registry signatures/)
    const { sig } = upstream.doc.versions['1.0.0'].dist.signatures[0]
    upstream.doc.versions['1.0.0'].dist.signatures[0].sig = (await packument('@acme/signed')).versions['1.0.0'].dist.signatures[0].sig
    await until('the bent document is here', async () => (await packument('left-hand')).versions['1.0.0'].dist.signatures[0].sig !== sig)
    assert.match(await m.fails(dir, 'audit', 'signatures'), /invalid registry signature/i)
    upstream.doc.versions['1.0.0'].dist.signatures[0].sig = sig
  })

  test('a new key signs what is published from then on, and older versions stay verified', async () => {
    const before = await r.json('registry', 'key', 'list')
    assert.equal(before.items.length, 1)
    const after = await r.json('registry', 'key', 'rotate')
    assert.equal(after.items.length, 2)
    assert.equal(after.items[0].expires, null)
    assert.equal(after.items[1].keyid, before.items[0].keyid)
    await publish('@acme/signed', '1.1.0')
    const list = await keys()
    assert.equal((await packument('@acme/signed')).versions['1.1.0'].dist.signatures[0].keyid, after.items[0].keyid)
    for (const spec of ['@acme/signed@1.0.0', '@acme/signed@1.1.0']) assert.ok(await manifest(spec, list), spec)
    assert.equal((await r.api('POST', '/api/v1/registry/keys', {}, { authorization: `Bearer ${token}` })).status, 403)
  })

  test('the keys of an uplink that is down stay, and ours survive a kill', async () => {
    const before = await keys()
    upstream.down = true
    await r.kill()
    await r.serve()
    assert.deepEqual(await keys(), before)
    await manifest('@acme/signed@1.1.0', before)
  })
})
