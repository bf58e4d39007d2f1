// The server itself: from exec to its ready line, and its memory and the wardens' with running instances.
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Redhouse, binary, freePort, until } from '../tests/e2e/redhouse.mjs'
import { Table, children, pss } from './measure.mjs'

async function start() {
  const data = mkdtempSync('/tmp/rh-')
  const port = await freePort()
  writeFileSync(join(data, 'password'), 'correct horse battery\n')
  execFileSync(binary, ['init', '--data', data, '--admin', 'admin', '--password-file', join(data, 'password')], { stdio: 'ignore' })
  const since = process.hrtime.bigint()
  const child = spawn(binary, ['serve', '--data', data, '--listen', `127.0.0.1:${port}`, '--ready-fd', '3'], { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] })
  const ended = new Promise((done) => child.once('exit', done))
  const ms = await new Promise((done, fail) => {
    child.stdio[3].once('data', () => done(Number(process.hrtime.bigint() - since) / 1e6))
    ended.then((code) => fail(new Error(`serve ended with ${code}`)))
  })
  child.kill('SIGTERM')
  await ended
  rmSync(data, { recursive: true, force: true })
  return ms
}

// Every process below this one, itself not.
function below(pid) {
  return children(pid).flatMap((child) => [child, ...below(child)])
}

export default async function server({ starts, instances }) {
  const r = await Redhouse.start()
  try {
    const table = new Table('Server', `Start: \`redhouse serve\` on a folder that \`init\` just made, from before the exec to the line on --ready-fd. Memory: proportional set size with ${instances} running instances of Node-RED 5.`)
    const ms = []
    for (let i = 0; i < starts * 2; i++) ms.push(await start())
    const ready = table.row('exec to ready', 'ms', ms)
    await r.run('tenant', 'create', 'bench')
    for (let i = 0; i < instances; i++) await r.run('instance', 'create', `bench/i${i}`)
    await until('all run', async () => (await r.json('instance', 'list')).items.filter((x) => x.state === 'running').length === instances, 60000 + 20000 * instances)
    await until('nothing starts any more', async () => (await r.json('instance', 'list')).items.every((x) => x.ready), 60000)
    const MB = (bytes) => bytes / 1e6
    const memory = table.row('server', 'MB (PSS)', [MB(pss(r.ready.pid))])
    table.row('its broker', 'MB (PSS)', children(r.ready.pid).map((pid) => MB(pss(pid))))
    // An instance has two of them: the warden, and process 1 of its sandbox.
    const wardens = below(r.ready.pid).filter((pid) => readlinkSync(`/proc/${pid}/exe`).endsWith('redhouse-warden'))
    const each = wardens.map((pid) => MB(pss(pid)))
    const both = table.row('warden and process 1 of an instance, together', 'MB (PSS)', [each.reduce((a, b) => a + b, 0) / instances])
    table.figure('exec to the ready line', ready, 'most', 100, ' ms')
    table.figure(`memory with ${instances} running instances`, memory, 'most', 30, ' MB')
    table.figure('memory of each warden', both, 'most', 1.5, ' MB')
    return table
  } finally {
    await r.stop()
  }
}
