import { road } from './road.mjs'

road('node-red@4.1', 'localhost')
