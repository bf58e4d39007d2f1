// pnpm 11, which takes longest to start: every command.
import { matrix } from './matrix.mjs'
import { people } from './matrix_people.mjs'
import { packages } from './matrix_rows.mjs'

matrix(['pnpm11'], { ...packages, ...people })
