// Tarballs of 10 kB and 1 MB: Redhouse, Verdaccio, pnpr and nginx (the same bytes as files).
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Redhouse, freePort } from '../tests/e2e/redhouse.mjs'
import { Table, interleave, wrk } from './measure.mjs'
import { Nginx, Pnpr, Verdaccio } from './peers.mjs'
import { body, put } from './package.mjs'

// what: name, bytes of padding, at least this part of nginx
const cases = { '10 kB': ['@bench/small', 9300, 0.7], '1 MB': ['@bench/big', 1 << 20, 0.6] }
const path = (name) => `${name}/-/${name.split('/')[1]}-1.0.0.tgz`

export default async function tarballs({ rounds, seconds }) {
  const r = await Redhouse.start({ args: ['--anonymous-reads', '--platform-scope', '@bench'] })
  const peers = []
  try {
    const v = await Verdaccio.start()
    peers.push(v)
    const p = await Pnpr.start()
    if (p) peers.push(p)
    const token = await r.token('admin', 'bench')
    const auth = { authorization: `Bearer ${token}` }
    const root = join(r.data, 'bench-root')
    for (const [name, padding] of Object.values(cases)) {
      await put(`${r.url}/npm`, token, name, '1.0.0', padding)
      for (const peer of peers) await put(peer.url, peer.token, name, '1.0.0', padding)
      mkdirSync(join(root, name, '-'), { recursive: true })
      writeFileSync(join(root, path(name)), await body(`${r.url}/npm/${path(name)}`, auth))
    }
    const port = await freePort()
    const n = await Nginx.start(`server { listen 127.0.0.1:${port}; root ${root}; }`)
    peers.push(n)
    const servers = {
      Redhouse: [[r.ready.pid], `${r.url}/npm/`],
      'Redhouse, with a token': [[r.ready.pid], `${r.url}/npm/`, auth],
      Verdaccio: [v.pids, `${v.url}/`],
      ...(p ? { pnpr: [p.pids, `${p.url}/`] } : {}),
      nginx: [n.pids, `http://127.0.0.1:${port}/`],
    }
    const table = new Table('Tarballs', `wrk, one thread, 32 connections, ${seconds} s a round, each file asked for before. nginx serves the same bytes as files.`)
    for (const [what, [name, , least]] of Object.entries(cases)) {
      const found = {}
      const measures = Object.fromEntries(Object.entries(servers).map(([server, [pids, base, headers]]) =>
        [server, async () => (await wrk(pids, base + path(name), { seconds, headers })).perCpu]))
      for (const [server, values] of Object.entries(await interleave(measures, rounds)))
        found[server] = table.row(`${what}: ${server}`, 'requests per CPU second', values)
      table.figure(`${what}: part of nginx`, found.Redhouse / found.nginx, 'least', least)
      table.figure(`${what}, with a token: part of without`, found['Redhouse, with a token'] / found.Redhouse, 'least', 0.9)
    }
    return table
  } finally {
    for (const peer of peers) await peer.stop()
    await r.stop()
  }
}
