// The package that the benches publish: 10 kB, with a manifest as long as a usual one's.
import { randomBytes } from 'node:crypto'
import { publishDocument } from '../tests/e2e/publish.mjs'

const manifest = {
  license: 'Apache-2.0',
  keywords: ['node-red', 'bench', 'measure'],
  repository: { type: 'git', url: 'git+https://git.example/bench/bench.git' },
  scripts: { test: 'node --test', lint: 'eslint .', build: 'tsc -p .' },
  dependencies: Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`dependency-number-${i}`, `^${i}.1.${i}`])),
  engines: { node: '>=20' },
}

/** The body of PUT /NAME for one version: 10 kB, or with more bytes of padding. The padding is random, so that it does not shrink. */
export const packageOf10kB = (name, version, padding = 9300) =>
  JSON.stringify(publishDocument(name, version, { manifest, files: { 'padding.bin': randomBytes(padding) } }).body)

/** Publishes one version of it and throws unless it went well. */
export async function put(url, token, name, version, padding) {
  const answer = await fetch(`${url}/${name.replace('/', '%2f')}`, {
    method: 'PUT', headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` }, body: packageOf10kB(name, version, padding),
  })
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`)
  await answer.arrayBuffer()
}

/** The bytes of an answer; throws unless it is one of success. */
export async function body(url, headers) {
  const answer = await fetch(url, { headers })
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`)
  return Buffer.from(await answer.arrayBuffer())
}
