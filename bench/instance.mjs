// From `instance start` to the editor's first 200, beside a plain node-red on the same stack.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { Redhouse, freePort, instanceCookie, sleep, stacks, until } from '../tests/e2e/redhouse.mjs'
import { Table, interleave } from './measure.mjs'

const stack = join(stacks, 'node-red@5')

const ask = (port, headers) =>
  new Promise((done) => {
    const req = request({ host: '127.0.0.1', port, path: '/', headers, agent: false }, (answer) => {
      answer.resume()
      answer.on('end', () => done(answer.statusCode))
    })
    req.on('error', () => done(0))
    req.end()
  })

async function first200(port, headers, since) {
  for (;;) {
    if ((await ask(port, headers)) === 200) return Number(process.hrtime.bigint() - since) / 1e6
    if (Number(process.hrtime.bigint() - since) / 1e9 > 90) throw new Error('the editor did not come up')
    await sleep(5)
  }
}

async function plain(userDir) {
  const port = await freePort()
  const since = process.hrtime.bigint()
  const child = spawn(join(stack, 'bin', 'node'), [join(stack, 'node_modules', 'node-red', 'red.js'), '--userDir', userDir, '--port', String(port), '-D', 'uiHost=127.0.0.1'], { stdio: 'ignore' })
  const ended = new Promise((done) => child.once('exit', done))
  const ms = await first200(port, {}, since)
  child.kill('SIGKILL')
  await ended
  return ms
}

async function ours(r, headers) {
  await r.run('instance', 'stop', 'one')
  await until('it is stopped', async () => (await r.instanceState('one')).state === 'stopped')
  const since = process.hrtime.bigint()
  const command = r.run('instance', 'start', 'one')
  const ms = await first200(r.port, headers, since)
  await command
  return ms
}

export default async function instance({ starts }) {
  const r = await Redhouse.start()
  const userDir = mkdtempSync('/tmp/rh-plain-')
  try {
    await r.run('tenant', 'create', 'bench')
    await r.run('instance', 'create', 'bench/one')
    await until('the instance', async () => (await r.instanceState('one')).state === 'running', 90000)
    const cookie = await instanceCookie(r, await r.login('admin', r.password), 'one.localhost')
    const headers = { host: `one.localhost:${r.port}`, cookie }
    await plain(userDir) // its folder is made and the files are in memory
    const found = await interleave({ Redhouse: () => ours(r, headers), 'plain node-red': () => plain(userDir) }, starts)
    const table = new Table('Instance start', 'Node-RED 5, both on the same stack folder, both asked every 5 ms for `/`; Redhouse from before the command line client is started, through sandbox, storage in the platform, proxy and login.')
    const ms = {}
    for (const [name, values] of Object.entries(found)) ms[name] = table.row(name, 'ms to the first 200', values)
    table.figure('start to the first 200: times plain node-red', ms.Redhouse / ms['plain node-red'], 'most', 1.3)
    return table
  } finally {
    await r.stop()
    rmSync(userDir, { recursive: true, force: true })
  }
}
