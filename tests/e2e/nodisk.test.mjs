// A full disk: what cannot be kept is refused in words, what is there goes on, and once there is room all goes on without a
// restart. The data folder lies on a small file system of its own.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, rmdirSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { leftovers } from './leftovers.mjs'
import { document, tgz } from './publish.mjs'
import { instanceCookie, raw, Redhouse, until } from './redhouse.mjs'

const SKIP = process.getuid() !== 0 && 'needs root'

describe('a full disk', { skip: SKIP }, () => {
  let r, admin, mount, cookie, token

  // Takes all that is left.
  function fill() {
    const fd = openSync(join(mount, 'ballast'), 'a')
    try {
      for (const step of [1 << 20, 4096, 1]) {
        const block = Buffer.alloc(step, 1)
        try {
          for (;;) if (writeSync(fd, block) < step) break
        } catch (error) {
          if (error.code !== 'ENOSPC') throw error
        }
      }
    } finally {
      closeSync(fd)
    }
  }
  const free = () => rmSync(join(mount, 'ballast'), { force: true })

  const ball = (name, version, bytes) => tgz({ name: 'package/package.json', body: JSON.stringify({ name, version }) },
    { name: 'package/noise.bin', body: Buffer.from(Array.from({ length: bytes }, (_, i) => (Math.imul(i + version.length, 2654435761) >>> 13) & 255)) })
  const publish = async (name, version, bytes = 20000) => {
    const answer = await fetch(`${r.url}/npm/${name.replace('/', '%2f')}`, { method: 'PUT', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: JSON.stringify(document(name, version, ball(name, version, bytes))) })
    return { status: answer.status, body: await answer.json() }
  }
  const names = (kind, n) => Array.from({ length: n }, (_, i) => `@demo/${kind}-${i + 1}`)
  const theme = (n) => r.api('PUT', '/api/v1/tenants/demo/theme', { page: { title: `Title ${n}` }, palette: { categories: Array.from({ length: 100 }, (_, i) => `${n} ${i} ${'x'.repeat(150)}`) } }, { cookie: admin })
  const flows = (text) => [{ id: 'aa', type: 'tab', label: text, info: text.repeat(20000) }, { id: 'b1', type: 'http in', z: 'aa', url: '/says', method: 'get', wires: [['b2']] },
    { id: 'b2', type: 'template', z: 'aa', field: 'payload', template: text, wires: [['b3']] }, { id: 'b3', type: 'http response', z: 'aa', wires: [] }]
  const deploy = (text) => raw(r, 'one.localhost', '/flows', { method: 'POST', headers: { cookie, origin: `http://one.localhost:${r.port}`, 'content-type': 'application/json' }, body: JSON.stringify(flows(text)) })
  const says = async () => (await raw(r, 'one--app.localhost', '/says')).text

  before(async () => {
    mount = mkdtempSync('/tmp/rh-')
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=96m,mode=0755', 'none', mount])
    const data = join(mount, 'd')
    mkdirSync(data)
    r = await Redhouse.start({ data })
    admin = await r.login('admin', r.password)
    token = await r.token('admin', 't')
    await r.run('tenant', 'create', 'demo')
    await r.run('instance', 'create', 'demo/one')
    cookie = await instanceCookie(r, admin, 'one.localhost')
    assert.equal((await publish('@demo/there', '1.0.0')).status, 201)
    assert.equal((await theme(0)).status, 200)
    assert.ok([200, 204].includes((await deploy('first')).status))
    await until('the flow serves', async () => await says() === 'first')
  }, { timeout: 120000 })
  after(async () => {
    free()
    await r?.stop()
    if (!mount) return
    // Lazily: this process still holds the server's log open.
    execFileSync('umount', ['-l', mount])
    rmdirSync(mount)
  })

  // Does it until it is refused for want of room; what was acknowledged before that is counted.
  async function refused(what, act) {
    let acknowledged = 0
    for (; acknowledged < 200; acknowledged++) {
      fill()
      const answer = await act(acknowledged + 1)
      if (answer.status < 300) continue
      assert.equal(answer.status, 507, `${what}: ${answer.status} ${JSON.stringify(answer.body)}`)
      assert.match(answer.body.detail ?? answer.body.error, /disk is full\. Try again once an administrator has made room\./)
      if (answer.body.detail) assert.equal(answer.body.code, 'disk_full')
      return acknowledged
    }
    throw new Error(`${what} was never refused`)
  }

  test('refuses what cannot be kept, keeps what was acknowledged, and goes on once there is room', { timeout: 180000 }, async () => {
    const pid = r.ready.pid
    fill()
    // The file of the database may have room of its own for a while: each change that was acknowledged counts.
    const themes = await refused('a theme', theme)
    const packages = await refused('a package', (n) => publish(`@demo/full-${n}`, '1.0.0'))
    const large = await refused('a large package', (n) => publish(`@demo/large-${n}`, '1.0.0', 2 << 20))
    const users = await refused('a user', (n) => r.api('POST', '/api/v1/users', { name: `u${n}`, password: 'a good password' }, { cookie: admin }))
    await refused('a login', () => r.api('POST', '/api/v1/session', { username: 'admin', password: r.password }))
    await refused('an instance', (n) => r.api('POST', '/api/v1/tenants/demo/instances', { slug: `i${n}`, name: 'x'.repeat(50) }, { cookie: admin }))

    let failed
    for (let n = 0; n < 50 && !(failed?.status >= 400); n++) {
      fill()
      failed = await deploy(`second ${n}`)
    }
    assert.ok(failed.status >= 400, `a deploy without room answered ${failed.status}`)
    assert.match(failed.text, /disk is full|stor/i)

    // What is there is served.
    assert.equal((await fetch(`${r.url}/npm/@demo%2fthere`, { headers: { authorization: `Bearer ${token}` } })).status, 200)
    assert.equal((await fetch(`${r.url}/npm/@demo/there/-/there-1.0.0.tgz`, { headers: { authorization: `Bearer ${token}` } })).status, 200)
    assert.equal((await r.api('GET', '/api/v1/tenants/demo/theme', undefined, { cookie: admin })).body.theme.page.title, `Title ${themes}`)
    assert.equal((await raw(r, 'one.localhost', '/flows', { headers: { cookie } })).status, 200)
    assert.equal((await fetch(`${r.url}/api/v1/tenants`, { headers: { cookie: admin } })).status, 200)

    free()
    const seen = await leftovers(r, admin)
    assert.deepEqual(seen.files.spool, [])
    assert.deepEqual(readdirSync(join(r.data, 'blobs', 'tmp')), [])
    assert.deepEqual(seen.rows['packages?limit=200'][1].map((p) => p.name).sort(),
      ['@demo/there', ...names('full', packages), ...names('large', large)].sort())
    assert.equal(seen.rows['users?limit=200'][1].length, 1 + users)

    assert.equal((await theme(1000)).status, 200)
    assert.equal((await publish(`@demo/full-${packages + 1}`, '1.0.0')).status, 201)
    assert.equal((await publish('@demo/last', '1.0.0', 2 << 20)).status, 201)
    const tarball = await fetch(`${r.url}/npm/@demo/last/-/last-1.0.0.tgz`, { headers: { authorization: `Bearer ${token}` } })
    assert.deepEqual(Buffer.from(await tarball.arrayBuffer()), ball('@demo/last', '1.0.0', 2 << 20))
    await r.login('admin', r.password)
    await until('a deploy is taken again', async () => [200, 204].includes((await deploy('third')).status))
    await until('the flow serves it', async () => await says() === 'third')
    const one = await r.instanceState('one')
    assert.equal(one.restarts, 0)
    assert.equal(r.process.exitCode, null)
    assert.equal(r.ready.pid, pid)

    // Nothing was torn: a new start reads what was acknowledged.
    await r.term()
    await r.serve()
    const again = await r.login('admin', r.password)
    assert.equal((await r.api('GET', '/api/v1/tenants/demo/theme', undefined, { cookie: again })).body.theme.page.title, 'Title 1000')
    assert.equal((await until('the editor answers', async () => { const a = await raw(r, 'one.localhost', '/flows', { headers: { cookie: await instanceCookie(r, again, 'one.localhost') } }); return a.status === 200 && JSON.parse(a.text) })).find((n) => n.id === 'b2').template, 'third')
  })
})
