// Uplinks that are real registries: another Redhouse with a token, a Verdaccio with a password, one behind TLS of a private authority.
import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { Uplink } from '../hostile/uplink.mjs'
import { Redhouse, binary, root } from './redhouse.mjs'
import { Verdaccio } from './verdaccio.mjs'

const exec = promisify(execFile)
const limit = { timeout: 120000 }
let far, near, verdaccio, folder, admin, token
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'uplinks-'))
  near = await Redhouse.start({ uplink: 'http://127.0.0.1:9', args: ['--uplink-fresh', '1s', '--uplink-stale', '0s'] }) // nothing else goes out
  far = await Redhouse.start({ uplink: 'http://127.0.0.1:9' })
  verdaccio = await Verdaccio.start()
  admin = { cookie: await near.login('admin', near.password) }
  token = await near.token('admin', 'test')
}, limit)
after(async () => {
  await near?.stop()
  await far?.stop()
  await verdaccio?.stop()
  rmSync(folder, { recursive: true, force: true })
})

const run = (r, ...args) => exec(binary, [...args, '--data', r.data], { cwd: root, env: r.env() })
const api = (method, path, body) => near.api(method, `/api/v1${path}`, body, admin)
const ask = (path) => fetch(`${near.url}/npm/${path}`, { headers: { authorization: `Bearer ${token}` } })
function file(name, content) {
  writeFileSync(join(folder, name), content)
  return join(folder, name)
}
async function npm(registry, auth, ...args) {
  const home = mkdtempSync(join(folder, 'home-'))
  writeFileSync(join(home, '.npmrc'), `registry=${registry}\n//${registry.replace(/^https?:\/\//, '')}:_authToken=${auth}\naudit=false\nfund=false\nupdate-notifier=false\n`)
  mkdirSync(join(home, 'p'))
  return { home, run: (manifest, ...more) => {
    writeFileSync(join(home, 'p', 'package.json'), JSON.stringify(manifest))
    return exec('npm', [...args, ...more], { cwd: join(home, 'p'), env: { ...process.env, HOME: home, npm_config_userconfig: join(home, '.npmrc'), npm_config_cache: join(home, 'cache') } })
  } }
}
async function install(name) {
  const { home, run: go } = await npm(`${near.url}/npm/`, token, 'install', name)
  await go({ name: 'p', version: '1.0.0' })
  return JSON.parse(readFileSync(join(home, 'p', 'node_modules', name, 'package.json'), 'utf8'))
}

test('another Redhouse is an uplink, with a token that reads', limit, async () => {
  const cookie = { cookie: await far.login('admin', far.password) }
  assert.equal((await far.api('POST', '/api/v1/tenants', { slug: 'partner', name: 'Partner' }, cookie)).status, 201)
  assert.equal((await far.api('POST', '/api/v1/users', { name: 'pub', email: 'p@example.org', password: 'correct horse', tenant: 'partner', role: 'developer' }, cookie)).status, 201)
  const auth = await far.token('pub', 'test')
  await (await npm(`${far.url}/npm/`, auth, 'publish')).run({ name: '@partner/one', version: '1.0.0' })
  await run(near, 'uplink', 'add', 'partner', `${far.url}/npm`, '--secret-file', file('wrong', 'rh_wrong\n'))
  await run(near, 'uplink', 'rule', 'add', '@partner/*', 'partner')
  const refused = await ask('@partner%2fone')
  assert.equal(refused.status, 403)
  assert.match((await refused.json()).error, /The uplink "partner" refuses "@partner\/one" \(401\)/)
  await run(near, 'uplink', 'set', 'partner', '--secret-file', file('right', `${auth}\n`))
  assert.equal((await api('POST', '/uplinks/partner/test')).body.ok, true)
  assert.equal((await install('@partner/one')).version, '1.0.0')
  await (await npm(`${far.url}/npm/`, auth, 'publish')).run({ name: '@partner/one', version: '1.1.0' })
  await new Promise((done) => setTimeout(done, 1100))
  assert.equal((await install('@partner/one')).version, '1.1.0')
})

test('a Verdaccio is an uplink, with a name and a password', limit, async () => {
  const auth = await verdaccio.user('pub', 'correct horse')
  await (await npm(verdaccio.registry, auth, 'publish')).run({ name: '@acme-v/two', version: '2.0.0' })
  await run(near, 'uplink', 'add', 'old', verdaccio.url, '--auth', 'basic', '--secret-file', file('basic', 'pub:correct horse\n'))
  await run(near, 'uplink', 'rule', 'add', '@acme-v/*', 'old')
  assert.equal((await install('@acme-v/two')).version, '2.0.0')
  assert.equal((await api('GET', '/uplinks/old')).body.state, 'closed')
})

test('an uplink behind a private authority needs its certificate', limit, async () => {
  const at = (name) => join(folder, name)
  const openssl = (...args) => execFileSync('openssl', args, { stdio: 'ignore' })
  openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', at('ca.key'), '-out', at('ca.pem'), '-subj', '/CN=authority', '-days', '2')
  openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', at('it.key'), '-out', at('it.csr'), '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost')
  openssl('x509', '-req', '-in', at('it.csr'), '-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial', '-out', at('it.pem'), '-days', '2', '-copy_extensions', 'copy')
  const behind = await Uplink.start()
  behind.add('@safe/three')
  const server = createServer({ key: readFileSync(at('it.key')), cert: readFileSync(at('it.pem')) }, (req, res) => behind.server.emit('request', req, res))
  await new Promise((done) => server.listen(0, done))
  try {
    await run(near, 'uplink', 'add', 'safe', `https://localhost:${server.address().port}`)
    await run(near, 'uplink', 'rule', 'add', '@safe/*', 'safe')
    const refused = await ask('@safe%2fthree')
    assert.equal(refused.status, 502)
    assert.match((await refused.json()).error, /The uplink "safe" cannot be trusted/)
    assert.equal(behind.asked.length, 0)
    const { body } = await api('POST', '/uplinks/safe/test')
    assert.deepEqual([body.ok, body.status], [false, 0])
    await run(near, 'uplink', 'set', 'safe', '--ca-file', at('ca.pem'))
    assert.equal((await ask('@safe%2fthree')).status, 200)
    assert.equal((await api('GET', '/uplinks/safe')).body.ca, true)
  } finally {
    server.closeAllConnections()
    server.close()
    await behind.stop()
  }
})
