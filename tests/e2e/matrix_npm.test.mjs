// npm 10, 11 and 12: every command.
import { matrix } from './matrix.mjs'
import { people } from './matrix_people.mjs'
import { packages } from './matrix_rows.mjs'

matrix(['npm10', 'npm11', 'npm12'], { ...packages, ...people })
