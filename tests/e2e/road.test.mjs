import { road } from './road.mjs'

road('node-red@5', 'localhost')
