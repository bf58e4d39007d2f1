// Several uplinks: rules, credentials, private names, offline, the ceiling. What goes out is recorded.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { Uplink } from '../hostile/uplink.mjs'
import { Redhouse, binary, root, sleep, until } from './redhouse.mjs'

let r, one, two, cdn, admin, token, dev
before(async () => {
  ;[one, two, cdn] = [await Uplink.start(), await Uplink.start(), await Uplink.start()]
  r = await Redhouse.start({ uplink: one.url, args: ['--uplink-fresh', '1s', '--uplink-stale', '1h'] })
  token = await r.token('admin', 'test')
  admin = { cookie: await r.login('admin', r.password) }
  for (const slug of ['acme', 'beta']) assert.equal((await api('POST', '/tenants', { slug, name: slug })).status, 201)
  assert.equal((await api('POST', '/users', { name: 'dev', email: 'd@example.org', password: 'correct horse', tenant: 'acme', role: 'developer' })).status, 201)
  dev = await r.token('dev', 'test')
}, { timeout: 120000 })
after(async () => {
  await r?.stop()
  for (const u of [one, two, cdn]) await u?.stop()
})

const api = (method, path, body) => r.api(method, `/api/v1${path}`, body, admin)
const ask = (path, { who = token, headers = {}, ...more } = {}) => fetch(`${r.url}/npm/${path}`, { headers: { authorization: `Bearer ${who}`, ...headers }, ...more })
const error = async (answer) => (await answer.json()).error
const run = (...args) => promisify(execFile)(binary, [...args, '--data', r.data], { cwd: root, env: r.env() })
const tarball = (name) => `${name}/-/${name.split('/').at(-1)}-1.0.0.tgz`

describe('rules', () => {
  test('the first that fits says where a name comes from, and from nowhere else', async () => {
    const file = join(r.data, 'secret')
    writeFileSync(file, 's3cret\n')
    await run('uplink', 'add', 'partner', `${two.url}/`, '--secret-file', file, '--hosts', cdn.url)
    await run('uplink', 'rule', 'add', '@acme-partner/*', 'partner')
    await run('uplink', 'rule', 'add', 'evil-*', 'block', '--reason', 'known to steal')
    for (const u of [one, two]) for (const name of ['@acme-partner/a', 'plain', 'evil-one']) u.add(name, { manifest: { from: u === one ? 'one' : 'two' } })
    assert.equal((await (await ask('@acme-partner%2fa')).json()).versions['1.0.0'].from, 'two')
    assert.equal((await (await ask('plain')).json()).versions['1.0.0'].from, 'one')
    const blocked = await ask('evil-one')
    assert.equal(blocked.status, 403)
    assert.match(await error(blocked), /"evil-one" is blocked by a rule of this platform: known to steal\./)
    assert.equal((await ask(tarball('evil-one'))).status, 403)
    assert.equal(one.count('acme-partner') + one.count('evil') + two.count('plain') + two.count('evil'), 0)
    assert.equal((await ask('@ACME-partner%2fa')).status, 404)
    assert.equal(one.count('ACME-partner'), 0)
    const rules = (await api('GET', '/uplink-rules')).body.items
    assert.deepEqual(rules.map((x) => [x.position, x.pattern, x.uplink, x.block]), [[1, '@acme-partner/*', 'partner', false], [2, 'evil-*', null, true]])
  })

  test('a rule that comes later takes a name away from where it was, at once', async () => {
    const get = async () => (await (await ask('plain')).json()).versions?.['1.0.0'].from
    assert.equal(await get(), 'one')
    assert.equal((await ask(tarball('plain'))).status, 200)
    const { body: rule } = await api('POST', '/uplink-rules', { pattern: 'Plain', uplink: 'partner', position: 1 })
    assert.equal(rule.position, 1)
    assert.equal(await get(), 'two')
    assert.notDeepEqual(Buffer.from(await (await ask(tarball('plain'))).arrayBuffer()), one.packages.get('plain').files.get('plain-1.0.0.tgz'))
    assert.equal((await api('DELETE', `/uplink-rules/${rule.id}`)).status, 204)
    assert.equal(await get(), 'one')
    assert.deepEqual((await api('GET', '/uplink-rules')).body.items.map((x) => x.position), [1, 2])
  })

  test('the command line shows and ends them', async () => {
    assert.match((await run('uplink', 'list')).stdout, /^partner\t.*\tbearer\tfalse\tclosed\t-$/m)
    assert.match((await run('uplink', 'rule', 'list')).stdout, /^2\tevil-\*\t-\ttrue\tknown to steal$/m)
    assert.match((await run('uplink', 'test', 'default')).stdout, /^true\t404\t\d+\t-$/m)
    assert.match((await run('uplink', 'cache')).stdout, /^\d+\t\d+\t\d+\t0\t/m)
    assert.equal((await run('uplink', 'outside')).stdout, '')
    await run('uplink', 'add', 'brief', one.url)
    await run('uplink', 'rule', 'add', 'brief-*', 'brief')
    await assert.rejects(run('uplink', 'remove', 'brief'), /1 rules name the uplink/)
    await run('uplink', 'rule', 'remove', 'brief-*')
    await run('uplink', 'remove', 'brief')
    await assert.rejects(run('uplink', 'remove', 'brief'), /There is no uplink "brief"/)
    await assert.rejects(run('uplink', 'rule', 'remove', 'brief-*'), /There is no rule for "brief-\*"/)
  })

  test('nonsense is refused with a sentence', async () => {
    for (const [path, body, code] of [
      ['/uplink-rules', { pattern: 'x y', uplink: 'partner' }, 'bad_rule'], ['/uplink-rules', { pattern: 'x' }, 'bad_rule'],
      ['/uplink-rules', { pattern: 'x', uplink: 'nobody' }, 'uplink_not_found'], ['/uplink-rules', { pattern: 'evil-*', block: true }, 'rule_exists'],
      ['/uplinks', { name: 'a b', url: one.url }, 'bad_uplink'], ['/uplinks', { name: 'default', url: one.url }, 'bad_uplink'],
      ['/uplinks', { name: 'x', url: 'ftp://x/' }, 'bad_uplink'], ['/uplinks', { name: 'x', url: 'http://u:p@host/' }, 'bad_uplink'],
      ['/uplinks', { name: 'x', url: one.url, auth: 'bearer' }, 'bad_uplink'], ['/uplinks', { name: 'x', url: one.url, auth: 'basic', secret: 'nocolon' }, 'bad_uplink'],
      ['/uplinks', { name: 'x', url: one.url, ca: 'no pem' }, 'bad_uplink'], ['/uplinks', { name: 'x', url: one.url, hosts: ['nohost'] }, 'bad_uplink'],
      ['/uplinks', { name: 'x', url: `${r.url}/npm` }, 'uplink_is_us'], ['/uplinks', { name: 'partner', url: one.url }, 'uplink_exists']]) {
      const answer = await api('POST', path, body)
      assert.equal(answer.body.code, code, JSON.stringify([body, answer.body]))
    }
    assert.equal((await api('DELETE', '/uplinks/partner')).body.code, 'uplink_in_use')
    assert.equal((await api('PATCH', '/uplinks/default', { offline: true })).body.code, 'uplink_of_option')
    assert.equal((await api('PATCH', '/uplinks/partner', { url: one.url })).body.code, 'bad_uplink')
    assert.equal((await r.api('GET', '/api/v1/uplinks', undefined, { authorization: `Bearer ${dev}` })).status, 403)
  })
})

describe('credentials', () => {
  test('go to the origin of their uplink and nowhere else, and are never shown', async () => {
    for (const { headers } of two.asked) assert.equal(headers.authorization, 'Bearer s3cret')
    for (const { headers } of one.asked) assert.equal(headers.authorization, undefined)
    two.add('@acme-partner/moved', { document: (req, res) => res.writeHead(302, { location: `${cdn.url}/@acme-partner%2fmoved` }).end() })
    cdn.add('@acme-partner/moved')
    assert.equal((await ask('@acme-partner%2fmoved')).status, 200)
    two.add('@acme-partner/far', { dist: { tarball: `${cdn.url}/@acme-partner/far/-/far-1.0.0.tgz` } })
    cdn.packages.set('@acme-partner/far', two.packages.get('@acme-partner/far'))
    assert.equal((await ask(tarball('@acme-partner/far'))).status, 200)
    assert.equal(cdn.count('far-1.0.0.tgz'), 1)
    for (const { headers } of cdn.asked) assert.equal(headers.authorization, undefined)
    const { body } = await api('GET', '/uplinks')
    assert.doesNotMatch(JSON.stringify(body), /s3cret/)
    assert.deepEqual(body.items.map((u) => [u.name, u.auth, u.of_option]), [['default', 'none', true], ['partner', 'bearer', false]])
    assert.equal((await api('POST', '/uplinks/partner/test')).body.status, 404)
  })

  test('a proxy is used where one is said, with its password hidden', async () => {
    const seen = []
    const proxy = createServer((req, res) => {
      seen.push(req.url)
      const url = new URL(req.url)
      if (req.url === 'http://registry.internal.example/@proxied%2fled') return res.writeHead(302, { location: 'http://inner.internal.example/@proxied%2fled' }).end()
      fetch(`http://127.0.0.1:${two.port}${url.pathname}`, { headers: { accept: 'application/json' } }).then(async (answer) => res.writeHead(answer.status).end(Buffer.from(await answer.arrayBuffer())))
    }).on('connect', (req, socket) => { seen.push(req.url); connect(two.port, '127.0.0.1', () => socket.destroy()) })
    await new Promise((done) => proxy.listen(0, '127.0.0.1', done))
    two.add('@proxied/a')
    two.add('@proxied/led')
    const added = await api('POST', '/uplinks', { name: 'behind', url: 'http://registry.internal.example', no_proxy: 'inner.internal.example', proxy: `http://me:hidden@127.0.0.1:${proxy.address().port}` })
    assert.equal(added.status, 201)
    assert.equal(added.body.proxy, `http://127.0.0.1:${proxy.address().port}/`)
    assert.equal((await api('POST', '/uplink-rules', { pattern: '@proxied/*', uplink: 'behind' })).status, 201)
    assert.equal((await ask('@proxied%2fa')).status, 200)
    assert.deepEqual(seen, ['http://registry.internal.example/@proxied%2fa'])
    // around it only where the uplink itself is, not where it leads
    assert.equal((await ask('@proxied%2fled')).status, 200)
    assert.deepEqual(seen.slice(1), ['http://registry.internal.example/@proxied%2fled', 'http://inner.internal.example/@proxied%2fled'])
    proxy.closeAllConnections()
    proxy.close()
  })
})

describe('private names', () => {
  test('reach no uplink, whatever is asked of them', async () => {
    assert.equal((await api('POST', '/claims', { name: 'secret-sauce', tenant: 'acme' })).status, 201)
    const names = ['@acme/hidden', '@acme%2fhidden', '@ACME/hidden', '@beta/x', '@acme/-hidden', 'secret-sauce', 'Secret-Sauce']
    const paths = names.flatMap((n) => [n, `${n}/latest`, `${n}/1.0.0`, tarball(n.replace('%2f', '/')), `-/package/${n}/dist-tags`, `-/package/${n}/visibility`, `-/package/${n}/collaborators`, `${n}?write=true`])
    for (const path of paths)
      for (const who of [dev, token]) for (const accept of ['application/json', 'application/vnd.npm.install-v1+json']) await (await ask(path, { who, headers: { accept } })).arrayBuffer()
    for (const [method, path, body] of [['PUT', '@acme%2fhidden', '{}'], ['PUT', '@acme%2fhidden/-rev/1', '{}'], ['DELETE', '@acme%2fhidden/-rev/1'], ['PUT', '-/package/@acme%2fhidden/dist-tags/a', '"1.0.0"'],
      ['POST', '-/npm/v1/security/advisories/bulk', '{"@acme/hidden":["1.0.0"],"secret-sauce":["1.0.0"]}'], ['POST', '-/npm/v1/security/audits/quick', '{"requires":{"@acme/hidden":"1"}}'], ['PUT', '-/user/package/@acme%2fhidden/star', '{}'],
      ['POST', '-/stage/package/@acme%2fhidden', '{}'], ['GET', '-/v1/search?text=@acme/hidden+secret-sauce'], ['GET', '-/npm/v1/keys'], ['GET', '-/npm/v1/attestations/@acme%2fhidden@1.0.0']])
      await (await ask(path, { who: dev, method, body, headers: { 'content-type': 'application/json' } })).arrayBuffer()
    for (const path of ['/packages/@acme%2fhidden', '/packages?filter=@acme/hidden', '/uplink-outside', '/packages/@acme%2fhidden/versions/1.0.0/files']) await api('GET', path)
    for (const u of [one, two, cdn]) assert.equal(u.asked.filter((x) => /hidden|sauce|beta|@acme\//i.test(x.url + JSON.stringify(x.headers))).length, 0)
  })

  test('that exist outside too are reported from what is known, and asked for when an admin says so', async () => {
    one.add('was-public')
    assert.equal((await ask('was-public')).status, 200)
    assert.equal((await api('POST', '/claims', { name: 'was-public', tenant: 'acme', take_over: true })).status, 201)
    const list = async () => (await api('GET', '/uplink-outside')).body.items.map((x) => [x.name, x.uplink, x.how])
    assert.deepEqual(await list(), [['was-public', 'default', 'served']])
    assert.match(r.log(), /a private name also exists outside.*name=was-public uplink=default/)
    one.add('@acme/known')
    const asked = (await api('POST', '/uplink-outside', { names: ['@acme/known', '@acme/other'] })).body.items
    assert.deepEqual(asked, [{ name: '@acme/known', found: true }, { name: '@acme/other', found: false }])
    assert.deepEqual(await list(), [['@acme/known', 'default', 'asked'], ['was-public', 'default', 'served']])
    assert.equal((await api('POST', '/uplink-outside', { names: ['plain'] })).body.code, 'not_private')
    assert.equal((await ask('@acme%2fknown', { who: dev })).status, 404)
  })

  test('are ours from their claim on, also by their scope, whatever of them lay ready', async () => {
    one.add('@pub-scope/taken')
    for (const path of ['@pub-scope%2ftaken', tarball('@pub-scope/taken')])
      for (let i = 0; i < 2; i++) assert.equal((await ask(path, { who: dev })).status, 200, path)
    assert.equal((await api('POST', '/claims', { name: '@pub-scope', tenant: 'acme', take_over: true })).status, 201)
    for (const path of ['@pub-scope%2ftaken', tarball('@pub-scope/taken')]) assert.equal((await ask(path, { who: dev })).status, 404, path)
    assert.equal((await api('DELETE', '/claims/@pub-scope')).status, 204)
  })
})

describe('what is kept', () => {
  test('is served at once when it is stale, and fetched anew behind that', async () => {
    one.add('aging')
    await (await ask('aging')).arrayBuffer()
    one.add('aging', { version: '1.1.0' })
    await sleep(1100)
    one.packages.get('aging').document = async (req, res, { body }) => { await sleep(500); res.end(body) }
    const began = Date.now()
    assert.equal((await (await ask('aging')).json())['dist-tags'].latest, '1.0.0')
    assert.ok(Date.now() - began < 400)
    await until('the newer one', async () => (await (await ask('aging')).json())['dist-tags'].latest === '1.1.0', 5000)
    assert.equal(one.count('/aging'), 2)
  })

  test('an uplink that is ourselves is told from others, also behind another name', async () => {
    const front = createServer((req, res) => {
      const headers = { ...req.headers, host: new URL(r.url).host, authorization: `Bearer ${token}` }
      fetch(r.url + req.url, { headers }).then(async (a) => res.writeHead(a.status, { via: a.headers.get('via') ?? '' }).end(await a.text()))
    })
    await new Promise((done) => front.listen(0, '127.0.0.1', done))
    assert.equal((await api('POST', '/uplinks', { name: 'mirror', url: `http://127.0.0.1:${front.address().port}/npm` })).status, 201)
    await api('POST', '/uplink-rules', { pattern: 'loop-*', uplink: 'mirror' })
    const answer = await ask('loop-one')
    assert.equal(answer.status, 502)
    assert.match(await error(answer), /leads back to this registry/)
    front.closeAllConnections()
    front.close()
  })

  test('offline nothing goes out, and what is not here is said to be away', async () => {
    one.add('kept')
    await (await ask('kept')).arrayBuffer()
    await (await ask(tarball('kept'))).arrayBuffer()
    await run('uplink', 'set', 'partner', '--switch', 'off')
    assert.equal((await ask('@acme-partner%2fa')).status, 200)
    const away = await ask('@acme-partner%2fnever')
    assert.equal(away.status, 404)
    assert.match(await error(away), /the uplink "partner" is offline.*bundle import/)
    await r.term()
    r.options.args.push('--offline')
    await r.serve()
    const asked = one.asked.length + two.asked.length
    assert.equal((await ask('kept')).status, 200)
    assert.equal((await ask('kept', { headers: { accept: 'application/vnd.npm.install-v1+json' } })).status, 200)
    assert.equal((await ask(tarball('kept'))).status, 200)
    assert.equal((await ask('kept/-/kept-9.0.0.tgz')).status, 404)
    assert.match(await error(await ask('never-seen')), /is offline/)
    assert.equal(one.asked.length + two.asked.length, asked)
    assert.equal((await api('GET', '/uplink-cache')).body.offline, true)
    r.options.args.pop()
  })
})
