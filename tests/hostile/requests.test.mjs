// What passes between a client and an instance: headers, who asks, and requests made to be read in two ways.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import { describe, test } from 'node:test'
import { APP, ask, exchange, HOST, ok, parse, withBackend } from './harness.mjs'

let fixture
let backend
const answers = withBackend((made) => ({ fixture, backend } = made))

describe('headers', () => {
  test('what an instance may not say is removed, all else passes', async () => {
    answers(
      ok(
        'x',
        [
          'Set-Cookie: redhouse_test=stolen',
          'Set-Cookie: __Host-redhouse_test=stolen; Secure; Path=/',
          'Set-Cookie: a=b; Domain=localhost',
          'Set-Cookie: good=1; Path=/',
          'Clear-Site-Data: "*"',
          'Strict-Transport-Security: max-age=1',
          'Alt-Svc: h3=":443"',
          'X-Reproxy-URL: http://127.0.0.1/',
          'X-Compress-Hint: on',
          'Service-Worker-Allowed: /',
          'Date: Thu, 01 Jan 1970 00:00:00 GMT',
          'Connection: X-Hop, keep-alive',
          'X-Hop: 1',
          'Keep-Alive: timeout=5',
          'X-Redhouse-Identity: forged',
          'X-Good: yes',
          'Link: </a.js>; rel=preload',
          'Server: node',
          '',
        ].join('\r\n'),
      ),
    )
    const { headers } = await ask(fixture)
    assert.equal(headers['set-cookie'], 'good=1; Path=/')
    for (const name of ['clear-site-data', 'strict-transport-security', 'alt-svc', 'x-reproxy-url', 'x-compress-hint',
      'service-worker-allowed', 'x-hop', 'keep-alive', 'x-redhouse-identity'])
      assert.equal(headers[name], undefined, name)
    assert.equal(headers['x-good'], 'yes')
    assert.ok(headers.link)
    assert.doesNotMatch(headers.date, /1970|\n/)
  })

  test('what a client may not say is removed, the proxy speaks for itself', async () => {
    await ask(fixture, {
      path: '/a%2fb/../c?d=%20',
      headers: {
        Cookie: ['a=b; redhouse_test=secret; c=d', '__Host-redhouse_test=secret'],
        Authorization: 'Bearer rh_secret',
        'X-Redhouse-Identity': 'forged',
        'X-Redhouse-Face': 'app',
        'X-Forwarded-For': '1.2.3.4',
        'X-Forwarded-Host': 'evil',
        Forwarded: 'for=1.2.3.4',
        'X-Real-IP': '1.2.3.4',
        TE: 'trailers',
        'Proxy-Authorization': 'Basic eDp5',
        'X-Mine': 'kept',
      },
    })
    const { line, headers } = backend.requests.at(-1)
    assert.equal(line, 'GET /a%2fb/../c?d=%20 HTTP/1.1')
    assert.equal(headers.host, HOST)
    assert.equal(headers.cookie, 'a=b; c=d')
    assert.equal(headers.authorization, undefined)
    assert.equal(headers['x-redhouse-identity'], undefined)
    assert.equal(headers['x-redhouse-face'], 'editor')
    assert.equal(headers['x-forwarded-for'], '127.0.0.1')
    assert.equal(headers['x-forwarded-host'], HOST)
    assert.equal(headers['x-forwarded-proto'], 'http')
    for (const name of ['forwarded', 'x-real-ip', 'te', 'proxy-authorization', 'connection', 'transfer-encoding'])
      assert.equal(headers[name], undefined, name)
    assert.equal(headers['x-mine'], 'kept')
  })

  test('other authorization passes', async () => {
    await ask(fixture, { headers: { Authorization: 'Bearer theirs' } })
    assert.equal(backend.requests.at(-1).headers.authorization, 'Bearer theirs')
  })

  test('headers that Connection names are removed, the proxy’s own stay', async () => {
    const lines = `GET / HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close, X-Hop, X-Redhouse-Face, Cookie\r\nX-Hop: 1\r\nCookie: a=b\r\nX-Stay: 1\r\n\r\n`
    await exchange(fixture, lines)
    const { headers } = backend.requests.at(-1)
    assert.equal(headers['x-hop'], undefined)
    assert.equal(headers.cookie, undefined)
    assert.equal(headers['x-stay'], '1')
    assert.equal(headers['x-redhouse-face'], 'editor')
  })

  test('the editor’s assets are packed for who takes it', async () => {
    const script = 'var a = 1;\n'.repeat(20000)
    answers(ok(script, 'Content-Type: application/javascript; charset=UTF-8\r\nETag: "1"\r\nVary: Origin\r\n'))
    const text = await exchange(fixture, `GET / HTTP/1.1\r\nHost: ${HOST}\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n`)
    const answer = parse(text)
    assert.ok(answer.whole)
    assert.equal(answer.headers['content-encoding'], 'gzip')
    assert.equal(answer.headers.etag, 'W/"1"')
    assert.match(answer.headers.vary, /Origin, Accept-Encoding/)
    assert.equal(answer.headers['content-length'], undefined)
    assert.ok(answer.body.length < script.length / 10)
    assert.equal(gunzipSync(Buffer.from(answer.body, 'latin1')).toString(), script)
    const plain = await ask(fixture)
    assert.equal(plain.headers['content-encoding'], undefined)
    assert.equal(plain.body, script)
    const app = await ask(fixture, { host: APP, headers: { 'Accept-Encoding': 'gzip' } })
    assert.equal(app.headers['content-encoding'], undefined)
  })
})

describe('identity', () => {
  const key = Buffer.alloc(32, 7)
  const origin = `http://${HOST}`

  function identity() {
    const value = backend.requests.at(-1).headers['x-redhouse-identity']
    if (value === undefined) return null
    const [payload, mac] = value.split('.')
    assert.equal(mac, createHmac('sha256', key).update(payload).digest('base64url'))
    return JSON.parse(Buffer.from(payload, 'base64url'))
  }

  async function identityOf(request) {
    await ask(fixture, request)
    return identity()
  }

  test('is signed for this instance and one minute', async () => {
    const who = await identityOf({ headers: { 'X-Test-Who': 'owner' } })
    assert.deepEqual({ i: who.i, u: who.u, p: who.p }, { i: '01instance', u: 'ada', p: '*' })
    assert.ok(who.e > Date.now() / 1000 + 35 && who.e <= Date.now() / 1000 + 61)
  })

  test('follows the role and the face', async () => {
    assert.equal((await identityOf({ headers: { 'X-Test-Who': 'viewer' } })).p, 'read')
    assert.equal(await identityOf({ headers: { 'X-Test-Who': 'dashboard' } }), null)
    assert.equal((await identityOf({ host: APP, headers: { 'X-Test-Who': 'dashboard' } })).p, '')
    assert.equal((await identityOf({ host: APP, headers: { 'X-Test-Who': 'owner' } })).p, '')
    assert.equal(backend.requests.at(-1).headers['x-redhouse-face'], 'app')
    assert.equal(await identityOf({}), null)
  })

  test('is withheld from foreign requests', async () => {
    const owner = { 'X-Test-Who': 'owner' }
    assert.equal(await identityOf({ method: 'POST', body: 'x', headers: owner }), null)
    assert.ok(await identityOf({ method: 'POST', body: 'x', headers: { ...owner, Origin: origin } }))
    for (const Origin of ['null', `http://${APP}`, 'http://evil.localhost', `https://${HOST}`])
      assert.equal(await identityOf({ headers: { ...owner, Origin } }), null)
    assert.equal(await identityOf({ headers: { ...owner, Origin: [origin, origin] } }), null)
    assert.equal(await identityOf({ headers: { ...owner, 'Sec-Fetch-Site': 'same-site' } }), null)
    assert.ok(await identityOf({ headers: { ...owner, 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document' } }))
    assert.equal(await identityOf({ headers: { ...owner, 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'iframe' } }), null)
  })
})

describe('requests made to be read in two ways', () => {
  const seen = async (bytes) => {
    const first = backend.requests.length
    await exchange(fixture, bytes, { ms: 1000 }).catch(() => {})
    return backend.requests.slice(first)
  }
  const hidden = `GET /hidden HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`
  const post = (lines, body) => `POST /outer HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n${lines}\r\n\r\n${body}`

  for (const [name, bytes] of [
    ['a length and chunks', post(`Content-Length: ${hidden.length + 5}\r\nTransfer-Encoding: chunked`, `0\r\n\r\n${hidden}`)],
    ['chunks and a length', post(`Transfer-Encoding: chunked\r\nContent-Length: ${hidden.length + 5}`, `0\r\n\r\n${hidden}`)],
    ['two lengths', post(`Content-Length: 0\r\nContent-Length: ${hidden.length}`, hidden)],
    ['a length with a sign', post(`Content-Length: +${hidden.length}`, hidden)],
    ['an encoding with a tab', post('Transfer-Encoding:\tchunked', `0\r\n\r\n${hidden}`)],
    ['an encoding with a blank', post('Transfer-Encoding : chunked', `0\r\n\r\n${hidden}`)],
    ['an unknown encoding', post('Transfer-Encoding: xchunked', `0\r\n\r\n${hidden}`)],
    ['a fold', post(`X: y\r\n Content-Length: ${hidden.length}`, hidden)],
    ['chunk extensions', post('Transfer-Encoding: chunked', `0;a=\n\r\n\r\n${hidden}`)],
    ['a bare line feed', `POST /outer HTTP/1.1\nHost: ${HOST}\nConnection: close\nContent-Length: ${hidden.length}\n\n${hidden}`],
    ['a request in a header', `GET /outer HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\nX: y\rGET /hidden HTTP/1.1\r\n\r\n`],
    ['a body to GET', `GET /outer HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`],
    ['an upgrade with a body', `GET /outer HTTP/1.1\r\nHost: ${HOST}\r\nConnection: upgrade\r\nUpgrade: websocket\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`],
  ]) {
    test(`${name}: the instance sees one request at most, framed once`, async () => {
      const requests = await seen(bytes)
      assert.ok(requests.length <= 1, requests.map((r) => r.line).join(', '))
      for (const { line, head } of requests) {
        assert.match(line, /^(POST|GET) \/outer HTTP\/1\.1$/)
        assert.doesNotMatch(head, /transfer-encoding/i)
        assert.ok((head.match(/content-length/gi) ?? []).length <= 1)
      }
    })
  }
})
