// The platform behind https: TLS of its own, and TLS that somebody else ends in front of it. Inside a sandbox npm asks the same
// https address and checks who answers.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { request } from 'node:https'
import { connect } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { createServer } from 'node:tls'
import { promisify } from 'node:util'
import { publishDocument } from './publish.mjs'
import { Redhouse, freePort, until } from './redhouse.mjs'

const exec = promisify(execFile)
const limit = { timeout: 300000 }
const dir = mkdtempSync('/tmp/rh-tls-')
const ca = () => readFileSync(join(dir, 'default.pem'))

before(async () => {
  chmodSync(dir, 0o755)
  await exec('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=localhost',
  '-addext', 'subjectAltName=DNS:localhost,DNS:demo.localhost', '-keyout', join(dir, 'default.key'), '-out', join(dir, 'default.pem')])
  chmodSync(join(dir, 'default.key'), 0o644) // the server's user reads it
})
after(() => rmSync(dir, { recursive: true, force: true }))

// As anybody outside asks: the certificate is checked.
function ask(port, host, path, { method = 'GET', headers = {}, body } = {}) {
  return new Promise((done, fail) => {
    const req = request({ host: '127.0.0.1', port, servername: host, ca: ca(), path, method, signal: AbortSignal.timeout(120000), headers: { host: `${host}:${port}`, ...headers } }, (answer) => {
      let text = ''
      answer.on('data', (chunk) => { text += chunk })
      answer.on('end', () => done({ status: answer.statusCode, headers: answer.headers, text }))
    })
    req.on('error', fail)
    req.end(body)
  })
}

// Publishes a private node and installs it as Manage Palette does; resolves to what the runtime says of it.
async function install(r, port) {
  await r.run('tenant', 'create', 'demo')
  await r.run('instance', 'create', 'demo/demo')
  const auth = { authorization: `Bearer ${await r.token('admin', 't')}`, 'content-type': 'application/json' }
  const manifest = { 'node-red': { nodes: { 'safe-word': 'safe.js' } }, keywords: ['node-red'] }
  const files = { 'safe.js': 'module.exports = (RED) => RED.nodes.registerType("safe-word", function (c) { RED.nodes.createNode(this, c) })', 'safe.html': '' }
  const { body } = publishDocument('@demo/safe', '1.0.0', { manifest, files })
  const published = await ask(port, 'localhost', '/npm/@demo%2fsafe', { method: 'PUT', headers: auth, body: JSON.stringify(body) })
  assert.ok(published.status < 300, published.text)
  await until('the editor answers', async () => (await ask(port, 'demo.localhost', '/settings', { headers: auth })).status === 200)
  return ask(port, 'demo.localhost', '/nodes', { method: 'POST', headers: auth, body: JSON.stringify({ module: '@demo/safe' }) })
}

describe('TLS of its own', limit, () => {
  let r, own
  before(async () => {
    own = mkdtempSync('/tmp/rh-stacks-')
    r = await Redhouse.start({ args: ['--tls-dir', dir], stacks: own })
  }, limit)
  after(async () => {
    await r?.stop()
    rmSync(own, { recursive: true, force: true })
  }, limit)

  test('a stack is installed by npm inside, which trusts the carrier alone', limit, async () => {
    await r.run('stack', 'add', 'node-red@5')
    assert.ok(statSync(join(own, 'node-red@5', 'bin', 'node')).size > 0)
    assert.equal(statSync(join(r.data, 'carrier', 'default.pem')).mode & 0o777, 0o600)
  })

  test('the portal answers by https, its cookie is secure', async () => {
    const answer = await ask(r.port, 'localhost', '/api/v1/session', { method: 'POST',
      headers: { 'content-type': 'application/json', origin: `https://localhost:${r.port}` }, body: JSON.stringify({ username: 'admin', password: r.password }) })
    assert.equal(answer.status, 200, answer.text)
    assert.match(answer.headers['set-cookie'][0], /^__Host-.*; Secure/)
  })

  test('a private node is installed from the palette', limit, async () => {
    const installed = await install(r, r.port)
    assert.equal(installed.status, 200, installed.text)
    assert.equal(JSON.parse(installed.text).version, '1.0.0')
  })

  test('the carriers keep their certificate over a restart', limit, async () => {
    const before_ = readFileSync(join(r.data, 'carrier', 'default.pem'), 'utf8')
    await r.term()
    await r.serve()
    assert.equal(readFileSync(join(r.data, 'carrier', 'default.pem'), 'utf8'), before_)
  })
})

describe('TLS that ends in front', limit, () => {
  let r, front, port
  before(async () => {
    port = await freePort()
    r = await Redhouse.start({ args: ['--public-url', `https://localhost:${port}`, '--trusted-proxies', '127.0.0.1'] })
    front = createServer({ cert: readFileSync(join(dir, 'default.pem')), key: readFileSync(join(dir, 'default.key')) }, (client) => {
      const back = connect(r.port, '127.0.0.1')
      client.pipe(back).pipe(client)
      client.on('error', () => back.destroy())
      back.on('error', () => client.destroy())
    }).listen(port, '127.0.0.1')
  }, limit)
  after(async () => {
    front?.close()
    await r?.stop()
  }, limit)

  test('a private node is installed from the palette', limit, async () => {
    const installed = await install(r, port)
    assert.equal(installed.status, 200, installed.text)
  })
})
