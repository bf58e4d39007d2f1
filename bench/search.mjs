// Searches: Redhouse over 10,000 packages beside Verdaccio over 300, the same words at both.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Redhouse } from '../tests/e2e/redhouse.mjs'
import { publishDocument } from '../tests/e2e/publish.mjs'
import { Table, interleave, wrk } from './measure.mjs'
import { Verdaccio } from './peers.mjs'

const subjects = ['mqtt', 'modbus', 'opcua', 'camera', 'weather', 'battery', 'solar', 'heating', 'blinds', 'door', 'garden', 'pump', 'valve', 'meter', 'relay', 'sensor', 'robot', 'printer', 'light', 'siren']
const verbs = ['read', 'write', 'watch', 'convert', 'store', 'forward', 'merge', 'split', 'count', 'draw', 'filter', 'replay', 'group', 'sort', 'delay']
const pick = (list, n) => list[n % list.length]

const syllables = ['ba', 'co', 'di', 'fu', 'ga', 'he', 'ki', 'lo', 'mu', 'ne', 'pa', 'ro', 'si', 'tu', 've']
/** One of 3,375 words that a readme is made of. */
const word = (n) => pick(syllables, n) + pick(syllables, Math.floor(n / 15)) + pick(syllables, Math.floor(n / 225))

/** Package number i: every word of a list occurs in its share of them. */
function packageNumber(i) {
  const subject = pick(subjects, i), verb = pick(verbs, Math.floor(i / subjects.length))
  return publishDocument(`@bench/${subject}-${verb}-${i}`, '1.0.0', {
    manifest: {
      description: `Nodes that ${verb} what a ${subject} says`,
      keywords: ['node-red', subject, verb],
      license: 'Apache-2.0',
    },
    readme: `# ${subject} ${verb}\n\n${Array.from({ length: 120 }, (_, k) => word(i * 31 + k * k * 7)).join(' ')}.`,
  }).body
}

async function seed(url, token, n) {
  let next = 0
  await Promise.all(Array.from({ length: 16 }, async () => {
    while (next < n) {
      const body = packageNumber(next++)
      const answer = await fetch(`${url}/${body.name.replace('/', '%2f')}`, {
        method: 'PUT', headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` }, body: JSON.stringify(body),
      })
      if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`)
      await answer.arrayBuffer()
    }
  }))
}

/** What wrk asks in turn: one word, two, a part of one, a keyword, one of readmes. */
const texts = subjects.flatMap((s, i) => [s, `${s} ${pick(verbs, i)}`, s.slice(0, 3), `keywords:${s}`, word(i * 97)])

export default async function search({ rounds, seconds, packages = 10000 }) {
  const folder = mkdtempSync('/tmp/rh-bench-search-')
  const r = await Redhouse.start({ args: ['--anonymous-reads', '--platform-scope', '@bench'] })
  let v
  try {
    v = await Verdaccio.start()
    await seed(`${r.url}/npm`, await r.token('admin', 'bench'), packages)
    await seed(v.url, v.token, 300)
    const { total } = await (await fetch(`${r.url}/npm/-/v1/search?text=node-red`)).json()
    if (total !== packages) throw new Error(`${total} packages are found, not ${packages}`)
    const list = `local texts = {${texts.map((t) => `'${encodeURIComponent(t)}'`).join(',')}}\nlocal n = 0\n`
    const script = (name, body) => {
      const path = join(folder, name)
      writeFileSync(path, `${list}request = function() n = n + 1; return wrk.format('GET', ${body}) end\n`)
      return path
    }
    const turn = (base) => `'${base}/-/v1/search?size=20&text=' .. texts[n % #texts + 1]`
    const fresh = `'/npm/-/v1/search?size=20&text=' .. texts[n % #texts + 1] .. '&quality=0.' .. (n % 1000) .. '&maintenance=' .. math.floor(n / 1000)`
    const scripts = { ready: script('ready.lua', turn('/npm')), fresh: script('fresh.lua', fresh), verdaccio: script('verdaccio.lua', turn('')) }
    const table = new Table('Search', `wrk, one thread, 32 connections (Verdaccio: 4), ${seconds} s a round, ${texts.length} texts in turn. Redhouse holds ${packages} packages, Verdaccio 300. Requests per second of the server's processor time.`)
    const values = await interleave({
      Redhouse: async () => (await wrk([r.ready.pid], r.url, { seconds, script: scripts.ready })).perCpu,
      'Redhouse, nothing asked before': async () => (await wrk([r.ready.pid], r.url, { seconds, script: scripts.fresh })).perCpu,
      Verdaccio: async () => (await wrk(v.pids, v.url, { seconds: Math.max(seconds, 5), connections: 4, script: scripts.verdaccio })).perCpu,
    }, rounds)
    const found = Object.fromEntries(Object.entries(values).map(([name, list]) => [name, table.row(name, 'requests per CPU second', list)]))
    table.figure('search over 10,000 packages: times Verdaccio over 300', found.Redhouse / found.Verdaccio, 'least', 100)
    table.figure('nothing asked before: times Verdaccio', found['Redhouse, nothing asked before'] / found.Verdaccio, 'least', 10)
    return table
  } finally {
    await v?.stop()
    await r.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}
