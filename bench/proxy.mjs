// The proxy in front of the same nginx backend: Redhouse with its session check and signed identity, nginx as a plain proxy.
import { chmodSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Redhouse, freePort, instanceCookie, raw, until } from '../tests/e2e/redhouse.mjs'
import { Table, interleave, median, wrk } from './measure.mjs'
import { Nginx } from './peers.mjs'

const answer = 'from the backend '.repeat(60)

// nginx takes the place of a running instance's editor: same socket, same user, outside its sandbox.
async function takePlace(r, slug) {
  const { id } = await r.instanceState(slug)
  const socket = join(r.data, 'run', 'instances', id, 'editor.sock')
  const { uid, mode } = statSync(socket)
  renameSync(socket, `${socket}.node-red`)
  const backend = await Nginx.start(`server { listen unix:${socket}; location / { return 200 "${answer}"; }
    location = /who { return 200 "$http_x_redhouse_identity"; } }`, { uid })
  chmodSync(socket, mode & 0o777)
  return { backend, socket }
}

export default async function proxy({ rounds, seconds }) {
  const r = await Redhouse.start()
  let backend, front
  try {
    await r.run('tenant', 'create', 'bench')
    await r.run('instance', 'create', 'bench/one')
    await until('the instance', async () => (await r.instanceState('one')).state === 'running', 90000)
    const taken = await takePlace(r, 'one')
    backend = taken.backend
    const cookie = await instanceCookie(r, await r.login('admin', r.password), 'one.localhost')
    // Connections to Node-RED that were kept open end by themselves.
    await until('the backend', async () => (await raw(r, 'one.localhost', '/', { headers: { cookie } })).text === answer, 90000)
    const who = (headers) => raw(r, 'one.localhost', '/who', { headers }).then((a) => a.text)
    if (!(await who({ cookie })) || (await who({}))) throw new Error('the identity does not follow the session')
    const port = await freePort()
    front = await Nginx.start(`
      upstream backend { server unix:${taken.socket}; keepalive 64; }
      server { listen 127.0.0.1:${port}; location / {
        proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host; proxy_set_header X-Forwarded-For $remote_addr; } }`)
    const servers = {
      Redhouse: [[r.ready.pid], `http://127.0.0.1:${r.port}/`, { Host: `one.localhost:${r.port}`, cookie }],
      nginx: [front.pids, `http://127.0.0.1:${port}/`, { cookie }],
    }
    const table = new Table('Proxy', `wrk, one thread, 32 connections, ${seconds} s a round, about 1 kB from an nginx on a Unix socket. Redhouse looks the session up and signs the identity for each request; nginx only forwards.`)
    const full = await interleave(Object.fromEntries(Object.entries(servers).map(([name, [pids, url, headers]]) =>
      [name, () => wrk(pids, url, { seconds, headers })])), rounds)
    const perCpu = {}
    for (const [name, values] of Object.entries(full)) {
      perCpu[name] = table.row(`full speed: ${name}`, 'requests per CPU second', values.map((x) => x.perCpu))
      table.row(`full speed: ${name}`, 'requests per second', values.map((x) => x.rate))
    }
    const half = median(full.nginx.map((x) => x.rate)) / 2
    // Each connection asks, waits for the answer and pauses: so many of them make half of what nginx can.
    const pause = 10
    const connections = Math.max(8, Math.round((half * pause) / 1000))
    const script = join(r.data, 'pause.lua')
    writeFileSync(script, `function delay() return math.random(${pause - 5}, ${pause + 5}) end\n`)
    const paced = await interleave(Object.fromEntries(Object.entries(servers).map(([name, [pids, url, headers]]) =>
      [name, () => wrk(pids, url, { seconds, headers, connections, script })])), rounds)
    const p99 = {}
    for (const [name, values] of Object.entries(paced)) {
      p99[name] = table.row(`at half of nginx's rate: ${name}`, 'ms (p99)', values.map((x) => x.p99))
      table.row(`at half of nginx's rate: ${name}`, 'requests per second', values.map((x) => x.rate))
    }
    table.figure('requests per CPU second: part of nginx', perCpu.Redhouse / perCpu.nginx, 'least', 0.9)
    table.figure("p99 at half of nginx's rate: times nginx", p99.Redhouse / p99.nginx, 'most', 1.2)
    return table
  } finally {
    await front?.stop()
    await r.stop()
    await backend?.stop()
  }
}
