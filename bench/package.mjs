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

/** The body of PUT /NAME for one version. Its padding is random, so that it does not shrink. */
export const packageOf10kB = (name, version) =>
  JSON.stringify(publishDocument(name, version, { manifest, files: { 'padding.bin': randomBytes(9300) } }).body)
