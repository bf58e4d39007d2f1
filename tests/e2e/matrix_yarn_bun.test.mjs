// yarn 1, yarn 4 and bun: every command.
import { matrix } from './matrix.mjs'
import { people } from './matrix_people.mjs'
import { packages } from './matrix_rows.mjs'

matrix(['yarn1', 'berry', 'bun'], { ...packages, ...people })
