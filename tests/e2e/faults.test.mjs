// What goes wrong around the server: no network, no stack, no memory, a folder or port that is taken, git hosts that do not
// do their part, and a tenant's Node-RED that lies. Each has its sentence, and nothing stays behind.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as listen } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { family, leftovers } from './leftovers.mjs'
import { binary, freePort, instanceCookie, npm, raw, Redhouse, until } from './redhouse.mjs'

// A command that is expected to fail: its status and what it wrote.
function command(...args) {
  return new Promise((done) => execFile(binary, args, { env: { ...process.env, ASAN_OPTIONS: 'detect_leaks=0' }, timeout: 60000 },
    (error, stdout, stderr) => done({ code: error ? error.code ?? error.signal : 0, stdout, stderr })))
}
function oneSentence(what, said, code, says) {
  assert.equal(said.code, code, `${what}: ${JSON.stringify(said)}`)
  assert.match(said.stderr, /^redhouse: [^\n]+[.)]\n$/, what)
  assert.match(said.stderr, says, what)
}
const quiet = (r) => until('what runs ends', () => family(r.ready.pid).join() === 'redhouse-broker', 90000)

async function silence() {
  const sockets = new Set()
  const server = listen((socket) => { sockets.add(socket); socket.on('error', () => {}) }).listen(0, '127.0.0.1')
  await new Promise((done) => server.once('listening', done))
  return { url: `http://127.0.0.1:${server.address().port}`, close: () => { for (const s of sockets) s.destroy(); server.close() } }
}

// Git hosts have a server of their own: one that is silent is waited for while other things are asked.
const git = {}
before(async () => {
  git.quiet = await silence()
  // References without end.
  git.huge = createServer((req, res) => {
    res.writeHead(200, { 'content-type': 'application/x-git-upload-pack-advertisement' })
    res.write('001e# service=git-upload-pack\n0000')
    const line = `003f${'a'.repeat(40)} refs/heads/${'b'.repeat(7)}\n`
    const block = line.repeat(16384)
    git.sent = 0
    const more = () => { while (!res.destroyed && res.write(block)) git.sent += block.length; git.sent += block.length }
    res.on('drain', more)
    more()
  }).listen(0, '127.0.0.1')
  await new Promise((done) => git.huge.once('listening', done))
  git.r = await Redhouse.start({ uplink: git.quiet.url, args: ['--git-private'] })
  git.admin = await git.r.login('admin', git.r.password)
  await git.r.run('tenant', 'create', 'demo')
  git.clean = await leftovers(git.r, git.admin)
}, { timeout: 60000 })
after(async () => {
  await git.r?.stop()
  git.quiet?.close()
  git.huge?.closeAllConnections()
  git.huge?.close()
})

// Registers it and says why the look at it failed.
const register = async (url) => (await git.r.api('POST', '/api/v1/tenants/demo/sources', { url }, { cookie: git.admin })).body.id
async function givenUp(id, says) {
  const cause = await until('the look is noted', async () => (await git.r.api('GET', `/api/v1/sources/${id}`, undefined, { cookie: git.admin })).body.cause, 100000)
  assert.match(cause, says)
  assert.equal((await git.r.api('DELETE', `/api/v1/sources/${id}`, undefined, { cookie: git.admin })).status, 204)
  await quiet(git.r)
  assert.deepEqual(await leftovers(git.r, git.admin), git.clean)
}

describe('a git host is given up with a sentence', () => {
  test('that does not answer', async () => givenUp(await register(`http://127.0.0.1:${await freePort()}/x.git`), /could not be reached/))

  test('that sends without end', async () => {
    await givenUp(await register(`http://127.0.0.1:${git.huge.address().port}/x.git`), /larger|too large|too much|more than/i)
    assert.ok(git.sent < 400 << 20, `${git.sent} bytes were taken`)
  })

  test('that will be silent is asked', async () => {
    git.silent = await register(`${git.quiet.url}/x.git`)
    assert.ok(git.silent)
    // The uplink of this server is silent too.
    const headers = { authorization: `Bearer ${await git.r.token('admin', 't')}` }
    git.asked = fetch(`${git.r.url}/npm/lodash`, { headers }).then(async (a) => ({ status: a.status, body: await a.json() }), (error) => ({ error }))
  })
})

describe('without network and stack', () => {
  let r, admin, stacks

  before(async () => {
    stacks = mkdtempSync('/tmp/rh-stacks-')
    r = await Redhouse.start({ uplink: `http://127.0.0.1:${await freePort()}`, args: ['--stacks', stacks] })
    admin = await r.login('admin', r.password)
    await r.run('tenant', 'create', 'demo')
  }, { timeout: 60000 })
  after(async () => {
    await r?.stop()
    rmSync(stacks, { recursive: true, force: true })
  })

  test('an instance without a stack, and a stack without network, are refused in a sentence', async () => {
    const was = await leftovers(r, admin)
    oneSentence('no stack', await command('instance', 'create', 'demo/one', '--data', r.data), 1, /no stack "node-red@5"; an admin adds it with `redhouse stack add node-red@5`/)
    oneSentence('no such stack', await command('stack', 'add', 'node-red@99', '--data', r.data), 1, /node-red@99/)
    assert.deepEqual(await leftovers(r, admin), was)
    const added = await command('stack', 'add', 'node-red@5', '--data', r.data)
    // Its progress stands above.
    oneSentence('no network', { ...added, stderr: added.stderr.replace(/^  .*\n/gm, '') }, 1, /uplink does not answer/)
    await quiet(r)
    const { items } = await r.json('stack', 'list').catch(async () => (await r.api('GET', '/api/v1/stacks', undefined, { cookie: admin })).body)
    assert.ok(items.every((s) => s.state !== 'ready' && s.state !== 'installing'), JSON.stringify(items))
    assert.deepEqual(readdirSync(stacks).filter((f) => !f.startsWith('.')), [])
    assert.deepEqual(readdirSync(join(r.data, 'jobs')), [])
    oneSentence('still none', await command('instance', 'create', 'demo/one', '--data', r.data), 1, /stack "node-red@5"/)
  })

  test('a public package is said to be away, also to npm', async () => {
    const token = await r.token('admin', 't')
    const answer = await fetch(`${r.url}/npm/lodash`, { headers: { authorization: `Bearer ${token}` } })
    assert.ok([502, 503].includes(answer.status), `${answer.status}`)
    assert.match((await answer.json()).error, /lodash|registry|uplink/i)
    const env = { ...r.npmEnv(token), npm_config_fetch_retries: '0' }
    const dir = join(r.data, 'project')
    mkdirSync(dir)
    writeFileSync(join(dir, 'package.json'), '{"name":"x","version":"1.0.0"}')
    await assert.rejects(npm(env, dir, 'install', 'lodash'), (error) => /E50[23]/.test(error.stderr))
    await assert.rejects(npm(env, dir, 'install', '@demo/absent'), (error) => /E404[^]*There is no package "@demo\/absent"/.test(error.stderr))
    assert.deepEqual(readdirSync(dir).filter((f) => f !== 'package.json' && f !== 'package-lock.json'), [])
  })
})

describe('what is taken or not there', () => {
  let r

  before(async () => { r = await Redhouse.start() }, { timeout: 60000 })
  after(async () => r?.stop())

  test('a data folder, a port, a platform: exit status 1 and one sentence', async () => {
    const port = String(await freePort())
    const serve = (...args) => command('serve', '--ready-fd', '0', ...args)
    oneSentence('a second server', await serve('--data', r.data, '--listen', `127.0.0.1:${port}`), 1, new RegExp(`in use by process ${r.ready.pid}; end it with .redhouse stop`))
    oneSentence('a second init', await command('init', '--data', r.data, '--admin', 'x', '--password-file', join(r.data, 'password')), 1, /already/)
    const empty = mkdtempSync('/tmp/rh-')
    try {
      oneSentence('no platform', await serve('--data', empty, '--listen', `127.0.0.1:${port}`), 1, /no platform in .*redhouse init/)
      assert.deepEqual(readdirSync(empty), [], 'a refused start left files')
      writeFileSync(join(empty, 'password'), 'a good password\n')
      chmodSync(empty, 0o700)
      oneSentence('a folder out of reach', await command('init', '--data', join(empty, 'd'), '--admin', 'x', '--password-file', join(empty, 'password')), 1, /may not pass through the folders of .*chmod o\+x/)
      assert.deepEqual(readdirSync(empty), ['password'])
      chmodSync(empty, 0o711)
      assert.equal((await command('init', '--data', join(empty, 'd'), '--admin', 'x', '--password-file', join(empty, 'password'), '--uplink', 'http://127.0.0.1:9')).code, 0)
      const other = ['--data', join(empty, 'd'), '--stacks', join(empty, 'stacks')]
      oneSentence('a taken port', await serve(...other, '--listen', `127.0.0.1:${r.port}`), 1, new RegExp(`Port ${r.port} is in use by another program; choose another`))
      oneSentence('an address of another machine', await serve(...other, '--listen', '192.0.2.1:8080'), 1, /does not have the address for port 8080/)
      oneSentence('no address', await serve(...other, '--listen', 'nowhere'), 1, /nowhere/)
      oneSentence('an unknown option', await serve(...other, '--colour', 'red'), 1, /colour/)
      // None of them left a process that holds the folder.
      const held = readdirSync('/proc').filter((p) => /^\d+$/.test(p)).filter((p) => { try { return readFileSync(`/proc/${p}/cmdline`, 'utf8').includes(empty) } catch { return false } })
      assert.deepEqual(held, [])
      oneSentence('no server', await command('tenant', 'create', 'x', ...other.slice(0, 2)), 1, /serve|running|runs/)
      oneSentence('no server there', await command('tenant', 'create', 'x', '--url', `http://127.0.0.1:${port}`, '--token-file', join(empty, 'password')), 1, new RegExp(port))
      assert.equal((await fetch(`${r.url}/.redhouse/health`)).status, 200)
    } finally {
      rmSync(empty, { recursive: true, force: true })
    }
  })
})

describe('a tenant\u2019s Node-RED', () => {
  let r, admin, cookie

  const host = 'one.localhost'
  const edit = (method, path, body) => raw(r, host, path, { method, headers: { cookie, origin: `http://${host}:${r.port}`, 'content-type': 'application/json' }, body: body && JSON.stringify(body) })
  const app = (path) => raw(r, 'one--app.localhost', path)
  // Deploys functions that answer GET /NAME.
  async function flows(functions) {
    const nodes = [{ id: 'aa', type: 'tab', label: 'x' }, { id: 'zz', type: 'http response', z: 'aa', wires: [] }]
    for (const [name, [func, ...libs]] of Object.entries(functions))
      nodes.push({ id: `h${name}`, type: 'http in', z: 'aa', url: `/${name}`, method: 'get', wires: [[`f${name}`]] },
        { id: `f${name}`, type: 'function', z: 'aa', func, outputs: 1, libs: libs.map((m) => ({ var: m, module: m })), wires: [['zz']] })
    const answer = await edit('POST', '/flows', nodes)
    assert.ok([200, 204].includes(answer.status), `${answer.status} ${answer.text}`)
    const last = Object.keys(functions).at(-1)
    await until('the flows run', async () => (await app(`/${last}`)).status === 200)
  }

  before(async () => {
    r = await Redhouse.start()
    admin = await r.login('admin', r.password)
    await r.run('tenant', 'create', 'demo')
    await r.run('instance', 'create', 'demo/one')
    cookie = await instanceCookie(r, admin, host)
  }, { timeout: 120000 })
  after(async () => r?.stop())

  test('that answers with malformed HTTP is a bad gateway, once, and harms nobody', { timeout: 60000 }, async () => {
    const odd = {
      noise: '\\x00\\x01\\x02\\r\\n\\r\\n', status: 'HTTP/1.1 99999 OK\\r\\n\\r\\n', version: 'HTTP/9.9 200 OK\\r\\n\\r\\n',
      lengths: 'HTTP/1.1 200 OK\\r\\nContent-Length: 1\\r\\nContent-Length: 2\\r\\n\\r\\nab', letters: 'HTTP/1.1 200 OK\\r\\nContent-Length: abc\\r\\n\\r\\n',
      both: 'HTTP/1.1 200 OK\\r\\nContent-Length: 5\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n0\\r\\n\\r\\n', negative: 'HTTP/1.1 200 OK\\r\\nContent-Length: -5\\r\\n\\r\\n',
      name: 'HTTP/1.1 200 OK\\r\\nX Y: 1\\r\\n\\r\\n', split: 'HTTP/1.1 200 OK\\r\\nX: a\\x00b\\r\\n\\r\\n', none: '', upgrade: 'HTTP/1.1 101 Switching Protocols\\r\\n\\r\\n',
      codings: 'HTTP/1.1 200 OK\\r\\nTransfer-Encoding: gzip, chunked\\r\\n\\r\\n0\\r\\n\\r\\n', large: `HTTP/1.1 200 OK\\r\\nX: ' + 'x'.repeat(300000) + '\\r\\n\\r\\n`,
    }
    // From inside the runtime the bytes go to the proxy as they are.
    await flows({ ...Object.fromEntries(Object.entries(odd).map(([name, bytes]) => [name, [`msg.res._res.socket.end(Buffer.from('${bytes}', 'latin1')); return null;`]])), fine: ["msg.payload = 'fine'; return msg;"] })
    const was = await leftovers(r, admin)
    for (const name of Object.keys(odd)) {
      const [answer, other] = await Promise.all([app(`/${name}`), app('/fine')])
      assert.equal(answer.status, 502, `${name}: ${answer.status} ${answer.text.slice(0, 200)}`)
      assert.match(answer.text, /[a-z]{4}[^]*\./, name)
      assert.deepEqual([other.status, other.text], [200, 'fine'], name)
    }
    assert.equal((await edit('GET', '/flows')).status, 200)
    assert.deepEqual(await leftovers(r, admin), was)
    assert.equal((await r.instanceState('one')).restarts, 0)
  })

  test('that takes more memory than it may is ended, says why, and comes back', { timeout: 120000 }, async () => {
    await flows({ eat: ['const all = []; for (let i = 0; i < 4096; i++) all.push(Buffer.alloc(1 << 20, 1)); msg.payload = String(all.length); return msg;'], fine: ["msg.payload = 'fine'; return msg;"] })
    const answer = await app('/eat')
    assert.equal(answer.status, 502, answer.text.slice(0, 300))
    await until('the log names it', async () => /memory/i.test((await r.api('GET', '/api/v1/instances/one/logs?tail=200', undefined, { cookie: admin })).body), 30000)
    const state = await until('it is back', async () => { const i = await r.instanceState('one'); return i.restarts > 0 && i.state === 'running' && i }, 90000)
    assert.match(JSON.stringify(state), /memory/i)
    await until('its flows run', async () => (await app('/fine')).text === 'fine')
    assert.equal((await fetch(`${r.url}/.redhouse/health`)).status, 200)
  })

  test('that puts links in the place of its folders and files harms only itself', { timeout: 120000 }, async () => {
    const victim = mkdtempSync('/tmp/rh-victim-')
    try {
      writeFileSync(join(victim, 'keep'), 'kept')
      chmodSync(victim, 0o777)
      await flows({
        links: [`
          const done = [], link = (to, at) => { try { fs.rmSync(at, { recursive: true, force: true }); fs.symlinkSync(to, at); done.push(at) } catch (e) { done.push(at + ' ' + e.code) } };
          for (const to of ['.redhouse', 'node_modules', 'lib', 'nodes', 'package.json', '.npm', '.config.json', '.config.users.json', 'fds', 'log', 'editor.sock']) link('${victim}', '/data/' + to);
          link('/etc/shadow', '/data/.redhouse/spool'); link('/', '/data/root'); link('../../..', '/data/up');
          msg.payload = JSON.stringify(done); return msg;`, 'fs'],
        fine: ["msg.payload = 'fine'; return msg;"],
      })
      const done = JSON.parse((await app('/links')).text)
      assert.ok(done.includes('/data/.redhouse') && done.includes('/data/package.json'), done.join())
      await r.run('instance', 'restart', 'one').catch(() => {})
      // It may fail to start, but then it says why; whatever it does, the others' files are as they were.
      const state = await until('it has settled', async () => { const i = await r.instanceState('one'); return ['running', 'failed'].includes(i.state) && i }, 60000)
      assert.ok(state.state === 'running' || state.cause, JSON.stringify(state))
      assert.equal((await r.api('DELETE', '/api/v1/instances/one?confirm=one', undefined, { cookie: admin })).status, 202)
      await until('it is gone', async () => !(await r.instanceState('one')), 60000)
      assert.deepEqual(readdirSync(victim), ['keep'])
      assert.equal(readFileSync(join(victim, 'keep'), 'utf8'), 'kept')
      // Accepted is not done: its folders go while it is no longer listed.
      await until('its folders are gone', () => ['instances', 'run/instances'].every((dir) => readdirSync(join(r.data, dir)).length === 0))
      await quiet(r)
    } finally {
      rmSync(victim, { recursive: true, force: true })
    }
  })
})

describe('what is silent is given up as well', () => {
  test('a git host', { timeout: 120000 }, () => givenUp(git.silent, /did not answer in time/))

  test('the uplink', { timeout: 120000 }, async () => {
    const { status, body } = await git.asked
    assert.ok([502, 504].includes(status), `${status} ${JSON.stringify(body)}`)
    assert.match(body.error, /uplink|did not answer/)
  })
})
