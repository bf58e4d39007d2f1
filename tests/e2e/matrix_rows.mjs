// The table of matrix.mjs: packages and what is done with them.
import assert from 'node:assert/strict'
import { readFileSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { handed, none } from './matrix.mjs'

const same = (a, b) => assert.deepEqual(a, b)
const project = (c, name, range) => c.m.folder(name, { 'package.json': { name, private: true, dependencies: { [c.name]: range } }, ...c.kind === 'berry' && { 'yarn.lock': '' } })
const empty = (dir) => rmSync(join(dir, 'node_modules'), { recursive: true, force: true })

const install = async (c) => {
  const dir = project(c, 'fresh', '1.0.0')
  await c.m.run(dir, 'install')
  assert.equal(c.installed(dir), '1.0.0')
}
const frozen = (...args) => async (c) => {
  const dir = project(c, 'locked', '1.0.0')
  await c.m.run(dir, 'install')
  empty(dir)
  await c.m.run(dir, ...args)
  assert.equal(c.installed(dir), '1.0.0')
}
const add = (verb) => async (c) => {
  const dir = c.m.project('added')
  await c.m.run(dir, verb, `${c.name}@1.0.0`)
  assert.equal(c.installed(dir), '1.0.0')
}
// In the lock file at 1.0.0, though 1.1.0 fits.
const behind = async (c, name) => {
  const dir = project(c, name, '1.0.0')
  await c.m.run(dir, 'install')
  const again = (from, to) => c.m.folder(name, { [from]: readFileSync(join(dir, from), 'utf8').replaceAll(...to) })
  again('package.json', ['"1.0.0"', '"^1.0.0"'])
  for (const lock of readdirSync(dir)) {
    if (lock === 'package-lock.json') again(lock, [`"${c.name}": "1.0.0"`, `"${c.name}": "^1.0.0"`])
    if (lock === 'pnpm-lock.yaml') again(lock, ['specifier: 1.0.0', 'specifier: ^1.0.0'])
    if (lock === 'yarn.lock') again(lock, [/red@(npm:)?1\.0\.0/g, 'red@$1^1.0.0'])
    if (lock === 'bun.lock') again(lock, [`"${c.name}": "1.0.0"`, `"${c.name}": "^1.0.0"`])
  }
  return dir
}
const outdated = async (c) => {
  const dir = await behind(c, 'outdated')
  const said = await c.m.run(dir, 'outdated').catch((error) => error.message)
  assert.match(said, /1\.0\.0[^]*1\.1\.0/)
}
const update = (...args) => async (c) => {
  const dir = await behind(c, 'updated')
  await c.m.run(dir, ...args.map((a) => (a === 'NAME' ? c.name : a)))
  assert.equal(c.installed(dir), '1.1.0')
}
const view = (...args) => async (c) => {
  assert.match(await c.run(...args, `${c.name}@1.0.0`), /1\.0\.0/)
  const absent = c.run(...args, `@${c.tenant}/absent`)
  assert.match(await absent.then(String, (error) => error.message), c.kind === 'yarn1' ? /invalid response/ : /404|not found|no package/i)
}
const tags = (list, set, unset) => async (c) => {
  await set(c)
  same((await c.doc())['dist-tags'], { latest: '1.1.0', beta: '2.0.0-beta.1', old: '1.0.0' })
  assert.match(await c.run(...list, c.name), /old.*1\.0\.0/)
  await unset(c)
  same((await c.doc())['dist-tags'], { latest: '1.1.0', beta: '2.0.0-beta.1' })
}
const unpublish = async (c) => {
  await c.publish('0.1.0', { name: `@${c.tenant}/gone`, more: { first: true } })
  await c.publish('0.2.0', { name: `@${c.tenant}/gone` })
  await c.run('unpublish', `@${c.tenant}/gone@0.2.0`, '--force')
  const left = await c.doc(`@${c.tenant}/gone`)
  same(Object.keys(left.versions), ['0.1.0'])
  same(left['dist-tags'], { latest: '0.1.0' })
  await assert.rejects(c.publish('0.2.0', { name: `@${c.tenant}/gone`, more: { other: 'bytes' } }), /was removed and its number stays used|E409|409/)
  await c.run('unpublish', `@${c.tenant}/gone`, '--force')
  assert.match((await c.doc(`@${c.tenant}/gone`)).error, /no package/)
  await assert.rejects(c.publish('0.1.0', { name: `@${c.tenant}/gone`, more: { other: 'bytes' } }), /was removed and its number stays used|E409|409/)
}
const deprecate = (undo) => async (c) => {
  await c.run('deprecate', `${c.name}@1.0.0`, 'use 1.1.0')
  const doc = await c.doc()
  assert.equal(doc.versions['1.0.0'].deprecated, 'use 1.1.0')
  assert.equal(doc.versions['1.1.0'].deprecated, undefined)
  await undo(c)
  assert.equal((await c.doc()).versions['1.0.0'].deprecated, undefined)
}
const whoami = (...args) => async (c) => assert.match(await c.run(...args), /\bann$/m)
const nobody = (...args) => async (c) => {
  const m = await c.machine()
  assert.match(await m.fails(m.project(), ...args), /401|E401|ENEEDAUTH|logged in|authenticat|UNAUTHORIZED|npm_token|No authentication/i)
}
const search = async (c) => {
  const found = JSON.parse((await c.m.exec(c.dir, ['search', '--json', c.kind])).stdout)
  assert.ok(found.some((f) => f.name === c.name && f.version === '1.1.0'), JSON.stringify(found))
}
const audit = (...args) => async (c) => {
  const dir = project(c, 'audited', '1.0.0')
  await c.m.run(dir, 'install')
  assert.match(await c.m.run(dir, ...args), /found 0 vulnerabilities|No known vulnerabilities|No audit suggestions|No vulnerabilities/i)
}
const pack = (...args) => async (c) => {
  const dir = c.source('3.0.0')
  if (c.kind === 'berry') await c.m.run(dir, 'install')
  await c.m.run(dir, ...args)
  assert.ok(readdirSync(dir).some((file) => file.endsWith('.tgz')), 'there is a tarball')
}
const runs = (...args) => async (c) => assert.match(await c.run(...args.map((a) => a.replace('NAME', c.name))), /red 1\.1\.0/)

export const packages = {
  'publish': {
    all: async (c) => {
      await c.publish('1.0.0')
      await c.publish('1.1.0')
      const doc = await c.doc()
      same(Object.keys(doc.versions), ['1.0.0', '1.1.0'])
      same(doc['dist-tags'], { latest: '1.1.0' })
      same(doc.maintainers.map((o) => o.name), ['ann'])
      assert.equal(doc.versions['1.0.0'].dist.tarball, `${c.server.url}/npm/${c.name}/-/red-1.0.0.tgz`)
    },
  },
  'publish under a tag': {
    all: async (c) => {
      await c.publish('2.0.0-beta.1', { tag: 'beta' })
      same((await c.doc())['dist-tags'], { latest: '1.1.0', beta: '2.0.0-beta.1' })
    },
  },
  'publish of what is there': { all: async (c) => assert.rejects(c.publish('1.0.0', { more: { other: 'bytes' } }), /previously published|there already|already present|E409|409|cannot publish/i) },
  'publish by who may not': {
    all: async (c) => assert.rejects(c.publish('5.0.0', { m: await c.machine('eve') }), /no package|404|403|E404|not found/i),
  },
  'install': { all: install },
  'ci, or what a frozen lock file is called': {
    npm: frozen('ci'), pnpm10: frozen('install', '--frozen-lockfile'), pnpm: frozen('ci'), yarn: frozen('install', '--frozen-lockfile'),
    berry: frozen('install', '--immutable'), bun: frozen('install', '--frozen-lockfile'),
  },
  'add': { npm: add('install'), all: add('add') },
  'outdated': { berry: none, all: outdated },
  'update': { npm: update('update'), pnpm: update('update'), yarn: update('upgrade', 'NAME'), berry: update('up', '-R', 'NAME'), bun: update('update') },
  'view': { npm: view('view'), pnpm10: handed, pnpm: view('view'), yarn: view('info'), berry: view('npm', 'info'), bun: view('info') },
  'search': { npm: search, pnpm10: handed, pnpm: search, all: none },
  'ping': { npm: async (c) => assert.match(await c.run('ping'), /PONG/), pnpm10: handed, pnpm: async (c) => assert.match(await c.run('ping'), /PONG|ok/i), all: none },
  'whoami': { npm: whoami('whoami'), pnpm10: handed, pnpm: whoami('whoami'), yarn: none, berry: whoami('npm', 'whoami'), bun: whoami('pm', 'whoami') },
  'whoami of nobody': { npm: nobody('whoami'), pnpm10: handed, pnpm: nobody('whoami'), yarn: none, berry: nobody('npm', 'whoami'), bun: nobody('pm', 'whoami') },
  'dist-tag': {
    npm: tags(['dist-tag', 'ls'], (c) => c.run('dist-tag', 'add', `${c.name}@1.0.0`, 'old'), (c) => c.run('dist-tag', 'rm', c.name, 'old')),
    pnpm10: handed,
    pnpm: tags(['dist-tag', 'ls'], (c) => c.run('dist-tag', 'add', `${c.name}@1.0.0`, 'old'), (c) => c.run('dist-tag', 'rm', c.name, 'old')),
    yarn: tags(['tag', 'list'], (c) => c.run('tag', 'add', `${c.name}@1.0.0`, 'old'), (c) => c.run('tag', 'remove', c.name, 'old')),
    berry: tags(['npm', 'tag', 'list'], (c) => c.run('npm', 'tag', 'add', `${c.name}@1.0.0`, 'old'), (c) => c.run('npm', 'tag', 'remove', c.name, 'old')),
    bun: none,
  },
  'deprecate and back': {
    npm10: deprecate((c) => c.run('deprecate', `${c.name}@1.0.0`, '')),
    npm: deprecate((c) => c.run('undeprecate', `${c.name}@1.0.0`)),
    pnpm10: handed,
    pnpm: deprecate((c) => c.run('undeprecate', `${c.name}@1.0.0`)),
    all: none,
  },
  'audit': {
    npm: audit('audit'), pnpm: audit('audit'), yarn: 'it asks the public registry, whatever is configured', berry: audit('npm', 'audit'), bun: audit('audit'),
  },
  'audit signatures': {
    npm: 'it first loads a trust root from the internet, so a test of its own verifies with its library',
    pnpm10: none, pnpm: async (c) => {
      const dir = project(c, 'signed', '1.0.0')
      await c.m.run(dir, 'install')
      assert.match(await c.m.run(dir, 'audit', 'signatures'), /1 package|verified|signature/i)
    },
    all: none,
  },
  'pack': { npm: pack('pack'), pnpm: pack('pack'), yarn: pack('pack'), berry: pack('pack'), bun: pack('pm', 'pack') },
  'pack of a package that is published': {
    npm: async (c) => {
      const dir = c.m.project('packed')
      await c.m.run(dir, 'pack', `${c.name}@1.0.0`)
      assert.ok(readdirSync(dir).includes(`${c.kind}-red-1.0.0.tgz`), String(readdirSync(dir)))
    },
    all: none,
  },
  'diff': {
    npm: async (c) => assert.match(await c.run('diff', `--diff=${c.name}@1.0.0`, `--diff=${c.name}@1.1.0`), /-.*1\.0\.0[^]*\+.*1\.1\.0/),
    bun: async (c) => assert.match(await c.run('pm', 'diff', `${c.name}@1.0.0`, '1.1.0'), /-.*1\.0\.0[^]*\+.*1\.1\.0/),
    all: none,
  },
  'exec, dlx, x': {
    npm: runs('exec', '--yes', '--package', 'NAME', '--', 'red'), pnpm: runs('--package=NAME', 'dlx', 'red'), yarn: none,
    berry: runs('dlx', '-p', 'NAME', 'red'), bun: runs('x', '--package', 'NAME', 'red'),
  },
  'docs': {
    npm: async (c) => assert.match(await c.run('docs', c.name, '--no-browser'), /https:\/\/red\.example\//),
    all: 'it opens a browser, or there is none',
  },
  'unpublish, a version and the whole': { npm: unpublish, pnpm10: handed, pnpm: unpublish, all: none },
}
