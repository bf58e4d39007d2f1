// What people may look at of an instance's insides: its settings.js and the revisions of its flows.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { runInNewContext } from 'node:vm'
import { instanceCookie, raw, Redhouse } from './redhouse.mjs'

describe('the insides of an instance', () => {
  let r
  const who = {}
  const get = (path, user) => r.api('GET', `/api/v1/instances/${path}`, undefined, { cookie: who[user] })
  const deployed = []

  async function deploy(label) {
    const host = 'one.localhost'
    const nodes = [{ id: 'aa', type: 'tab', label }, ...Array.from({ length: deployed.length }, (_, i) => ({ id: `c${i}`, type: 'comment', z: 'aa', name: 'n', wires: [] }))]
    const answer = await raw(r, host, '/flows', { method: 'POST', headers: { cookie: await instanceCookie(r, who.dan, host), origin: `http://${host}:${r.port}`, 'content-type': 'application/json', 'node-red-api-version': 'v2' }, body: JSON.stringify({ flows: nodes }) })
    assert.equal(answer.status, 200, answer.text)
    deployed.unshift({ nodes: nodes.length, rev: JSON.parse(answer.text).rev, bytes: Buffer.byteLength(JSON.stringify(nodes)) })
  }

  before(async () => {
    r = await Redhouse.start()
    await r.run('tenant', 'create', 'demo')
    for (const [user, role] of [['olga', 'owner'], ['dan', 'developer'], ['vic', 'viewer'], ['dash', 'dashboard']]) {
      await r.member('demo', user, role)
      who[user] = await r.login(user, `${user} has a password`)
    }
    await r.run('instance', 'create', 'demo/one')
  }, { timeout: 120000 })
  after(async () => r?.stop())

  test('each deploy is a revision with its author, newest first and in pages', async () => {
    assert.deepEqual((await get('one/revisions', 'dan')).body, { items: [], next: null })
    for (const label of ['first', 'second', 'third']) await deploy(label)
    const whole = await get('one/revisions', 'vic')
    assert.equal(whole.status, 200)
    assert.deepEqual(whole.body.items.map(({ number, rev, author, bytes, nodes }) => ({ number, rev, author, bytes, nodes })), deployed.map((d, i) => ({ number: 3 - i, rev: d.rev, author: 'dan', bytes: d.bytes, nodes: d.nodes })))
    assert.ok(whole.body.items.every((i) => Date.now() - new Date(i.at) < 120000))
    assert.equal(whole.body.next, null)
    const first = await get('one/revisions?limit=2', 'olga')
    assert.deepEqual(first.body.items, whole.body.items.slice(0, 2))
    const second = await get(`one/revisions?limit=2&cursor=${first.body.next}`, 'olga')
    assert.deepEqual(second.body, { items: whole.body.items.slice(2), next: null })
    const odd = await get('one/revisions?cursor=x', 'dan')
    assert.deepEqual([odd.status, odd.body.code], [400, 'bad_cursor'])
    assert.ok([403, 404].includes((await get('one/revisions', 'dash')).status))
  })

  test('settings.js is the fixed text with the document in it, and no secret', async () => {
    const title = `</script>"'\\ \u2028 \${x} "@DOCUMENT@"`
    const set = await r.api('PUT', '/api/v1/tenants/demo/theme', { page: { title } }, { cookie: who.olga })
    assert.equal(set.status, 200, JSON.stringify(set.body))
    const shown = await get('one/settings.js', 'dan')
    assert.equal(shown.status, 200)
    assert.match(shown.headers.get('content-type'), /^text\/javascript/)
    assert.match(shown.headers.get('content-disposition'), /attachment/)
    assert.equal(shown.headers.get('x-content-type-options'), 'nosniff')
    assert.equal(shown.headers.get('cache-control'), 'no-store')
    const sandbox = { module: {}, require: (name) => ({ settings: (document) => ({ name, document }) }), JSON }
    runInNewContext(shown.body, sandbox)
    const { name, document } = sandbox.module.exports
    assert.equal(name, '@redhouse/plugins/launcher/external.js')
    assert.deepEqual(Object.keys(document).sort(), ['base', 'env', 'hosts', 'instance', 'loginUrl', 'logoutUrl', 'npm', 'settings', 'slug', 'tenant', 'theme', 'version'])
    assert.deepEqual([document.slug, document.base, document.hosts.editor], ['one', r.url, `one.localhost:${r.port}`])
    assert.equal(document.theme.page.title, title)
    for (const user of ['vic', 'dash']) assert.ok([403, 404].includes((await get('one/settings.js', user)).status), user)
    assert.equal((await r.api('GET', '/api/v1/instances/one/settings.js')).status, 401)
    assert.equal((await get('two/settings.js', 'dan')).status, 404)
  })
})
