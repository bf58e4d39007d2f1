// The registry over raw sockets and with bodies that no client would send. (What is tested where: registry_publish.test.mjs.)
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { Scene, bent, document } from './registry.mjs'

let s
before(async () => {
  s = await Scene.start()
  await s.publish('@acme/here', '1.0.0')
}, { timeout: 60000 })
after(() => s?.stop())

const alive = async () => assert.equal((await s.ask('@acme%2fhere')).status, 200)
const put = (body, ...lines) => s.raw(Buffer.concat([Buffer.from(s.head('PUT', '@acme%2fhere', s.bearer, 'Content-Type: application/json', ...lines)), Buffer.from(body)]))
const sized = (body, ...lines) => put(body, `Content-Length: ${Buffer.byteLength(body)}`, ...lines)

test('an odd Host neither ends the server nor gets into a document', async () => {
  const odd = ['', 'evil.example', 'localhost:99999', 'a b', '[::1', ']', 'localhost@evil.example', 'http://localhost', 'localhost/..', `${'a'.repeat(300)}.localhost`, '%00', 'ä', '..', '-', ':80', 'localhost:', '"', "'<script>", '$(id)', '__proto__', '0', '127.1', '::1']
  for (const host of odd) {
    const answer = await s.raw(`GET /npm/@acme%2fhere HTTP/1.1\r\nHost: ${host}\r\n${s.bearer}\r\n\r\n`)
    assert.ok([400, 404, 421].includes(answer.status) || (answer.status === 200 && /^localhost/.test(host)), `${host}: ${answer.text.slice(0, 200)}`)
    assert.ok(!answer.text.includes(`http://${host}/npm`) || host === '', `${host} is in the answer`)
  }
  for (const more of [['X-Forwarded-Host: evil.example', 'X-Forwarded-Proto: https'], ['Forwarded: host=evil.example;proto=https'], ['X-Original-URL: /api/v1/users', 'X-Rewrite-URL: /x']]) {
    const answer = await s.raw(s.head('GET', '@acme%2fhere', s.bearer, ...more))
    assert.equal(answer.status, 200)
    assert.ok(answer.text.includes(`${s.r.url}/npm/@acme/here/-/here-1.0.0.tgz`))
    assert.ok(!answer.text.includes('evil.example'))
  }
  await alive()
})

test('what could be cut in two ways is refused and nothing behind it is run', async () => {
  const next = s.head('PUT', '-/package/@acme%2fhere/dist-tags/smuggled', s.bearer, 'Content-Type: application/json', 'Content-Length: 7') + '"1.0.0"'
  const cases = [
    ['length and chunks', 'Content-Length: 4', 'Transfer-Encoding: chunked'], ['chunks and length', 'Transfer-Encoding: chunked', 'Content-Length: 4'], ['two lengths', 'Content-Length: 2', 'Content-Length: 4'],
    ['two equal lengths', 'Content-Length: 2', 'Content-Length: 2'], ['a list', 'Content-Length: 2, 4'], ['a sign', 'Content-Length: +2'], ['hex', 'Content-Length: 0x2'], ['an odd coding', 'Transfer-Encoding: xchunked'],
    ['chunked twice', 'Transfer-Encoding: chunked, chunked'], ['a blank', 'Transfer-Encoding : chunked'], ['a folded line', 'Transfer-Encoding:\r\n chunked'],
  ]
  for (const [what, ...lines] of cases) {
    const answer = await put(`0\r\n\r\n${next}`, ...lines)
    assert.ok(answer.status >= 400 && answer.status < 500, `${what}: ${answer.text.slice(0, 200)}`)
    assert.equal(answer.count, 1, `${what}: two answers`)
  }
  assert.deepEqual((await s.full('@acme/here'))['dist-tags'], { latest: '1.0.0' })
})

test('a head of a megabyte is refused while it comes', async () => {
  const answer = await s.raw(s.head('GET', '@acme%2fhere', ...Array.from({ length: 256 }, (_, i) => `X-${i}: ${'y'.repeat(4096)}`)))
  assert.ok([0, 400, 413, 431].includes(answer.status), answer.text.slice(0, 200))
  for (const path of [`@acme%2f${'a'.repeat(1 << 20)}`, `-/v1/search?text=${'a'.repeat(1 << 20)}`]) assert.ok([0, 400, 413, 414, 431].includes((await s.raw(s.head('GET', path, s.bearer))).status), path.slice(0, 30))
  await alive()
})

test('a body that is a bomb, deep, cut short or no text is refused with a sentence', async () => {
  const doc = document('@acme/here', '2.0.0')
  const text = JSON.stringify(doc)
  const bodies = {
    'a gzip bomb': [gzipSync(Buffer.alloc(300 << 20, ' ')), 'Content-Encoding: gzip'], 'a gzip in a gzip': [gzipSync(gzipSync(text)), 'Content-Encoding: gzip'],
    'no gzip': ['{}', 'Content-Encoding: gzip'], 'half a gzip': [gzipSync(text).subarray(0, 100), 'Content-Encoding: gzip'], 'an unknown coding': [text, 'Content-Encoding: br'], 'two codings': [gzipSync(text), 'Content-Encoding: gzip, gzip'],
    'lists 200,000 deep': ['['.repeat(200000)], 'objects 200,000 deep': ['{"a":'.repeat(200000)], 'deep in a manifest': [text.replace('"versions":', `"x":${'['.repeat(1000)}${']'.repeat(1000)},"versions":`)],
    'half the document': [text.slice(0, text.length / 2)], 'nothing': [''], 'a word': ['null'], 'two documents': [`${text}${text}`], 'more behind it': [`${text} x`], 'a byte-order mark': [`\ufeff${text}`],
    'no UTF-8': [Buffer.concat([Buffer.from('{"name":"@acme/here","x":"'), Buffer.from([0xff, 0xc0, 0xaf]), Buffer.from('"}')])], 'half a surrogate': ['{"name":"\\ud800"}'], 'a NUL in a key': ['{"a\\u0000b":1}'],
    '__proto__ at the top': [text.replace('{', '{"__proto__":{"admin":true},')], '__proto__ in a manifest': [JSON.stringify(doc).replace('"version":"2.0.0"', '"version":"2.0.0","__proto__":{}')], '__proto__ escaped': [text.replace('{', '{"\\u005f_proto__":{},')],
    'a key twice': [text.replace('{', '{"name":"@acme/here",')], 'a version twice': [text.replace('"versions":{', '"versions":{"2.0.0":{},')], 'attachments twice': [text.replace('"_attachments"', '"_attachments":{},"_attachments"')],
    'a million keys': [`{${Array.from({ length: 1100000 }, (_, i) => `"${i}":1`).join()}}`], 'numbers past all': ['{"name":1e999999}'],
  }
  for (const [what, [body, ...lines]] of Object.entries(bodies)) {
    const answer = await sized(body, ...lines)
    assert.ok(answer.status >= 400 && answer.status < 500, `${what}: ${answer.status} ${answer.text.slice(0, 300)}`)
    assert.match(JSON.parse(answer.text.slice(answer.text.indexOf('\r\n\r\n'))).error, /^\S.+\.$/, what)
  }
  assert.deepEqual(Object.keys((await s.full('@acme/here')).versions), ['1.0.0'])
  await alive()
})

test('a body that ends before its length is no publish', async () => {
  const text = JSON.stringify(document('@acme/here', '2.0.0'))
  for (const [body, line] of [[text.slice(0, -1), `Content-Length: ${text.length}`], [text, `Content-Length: ${text.length + 1}`], [`${text.length.toString(16)}\r\n${text}\r\n`, 'Transfer-Encoding: chunked']]) {
    const answer = await s.raw(Buffer.from(s.head('PUT', '@acme%2fhere', s.bearer, 'Content-Type: application/json', line) + body), { end: true, ms: 2000 })
    assert.ok(answer.status === 0 || answer.status >= 400, answer.text.slice(0, 200))
  }
  assert.deepEqual(Object.keys((await s.full('@acme/here')).versions), ['1.0.0'])
})

test('members of every wrong kind are refused with a sentence and never a fault', async () => {
  const wrong = [null, true, 0, -1, 1e308, '', 'x', [], [[]], {}, { a: {} }, '\u0000', '__proto__']
  const places = ['name', '_id', 'dist-tags', 'versions', '_attachments', 'readme', 'maintainers', 'time', 'access', '_rev']
  const inside = ['name', 'version', '_id', 'dist', 'readme', 'readmeFilename', 'keywords', 'description', 'bin', 'dependencies', 'scripts', 'deprecated', 'maintainers', 'funding', '_npmUser', 'engines']
  let n = 0
  for (const value of wrong) {
    for (const key of places) {
      const answer = await s.put('@acme/wrong', bent(document('@acme/wrong', `1.0.${n++}`), (d) => { d[key] = value }))
      assert.ok(answer.status < 500, `${key}: ${JSON.stringify(value)}: ${answer.status} ${answer.text}`)
    }
    for (const key of inside) {
      const answer = await s.put('@acme/wrong', bent(document('@acme/wrong', `1.0.${n++}`), (d, v) => { v[key] = value }))
      assert.ok(answer.status < 500, `versions.${key}: ${JSON.stringify(value)}: ${answer.status} ${answer.text}`)
    }
    for (const key of ['data', 'length', 'content_type']) {
      const answer = await s.put('@acme/wrong', bent(document('@acme/wrong', `1.0.${n++}`), (d, v, a) => { a[key] = value }))
      assert.ok(answer.status < 500, `_attachments.${key}: ${JSON.stringify(value)}: ${answer.status} ${answer.text}`)
    }
  }
  for (const path of ['@acme%2fwrong', '@acme%2fwrong?write=true']) {
    const answer = await s.ask(path)
    assert.equal(answer.status, 200)
    assert.ok(answer.body['dist-tags'].latest, 'what is shown is whole')
  }
})

test('a search of any words and any numbers is answered within bounds', async () => {
  const texts = ['', ' ', '*', '"', '""', '"a', 'a"b', "'", '(', ')', 'a AND', 'NOT', 'OR', 'NEAR(a b)', 'a*', '*a', '-a', '^a', 'a:b', 'name:x', '{a}', '%', '_', '\\', ';', '--', "'; DROP TABLE package; --", '\u0000', 'ä', '👍', 'keywords:', 'keywords:a,b+c', 'scope:', 'author:"', 'not:', 'boost-exact:x', 'a '.repeat(120), 'a'.repeat(250), 'a'.repeat(251), 'a'.repeat(10000), '('.repeat(250)]
  for (const text of texts) {
    const answer = await s.ask(`-/v1/search?text=${encodeURIComponent(text)}`)
    assert.ok([200, 400, 414].includes(answer.status), `${text.slice(0, 30)}: ${answer.status} ${answer.text.slice(0, 200)}`)
    if (answer.status === 200) assert.ok(Array.isArray(answer.body.objects))
  }
  for (const n of ['-1', '0', '1e9', '999999999999999999999', 'NaN', '', 'x', '1;', '0x10', '250', '251', '10000', '10001']) {
    for (const query of [`size=${n}`, `from=${n}`, `quality=${n}&popularity=${n}&maintenance=${n}`]) {
      const answer = await s.ask(`-/v1/search?text=here&${query}`)
      assert.ok([200, 400].includes(answer.status), `${query}: ${answer.status}`)
      if (answer.status === 200) assert.ok(answer.body.objects.length <= 250)
    }
  }
  for (const query of ['text=%ff', 'text=%', 'text=a&text=b', 'text[]=a', 'text=a&size=1&size=2', '&&&', 'text=%00']) assert.ok([200, 400].includes((await s.ask(`-/v1/search?${query}`)).status), query)
  assert.equal((await s.ask('-/v1/search?text=here', { who: 'other' })).body.objects.length, 0)
})
