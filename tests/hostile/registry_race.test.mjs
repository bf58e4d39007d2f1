// Many at once: whatever wins, what is shown is whole. (What is tested where: registry_publish.test.mjs.)
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { sri } from '../e2e/publish.mjs'
import { Scene, document } from './registry.mjs'

const ROUNDS = Number(process.env.ROUNDS ?? 50)
let s
before(async () => { s = await Scene.start() }, { timeout: 60000 })
after(() => s?.stop())

const encoded = (name) => name.replace('/', '%2f')
const base = (name) => name.split('/')[1]

// Every tag names a version, every version's bytes are there and are its own, both forms and the rows of the API say the same.
async function consistent(name, what) {
  const doc = await s.full(name)
  if (doc.error) return undefined
  const brief = (await s.ask(encoded(name), { headers: { accept: 'application/vnd.npm.install-v1+json' } })).body
  const rows = (await s.r.api('GET', `/api/v1/packages/${encoded(name)}`, undefined, s.admin)).body
  assert.ok(doc['dist-tags'].latest, `${what}: latest`)
  for (const [tag, version] of Object.entries(doc['dist-tags'])) assert.ok(doc.versions[version], `${what}: ${tag} names ${version}`)
  const versions = Object.keys(doc.versions).sort()
  assert.deepEqual(Object.keys(brief.versions).sort(), versions, `${what}: the abbreviated form`)
  assert.deepEqual(brief['dist-tags'], doc['dist-tags'], what)
  assert.deepEqual(rows.tags, doc['dist-tags'], `${what}: the rows`)
  assert.equal(rows.latest, doc['dist-tags'].latest, what)
  assert.deepEqual(rows.versions.map((v) => v.version).sort(), versions, `${what}: the rows`)
  assert.deepEqual(Object.keys(doc.time).filter((t) => !['created', 'modified'].includes(t)).sort(), versions, `${what}: times`)
  for (const { version, deprecated } of rows.versions) {
    assert.equal(doc.versions[version].deprecated ?? null, deprecated, `${what}: ${version}`)
    assert.equal(brief.versions[version].deprecated ?? null, deprecated, `${what}: ${version}`)
    const answer = await s.ask(`${encoded(name)}/-/${base(name)}-${version}.tgz`)
    assert.equal(answer.status, 200, `${what}: the tarball of ${version}`)
    assert.equal(sri(answer.bytes), doc.versions[version].dist.integrity, `${what}: the bytes of ${version}`)
    assert.equal(brief.versions[version].dist.integrity, doc.versions[version].dist.integrity, what)
  }
  return doc
}

for (const n of [12, 50])
  test(`one version ${n} times at once is there once, and its bytes are those of its manifest`, async () => {
    const name = `@acme/same-${n}`
    const answers = await Promise.all(Array.from({ length: n }, (_, i) => s.put(name, document(name, '1.0.0'), i % 2 ? 'dev' : 'mate')))
    assert.deepEqual(answers.map((a) => a.status).sort(), [201, ...Array(n - 1).fill(409)])
    const doc = await consistent(name, 'the one')
    assert.deepEqual(Object.keys(doc.versions), ['1.0.0'])
  })

test('eight first publishes of a new package at once are all there', async () => {
  for (let round = 0; round < 5; round++) {
    const name = `@acme/first-${round}`
    const answers = await Promise.all(Array.from({ length: 8 }, (_, i) => s.put(name, document(name, `1.0.${i}`))))
    assert.deepEqual(answers.map((a) => a.status), Array(8).fill(201))
    assert.equal(Object.keys((await consistent(name, 'all')).versions).length, 8)
  }
})

describe('a publish at the same time as', { timeout: 240000 }, () => {
  const rounds = async (what, name, begin, other, judge) => {
    for (let round = 0; round < ROUNDS; round++) {
      const at = `${what}, round ${round}`
      await begin?.(round)
      const doc = await s.full(name)
      const version = `1.${round + 1}.0`
      const both = [() => s.put(name, document(name, version)), () => other(doc, round)]
      const first = round % 2 // which of them is on its way first
      const begun = { [first]: both[first]() }
      begun[1 - first] = both[1 - first]()
      const answers = await Promise.all([begun[0], begun[1]])
      assert.equal(answers[0].status, 201, `${at}: ${answers[0].text}`)
      assert.ok(answers[1].status === 409 || answers[1].status < 300, `${at}: ${answers[1].status} ${answers[1].text}`)
      const now = await consistent(name, at)
      assert.ok(now?.versions[version], `${at}: what was acknowledged is there`)
      judge(now, answers[1], at, round, version)
    }
  }

  test('a deprecation loses no version and no word', async () => {
    const name = '@acme/deprecated'
    await s.publish(name, '1.0.0')
    await rounds('a deprecation', name, null, (doc, round) => {
      for (const v of Object.values(doc.versions)) v.deprecated = `since ${round}`
      return s.put(name, doc)
    }, (now, answer, at, round) => {
      assert.equal(Object.keys(now.versions).length, round + 2, at)
      if (answer.status < 300) assert.equal(now.versions['1.0.0'].deprecated, `since ${round}`, at)
    })
  })

  test('an unpublish takes what it named and nothing else', async () => {
    const name = '@acme/taken'
    await s.publish(name, '1.0.0')
    await rounds('an unpublish', name, (round) => s.publish(name, `0.${round + 1}.0`, { tag: 'old' }), (doc, round) => {
      delete doc.versions[`0.${round + 1}.0`]
      delete doc['dist-tags'].old
      return s.ask(`${encoded(name)}/-rev/${doc._rev}`, { who: 'owner', method: 'PUT', body: doc })
    }, (now, answer, at, round) => {
      assert.equal(now.versions[`0.${round + 1}.0`] === undefined, answer.status < 300, at)
      assert.equal(Object.keys(now.versions).filter((v) => v.startsWith('1.')).length, round + 2, at)
    })
  })

  test('the removal of the whole package leaves it whole or with the new version alone', async () => {
    const name = '@acme/whole'
    for (let round = 0; round < ROUNDS; round++) {
      const at = `round ${round}`
      await s.publish(name, `1.${round}.0`)
      const doc = await s.full(name)
      const [published, removed] = await Promise.all([s.put(name, document(name, `1.${round}.1`)), s.ask(`${encoded(name)}/-rev/${doc._rev}`, { who: 'owner', method: 'DELETE' })])
      assert.equal(published.status, 201, `${at}: ${published.text}`)
      assert.ok([200, 409].includes(removed.status), `${at}: ${removed.text}`)
      const now = await consistent(name, at)
      assert.ok(now.versions[`1.${round}.1`], at)
      assert.equal(now.versions[`1.${round}.0`] === undefined, removed.status === 200, at)
    }
  })

  test('a tag ends where one of the two put it', async () => {
    const name = '@acme/tagged'
    await s.publish(name, '1.0.0')
    await rounds('a tag', name, null, () => s.ask(`-/package/${encoded(name)}/dist-tags/latest`, { method: 'PUT', body: '"1.0.0"' }),
      (now, answer, at, round, version) => assert.ok(['1.0.0', version].includes(now['dist-tags'].latest), at))
  })

  test('a tag on a version that is being taken away names it or is refused', async () => {
    const name = '@acme/both'
    await s.publish(name, '1.0.0')
    for (let round = 0; round < ROUNDS; round++) {
      const version = `2.${round}.0`
      await s.publish(name, version, { tag: 'next' })
      const doc = await s.full(name)
      delete doc.versions[version]
      delete doc['dist-tags'].next
      const [tagged, taken] = await Promise.all([s.ask(`-/package/${encoded(name)}/dist-tags/beta`, { method: 'PUT', body: JSON.stringify(version) }), s.ask(`${encoded(name)}/-rev/${doc._rev}`, { who: 'owner', method: 'PUT', body: doc })])
      assert.ok([200, 404].includes(tagged.status) && [200, 409].includes(taken.status), `${tagged.text} ${taken.text}`)
      assert.ok(tagged.status === 200 || taken.status === 200, 'one of them')
      await consistent(name, `round ${round}`)
    }
  })
})
