// A bundle is made where there is internet and taken in where there is none; npm installs from it there.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { Uplink } from '../hostile/uplink.mjs'
import { sri, tar as archive } from './publish.mjs'
import { Redhouse, binary, root } from './redhouse.mjs'

const exec = promisify(execFile)
let uplink, inside, outside, folder, admin
const tokens = {}

const tar = (files) => archive(...files.map(([name, body]) => ({ name, body })))

function untar(bytes) {
  const files = []
  for (let at = 0; bytes[at] !== 0; ) {
    const name = bytes.toString('latin1', at, at + 100).replace(/\0.*/s, '')
    const size = parseInt(bytes.toString('latin1', at + 124, at + 135), 8)
    files.push([name, bytes.subarray(at + 512, at + 512 + size)])
    at += 512 + Math.ceil(size / 512) * 512
  }
  return files
}

// A package that npm can install.
function add(name, version, manifest = {}) {
  const tgz = gzipSync(tar([['package/package.json', Buffer.from(JSON.stringify({ name, version, ...manifest }))], ['package/index.js', Buffer.from(`// ${name} ${version}\n`)]]))
  uplink.add(name, { version, manifest, dist: { integrity: sri(tgz) } })
  uplink.packages.get(name).files.set(`${name.split('/').at(-1)}-${version}.tgz`, tgz)
}

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bundle-'))
  uplink = await Uplink.start()
  inside = await Redhouse.start({ uplink: uplink.url, args: ['--uplink-timeout', '2s'] })
  outside = await Redhouse.start({ args: ['--offline'] })
  for (const [name, r] of [['inside', inside], ['outside', outside]]) tokens[name] = await r.token('admin', 'test')
  admin = { cookie: await inside.login('admin', inside.password) }
  add('app', '1.0.0')
  add('app', '1.1.0', { dependencies: { left: '^1.0.0', alias: 'npm:@s/real@^2' }, optionalDependencies: { native: '1.x', gone: '^9' }, peerDependencies: { peer: '*', maybe: '*' }, peerDependenciesMeta: { maybe: { optional: true } } })
  for (const v of ['1.0.0', '1.2.0', '2.0.0']) add('left', v, { dependencies: { deep: '~1.0.0' } })
  for (const v of ['1.0.0', '1.0.7', '1.1.0']) add('deep', v)
  for (const v of ['2.0.0', '2.5.0']) add('@s/real', v)
  add('native', '1.0.0', { os: ['darwin'] })
  add('peer', '3.0.0')
  add('maybe', '1.0.0')
  add('with-git', '1.0.0', { dependencies: { git: 'git+https://x.example/y.git' } })
  add('unwanted', '1.0.0')
}, { timeout: 120000 })
after(async () => {
  await inside?.stop()
  await outside?.stop()
  await uplink?.stop()
  rmSync(folder, { recursive: true, force: true })
})

const run = (r, ...args) => exec(binary, [...args, '--data', r.data], { cwd: root, env: r.env() })
const path = (name) => join(folder, name)
async function make(list, out) {
  writeFileSync(path('list'), list)
  const { stdout, stderr } = await run(inside, 'registry', 'bundle', 'export', '--packages', path('list'), '--out', path(out), '--json')
  return { report: JSON.parse(stdout), stderr }
}
const take = async (file) => JSON.parse((await run(outside, 'registry', 'bundle', 'import', path(file), '--json')).stdout)
const ask = (name) => fetch(`${outside.url}/npm/${name}`, { headers: { authorization: `Bearer ${tokens.outside}` } })
async function npm(...args) {
  const home = mkdtempSync(path('home-'))
  writeFileSync(join(home, '.npmrc'), `registry=${outside.url}/npm/\n//${new URL(outside.url).host}/npm/:_authToken=${tokens.outside}\naudit=false\nfund=false\n`)
  mkdirSync(join(home, 'p'))
  writeFileSync(join(home, 'p', 'package.json'), '{"name":"p","version":"1.0.0"}')
  await exec('npm', args, { cwd: join(home, 'p'), env: { ...process.env, HOME: home, npm_config_userconfig: join(home, '.npmrc'), npm_config_cache: join(home, 'cache') } })
  return (name) => JSON.parse(readFileSync(join(home, 'p', 'node_modules', name, 'package.json'), 'utf8')).version
}

describe('a bundle', () => {
  test('holds what a list needs and no more, and says what is left out', async () => {
    const { report } = await make('# mine\napp@^1\nwith-git\n', 'one.tar')
    assert.deepEqual(report.left_out.map((x) => [x.name, x.why]), [['git', 'It comes from no registry.']])
    const files = untar(readFileSync(path('one.tar')))
    const index = JSON.parse(files[0][1])
    assert.equal(files[0][0], 'redhouse-bundle.json')
    assert.deepEqual(Object.fromEntries(index.packages.map((p) => [p.name, p.versions.map((v) => v.version)])),
      { app: ['1.1.0'], left: ['1.2.0'], '@s/real': ['2.5.0'], native: ['1.0.0'], peer: ['3.0.0'], deep: ['1.0.7'], 'with-git': ['1.0.0'] })
    const doc = JSON.parse(files.find(([name]) => name === index.packages.find((p) => p.name === 'deep').document)[1])
    assert.deepEqual([Object.keys(doc.versions), doc['dist-tags'], Object.keys(doc.time)], [['1.0.7'], { latest: '1.0.7' }, ['1.0.7']])
    assert.equal((await exec('tar', ['-tf', path('one.tar')])).stdout.split('\n').length - 1, files.length)
  })

  test('is taken in where nothing goes out, and npm installs from it', { timeout: 120000 }, async () => {
    assert.equal((await ask('app')).status, 404)
    const report = await take('one.tar')
    assert.deepEqual([report.packages, report.versions, report.new_versions, report.passed_over], [7, 7, 7, []])
    const version = await npm('install', 'app', '--force')
    assert.deepEqual(['app', 'left', 'deep', 'alias', 'peer'].map(version), ['1.1.0', '1.2.0', '1.0.7', '2.5.0', '3.0.0'])
    const brief = await (await fetch(`${outside.url}/npm/app`, { headers: { authorization: `Bearer ${tokens.outside}`, accept: 'application/vnd.npm.install-v1+json' } })).json()
    assert.deepEqual(Object.keys(brief.versions), ['1.1.0'])
    assert.equal(brief.readme, undefined)
    assert.equal((await ask('unwanted')).status, 404)
  })

  test('is taken in again without any change, and a second one adds to the first', async () => {
    assert.equal((await take('one.tar')).new_versions, 0)
    await make('left@1.0.0\n', 'two.tar')
    assert.deepEqual([(await take('two.tar')).new_versions], [2 - 1])
    const doc = await (await ask('left')).json()
    assert.deepEqual(Object.keys(doc.versions).sort(), ['1.0.0', '1.2.0'])
    assert.equal((await ask('left/-/left-1.2.0.tgz')).status, 200)
    assert.equal((await ask('left/-/left-1.0.0.tgz')).status, 200)
  })

  test('tells of a range as much as a person reads', async () => {
    add('with-long', '1.0.0', { dependencies: { nowhere: '>=1 '.repeat(5000) } })
    const { report } = await make('with-long\n', 'long.tar')
    assert.deepEqual(report.left_out.map((x) => [x.name, x.range.length]), [['nowhere', 200]])
  })

  test('of a lock file holds its versions exactly', async () => {
    const lock = { lockfileVersion: 3, packages: { '': { name: 'p' }, 'node_modules/left': { version: '2.0.0' }, 'node_modules/left/node_modules/deep': { version: '1.1.0' }, 'node_modules/nowhere': { version: '1.0.0' } } }
    const { report } = await make(JSON.stringify(lock), 'three.tar')
    assert.deepEqual([report.versions, report.left_out.map((x) => x.name)], [2, ['nowhere']])
    const pnpm = await make("lockfileVersion: '9.0'\n\npackages:\n\n  '@s/real@2.0.0':\n    resolution: {}\n\n  deep@1.0.0:\n    x: y\n", 'four.tar')
    assert.equal(pnpm.report.versions, 2)
  })

  test('of nothing that can be had is none', async () => {
    await assert.rejects(make('nowhere\n', 'none.tar'), /Nothing of the list can be had/)
    assert.equal(existsSync(path('none.tar')), false)
    await assert.rejects(make('', 'none.tar'), /empty/)
    await assert.rejects(run(inside, 'registry', 'bundle', 'export'), /--packages FILE --out FILE/)
  })

  test('never mixes with a name that is private there', async () => {
    const cookie = { cookie: await outside.login('admin', outside.password) }
    assert.equal((await outside.api('POST', '/api/v1/tenants', { slug: 's', name: 's' }, cookie)).status, 201)
    await make('@s/real@2.0.0\nmaybe\n', 'five.tar')
    const report = await take('five.tar')
    assert.deepEqual(report.passed_over.map((x) => x.name), ['@s/real'])
    assert.equal((await ask('maybe')).status, 200)
    assert.equal((await ask('@s%2freal')).status, 404)
  })

  test('holds nothing that is private where it is made', async () => {
    assert.equal((await inside.api('POST', '/api/v1/tenants', { slug: 'acme', name: 'acme' }, admin)).status, 201)
    const asked = uplink.asked.length
    await assert.rejects(make('@acme/secret\n', 'six.tar'), /private here/)
    assert.equal(uplink.asked.length, asked)
  })
})

describe('a hostile bundle', () => {
  const refuses = async (files, pattern) => {
    const bytes = Buffer.isBuffer(files) ? files : tar(files)
    const cookie = { cookie: await outside.login('admin', outside.password) }
    const answer = await fetch(`${outside.url}/api/v1/bundles`, { method: 'PUT', headers: { ...cookie, origin: outside.url, 'content-type': 'application/x-tar' }, body: bytes })
    const body = await answer.json()
    assert.equal(answer.status, 422, JSON.stringify(body))
    assert.match(body.detail, pattern)
  }
  const good = () => untar(readFileSync(path('one.tar'))).map(([name, body]) => [name, Buffer.from(body)])
  const edit = (fn) => { const files = good(); const index = JSON.parse(files[0][1]); fn(files, index); files[0][1] = Buffer.from(JSON.stringify(index)); return files }

  test('is refused whole, with what is wrong', async () => {
    const whole = readFileSync(path('one.tar'))
    await refuses(Buffer.from('hello'), /its end is missing/)
    await refuses(whole.subarray(0, whole.length - 2000), /ends in the middle|end is missing/)
    await refuses(Buffer.concat([whole, Buffer.from('more')]), /something follows|end/)
    await refuses(Buffer.alloc(1024), /does not begin with/)
    await refuses(edit((f, i) => { i.format = 2 }), /another version/)
    await refuses(edit((f) => { f.push(['extra.json', Buffer.from('{}')]) }), /does not name/)
    await refuses(edit((f) => { f.push(f[1]) }), /twice/)
    await refuses(edit((f) => { f[1][1][20] ^= 1 }), /not what its document promises/)
    await refuses(edit((f, i) => { i.packages[0].name = 'other' }), /not that of its package/)
    await refuses(edit((f, i) => { i.packages[0].name = '../../etc' }), /without name/)
    await refuses(edit((f, i) => { i.packages[0].versions[0].version = '9.9.9' }), /not what its document promises/)
    await refuses(edit((f, i) => { i.packages[0].document = '/etc/passwd' }), /missing or named twice/)
    await refuses(edit((f, i) => { i.packages[0].versions[0].tarball = i.packages[1].versions[0].tarball }), /promises|twice/)
    for (const name of ['../x', '/etc/x', 'a/../b', 'A', 'a\\b', 'x//y', '.hidden']) await refuses([...good(), [name, Buffer.from('x')]], /name that no bundle has/)
    const link = tar(good())
    link[156] = 0x32
    await refuses(link, /head of a file/)
    const huge = tar(good())
    huge.write('77777777777', 124)
    await refuses(huge, /head of a file/)
  })

  test('is taken from admins alone', async () => {
    const answer = await fetch(`${outside.url}/api/v1/bundles`, { method: 'PUT', headers: { 'content-type': 'application/x-tar' }, body: 'x' })
    assert.equal(answer.status, 401)
  })
})
