// A real Verdaccio, filled by real clients, moves here and is switched off.
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { createCipheriv, createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { Machine, client } from './clients.mjs'
import { publishDocument } from './publish.mjs'
import { Redhouse, binary, until } from './redhouse.mjs'
import { Verdaccio } from './verdaccio.mjs'

const fails = async (promise) => {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error('this should have failed')
}

describe('a Verdaccio moves here', { timeout: 300000 }, () => {
  let r, v, alice, reader, revoked, near, far, m, before_
  const people = { alice: 'alice has a password', bob: 'bob has one too' }
  const full = async (name, token = alice) =>
    (await r.api('GET', `/npm/${name.replace('/', '%2f')}`, undefined, { authorization: `Bearer ${token}` })).body

  before(async () => {
    v = await Verdaccio.start()
    alice = await v.user('alice', people.alice)
    await v.user('bob', people.bob)
    const made = (readonly, cidr_whitelist = []) => v.ask('POST', '/-/npm/v1/tokens', { password: people.alice, readonly, cidr_whitelist }, alice)
    near = (await made(false, ['127.0.0.0/8'])).token
    far = (await made(false, ['203.0.113.0/24'])).token
    reader = (await made(true)).token
    const other = await made(false)
    revoked = other.token
    await fetch(`${v.url}/-/npm/v1/tokens/token/${other.key}`, { method: 'DELETE', headers: { authorization: `Bearer ${alice}` } })
    r = await Redhouse.start()
    m = new Machine(r, 'npm11', await client('npm11'), alice)
    m.registry = v.registry
    m.token(alice)
    for (const version of ['1.0.0', '1.1.0']) await m.run(m.package('@acme/thing', version), 'publish')
    await m.run(m.package('@acme/thing', '2.0.0-beta.1'), 'publish', '--tag', 'beta')
    await m.run(m.home, 'deprecate', '@acme/thing@1.0.0', 'too old')
    await m.run(m.package('acme-plain', '0.1.0'), 'publish')
    await m.run(m.package('@labs/probe', '3.0.0'), 'publish')
    await m.run(m.package('@acme-tools/saw', '0.2.0'), 'publish')
    before_ = JSON.parse(readFileSync(join(v.storage, '@acme/thing/package.json'), 'utf8'))
    await v.off()
    for (const slug of ['acme', 'labs']) await r.run('tenant', 'create', slug)
  })
  after(async () => {
    await v?.stop()
    await r?.stop()
  })

  const run = (...args) => r.json('registry', 'import', 'verdaccio', v.folder, '--tenant', 'acme', ...args)
  const mapped = ['--users', '--tokens', '--map', '@labs=labs,@acme-tools=acme']

  test('a rehearsal says what would be taken and takes nothing', async () => {
    const report = await run(...mapped, '--dry-run')
    assert.deepEqual([report.dry_run, report.added, report.there, report.refused], [true, 6, 0, 0], JSON.stringify(report))
    assert.deepEqual(report.users, ['alice', 'bob'])
    assert.equal((await r.json('package', 'list')).items.length, 0)
    assert.ok(!JSON.stringify(await r.json('user', 'list')).includes('alice'))
  })

  test('a scope that is not the tenant\'s is told with what to do, and the rest is taken', async () => {
    const report = JSON.parse((await fails(run())).stdout)
    assert.deepEqual([report.added, report.there, report.refused], [4, 0, 2], JSON.stringify(report))
    assert.match(report.packages.find((p) => p.name === '@labs/probe').detail, /--map @labs=SLUG/)
    const again = await run(...mapped)
    assert.deepEqual([again.added, again.there, again.refused], [2, 4, 0], JSON.stringify(again))
    assert.deepEqual((await r.json('package', 'list')).items.map((p) => [p.name, p.tenant, p.latest]),
      [['@acme-tools/saw', 'acme', '0.2.0'], ['@acme/thing', 'acme', '1.1.0'], ['@labs/probe', 'labs', '3.0.0'], ['acme-plain', 'acme', '0.1.0']])
  })

  test('versions, tags, deprecations, times and the README are as they were', async () => {
    const admin = await r.token('admin', 'look')
    const doc = await full('@acme/thing', admin)
    assert.deepEqual(Object.keys(doc.versions), Object.keys(before_.versions))
    assert.deepEqual(doc['dist-tags'], before_['dist-tags'])
    for (const [version, old] of Object.entries(before_.versions)) {
      assert.equal(doc.versions[version].dist.integrity, old.dist.integrity)
      assert.equal(doc.time[version], before_.time[version])
      assert.ok(doc.versions[version].dist.signatures, 'signed here')
    }
    assert.equal(doc.versions['1.0.0'].deprecated, 'too old')
    assert.equal(doc.versions['1.1.0'].deprecated, undefined)
    assert.match(doc.readme, /^# @acme\/thing/)
    assert.equal(doc.time.created, before_.time.created)
    const answer = await fetch(doc.versions['1.1.0'].dist.tarball, { headers: { authorization: `Bearer ${admin}` } })
    assert.equal(`sha512-${createHash('sha512').update(Buffer.from(await answer.arrayBuffer())).digest('base64')}`, before_.versions['1.1.0'].dist.integrity)
    const { items } = (await r.api('GET', '/api/v1/operations', undefined, { authorization: `Bearer ${admin}` })).body
    assert.ok(items.some((o) => o.kind === 'registry.import' && o.state === 'done' && o.percent === 100), JSON.stringify(items))
  })

  test('a scope that was claimed is its tenant\'s alone', async () => {
    const admin = { authorization: `Bearer ${await r.token('admin', 'claims')}` }
    const claim = (name, tenant) => r.api('POST', '/api/v1/claims', { name, tenant }, admin)
    for (const [name, tenant, code] of [['@acme-tools', 'labs', 'scope_in_use'], ['@acme-tools', 'acme', 'claimed'], ['@labs', 'acme', 'scope_taken'], ['@types', 'acme', 'scope_taken'], ['@node-red', 'acme', 'scope_taken'], ['@', 'acme', 'bad_package_name'], ['@Up', 'acme', 'bad_package_name'], ['@a/b', 'acme', 'bad_package_name']])
      assert.equal((await claim(name, tenant)).body.code, code, name)
    assert.equal((await r.api('POST', '/api/v1/tenants', { slug: 'acme-tools', name: 'x' }, admin)).body.code, 'slug_reserved')
    assert.equal((await r.api('DELETE', '/api/v1/claims/@acme-tools', undefined, admin)).body.code, 'claim_in_use')
    assert.equal((await claim('@free', 'acme')).status, 201)
    assert.equal((await r.api('GET', '/npm/@free%2fx', undefined, admin)).status, 404)
    assert.equal((await r.api('DELETE', '/api/v1/claims/%40free', undefined, admin)).status, 204)
    await r.kill()
    await r.serve()
    assert.equal((await full('@acme-tools/saw', await r.token('admin', 'again'))).name, '@acme-tools/saw')
  })

  test('once more, all is there already and nothing has changed', async () => {
    const admin = await r.token('admin', 'look')
    const { _rev } = await full('@acme/thing', admin)
    const again = await run(...mapped)
    assert.deepEqual([again.added, again.there, again.refused], [0, 6, 0], JSON.stringify(again))
    assert.equal((await full('@acme/thing', admin))._rev, _rev)
  })

  test('people log in with the password that they have, and go on publishing', async () => {
    const wrong = await r.api('PUT', '/npm/-/user/org.couchdb.user:bob', { name: 'bob', password: 'not that one' })
    assert.equal(wrong.status, 401)
    const { status, body } = await r.api('PUT', '/npm/-/user/org.couchdb.user:bob', { name: 'bob', password: people.bob })
    assert.equal(status, 201, JSON.stringify(body))
    const bob = new Machine(r, 'npm11', m.path, body.token)
    await bob.run(bob.package('@acme/thing', '1.2.0'), 'publish')
    assert.match(await bob.run(bob.project(), 'install', '@acme/thing', 'acme-plain', '@labs/probe', '@acme-tools/saw'), /added 4 packages/)
  })

  test('a client goes on with the token that it has; only the address changes', async () => {
    m.registry = `${r.url}/npm/`
    m.token(alice)
    assert.equal((await m.run(m.home, 'whoami')).trim(), 'alice')
    assert.match(await m.run(m.project('goes-on'), 'install', '@acme/thing@1.1.0'), /added 1 package/)
    await m.run(m.package('@acme/fresh', '1.0.0'), 'publish')
    const { items } = (await r.api('GET', '/api/v1/users/alice/tokens', undefined, { authorization: `Bearer ${await r.token('admin', 't')}` })).body
    assert.deepEqual(items.map((t) => t.name), ['from Verdaccio'])
  })

  test('what a token was limited to there, it is here; one that was revoked there is dead', async () => {
    const ask = (token, method = 'GET', path = '/npm/-/whoami', body) => r.api(method, path, body, { authorization: `Bearer ${token}` })
    assert.deepEqual((await ask(reader)).body, { username: 'alice' })
    assert.equal((await ask(reader, 'PUT', '/npm/@acme%2ffresh', publishDocument('@acme/fresh', '1.0.1').body)).status, 403)
    assert.equal((await ask(near)).status, 200)
    for (let i = 0; i < 2; i++) {
      const away = await ask(far)
      assert.deepEqual([away.status, away.headers.get('www-authenticate')], [401, 'ipaddress'], JSON.stringify(away.body))
    }
    const [iv, cipher] = Buffer.from(reader, 'base64').toString().split(':').map((h) => Buffer.from(h, 'hex'))
    const { secret } = JSON.parse(readFileSync(join(v.storage, '.verdaccio-db.json'), 'utf8'))
    const turn = (bytes) => createCipheriv('aes-256-ctr', secret, iv).update(bytes)
    const plain = turn(cipher).toString()
    assert.match(plain, /"tokenKey"/)
    for (const other of [plain.replace('"tokenKey"', '"tokenKex"'), `${plain} `]) {
      const changed = Buffer.from(`${iv.toString('hex')}:${turn(Buffer.from(other)).toString('hex')}`).toString('base64')
      assert.equal((await ask(changed)).status, 401, other.replace(people.alice, ''))
    }
    const dead = await ask(revoked)
    assert.equal(dead.status, 401)
    assert.match(dead.body.error, /revoked before it could move/)
  })

  test('forged, foreign and JSON Web Tokens are 401, and so is a first use on anything but npm', async () => {
    const flip = Buffer.from(alice, 'base64').toString().replace(/.$/, (c) => (c === '0' ? '1' : '0'))
    const forged = [Buffer.from(flip).toString('base64'), Buffer.from(`${'0'.repeat(32)}:${'ab'.repeat(20)}`).toString('base64'), 'eyJhbGciOiJIUzI1NiJ9.eyJuYW1lIjoiYWxpY2UifQ.AAAA', `${alice}A`, alice.slice(4), ' ']
    for (const token of forged) assert.equal((await r.api('GET', '/npm/-/whoami', undefined, { authorization: `Bearer ${token}` })).status, 401, token)
    assert.equal((await r.api('GET', '/api/v1/session', undefined, { authorization: `Bearer ${revoked}` })).status, 401)
  })

  test('a token that was logged out does not come back to life, not even after a restart', async () => {
    await m.run(m.home, 'logout')
    const shout = Buffer.from(Buffer.from(alice, 'base64').toString().toUpperCase()).toString('base64')
    assert.equal((await r.api('GET', '/npm/-/whoami', undefined, { authorization: `Bearer ${shout}` })).status, 401)
    for (let i = 0; i < 2; i++) {
      const answer = await r.api('GET', '/npm/-/whoami', undefined, { authorization: `Bearer ${alice}` })
      assert.equal(answer.status, 401)
      assert.match(answer.body.error, /ended here/)
      await r.kill()
      await r.serve()
    }
  })

  test('when the operator ends it, tokens that were used go on and others are none', async () => {
    await r.run('registry', 'import', 'end-tokens')
    assert.equal((await r.api('GET', '/npm/-/whoami', undefined, { authorization: `Bearer ${reader}` })).status, 200)
    assert.equal((await r.api('GET', '/npm/-/whoami', undefined, { authorization: `Bearer ${alice}` })).body.error, 'This token is not valid here, or not any more.')
  })

  test('what was published, tagged or taken back here since is not undone by another import', async () => {
    const admin = await r.token('admin', 'change')
    const auth = { authorization: `Bearer ${admin}` }
    assert.equal((await r.api('PUT', '/npm/-/package/@acme%2fthing/dist-tags/beta', '1.2.0', auth)).status, 200)
    const doc = await full('@acme/thing', admin)
    delete doc.versions['1.0.0']
    assert.equal((await r.api('PUT', `/npm/@acme%2fthing/-rev/${doc._rev}`, doc, auth)).status, 200)
    const report = JSON.parse((await fails(run(...mapped))).stdout)
    assert.equal(report.packages[0].refused[0].code, 'version_removed')
    const after_ = await full('@acme/thing', admin)
    assert.deepEqual(after_['dist-tags'], { latest: '1.2.0', beta: '1.2.0' })
    assert.deepEqual(Object.keys(after_.versions), ['1.1.0', '2.0.0-beta.1', '1.2.0'])
  })
})

// A storage folder as somebody would make it who means harm, or whose disk is failing.
describe('a storage folder that is not what it says', { timeout: 120000 }, () => {
  let r, folder, outside

  const put = (name, versions, change = () => {}) => {
    const dir = join(folder, 'storage', name)
    mkdirSync(dir, { recursive: true })
    const doc = { name, versions: {}, time: {}, 'dist-tags': { latest: versions.at(-1) }, _attachments: {}, _distfiles: {} }
    for (const version of versions) {
      const { body } = publishDocument(name, version)
      doc.versions[version] = body.versions[version]
      doc.time[version] = '2020-01-02T03:04:05.678Z'
      const file = `${name.split('/').at(-1)}-${version}.tgz`
      writeFileSync(join(dir, file), Buffer.from(Object.values(body._attachments)[0].data, 'base64'))
    }
    change(doc, dir)
    writeFileSync(join(dir, 'package.json'), JSON.stringify(doc))
  }
  const list = (...names) => writeFileSync(join(folder, 'storage', '.verdaccio-db.json'), JSON.stringify({ list: names, secret: 'x'.repeat(32) }))
  const report = async (...args) => {
    try {
      return await r.json('registry', 'import', 'verdaccio', folder, '--tenant', 'acme', ...args)
    } catch (error) {
      assert.match(error.stderr, /^redhouse: [^\n]+\n$/, error.message)
      return JSON.parse(error.stdout)
    }
  }
  const seen = async () => (await r.json('package', 'list')).items.map((p) => p.name)

  before(async () => {
    r = await Redhouse.start()
    await r.run('tenant', 'create', 'acme')
    outside = mkdtempSync('/tmp/rh-move-')
  })
  after(async () => {
    rmSync(outside, { recursive: true, force: true })
    await r?.stop()
  })
  beforeEach(() => {
    folder = mkdtempSync('/tmp/rh-move-')
    mkdirSync(join(folder, 'storage'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  test('names that lead elsewhere are refused before anything is opened', async () => {
    const names = ['../../etc', '@acme/../../x', '/etc/passwd', '@acme', '@acme/', '..', '.', '@acme/a/b', `@acme/${'x'.repeat(300)}`, '@acme/a\u0000b', '-', 'node_modules', '__proto__']
    list(...names)
    const said = await report()
    assert.equal(said.packages.length, names.length)
    for (const p of said.packages) assert.ok(p.code, JSON.stringify(p))
    assert.deepEqual(await seen(), [])
  })

  test('links, pipes and what is too large are not read', async () => {
    put('@acme/good', ['1.0.0'])
    for (const name of ['@acme/linked', '@acme/pipe', '@acme/tgzlink', '@acme/huge']) put(name, ['1.0.0'])
    const at = (name, file) => join(folder, 'storage', name, file)
    writeFileSync(join(outside, 'secret.json'), readFileSync(at('@acme/linked', 'package.json')))
    rmSync(at('@acme/linked', 'package.json'))
    symlinkSync(join(outside, 'secret.json'), at('@acme/linked', 'package.json'))
    rmSync(at('@acme/pipe', 'package.json'))
    execFileSync('mkfifo', [at('@acme/pipe', 'package.json')])
    rmSync(at('@acme/tgzlink', 'tgzlink-1.0.0.tgz'))
    symlinkSync('/etc/passwd', at('@acme/tgzlink', 'tgzlink-1.0.0.tgz'))
    truncateSync(at('@acme/huge', 'huge-1.0.0.tgz'), 1 << 30)
    mkdirSync(join(outside, 'folder'))
    symlinkSync(join(outside, 'folder'), join(folder, 'storage', '@away'))
    list('@acme/good', '@acme/linked', '@acme/pipe', '@acme/tgzlink', '@acme/huge', '@away/thing')
    const by = Object.fromEntries((await report()).packages.map((p) => [p.name, p]))
    assert.match(by['@acme/linked'].detail, /it is a link/)
    assert.match(by['@acme/pipe'].detail, /no regular file/)
    assert.match(by['@acme/tgzlink'].refused[0].detail, /it is a link/)
    assert.match(by['@acme/huge'].refused[0].detail, /larger than/)
    assert.match(by['@away/thing'].detail, /is a link/)
    assert.deepEqual(await seen(), ['@acme/good'])
  })

  test('a version whose bytes are not those of its manifest stays out, and no tag names it', async () => {
    put('@acme/torn', ['1.0.0', '1.1.0'], (doc, dir) => {
      writeFileSync(join(dir, 'torn-1.1.0.tgz'), readFileSync(join(dir, 'torn-1.0.0.tgz')))
      doc['dist-tags'].next = '1.1.0'
      doc['dist-tags']['1.x'] = '1.0.0'
    })
    put('@acme/nothing', ['1.0.0'], (doc) => delete doc.versions['1.0.0'].dist)
    put('@acme/liar', ['1.0.0'], (doc) => { doc.name = '@acme/other' })
    put('@acme/confused', ['1.0.0'], (doc) => {
      doc.versions = { '2.0.0': { ...doc.versions['1.0.0'], version: '2.0.0', _id: '@acme/confused@2.0.0' } }
    })
    list('@acme/torn', '@acme/nothing', '@acme/liar', '@acme/confused')
    const [torn, nothing, liar, confused] = (await report()).packages
    assert.deepEqual([torn.added, torn.refused.map((x) => [x.version, x.code])], [1, [['1.1.0', 'bad_integrity']]])
    assert.deepEqual(torn.shown.tags_refused.map((t) => [t.tag, t.code]).sort(), [['1.x', 'bad_tag'], ['latest', 'version_not_found'], ['next', 'version_not_found']])
    assert.equal(torn.shown.latest, '1.0.0')
    assert.equal(nothing.refused[0].code, 'bad_integrity')
    assert.equal(liar.code, 'wrong_name')
    assert.equal(confused.refused[0].code, 'file_not_found')
    assert.deepEqual((await seen()).filter((n) => n !== '@acme/good'), ['@acme/torn'])
  })

  test('copies of public packages are skipped and said to be', async () => {
    put('@acme/mixed', ['1.0.0', '1.1.0'], (doc) => {
      doc._distfiles['mixed-1.1.0.tgz'] = { url: 'http://elsewhere.example/mixed-1.1.0.tgz', sha: 'x', registry: 'outside' }
      doc['dist-tags'].latest = '1.0.0'
    })
    put('lodash', ['4.0.0'])
    list('@acme/mixed')
    const said = await report()
    assert.deepEqual([said.added, said.skipped, said.refused], [1, 1, 0], JSON.stringify(said))
    assert.match(said.packages[0].skipped[0].detail, /another registry/)
  })

  test('JSON that is deep, cut short or no object is refused with a sentence', async () => {
    const texts = { deep: '['.repeat(200000), short: '{"name": "@acme/short", "versions": {', text: '"@acme/text"', empty: '', proto: '{"name":"@acme/proto","versions":{"1.0.0":{"__proto__":{}}}}', nulls: '{"name":"@acme/nulls","versions":{"1.0.0":null,"2.0.0":[]}}' }
    for (const [name, text] of Object.entries(texts)) {
      mkdirSync(join(folder, 'storage', '@acme', name), { recursive: true })
      writeFileSync(join(folder, 'storage', '@acme', name, 'package.json'), text)
    }
    list(...Object.keys(texts).map((n) => `@acme/${n}`))
    for (const p of (await report()).packages) assert.ok(p.code || p.refused.length > 0, JSON.stringify(p))
    writeFileSync(join(folder, 'storage', '.verdaccio-db.json'), '['.repeat(200000))
    assert.match((await fails(r.json('registry', 'import', 'verdaccio', folder, '--tenant', 'acme'))).stderr, /^redhouse: /)
    rmSync(join(folder, 'storage', '.verdaccio-db.json'))
    assert.match((await fails(r.json('registry', 'import', 'verdaccio', folder, '--tenant', 'acme'))).stderr, /no \.verdaccio-db\.json/)
  })

  test('an import that is killed leaves nothing half seen, and the next one sends what is missing', async () => {
    const versions = Array.from({ length: 120 }, (_, i) => `1.0.${i}`)
    put('@acme/long', versions)
    list('@acme/long')
    const admin = await r.token('admin', 'watch')
    const auth = { authorization: `Bearer ${admin}` }
    const state = async () => (await r.api('GET', '/api/v1/imports/packages/@acme%2flong?tenant=acme', undefined, auth)).body.versions
    const child = spawn(binary, ['registry', 'import', 'verdaccio', folder, '--tenant', 'acme', '--data', r.data], { stdio: 'ignore', env: r.env() })
    await until('some versions to wait', async () => (await state()).length > 10)
    child.kill('SIGKILL')
    const waiting = (await state()).filter((s) => s.state === 'waiting').length
    assert.ok(waiting > 0 && waiting < 120, `${waiting}`)
    assert.equal((await r.api('GET', '/npm/@acme%2flong', undefined, auth)).status, 404)
    await r.kill()
    await r.serve()
    const said = await report()
    assert.deepEqual([said.added + said.there, said.refused], [120, 0], JSON.stringify(said).slice(0, 500))
    assert.ok(said.there >= waiting, `${said.there} of ${waiting} were not sent again`)
    const doc = (await r.api('GET', '/npm/@acme%2flong', undefined, auth)).body
    assert.equal(Object.keys(doc.versions).length, 120)
    assert.equal(doc['dist-tags'].latest, '1.0.119')
    assert.equal(doc.time['1.0.7'], '2020-01-02T03:04:05.678Z')
  })

  test('hashes of every kind that an htpasswd file has are honoured or told', async () => {
    list()
    writeFileSync(join(folder, 'htpasswd'), [
      'md5:$apr1$lZL6V/ci$sQw6g73nRuoOIj/gnD18Z.', 'sha:{SHA}VBPuJHI7uixaa6LQGWx4s+5GKNE=:autocreated 2020', 'des:rqXexS6ZhobKA',
      'plain:{PLAIN}myPassword', 'costly:$2y$31$9OnaTtpJ1JHaSF3SZhf.Eur3a7Uqzq2RV9XRrL.sLroB4hPa9ynay', 'Upper:rqXexS6ZhobKA', '# comment', 'broken', ''].join('\n'))
    const said = await report('--users')
    assert.deepEqual(said.users, ['md5', 'sha', 'des'])
    assert.deepEqual(said.users_refused.map((u) => [u.user, u.code]), [['plain', 'bad_hash'], ['costly', 'bad_hash'], ['Upper', 'bad_user_name']])
    for (const name of said.users) {
      const ask = (password) => r.api('PUT', `/npm/-/user/org.couchdb.user:${name}`, { name, password })
      assert.equal((await ask('wrong')).status, 401, name)
      assert.equal((await ask('myPassword')).status, 201, name)
      assert.equal((await ask('myPassword')).status, 201, `${name}, with the new hash`)
    }
  })

  test('what a tenant may keep and what its rules allow hold for what moves here, too', async () => {
    put('@acme/much', ['1.0.0', '1.1.0', '1.2.0'])
    list('@acme/much')
    const { versions } = await r.json('tenant', 'quota', 'acme')
    await r.run('tenant', 'quota', 'acme', '--versions', String(versions + 1))
    const [much] = (await report()).packages
    assert.deepEqual(much.shown.refused.map((v) => [v.version, v.code]), [['1.1.0', 'quota_versions'], ['1.2.0', 'quota_versions']], JSON.stringify(much))
    assert.deepEqual(much.shown.tags_refused.map((t) => t.tag), ['latest'])
    assert.equal(much.shown.latest, '1.0.0')
    await r.run('tenant', 'quota', 'acme', '--versions', 'any')
    const again = await report()
    assert.deepEqual([again.added, again.there, again.refused], [2, 1, 0], JSON.stringify(again))
    assert.equal(again.packages[0].shown.latest, '1.2.0')
    const admin = { authorization: `Bearer ${await r.token('admin', 'rules')}` }
    const rules = (deny) => r.api('PUT', '/api/v1/tenants/acme/policy', { private: { deny } }, admin)
    assert.equal((await rules([{ name: '@acme/banned', reason: 'it is banned' }])).status, 200)
    put('@acme/banned', ['1.0.0'])
    list('@acme/banned')
    const [banned] = (await report()).packages
    assert.match(banned.refused[0].detail, /it is banned/, JSON.stringify(banned))
    await rules([])
  })

  test('only admins import', async () => {
    const admin = { authorization: `Bearer ${await r.token('admin', 'a')}` }
    await r.api('POST', '/api/v1/users', { name: 'owner', password: 'an owner of acme', tenant: 'acme', role: 'owner' }, admin)
    const owner = { authorization: `Bearer ${await r.token('owner', 'o')}` }
    for (const [method, path, body] of [['POST', '', { from: 'x' }], ['PUT', '/tokens', { secret: 'x'.repeat(32) }], ['DELETE', '/tokens'], ['PUT', '/x', { done: true }], ['GET', '/packages/@acme%2fgood?tenant=acme'],
      ['POST', '/packages/@acme%2fgood/versions?tenant=acme', publishDocument('@acme/good', '9.9.9').body], ['PUT', '/packages/@acme%2fgood', { tenant: 'acme' }]])
      assert.equal((await r.api(method, `/api/v1/imports${path}`, body, owner)).status, 403, `${method} ${path}`)
  })
})
