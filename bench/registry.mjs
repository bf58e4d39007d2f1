// Packuments: Redhouse, Verdaccio, pnpr and nginx (the same bytes as files) answer the same requests.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { Redhouse, freePort } from '../tests/e2e/redhouse.mjs'
import { Table, interleave, wrk } from './measure.mjs'
import { Nginx, Pnpr, Verdaccio } from './peers.mjs'
import { body, put } from './package.mjs'

const small = '@bench/small'
const many = '@bench/many'
const accept = { accept: 'application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*' }
const gzip = { 'accept-encoding': 'gzip' }

// what: name, headers, the file of nginx, whether the client has it already
const cases = {
  'one version': [small, {}, 'small'],
  '150 versions, full': [many, {}, 'many'],
  '150 versions, full, gzip': [many, gzip, 'many'],
  '150 versions, full, 304': [many, {}, 'many', true],
  '150 versions, abbreviated': [many, accept, 'many-abbreviated'],
  '150 versions, abbreviated, gzip': [many, { ...accept, ...gzip }, 'many-abbreviated'],
  '150 versions, abbreviated, 304': [many, accept, 'many-abbreviated', true],
}

async function seed(url, token) {
  await put(url, token, small, '1.0.0')
  for (let i = 0; i < 150; i++) await put(url, token, many, `1.${i}.0`)
}

async function nginxOf(r, port, auth) {
  const folder = join(r.data, 'bench-root', '@bench')
  mkdirSync(folder, { recursive: true })
  for (const [name, headers, file] of Object.values(cases)) {
    const bytes = await body(`${r.url}/npm/${name}`, { ...auth, ...headers, 'accept-encoding': 'identity' })
    if (Object.keys(JSON.parse(bytes).versions).length !== (name === small ? 1 : 150)) throw new Error(`${name}: not what was published`)
    writeFileSync(join(folder, file), bytes)
    writeFileSync(join(folder, `${file}.gz`), gzipSync(bytes, { level: 9 }))
  }
  return Nginx.start(`server { listen 127.0.0.1:${port}; root ${join(r.data, 'bench-root')}; gzip_static on; }`)
}

// A server that gives no ETag for it has no such case.
async function revalidating(url, headers) {
  const answer = await fetch(url, { headers: { 'accept-encoding': 'identity', ...headers } })
  await answer.arrayBuffer()
  const etag = answer.headers.get('etag')
  return etag && { ...headers, 'if-none-match': etag }
}

async function measuresOf(servers, [name, headers, file, known], seconds) {
  const measures = {}
  for (const [server, [pids, base]] of Object.entries(servers)) {
    const url = base + (server === 'nginx' ? `@bench/${file}` : name)
    const asked = known ? await revalidating(url, headers) : headers
    if (asked) measures[server] = async () => (await wrk(pids, url, { seconds, headers: asked })).perCpu
  }
  return measures
}

function judge(table, found) {
  for (const [what, one] of Object.entries(found)) {
    table.figure(`${what}: part of nginx`, one.Redhouse / one.nginx, 'least', 0.7)
    if (what !== 'one version') table.figure(`${what}: times Verdaccio`, one.Redhouse / one.Verdaccio, 'least', 200)
    if (one['Redhouse, with a token']) table.figure(`${what}, with a token: part of without`, one['Redhouse, with a token'] / one.Redhouse, 'least', 0.9)
  }
}

export default async function registry({ rounds, seconds }) {
  const r = await Redhouse.start({ args: ['--anonymous-reads', '--platform-scope', '@bench'] })
  const peers = []
  try {
    const v = await Verdaccio.start()
    peers.push(v)
    const p = await Pnpr.start()
    if (p) peers.push(p)
    const token = await r.token('admin', 'bench')
    const auth = { authorization: `Bearer ${token}` }
    await seed(`${r.url}/npm`, token)
    for (const peer of peers) await seed(peer.url, peer.token)
    const port = await freePort()
    const n = await nginxOf(r, port, auth)
    peers.push(n)
    const servers = {
      Redhouse: [[r.ready.pid], `${r.url}/npm/`],
      Verdaccio: [v.pids, `${v.url}/`],
      ...(p ? { pnpr: [p.pids, `${p.url}/`] } : {}),
      nginx: [n.pids, `http://127.0.0.1:${port}/`],
    }
    const table = new Table('Packuments', `wrk, one thread, 32 connections, ${seconds} s a round. Requests per second of the server's processor time. nginx serves the bytes that Redhouse answers as files (gzip: compressed before). pnpr has no ETag.`)
    const found = {}
    for (const [what, one] of Object.entries(cases)) {
      const measures = await measuresOf(servers, one, seconds)
      if (what === 'one version' || what.endsWith('gzip'))
        measures['Redhouse, with a token'] = async () => (await wrk(servers.Redhouse[0], servers.Redhouse[1] + one[0], { seconds, headers: { ...one[1], ...auth } })).perCpu
      found[what] = {}
      for (const [server, values] of Object.entries(await interleave(measures, rounds)))
        found[what][server] = table.row(`${what}: ${server}`, 'requests per CPU second', values)
    }
    judge(table, found)
    return table
  } finally {
    for (const peer of peers) await peer.stop()
    await r.stop()
  }
}
