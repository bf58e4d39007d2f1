// The README's first command, as a stranger runs it: ./up on an empty folder, Ctrl-C, ./up again.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { after, before, test } from 'node:test'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, raw, root, until } from './redhouse.mjs'

const folder = mkdtempSync('/tmp/rh-up-')
chmodSync(folder, 0o755) // the system user passes through it
const data = join(folder, 'data')
let port
let child

before(async () => (port = await freePort()))

after(async () => {
  if (child && child.exitCode === null) await ctrlC()
  rmSync(folder, { recursive: true, force: true })
})

// Resolves to what it said once it says that it is up.
async function up() {
  let said = ''
  child = spawn(join(root, 'up'), ['--data', data, '--listen', `127.0.0.1:${port}`], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => (said += bytes))
  await until('it is up', () => {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`)
    return said.includes('Ctrl-C ends everything.')
  }, 180000).catch((error) => {
    throw new Error(`${error.message}\n${said}`)
  })
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
  const password = /as admin with the password (\S+)/.exec(said)[1]
  assert.match(said, new RegExp(`Redhouse is at http://localhost:${port}/`))
  const answer = await login(password)
  assert.equal(answer.status, 200)
  assert.equal(JSON.parse(answer.text).user.must_change_password, true)
  await until('the editor of demo answers', async () => (await raw({ port }, 'demo.localhost', '/')).status === 200, 90000)
  assert.equal(await ctrlC(), 0)
})

test('up again finds all as it was and says the first password again', async () => {
  const said = await up()
  const password = /first password of admin was: (\S+)/.exec(said)[1]
  assert.equal((await login(password)).status, 200)
  await until('the editor of demo is back', async () => (await raw({ port }, 'demo.localhost', '/')).status === 200, 90000)
  assert.equal(await ctrlC(), 0)
  assert.equal((await raw({ port }, 'localhost', '/').catch(() => null)), null)
})
