// Raw bytes against the server: framing, heads, hosts, who may, errors.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { Server, sleep, until } from './http.mjs'

let s
before(async () => (s = await Server.start({ log: 'DIR/access.log', trusted: '127.0.0.1' })))
after(() => s.end())

const get = (path, ...headers) => `GET ${path} HTTP/1.1\r\nHost: ${s.host}\r\n${headers.map((h) => `${h}\r\n`).join('')}\r\n`
const bearer = (token) => ({ authorization: `Bearer ${token}` })

test('a plain request is answered', async () => {
  const answer = await s.raw(get('/hello'))
  assert.equal(answer.status, 200)
  assert.equal(answer.text, 'hello\n')
})

// what, the bytes, the code of the answer (null: the library's own 400)
const refused = () => [
  ['two equal lengths', `POST /echo HTTP/1.1\r\nHost: ${s.host}\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc`, 'bad_length'],
  ['two different lengths', `POST /echo HTTP/1.1\r\nHost: ${s.host}\r\nContent-Length: 3\r\nContent-Length: 0\r\n\r\nabc`, 'bad_length'],
  ['length and chunks', `POST /echo HTTP/1.1\r\nHost: ${s.host}\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 'bad_length'],
  ['chunks and length', `POST /echo HTTP/1.1\r\nHost: ${s.host}\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n`, 'bad_length'],
  ['chunked twice', `POST /echo HTTP/1.1\r\nHost: ${s.host}\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 'bad_length'],
  ['chunks in HTTP/1.0', `POST /echo HTTP/1.0\r\nHost: ${s.host}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 'bad_length'],
  ['a list as length', `POST /echo HTTP/1.1\r\nHost: ${s.host}\r\nContent-Length: 3, 3\r\n\r\nabc`, null],
  ['a signed length', `POST /echo HTTP/1.1\r\nHost: ${s.host}\r\nContent-Length: +3\r\n\r\nabc`, null],
  ['a huge length', `POST /echo HTTP/1.1\r\nHost: ${s.host}\r\nContent-Length: 99999999999999999999\r\n\r\nabc`, null],
  ['an unknown encoding', `POST /echo HTTP/1.1\r\nHost: ${s.host}\r\nTransfer-Encoding: gzip\r\n\r\nabc`, null],
  ['identity after chunked', `POST /echo HTTP/1.1\r\nHost: ${s.host}\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`, null],
  ['a chunk size past the end', `POST /echo HTTP/1.1\r\nHost: ${s.host}\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n`, null],
  ['a line feed alone', `GET /hello HTTP/1.1\r\nHost: ${s.host}\nX: y\r\n\r\n`, 'bad_line_end'],
  ['line feeds only', `GET /hello HTTP/1.1\nHost: ${s.host}\n\n`, 'bad_line_end'],
  ['a folded header', `GET /hello HTTP/1.1\r\nHost: ${s.host}\r\nX: y\r\n z\r\n\r\n`, 'bad_header'],
  ['a blank before the colon', `GET /hello HTTP/1.1\r\nHost : ${s.host}\r\n\r\n`, null],
  ['a NUL in a value', `GET /hello HTTP/1.1\r\nHost: ${s.host}\r\nX: a\0b\r\n\r\n`, null],
  ['two hosts', `GET /hello HTTP/1.1\r\nHost: ${s.host}\r\nHost: evil.test\r\n\r\n`, 'bad_host'],
  ['no host', 'GET /hello HTTP/1.1\r\n\r\n', 'bad_host'],
  ['no host in HTTP/1.0', 'GET /hello HTTP/1.0\r\n\r\n', 'bad_host'],
  ['an empty host', 'GET /hello HTTP/1.1\r\nHost:\r\n\r\n', 'bad_host'],
  ['a host with a blank', 'GET /hello HTTP/1.1\r\nHost: a b\r\n\r\n', 'bad_host'],
  ['a host with a user', `GET /hello HTTP/1.1\r\nHost: x@${s.host}\r\n\r\n`, 'bad_host'],
  ['a host with a path', `GET /hello HTTP/1.1\r\nHost: ${s.host}/x\r\n\r\n`, 'bad_host'],
  ['a host with a bad port', 'GET /hello HTTP/1.1\r\nHost: localhost:99999\r\n\r\n', 'bad_host'],
  ['a method that is no word', `G(T /hello HTTP/1.1\r\nHost: ${s.host}\r\n\r\n`, null],
  ['an empty method', ` /hello HTTP/1.1\r\nHost: ${s.host}\r\n\r\n`, 'bad_method'],
  ['a very long method', `${'G'.repeat(40)} /hello HTTP/1.1\r\nHost: ${s.host}\r\n\r\n`, 'bad_method'],
  ['a target without slash', `GET hello HTTP/1.1\r\nHost: ${s.host}\r\n\r\n`, 'bad_target'],
  ['a whole URL as target', `GET http://${s.host}/hello HTTP/1.1\r\nHost: ${s.host}\r\n\r\n`, 'bad_target'],
  ['a target with a fragment', `GET /hello#x HTTP/1.1\r\nHost: ${s.host}\r\n\r\n`, 'bad_target'],
  ['a very long target', `GET /${'x'.repeat(20000)} HTTP/1.1\r\nHost: ${s.host}\r\n\r\n`, 'bad_target'],
  ['a star', `OPTIONS * HTTP/1.1\r\nHost: ${s.host}\r\n\r\n`, 'bad_target'],
  ['CONNECT', `CONNECT ${s.host} HTTP/1.1\r\nHost: ${s.host}\r\n\r\n`, 'bad_target'],
  ['HTTP/1.9', `GET /hello HTTP/1.9\r\nHost: ${s.host}\r\n\r\n`, 'bad_version'],
  ['HTTP/2 in clear', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', null],
  ['a head of 80 KiB', `GET /hello HTTP/1.1\r\nHost: ${s.host}\r\n${`X: ${'y'.repeat(4000)}\r\n`.repeat(20)}\r\n`, 'head_too_large'],
  ['too many headers', `GET /hello HTTP/1.1\r\nHost: ${s.host}\r\n${'X: y\r\n'.repeat(200)}\r\n`, null],
  ['two tokens', get('/hello', 'Authorization: Bearer a', 'Authorization: Bearer b'), 'bad_header'],
  ['two origins', get('/hello', 'Origin: http://a', 'Origin: http://b'), 'bad_header'],
]

test('what could be read in two ways is refused, and the connection ends', async (t) => {
  const count = (await s.stats()).handled
  for (const [what, bytes, code] of refused()) {
    await t.test(what, async () => {
      const client = s.connect()
      client.write(`${bytes}`)
      const answer = await client.answer()
      assert.ok([400, 413].includes(answer.status), `${answer.status} ${answer.text}`)
      if (code) assert.equal(answer.json().code, code)
      if (code) assert.match(answer.json().request, /^[0-9a-f]{16}$/)
      await client.closing(2000)
    })
  }
  assert.equal((await s.stats()).handled, count)
})

test('nothing that follows a refused request on its connection is run', async () => {
  const before = (await s.stats()).handled
  const client = s.connect()
  client.write(`POST /echo HTTP/1.1\r\nHost: ${s.host}\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${get('/hello')}`)
  assert.equal((await client.answer()).status, 400)
  await client.closing(2000)
  assert.equal((await s.stats()).handled, before)
})

test('an upgrade to h2c is passed over', async () => {
  const answer = await s.raw(get('/hello', 'Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA'))
  assert.equal(answer.status, 200)
  assert.match(answer.head, /^HTTP\/1\.1 /)
})

test('another expectation than 100-continue is refused', async () => {
  assert.equal((await s.raw(`POST /echo HTTP/1.1\r\nHost: ${s.host}\r\nExpect: wonders\r\nContent-Length: 3\r\n\r\nabc`)).status, 417)
})

test('100-continue is said before the body', async () => {
  const client = s.connect()
  client.write(`POST /echo HTTP/1.1\r\nHost: ${s.host}\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n`)
  assert.equal((await client.answer()).status, 100)
  client.write('abc')
  assert.equal((await client.answer()).text, 'abc')
  client.close()
})

test('requests that come at once are answered in order', async () => {
  const client = s.connect()
  client.write(get('/slow?ms=150') + get('/hello') + `POST /echo HTTP/1.1\r\nHost: ${s.host}\r\nContent-Length: 2\r\n\r\nhi` + get('/ready/a') + get('/nowhere') + get('/hello'))
  const texts = []
  for (let i = 0; i < 6; i++) {
    const answer = await client.answer()
    texts.push(answer.status === 200 ? answer.text.trim() : answer.status)
  }
  assert.deepEqual([...texts.slice(0, 3), ...texts.slice(4)], ['slow', 'hello', 'hi', 404, 'hello'])
  assert.match(texts[3], /^build \d+ of a$/)
  client.close()
})

test('a thousand requests on one connection, written in odd pieces', async () => {
  const client = s.connect()
  const all = get('/hello').repeat(1000)
  for (let at = 0; at < all.length; at += 997) client.write(all.slice(at, at + 997))
  for (let i = 0; i < 1000; i++) assert.equal((await client.answer()).text, 'hello\n')
  client.close()
})

test('HEAD gets the head of GET', async () => {
  for (const path of ['/hello', '/file?bytes=300000', '/ready/head', '/lines']) {
    const client = s.connect()
    client.write(get(path).replace('GET', 'HEAD') + get('/hello'))
    const until_head = await until('a head', () => client.text.includes('\r\n\r\n') && client.text)
    assert.match(until_head, /^HTTP\/1\.1 200 OK\r\n/)
    await until('the next answer', () => client.text.endsWith('hello\n'))
    assert.equal(client.text.split('\r\n\r\n').length, 3)
    client.close()
  }
  const { headers } = await s.request('HEAD', '/file?bytes=300000')
  assert.equal(headers['content-length'], '300000')
})

test('an unknown host is told where this server is', async () => {
  for (const host of ['evil.test', `sub.${'x'.repeat(60)}.test:80`, '127.0.0.1', 'localhost.evil.test']) {
    const answer = await s.raw(`GET /hello HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
    assert.equal(answer.status, 421)
    assert.equal(answer.json().code, 'unknown_host')
    assert.match(answer.json().detail, /http:\/\/localhost/)
  }
  assert.equal((await s.raw(`GET / HTTP/1.1\r\nHost: nobody.localhost:${s.port}\r\n\r\n`)).json().code, 'no_instance')
})

test('a host is found in any case and with any port', async () => {
  assert.equal((await s.raw('GET /hello HTTP/1.1\r\nHost: LOCALHOST\r\n\r\n')).status, 200)
  assert.equal((await s.request('GET', '/whoami', { headers: { host: 'LocalHost:1' } })).json().host, 'localhost:1')
})

test('an instance has its own face below /.redhouse/ and its proxy elsewhere', async () => {
  const host = `demo.localhost:${s.port}`
  assert.equal((await s.request('GET', '/.redhouse/state', { headers: { host } })).json().instance, '01demo')
  assert.equal((await s.request('GET', '/.redhouse/nothing', { headers: { host } })).status, 404)
  assert.equal((await s.request('GET', '/whoami', { headers: { host } })).status, 503)
  assert.equal((await s.request('GET', '/.redhouse/state')).status, 404)
})

test('paths that are odd find nothing', async () => {
  for (const path of ['//hello', '/./hello', '/x/../hello', '/%2e%2e/hello', '/hello%00', '/hell%6g', '/hello/x', '/%ff'])
    assert.ok([400, 404].includes((await s.raw(get(path))).status), path)
  assert.equal((await s.raw(get('/%68ello'))).status, 200)
  assert.equal((await s.raw(get('/hello/?x=%zz'))).status, 200)
})

test('a wrong method is told the right ones', async () => {
  const answer = await s.request('DELETE', '/small')
  assert.equal(answer.status, 405)
  assert.equal(answer.headers.allow, 'POST')
})

test('errors are problem+json, below /npm/ as npm reads them', async () => {
  const answer = await s.request('GET', '/nowhere')
  assert.equal(answer.headers['content-type'], 'application/problem+json')
  assert.deepEqual(Object.keys(answer.json()), ['type', 'title', 'status', 'code', 'detail', 'request'])
  assert.equal(answer.headers['x-request-id'], answer.json().request)
  const npm = await s.request('PUT', '/npm/left-pad', { body: '{}' })
  assert.equal(npm.status, 401)
  assert.deepEqual(Object.keys(npm.json()), ['error'])
  assert.equal(npm.headers['www-authenticate'], 'Basic, Bearer')
  assert.equal((await s.request('GET', '/user')).headers['www-authenticate'], 'Bearer')
})

test('the reason of an internal error stays in the log', async () => {
  const answer = await s.request('GET', '/fail')
  assert.equal(answer.status, 500)
  assert.doesNotMatch(answer.text, /secret/)
  await until('its line in the log', () => new RegExp(`id=${answer.json().request}.*the secret reason`).test(s.errors))
})

test('a token says who asks', async () => {
  assert.equal((await s.request('GET', '/whoami')).json().kind, 'anonymous')
  const answer = await s.request('GET', '/user', { headers: bearer(s.token) })
  assert.deepEqual([answer.json().kind, answer.json().name], ['token', 'ada'])
  assert.equal((await s.request('GET', '/user', { headers: { authorization: `bearer   ${s.token}` } })).status, 200)
})

test('a wrong token is 401 even where nobody needs one', async () => {
  // One of ours that was cut or mistyped is told so: its checksum is wrong.
  for (const [value, code] of [['rh_wrong', 'malformed_token'], ['x', 'bad_token'], [`${s.token}x`, 'malformed_token'], [s.token.slice(0, -1), 'malformed_token']]) {
    const answer = await s.request('GET', '/whoami', { headers: bearer(value) })
    assert.equal(answer.status, 401)
    assert.equal(answer.json().code, code, value)
  }
})

test('several tokens on one connection are judged each by itself, and one that ended meanwhile not at all', async () => {
  const own = await Server.start()
  const client = own.connect()
  const ask = async (token) => {
    client.write(`GET /whoami HTTP/1.1\r\nHost: ${own.host}\r\n${token ? `Authorization: Bearer ${token}\r\n` : ''}\r\n`)
    const answer = await client.answer()
    return answer.status === 200 ? answer.json().name : answer.status
  }
  try {
    const altered = own.token.slice(0, -1) + (own.token.endsWith('0') ? '1' : '0')
    for (const [token, name] of [[own.token, 'ada'], [own.token, 'ada'], [altered, 401], [own.admin, 'root'], [own.token, 'ada'], ['', null],
      [own.token + 'x'.repeat(100), 401], ['y'.repeat(64), 401], [own.token, 'ada']])
      assert.equal(await ask(token), name, token)
    await own.tell('revoke')
    assert.equal(await ask(own.token), 401)
    assert.equal(await ask(own.reader), 'ada')
  } finally {
    client.close()
    await own.end()
  }
})

test('npm sends its token as a password', async () => {
  const basic = (t) => ({ authorization: `Basic ${Buffer.from(t).toString('base64')}` })
  assert.equal((await s.request('GET', '/npm/x', { headers: basic(`ada:${s.token}`) })).json().kind, 'token')
  assert.equal((await s.request('GET', '/npm/x', { headers: basic('ada:rh_wrong') })).status, 401)
  const password = await s.request('GET', '/npm/x', { headers: basic('ada:a password') })
  assert.equal(password.status, 401)
  assert.match(password.json().error, /at logins only: npm login/)
  assert.equal((await s.request('GET', '/npm/x', { headers: { authorization: 'Basic %%%' } })).status, 401)
  assert.equal((await s.request('GET', '/user', { headers: basic(`ada:${s.token}`) })).status, 401)
})

test('a cookie says who asks, among others and on its own host only', async () => {
  const cookie = `a=b; redhouse_test=wrong; redhouse_test=${s.cookie}; c`
  assert.equal((await s.request('GET', '/user', { headers: { cookie } })).json().kind, 'session')
  assert.equal((await s.request('GET', '/user', { headers: { cookie, host: 'localhost:1' } })).status, 401)
  assert.equal((await s.request('GET', '/user', { headers: { cookie: `xredhouse_test=${s.cookie}` } })).status, 401)
})

test('with a cookie, changes come from the own origin only', async () => {
  const post = async (headers) => (await s.request('POST', '/user', { headers: { cookie: `redhouse_test=${s.cookie}`, ...headers } }))
  assert.equal((await post({ origin: `http://${s.host}` })).status, 200)
  assert.equal((await post({ 'sec-fetch-site': 'same-origin' })).status, 200)
  assert.equal((await post({ 'sec-fetch-site': 'none' })).status, 200)
  for (const headers of [{}, { origin: 'null' }, { origin: `https://${s.host}` }, { origin: 'http://localhost' },
    { origin: `http://demo.${s.host}` }, { 'sec-fetch-site': 'same-site' }, { 'sec-fetch-site': 'cross-site' },
    { origin: 'http://evil.test', 'sec-fetch-site': 'same-origin' }]) {
    const answer = await post(headers)
    assert.equal(answer.status, 403, JSON.stringify(headers))
    assert.equal(answer.json().code, 'foreign_origin')
  }
  assert.equal((await s.request('POST', '/user', { headers: { ...bearer(s.token), origin: 'http://evil.test' } })).status, 200)
})

test('a tenant one may not see is not there', async () => {
  const status = async (method, path, token) => (await s.request(method, path, { headers: token ? bearer(token) : {} })).status
  assert.equal((await s.request('GET', '/tenants/acme', { headers: bearer(s.token) })).json().tenant, 'acme')
  assert.equal(await status('GET', '/tenants/other', s.token), 404)
  assert.equal(await status('GET', '/tenants/nothing', s.token), 404)
  assert.equal(await status('GET', '/tenants/other', s.admin), 200)
  assert.equal(await status('PUT', '/tenants/acme', s.token), 403)
  assert.equal(await status('PUT', '/tenants/acme', s.admin), 200)
  assert.equal(await status('GET', '/tenants/acme', null), 401)
  assert.equal(await status('GET', '/tenants/nothing', null), 401)
  assert.equal(await status('GET', '/admin', s.token), 403)
  assert.equal(await status('GET', '/admin', s.admin), 200)
})

test('whoever must change their password may do only that', async () => {
  const headers = { cookie: `redhouse_test=${s.freshCookie}` }
  const answer = await s.request('GET', '/user', { headers })
  assert.equal(answer.status, 403)
  assert.equal(answer.json().code, 'password_change_required')
  assert.equal((await s.request('GET', '/before', { headers })).status, 200)
})

test("an instance's token counts on its own carrier only", async () => {
  const socketPath = join(s.dir, 'carrier.sock')
  assert.equal((await s.request('GET', '/whoami', { headers: bearer(s.instance) })).status, 401)
  const answer = await s.request('GET', '/runtime', { socketPath, headers: bearer(s.instance) })
  assert.equal(answer.json().kind, 'instance')
  assert.equal(answer.json().instance, '01demo')
  assert.equal((await s.request('GET', '/runtime', { socketPath, headers: bearer(s.token) })).status, 403)
  assert.equal((await s.request('GET', '/runtime', { socketPath })).status, 401)
  assert.equal((await s.request('GET', '/hello', { socketPath })).status, 404)
  const cookie = `redhouse_test=${s.cookie}`
  assert.equal((await s.request('GET', '/whoami', { socketPath, headers: { cookie } })).json().kind, 'anonymous')
  assert.equal((await s.request('GET', '/runtime')).status, 404)
})

test('the admin socket wants its secret', async () => {
  const socketPath = join(s.dir, 'admin.sock')
  const ask = (headers) => s.request('GET', '/admin', { socketPath, headers })
  assert.equal((await ask({ 'x-redhouse-secret': 'the secret' })).json().admin, true)
  assert.equal((await ask({ 'x-redhouse-secret': 'the secreT' })).status, 401)
  assert.equal((await ask({})).status, 401)
  assert.equal((await s.request('GET', '/admin', { headers: { 'x-redhouse-secret': 'the secret' } })).status, 401)
})

test("a trusted proxy's word counts for the client's address", async () => {
  const peer = async (xff) => (await s.request('GET', '/whoami', { headers: xff ? { 'x-forwarded-for': xff } : {} })).json().peer
  assert.equal(await peer(null), '127.0.0.1')
  assert.equal(await peer('203.0.113.7'), '203.0.113.7')
  assert.equal(await peer('198.51.100.1, 203.0.113.7'), '203.0.113.7')
  assert.equal(await peer('198.51.100.1, 127.0.0.1'), '198.51.100.1')
  assert.equal(await peer('evil\t'), '127.0.0.1')
})

test('a JSON body must be one', async () => {
  const post = async (body, type = 'application/json', more = {}) => s.request('POST', '/json', { body, headers: { 'content-type': type, ...more } })
  assert.equal((await post('{"a":1}')).json().members, 1)
  assert.equal((await post('{"a":1}', 'application/json; charset=utf-8')).status, 200)
  assert.equal((await post('{"a":1}', 'text/plain')).status, 415)
  assert.equal((await post('')).json().code, 'missing_body')
  assert.equal((await post('[1]')).json().code, 'not_object')
  assert.equal((await post('{"a":1')).json().code, 'bad_json')
  assert.equal((await post(gzipSync('{"a":1,"b":2}'), undefined, { 'content-encoding': 'gzip' })).json().members, 2)
  assert.equal((await post(gzipSync('{"a":1}').subarray(0, 12), undefined, { 'content-encoding': 'gzip' })).json().code, 'bad_gzip')
  assert.equal((await post('{"a":1}', undefined, { 'content-encoding': 'gzip' })).json().code, 'bad_gzip')
  assert.equal((await post('{"a":1}', undefined, { 'content-encoding': 'br' })).status, 415)
})

test('a full lane says so, and the others go on', async () => {
  const many = Array.from({ length: 90 }, () => s.request('GET', '/password-lane?ms=60'))
  const quick = await s.request('GET', '/hello')
  assert.equal(quick.status, 200)
  const answers = await Promise.all(many)
  const full = answers.filter((a) => a.status === 503)
  assert.ok(full.length > 0 && full.length < 90, `${full.length} were refused`)
  assert.equal(full[0].json().code, 'busy')
  assert.equal(full[0].headers['retry-after'], '1')
})

test('each request is a line of the access log, and a line is one line', async () => {
  const answer = await s.request('GET', '/nowhere?a="b', { headers: bearer(s.token) })
  const line = await until('its line', () => readFileSync(join(s.dir, 'access.log'), 'utf8').split('\n').find((l) => l.includes(answer.json().request)))
  assert.match(line, /^\d{4}-\d\d-\d\dT[\d:.]+Z info access request method=GET host=localhost:\d+ path="\/nowhere\?a=\\x22b" /)
  assert.match(line, / status=404 bytes=\d+ ms=\d+$/)
  assert.match(line, / peer=127\.0\.0\.1 /)
  const known = await s.request('GET', '/user?mark', { headers: bearer(s.token) })
  assert.equal(known.status, 200)
  await until('its line', () => /path=\/user\?mark who=ada /.test(readFileSync(join(s.dir, 'access.log'), 'utf8')))
})

test('a stop finishes what is under way and refuses what is new', async () => {
  const other = await Server.start({ log: 'DIR/access.log' })
  const slow = other.request('GET', '/slow?ms=600')
  const idle = other.connect()
  await idle.connected
  idle.write(`GET /hello HTTP/1.1\r\nHost: ${other.host}\r\n\r\n`)
  await idle.answer()
  const events = other.connect()
  events.write(`GET /events HTTP/1.1\r\nHost: ${other.host}\r\nAuthorization: Bearer ${other.token}\r\n\r\n`)
  await until('the stream', () => events.text.includes('hello'))
  await sleep(150)
  const from = Date.now()
  const stopped = other.tell('stop 5000')
  await idle.closing(1500)
  await events.closing(1500)
  assert.match(events.text, /\r\n0\r\n\r\n$/)
  await assert.rejects(other.request('GET', '/hello'))
  assert.equal((await slow).text, 'slow\n')
  assert.equal((await stopped).ok, true)
  assert.ok(Date.now() - from < 3000)
  await other.exited
})

test('a stop cuts what is not done by its deadline', async () => {
  const other = await Server.start()
  const stuck = other.connect()
  stuck.write(`PUT /open-upload HTTP/1.1\r\nHost: ${other.host}\r\nContent-Length: 1000\r\n\r\nabc`)
  await sleep(200)
  const from = Date.now()
  await other.tell('stop 500')
  assert.ok(Date.now() - from < 3000)
  await stuck.closing(2000)
  await other.exited
})
