// The blobs on the disk and what the rows say of them: found out by `registry verify`, put right by `registry gc`.
import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { chownSync, existsSync, mkdirSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { publishDocument } from './publish.mjs'
import { Redhouse, binary, until } from './redhouse.mjs'

const exec = promisify(execFile)
let r, token
const put = (name, version, document = publishDocument(name, version)) =>
  r.api('PUT', `/npm/${name.replace('/', '%2f')}`, document.body, { authorization: `Bearer ${token}` })
// Of 70 kB it is a file, of less than 64 kB a row.
const publish = async (name, version, bytes = 70000) => {
  const document = publishDocument(name, version, { files: { 'x.bin': randomBytes(bytes) } })
  const answer = await put(name, version, document)
  assert.equal(answer.status, 201, JSON.stringify(answer.body))
  return Buffer.from(document.integrity.slice(7), 'base64').toString('hex')
}
const rows = (sql) => execFileSync('sqlite3', [join(r.data, 'blobs', 'small.db'), sql], { encoding: 'utf8' }).trim()
const tarball = async (name, version) => (await r.api('GET', `/npm/${name}/-/${name.split('/')[1]}-${version}.tgz`, undefined, { authorization: `Bearer ${token}` })).status
const file = (hex) => join(r.data, 'blobs', 'sha512', hex.slice(0, 2), hex.slice(2))
// A blob that nobody needs, as a server leaves one that ends between the bytes and the row.
const orphan = (text, age = 2 * 86400) => {
  const hex = createHash('sha512').update(text).digest('hex')
  mkdirSync(dirname(file(hex)), { recursive: true })
  writeFileSync(file(hex), text)
  const { uid, gid } = statSync(join(r.data, 'blobs'))
  for (const path of [dirname(file(hex)), file(hex)]) chownSync(path, uid, gid)
  utimesSync(file(hex), Date.now() / 1000 - age, Date.now() / 1000 - age)
  return hex
}
// Status, report and lines of a command.
const run = async (...args) => {
  try {
    return { status: 0, ...(await exec(binary, [...args, '--data', r.data], { env: r.env(), timeout: 60000 })) }
  } catch (error) {
    return { status: error.code, stdout: error.stdout, stderr: error.stderr }
  }
}

before(async () => {
  r = await Redhouse.start()
  await r.run('tenant', 'create', 'acme')
  await r.member('acme', 'ada', 'owner')
  token = await r.token('ada', 't')
}, { timeout: 120000 })
after(async () => r?.stop())

describe('the store', { timeout: 300000 }, () => {
  test('a whole one is told so', async () => {
    await publish('@acme/whole', '1.0.0')
    const said = await run('registry', 'verify', '--json')
    assert.equal(said.status, 0, said.stderr)
    const report = JSON.parse(said.stdout)
    assert.deepEqual({ sound: report.sound, problems: report.problems, items: report.items }, { sound: true, problems: 0, items: [] })
    assert.equal(report.counts.blobs, 1)
    assert.equal(report.counts.versions, 1)
  })

  test('damaged, missing and orphaned blobs are told with their packages, and the status is not 0', async () => {
    const bent = await publish('@acme/bent', '1.0.0'), cut = await publish('@acme/cut', '1.0.0'), lost = await publish('@acme/lost', '2.0.0')
    const { size } = statSync(file(bent))
    writeFileSync(file(bent), Buffer.alloc(size, 7))
    writeFileSync(file(cut), 'short')
    rmSync(file(lost))
    const stray = orphan('nobody needs this')
    const said = await run('registry', 'verify')
    assert.equal(said.status, 1)
    const lines = said.stdout.trim().split('\n').map((line) => line.split('\t'))
    const found = (what, hex) => lines.filter((l) => l[0] === what && l[3] === hex).map((l) => `${l[1]}@${l[2]}`)
    assert.deepEqual(found('damaged', bent), ['@acme/bent@1.0.0'])
    assert.deepEqual(new Set(found('damaged', cut)), new Set(['@acme/cut@1.0.0']))
    assert.deepEqual(found('missing', lost), ['@acme/lost@2.0.0'])
    assert.deepEqual(found('orphaned', stray), ['-@-'])
    const { body } = await r.api('GET', '/api/v1/registry/reports/verify', undefined, { cookie: await r.login('admin', r.password) })
    assert.equal(body.sound, false)
    assert.ok(existsSync(file(stray)), 'verify removes nothing')
  })

  test('what is wrong with a small one is told as well, and the same publish once more puts it right', async () => {
    const name = '@acme/small'
    const document = publishDocument(name, '1.0.0')
    assert.equal((await put(name, '1.0.0', document)).status, 201)
    const bent = Buffer.from(document.integrity.slice(7), 'base64').toString('hex'), lost = await publish('@acme/small-lost', '1.0.0', 100)
    assert.ok(!existsSync(file(bent)))
    rows(`UPDATE small_blob SET content = zeroblob(length(content)) WHERE sha512 = x'${bent}'; DELETE FROM small_blob WHERE sha512 = x'${lost}'`)
    const found = async () => (await run('registry', 'verify')).stdout.split('\n').filter((l) => /@acme.small/.test(l)).map((l) => l.split('\t').slice(0, 2).join(' ')).sort()
    assert.deepEqual(await found(), ['damaged @acme/small', 'missing @acme/small-lost'])
    assert.equal((await put(name, '1.0.0', document)).status, 200)
    assert.deepEqual(await found(), ['missing @acme/small-lost'])
    assert.equal(await tarball(name, '1.0.0'), 200)
    assert.equal(await tarball('@acme/small-lost', '1.0.0'), 404)
  })

  test('gc removes small ones that are old and needed by nobody', async () => {
    const kept = await publish('@acme/small-kept', '1.0.0', 100)
    const stray = createHash('sha512').update('stray').digest('hex')
    rows(`UPDATE small_blob SET stored_at = 1; INSERT INTO small_blob (sha512, stored_at, content) VALUES (x'${stray}', 1, x'737472617a')`)
    const report = await r.json('registry', 'gc')
    assert.deepEqual(report.items.filter((i) => [kept, stray].includes(i.blob)).map((i) => i.blob), [stray])
    assert.equal(rows(`SELECT count(*) FROM small_blob WHERE sha512 IN (x'${stray}', x'${kept}')`), '1')
  })

  test('gc removes what is old and needed by nobody, and nothing else', async () => {
    const kept = await publish('@acme/kept', '1.0.0')
    utimesSync(file(kept), 1, 1)
    const old = orphan('old'), young = orphan('young', 60)
    const dry = await r.json('registry', 'gc', '--dry-run')
    assert.ok(dry.items.some((i) => i.blob === old) && !dry.items.some((i) => i.blob === young))
    assert.ok(existsSync(file(old)))
    const report = await r.json('registry', 'gc')
    assert.ok(report.items.some((i) => i.blob === old))
    assert.ok(!existsSync(file(old)) && existsSync(file(young)) && existsSync(file(kept)))
    await r.run('registry', 'gc', '--older', '0s')
    assert.ok(!existsSync(file(young)) && existsSync(file(kept)))
  })

  test('publishes go on while everything unneeded is removed, and all that was answered stays', async () => {
    let going = true
    const collect = (async () => {
      let n = 0
      while (going) n += (await run('registry', 'gc', '--older', '0s')).status === 0
      return n
    })()
    const padding = randomBytes(70000)
    const document = (i) => publishDocument(`@acme/race-${i % 4}`, `1.0.${i}`, { files: { 'x.bin': i % 2 ? `${i % 7}` : padding } })
    const made = []
    for (let i = 0; i < 60; i += 4)
      await Promise.all([0, 1, 2, 3].map(async (j) => {
        const d = document(i + j)
        // The same bytes lie there unneeded already: they must not go beneath a publish.
        const tarball = Object.values(d.body._attachments)[0].data
        orphan(Buffer.from(tarball, 'base64'))
        const answer = await put(d.body.name, `1.0.${i + j}`, d)
        assert.equal(answer.status, 201, JSON.stringify(answer.body))
        made.push(Buffer.from(d.integrity.slice(7), 'base64').toString('hex'))
      }))
    going = false
    assert.ok((await collect) > 0)
    assert.equal(made.length, 60)
    for (const hex of made) assert.ok(existsSync(file(hex)) || rows(`SELECT count(*) FROM small_blob WHERE sha512 = x'${hex}'`) === '1', hex)
  })

  test('one run at a time, and it ends with the server', async () => {
    const cookie = await r.login('admin', r.password)
    for (let i = 0; i < 300; i++) orphan(Buffer.alloc(200000, `${i}`))
    const first = await r.api('POST', '/api/v1/registry/verify', {}, { cookie })
    assert.equal(first.status, 202)
    // Some may wait for it, not any number.
    const more = []
    for (let i = 0; i < 8; i++) more.push((await r.api('POST', '/api/v1/registry/gc', {}, { cookie })).status)
    assert.equal(more[0], 202)
    assert.equal(more.at(-1), 409)
    assert.equal((await r.api('POST', '/api/v1/registry/verify', {}, { authorization: `Bearer ${token}` })).status, 403)
    const began = Date.now()
    await r.term()
    assert.ok(Date.now() - began < 8000)
    await r.serve()
    const after = await until('it is told', async () => (await r.api('GET', `/api/v1/operations/${first.body.operation.id}`, undefined, { cookie })).body)
    assert.equal(after.state, 'failed')
    await r.run('registry', 'gc')
    assert.ok(readdirSync(join(r.data, 'blobs', 'tmp')).length === 0)
  })
})
