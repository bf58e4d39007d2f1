// pnpm 10 and 12: every command.
import { matrix } from './matrix.mjs'
import { people } from './matrix_people.mjs'
import { packages } from './matrix_rows.mjs'

matrix(['pnpm10', 'pnpm12'], { ...packages, ...people })
