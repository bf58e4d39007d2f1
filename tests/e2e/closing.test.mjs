// A connection that the server ends is one on which nothing more is done: a request that arrives at that very moment is answered,
// or was not done, and may be sent again. A browser does so by itself, whatever the request.
import { after, before, describe, test } from 'node:test'
import { askAll, idle } from './lane.mjs'
import { Redhouse } from './redhouse.mjs'

const limit = { timeout: 180000 }
const rounds = 6

describe('a server that ends', limit, () => {
  let r, token
  before(async () => {
    r = await Redhouse.start({ args: ['--drain', '2s'] })
    token = await r.token('admin', 't')
  }, limit)
  after(async () => r?.stop(), limit)

  test('answers what arrives as it ends, or does not do it', limit, async () => {
    for (let round = 0; round < rounds; round++) {
      const lanes = await Promise.all(Array.from({ length: 8 }, () => idle(r, token)))
      process.kill(r.ready.pid, 'SIGSTOP')
      const judge = askAll(r, token, lanes, `late ${round}`)
      process.kill(r.ready.pid, 'SIGTERM')
      process.kill(r.ready.pid, 'SIGCONT')
      await Promise.all(lanes.map((lane) => lane.ended))
      await r.ended
      await r.serve()
      await judge()
    }
  })
})
