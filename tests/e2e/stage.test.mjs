// Staged publishing: handed in by a machine, looked at and approved by a person, with the real npm and at the API.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Machine, client } from './clients.mjs'
import { publishDocument as published } from './publish.mjs'
import { Redhouse } from './redhouse.mjs'
import { App } from './totp.mjs'

const publishDocument = (name, version, manifest = {}) => published(name, version, { manifest }).body

describe('staged publishing', { timeout: 400000 }, () => {
  let r, admin
  const password = 'a developer of acme', tokens = {}
  const as = (name, more = {}) => ({ authorization: `Bearer ${tokens[name]}`, ...more })
  const stage = (name, doc, pkg = doc.name) => r.api('POST', `/npm/-/stage/package/${pkg.replace('/', '%2f')}`, doc, as(name))
  const packument = async (pkg, name = 'dev') => (await r.api('GET', `/npm/${pkg.replace('/', '%2f')}`, undefined, as(name))).body
  const blobs = () => Number(execFileSync('sqlite3', ['-readonly', join(r.data, 'blobs', 'small.db'), 'SELECT count(*) FROM small_blob'], { encoding: 'utf8' }))

  before(async () => {
    r = await Redhouse.start()
    admin = { cookie: await r.login('admin', r.password) }
    Object.assign(tokens, await r.people(admin, password, [['acme', 'dev', 'developer'], ['acme', 'viewer', 'viewer'], ['beta', 'other', 'owner']]))
    const made = await r.api('POST', '/api/v1/tokens', { name: 'ci', scopes: ['package:read', 'package:stage'] }, as('dev'))
    assert.equal(made.status, 201, JSON.stringify(made.body))
    tokens.ci = made.body.token
  }, { timeout: 60000 })
  after(() => r?.stop())

  for (const kind of ['npm11', 'npm12'])
    test(`${kind} stages, lists, views, downloads, approves and rejects`, async () => {
      const pkg = `@acme/${kind}`
      const ci = new Machine(r, kind, await client(kind), tokens.ci)
      const dev = new Machine(r, kind, ci.path, tokens.dev)
      const dir = dev.project('stage')
      assert.match(await ci.fails(ci.package(pkg, '1.0.0'), 'publish'), /E403/)
      const said = await ci.run(ci.package(pkg, '1.0.0'), 'stage', 'publish')
      const id = said.match(/staged with id ([0-9a-f-]{36})/)[1]
      assert.match((await packument(pkg)).error, /no/i)
      assert.match(await dev.run(dir, 'stage', 'list'), new RegExp(`${id}[^]*package name: ${pkg}[^]*staged by: dev \\(token\\)`))
      assert.match(await dev.run(dir, 'stage', 'list', '@acme/nothing'), /No staged/)
      assert.match(await dev.run(dir, 'stage', 'view', id), /version: 1\.0\.0/)
      await dev.run(dir, 'stage', 'download', id)
      const file = readdirSync(dir).find((f) => f.endsWith(`${id}.tgz`))
      const item = (await r.api('GET', `/npm/-/stage/${id}`, undefined, as('dev'))).body
      assert.equal(createHash('sha1').update(readFileSync(join(dir, file))).digest('hex'), item.shasum)
      assert.match(await ci.fails(dir, 'stage', 'approve', id), /E403/)
      assert.match(await dev.run(dir, 'stage', 'approve', id), /approved and published/)
      const doc = await packument(pkg)
      assert.deepEqual([doc['dist-tags'].latest, doc.versions['1.0.0']._npmUser.name, doc.versions['1.0.0'].dist.shasum], ['1.0.0', 'dev', item.shasum])
      assert.match(await dev.fails(dir, 'stage', 'view', id), /E404/)
      const again = (await ci.run(ci.package(pkg, '1.1.0'), 'stage', 'publish', '--tag', 'next')).match(/staged with id ([0-9a-f-]{36})/)[1]
      assert.match(await dev.run(dir, 'stage', 'reject', again), /has been rejected/)
      assert.deepEqual(Object.keys((await packument(pkg)).versions), ['1.0.0'])
      assert.match(await dev.run(dir, 'stage', 'list'), /No staged packages/)
    })

  for (const kind of ['pnpm11', 'pnpm12'])
    test(`${kind} stages, lists, views, downloads, approves and rejects`, async () => {
      const pkg = `@acme/${kind}`
      const ci = new Machine(r, kind, await client(kind), tokens.ci)
      const dev = new Machine(r, kind, ci.path, tokens.dev)
      const dir = dev.project('stage')
      const staged = async (version) => (await ci.run(ci.package(pkg, version), 'stage', 'publish', '--no-git-checks')).match(/staged with id ([0-9a-f-]{36})/)[1]
      const id = await staged('1.0.0')
      assert.match(await dev.run(dir, 'stage', 'list'), new RegExp(`${id}[^]*package name: ${pkg}`))
      assert.match(await dev.run(dir, 'stage', 'view', id), /version: 1\.0\.0/)
      assert.match(await dev.run(dir, 'stage', 'download', id), new RegExp(`${id}\\.tgz`))
      await assert.rejects(ci.run(dir, 'stage', 'approve', id))
      assert.match(await dev.run(dir, 'stage', 'approve', id), /approved and published/)
      assert.deepEqual(Object.keys((await packument(pkg)).versions), ['1.0.0'])
      await dev.run(dir, 'stage', 'reject', await staged('1.1.0'))
      assert.equal((await r.api('GET', '/npm/-/stage', undefined, as('dev'))).body.total, 0)
    })

  test('yarn 4 stages, lists, approves and rejects', async () => {
    const pkg = '@acme/berry'
    const ci = new Machine(r, 'berry', await client('berry'), tokens.ci)
    const dev = new Machine(r, 'berry', ci.path, tokens.dev)
    const dir = dev.project('stage')
    const staged = async (version) => {
      const source = ci.package(pkg, version)
      ci.folder(source.slice(ci.home.length + 1), { 'yarn.lock': '' })
      await ci.run(source, 'install')
      await ci.run(source, 'npm', 'publish', '--staged')
      return (await r.api('GET', '/npm/-/stage', undefined, as('dev'))).body.items.find((i) => i.packageName === pkg && i.version === version).id
    }
    const id = await staged('1.0.0')
    assert.match(await dev.run(dir, 'npm', 'stage', 'list'), new RegExp(id))
    await ci.fails(ci.project('ci'), 'npm', 'stage', 'approve', id)
    await dev.run(dir, 'npm', 'stage', 'approve', id)
    assert.deepEqual(Object.keys((await packument(pkg)).versions), ['1.0.0'])
    await dev.run(dir, 'npm', 'stage', 'reject', await staged('1.1.0'))
    assert.equal((await r.api('GET', '/npm/-/stage', undefined, as('dev'))).body.total, 0)
  })

  test('what is wrong with a publish is wrong with a staged one, and stays nowhere', async () => {
    const before = blobs()
    const good = publishDocument('@acme/wrong', '1.0.0')
    const promise = structuredClone(good)
    promise.versions['1.0.0'].dist.integrity = `sha512-${Buffer.alloc(64).toString('base64')}`
    promise.versions['1.0.0'].dist.shasum = '0'.repeat(40)
    assert.deepEqual((await stage('ci', promise)).status, 422)
    assert.equal((await stage('ci', publishDocument('@acme/other', '1.0.0'), '@acme/wrong')).status, 422)
    assert.equal((await stage('ci', { name: '@acme/wrong', versions: {} }, '@acme/wrong')).status, 422)
    assert.equal((await stage('ci', publishDocument('lodash', '9.9.9'))).status, 403)
    assert.equal((await stage('viewer', good)).status, 403)
    assert.equal((await stage('other', good)).status, 404)
    assert.equal((await r.api('POST', '/npm/-/stage/package/@acme%2fwrong', good)).status, 401)
    assert.equal(blobs(), before)
    assert.equal((await r.api('PUT', '/npm/@acme%2fthere', publishDocument('@acme/there', '1.0.0'), as('dev'))).status, 201)
    assert.equal((await stage('ci', publishDocument('@acme/there', '1.0.0'))).status, 409)
  })

  test('another tenant and a viewer see and judge nothing of it', async () => {
    const { body: { stageId } } = await stage('ci', publishDocument('@acme/secret', '1.0.0'))
    for (const name of ['other', 'viewer']) {
      assert.deepEqual((await r.api('GET', '/npm/-/stage', undefined, as(name))).body, { items: [], total: 0 })
      assert.deepEqual((await r.api('GET', '/api/v1/stages', undefined, as(name))).body.items, [])
      for (const [method, path] of [['GET', ''], ['GET', '/tarball'], ['POST', '/approve'], ['DELETE', '']]) {
        assert.equal((await r.api(method, `/npm/-/stage/${stageId}${path}`, undefined, as(name))).status, 404, `${name} ${method} ${path}`)
        assert.equal((await r.api(method, `/api/v1/stages/${stageId}${path}`, undefined, as(name))).status, 404, `${name} ${method} ${path}`)
      }
    }
    assert.equal((await r.api('GET', '/api/v1/stages?tenant=acme', undefined, as('other'))).status, 404)
    assert.equal((await r.api('GET', '/npm/-/stage')).status, 401)
    assert.equal((await r.api('GET', '/api/v1/stages?tenant=acme', undefined, as('dev'))).body.items[0].id, stageId)
    assert.equal((await r.api('DELETE', `/api/v1/stages/${stageId}`, undefined, as('ci'))).status, 403)
    assert.equal((await r.api('DELETE', `/api/v1/stages/${stageId}`, undefined, as('dev'))).status, 204)
  })

  test('the API shows what it holds and what of its dependencies is new', async () => {
    assert.equal((await r.api('PUT', '/npm/@acme%2fdeps', publishDocument('@acme/deps', '1.0.0', { dependencies: { a: '1', b: '1' } }), as('dev'))).status, 201)
    const { body: { stageId } } = await stage('ci', publishDocument('@acme/deps', '1.1.0', { dependencies: { b: '2', c: '1' } }))
    const { body } = await r.api('GET', `/api/v1/stages/${stageId}`, undefined, as('dev'))
    assert.deepEqual(body.dependencies, [{ name: 'b', was: '1', now: '2' }, { name: 'c', was: null, now: '1' }, { name: 'a', was: '1', now: null }])
    assert.deepEqual([body.latest, body.package, body.tenant, body.actor, body.install_scripts], ['1.0.0', '@acme/deps', 'acme', 'dev', false])
    assert.ok(body.contents.files.length > 0)
  })

  test('a number that was taken meanwhile is told, and the staged version stays', async () => {
    const { body: { stageId } } = await stage('ci', publishDocument('@acme/race', '1.0.0'))
    assert.equal((await r.api('PUT', '/npm/@acme%2frace', publishDocument('@acme/race', '1.0.0', { description: 'faster' }), as('dev'))).status, 201)
    const late = await r.api('POST', `/npm/-/stage/${stageId}/approve`, undefined, as('dev'))
    assert.deepEqual([late.status, /there already/.test(late.body.error)], [409, true])
    assert.equal((await r.api('GET', `/npm/-/stage/${stageId}`, undefined, as('dev'))).status, 200)
    assert.equal((await r.api('DELETE', `/npm/-/stage/${stageId}`, undefined, as('dev'))).status, 204)
  })

  test('what was acknowledged outlives kill -9, and a rejected tarball is gone', async () => {
    const before = blobs()
    const { body: { stageId } } = await stage('ci', publishDocument('@acme/durable', '1.0.0'))
    await r.kill()
    await r.serve()
    assert.equal(blobs(), before + 1)
    assert.equal((await r.api('POST', `/npm/-/stage/${stageId}/approve`, undefined, as('dev'))).status, 200)
    await r.kill()
    await r.serve()
    assert.ok((await packument('@acme/durable')).versions['1.0.0'])
    assert.equal(blobs(), before + 1)
    const { body: { stageId: second } } = await stage('ci', publishDocument('@acme/durable', '1.0.1'))
    assert.equal(blobs(), before + 2)
    assert.equal((await r.api('DELETE', `/npm/-/stage/${second}`, undefined, as('dev'))).status, 204)
    assert.equal(blobs(), before + 1)
  })

  test('the command line lists, approves and rejects', async () => {
    const { body: { stageId: one } } = await stage('ci', publishDocument('@acme/cli', '1.0.0'))
    const { body: { stageId: two } } = await stage('ci', publishDocument('@acme/cli', '2.0.0'))
    const list = await r.run('stage', 'list')
    assert.ok(list.includes(`${one}\t@acme/cli\t1.0.0`), list)
    await r.run('stage', 'reject', two)
    assert.match(await r.run('stage', 'approve', one), /@acme\/cli\t1\.0\.0/)
    assert.deepEqual(Object.keys((await packument('@acme/cli')).versions), ['1.0.0'])
  })

  test('who has a second factor shows a code to judge, in any mode, and never to stage', async () => {
    const session = { cookie: await r.login('dev', password) }
    const begun = await r.api('PUT', '/api/v1/me/factor', { mode: 'auth-only', password }, session)
    const app = new App(begun.body.secret)
    const { body: { recovery_codes: codes } } = await r.api('POST', '/api/v1/me/factor/confirmation', { code: await app.code() }, session)
    const { body: { stageId }, status } = await stage('ci', publishDocument('@acme/factor', '1.0.0'))
    assert.equal(status, 201)
    const approve = (headers) => r.api('POST', `/npm/-/stage/${stageId}/approve`, undefined, headers)
    const asked = await approve(as('dev'))
    assert.deepEqual([asked.status, asked.headers.get('www-authenticate')], [401, 'OTP'])
    assert.ok(asked.body.authUrl && asked.body.doneUrl)
    assert.equal((await r.api('DELETE', `/npm/-/stage/${stageId}`, undefined, as('dev'))).status, 401)
    assert.equal((await approve(as('dev', { 'npm-otp': codes[0] }))).status, 200)
    const dev = new Machine(r, 'npm12', await client('npm12'), tokens.dev)
    const id = (await dev.run(dev.package('@acme/factor', '1.1.0'), 'stage', 'publish')).match(/staged with id ([0-9a-f-]{36})/)[1]
    assert.match(await dev.fails(dev.project('f'), 'stage', 'approve', id), /EOTP/)
    assert.match(await dev.run(dev.project('f'), 'stage', 'approve', id, '--otp', codes[1]), /approved/)
  })
})
