// The command line, command by command: what it prints, with and without --json, and what it says when it cannot.
import assert from 'node:assert/strict'
import { execFile, execFileSync, spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, describe, test } from 'node:test'
import { binary, Redhouse, root, stacks, until } from './redhouse.mjs'

const env = () => ({ ...process.env, ASAN_OPTIONS: 'detect_leaks=0:abort_on_error=0' })

// One command as it is: {code, stdout, stderr}.
const command = (args, more = {}) => new Promise((done) => {
  execFile(binary, args, { cwd: root, env: { ...env(), ...more }, timeout: 120000 }, (error, stdout, stderr) => done({ code: error ? error.code ?? 'killed' : 0, stdout, stderr }))
})

// A command that goes on, line by line; end() kills it and gives what it printed.
function going(args) {
  const child = spawn(binary, args, { cwd: root, env: env(), stdio: ['ignore', 'pipe', 'inherit'] })
  const lines = []
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line))
  const ended = new Promise((done) => child.once('exit', done))
  return { lines, ended, end: () => { child.kill('SIGTERM'); return ended } }
}

describe('the command line', () => {
  let r, dir, fresh
  const walked = new Set()
  const here = (args) => command([...args, '--data', r.data])

  // Words of the table and their arguments; what --json printed.
  async function walk(words, ...args) {
    walked.add(words)
    const itself = ['version', 'options', 'routes', 'help'].includes(words)
    const said = await (itself ? command : here)([...words.split(' '), ...args, '--json'])
    assert.equal(said.code, 0, `${words}: ${said.stderr}`)
    assert.equal(said.stdout.trimEnd().split('\n').length, 1, `${words} prints one line`)
    return JSON.parse(said.stdout)
  }

  before(async () => {
    dir = mkdtempSync('/tmp/rh-cli-')
    fresh = join(dir, 'fresh')
    const work = join(dir, 'work')
    const git = (...args) => execFileSync('git', ['-c', 'user.name=Dev', '-c', 'user.email=dev@example.org', ...args], { cwd: work, stdio: 'pipe' })
    execFileSync('chmod', ['755', dir])
    cpSync(join(root, 'fixtures', 'nodes', '@demo', 'node-red-hello'), work, { recursive: true })
    const manifest = JSON.parse(readFileSync(join(work, 'package.json')))
    writeFileSync(join(work, 'package.json'), JSON.stringify({ ...manifest, name: '@acme/node-red-cli', version: '1.0.0' }))
    git('init', '-q')
    git('add', '-A')
    git('commit', '-qm', 'first')
    git('tag', 'v1.0.0')
    execFileSync('git', ['clone', '-q', '--bare', work, join(dir, 'nodes.git')])
    mkdirSync(join(dir, 'missing.git'))
    writeFileSync(join(dir, 'password'), 'correct horse battery\n')
    r = await Redhouse.start({ args: ['--git-local', dir] })
  })
  after(async () => {
    await r?.stop()
    await command(['stop', '--instances', '--data', fresh])
    rmSync(dir, { recursive: true, force: true })
  })

  test('what the program says of itself', async () => {
    assert.match((await walk('version')).version, /^\d+\.\d+\.\d+/)
    assert.ok((await walk('options')).items.some((o) => o.name === 'source-poll' && o.default === '5m'))
    assert.ok((await walk('routes')).items.some((o) => o.method === 'POST' && o.path === '/api/v1/session' && o.who === 'anyone'))
    assert.ok((await walk('help')).items.some((o) => o.words === 'tenant create'))
    const refused = await command(['version', '--data', r.data])
    assert.deepEqual([refused.code, refused.stdout], [1, ''])
  })

  test('init asks npm where packages come from; serve and stop', async () => {
    const init = (...args) => command(['init', '--data', fresh, '--admin', 'first', '--password-file', join(dir, 'password'), ...args],
      { REDHOUSE_UPLINK: undefined, npm_config_registry: 'http://127.0.0.1:9/from-npm/' })
    const made = await init('--json')
    assert.equal(made.code, 0, made.stderr)
    walked.add('init')
    assert.deepEqual(JSON.parse(made.stdout), { data: fresh, admin: 'first', uplink: 'http://127.0.0.1:9/from-npm/' })
    assert.match(readFileSync(join(fresh, 'redhouse.conf'), 'utf8'), /^uplink = http:\/\/127\.0\.0\.1:9\/from-npm\/$/m)
    const again = await init('--json')
    assert.deepEqual([again.code, again.stdout], [1, ''])
    assert.match(again.stderr, /holds a platform already/)

    const server = going(['serve', '--data', fresh, '--listen', '127.0.0.1:0', '--stacks', stacks, '--json'])
    await until('the server says that it is ready', () => server.lines.length > 0)
    walked.add('serve')
    const ready = JSON.parse(server.lines[0])
    assert.equal((await fetch(`${ready.url}/api/v1/platform`)).status, 200)
    const stop = async () => JSON.parse((await command(['stop', '--instances', '--data', fresh, '--json'])).stdout)
    walked.add('stop')
    assert.deepEqual(await stop(), { data: fresh, ended: true, instances: true })
    assert.equal(await server.ended, 0)
    assert.deepEqual(await stop(), { data: fresh, ended: false, instances: false })
  })

  test('tenants, people and tokens', async () => {
    assert.equal((await walk('tenant create', 'acme', '--title', 'Acme, Inc.')).name, 'Acme, Inc.')
    assert.deepEqual((await walk('tenant list')).items.map((t) => t.slug), ['acme'])
    // Nothing was said of a password: one is made, shown, and good for one login.
    const made = await walk('user create', 'ada', '--tenant', 'acme', '--role', 'owner')
    const login = await r.api('POST', '/api/v1/session', { username: 'ada', password: made.password })
    assert.equal(login.status, 200, JSON.stringify(login.body))
    assert.equal(login.body.user.must_change_password, true)
    const plain = await here(['user', 'create', 'bob'])
    assert.match(plain.stdout, /^bob\t-\t\S{16}\n$/)
    assert.match(plain.stderr, /shown only once/)
    const chosen = await walk('user create', 'eve', '--password-file', join(dir, 'password'))
    assert.equal(chosen.password, undefined)
    assert.equal((await r.api('POST', '/api/v1/session', { username: 'eve', password: 'correct horse battery' })).body.user.must_change_password, false)
    assert.deepEqual((await walk('user list')).items.map((u) => u.name).sort(), ['ada', 'admin', 'bob', 'eve'])
    const token = await walk('token create', '--user', 'ada', '--name', 'short', '--expires', '1h')
    assert.ok(Math.abs(Date.parse(token.expires_at) - Date.parse(token.created_at) - 3600e3) < 2000, `${token.created_at} to ${token.expires_at}`)
    const refused = await here(['token', 'create', '--user', 'ada', '--name', 'short', '--expires', '1500ms'])
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, /whole seconds/)
  })

  test('names and packages; the tenant is taken when there is one only', async () => {
    assert.deepEqual((await walk('package claim', 'only-one')).tenant, 'acme')
    await here(['tenant', 'create', 'other'])
    const refused = await here(['package', 'claim', 'which-one'])
    assert.deepEqual([refused.code, refused.stdout], [1, ''])
    assert.match(refused.stderr, /--tenant SLUG/)
    assert.equal((await walk('package claim', 'which-one', '--tenant', 'other')).tenant, 'other')
    assert.deepEqual((await walk('package list')).next, null)
  })

  test('packages move out to a folder and in again, or from a registry', async () => {
    const out = join(dir, 'out')
    assert.deepEqual((await walk('registry export', '--tenant', 'acme', '--out', out)).written, 0)
    assert.deepEqual((await walk('registry import verdaccio', out, '--tenant', 'acme')).added, 0)
    assert.deepEqual((await walk('registry import registry', 'http://127.0.0.1:9/', '--packages', ',', '--tenant', 'acme')).packages, [])
    assert.deepEqual(await walk('registry import end-tokens'), { ended: true })
    assert.match((await here(['registry', 'import', 'verdaccio', join(dir, 'absent'), '--tenant', 'acme'])).stderr, /cannot be opened/)
  })

  test('advisories: an import to its end, and what it brought', async () => {
    writeFileSync(join(dir, 'T-1.json'), JSON.stringify({ id: 'T-1', modified: '2026-01-01T00:00:00Z', summary: 'Weak', affected: [{ package: { ecosystem: 'npm', name: 'weak' }, versions: ['1.0.0'] }] }))
    assert.deepEqual([(await walk('advisories import', join(dir, 'T-1.json'))).state, (await walk('advisories list')).items.map((a) => a.id)], ['done', ['T-1']])
    assert.deepEqual((await walk('advisories concerned')).items, [])
    assert.match((await here(['advisories', 'import', join(dir, 'absent')])).stderr, /cannot be read/)
  })

  test('sources: the secret once, the cause of a failure, a build to its end', async () => {
    const made = await walk('source add', 'acme', `file://${dir}/nodes.git`, '--tags', 'v1.*')
    assert.match(made.webhook_secret, /^\S{32}$/)
    const built = await walk('source build', made.id)
    assert.deepEqual([built.kind, built.state], ['source.build', 'done'])
    const listed = (await walk('source list', 'acme')).items
    assert.equal(listed.length, 1)
    assert.equal(listed[0].last_build.version, '1.0.0')
    assert.match(listed[0].last_commit, /^[0-9a-f]{40}$/)
    assert.equal(listed[0].webhook_secret, undefined)
    assert.ok((await walk('package list')).items.some((p) => p.name === '@acme/node-red-cli' && p.latest === '1.0.0'))
    const broken = await here(['source', 'add', 'acme', `file://${dir}/missing.git`])
    assert.match(broken.stdout, /^\S+\tfile:\S+\t\S+\/hooks\/\S+\t\S{32}\n$/)
    assert.match(broken.stderr, /webhook's secret; it is shown only once/)
    const failed = await here(['source', 'build', broken.stdout.split('\t')[0]])
    assert.deepEqual([failed.code, failed.stdout], [1, ''])
    assert.match(failed.stderr, /missing\.git cannot be read as a repository|cannot be read/)
    assert.match((await here(['source', 'list', 'acme'])).stdout, /missing\.git\tv\*\t-\t.*cannot be read/)
  })

  test('stacks and themes', async () => {
    assert.equal((await walk('stack add', 'node-red@5')).state, 'done')
    assert.ok((await walk('stack list')).items.some((s) => s.name === 'node-red@5' && s.state === 'ready'))
    writeFileSync(join(dir, 'theme.json'), JSON.stringify({ name: 'Acme' }))
    assert.ok((await walk('theme set', 'acme', join(dir, 'theme.json'))).version)
  })

  test('an instance by its tenant and slug: made, stopped, started, followed, removed', async () => {
    assert.deepEqual([await walk('instance create', 'acme/one')].map((i) => [i.slug, i.tenant, i.state]), [['one', 'acme', 'running']])
    assert.equal((await walk('instance list')).items.length, 1)
    await until('the modules', async () => (await walk('instance modules', 'acme/one')).items.some((m) => m.name === 'node-red'))
    assert.deepEqual((await walk('package users', 'node-red')).items.map((u) => [u.tenant, u.instance]), [['acme', 'one']])
    // The slug of another tenant's instance is not that tenant's.
    for (const verb of ['stop', 'restart', 'logs', 'remove']) {
      const refused = await here(['instance', verb, 'other/one'])
      assert.deepEqual([refused.code, refused.stdout, refused.stderr], [1, '', 'redhouse: The tenant other has no instance one.\n'])
    }
    assert.equal((await r.instanceState('one')).state, 'running')

    const plain = going(['instance', 'logs', 'acme/one', '--follow', '--data', r.data])
    const json = going(['instance', 'logs', 'one', '--follow', '--json', '--data', r.data])
    const text = (line) => JSON.parse(line).line
    const starts = (lines) => lines.filter((line) => /Started flows/.test(line)).length
    await until('the tail is there', () => starts(plain.lines) === 1 && starts(json.lines.map(text)) === 1)
    const restarted = await walk('instance restart', 'acme/one')
    assert.deepEqual([restarted.kind, restarted.subject, restarted.state], ['instance.restart', 'one', 'done'])
    await until('new lines are there', () => starts(plain.lines) === 2 && starts(json.lines.map(text)) === 2)
    await Promise.all([plain.end(), json.end()])
    const log = (await here(['instance', 'logs', 'acme/one'])).stdout
    for (const line of plain.lines) assert.ok(log.includes(`${line}\n`), `a line of the log: ${line}`)
    for (const line of json.lines) assert.deepEqual(Object.keys(JSON.parse(line)), ['line'])
    const whole = await here(['instance', 'logs', 'acme/one', '--json'])
    walked.add('instance logs')
    assert.equal(whole.stdout.trimEnd().split('\n').map(text).join('\n'), log.trimEnd())

    assert.equal((await walk('instance stop', 'acme/one')).state, 'done')
    assert.equal((await r.instanceState('one')).state, 'stopped')
    assert.equal((await walk('instance start', 'one')).state, 'done')
    assert.equal((await here(['instance', 'stop', 'acme/one'])).stdout, 'acme/one: done\n')
    assert.deepEqual([(await walk('instance remove', 'acme/one'))].map((o) => [o.kind, o.state]), [['instance.remove', 'done']])
    for (const more of [[], ['--follow'], ['--json']]) {
      const gone = await here(['instance', 'logs', 'acme/one', ...more])
      assert.deepEqual([gone.code, gone.stdout], [1, ''])
      assert.match(gone.stderr, /^redhouse: There is no such instance\.\n$/)
      const bare = await here(['instance', 'logs', 'one', ...more])
      assert.deepEqual([bare.code, bare.stdout, bare.stderr], [1, '', gone.stderr])
    }
  })

  test('from elsewhere, with a token', async () => {
    const admin = await r.login('admin', r.password)
    assert.equal((await r.api('PUT', '/api/v1/tenants/acme/members/admin', { role: 'owner' }, { cookie: admin })).status, 200)
    const token = await r.token('admin', 'elsewhere')
    writeFileSync(join(dir, 'token'), `${token}\n`)
    const away = (args, more) => command([...args, '--data', '/nonexistent', '--url', r.url], more)
    const listed = await away(['tenant', 'list', '--token-file', join(dir, 'token')])
    assert.deepEqual([listed.code, listed.stderr], [0, ''])
    assert.deepEqual(listed.stdout.split('\n').map((line) => line.split('\t')[0]), ['acme', 'other', ''])
    // Of two tenants the caller belongs to one.
    const claimed = await away(['package', 'claim', 'from-elsewhere', '--json'], { REDHOUSE_TOKEN: token })
    assert.equal(claimed.stderr, '')
    assert.equal(JSON.parse(claimed.stdout).tenant, 'acme')
    const built = await away(['stack', 'add', 'node-red@5'], { REDHOUSE_TOKEN: token })
    assert.equal(built.stdout, 'node-red@5: ready\n')
    for (const [args, said] of [[['tenant', 'list'], /Give a token/], [['tenant', 'list', '--token-file', join(dir, 'password')], /./]]) {
      const refused = await away(args, { REDHOUSE_TOKEN: undefined })
      assert.deepEqual([refused.code, refused.stdout], [1, ''])
      assert.match(refused.stderr, said)
    }
  })

  test('a list is whole, however many pages it has', async () => {
    const admin = await r.login('admin', r.password)
    const slugs = [...Array(205)].map((_, i) => `many-${String(i).padStart(3, '0')}`)
    for (let i = 0; i < slugs.length; i += 41)
      await Promise.all(slugs.slice(i, i + 41).map(async (slug) => assert.equal((await r.api('POST', '/api/v1/tenants', { slug, name: slug }, { cookie: admin })).status, 201)))
    const { items, next } = await walk('tenant list')
    assert.deepEqual(items.map((t) => t.slug).sort(), ['acme', ...slugs, 'other'])
    assert.equal(next, null)
    assert.equal((await here(['tenant', 'list'])).stdout.trimEnd().split('\n').length, 207)
  })

  test('words and flags that are missing, unknown or too many are told', async () => {
    for (const [args, said] of [
      [['tenant', 'create'], /Usage: redhouse tenant create SLUG/],
      [['instance', 'remove', 'acme/one', 'acme/two'], /Usage: redhouse instance remove TENANT\/SLUG/],
      [['instance', 'create', 'one'], /such as acme\/one/],
      [['instance', 'start', '/one'], /such as acme\/one/],
      [['source', 'add', 'acme', 'https://example.org/x.git', '--tags'], /--tags needs a value/],
      [['tenant', 'list', '--sideways'], /no flag --sideways/],
    ]) {
      const refused = await here(args)
      assert.deepEqual([refused.code, refused.stdout], [1, ''], args.join(' '))
      assert.match(refused.stderr, said)
    }
  })

  test('no command of the table was left out', async () => {
    const { items } = JSON.parse((await command(['help', '--json'])).stdout)
    const others = readdirSync(import.meta.dirname).filter((f) => f.endsWith('.mjs')).map((f) => readFileSync(join(import.meta.dirname, f), 'utf8')).join('\n')
    const names = items.map((c) => c.words)
    // Walked here, or run by another test: run('hook', 'add', …).
    const left = names.filter((words) => !walked.has(words) && !others.includes(words.split(' ').map((w) => `'${w}'`).join(', ')))
    assert.deepEqual(left, [], 'no test runs them')
    assert.deepEqual([...walked].filter((words) => !names.includes(words)), [])
  })
})
