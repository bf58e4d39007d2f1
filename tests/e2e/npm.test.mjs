// Real package managers against the registry.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Machine, client } from './clients.mjs'
import { Redhouse, until } from './redhouse.mjs'

let r, token
const users = { dev: 'a developer of acme', other: 'somebody of beta' }

before(async () => {
  r = await Redhouse.start({ args: ['--platform-scope', '@shared'] })
  const admin = { cookie: await r.login('admin', r.password) }
  const ok = (answer) => assert.ok(answer.status < 300, `${answer.status} ${JSON.stringify(answer.body)}`)
  for (const slug of ['acme', 'beta']) ok(await r.api('POST', '/api/v1/tenants', { slug, name: slug }, admin))
  for (const [name, tenant] of [['dev', 'acme'], ['other', 'beta']])
    ok(await r.api('POST', '/api/v1/users', { name, email: `${name}@example.org`, password: `${users[name]} 1`, tenant, role: 'developer' }, admin))
  token = await r.token('dev', 'laptop')
}, { timeout: 120000 })

after(async () => r?.stop())

const machine = async (kind, with_ = token) => new Machine(r, kind, await client(kind), with_)
const full = async (name, with_ = token) =>
  (await r.api('GET', `/npm/${name.replace('/', '%2f')}`, undefined, { authorization: `Bearer ${with_}` })).body

for (const kind of ['npm10', 'npm11', 'npm12']) {
  describe(kind, { timeout: 300000 }, () => {
    const name = `@acme/red-${kind}`
    let m

    before(async () => {
      m = await machine(kind)
    })

    test('publishes a first and a next version', async () => {
      assert.match(await m.run(m.package(name, '1.0.0'), 'publish'), new RegExp(`\\+ ${name}@1.0.0`))
      await m.run(m.package(name, '1.1.0', { scripts: { postinstall: 'true' } }), 'publish')
      const doc = await full(name)
      assert.deepEqual(Object.keys(doc.versions), ['1.0.0', '1.1.0'])
      assert.equal(doc['dist-tags'].latest, '1.1.0')
      assert.equal(doc.versions['1.1.0'].hasInstallScript, true)
      assert.equal(doc.versions['1.0.0'].hasInstallScript, undefined)
      assert.equal(doc.versions['1.0.0'].dist.tarball, `${r.url}/npm/${name}/-/red-${kind}-1.0.0.tgz`)
      assert.equal(doc.readme, `# ${name}\n`)
      assert.match(await m.fails(m.package(name, '1.1.0'), 'publish'), /previously published|E409|E403|cannot publish/i)
    })

    test('publishes under a tag and moves tags', async () => {
      const dir = m.package(name, '2.0.0-beta.1')
      await m.run(dir, 'publish', '--tag', 'beta')
      await m.run(dir, 'dist-tag', 'add', `${name}@1.0.0`, 'old')
      assert.match(await m.run(dir, 'dist-tag', 'ls', name), /beta: 2.0.0-beta.1[^]*latest: 1.1.0[^]*old: 1.0.0/)
      await m.run(dir, 'dist-tag', 'rm', name, 'old')
      assert.doesNotMatch(await m.run(dir, 'dist-tag', 'ls', name), /old/)
      assert.match(await m.fails(dir, 'dist-tag', 'add', `${name}@9.9.9`, 'old'), /E404/)
    })

    test('views and searches', async () => {
      const dir = m.project('view')
      assert.match(await m.run(dir, 'view', `${name}@beta`, 'version'), /2\.0\.0-beta\.1/)
      assert.equal([await m.json(dir, 'view', name)].flat()[0]['dist-tags'].latest, '1.1.0')
      const found = await m.json(dir, 'search', `red-${kind}`)
      assert.deepEqual(found.map((f) => [f.name, f.version]), [[name, '1.1.0']])
      assert.match(await m.fails(dir, 'view', '@acme/absent'), /E404/)
    })

    test('installs, keeps a lock file that fits, and audits', async () => {
      const dir = m.project('install')
      await m.run(dir, 'install', `${name}@^1.0.0`)
      assert.equal(JSON.parse(readFileSync(join(dir, 'node_modules', name, 'package.json'))).version, '1.1.0')
      const lock = JSON.parse(readFileSync(join(dir, 'package-lock.json')))
      assert.match(lock.packages[`node_modules/${name}`].integrity, /^sha512-/)
      await m.run(dir, 'ci')
      assert.match(await m.run(dir, 'audit'), /found 0 vulnerabilities/)
      await m.run(dir, 'outdated')
    })

    test('deprecates and takes it back', async () => {
      const dir = m.project('deprecate')
      await m.run(dir, 'deprecate', `${name}@1.0.0`, 'use 1.1.0')
      assert.equal((await full(name)).versions['1.0.0'].deprecated, 'use 1.1.0')
      await m.run(dir, 'undeprecate', `${name}@1.0.0`).catch(() => m.run(dir, 'deprecate', `${name}@1.0.0`, ''))
      assert.equal((await full(name)).versions['1.0.0'].deprecated, undefined)
    })

    test('says who it is, who owns what and what is public', async () => {
      const dir = m.project('who')
      assert.match(await m.run(dir, 'whoami'), /^dev$/m)
      assert.match(await m.run(dir, 'ping'), /PONG/)
      assert.match(await m.run(dir, 'owner', 'ls', name), /dev/)
      assert.match(await m.run(dir, 'access', 'get', 'status', name), /private/)
    })

    test('lists, makes and revokes tokens', async () => {
      const dir = m.project('token')
      const args = kind === 'npm10' ? ['--read-only'] : ['--name', 'ci', '--packages-and-scopes-permission', 'read-only', '--password', `${users.dev} 1`]
      const child = m.start(dir, 'token', 'create', '--json', ...args)
      child.stdin.end(`${users.dev} 1\n`)
      assert.equal(await child.ended, 0, child.text)
      const made = JSON.parse(child.text.match(/\{[^]*?\n\}/)[0])
      assert.match(made.token, /^rh_/)
      const list = await m.json(dir, 'token', 'list')
      const mine = list.find((t) => made.token.startsWith(t.token) && t.readonly)
      assert.ok(mine, JSON.stringify(list))
      const reader = await machine(kind, made.token)
      assert.match(await reader.run(dir, 'whoami'), /dev/)
      assert.match(await reader.fails(reader.package(name, '7.0.0'), 'publish'), /E403/)
      await m.run(dir, 'token', 'revoke', mine.key.slice(0, 12))
      assert.match(await reader.fails(dir, 'whoami'), /E401/)
    })

    test('unpublishes one version, then all', async () => {
      const dir = m.project('unpublish')
      await m.run(dir, 'unpublish', `${name}@1.1.0`, '--force')
      let doc = await full(name)
      assert.deepEqual(Object.keys(doc.versions), ['1.0.0', '2.0.0-beta.1'])
      assert.ok(doc.versions[doc['dist-tags'].latest])
      assert.match(await m.fails(m.package(name, '1.1.0', { other: 'bytes' }), 'publish', '--tag', 'again'), /E409|E403/)
      await m.run(dir, 'unpublish', name, '--force')
      doc = await full(name)
      assert.match(doc.error, /no package/)
    })

    test('logs in by a browser and out', async () => {
      const mine = await machine(kind, null)
      const dir = mine.project('login')
      assert.match(await mine.fails(dir, 'whoami'), /E401|ENEEDAUTH/)
      const child = mine.start(dir, 'login', '--auth-type=web')
      const url = await until('the login address', () => child.text.match(/http:\S+\/-\/login\/\S+/)?.[0])
      const page = await (await fetch(url)).text()
      assert.match(page, /asks to read and publish packages in your name/)
      const post = (body) => fetch(url, { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded', origin: r.url }, body: new URLSearchParams(body) })
      assert.equal((await post({ user: 'dev', password: 'wrong' })).status, 401)
      const done = await post({ user: 'dev', password: `${users.dev} 1` })
      assert.equal(done.status, 200, await done.text())
      assert.equal(await child.ended, 0, child.text)
      assert.equal((await fetch(url)).status, 404)
      assert.match(await mine.run(dir, 'whoami'), /^dev$/m)
      const saved = readFileSync(join(mine.home, '.npmrc'), 'utf8').match(/_authToken=(\S+)/)[1]
      await mine.run(dir, 'logout')
      assert.equal((await r.api('GET', '/npm/-/whoami', undefined, { authorization: `Bearer ${saved}` })).status, 401)
    })

    test('logs in with a password', async () => {
      const mine = await machine(kind, null)
      const dir = mine.project('login')
      const answer = async (password) => {
        const child = mine.start(dir, 'login', '--auth-type=legacy')
        await until('the question for a name', () => /username:/i.test(child.text))
        child.stdin.write('dev\n')
        await until('the question for a password', () => /password:/i.test(child.text))
        child.stdin.end(`${password}\n`)
        return [await child.ended, child.text]
      }
      const [bad, said] = await answer('wrong')
      assert.notEqual(bad, 0, said)
      const [good, text] = await answer(`${users.dev} 1`)
      assert.equal(good, 0, text)
      assert.match(await mine.run(dir, 'whoami'), /^dev$/m)
    })
  })
}

describe('other clients', { timeout: 300000 }, () => {
  test('pnpm publishes and installs', async () => {
    const m = await machine('pnpm10')
    await m.run(m.package('@acme/red-pnpm', '1.0.0'), 'publish', '--no-git-checks')
    const dir = m.project()
    await m.run(dir, 'add', '@acme/red-pnpm')
    assert.equal(JSON.parse(readFileSync(join(dir, 'node_modules/@acme/red-pnpm/package.json'))).version, '1.0.0')
    assert.match(await m.run(dir, 'audit'), /No known vulnerabilities/)
  })

  test('yarn 1 publishes and installs', async () => {
    const m = await machine('yarn1')
    await m.run(m.package('@acme/red-yarn', '1.0.0'), 'publish', '--non-interactive')
    await m.run(m.home, 'tag', 'add', '@acme/red-yarn@1.0.0', 'stable')
    assert.equal((await full('@acme/red-yarn'))['dist-tags'].stable, '1.0.0')
    const dir = m.project()
    await m.run(dir, 'add', '@acme/red-yarn@stable')
    assert.equal(JSON.parse(readFileSync(join(dir, 'node_modules/@acme/red-yarn/package.json'))).version, '1.0.0')
  })

  test('yarn berry publishes and installs', async () => {
    const m = await machine('berry')
    const source = m.package('@acme/red-berry', '1.0.0')
    m.folder('src--acme-red-berry-1.0.0', { 'yarn.lock': '' })
    await m.run(source, 'install')
    await m.run(source, 'npm', 'publish')
    assert.equal((await full('@acme/red-berry')).readme, '# @acme/red-berry\n')
    const dir = m.folder('project', { 'package.json': { name: 'p', private: true }, 'yarn.lock': '' })
    await m.run(dir, 'add', '@acme/red-berry')
    assert.equal(JSON.parse(readFileSync(join(dir, 'node_modules/@acme/red-berry/package.json'))).version, '1.0.0')
  })

  test('a public package comes through the uplink', async () => {
    const m = await machine('npm11')
    const dir = m.project('public')
    await m.run(dir, 'install', 'is-odd@3.0.1')
    const lock = JSON.parse(readFileSync(join(dir, 'package-lock.json')))
    for (const [path, entry] of Object.entries(lock.packages).filter(([path]) => path))
      assert.ok((entry.resolved ?? r.url).startsWith(r.url), `${path} ${entry.resolved}`)
    assert.match(await m.run(dir, 'view', 'is-odd@3.0.1', 'dist.tarball'), new RegExp(`${r.url}/npm/is-odd/-/is-odd-3.0.1.tgz`))
    const again = await r.api('GET', '/npm/is-odd/-/is-odd-3.0.1.tgz', undefined, { authorization: `Bearer ${token}` })
    assert.equal(again.status, 200)
  })
})
