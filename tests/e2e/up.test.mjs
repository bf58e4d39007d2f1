// The README's first command, as a stranger runs it: ./up on an empty folder, Ctrl-C, ./up again.
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { after, afterEach, before, test } from 'node:test'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, rmdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, raw, root, until } from './redhouse.mjs'

const folder = mkdtempSync('/tmp/rh-up-')
chmodSync(folder, 0o755) // the system user passes through it
const data = join(folder, 'data')
let port
let child

before(async () => (port = await freePort()))

afterEach(async () => {
  if (child && child.exitCode === null && child.signalCode === null) await ctrlC()
})
after(() => rmSync(folder, { recursive: true, force: true }))

// Resolves to what it said once it says that it is up.
async function up(command = [join(root, 'up'), '--data', data], deadline = 180000) {
  let said = ''
  child = spawn(command[0], [...command.slice(1), '--listen', `127.0.0.1:${port}`], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => (said += bytes))
  const over = () => child.exitCode !== null || child.signalCode !== null
  await until('it is up', () => over() || said.includes('Ctrl-C ends everything.'), deadline).catch((error) => {
    throw new Error(`${error.message}\n${said}`)
  })
  assert.ok(!over(), said)
  return said.replace(/\x1b\[\d*m/g, '')
}

// To the whole group, as a terminal sends it.
async function ctrlC() {
  const ended = new Promise((done) => child.once('exit', (code) => done(code)))
  process.kill(-child.pid, 'SIGINT')
  const timer = setTimeout(() => process.kill(-child.pid, 'SIGKILL'), 60000)
  const code = await ended
  clearTimeout(timer)
  return code
}

const login = (password) =>
  raw({ port }, 'localhost', '/api/v1/session', {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: `http://localhost:${port}` },
    body: JSON.stringify({ username: 'admin', password }),
  })

test('up brings a platform with a tenant and an instance, and its password must be changed', async () => {
  const said = await up()
  const password = /first password is (\S+) and must be changed/.exec(said)[1]
  assert.match(said, new RegExp(`Redhouse is at http://localhost:${port}/`))
  const answer = await login(password)
  assert.equal(answer.status, 200)
  assert.equal(JSON.parse(answer.text).user.must_change_password, true)
  await until('the editor of demo answers', async () => (await raw({ port }, 'demo.localhost', '/')).status === 200, 90000)
  assert.equal(await ctrlC(), 0)
})

test('up again finds all as it was and says the first password again', async () => {
  const said = await up()
  const password = /first password is (\S+) and must be changed/.exec(said)[1]
  assert.equal((await login(password)).status, 200)
  await until('the editor of demo is back', async () => (await raw({ port }, 'demo.localhost', '/')).status === 200, 90000)
  assert.equal(await ctrlC(), 0)
  assert.equal((await raw({ port }, 'localhost', '/').catch(() => null)), null)
})

// A user with sudo, whose home nobody else may enter. In a mount namespace with accounts of its own, so that the machine's
// stay as they are; from the sources, as such a user has them, but for what only downloads.
const checkout = join(folder, 'home', 'dev', 'redhouse')
const dev = 4242

function moveIn() {
  mkdirSync(checkout, { recursive: true })
  execFileSync('sh', ['-c', `git ls-files -co --exclude-standard -z | tar -c --null --ignore-failed-read -T - | tar -x -C ${checkout}`], { cwd: root, stdio: 'pipe' })
  mkdirSync(join(checkout, 'build'))
  execFileSync('cp', ['-a', join(root, 'build', 'node'), join(checkout, 'build')])
  execFileSync('chown', ['-R', `${dev}:${dev}`, join(folder, 'home', 'dev')])
  mkdirSync(join(checkout, 'build', 'stacks'), { mode: 0o755 })
  execFileSync('cp', ['-a', join(root, 'build', 'stacks', 'node-red@5'), join(checkout, 'build', 'stacks')])
  chmodSync(join(folder, 'home', 'dev'), 0o700)
  const accounts = {
    passwd: `dev:x:${dev}:${dev}::${join(folder, 'home', 'dev')}:/bin/bash\n`,
    group: `dev:x:${dev}:\n`,
    shadow: 'dev:*:20000:0:99999:7:::\n',
    sudoers: 'dev ALL=(ALL:ALL) NOPASSWD: ALL\n',
  }
  for (const [name, line] of Object.entries(accounts)) {
    const file = `/etc/${name}`
    writeFileSync(join(folder, name), (existsSync(file) ? readFileSync(file, 'utf8') : '') + line, { mode: statSync(file).mode & 0o777 })
  }
  mkdirSync(join(folder, 'var'))
  return Object.keys(accounts)
}

test('up works for a user with sudo, in a home that others may not enter', async () => {
  const files = moveIn()
  const place = '/var/lib/redhouse'
  const made = !existsSync(place)
  if (made) mkdirSync(place)
  const script = [
    'set -e',
    ...files.map((name) => `mount --bind ${join(folder, name)} /etc/${name}`),
    `mount --bind ${join(folder, 'var')} ${place}`,
    `cd ${checkout}`,
    'unset CMAKE_C_COMPILER_LAUNCHER',
    `exec setpriv --reuid ${dev} --regid ${dev} --init-groups env HOME=${join(folder, 'home', 'dev')} USER=dev ./up "$@"`,
  ].join('\n')
  try {
    const said = await up(['unshare', '--mount', '--propagation', 'private', 'bash', '-c', script, 'up'], 400000)
    assert.match(said, /the data folder is \/var\/lib\/redhouse: other users may not pass through/)
    const password = /first password is (\S+) and/.exec(said)[1]
    assert.equal((await login(password)).status, 200)
    await until('the editor of demo answers', async () => (await raw({ port }, 'demo.localhost', '/')).status === 200, 90000)
    assert.ok(existsSync(join(folder, 'var', 'redhouse.db')))
    assert.equal(statSync(join(checkout, 'build', 'redhouse')).uid, 0)
    assert.equal(await ctrlC(), 0)
  } finally {
    if (made) rmdirSync(place)
  }
})
