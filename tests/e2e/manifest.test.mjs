// What decides what is installed and run is what the tarball holds, whichever client published it and whatever it said.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Machine, client } from './clients.mjs'
import { publishDocument } from './publish.mjs'
import { Redhouse } from './redhouse.mjs'

let r, token, headers

before(async () => {
  r = await Redhouse.start()
  await r.run('tenant', 'create', 'acme')
  writeFileSync(join(r.data, 'word'), 'a developer of acme\n')
  for (const name of ['dev', 'second'])
    await r.run('user', 'create', name, '--password-file', join(r.data, 'word'), '--tenant', 'acme', '--role', 'developer')
  token = await r.token('dev', 'laptop')
  headers = { authorization: `Bearer ${token}` }
  await put('@acme/dep', '1.0.0')
}, { timeout: 120000 })
after(async () => r?.stop())

const at = (name) => `/npm/${name.replace('/', '%2f')}`
const full = async (name) => (await r.api('GET', at(name), undefined, headers)).body
const brief = async (name) => (await r.api('GET', at(name), undefined, { ...headers, accept: 'application/vnd.npm.install-v1+json' })).body
async function put(name, version, more, lie = {}) {
  const { body } = publishDocument(name, version, more)
  Object.assign(body.versions[version], lie)
  const answer = await r.api('PUT', at(name), body, headers)
  assert.equal(answer.status, 201, JSON.stringify(answer.body))
}

// The package.json in the tarball that the registry serves.
async function inside(name, version) {
  const answer = await fetch((await full(name)).versions[version].dist.tarball, { headers, signal: AbortSignal.timeout(30000) })
  assert.equal(answer.status, 200)
  const input = Buffer.from(await answer.arrayBuffer())
  return JSON.parse(execFileSync('tar', ['-xzOf', '-', 'package/package.json'], { input }))
}

const decides = ['dependencies', 'optionalDependencies', 'peerDependencies', 'peerDependenciesMeta', 'devDependencies', 'engines', 'os', 'cpu']
async function agrees(name, version, bin) {
  const own = await inside(name, version)
  for (const document of [await full(name), await brief(name)]) {
    const shown = document.versions[version]
    for (const key of decides) assert.deepEqual(shown[key], own[key], `${name} ${key}`)
    assert.deepEqual(shown.bin, bin, `${name} bin`)
  }
  assert.deepEqual((await full(name)).versions[version].scripts, own.scripts, `${name} scripts`)
  return own
}

const kinds = {
  npm10: { publish: ['publish'], add: ['install'] },
  npm12: { publish: ['publish'], add: ['install'] },
  pnpm10: { publish: ['publish', '--no-git-checks'], add: ['add'] },
  yarn1: { publish: ['publish', '--non-interactive'], add: ['add'] },
  berry: { publish: ['npm', 'publish'], add: ['add'] },
}
const commands = (dir, text = '#!/usr/bin/env node\nconsole.log("ran")\n') => (file) => {
  mkdirSync(join(dir, file, '..'), { recursive: true })
  writeFileSync(join(dir, file), text, { mode: 0o755 })
}

for (const [kind, how] of Object.entries(kinds)) {
  describe(kind, { timeout: 200000 }, () => {
    let m

    async function publish(name, more, files = []) {
      const dir = m.package(name, '1.0.0', more)
      files.forEach(commands(dir))
      if (kind === 'berry') {
        writeFileSync(join(dir, 'yarn.lock'), '')
        await m.run(dir, 'install', '--mode=skip-build')
      }
      await m.run(dir, ...how.publish)
    }

    before(async () => {
      m = new Machine(r, kind, await client(kind), token)
    })

    test('publishes commands, kinds of dependencies, platforms and scripts, and installs them', async () => {
      const name = `@acme/all-${kind}`
      await publish(name, {
        bin: './cli.js', scripts: { test: 'node cli.js', build: 'node_modules/.bin/nothing' }, engines: { node: '>=18' }, os: ['linux', 'darwin'],
        optionalDependencies: { '@acme/dep': '^1.0.0' }, devDependencies: { '@acme/dep': '1.0.0' }, peerDependencies: { '@acme/dep': '>=1' }, peerDependenciesMeta: { '@acme/dep': { optional: true } },
      }, ['cli.js'])
      await agrees(name, '1.0.0', { [`all-${kind}`]: 'cli.js' })
      const dir = m.project(`uses-all-${kind}`)
      if (kind === 'berry') writeFileSync(join(dir, 'yarn.lock'), '')
      await m.run(dir, ...how.add, name)
      assert.equal(execFileSync(join(dir, 'node_modules', '.bin', `all-${kind}`), { encoding: 'utf8', env: { ...m.env, PATH: process.env.PATH } }), 'ran\n')
    })

    test('publishes a folder of commands and an addon that is compiled when it is installed', async () => {
      const name = `@acme/folder-${kind}`
      await publish(name, { directories: { bin: './tools' } }, ['tools/walk', 'tools/deep/run', 'binding.gyp'])
      await agrees(name, '1.0.0', { walk: 'tools/walk', run: 'tools/deep/run' })
      assert.equal((await full(name)).versions['1.0.0'].hasInstallScript, true)
    })
  })
}

describe('workspaces', { timeout: 200000 }, () => {
  test('pnpm puts versions and its publishConfig into document and tarball alike', async () => {
    const m = new Machine(r, 'pnpm10', await client('pnpm10'), token)
    const top = m.folder('work', { 'package.json': { name: 'work', private: true }, 'pnpm-workspace.yaml': 'packages:\n  - "*"\n' })
    m.folder('work/one', { 'package.json': { name: '@acme/ws-one', version: '1.2.0' } })
    const two = m.folder('work/two', { 'package.json': { name: '@acme/ws-two', version: '1.0.0', bin: 'source.js', publishConfig: { bin: 'built.js' }, dependencies: { '@acme/ws-one': 'workspace:^' } } })
    for (const file of ['source.js', 'built.js']) commands(two)(file)
    await m.run(join(top, 'one'), 'publish', '--no-git-checks')
    await m.run(top, 'install')
    await m.run(two, 'publish', '--no-git-checks')
    const own = await agrees('@acme/ws-two', '1.0.0', { 'ws-two': 'built.js' })
    assert.deepEqual(own.dependencies, { '@acme/ws-one': '^1.2.0' })
    const dir = m.project('uses-workspace')
    await m.run(dir, 'add', '@acme/ws-two')
    assert.ok(existsSync(join(dir, 'node_modules', '.bin', 'ws-two')))
  })

  test('npm bundles what is named, or all of it', async () => {
    const m = new Machine(r, 'npm11', await client('npm11'), token)
    for (const [name, bundled, shown] of [['some', ['@acme/dep'], ['@acme/dep']], ['all', true, ['@acme/dep']]]) {
      const dir = m.package(`@acme/bundle-${name}`, '1.0.0', { dependencies: { '@acme/dep': '1.0.0' }, bundleDependencies: bundled })
      await m.run(dir, 'install')
      await m.run(dir, 'publish')
      await agrees(`@acme/bundle-${name}`, '1.0.0', undefined)
      assert.deepEqual((await brief(`@acme/bundle-${name}`)).versions['1.0.0'].bundleDependencies, shown)
    }
  })
})

describe('a document that lies', () => {
  test('hides neither a dependency nor a script nor a command of the tarball', async () => {
    const truth = { dependencies: { '@acme/evil': '1.0.0' }, scripts: { postinstall: 'node steal.js' }, bin: { npm: 'steal.js' } }
    await put('@acme/liar', '1.0.0', { manifest: truth, files: { 'steal.js': '' } },
      { dependencies: { '@acme/dep': '1.0.0' }, optionalDependencies: { '@acme/dep': '1.0.0' }, scripts: { test: 'true' }, bin: { fine: 'index.js' }, hasInstallScript: false, os: ['!linux'] })
    await agrees('@acme/liar', '1.0.0', { npm: 'steal.js' })
    const shown = (await brief('@acme/liar')).versions['1.0.0']
    assert.equal(shown.hasInstallScript, true)
    assert.equal(shown.os, undefined)
    const m = new Machine(r, 'npm11', await client('npm11'), token)
    assert.match(await m.fails(m.project('victim'), 'install', '--ignore-scripts', '@acme/liar'), /@acme(%2f|\/)evil/)
  })
})

describe('owners in a tenant', { timeout: 100000 }, () => {
  test('who may publish may publish every package; removing and owning is for owners', async () => {
    const one = new Machine(r, 'npm11', await client('npm11'), token)
    const two = new Machine(r, 'npm11', await client('npm11'), await r.token('second', 'laptop'))
    await one.run(one.package('@acme/owned', '1.0.0'), 'publish')
    const dir = two.package('@acme/owned', '1.0.1')
    await two.run(dir, 'publish')
    assert.match(await two.fails(dir, 'unpublish', '@acme/owned@1.0.0'), /Only the owners of/)
    assert.match(await two.fails(dir, 'owner', 'add', 'second', '@acme/owned'), /Only the owners of/)
    await one.run(one.home, 'owner', 'add', 'second', '@acme/owned')
    await two.run(dir, 'unpublish', '@acme/owned@1.0.0')
    assert.deepEqual(Object.keys((await full('@acme/owned')).versions), ['1.0.1'])
  })
})
