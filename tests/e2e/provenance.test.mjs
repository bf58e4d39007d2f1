// Provenance: the bundle that `npm publish --provenance` sends is checked, kept and served. npm itself asks a public log before it sends one, so the
// document is sent as npm makes it.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { publishDocument } from './publish.mjs'
import { Redhouse, root } from './redhouse.mjs'

const require = createRequire(import.meta.url)
const pacote = require(join(root, 'build', 'node', 'node_modules', 'npm', 'node_modules', 'pacote'))
const media = 'application/vnd.dev.sigstore.bundle.v0.3+json'
const slsa = 'https://slsa.dev/provenance/v1'
let r, token, ada, eve

const statement = (name, version, tarball, more = {}) => ({ _type: 'https://in-toto.io/Statement/v1', predicateType: slsa, predicate: { buildDefinition: {} },
  subject: [{ name: `pkg:npm/${name.replace('@', '%40')}@${version}`, digest: { sha512: createHash('sha512').update(tarball).digest('hex') } }], ...more })
const bundle = (said, more = {}) => ({ mediaType: media, verificationMaterial: { certificate: { rawBytes: 'AAAA' }, tlogEntries: [] },
  dsseEnvelope: { payload: Buffer.from(JSON.stringify(said)).toString('base64'), payloadType: 'application/vnd.in-toto+json', signatures: [{ sig: 'AAAA', keyid: '' }] }, ...more })
// As libnpmpublish adds it: the data is text, not base64.
function publish(name, version, make, attachment = {}) {
  const { body } = publishDocument(name, version)
  const tarball = Buffer.from(Object.values(body._attachments)[0].data, 'base64')
  const data = JSON.stringify(make(tarball))
  body._attachments[`${name}-${version}.sigstore`] = { content_type: media, data, length: data.length, ...attachment }
  return r.api('PUT', `/npm/${name.replace('/', '%2f')}`, body, ada)
}
const good = (name, version) => (tarball) => bundle(statement(name, version, tarball))

before(async () => {
  r = await Redhouse.start()
  for (const [tenant, user] of [['acme', 'ada'], ['beta', 'eve']]) {
    await r.run('tenant', 'create', tenant)
    await r.member(tenant, user, 'owner')
  }
  token = await r.token('ada', 't')
  ada = { authorization: `Bearer ${token}` }
  eve = { authorization: `Bearer ${await r.token('eve', 't')}` }
}, { timeout: 120000 })
after(async () => r?.stop())

describe('provenance', { timeout: 120000 }, () => {
  test('what is sent with a version is served as it came, and told in its dist', async () => {
    let sent
    const answer = await publish('@acme/proven', '1.0.0', (tarball) => (sent = good('@acme/proven', '1.0.0')(tarball)))
    assert.equal(answer.status, 201, JSON.stringify(answer.body))
    for (const accept of ['application/json', 'application/vnd.npm.install-v1+json']) {
      const { dist } = (await r.api('GET', '/npm/@acme%2fproven', undefined, { ...ada, accept })).body.versions['1.0.0']
      assert.deepEqual(dist.attestations, { url: `${r.url}/npm/-/npm/v1/attestations/@acme/proven@1.0.0`, provenance: { predicateType: slsa } })
      assert.equal(dist.signatures.length, 1)
    }
    for (const path of ['@acme/proven@1.0.0', '@acme%2fproven@1.0.0']) {
      const got = await r.api('GET', `/npm/-/npm/v1/attestations/${path}`, undefined, ada)
      assert.equal(got.status, 200, JSON.stringify(got.body))
      assert.deepEqual(got.body, { attestations: [{ predicateType: slsa, bundle: sent }] })
    }
    const registry = `${r.url}/npm/`
    const read = await pacote.manifest('@acme/proven@1.0.0', { registry, fullMetadata: true, [`${registry.replace('http:', '')}:_authToken`]: token, cache: join(r.data, 'cache') })
    assert.equal(new URL(read.dist.attestations.url).pathname, '/npm/-/npm/v1/attestations/@acme/proven@1.0.0')
    assert.equal((await publish('@acme/proven', '1.0.0', good('@acme/proven', '1.0.0'))).status, 200)
  })

  test('it is hidden as the package is, and not there where there is none', async () => {
    assert.equal((await r.api('GET', '/npm/-/npm/v1/attestations/@acme/proven@1.0.0', undefined, eve)).status, 404)
    assert.equal((await r.api('GET', '/npm/-/npm/v1/attestations/@acme/proven@1.0.0')).status, 401)
    for (const path of ['@acme/proven@2.0.0', '@acme/proven', 'x', '@acme/other@1.0.0', '@'])
      assert.equal((await r.api('GET', `/npm/-/npm/v1/attestations/${path}`, undefined, ada)).status, 404, path)
  })

  test('a bundle about anything else than this tarball, or that is none, is refused, and nothing is published', async () => {
    const name = '@acme/bad', tries = {
      'another version': (t) => bundle(statement(name, '1.0.1', t)),
      'another package': (t) => bundle(statement('@acme/proven', '1.0.0', t)),
      'another tarball': () => bundle(statement(name, '1.0.0', 'other bytes')),
      'no subject': (t) => bundle(statement(name, '1.0.0', t, { subject: [] })),
      'two subjects': (t) => bundle(statement(name, '1.0.0', t, { subject: Array(2).fill(statement(name, '1.0.0', t).subject[0]) })),
      'no predicate type': (t) => bundle(statement(name, '1.0.0', t, { predicateType: '' })),
      'no envelope': (t) => bundle(statement(name, '1.0.0', t), { dsseEnvelope: undefined }),
      'no signature': (t) => { const b = bundle(statement(name, '1.0.0', t)); b.dsseEnvelope.signatures = []; return b },
      'no base64': (t) => { const b = bundle(statement(name, '1.0.0', t)); b.dsseEnvelope.payload = '***'; return b },
      'another media type': (t) => bundle(statement(name, '1.0.0', t), { mediaType: 'text/plain' }),
      'a list': () => [],
    }
    for (const [what, make] of Object.entries(tries)) {
      const answer = await publish(name, '1.0.0', make)
      assert.ok([400, 422].includes(answer.status), `${what}: ${answer.status}`)
      assert.match(answer.body.error, /\w.*\./, what)
    }
    assert.equal((await publish(name, '1.0.0', good(name, '1.0.0'), { data: 'no json' })).status, 422)
    assert.equal((await publish(name, '1.0.0', good(name, '1.0.0'), { data: 7 })).status, 400)
    assert.equal((await publish(name, '1.0.0', (t) => bundle(statement(name, '1.0.0', t, { pad: 'x'.repeat(1 << 20) })))).status, 413)
    assert.equal((await r.api('GET', '/npm/@acme%2fbad', undefined, ada)).status, 404)
  })

  test('it survives a kill and gc, and goes with its version', async () => {
    await r.kill()
    await r.serve()
    await r.run('registry', 'gc', '--older', '0s')
    assert.equal((await r.api('GET', '/npm/-/npm/v1/attestations/@acme/proven@1.0.0', undefined, ada)).status, 200)
    const { _rev } = (await r.api('GET', '/npm/@acme%2fproven', undefined, ada)).body
    assert.equal((await r.api('DELETE', `/npm/@acme%2fproven/-rev/${_rev}`, undefined, ada)).status, 200)
    assert.equal((await r.api('GET', '/npm/-/npm/v1/attestations/@acme/proven@1.0.0', undefined, ada)).status, 404)
    const { items } = await r.json('registry', 'gc', '--older', '0s')
    assert.ok(items.length >= 2, 'the tarball and the bundle')
  })
})
