// A node in a git repository becomes an installable version when a tag is pushed: real git behind real smart HTTP.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { gitServer } from './gitserver.mjs'
import { Redhouse, root, until } from './redhouse.mjs'

describe('sources', () => {
  let r, dir, work, server, base, cookie, secret, source

  const git = (...args) => execFileSync('git', ['-c', 'user.name=Dev', '-c', 'user.email=dev@example.org', ...args], { cwd: work, stdio: 'pipe' })
  function release(version) {
    const path = join(work, 'package.json')
    const manifest = JSON.parse(readFileSync(path))
    writeFileSync(path, JSON.stringify({ ...manifest, name: '@demo/node-red-git', version, scripts: { prepack: 'touch /job/out/ran', prepare: 'exit 1' } }))
    git('add', '-A')
    git('commit', '-qm', `version ${version}`)
    git('tag', '-a', `v${version}`, '-m', version)
    git('push', '-q', 'origin', 'HEAD:main', `v${version}`)
  }
  const builds = async (id) => (await r.api('GET', `/api/v1/sources/${id}/builds`, undefined, { cookie })).body.items
  const built = (id, ref) => until(`${ref} is built`, async () => {
    const build = (await builds(id)).find((b) => b.ref === ref)
    return build && ['done', 'failed'].includes(build.state) && build
  }, 60000)

  before(async () => {
    dir = mkdtempSync('/tmp/rh-git-')
    work = join(dir, 'work')
    mkdirSync(work)
    cpSync(join(root, 'fixtures', 'nodes', '@demo', 'node-red-hello'), work, { recursive: true })
    execFileSync('git', ['init', '-q', '--bare', join(dir, 'nodes.git')])
    git('init', '-q')
    git('remote', 'add', 'origin', join(dir, 'nodes.git'))
    release('1.2.0')
    server = await gitServer(dir)
    base = `http://127.0.0.1:${server.address().port}`
    r = await Redhouse.start({ args: ['--git-private', '--git-local', dir] })
    await r.run('tenant', 'create', 'demo')
    cookie = await r.login('admin', r.password)
  })
  after(async () => {
    await r?.stop()
    server?.closeAllConnections()
    server?.close()
    rmSync(dir, { recursive: true, force: true })
  })

  test('a registered repository yields a version for its tag, with its commit and without running its scripts', async () => {
    const answer = await r.api('POST', '/api/v1/tenants/demo/sources', { url: `${base}/nodes.git`, tags: 'v*' }, { cookie })
    assert.equal(answer.status, 201, JSON.stringify(answer.body))
    secret = answer.body.webhook_secret
    source = answer.body
    assert.match(secret, /^\S{20,}$/)
    for (const path of [`/api/v1/sources/${source.id}`, '/api/v1/tenants/demo/sources']) {
      const later = await r.api('GET', path, undefined, { cookie })
      assert.ok(!JSON.stringify(later.body).includes(secret), `${path} does not tell the secret again`)
    }
    const build = await built(source.id, 'v1.2.0')
    const log = (await r.api('GET', `/api/v1/builds/${build.id}/log`, undefined, { cookie })).body
    assert.equal(build.state, 'done', `${build.cause}\n${log}`)
    assert.equal(build.version, '1.2.0')
    assert.equal(build.commit, git('rev-parse', 'v1.2.0^{commit}').toString().trim())
    assert.match(log, /npm pack/)
    const document = await r.api('GET', '/npm/@demo%2fnode-red-git', undefined, { authorization: `Bearer ${await r.token('admin', 't')}` })
    assert.equal(document.body['dist-tags'].latest, '1.2.0')
  })

  test('a signed webhook builds the next tag; a wrong signature builds nothing', async () => {
    release('1.3.0')
    const body = JSON.stringify({ ref: 'refs/tags/v1.3.0' })
    const hook = (headers) => fetch(`${r.url}/hooks/${source.id}`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body })
    assert.equal((await hook({})).status, 401)
    assert.equal((await hook({ 'x-hub-signature-256': `sha256=${'0'.repeat(64)}` })).status, 401)
    assert.equal((await hook({ 'x-gitlab-token': 'guess' })).status, 401)
    assert.equal((await builds(source.id)).length, 1)
    assert.equal((await hook({ 'x-hub-signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}` })).status, 202)
    assert.equal((await built(source.id, 'v1.3.0')).state, 'done')
  })

  test('a repository that needs credentials says so, and opens with a token', async () => {
    const locked = await r.api('POST', '/api/v1/tenants/demo/sources', { url: `${base}/locked/nodes.git` }, { cookie })
    const cause = await until('the look is noted', async () => (await r.api('GET', `/api/v1/sources/${locked.body.id}`, undefined, { cookie })).body.cause)
    assert.match(cause, /needs credentials/)
    await r.api('DELETE', `/api/v1/sources/${locked.body.id}`, undefined, { cookie })
    const open = await r.api('POST', '/api/v1/tenants/demo/sources', { url: `${base}/locked/nodes.git`, token: 'open sesame' }, { cookie })
    assert.ok(!JSON.stringify(open.body).includes('sesame'))
    // The same versions with the same bytes: the funnel takes them as what they are.
    assert.equal((await built(open.body.id, 'v1.2.0')).state, 'done')
  })

  test('a repository of this machine is a source by an admin only, and nothing beside it is', async () => {
    chmodSync(dir, 0o755)
    symlinkSync('/etc', join(dir, 'link'))
    const add = (url, who) => r.api('POST', '/api/v1/tenants/demo/sources', { url }, { cookie: who })
    writeFileSync(join(r.data, 'dev.password'), 'correct horse')
    await r.run('user', 'create', 'dev', '--password-file', join(r.data, 'dev.password'), '--tenant', 'demo', '--role', 'owner')
    const refused = await add(`file://${dir}/nodes.git`, await r.login('dev', 'correct horse'))
    assert.deepEqual([refused.status, refused.body.code], [403, 'admins_only'])
    const local = await add(`file://${dir}/nodes.git`, cookie)
    assert.equal(local.status, 201, JSON.stringify(local.body))
    const build = await built(local.body.id, 'v1.2.0')
    assert.equal(build.state, 'done', build.cause)
    const cause = async (url) => {
      const made = await add(url, cookie)
      assert.equal(made.status, 201, JSON.stringify(made.body))
      return until('the look is noted', async () => (await r.api('GET', `/api/v1/sources/${made.body.id}`, undefined, { cookie })).body.cause)
    }
    assert.match(await cause(`file://${dir}/link`), /links are not followed/)
    assert.match(await cause(`file://${dir}/link/ssl`), /links are not followed/)
    assert.match(await cause(`file://${dir}/missing.git`), /no repository missing\.git/)
    mkdirSync(join(dir, 'empty'))
    assert.match(await cause(`file://${dir}/empty`), /cannot be read as a repository/)
    mkdirSync(join(dir, 'hidden'), { mode: 0o700 })
    assert.match(await cause(`file://${dir}/hidden`), /cannot be read as a repository/)
  })

  test('by hand is an operation that ends when all is built, or with the cause', async () => {
    const build = async (id) => {
      const begun = await r.api('POST', `/api/v1/sources/${id}/builds`, undefined, { cookie })
      assert.equal(begun.status, 202, JSON.stringify(begun.body))
      assert.equal(begun.body.operation.kind, 'source.build')
      return until('the operation ends', async () => {
        const { body } = await r.api('GET', begun.headers.get('location'), undefined, { cookie })
        return body.state !== 'running' && body
      }, 60000)
    }
    const nothing = await build(source.id)
    assert.deepEqual([nothing.state, nothing.step], ['done', 'Nothing new'])
    release('1.4.0')
    const done = await build(source.id)
    assert.deepEqual([done.state, done.problem], ['done', null])
    const now = (await r.api('GET', `/api/v1/sources/${source.id}`, undefined, { cookie })).body
    assert.equal(now.last_build.version, '1.4.0')
    assert.equal(now.last_commit, git('rev-parse', 'v1.4.0^{commit}').toString().trim())
    // Other bytes of a version that is taken: the build fails, and again when asked again.
    const path = join(work, 'package.json')
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path)), description: 'Other bytes.' }))
    git('commit', '-qam', 'the same version')
    git('tag', 'v1.4.0-more')
    git('push', '-q', 'origin', 'v1.4.0-more')
    for (let i = 0; i < 2; i++) {
      const failed = await build(source.id)
      assert.equal(failed.state, 'failed')
      assert.match(failed.problem.detail, /^v1\.4\.0-more: /)
    }
    assert.equal((await builds(source.id)).filter((b) => b.ref === 'v1.4.0-more').length, 1)
  })

  test('a tag that is pushed is noticed by polling, as often as was said', async () => {
    const polling = await Redhouse.start({ args: ['--git-local', dir, '--source-poll', '5s'] })
    try {
      await polling.run('tenant', 'create', 'demo')
      const admin = await polling.login('admin', polling.password)
      const made = await polling.api('POST', '/api/v1/tenants/demo/sources', { url: `file://${dir}/nodes.git`, tags: 'v2.*' }, { cookie: admin })
      assert.equal(made.status, 201, JSON.stringify(made.body))
      const get = async () => (await polling.api('GET', `/api/v1/sources/${made.body.id}`, undefined, { cookie: admin })).body
      assert.equal((await get()).last_build, null)
      release('2.0.0')
      // Well below the minute between two rounds of housekeeping.
      const source = await until('the tag is built', async () => {
        const now = await get()
        return now.last_build?.state === 'done' && now
      }, 40000)
      assert.equal(source.last_build.version, '2.0.0')
      assert.equal(source.last_commit, git('rev-parse', 'v2.0.0^{commit}').toString().trim())
    } finally {
      await polling.stop()
    }
  })

  test('bad addresses are refused with a sentence', async () => {
    for (const url of ['ftp://example.org/x.git', 'file:///etc', 'https://user:pw@example.org/x.git', 'https://', 'not an address', `https://example.org/${'x'.repeat(2000)}`]) {
      const answer = await r.api('POST', '/api/v1/tenants/demo/sources', { url }, { cookie })
      assert.equal(answer.status, 422, url)
      assert.equal(answer.body.code, 'bad_url')
    }
  })

  test('a private address is refused when no admin allowed it', async () => {
    const other = await Redhouse.start()
    try {
      await other.run('tenant', 'create', 'demo')
      const admin = await other.login('admin', other.password)
      const made = await other.api('POST', '/api/v1/tenants/demo/sources', { url: `${base}/nodes.git` }, { cookie: admin })
      const cause = await until('the look is noted', async () => (await other.api('GET', `/api/v1/sources/${made.body.id}`, undefined, { cookie: admin })).body.cause)
      assert.match(cause, /private address/)
    } finally {
      await other.stop()
    }
  })
})
