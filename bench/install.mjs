// `npm install node-red@5` by a client that has nothing, from caching registries that have all of it, beside npm's own full cache.
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Redhouse } from '../tests/e2e/redhouse.mjs'
import { Table, interleave } from './measure.mjs'
import { Pnpr, Verdaccio, upstream } from './peers.mjs'

const exec = promisify(execFile)
const what = 'node-red@5'

// One install into an empty folder; in seconds. cache: npm's own, kept from before; absent: an empty one.
async function install(base, registry, cache) {
  const home = mkdtempSync(join(base, 'home-'))
  const work = join(home, 'work')
  mkdirSync(work)
  writeFileSync(join(work, 'package.json'), '{"private":true}\n')
  writeFileSync(join(home, '.npmrc'), `registry=${registry}\nupdate-notifier=false\nfund=false\naudit=false\nloglevel=error\n`)
  const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)))
  const env = { ...clean, HOME: home, npm_config_userconfig: join(home, '.npmrc'), npm_config_cache: cache ?? join(home, 'cache') }
  const start = process.hrtime.bigint()
  await exec('npm', ['install', '--ignore-scripts', ...(cache && existsSync(cache) ? ['--offline'] : []), what], { cwd: work, env, timeout: 300000 })
  const seconds = Number(process.hrtime.bigint() - start) / 1e9
  if (!existsSync(join(work, 'node_modules', 'node-red', 'package.json'))) throw new Error(`${registry}: nothing was installed`)
  rmSync(home, { recursive: true, force: true })
  return seconds
}

export default async function installs({ rounds }) {
  const base = mkdtempSync('/tmp/rh-install-')
  const r = await Redhouse.start({ args: ['--anonymous-reads'] })
  const peers = []
  try {
    const uplink = upstream()
    const v = await Verdaccio.start({ uplink })
    peers.push(v)
    const p = await Pnpr.start({ uplink })
    if (p) peers.push(p)
    const registries = { Redhouse: `${r.url}/npm/`, Verdaccio: `${v.url}/`, ...(p ? { pnpr: `${p.url}/` } : {}) }
    const cache = join(base, 'cache')
    const table = new Table('Installs', `\`npm install ${what}\` into an empty folder with an empty cache, everything already in the registry's own; and with npm's cache full and \`--offline\`. Seconds of the clock.`)
    for (const registry of Object.values(registries)) await install(base, registry)
    await install(base, registries.Redhouse, cache)
    const found = await interleave({
      ...Object.fromEntries(Object.entries(registries).map(([name, registry]) => [name, () => install(base, registry)])),
      "npm's own cache": () => install(base, registries.Redhouse, cache),
    }, rounds)
    const seconds = Object.fromEntries(Object.entries(found).map(([name, values]) => [name, table.row(name, 's', values)]))
    for (const name of Object.keys(registries).filter((n) => n !== 'Redhouse'))
      table.figure(`times ${name}`, seconds.Redhouse / seconds[name], 'most', 1)
    table.figure("times npm's own cache", seconds.Redhouse / seconds["npm's own cache"], 'most', 1.1)
    return table
  } finally {
    for (const peer of peers) await peer.stop()
    await r.stop()
    rmSync(base, { recursive: true, force: true })
  }
}
