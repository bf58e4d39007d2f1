// The routes that docs/api.md names, one a line: "GET /tenants/:tenant".
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const text = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'api.md'), 'utf8')
for (const line of text.split('\n')) {
  const cell = line.match(/^\| `((?:GET|POST|PUT|PATCH|DELETE)\b[^`]*)` \|/)
  if (cell) console.log(cell[1])
}
