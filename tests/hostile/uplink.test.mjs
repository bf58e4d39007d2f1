// What an uplink may do to us: each lie is refused, nothing wrong is kept, and what can go on goes on.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { publishDocument } from '../e2e/publish.mjs'
import { Redhouse, sleep, until } from '../e2e/redhouse.mjs'
import { Uplink, bomb, cut } from './uplink.mjs'

let r, uplink, other, token, admin
before(async () => {
  uplink = await Uplink.start()
  other = await Uplink.start()
  r = await Redhouse.start({ uplink: uplink.url, args: ['--uplink-fresh', '1s', '--uplink-stale', '0s', '--uplink-timeout', '2s'] })
  token = await r.token('admin', 'test')
  admin = { cookie: await r.login('admin', r.password) }
}, { timeout: 120000 })
after(async () => {
  await r?.stop()
  await uplink?.stop()
  await other?.stop()
})

const ask = (path, headers = {}) => fetch(`${r.url}/npm/${path}`, { headers: { authorization: `Bearer ${token}`, ...headers } })
const error = async (answer) => (await answer.json()).error
const bytes = async (answer) => Buffer.from(await answer.arrayBuffer())
// A breaker that a lie has opened is half-open again a moment later.
const state = async () => (await r.api('GET', '/api/v1/uplinks/default', undefined, admin)).body
let wells = 0
const rested = () => until('the uplink is asked again', async () => {
  const name = `well-${wells++}`
  uplink.add(name)
  return (await ask(name)).status === 200 && (await state()).state === 'closed'
}, 90000)

describe('documents', () => {
  const refuses = async (name, options, pattern = /cannot be read|uplink/i) => {
    uplink.add(name, options)
    const answer = await ask(name)
    assert.ok(answer.status === 502 || answer.status === 504, `${name}: ${answer.status}`)
    assert.match(await error(answer), pattern)
    await rested()
  }

  test('that are no JSON, of another package, without versions or not in UTF-8 are refused', async () => {
    await refuses('no-json', { document: (req, res) => res.end('<html>hello</html>') })
    await refuses('half-json', { document: (req, res, { body }) => res.end(body.subarray(0, body.length - 3)) })
    await refuses('of-another', { document: (req, res) => res.end(JSON.stringify({ name: 'left-pad', versions: {} })) })
    await refuses('no-versions', { document: (req, res) => res.end('{"name":"no-versions"}') })
    await refuses('no-utf8', { document: (req, res) => res.end(Buffer.from('{"name":"no-utf8","versions":{},"x":"\xff\xfe"}', 'latin1')) })
  })

  test('that have another length than said, or end in the middle, are not taken for whole', async () => {
    await refuses('short-doc', { document: (req, res, { body }) => cut(res, body, 40) })
    await refuses('dead-doc', { document: (req, res) => res.socket.destroy() })
  })

  test('that are packed bombs or never end are cut off', async () => {
    await refuses('bomb', { document: (req, res) => res.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb()) })
    await refuses('bad-gzip', { document: (req, res) => res.writeHead(200, { 'content-encoding': 'gzip' }).end('not packed') })
    let going = true
    await refuses('endless', {
      document: (req, res) => {
        res.writeHead(200)
        const more = () => { while (going && res.write(Buffer.alloc(1 << 20, 0x20))); }
        res.on('drain', more).on('close', () => { going = false })
        more()
      },
    })
    assert.equal(going, false)
  })

  test('that come too slowly end in time', async () => {
    const began = Date.now()
    await refuses('silent', { document: (req, res) => { res.writeHead(200, { 'content-length': 100 }); res.write('{') } })
    assert.ok(Date.now() - began < 30000)
  })

  test('304 without anything here is no document', async () => {
    uplink.add('early-304', { document: (req, res) => res.writeHead(304).end() })
    assert.equal((await ask('early-304')).status, 404)
  })

  test('a refusal is told as one', async () => {
    uplink.add('forbidden', { document: (req, res) => res.writeHead(403).end('{}') })
    const answer = await ask('forbidden')
    assert.equal(answer.status, 403)
    assert.match(await error(answer), /refuses "forbidden"/)
  })

  test('that hold strange versions and keys lose those', async () => {
    uplink.add('odd')
    Object.assign(uplink.packages.get('odd').doc.versions, { '../../x': { name: 'odd' }, '1.0.0"': {} })
    const doc = await (await ask('odd')).json()
    assert.deepEqual(Object.keys(doc.versions), ['1.0.0'])
  })

  test('ask gzip, and get it unpacked', async () => {
    const { gzipSync } = await import('node:zlib')
    uplink.add('packed', { document: (req, res, { body }) => {
      assert.match(req.headers['accept-encoding'], /gzip/)
      res.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(body))
    } })
    assert.equal((await (await ask('packed')).json()).name, 'packed')
  })
})

describe('tarballs', () => {
  const path = (name) => `${name}/-/${name}-1.0.0.tgz`

  test('with other bytes than promised are never served and never kept', async () => {
    uplink.add('liar', { tarball: (req, res, { body, count }) => res.end(count > 1 ? body : Buffer.from(body).fill(0)) })
    const first = await ask(path('liar'))
    assert.equal(first.status, 502)
    assert.match(await error(first), /not the one that its document promises/)
    await sleep(2100)
    assert.equal((await ask(path('liar'))).status, 200)
  })

  test('without any promise are refused', async () => {
    uplink.add('unpromised', { dist: { integrity: undefined } })
    assert.equal((await ask(path('unpromised'))).status, 502)
  })

  test('that die in the middle are gone on with where they stopped', async () => {
    const tgz = uplink.add('dies', {
      size: 300000,
      tarball: (req, res, { body, count }) => {
        const etag = '"one"'
        if (count === 1) return cut(res, body, 100000, { etag })
        const from = Number(/bytes=(\d+)-/.exec(req.headers.range)[1])
        assert.equal(req.headers['if-range'], etag)
        const rest = body.subarray(from)
        const headers = { etag, 'content-range': `bytes ${from}-${body.length - 1}/${body.length}`, 'content-length': rest.length }
        if (count === 2) return cut(res, rest, 50000, headers, 206)
        res.writeHead(206, headers).end(rest)
      },
    })
    assert.deepEqual(await bytes(await ask(path('dies'))), tgz)
    assert.equal(uplink.count(path('dies')), 3)
    await bytes(await ask(path('dies')))
    assert.equal(uplink.count(path('dies')), 3)
  })

  test('that die again and again end in an error, and the next one who asks may have luck', async () => {
    uplink.add('dies-always', { size: 5000, tarball: (req, res) => res.socket.destroy() })
    assert.equal((await ask(path('dies-always'))).status >= 502, true)
    await rested()
  })

  test('of which another version lies there now begin from the start', async () => {
    const tgz = uplink.add('changed', {
      size: 50000,
      tarball: (req, res, { body, count }) => (count === 1 ? cut(res, Buffer.from(body).fill(1), 20000, { etag: '"old"' }) : res.writeHead(200, { etag: '"new"' }).end(body)),
    })
    assert.deepEqual(await bytes(await ask(path('changed'))), tgz)
  })

  test('whose pieces do not fit are asked for once more in one go', async () => {
    const tgz = uplink.add('mixed', {
      size: 50000,
      tarball: (req, res, { body, count }) => {
        if (count === 1) return cut(res, Buffer.from(body).fill(1), 20000)
        const from = Number(/bytes=(\d+)-/.exec(req.headers.range ?? '')?.[1] ?? 0)
        if (from > 0) return res.writeHead(206, { 'content-range': `bytes ${from}-${body.length - 1}/${body.length}` }).end(body.subarray(from))
        res.end(body)
      },
    })
    assert.deepEqual(await bytes(await ask(path('mixed'))), tgz)
  })

  test('429 with Retry-After is waited for', async () => {
    let at = 0
    const tgz = uplink.add('busy', {
      tarball: (req, res, { body, count }) => {
        if (count === 1) { at = Date.now(); return res.writeHead(429, { 'retry-after': '1' }).end() }
        assert.ok(Date.now() - at >= 950, `after ${Date.now() - at} ms`)
        res.end(body)
      },
    })
    assert.deepEqual(await bytes(await ask(path('busy'))), tgz)
  })

  test('are fetched once for many', async () => {
    uplink.add('wanted', { size: 40000, tarball: (req, res, { body }) => setTimeout(() => res.end(body), 400) })
    const all = await Promise.all(Array.from({ length: 8 }, () => ask(path('wanted'))))
    for (const one of all) assert.equal((await bytes(one)).length, 40000)
    assert.equal(uplink.count(path('wanted')), 1)
  })
})

describe('addresses', () => {
  test('a redirect to a private address is not followed', async () => {
    for (const to of [`${other.url}/away`, 'http://169.254.169.254/latest/', 'http://[::1]:1/', 'http://localhost:1/', 'file:///etc/passwd', 'gopher://x/'])
      uplink.add(`away-${encodeURIComponent(to).replace(/[^a-z0-9]/gi, '').toLowerCase()}`, { document: (req, res) => res.writeHead(302, { location: to }).end() })
    for (const name of uplink.packages.keys()) {
      if (!name.startsWith('away-')) continue
      const answer = await ask(name)
      assert.ok([502, 503].includes(answer.status), `${name}: ${answer.status}`)
      await rested()
    }
    assert.equal(other.asked.length, 0)
  })

  test('a redirect on its own is followed, but not for ever', async () => {
    uplink.add('target')
    uplink.add('moved', { document: (req, res) => res.writeHead(301, { location: '/moved-here' }).end() })
    uplink.packages.set('moved-here', { ...uplink.packages.get('moved'), document: undefined })
    assert.equal((await (await ask('moved')).json()).name, 'moved')
    uplink.add('circle', { document: (req, res) => res.writeHead(302, { location: '/circle' }).end() })
    assert.equal((await ask('circle')).status, 502)
    await rested()
  })

  test('a redirect of a tarball is followed, whatever is written beside it', async () => {
    const tgz = uplink.add('shelf')
    const tarball = (req, res, { body }) => (req.url.endsWith('?there') ? res.end(body) : res.writeHead(302, { location: `${req.url}?there` }).end('<html>Found</html>'))
    uplink.packages.set('shelf', { ...uplink.packages.get('shelf'), tarball })
    assert.deepEqual(await bytes(await ask('shelf/-/shelf-1.0.0.tgz')), tgz)
  })

  test('a tarball that is said to lie elsewhere is asked of the uplink alone', async () => {
    const tgz = uplink.add('elsewhere', { dist: { tarball: `${other.url}/secret/elsewhere-1.0.0.tgz?token=1` } })
    assert.deepEqual(await bytes(await ask('elsewhere/-/elsewhere-1.0.0.tgz')), tgz)
    assert.equal(other.asked.length, 0)
  })
})

test('an uplink that fails again and again is left alone, then probed, then used again', async () => {
  const asked = uplink.asked.length
  uplink.all = (req, res) => res.writeHead(500).end()
  for (let i = 0; i < 4; i++) assert.ok((await ask(`down-${i}`)).status >= 500)
  const { state: now, cause, next_try_ms: next } = await state()
  assert.equal(now, 'open')
  assert.match(cause, /answered 500/)
  assert.ok(next > 0 && next <= 60000)
  const sent = uplink.asked.length
  assert.ok(sent - asked <= 6, `${sent - asked} requests`)
  const answer = await ask('down-9')
  assert.equal(answer.status, 503)
  const told = await error(answer)
  assert.match(told, /is asked again in \d+ s/)
  assert.doesNotMatch(told, /answered 500/, 'the cause, which may name addresses, is for administrators')
  assert.equal(uplink.asked.length, sent)
  uplink.all = undefined
  await rested()
  assert.equal((await state()).cause, 'The uplink "default" answered 500.')
})

test('an uplink that keeps everybody waiting holds up neither private packages nor who publishes them', async () => {
  const held = []
  const slow = await Uplink.start()
  slow.all = (req, res) => held.push(res)
  const s = await Redhouse.start({ uplink: slow.url, args: ['--uplink-timeout', '30s', '--platform-scope', '@here'] })
  try {
    const auth = { authorization: `Bearer ${await s.token('admin', 'test')}` }
    const get = (path) => fetch(`${s.url}/npm/${path}`, { headers: auth })
    const put = (name) => s.api('PUT', `/npm/${name.replace('/', '%2f')}`, publishDocument(name, '1.0.0').body, auth)
    assert.equal((await put('@here/before')).status, 201)
    let answered = 0
    const waiting = Array.from({ length: 100 }, (_, i) => get(`slow-${i}`).then(async (answer) => { await answer.arrayBuffer(); answered++ }))
    await until('as many wait as may', async () => {
      const n = held.length
      await sleep(500)
      return n > 0 && held.length === n
    })
    assert.equal((await get('@here%2fbefore')).status, 200)
    assert.equal((await get('@here/before/-/before-1.0.0.tgz')).status, 200)
    assert.equal((await put('@here/meanwhile')).status, 201)
    assert.equal((await get('@here%2fmeanwhile/latest')).status, 200)
    assert.equal(answered, 0)
    slow.all = (req, res) => res.writeHead(404).end('{}')
    held.forEach((res) => res.writeHead(404).end('{}'))
    await Promise.all(waiting)
  } finally {
    await slow.stop()
    await s.stop()
  }
})

test('no header of a client goes out', async () => {
  uplink.add('plain')
  const sent = { cookie: 'a=b', 'npm-session': 'x', 'npm-otp': '123456', 'x-forwarded-for': '10.0.0.1', referer: 'http://secret/', 'user-agent': 'npm/11', 'npm-command': 'install', 'pacote-pkg-id': 'x', 'accept-language': 'de', origin: 'http://evil', forwarded: 'for=1', via: '1.1 somebody' }
  await bytes(await ask('plain', sent))
  await bytes(await ask('plain/-/plain-1.0.0.tgz', sent))
  const may = new Set(['host', 'accept', 'accept-encoding', 'user-agent', 'via', 'if-none-match', 'range', 'if-range'])
  for (const { headers } of uplink.asked) {
    for (const name of Object.keys(headers)) if (name !== 'connection') assert.ok(may.has(name), name)
    assert.match(headers['user-agent'], /^redhouse\//)
    assert.match(headers.via, /^1\.1 redhouse-[0-9a-f]{12}$/)
  }
})
