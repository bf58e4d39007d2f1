// The registry's contract request by request: what clients never send is asked here too.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { after, before, describe, test } from 'node:test'
import { gunzipSync, gzipSync } from 'node:zlib'
import { document, hash, sri, tgz } from './publish.mjs'
import { Redhouse, sleep } from './redhouse.mjs'

const pack = (files) => tgz(...Object.entries(files).map(([name, body]) => ({ name: `package/${name}`, body })))
const tarball = (name, version, more = {}) =>
  pack({ 'package.json': JSON.stringify({ name, version, ...more }), 'index.js': `// ${Math.random()}\n` })

let r, admin
const bearer = {}
const abbreviated = { accept: 'application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*' }

const ask = (path, { who = 'dev', method = 'GET', headers = {}, body } = {}) =>
  fetch(`${r.url}/npm/${path}`, {
    method, redirect: 'manual',
    headers: { ...(who ? { authorization: `Bearer ${bearer[who]}` } : {}), ...(body !== undefined ? { 'content-type': 'application/json' } : {}), ...headers },
    body: body === undefined || typeof body === 'string' ? body : JSON.stringify(body),
  })
const put = (name, doc, who = 'dev') => ask(name.replace('/', '%2f'), { who, method: 'PUT', body: doc })
const publish = async (name, version, options, who) => {
  const answer = await put(name, document(name, version, options?.tgz ?? tarball(name, version, options?.manifest), options), who)
  assert.equal(answer.status, 201, await answer.text())
}
const error = async (answer) => (await answer.json()).error

async function people(server, tokens) {
  const cookie = { cookie: await server.login('admin', server.password) }
  Object.assign(tokens, await server.people(cookie, 'correct horse', [['acme', 'dev', 'developer'], ['beta', 'other', 'developer'], ['acme', 'viewer', 'viewer']]))
  return cookie
}

// A registry that does what it is told and counts what it is asked.
class Upstream {
  static async start() {
    const u = new Upstream()
    u.packages = Object.create(null)
    u.asked = []
    u.server = createServer((req, res) => u.answer(req, res)).listen(0, '127.0.0.1')
    await new Promise((done) => u.server.once('listening', done))
    u.url = `http://127.0.0.1:${u.server.address().port}`
    return u
  }

  add(name, version, { tgz = tarball(name, version), serve = tgz } = {}) {
    const p = (this.packages[name] ??= { name, 'dist-tags': {}, versions: {}, tarballs: Object.create(null) })
    p['dist-tags'].latest = version
    p.versions[version] = { name, version, dist: { integrity: `sha512-${hash('sha512', tgz, 'base64')}`, tarball: `http://elsewhere.example/${name}/-/${name}-${version}.tgz` } }
    p.tarballs[`${name}-${version}.tgz`] = serve
  }

  async answer(req, res) {
    this.asked.push(req)
    if (this.down) return res.writeHead(503).end()
    if (this.slow) await sleep(this.slow)
    const [name, , file] = decodeURIComponent(req.url.slice(1)).split('/')
    const p = this.packages[name]
    if (!p || (file && !p.tarballs[file])) return res.writeHead(404).end('{}')
    if (file) return res.end(p.tarballs[file])
    const { tarballs, ...doc } = p
    const body = JSON.stringify(doc)
    const etag = `"${hash('sha1', body, 'hex')}"`
    if (req.headers['if-none-match'] === etag) return res.writeHead(304).end()
    res.writeHead(200, { etag, 'content-type': 'application/json' }).end(body)
  }

  count(part) {
    return this.asked.filter((req) => req.url.includes(part)).length
  }

  stop() {
    this.server.close()
    this.server.closeAllConnections()
  }
}

let upstream
before(async () => {
  upstream = await Upstream.start()
  r = await Redhouse.start({ uplink: upstream.url, args: ['--uplink-fresh', '1s', '--uplink-stale', '0s', '--platform-scope', '@shared'] })
  admin = await people(r, bearer)
}, { timeout: 120000 })
after(async () => {
  await r?.stop()
  upstream?.stop()
})

describe('packages', () => {
  test('every spelling of a scoped name is the same package', async () => {
    await publish('@acme/spelt', '1.0.0')
    for (const path of ['@acme%2fspelt', '@acme%2Fspelt', '@acme/spelt', '%40acme%2fspelt', '@acme%2fspelt?write=true'])
      assert.equal((await (await ask(path)).json()).name, '@acme/spelt', path)
    for (const path of ['@acme/spelt/1.0.0', '@acme%2fspelt/latest'])
      assert.equal((await (await ask(path)).json()).version, '1.0.0', path)
  })

  test('both forms have their own ETag and answer 304, HEAD and encodings', async () => {
    await publish('@acme/forms', '1.0.0', { manifest: { description: 'x'.repeat(5000), dependencies: { a: '1' } } })
    const full = await ask('@acme/forms'), brief = await ask('@acme/forms', { headers: abbreviated })
    assert.equal(full.headers.get('content-type').split(';')[0], 'application/json')
    assert.equal(brief.headers.get('content-type'), 'application/vnd.npm.install-v1+json')
    assert.notEqual(full.headers.get('etag'), brief.headers.get('etag'))
    assert.deepEqual(full.headers.get('vary').toLowerCase().split(/, */).sort(), ['accept', 'accept-encoding', 'authorization'])
    const doc = await full.json(), short = await brief.json()
    assert.equal(doc.versions['1.0.0'].description.length, 5000)
    assert.deepEqual(Object.keys(short).sort(), ['dist-tags', 'modified', 'name', 'time', 'versions'])
    assert.deepEqual(Object.keys(short.versions['1.0.0']).sort(), ['_hasShrinkwrap', 'dependencies', 'dist', 'name', 'version'])
    assert.equal((await ask('@acme/forms', { headers: { 'if-none-match': full.headers.get('etag') } })).status, 304)
    assert.equal((await ask('@acme/forms', { headers: { ...abbreviated, 'if-none-match': full.headers.get('etag') } })).status, 200)
    const head = await ask('@acme/forms', { method: 'HEAD' })
    assert.equal(head.status, 200)
    assert.equal(await head.text(), '')
    for (const encoding of ['gzip', 'zstd'])
      assert.equal((await ask('@acme/forms', { headers: { 'accept-encoding': encoding } }).catch((e) => e)).headers?.get('content-encoding'), encoding)
  })

  test('a change is seen at once', async () => {
    await publish('@acme/fresh', '1.0.0')
    const before = await ask('@acme/fresh')
    await before.json()
    await publish('@acme/fresh', '1.0.1')
    const now = await ask('@acme/fresh', { headers: { 'if-none-match': before.headers.get('etag') } })
    assert.equal(now.status, 200)
    assert.equal((await now.json())['dist-tags'].latest, '1.0.1')
  })

  test('tarballs come with length, ETag and ranges, and only what is published', async () => {
    const tgz = tarball('@acme/ball', '1.0.0')
    await publish('@acme/ball', '1.0.0', { tgz })
    const answer = await ask('@acme/ball/-/ball-1.0.0.tgz')
    assert.deepEqual(Buffer.from(await answer.arrayBuffer()), tgz)
    assert.equal(answer.headers.get('content-type'), 'application/octet-stream')
    assert.equal(Number(answer.headers.get('content-length')), tgz.length)
    assert.equal((await ask('@acme%2fball/-/ball-1.0.0.tgz', { headers: { 'if-none-match': answer.headers.get('etag') } })).status, 304)
    const part = await ask('@acme/ball/-/ball-1.0.0.tgz', { headers: { range: 'bytes=2-5' } })
    assert.equal(part.status, 206)
    assert.deepEqual(Buffer.from(await part.arrayBuffer()), tgz.subarray(2, 6))
    for (const file of ['package.json', 'ball-9.9.9.tgz', 'ball-1.0.0.tgz.tmp', 'other-1.0.0.tgz', '..%2f..%2fsecret.key'])
      assert.equal((await ask(`@acme/ball/-/${file}`)).status, 404, file)
  })

  test('what is private is hidden from who may not see it', async () => {
    await publish('@acme/hidden', '1.0.0')
    for (const path of ['@acme%2fhidden', '@acme/hidden/1.0.0', '@acme/hidden/-/hidden-1.0.0.tgz', '-/package/@acme%2fhidden/dist-tags', '-/package/@acme%2fhidden/visibility']) {
      assert.equal((await ask(path, { who: 'other' })).status, 404, path)
      const anonymous = await ask(path, { who: null })
      assert.equal(anonymous.status, 401, path)
      assert.match(anonymous.headers.get('www-authenticate'), /Bearer/)
      assert.equal((await ask(path, { who: 'viewer' })).status, 200, path)
    }
    assert.deepEqual(await (await ask('-/package/@acme%2fhidden/visibility')).json(), { public: false })
    assert.equal((await put('@acme/hidden', document('@acme/hidden', '1.0.1', tarball('@acme/hidden', '1.0.1')), 'viewer')).status, 403)
    const search = async (who) => (await (await ask('-/v1/search?text=hidden', { who })).json()).objects.length
    assert.equal(await search('dev'), 1)
    assert.equal(await search('other'), 0)
    assert.equal(upstream.count('acme'), 0, 'a private name went to the uplink')
  })

  test('a wrong token is refused even where none is needed', async () => {
    bearer.wrong = `rh_${'x'.repeat(36)}`
    for (const path of ['-/ping', '-/whoami', '@acme%2fspelt']) assert.equal((await ask(path, { who: 'wrong' })).status, 401, path)
  })

  test('the same version many times at once is there once', async () => {
    const answers = await Promise.all(Array.from({ length: 12 }, () => put('@acme/race', document('@acme/race', '1.0.0', tarball('@acme/race', '1.0.0')))))
    assert.deepEqual(answers.map((a) => a.status).sort(), [201, ...Array(11).fill(409)])
    const doc = await (await ask('@acme/race')).json()
    const tgz = Buffer.from(await (await ask('@acme/race/-/race-1.0.0.tgz')).arrayBuffer())
    assert.equal(doc.versions['1.0.0'].dist.integrity, `sha512-${hash('sha512', tgz, 'base64')}`)
  })

  test('what is wrong with a publish is said in a sentence', async () => {
    const name = '@acme/bad', tgz = tarball(name, '1.0.0'), good = () => document(name, '1.0.0', tgz)
    const bend = (fn) => { const d = good(); fn(d, d.versions['1.0.0'], Object.values(d._attachments)[0]); return d }
    const other = document(name, '1.0.0', tarball('@acme/evil', '1.0.0'))
    const cases = [
      [400, '{"name":'], [400, '[]'], [400, '{"name":"a","name":"b"}'], [400, `{"a":${'['.repeat(5000)}`],
      [422, '{}'], [422, `{"name":"${name}","__proto__":{},"versions":{},"_attachments":{"a.tgz":{}}}`],
      [422, bend((d) => { d.name = '@acme/else' })], [422, bend((d, v) => { v.version = '1.0.1' })], [422, bend((d, v) => { v.name = '@acme/else' })],
      [422, bend((d, v) => { v.dist.integrity = `sha512-${'A'.repeat(86)}==` })], [422, bend((d, v) => { v.dist.shasum = '0'.repeat(40) })],
      [422, bend((d, v) => { v.dist = {} })], [422, bend((d, v, a) => { a.length++ })], [422, bend((d, v, a) => { a.data = '!!!!' })],
      [422, bend((d) => { d['dist-tags'] = { '1.x': '1.0.0' } })], [422, bend((d) => { d['dist-tags'] = { latest: '2.0.0' } })], [422, other],
      [422, document(name, '1.0.0', Buffer.from('no gzip'))], [422, document(name, '1.0.0', Buffer.alloc(0))],
      ...['1', 'v1.0.0', '01.0.0', 'latest', '../1.0.0', '1.0.0+b', `1.0.${'9'.repeat(300)}`].map((v) => [422, document(name, v, tarball(name, v))]),
    ]
    for (const [status, doc] of cases) {
      const answer = await put(name, doc)
      const text = await answer.text()
      assert.equal(answer.status, status, `${JSON.stringify(doc).slice(0, 100)}: ${text}`)
      assert.match(JSON.parse(text).error, /^[A-Z"].+\.$/)
    }
    for (const bad of ['@acme/Upper', '@acme/a~b', `@acme/${'a'.repeat(215)}`])
      assert.equal((await put(bad, document(bad, '1.0.0', tgz))).status, 422, bad)
    assert.equal((await put('lodash', document('lodash', '1.0.0', tgz))).status, 403)
    assert.equal((await ask('@acme%2fbad')).status, 404)
  })

  test('odd names are 404 and never more', async () => {
    for (const path of ['constructor', '__proto__', 'toString', '_under', '.hidden', '-', 'a%00b', 'a%2fb%2fc', '@acme%2f..%2fx', '@acme/a%252fb', 'x'.repeat(300)]) {
      const answer = await ask(path)
      assert.ok([400, 404].includes(answer.status), `${path}: ${answer.status}`)
      await answer.text()
    }
  })

  test('stale revisions are refused, detached tarballs may be deleted again', async () => {
    await publish('@acme/rev', '1.0.0')
    await publish('@acme/rev', '1.1.0')
    const doc = await (await ask('@acme/rev?write=true')).json()
    await publish('@acme/rev', '1.2.0')
    for (const v of Object.values(doc.versions)) v.deprecated = 'old'
    assert.equal((await put('@acme/rev', doc)).status, 409)
    const fresh = await (await ask('@acme/rev?write=true')).json()
    delete fresh.versions['1.1.0']
    const rev = (path, method, body) => ask(`@acme%2frev/${path}`, { method, body })
    assert.equal((await rev(`-rev/${doc._rev}`, 'PUT', fresh)).status, 409)
    assert.equal((await rev(`-/rev-1.1.0.tgz/-rev/${fresh._rev}`, 'DELETE')).status, 409)
    assert.equal((await rev(`-rev/${fresh._rev}`, 'PUT', fresh)).status, 200)
    assert.equal((await rev('-/rev-1.1.0.tgz/-rev/x', 'DELETE')).status, 200)
    assert.equal((await ask('@acme/rev/-/rev-1.1.0.tgz')).status, 404)
    assert.equal((await put('@acme/rev', document('@acme/rev', '1.1.0', tarball('@acme/rev', '1.1.0')))).status, 409)
    assert.equal((await rev(`-rev/${doc._rev}`, 'DELETE')).status, 409)
    assert.equal((await rev(`-rev/${(await (await ask('@acme/rev')).json())._rev}`, 'DELETE')).status, 200)
    assert.equal((await ask('@acme/rev')).status, 404)
  })

  test('what is not offered is a quick 404', async () => {
    for (const [method, path] of [['GET', '-/no/such/thing'], ['POST', '-/no/such/thing']]) {
      const answer = await ask(path, { method, body: method === 'GET' ? undefined : '{}' })
      assert.equal(answer.status, 404, path)
      assert.match(await error(answer), /does not offer/)
    }
    const clean = await fetch(`${r.url}/npm/-/npm/v1/security/advisories/bulk`, { method: 'POST', headers: { authorization: `Bearer ${bearer.dev}`, 'content-type': 'application/json', 'content-encoding': 'gzip' }, body: gzipSync('{"a":["1.0.0"]}') })
    assert.deepEqual(await clean.json(), {})
  })

  test('a search needs text and stays in its bounds', async () => {
    assert.equal((await ask('-/v1/search')).status, 400)
    assert.equal((await ask(`-/v1/search?text=${'x'.repeat(300)}`)).status, 400)
    await publish('@acme/red-search', '1.0.0', { manifest: { description: 'Zebra', keywords: ['node-red', 'stripes'] } })
    const find = async (text) => (await (await ask(`-/v1/search?text=${encodeURIComponent(text)}&size=250`)).json()).objects.map((o) => o.package.name)
    for (const text of ['zebra', 'red-search', 'stripes', 'keywords:stripes', 'scope:acme zebra', 'maintainer:dev zebra'])
      assert.deepEqual(await find(text), ['@acme/red-search'], text)
    for (const text of ['keywords:strip', 'scope:beta zebra', 'zebra absent']) assert.deepEqual(await find(text), [], text)
    const { objects, total, time } = await (await ask('-/v1/search?text=acme&size=1')).json()
    assert.equal(objects.length, 1)
    assert.ok(total > 1)
    assert.equal(new Date(time).toISOString(), time)
    assert.deepEqual(Object.keys(objects[0].package.maintainers[0]).sort(), ['email', 'username'])
  })
})

describe('logins', () => {
  const couch = (name, body) => ask(`-/user/org.couchdb.user:${name}`, { who: null, method: 'PUT', body })

  test('a password gives a token that reads and publishes and no more', async () => {
    const answer = await couch('dev', { _id: 'org.couchdb.user:dev', name: 'dev', password: 'correct horse', type: 'user' })
    assert.equal(answer.status, 201)
    assert.match(answer.headers.get('cache-control'), /no-store/)
    bearer.login = (await answer.json()).token
    assert.deepEqual(await (await ask('-/whoami', { who: 'login' })).json(), { username: 'dev' })
    const cannot = await r.api('POST', '/api/v1/tenants/acme/instances', { slug: 'x', name: 'x' }, { authorization: `Bearer ${bearer.login}` })
    assert.equal(cannot.status, 403)
    assert.equal((await ask(`-/user/token/${bearer.login}`, { who: 'login', method: 'DELETE' })).status, 200)
    assert.equal((await ask('-/whoami', { who: 'login' })).status, 401)
  })

  test('unknown and wrong are the same, and nobody registers himself', async () => {
    const wrong = await couch('dev', { name: 'dev', password: 'nonsense' })
    const unknown = await couch('ghost', { name: 'ghost', password: 'nonsense' })
    assert.deepEqual([wrong.status, unknown.status], [401, 401])
    assert.equal(await error(wrong), await error(unknown))
    assert.equal((await couch('dev', { name: 'other', password: 'correct horse' })).status, 400)
  })

  test('a web login ends in one token for who polls', async () => {
    const start = await (await ask('-/v1/login', { who: null, method: 'POST', body: {} })).json()
    const poll = () => fetch(start.doneUrl)
    const waiting = await poll()
    assert.equal(waiting.status, 202)
    assert.ok(Number(waiting.headers.get('retry-after')) > 0)
    const page = await fetch(start.loginUrl)
    assert.match(page.headers.get('content-security-policy'), /default-src 'none'/)
    const form = (body, headers = {}) => fetch(start.loginUrl, { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers }, body: new URLSearchParams(body) })
    const cookie = await r.login('dev', 'correct horse')
    assert.match(await (await fetch(start.loginUrl, { headers: { cookie } })).text(), /You are <b>dev<\/b>/)
    assert.ok((await form({ use: 'session' }, { cookie, origin: 'http://evil.example' })).status >= 400)
    assert.equal((await form({ use: 'session' })).status, 401)
    assert.equal((await poll()).status, 202)
    assert.equal((await form({ use: 'session' }, { cookie, origin: r.url })).status, 200)
    bearer.web = (await (await poll()).json()).token
    assert.deepEqual(await (await ask('-/whoami', { who: 'web' })).json(), { username: 'dev' })
    assert.equal((await poll()).status, 404)
    assert.equal((await form({ use: 'session' }, { cookie, origin: r.url })).status, 404)
  })

  test('limits that mean nothing are refused, and a token can be listed and ended', async () => {
    const make = (more) => ask('-/npm/v1/tokens', { method: 'POST', body: { password: 'correct horse', ...more } })
    for (const more of [{ cidr_whitelist: ['10.0.0.0/33'] }, { scopes: [1] }, { packages: ['a b'] }, { packages_and_scopes_permission: 'read-mostly' }])
      assert.equal((await make(more)).status, 422, JSON.stringify(more))
    assert.equal((await make({ password: 'wrong' })).status, 401)
    const made = await (await make({ name: 'short', expires: 1, readonly: true })).json()
    assert.equal(made.readonly, true)
    assert.ok(new Date(made.expires) - Date.now() < 25 * 3600e3)
    assert.equal((await ask(`-/npm/v1/tokens/token/${made.key}`, { who: 'other', method: 'DELETE' })).status, 404)
    assert.equal((await ask(`-/npm/v1/tokens/token/${made.key}`, { method: 'DELETE' })).status, 204)
  })
})

describe('the uplink', () => {
  test('documents and tarballs are fetched once, and point here', async () => {
    upstream.add('pub-one', '1.0.0')
    const doc = await (await ask('pub-one')).json()
    assert.equal(doc.versions['1.0.0'].dist.tarball, `${r.url}/npm/pub-one/-/pub-one-1.0.0.tgz`)
    const get = async () => Buffer.from(await (await ask('pub-one/-/pub-one-1.0.0.tgz')).arrayBuffer())
    assert.deepEqual(await get(), upstream.packages['pub-one'].tarballs['pub-one-1.0.0.tgz'])
    await get()
    assert.equal(upstream.count('/-/pub-one-1.0.0.tgz'), 1)
    assert.equal(upstream.count('/pub-one'), 2)
    for (const req of upstream.asked) {
      assert.equal(req.headers.authorization, undefined)
      assert.equal(req.headers.cookie, undefined)
    }
    assert.equal((await ask('pub-one/1.0.0')).status, 200)
    assert.deepEqual(await (await ask('-/package/pub-one/dist-tags')).json(), { latest: '1.0.0' })
    assert.deepEqual(await (await ask('-/package/pub-one/visibility')).json(), { public: true })
    assert.equal((await ask('pub-one', { who: null })).status, 401)
  })

  test('many who ask at once cause one fetch', async () => {
    upstream.add('pub-many', '1.0.0')
    upstream.slow = 300
    const answers = await Promise.all(Array.from({ length: 6 }, () => ask('pub-many')))
    upstream.slow = 0
    for (const answer of answers) assert.equal((await answer.json()).name, 'pub-many')
    assert.equal(upstream.count('/pub-many'), 1)
  })

  test('a new version is seen after a while, by revalidation', async () => {
    upstream.add('pub-new', '1.0.0')
    await (await ask('pub-new')).json()
    upstream.add('pub-new', '1.1.0')
    assert.equal((await (await ask('pub-new')).json())['dist-tags'].latest, '1.0.0')
    await sleep(1100)
    assert.equal((await (await ask('pub-new')).json())['dist-tags'].latest, '1.1.0')
    await sleep(1100)
    await (await ask('pub-new')).json()
    assert.ok(upstream.asked.at(-1).headers['if-none-match'])
  })

  test('when it is down, what is here is served and the rest said to be away', async () => {
    upstream.add('pub-down', '1.0.0')
    await (await ask('pub-down')).json()
    await (await ask('pub-down/-/pub-down-1.0.0.tgz')).arrayBuffer()
    await sleep(1100)
    upstream.down = true
    assert.equal((await (await ask('pub-down')).json()).name, 'pub-down')
    assert.equal((await ask('pub-down/-/pub-down-1.0.0.tgz')).status, 200)
    assert.equal((await ask('pub-never')).status, 502)
    upstream.down = false
  })

  test('a tarball that is not what was promised is never served', async () => {
    upstream.add('pub-evil', '1.0.0', { serve: tarball('pub-evil', '1.0.0') })
    const answer = await ask('pub-evil/-/pub-evil-1.0.0.tgz')
    assert.equal(answer.status, 502)
    assert.match(await error(answer), /not the one that its document promises/)
  })

  test('what is missing there is remembered', async () => {
    for (let i = 0; i < 3; i++) assert.equal((await ask('pub-absent')).status, 404)
    assert.equal(upstream.count('/pub-absent'), 1)
  })

  test('a claimed name is ours from then on', async () => {
    const claim = (body) => r.api('POST', '/api/v1/claims', body, admin)
    upstream.add('pub-taken', '1.0.0')
    await (await ask('pub-taken')).json()
    const refused = await claim({ name: 'pub-taken', tenant: 'acme' })
    assert.equal(refused.status, 409)
    assert.equal(refused.body.code, 'served_before')
    assert.equal((await r.api('POST', '/api/v1/claims', { name: 'x-y', tenant: 'acme' }, { authorization: `Bearer ${bearer.dev}` })).status, 403)
    assert.equal((await claim({ name: 'pub-taken', tenant: 'acme', take_over: true })).status, 201)
    assert.equal((await ask('pub-taken')).status, 404)
    assert.equal((await ask('pub-taken/-/pub-taken-1.0.0.tgz')).status, 404)
    await publish('pub-taken', '5.0.0')
    assert.deepEqual(Object.keys((await (await ask('pub-taken')).json()).versions), ['5.0.0'])
    assert.equal((await ask('pub-taken', { who: 'other' })).status, 404)
    assert.equal((await r.api('DELETE', '/api/v1/claims/pub-taken', undefined, admin)).status, 409)
    const { body } = await r.api('GET', '/api/v1/claims', undefined, admin)
    assert.deepEqual(body.items.map((c) => [c.name, c.tenant]), [['pub-taken', 'acme']])
    assert.equal(upstream.count('/pub-taken'), 1)
  })
})

describe('the portal sees', () => {
  test('lists in pages and one package with all of it', async () => {
    await publish('@acme/red-portal', '1.0.0', {
      tgz: pack({ 'package.json': JSON.stringify({ name: '@acme/red-portal', version: '1.0.0', 'node-red': { nodes: { p: 'p.js' } } }), 'p.js': "RED.nodes.registerType('portal', P)", 'README.md': '# Portal' }),
    })
    const who = { authorization: `Bearer ${bearer.dev}` }
    const names = []
    for (let cursor = ''; cursor !== null;) {
      const { status, body } = await r.api('GET', `/api/v1/packages?limit=2&cursor=${encodeURIComponent(cursor)}`, undefined, who)
      assert.equal(status, 200)
      names.push(...body.items.map((i) => i.name))
      cursor = body.next
    }
    assert.deepEqual(names, [...new Set(names)].sort())
    assert.ok(names.includes('@acme/red-portal'))
    const list = (await r.api('GET', '/api/v1/packages?tenant=acme&filter=portal', undefined, who)).body.items
    assert.deepEqual(list.map((i) => [i.name, i.tenant, i.types, i.private]), [['@acme/red-portal', 'acme', ['portal'], true]])
    assert.equal((await r.api('GET', '/api/v1/packages?tenant=beta', undefined, who)).status, 404)
    const one = (await r.api('GET', '/api/v1/packages/@acme%2fred-portal', undefined, who)).body
    assert.equal(one.readme, '# Portal')
    assert.deepEqual(one.tags, { latest: '1.0.0' })
    assert.equal(one.versions[0].publisher, 'dev')
    assert.deepEqual(one.versions[0].tags, ['latest'])
    assert.equal(one.versions[0].install_scripts, false)
    assert.equal((await r.api('GET', '/api/v1/packages/@acme%2fred-portal', undefined, { authorization: `Bearer ${bearer.other}` })).status, 404)
  })

  test('bodies are the same from memory, compressed or not', async () => {
    const raw = async (encoding) => {
      const { request } = await import('node:http')
      return new Promise((done, fail) => request(`${r.url}/npm/@acme%2fforms`, { headers: { authorization: `Bearer ${bearer.dev}`, ...(encoding ? { 'accept-encoding': encoding } : {}) } }, (res) => {
        const chunks = []
        res.on('data', (c) => chunks.push(c)).on('end', () => done(Buffer.concat(chunks)))
      }).on('error', fail).end())
    }
    assert.deepEqual(gunzipSync(await raw('gzip')), await raw())
  })
})
