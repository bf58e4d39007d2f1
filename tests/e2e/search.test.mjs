// Searches as clients and the portal's API make them: shapes, qualifiers, totals of what the asker may see.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Redhouse } from './redhouse.mjs'
import { publishDocument } from './publish.mjs'

let r
const bearer = {}

const ask = (path, { who = 'dev', headers = {} } = {}) => fetch(`${r.url}${path}`, { headers: { ...(who ? { authorization: `Bearer ${bearer[who]}` } : {}), ...headers } })
const search = async (text, { who, more = '' } = {}) => {
  const answer = await ask(`/npm/-/v1/search?text=${encodeURIComponent(text)}${more}`, { who })
  assert.equal(answer.status, 200, text)
  return answer.json()
}
const names = async (...args) => (await search(...args)).objects.map((o) => o.package.name)

async function publish(name, version, manifest = {}, who = 'dev') {
  const { body } = publishDocument(name, version, { manifest })
  const answer = await fetch(`${r.url}/npm/${name.replace('/', '%2f')}`, {
    method: 'PUT', headers: { 'content-type': 'application/json', authorization: `Bearer ${bearer[who]}` }, body: JSON.stringify(body) })
  assert.equal(answer.status, 201, await answer.text())
}

before(async () => {
  r = await Redhouse.start({ args: ['--platform-scope', '@shared'] })
  bearer.admin = await r.token('admin', 'search')
  const admin = { authorization: `Bearer ${bearer.admin}` }
  Object.assign(bearer, await r.people(admin, 'correct horse', [['acme', 'dev', 'developer'], ['beta', 'other', 'developer']]))
  await publish('@acme/node-red-zebra', '1.2.3', { description: 'Draws stripes', keywords: ['node-red', 'Stripes'], license: 'MIT', author: 'Grace <grace@example.com>',
    repository: { type: 'git', url: 'git+https://git.example/zebra.git' }, homepage: 'https://zebra.example', bugs: 'https://zebra.example/bugs' })
  await publish('@acme/zebra', '0.1.0', { description: 'Small', keywords: ['animals'] })
  await publish('@beta/zebra-secret', '1.0.0', { description: 'Draws stripes' }, 'other')
  await publish('@shared/zebra-kit', '1.0.0', { description: 'Draws stripes' })
})
after(() => r?.stop())

describe('what a search answers', () => {
  test('holds every field that npm and pnpm read', async () => {
    const { objects, total, time } = await search('stripes scope:acme')
    assert.equal(total, 1)
    assert.equal(new Date(time).toISOString(), time)
    const { package: p, score, searchScore, flags } = objects[0]
    assert.equal(new Date(p.date).toISOString(), p.date)
    delete p.date
    assert.deepEqual(p, {
      name: '@acme/node-red-zebra', version: '1.2.3', description: 'Draws stripes', keywords: ['node-red', 'Stripes'],
      links: { npm: `${r.url}/ui/packages/@acme/node-red-zebra`, homepage: 'https://zebra.example', repository: 'git+https://git.example/zebra.git', bugs: 'https://zebra.example/bugs' },
      license: 'MIT', author: { name: 'Grace <grace@example.com>' }, publisher: { username: 'dev', email: '' }, maintainers: [{ username: 'dev', email: '' }] })
    for (const n of [score.final, score.detail.quality, score.detail.popularity, score.detail.maintenance, searchScore]) assert.equal(typeof n, 'number')
    assert.deepEqual(flags, { insecure: 0 })
  })

  test('counts and shows only what the asker may see', async () => {
    assert.deepEqual([(await search('zebra')).total, (await search('zebra', { who: 'other' })).total, (await search('zebra', { who: 'admin' })).total], [3, 2, 4])
    assert.deepEqual(await names('secret'), [])
    assert.deepEqual(await names('scope:beta zebra'), [])
    assert.equal((await search('zebra', { more: '&size=1' })).total, 3)
    assert.deepEqual(await names('zebra', { more: '&from=3' }), [])
    assert.equal((await ask('/npm/-/v1/search?text=zebra', { who: null })).status, 401)
  })

  test('shows a change at once, though answers are kept', async () => {
    assert.equal((await search('giraffe')).total, 0)
    await publish('@acme/giraffe', '1.0.0')
    assert.deepEqual(await names('giraffe'), ['@acme/giraffe'])
    const first = await ask('/npm/-/v1/search?text=giraffe')
    const again = await ask('/npm/-/v1/search?text=giraffe', { headers: { 'if-none-match': first.headers.get('etag') } })
    assert.equal(again.status, 304)
  })

  test('takes the exact name first and finds parts of names', async () => {
    assert.equal((await names('zebra'))[0], '@acme/zebra')
    assert.deepEqual(await names('noderedzeb'), ['@acme/node-red-zebra'])
    assert.deepEqual(await names('keywords:stripes'), ['@acme/node-red-zebra'])
    assert.deepEqual(await names('author:grace@example.com'), ['@acme/node-red-zebra'])
    assert.deepEqual(await names('zebra is:unstable'), ['@acme/zebra'])
    assert.deepEqual((await names('zebra not:unstable scope:acme')), ['@acme/node-red-zebra'])
  })

  test('weighs quality, popularity and maintenance as asked', async () => {
    const score = async (more) => (await search('stripes scope:acme', { more })).objects[0].score
    const { detail } = await score('')
    assert.equal((await score('&quality=1&popularity=0&maintenance=0')).final, detail.quality)
    assert.equal((await score('&quality=0&popularity=0.0&maintenance=0.5')).final, detail.maintenance)
    assert.equal((await score('&quality=x&popularity=-1&maintenance=1e9')).final, (await score('')).final)
  })

  test('takes whatever is typed as words', async () => {
    for (const text of ['"', '""" OR name:', 'zebra) OR (', '^zebra NEAR(', '*', "'; DROP TABLE package; --", '{name}:x', 'zebra*'.repeat(40), '\u{1f993}', 'keywords:', 'keywords:,+-', 'scope:@', ':', '-'])
      assert.equal((await ask(`/npm/-/v1/search?text=${encodeURIComponent(text)}`)).status, 200, text)
    for (const bad of ['', '?text=', '?text=%20', `?text=${'x'.repeat(251)}`, '?text=%ff', '?text=x%00']) assert.equal((await ask(`/npm/-/v1/search${bad}`)).status, 400, bad)
    assert.match(await (await ask('/npm/-/v1/search')).text(), /ERR_TEXT_MISSING/)
    for (const more of ['&size=251', '&size=-1', '&from=10001', '&size=x']) assert.ok((await search('zebra', { more })).objects.length <= 20, more)
  })
})

describe('the list of packages', () => {
  const list = async (query, who = 'dev') => (await ask(`/api/v1/packages?${query}`, { who })).json()

  test('with a filter holds what a search finds, page by page', async () => {
    const first = await list('filter=zebra&limit=2')
    assert.equal(first.items[0].name, '@acme/zebra')
    const second = await list(`filter=zebra&limit=2&cursor=${first.next}`)
    assert.deepEqual([first.items.length, second.items.length, second.next], [2, 1, null])
    assert.equal(new Set([...first.items, ...second.items].map((p) => p.name)).size, 3)
    assert.deepEqual((await list('filter=zebra&tenant=acme')).items.map((p) => p.tenant), ['acme', 'acme'])
    assert.equal((await ask('/api/v1/packages?filter=zebra&cursor=x')).status, 400)
    assert.equal((await ask('/api/v1/packages?filter=zebra&tenant=beta')).status, 404)
  })
})

test('a package that says very much of its author does not fill the answer', async () => {
  await publish('@acme/loud', '1.0.0', { author: { name: 'Loud', note: 'x'.repeat(500000) } })
  const { objects } = await search('loud')
  assert.deepEqual(objects.map((o) => o.package.author), [{ name: 'Loud' }])
})
