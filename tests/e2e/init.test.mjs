// `redhouse init` is whole or nothing: killed wherever it is, the next one makes the platform.
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { Redhouse, binary, root } from './redhouse.mjs'

describe('init', () => {
  let dir, n = 0
  const env = { ...process.env, ASAN_OPTIONS: 'detect_leaks=0', REDHOUSE_UPLINK: 'http://127.0.0.1:9' }

  before(() => {
    dir = mkdtempSync('/tmp/rh-')
    chmodSync(dir, 0o755)
    writeFileSync(join(dir, 'first'), 'the first password\n')
    writeFileSync(join(dir, 'second'), 'the second password\n')
  })
  after(() => rmSync(dir, { recursive: true, force: true }))

  function start(data, who) {
    const child = spawn(binary, ['init', '--data', data, '--admin', who, '--password-file', join(dir, who)], { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] })
    child.said = ''
    for (const s of [child.stdout, child.stderr]) s.on('data', (chunk) => { child.said += chunk })
    child.ended = new Promise((done) => child.once('close', (code, signal) => done({ code, signal })))
    const late = setTimeout(() => child.kill('SIGKILL'), 60000)
    child.ended.then(() => clearTimeout(late))
    return child
  }
  const admins = (data) => execFileSync('sqlite3', ['-readonly', join(data, 'redhouse.db'), 'PRAGMA integrity_check; SELECT name FROM user WHERE admin'], { encoding: 'utf8' }).trim().split('\n')

  // Kills the first init when `reached` says so; then runs it again, as a person would.
  async function cut(reached) {
    const data = join(dir, `data-${n++}`)
    const first = start(data, 'first')
    let over = false
    first.ended.then(() => { over = true })
    while (!over && !reached(data)) await turn()
    first.kill('SIGKILL')
    const { code, signal } = await first.ended
    const made = existsSync(join(data, 'redhouse.db'))
    if (code === 0) assert.ok(made, 'what ended well is there')
    const second = start(data, 'second')
    const again = await second.ended
    // Whoever was first to give the database its name is the admin; the other one is told.
    if (made) assert.match(second.said, /holds a platform already/)
    assert.equal(again.code, made ? 1 : 0, second.said)
    assert.deepEqual(admins(data), ['ok', made ? 'first' : 'second'])
    assert.ok(!existsSync(join(data, 'init')) || made, 'nothing is left of the first try')
    return { data, killed: signal === 'SIGKILL', made }
  }

  const there = (...path) => (data) => existsSync(join(data, ...path))
  const points = {
    'the folder is made': there('lock'),
    'the plugins are unpacked': there('plugins'),
    'the configuration is written': there('redhouse.conf'),
    'the key is made': there('secret.key'),
    'the database is begun': there('init', 'redhouse.db'),
    'the database has a log': (data) => existsSync(join(data, 'init', 'redhouse.db-wal')) && statSync(join(data, 'init', 'redhouse.db-wal'), { throwIfNoEntry: false })?.size > 0,
    'the database has its name': there('redhouse.db'),
  }
  for (const [what, reached] of Object.entries(points))
    test(`killed when ${what}, it is run again`, { timeout: 150000 }, async () => {
      const { killed, made } = await cut(reached)
      if (what === 'the database is begun') assert.ok(killed && !made, 'it was in the middle of its work')
    })

  test('what was cut short and begun anew serves and knows its admin', { timeout: 150000 }, async () => {
    const { data, made } = await cut(there('init', 'redhouse.db'))
    assert.ok(!made)
    const r = new Redhouse()
    Object.assign(r, { data, options: {}, port: 0, domain: 'localhost' })
    try {
      await r.serve()
      r.url = r.ready.url
      assert.match(await r.login('second', 'the second password'), /=/)
    } finally {
      await r.stop()
    }
  })

  test('two at once make one platform', { timeout: 150000 }, async () => {
    const data = join(dir, 'both')
    const both = [start(data, 'first'), start(data, 'second')]
    const codes = (await Promise.all(both.map((c) => c.ended))).map((e) => e.code)
    assert.deepEqual([...codes].sort(), [0, 1], both.map((c) => c.said).join('\n'))
    assert.match(both[codes.indexOf(1)].said, /holds a platform already|in use/)
    assert.deepEqual(admins(data), ['ok', codes[0] === 0 ? 'first' : 'second'])
  })
})
