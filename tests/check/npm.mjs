// The table of docs/npm.md as the matrix of clients (tests/e2e/matrix.mjs) has it: what each client does against this server.
import { people } from '../e2e/matrix_people.mjs'
import { cellOf, kinds } from '../e2e/matrix.mjs'
import { packages } from '../e2e/matrix_rows.mjs'

const titles = { npm10: 'npm 10', npm11: 'npm 11', npm12: 'npm 12', pnpm10: 'pnpm 10', pnpm11: 'pnpm 11', pnpm12: 'pnpm 12', yarn1: 'yarn 1', berry: 'yarn 4', bun: 'bun' }
const notes = []
const word = (cell) => {
  if (typeof cell !== 'string') return cell.refused ? 'not offered' : 'yes'
  if (cell === 'the client has no such command') return '–'
  if (!notes.includes(cell)) notes.push(cell)
  return `– (${notes.indexOf(cell) + 1})`
}
console.log(`| command | ${kinds.map((kind) => titles[kind]).join(' | ')} |`)
console.log(`|${' --- |'.repeat(kinds.length + 1)}`)
for (const [what, cells] of Object.entries({ ...packages, ...people }))
  console.log(`| ${what} | ${kinds.map((kind) => word(cellOf(cells, kind))).join(' | ')} |`)
console.log()
for (const [i, note] of notes.entries()) console.log(`${i + 1}. ${note}`)
