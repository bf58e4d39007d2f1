// An authenticator app, as RFC 6238 has it.
import { createHmac } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

function bytes(base32) {
  let bits = ''
  for (const c of base32.replace(/=+$/, '')) bits += alphabet.indexOf(c).toString(2).padStart(5, '0')
  return Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)))
}

export class App {
  #last = 0

  constructor(secret) {
    this.secret = bytes(secret)
  }

  at(step) {
    const counter = Buffer.alloc(8)
    counter.writeBigUInt64BE(BigInt(step))
    const mac = createHmac('sha1', this.secret).update(counter).digest()
    const at = mac.at(-1) & 15
    return String((mac.readUInt32BE(at) & 0x7fffffff) % 1e6).padStart(6, '0')
  }

  // One that was not given before: of the step before, this one or the next; else it waits for one.
  async code() {
    for (;;) {
      const now = Math.floor(Date.now() / 30000), step = Math.max(this.#last + 1, now - 1)
      // The step before is over soon at the end of this one.
      if (step === now - 1 && Date.now() % 30000 > 28000) await sleep(2100)
      else if (step <= now + 1) return this.at((this.#last = step))
      else await sleep(500)
    }
  }

  used() {
    return this.at(this.#last)
  }
}
