// Packages of a registry that runs move here by its address, and go back to plain npm again.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Machine, client } from './clients.mjs'
import { publishDocument } from './publish.mjs'
import { Redhouse } from './redhouse.mjs'
import { Verdaccio } from './verdaccio.mjs'

const outcome = async (promise) => {
  try {
    return { code: 0, report: await promise }
  } catch (error) {
    return { code: error.code, report: error.stdout ? JSON.parse(error.stdout) : undefined, said: error.stderr }
  }
}

describe('a registry by its address', { timeout: 300000 }, () => {
  let r, v, token, admin, m
  const full = async (name) => (await r.api('GET', `/npm/${name.replace('/', '%2f')}`, undefined, { authorization: `Bearer ${admin}` })).body
  const take = (url, ...args) => outcome(r.json('registry', 'import', 'registry', url, '--tenant', 'acme', ...args))

  before(async () => {
    v = await Verdaccio.start({ jwt: true })
    token = await v.user('alice', 'alice has a password')
    r = await Redhouse.start()
    for (const slug of ['acme', 'labs', 'copy']) await r.run('tenant', 'create', slug)
    admin = await r.token('admin', 'look')
    m = new Machine(r, 'npm11', await client('npm11'), token)
    m.registry = v.registry
    m.token(token)
    for (const version of ['1.0.0', '1.1.0', '2.0.0-rc.1']) await m.run(m.package('@acme/thing', version), 'publish', ...(version.includes('rc') ? ['--tag', 'next'] : []))
    await m.run(m.home, 'deprecate', '@acme/thing@1.0.0', 'too old')
    await m.run(m.package('@acme/other', '0.0.1'), 'publish')
    await m.run(m.package('acme-plain', '5.0.0'), 'publish')
    await m.run(m.package('@labs/probe', '3.0.0'), 'publish')
  }, { timeout: 120000 })
  after(async () => {
    await v?.stop()
    await r?.stop()
  })

  test('takes what is named, once, with what was said of it', async () => {
    const { code, report } = await take(v.registry, '--packages', '@acme/thing, acme-plain')
    assert.deepEqual([code, report.added, report.refused], [0, 4, 0], JSON.stringify(report))
    const doc = await full('@acme/thing')
    const old = await v.ask('GET', '/@acme%2fthing')
    assert.deepEqual(doc['dist-tags'], old['dist-tags'])
    assert.equal(doc.versions['1.0.0'].deprecated, 'too old')
    for (const version of Object.keys(old.versions)) {
      assert.equal(doc.versions[version].dist.integrity, old.versions[version].dist.integrity)
      assert.equal(doc.time[version], old.time[version])
    }
    const again = await take(v.url, '--packages', '@acme/thing,acme-plain')
    assert.deepEqual([again.code, again.report.added, again.report.there], [0, 0, 4])
  })

  test('takes a scope, or all that the registry lists', async () => {
    const scope = await take(v.registry, '--scope', '@acme')
    assert.deepEqual(scope.report.packages.map((p) => p.name).sort(), ['@acme/other', '@acme/thing'])
    const all = await take(v.registry, '--all', '--map', '@labs=labs')
    assert.deepEqual([all.code, all.report.packages.map((p) => p.name).sort()], [0, ['@acme/other', '@acme/thing', '@labs/probe', 'acme-plain']], JSON.stringify(all.report))
    const list = join(r.data, 'names')
    writeFileSync(list, '@acme/other\n\n@acme/missing\n@acme/../../x\n')
    const some = await take(v.registry, '--packages', list)
    assert.deepEqual(some.report.packages.map((p) => [p.name, p.code]), [['@acme/other', undefined], ['@acme/missing', 'not_there'], ['@acme/../../x', 'bad_package_name']])
  })

  test('asks for which packages, and says what it did not understand', async () => {
    for (const args of [[], ['--all', '--scope', '@acme'], ['--scope', 'acme'], ['--scope', '@a/b']]) assert.match((await take(v.registry, ...args)).said, /^redhouse: /)
    for (const url of ['ftp://x', 'x', 'http://', 'http://u:p@x/', 'http://127.0.0.1:1/']) assert.match((await take(url, '--all')).said, /^redhouse: /)
  })

  // One that lies.
  describe('that is not to be trusted', () => {
    let liar, address, seen
    const good = publishDocument('@acme/liar', '1.0.0')
    const bytes = Buffer.from(Object.values(good.body._attachments)[0].data, 'base64')
    let answer

    before(async () => {
      liar = createServer((req, res) => {
        seen.push([req.url, req.headers.authorization])
        answer(req, res)
      }).listen(0, '127.0.0.1')
      await new Promise((done) => liar.once('listening', done))
      address = `http://127.0.0.1:${liar.address().port}`
    })
    after(() => liar.close())

    const serve = (change, tarball) => {
      seen = []
      answer = (req, res) => {
        if (req.url.startsWith('/tgz')) return tarball(req, res)
        const doc = { name: '@acme/liar', 'dist-tags': { latest: '1.0.0' }, versions: structuredClone(good.body.versions), time: {} }
        doc.versions['1.0.0'].dist.tarball = `${address}/tgz/liar-1.0.0.tgz`
        change(doc)
        res.setHeader('content-type', 'application/json')
        res.end(JSON.stringify(doc))
      }
    }
    const refused = async (change, tarball, code) => {
      serve(change, tarball)
      const { report } = await take(address, '--packages', '@acme/liar')
      const [p] = report.packages
      assert.equal(p.code ?? p.refused[0]?.code, code, JSON.stringify(report))
      assert.match((await full('@acme/liar')).error, /^There is no /)
    }

    test('is refused what its manifest does not promise, and what leads into a private network', async () => {
      await refused(() => {}, (req, res) => res.end(Buffer.concat([bytes, Buffer.from('x')])), 'bad_integrity')
      await refused((d) => { d.versions['1.0.0'].dist = { tarball: d.versions['1.0.0'].dist.tarball } }, (req, res) => res.end(bytes), 'bad_integrity')
      await refused((d) => { d.name = '@acme/else' }, (req, res) => res.end(bytes), 'wrong_name')
      await refused((d) => { d.versions['1.0.0'].dist.tarball = 'file:///etc/passwd' }, (req, res) => res.end(bytes), 'bad_address')
      await refused((d) => { d.versions['1.0.0'].dist.tarball = `http://localhost:${liar.address().port}/tgz/x` }, (req, res) => res.end(bytes), 'upstream_private')
      await refused(() => {}, (req, res) => res.writeHead(302, { location: 'http://169.254.169.254/latest' }).end(), 'upstream_private')
      await refused(() => {}, (req, res) => res.writeHead(302, { location: '/tgz/again' }).end(), 'registry_fails')
      await refused(() => {}, (req, res) => res.writeHead(200, { 'content-length': '999' }).end(bytes.subarray(0, 50)), 'upstream_unreachable')
      assert.ok(seen.length > 1, 'what is cut short is asked for again')
    })

    test('its token goes to itself only', async () => {
      const file = join(r.data, 'their-token')
      writeFileSync(file, 'theirs\n')
      const elsewhere = createServer((req, res) => {
        seen.push([req.url, req.headers.authorization])
        res.end(bytes)
      }).listen(0, '127.0.0.1')
      await new Promise((done) => elsewhere.once('listening', done))
      serve(() => {}, (req, res) => res.writeHead(302, { location: `http://127.0.0.1:${elsewhere.address().port}/away` }).end())
      const led = await take(`${address}/`, '--packages', '@acme/liar', '--registry-token-file', file)
      assert.equal(led.report.packages[0].refused[0].code, 'upstream_private')
      assert.deepEqual(seen.map((s) => s[1]), ['Bearer theirs', 'Bearer theirs'])
      // itself, however it is written: another form of its address, a path from where one is
      serve((d) => { d.versions['1.0.0'].dist.tarball = `HTTP://127.1:${liar.address().port}/tgz/one` }, (req, res) =>
        req.headers.authorization !== 'Bearer theirs' ? res.writeHead(401).end() : req.url === '/tgz/one' ? res.writeHead(302, { location: 'two?x' }).end() : res.end(bytes))
      const { code, report } = await take(`${address}/`, '--packages', '@acme/liar', '--registry-token-file', file)
      elsewhere.close()
      assert.deepEqual([code, report.added], [0, 1], JSON.stringify(report))
      assert.deepEqual(seen, ['/@acme%2fliar', '/tgz/one', '/tgz/two?x'].map((url) => [url, 'Bearer theirs']))
    })
  })
})

describe('packages go back to plain npm', { timeout: 300000 }, () => {
  let r, to, folder, m, there
  const outcomeOf = (...args) => outcome(r.json('registry', 'export', '--tenant', 'acme', ...args))

  before(async () => {
    folder = mkdtempSync('/tmp/rh-move-')
    r = await Redhouse.start()
    const admin = { cookie: await r.login('admin', r.password) }
    await r.run('tenant', 'create', 'acme')
    await r.run('package', 'claim', 'acme-plain', '--tenant', 'acme', '--take-over')
    await r.api('POST', '/api/v1/users', { name: 'dev', password: 'a developer of acme', tenant: 'acme', role: 'developer' }, admin)
    m = new Machine(r, 'npm11', await client('npm11'), await r.token('dev', 'laptop'))
    for (const version of ['1.0.0', '1.1.0', '0.9.1', '2.0.0-rc.1']) await m.run(m.package('@acme/thing', version), 'publish', '--tag', { '0.9.1': 'old', '2.0.0-rc.1': 'next' }[version] ?? 'latest')
    await m.run(m.home, 'deprecate', '@acme/thing@1.0.0', 'too "old"')
    await m.run(m.package('acme-plain', '5.0.0'), 'publish')
    there = (await r.api('GET', '/npm/@acme%2fthing', undefined, admin)).body
  }, { timeout: 120000 })
  after(async () => {
    await to?.stop()
    rmSync(folder, { recursive: true, force: true })
    await r?.stop()
  })

  const installs = async (v) => {
    const here = new Machine(r, 'npm11', m.path)
    here.registry = v.registry
    here.token()
    assert.match(await here.run(here.project(), 'install', '@acme/thing', 'acme-plain'), /added 2 packages/)
    assert.equal(JSON.parse(readFileSync(join(here.home, 'project/node_modules/@acme/thing/package.json'), 'utf8')).version, '1.1.0')
    const doc = await v.ask('GET', '/@acme%2fthing')
    assert.deepEqual(doc['dist-tags'], there['dist-tags'])
    for (const [version, { dist, deprecated }] of Object.entries(there.versions)) {
      assert.equal(doc.versions[version].dist.integrity, dist.integrity, version)
      assert.equal(doc.versions[version].deprecated, deprecated, version)
    }
  }

  test('as a folder that a Verdaccio serves as it is', async () => {
    const out = join(folder, 'storage')
    const { code, report } = await outcomeOf('--out', out)
    assert.deepEqual([code, report.written, report.there, report.refused], [0, 5, 0, 0], JSON.stringify(report))
    assert.ok(existsSync(join(out, '@acme/thing/thing-2.0.0-rc.1.tgz')))
    const again = await outcomeOf('--out', out)
    assert.deepEqual([again.code, again.report.written, again.report.there], [0, 0, 5])
    to = await Verdaccio.start({ folder })
    await installs(to)
    await to.off()
  })

  test('as a folder that moves into another server again', async () => {
    const other = await Redhouse.start()
    try {
      await other.run('tenant', 'create', 'acme')
      const report = await other.json('registry', 'import', 'verdaccio', join(folder, 'storage'), '--tenant', 'acme', '--take-over')
      assert.deepEqual([report.added, report.refused], [5, 0], JSON.stringify(report))
      const doc = (await other.api('GET', '/npm/@acme%2fthing', undefined, { cookie: await other.login('admin', other.password) })).body
      for (const key of ['dist-tags', 'time', 'readme']) assert.deepEqual({ ...doc[key], modified: 0 }, { ...there[key], modified: 0 }, key)
    } finally {
      await other.stop()
    }
  })

  test('as a tar, which has its name only when it is whole', async () => {
    const out = join(folder, 'acme.tar')
    const { code } = await outcomeOf('--out', out)
    assert.equal(code, 0)
    assert.ok(!existsSync(`${out}.part`))
    const names = execFileSync('tar', ['tf', out], { encoding: 'utf8' }).trim().split('\n').sort()
    assert.deepEqual(names, ['.verdaccio-db.json', '@acme/thing/package.json', ...['0.9.1', '1.0.0', '1.1.0', '2.0.0-rc.1'].map((v) => `@acme/thing/thing-${v}.tgz`), 'acme-plain/acme-plain-5.0.0.tgz', 'acme-plain/package.json'].sort())
  })

  test('to a registry whose words move no cursor', async () => {
    const rude = createServer((req, res) => {
      res.writeHead(req.method === 'PUT' ? 403 : 404, { 'content-type': 'application/json' })
      res.end(JSON.stringify({ error: 'go \u001b[2J\u009b2J away' }))
    }).listen(0, '127.0.0.1')
    await new Promise((done) => rude.once('listening', done))
    const { stdout } = await r.run('registry', 'export', '--tenant', 'acme', '--to', `http://127.0.0.1:${rude.address().port}/`).then(assert.fail, (error) => error)
    rude.close()
    assert.match(stdout, /refused: version 1\.0\.0: .*go \?\[2J\?2J away/)
    assert.doesNotMatch(stdout, /[\u001b\u009b]/)
  })

  test('by publishing to a registry, once, with tags and deprecations', async () => {
    const empty = await Verdaccio.start({ jwt: true })
    try {
      const file = join(folder, 'token')
      const anonymous = await outcomeOf('--to', empty.registry)
      assert.equal(anonymous.code, 1)
      assert.ok(anonymous.report.refused > 0, JSON.stringify(anonymous))
      writeFileSync(file, `${await empty.user('mover', 'somebody who moves')}\n`)
      const { code, report } = await outcomeOf('--to', empty.registry, '--registry-token-file', file)
      assert.deepEqual([code, report.written, report.there, report.refused], [0, 5, 0, 0], JSON.stringify(report))
      await installs(empty)
      const before_ = await empty.ask('GET', '/@acme%2fthing')
      const again = await outcomeOf('--to', empty.url, '--registry-token-file', file)
      assert.deepEqual([again.code, again.report.written, again.report.there, again.report.refused], [0, 0, 5, 0], JSON.stringify(again.report))
      assert.equal((await empty.ask('GET', '/@acme%2fthing'))._rev, before_._rev)
      // what was taken away or changed here since is told there
      await m.run(m.home, 'deprecate', '@acme/thing@1.0.0', '')
      await m.run(m.home, 'dist-tag', 'add', '@acme/thing@1.1.0', 'next')
      await m.run(m.package('@acme/thing', '1.2.0'), 'publish')
      const third = await outcomeOf('--to', empty.url, '--registry-token-file', file)
      assert.deepEqual([third.code, third.report.written], [0, 1], JSON.stringify(third.report))
      const after_ = await empty.ask('GET', '/@acme%2fthing')
      assert.deepEqual(after_['dist-tags'], { latest: '1.2.0', old: '0.9.1', next: '1.1.0' })
      assert.ok(!after_.versions['1.0.0'].deprecated)
    } finally {
      await empty.stop()
    }
  })

  test('a tenant that is not there and a target that cannot be are said in a sentence', async () => {
    for (const args of [['--tenant', 'nobody', '--out', join(folder, 'x')], ['--tenant', 'acme'], ['--tenant', 'acme', '--out', 'a', '--to', 'b'], ['--tenant', 'acme', '--to', 'ftp://x'],
      ['--tenant', 'acme', '--out', join(folder, 'token')], ['--tenant', 'acme', '--out', join(folder, 'missing', 'x.tar')]])
      assert.match((await outcome(r.json('registry', 'export', ...args))).said, /^redhouse: [^\n]+\n$/, args.join(' '))
  })
})
