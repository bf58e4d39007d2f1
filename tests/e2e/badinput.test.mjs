// What is wrong gets an error of its own that says what to do, and leaves nothing behind: rows, files, processes.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { family, leftovers } from './leftovers.mjs'
import { document, member, tar, tgz } from './publish.mjs'
import { freePort, raw, Redhouse, until } from './redhouse.mjs'
import { gzipSync } from 'node:zlib'

const SENTENCE = /^([A-Z"]|theme\.json).*[.)]$/s
const PNG = Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.alloc(64)])

let r, admin, owner, token

before(async () => {
  r = await Redhouse.start()
  admin = await r.login('admin', r.password)
  await r.run('tenant', 'create', 'demo')
  writeFileSync(join(r.data, 'owner.password'), 'owner has a password\n')
  await r.run('user', 'create', 'owner', '--password-file', join(r.data, 'owner.password'), '--tenant', 'demo', '--role', 'owner')
  owner = await r.login('owner', 'owner has a password')
  token = await r.token('owner', 't')
  // Taken below: its slug, not a runtime, is what is asked for.
  const made = await r.api('POST', '/api/v1/tenants/demo/instances', { slug: 'taken' }, { cookie: owner })
  assert.equal(made.status, 202, JSON.stringify(made.body))
  await r.run('instance', 'stop', 'taken')
}, { timeout: 120000 })
after(async () => r?.stop())

// Only the broker is there when nothing is under way.
const quiet = () => until('what runs ends', () => family(r.ready.pid).join() === 'redhouse-broker', 60000)

// Runs fn and asserts that it left nothing.
async function nothingStays(fn) {
  await quiet()
  const was = await leftovers(r, admin)
  await fn()
  await quiet()
  assert.deepEqual(await leftovers(r, admin), was)
}

function check(what, answer, status, code, says) {
  const said = `${what}: ${answer.status} ${JSON.stringify(answer.body).slice(0, 400)}`
  assert.equal(answer.status, status, said)
  const sentence = code ? answer.body.detail : answer.body.error
  if (code) assert.equal(answer.body.code, code, said)
  assert.match(sentence, SENTENCE, said)
  assert.match(sentence, says, said)
  assert.ok(!sentence.includes(r.data) && !/errno|sqlite|libarchive|undefined|null/i.test(sentence), said)
}

describe('slugs', () => {
  const shape = [
    ['', 'bad_slug', /1 to 40 characters/], ['a'.repeat(41), 'bad_slug', /1 to 40 characters/], ['a'.repeat(64), 'bad_slug', /1 to 40/],
    ['x'.repeat(10000), 'bad_slug', /1 to 40/], ['Upper', 'bad_slug', /start with a letter a to z/], ['1st', 'bad_slug', /start with a letter/],
    ['-a', 'bad_slug', /start with a letter/], ['a-', 'bad_slug', /not end in a hyphen/], ['a--app', 'bad_slug', /two hyphens/],
    ['a_b', 'bad_slug', /only the letters/], ['a.b', 'bad_slug', /only the letters/], ['a b', 'bad_slug', /only the letters/],
    ['aB', 'bad_slug', /only the letters/], ['caf\u00e9', 'bad_slug', /only the letters/], ['a\u0000b', 'bad_slug', /only the letters/],
    ['a\nb', 'bad_slug', /only the letters/], ['../up', 'bad_slug', /start with a letter/], ['a/b', 'bad_slug', /only the letters/],
    ['xn--caf-dma', 'bad_slug', /two hyphens/],
  ]
  const kinds = [
    ['an instance', '/api/v1/tenants/demo/instances', 'taken', /"taken" is taken; "taken-2" is free/],
    ['a tenant', '/api/v1/tenants', 'demo', /taken/],
  ]
  for (const [kind, path, taken, proposal] of kinds) {
    test(`of ${kind}: taken, reserved, too long or no label of a host name`, () => nothingStays(async () => {
      const ask = (body) => r.api('POST', path, body, { cookie: admin })
      for (const [slug, code, says] of shape) check(JSON.stringify(slug.slice(0, 50)), await ask({ slug }), 422, code, says)
      for (const slug of ['www', 'admin', 'api', 'npm', 'localhost', 'redhouse']) check(slug, await ask({ slug }), 409, 'slug_reserved', /reserved; choose another/)
      check('taken', await ask({ slug: taken }), 409, 'slug_taken', proposal)
      for (const body of [{}, { slug: null }, { slug: 7 }, { slug: ['a'] }, { slug: { a: 1 } }]) {
        const answer = await ask(body)
        assert.ok([400, 422].includes(answer.status), JSON.stringify(body))
        assert.match(answer.body.detail, /"slug"/)
      }
    }))
  }

  test('an instance with a stack, memory or name that cannot be', () => nothingStays(async () => {
    const ask = (body) => r.api('POST', '/api/v1/tenants/demo/instances', { slug: 'fine', ...body }, { cookie: owner })
    check('stack', await ask({ stack: 'node-red@9' }), 422, 'no_stack', /redhouse stack add node-red@9/)
    check('stack', await ask({ stack: '../../etc' }), 422, 'no_stack', /There is no stack/)
    for (const memory of [-1, 1, 127, 1 << 15, 2 ** 40, 1.5]) {
      const answer = await ask({ memory_mb: memory })
      assert.ok([400, 422].includes(answer.status), `${memory}: ${answer.status}`)
      assert.match(answer.body.detail, SENTENCE)
    }
    for (const name of ['x'.repeat(5000), 'a\u0000b', 'a\nb']) {
      const answer = await ask({ name })
      assert.equal(answer.status, 422, JSON.stringify(name.slice(0, 20)))
      assert.match(answer.body.detail, SENTENCE)
    }
  }))
})

describe('packages', () => {
  const name = '@demo/bad'
  const manifest = (more = {}) => ({ name: 'package/package.json', body: JSON.stringify({ name, version: '1.0.0', ...more }) })
  const put = async (doc, path = '@demo%2fbad') => {
    const answer = await fetch(`${r.url}/npm/${path}`, { method: 'PUT', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: typeof doc === 'string' ? doc : JSON.stringify(doc) })
    return { status: answer.status, body: JSON.parse(await answer.text()) }
  }
  const send = (tarball) => put(document(name, '1.0.0', tarball))

  test('a tarball that leads out of itself, links, holds devices or is a bomb', () => nothingStays(async () => {
    const file = { name: 'package/index.js', body: '// x\n' }
    const bad = {
      'two dots': [{ name: 'package/../../etc/passwd', body: 'x' }],
      'two dots at its end': [{ name: 'package/..', type: '5' }],
      'an absolute name': [{ name: '/etc/cron.d/x', body: 'x' }],
      'a backslash': [{ name: 'package\\..\\x', body: 'x' }],
      'a line feed': [{ name: 'package/a\nb', body: 'x' }],
      'a name twice': [{ ...file }],
      'a symbolic link': [{ name: 'package/link', type: '2', link: '/etc/passwd' }],
      'a symbolic link inside': [{ name: 'package/link', type: '2', link: 'index.js' }],
      'a hard link': [{ name: 'package/link', type: '1', link: 'package/index.js' }],
      'a character device': [{ name: 'package/null', type: '3' }],
      'a block device': [{ name: 'package/sda', type: '4' }],
      'a pipe': [{ name: 'package/pipe', type: '6' }],
      'a file cut short': [{ name: 'package/cut', body: 'x', size: 1 << 20 }],
      'a size past all': [{ name: 'package/big', body: 'x', size: 0o77777777777 }],
    }
    for (const [what, members] of Object.entries(bad)) check(what, await send(tgz(manifest(), file, ...members)), 422, null, /archive/i)
    const zeroes = (n) => gzipSync(Buffer.concat([member(manifest()), member({ name: 'package/zero', body: Buffer.alloc(n) }), Buffer.alloc(1024)]))
    check('a bomb', await send(zeroes(64 << 20)), 422, null, /unpacks to far more than it is/)
    const crowd = [member(manifest())]
    for (let i = 0; i < 20001; i++) crowd.push(member({ name: `package/f${i}` }))
    check('a crowd of files', await send(gzipSync(Buffer.concat([...crowd, Buffer.alloc(1024)]))), 422, null, /archive.*(files|entries)/i)
    check('no package.json', await send(tgz(file)), 422, null, /no package\.json/)
    check('two package.json', await send(tgz(manifest(), { ...manifest(), name: 'other/package.json' })), 422, null, /more than one package\.json/)
    check('a broken package.json', await send(tgz({ name: 'package/package.json', body: '{"name":' })), 422, null, /package\.json.*cannot be read/)
    check('a plain tar', await send(tar(manifest())), 422, null, /archive/i)
    check('half a gzip', await send(tgz(manifest(), { name: 'package/r', body: Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 7919) & 255)) }).subarray(0, 200)), 422, null, /archive/i)
    check('more behind the end', await send(Buffer.concat([tgz(manifest()), Buffer.from('more')])), 422, null, /archive/i)
  }))

  test('a document, name, version, tag or integrity that is wrong', () => nothingStays(async () => {
    const ball = tgz(manifest())
    const bend = (fn) => {
      const doc = document(name, '1.0.0', ball)
      fn(doc, doc.versions['1.0.0'], Object.values(doc._attachments)[0])
      return doc
    }
    const cases = [
      ['half JSON', '{"name":', 400, /JSON/], ['another name', bend((d) => { d.name = '@demo/else' }), 422, /called "@demo\/else" but was sent to "@demo\/bad"/],
      ['another version', bend((d, v) => { v.version = '1.0.1' }), 422, /version/i],
      ['a tag like a range', bend((d) => { d['dist-tags'] = { '1.x': '1.0.0' } }), 422, /tag/i],
      ['a tag to nowhere', bend((d) => { d['dist-tags'] = { latest: '3.0.0' } }), 422, /tag/i],
      ['another integrity', bend((d, v) => { v.dist.integrity = `sha512-${'A'.repeat(86)}==` }), 422, /not the one that dist\.integrity/],
      ['another shasum', bend((d, v) => { v.dist.shasum = '0'.repeat(40) }), 422, /not the one that dist\.integrity/],
      ['no integrity', bend((d, v) => { v.dist = {} }), 422, /no dist\.integrity or dist\.shasum/],
      ['an integrity of unknown kind', bend((d, v) => { v.dist = { integrity: 'md9-AAAA' } }), 422, /dist\.integrity/],
      ['a wrong length', bend((d, v, a) => { a.length += 1 }), 422, /length|bytes/i],
      ['no base64', bend((d, v, a) => { a.data = '%%%%' }), 422, /base64/i],
      ['what the tarball denies', document(name, '2.0.0', ball), 422, /tarball holds version 1\.0\.0, not 2\.0\.0/],
      ['no semantic version', document(name, '1.0', tgz(manifest({ version: '1.0' }))), 422, /version/i],
      ['neither', {}, 422, /neither/],
    ]
    for (const [what, doc, status, says] of cases) check(what, await put(doc), status, null, says)
    check('a name with capitals', await put(document('@demo/Bad', '1.0.0', tgz(manifest({ name: '@demo/Bad' }))), '@demo%2fBad'), 422, null, /lower|capital|letters/i)
    check('a name of another', await put(document('@other/bad', '1.0.0', tgz(manifest({ name: '@other/bad' }))), '@other%2fbad'), 403, null, /./)
    check('an unclaimed name', await put(document('leftpad-x', '1.0.0', tgz(manifest({ name: 'leftpad-x' }))), 'leftpad-x'), 403, null, /claim|scope/i)
  }))
})

describe('themes', () => {
  const send = async (body, path = '/api/v1/tenants/demo/theme') => {
    const answer = await fetch(`${r.url}${path}`, { method: 'PUT', headers: { cookie: owner, origin: r.url, 'content-type': 'application/octet-stream' }, body })
    return { status: answer.status, body: JSON.parse(await answer.text()) }
  }
  const bundle = (theme, ...files) => tgz({ name: 'theme.json', body: JSON.stringify(theme) }, ...files)
  const svg = (inside, more = '') => ({ name: 'logo.svg', body: `<svg xmlns="http://www.w3.org/2000/svg" ${more}>${inside}</svg>` })
  const logo = { header: { image: 'logo.svg' } }

  test('scripts, foreign addresses, what is no image, and what leads out', () => nothingStays(async () => {
    const css = (text) => bundle({ css: 'a.css' }, { name: 'a.css', body: text })
    const cases = [
      ['a script in an image', bundle(logo, svg('<script>alert(1)</script>')), 'bad_image', /must not run anything/],
      ['a handler in an image', bundle(logo, svg('', 'onload="alert(1)"')), 'bad_image', /must not run anything/],
      ['a handler on a line of its own', bundle(logo, svg('<a\nONCLICK = "x()"/>')), 'bad_image', /must not run anything/],
      ['a link that runs', bundle(logo, svg('<a href="JavaScript:alert(1)"/>')), 'bad_image', /must not run anything/],
      ['foreign HTML in an image', bundle(logo, svg('<foreignObject><p/></foreignObject>')), 'bad_image', /must not run anything/],
      ['an entity', bundle(logo, { name: 'logo.svg', body: '<!DOCTYPE x [<!ENTITY a "b">]><svg/>' }), 'bad_image', /./],
      ['an image from elsewhere in an image', bundle(logo, svg('<image href="https://evil.example/a.png"/>')), 'bad_image', /evil|elsewhere|address/],
      ['HTML as an image', bundle({ favicon: 'a.png' }, { name: 'a.png', body: '<html><script>1</script>' }), 'bad_image', /not what its name says/],
      ['a script as a file', bundle({}, { name: 'a.js', body: '1' }), 'bad_file', /images, fonts/],
      ['HTML as a file', bundle({}, { name: 'a.html', body: '1' }), 'bad_file', /images, fonts/],
      ['a style sheet that imports', css('@import "x.css";'), 'bad_css', /@import/],
      ['a style sheet with a foreign address', css('a{background:url(https://evil.example/x)}'), 'bad_css', /own bundle/],
      ['a style sheet with an address of any scheme', css('a{background:url(//evil.example/x)}'), 'bad_css', /own bundle/],
      ['a style sheet with a hidden address', css('a{background:url( "//evil.example/x")}'), 'bad_css', /own bundle/],
      ['a style sheet with an escaped address', css('a{background:url(\\68ttps\\3a//evil.example/x)}'), 'bad_css', /own bundle/],
      ['a style sheet that ends its element', css('</STYLE><script>'), 'bad_css', /<\/style/i],
      ['an image of an address', bundle({ header: { image: 'https://evil.example/a.png' } }), 'missing_file', /holds no file/],
      ['a link of another scheme', bundle({ header: { url: 'javascript:alert(1)' } }), 'bad_theme', /http or https/],
      ['a colour that is more', bundle({ tokens: { light: { primary: 'red;}body{display:none' } } }), 'bad_token', /./],
      ['a colour with an address', bundle({ tokens: { light: { primary: 'url(https://evil.example)' } } }), 'bad_token', /./],
      ['an unknown token', bundle({ tokens: { light: { secret: '#fff' } } }), 'bad_token', /no token/],
      ['an unknown member', bundle({ scripts: ['a.js'] }), 'bad_theme', /no member "scripts"/],
      ['a title of two lines', bundle({ page: { title: 'a\nb' } }), 'bad_theme', /"page.title" must be/],
      ['a title that is long', bundle({ page: { title: 'x'.repeat(201) } }), 'bad_theme', /200/],
      ['a title that is no text', bundle({ page: { title: { a: 1 } } }), 'bad_theme', /"page.title" must be/],
      ['no theme.json', tgz({ name: 'a.png', body: PNG }), 'bad_bundle', /theme\.json/],
      ['two dots', bundle({}, { name: '../a.png', body: PNG }), 'bad_bundle', /archive/i],
      ['a link', bundle({}, { name: 'a.png', type: '2', link: '/etc/passwd' }), 'bad_bundle', /archive/i],
    ]
    for (const [what, body, code, says] of cases) check(what, await send(body), 422, code, says)
    const wrong = await send('{"page":')
    assert.ok([400, 422].includes(wrong.status))
    assert.match(wrong.body.detail, SENTENCE)
  }))

  test('an image of 50 MB, packed well or not', () => nothingStays(async () => {
    const noise = Buffer.alloc(50 << 20)
    for (let i = 0, x = 1; i < noise.length; i += 4) noise.writeInt32LE((x = (Math.imul(x, 1664525) + 1013904223) | 0), i)
    PNG.copy(noise)
    const image = { name: 'big.png', body: noise }
    check('as it is', await send(gzipSync(tar({ name: 'theme.json', body: '{"favicon":"big.png"}' }, image), { level: 0 })), 413, 'body_too_large', /larger than the \d+ kB/)
    const blank = Buffer.alloc(50 << 20)
    PNG.copy(blank)
    const packed = await send(bundle({ favicon: 'big.png' }, { name: 'big.png', body: blank }))
    assert.ok([413, 422].includes(packed.status), JSON.stringify(packed.body))
    assert.match(packed.body.detail, /archive|large/)
  }))

  test('a title with quotes and the end of a script is a title, wherever it is shown', async () => {
    const title = `"><'</script><script>alert(1)</script>&amp;\u2028 {{x}} \${y}`
    const set = await send(JSON.stringify({ page: { title }, header: { title }, login: { message: title }, deployButton: { label: title } }))
    assert.equal(set.status, 200, JSON.stringify(set.body))
    assert.equal(set.body.theme.page.title, title)
    const pages = await Promise.all([
      fetch(`${r.url}/api/v1/looks/taken.localhost/theme.css`),
      raw(r, 'taken.localhost', '/', { headers: { accept: 'text/html', 'sec-fetch-mode': 'navigate' } }),
      raw(r, 'taken.localhost', '/.redhouse/theme.css'),
    ])
    for (const page of pages) assert.ok(!(page.text instanceof Function ? await page.text() : page.text).includes('<script>alert(1)'))
    const back = await r.api('DELETE', '/api/v1/tenants/demo/theme', undefined, { cookie: owner })
    assert.equal(back.status, 204)
  })
})

describe('webhooks and addresses of sources', () => {
  let source, secret, other

  const look = async (url) => {
    const made = await r.api('POST', '/api/v1/tenants/demo/sources', { url }, { cookie: owner })
    assert.equal(made.status, 201, `${url}: ${JSON.stringify(made.body)}`)
    return { ...made.body, secret: made.body.webhook_secret }
  }
  const cause = (id) => until('the look is noted', async () => (await r.api('GET', `/api/v1/sources/${id}`, undefined, { cookie: owner })).body.cause, 60000)
  const remove = (id) => r.api('DELETE', `/api/v1/sources/${id}`, undefined, { cookie: owner })

  test('an address where it may not go is refused, however it is written', async () => {
    const port = await freePort()
    await quiet()
    const was = await leftovers(r, admin)
    for (const host of ['127.0.0.1', 'localhost', '2130706433', '0x7f.1', '[::1]', '[::ffff:127.0.0.1]', '0.0.0.0', '10.0.0.1', '192.168.1.1', '169.254.169.254']) {
      const made = await look(`http://${host}:${port}/x.git`)
      assert.match(await cause(made.id), /private address, which is not allowed/, host)
      await remove(made.id)
    }
    await quiet()
    const now = await leftovers(r, admin)
    assert.deepEqual(now, was)
  })

  test('a webhook with a wrong signature starts nothing and tells nothing', async () => {
    ;({ secret, ...source } = await look('http://127.0.0.1:9/one.git'))
    other = await look('http://127.0.0.1:9/two.git')
    await cause(source.id)
    await cause(other.id)
    const body = JSON.stringify({ ref: 'refs/tags/v1.0.0' })
    const sign = (key, text = body) => createHmac('sha256', key).update(text).digest('hex')
    const hook = async (id, headers, text = body) => {
      const answer = await fetch(`${r.url}/hooks/${id}`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: text })
      const said = await answer.text()
      return { status: answer.status, body: said ? JSON.parse(said) : null }
    }
    await nothingStays(async () => {
      const told = new Set()
      for (const [what, id, headers, text] of [
        ['none', source.id, {}], ['zeroes', source.id, { 'x-hub-signature-256': `sha256=${'0'.repeat(64)}` }],
        ['of another source', source.id, { 'x-hub-signature-256': `sha256=${sign(other.secret)}` }],
        ['of another body', source.id, { 'x-hub-signature-256': `sha256=${sign(secret, '{}')}` }],
        ['of another algorithm', source.id, { 'x-hub-signature': `sha1=${createHmac('sha1', secret).update(body).digest('hex')}` }],
        ['without its prefix', source.id, { 'x-hub-signature-256': sign(secret) }], ['cut', source.id, { 'x-hub-signature-256': `sha256=${sign(secret).slice(0, 32)}` }],
        ['empty', source.id, { 'x-hub-signature-256': 'sha256=' }], ['an empty token', source.id, { 'x-gitlab-token': '' }],
        ['an empty gitea one', source.id, { 'x-gitea-signature': '' }], ['the id as a token', source.id, { 'x-gitlab-token': source.id }],
        ['no source', 'x'.repeat(26), { 'x-hub-signature-256': `sha256=${sign(secret)}` }], ['another odd source', '%c3%a4', { 'x-gitlab-token': secret }],
      ]) {
        const answer = await hook(id, headers, text)
        check(what, answer, 401, 'bad_signature', /signature is missing or wrong/)
        told.add(JSON.stringify({ ...answer.body, request: undefined }))
      }
      assert.equal(told.size, 1, 'a stranger can tell sources apart')
      const large = await hook(source.id, { 'x-hub-signature-256': 'sha256=00' }, 'x'.repeat(3 << 20))
      assert.equal(large.status, 413)
    })
    assert.equal((await hook(source.id, { 'x-hub-signature-256': `sha256=${sign(secret)}` })).status, 202)
    for (const s of [source, other]) await remove(s.id)
  })
})

describe('hosts', () => {
  // One request as it is written; the answer's status and text.
  async function speak(lines, path = '/npm/@demo%2fhost') {
    const socket = connect(r.port, '127.0.0.1')
    socket.end([`GET ${path} HTTP/1.1`, ...lines, `authorization: Bearer ${token}`, 'connection: close', '', ''].join('\r\n'))
    let text = ''
    socket.on('data', (chunk) => { text += chunk })
    await once(socket, 'close')
    return { status: Number(text.split(' ')[1]), text }
  }

  test('an odd one is refused or unknown, and never shows in what is answered', async () => {
    const published = document('@demo/host', '1.0.0', tgz({ name: 'package/package.json', body: '{"name":"@demo/host","version":"1.0.0"}' }))
    const put = await fetch(`${r.url}/npm/@demo%2fhost`, { method: 'PUT', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: JSON.stringify(published) })
    assert.equal(put.status, 201)
    const good = `host: localhost:${r.port}`
    assert.equal((await speak([good])).status, 200)
    await nothingStays(async () => {
      const odd = [
        ['host:'], ['host: '], [], [good, good], [good, 'host: evil.example'], ['host: evil.example'], [`host: localhost:${r.port}@evil.example`], ['host: evil.example#'],
        ['host: localhost:99999'], ['host: localhost:x'], ['host: localhost:80:80'], ['host: local host'], ['host: local\thost'], ['host: local_host'], ['host: ..'], ['host: [::1'],
        ['host: /'], [`host: ${'a'.repeat(300)}`], [`host: ${'a.'.repeat(3000)}`], ['host: localhost\u0000'], ['host: caf\u00e9'], ['host: %6cocalhost'], ['host: localhost,evil.example'],
        ['host: <script>'], ['host: nobody.localhost'], ['host: taken--app--app.localhost'],
      ]
      for (const lines of odd) {
        const answer = await speak(lines)
        const what = `${JSON.stringify(lines).slice(0, 80)}: ${answer.text.slice(0, 300)}`
        assert.ok([400, 404, 421].includes(answer.status), what)
        assert.ok(!/<script>|evil\.example/.test(answer.text.replace(/\r\n\r\n[^]*$/, '')), what)
        assert.ok(!answer.text.includes('<script>'), what)
        assert.ok(!answer.text.includes('1.0.0'), what)
      }
    })
    const forwarded = await speak([good, 'x-forwarded-host: evil.example', 'x-forwarded-proto: https', 'forwarded: host=evil.example'])
    assert.equal(forwarded.status, 200)
    assert.ok(!forwarded.text.includes('evil'))
    assert.ok(forwarded.text.includes(`${r.url}/npm/@demo/host/-/host-1.0.0.tgz`))
  })
})
