// A connection of one's own to a server, to be idle on and to ask on at a bad moment.
import assert from 'node:assert/strict'
import { connect } from 'node:net'

// One that had an answer and is idle now. ask() sends; text is what came since; ended settles with the connection.
export async function idle(r, token) {
  const socket = connect(r.port, '127.0.0.1')
  const lane = { text: '', ended: new Promise((done) => socket.on('close', done)), closed: () => socket.closed, close: () => socket.destroy() }
  socket.on('error', () => {})
  const first = new Promise((done, fail) => {
    socket.on('data', (chunk) => { lane.text += chunk; done() })
    socket.on('close', () => fail(new Error('closed')))
  })
  first.catch(() => {})
  lane.ask = (method, path, body = '') => socket.write(`${method} ${path} HTTP/1.1\r\nHost: localhost:${r.port}\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
  lane.ask('GET', '/api/v1/session')
  await first
  assert.match(lane.text, /^HTTP\/1\.1 200 /)
  lane.text = ''
  return lane
}

// Asks for a token on each; later, judge() tells: what had no answer was not done.
export function askAll(r, token, lanes, word) {
  for (const [i, lane] of lanes.entries()) lane.ask('POST', '/api/v1/tokens', JSON.stringify({ name: `${word} ${i}` }))
  return async function judge() {
    const { body } = await r.api('GET', '/api/v1/tokens?limit=200', undefined, { authorization: `Bearer ${token}` })
    const made = body.items.map((t) => t.name)
    for (const [i, lane] of lanes.entries())
      assert.equal(made.includes(`${word} ${i}`), /^HTTP\/1\.1 201 /.test(lane.text), `${word} ${i}: ${lane.text.slice(0, 200) || 'no answer'}`)
  }
}
