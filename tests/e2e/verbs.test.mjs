// What clients may send and what they must not break: forms of addresses and bodies, documents that are out of date, what is not offered.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { publishDocument } from './publish.mjs'
import { binary, Redhouse, root } from './redhouse.mjs'

describe('verbs', { timeout: 120000 }, () => {
  let r, headers
  const spelt = (name) => [name.replace('/', '%2f'), name.replace('/', '%2F'), name, name.replace('@', '%40').replace('/', '%2f')]
  const ask = (method, path, body, more = {}) => r.api(method, `/npm/${path}`, body, { ...headers, ...more })
  const publish = async (name, version, more) => {
    const answer = await ask('PUT', name.replace('/', '%2f'), publishDocument(name, version, more).body)
    assert.equal(answer.status, 201, JSON.stringify(answer.body))
  }
  const versions = async (name) => Object.keys((await ask('GET', name.replace('/', '%2f'))).body.versions ?? {})

  // A request as it goes over the wire; the whole answer.
  const wire = (parts) => new Promise((done, fail) => {
    const socket = connect(r.port, '127.0.0.1')
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk
      if (parts.length && /^HTTP\/1\.1 100/.test(text)) {
        text = text.replace(/^HTTP\/1\.1 100[^]*?\r\n\r\n/, '')
        socket.write(parts.shift())
      }
    })
    socket.on('end', () => done(text)).on('error', fail)
    socket.write(parts.shift())
    socket.setTimeout(10000, () => fail(new Error(`no end: ${text}`)))
  })
  const head = (method, path, more) => `${method} /npm/${path} HTTP/1.1\r\nHost: localhost:${r.port}\r\nAuthorization: ${headers.authorization}\r\nContent-Type: application/json\r\nConnection: close\r\n${more}\r\n\r\n`

  before(async () => {
    r = await Redhouse.start({ args: ['--platform-scope', '@shared'] })
    const admin = { cookie: await r.login('admin', r.password) }
    assert.equal((await r.api('POST', '/api/v1/tenants', { slug: 'acme', name: 'Acme' }, admin)).status, 201)
    assert.equal((await r.api('POST', '/api/v1/users', { name: 'ann', password: 'correct horse battery', tenant: 'acme', role: 'owner' }, admin)).status, 201)
    headers = { authorization: `Bearer ${await r.token('ann', 'verbs')}` }
  })
  after(() => r?.stop())

  test('a scoped name is one package in all its spellings, for every verb', async () => {
    for (const [i, path] of spelt('@acme/spelt').entries()) {
      assert.equal((await ask('PUT', path, publishDocument('@acme/spelt', `1.${i}.0`).body)).status, 201, path)
      for (const more of ['', '?write=true']) assert.equal((await ask('GET', path + more)).body._id, '@acme/spelt', path + more)
      assert.equal((await ask('HEAD', path)).status, 200)
      assert.equal((await ask('HEAD', `${path}/-/spelt-1.0.0.tgz`)).status, 200)
      assert.equal((await ask('GET', `${path}/-/spelt-1.0.0.tgz`)).status, 200, path)
      assert.equal((await ask('PUT', `-/package/${path}/dist-tags/t${i}`, '1.0.0')).status, 200, path)
      for (const what of ['dist-tags', 'access', 'visibility', 'collaborators']) assert.equal((await ask('GET', `-/package/${path}/${what}`)).status, 200, `${path} ${what}`)
      assert.equal((await ask('PUT', `-/user/package/${path}/star`, {})).status, 200, path)
    }
    assert.equal((await versions('@acme/spelt')).length, 4)
    for (const path of ['@acme%252fspelt', '@acme%2f%2fspelt', '@acme%2f..%2fspelt', '@acme%5cspelt', '@acme%2fspelt%00']) {
      const { status } = await ask('GET', path)
      assert.ok([400, 404].includes(status), `${path}: ${status}`)
    }
  })

  test('a publish comes compressed, in chunks, and after a question', async () => {
    const body = (version) => Buffer.from(JSON.stringify(publishDocument('@acme/wire', version).body))
    const zipped = gzipSync(body('1.0.0'))
    const a = await fetch(`${r.url}/npm/@acme%2fwire`, { method: 'PUT', headers: { ...headers, 'content-type': 'application/json', 'content-encoding': 'gzip' }, body: zipped })
    assert.equal(a.status, 201, await a.text())
    const chunks = body('1.1.0')
    const pieces = [chunks.subarray(0, 10), chunks.subarray(10, 700), chunks.subarray(700)]
    const chunked = Buffer.concat([...pieces.flatMap((piece) => [Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]), Buffer.from('0\r\n\r\n')])
    assert.match(await wire([Buffer.concat([Buffer.from(head('PUT', '@acme%2fwire', 'Transfer-Encoding: chunked')), chunked])]), /^HTTP\/1\.1 201/)
    const last = body('1.2.0')
    assert.match(await wire([head('PUT', '@acme%2fwire', `Content-Length: ${last.length}\r\nExpect: 100-continue`), last]), /^HTTP\/1\.1 201/)
    assert.deepEqual(await versions('@acme/wire'), ['1.0.0', '1.1.0', '1.2.0'])
    const bomb = await fetch(`${r.url}/npm/@acme%2fwire`, { method: 'PUT', headers: { ...headers, 'content-type': 'application/json', 'content-encoding': 'gzip' }, body: gzipSync(Buffer.alloc(200 << 20)) })
    assert.ok([400, 413].includes(bomb.status), String(bomb.status))
  })

  test('a document that is out of date removes nothing', async () => {
    await publish('@acme/stale', '1.0.0')
    const old = (await ask('GET', '@acme%2fstale?write=true')).body
    await publish('@acme/stale', '1.1.0')
    old.versions['1.0.0'].deprecated = 'old'
    const answer = await ask('PUT', '@acme%2fstale', old, { 'npm-command': 'deprecate' })
    assert.equal(answer.status, 409)
    assert.match(answer.body.error, /Read it again/)
    // Without its revision the deprecation counts, and what it does not name stays.
    delete old._rev
    assert.equal((await ask('PUT', '@acme%2fstale', old, { 'npm-command': 'deprecate' })).status, 200)
    assert.equal((await ask('PUT', '-/package/@acme%2fstale/dist-tags/old', '1.0.0')).status, 200)
    assert.equal((await ask('POST', '-/package/@acme%2fstale/dist-tags', { older: '1.0.0', nothing: '9.9.9' })).status, 404)
    assert.equal((await ask('PUT', '-/package/@acme%2fstale/dist-tags', { only: '1.0.0' })).status, 200)
    assert.deepEqual((await ask('GET', '-/package/@acme%2fstale/dist-tags')).body, { latest: '1.1.0', only: '1.0.0' })
    assert.deepEqual(await versions('@acme/stale'), ['1.0.0', '1.1.0'])
    // Nor does a star, whatever document comes with it.
    assert.equal((await ask('PUT', '@acme%2fstale', { _id: '@acme/stale', _rev: '1-x', users: { ann: true } }, { 'npm-command': 'star' })).status, 200)
    assert.deepEqual((await ask('GET', '@acme%2fstale')).body.users, { ann: true })
    assert.deepEqual(await versions('@acme/stale'), ['1.0.0', '1.1.0'])
  })

  test('an unpublished number stays taken, by whatever verb it went', async () => {
    await publish('@acme/gone', '1.0.0')
    await publish('@acme/gone', '1.1.0')
    const doc = (await ask('GET', '@acme%2fgone?write=true')).body
    delete doc.versions['1.1.0']
    assert.equal((await ask('PUT', `@acme%2fgone/-rev/${doc._rev}`, doc)).status, 200)
    const again = async (version) => (await ask('PUT', '@acme%2fgone', publishDocument('@acme/gone', version, { files: { 'other.js': '1' } }).body)).status
    assert.equal(await again('1.1.0'), 409)
    const { _rev } = (await ask('GET', '@acme%2fgone?write=true')).body
    assert.equal((await ask('DELETE', `@acme%2fgone/-rev/${_rev}`)).status, 200)
    for (const version of ['1.0.0', '1.1.0']) assert.equal(await again(version), 409, version)
    assert.equal(await again('1.2.0'), 201)
  })

  test('public or not is what the name says', async () => {
    await publish('@acme/own', '1.0.0')
    await publish('@shared/all', '1.0.0')
    const set = async (name, body) => (await ask('POST', `-/package/${name.replace('/', '%2f')}/access`, body)).status
    assert.deepEqual(await Promise.all([set('@acme/own', { access: 'restricted' }), set('@acme/own', { access: 'public' }), set('@shared/all', { access: 'public' }), set('@shared/all', { access: 'restricted' }),
      set('@acme/own', { access: 'open' }), set('@acme/own', {}), set('@acme/absent', { access: 'restricted' })]), [200, 403, 200, 403, 422, 422, 404])
    assert.deepEqual((await ask('GET', '-/package/@shared%2fall/visibility')).body, { public: true })
    assert.deepEqual((await ask('GET', '-/package/@acme%2fown/access')).body, { access: 'restricted' })
  })

  test('a token with limits lists what it is for, and changes neither members nor teams', async () => {
    for (const name of ['@acme/in', '@acme/out']) {
      await publish(name, '1.0.0')
      assert.equal((await ask('PUT', `-/user/package/${name.replace('/', '%2f')}/star`, {})).status, 200)
    }
    const cookie = { cookie: await r.login('ann', 'correct horse battery') }
    const made = await r.api('POST', '/api/v1/tokens', { name: 'narrow', packages: ['@acme/in'] }, cookie)
    assert.equal(made.status, 201, JSON.stringify(made.body))
    const narrow = (method, path, body) => ask(method, path, body, { authorization: `Bearer ${made.body.token}` })
    assert.deepEqual(Object.keys((await narrow('GET', '-/-/package')).body), ['@acme/in'])
    assert.deepEqual((await narrow('GET', '-/user/v1/star')).body.filter((name) => /in|out/.test(name)), ['@acme/in'])
    assert.equal((await ask('PUT', '-/org/acme/team', { name: 'devs' })).status, 201)
    for (const [method, path, body] of [['PUT', '-/org/acme/team', { name: 'mine' }], ['PUT', '-/team/acme/devs/user', { user: 'ann' }], ['DELETE', '-/team/acme/devs'], ['PUT', '-/org/acme/user', { user: 'ann', role: 'owner' }],
      ['PUT', '-/team/acme/devs/package', { package: '@acme/out', permissions: 'read-write' }]])
      assert.ok([403, 404].includes((await narrow(method, path, body)).status), path)
  })

  test('what docs/npm.md says is not offered is a 404 with that sentence, and every such row is there', async () => {
    const rows = [...readFileSync(join(root, 'docs', 'npm.md'), 'utf8').matchAll(/^\| `(\w+) (\/\S+)` \| (.+) \|$/gm)].map(([, ...row]) => row)
    assert.ok(rows.length > 5)
    for (const [method, path, sentence] of rows) {
      const answer = await ask(method, path.slice(1).replace('*rest', '-/no/such/thing').replace(/:\w+/g, 'x'), method === 'GET' || method === 'DELETE' ? undefined : {})
      assert.deepEqual([answer.status, answer.body.error], [404, sentence], `${method} ${path}`)
    }
    const table = execFileSync(binary, ['routes'], { encoding: 'utf8', env: r.env() }).split('\n').map((line) => line.match(/^(\w+) +\/npm(\/\S+) +\w+ +(.*\.)$/)?.slice(1)).filter(Boolean)
    assert.deepEqual(rows, table)
  })
})
