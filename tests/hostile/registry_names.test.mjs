// Names, versions and tags that mean something to somebody else. (What is tested where: registry_publish.test.mjs.)
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Scene, bent, document, tarball } from './registry.mjs'

let s
before(async () => { s = await Scene.start() }, { timeout: 60000 })
after(() => s?.stop())

const inherited = ['constructor', '__proto__', 'prototype', 'toString', 'hasOwnProperty', 'valueOf', '__defineGetter__']

test('a name that every object has is a name like another', async () => {
  for (const name of inherited) {
    for (const path of [name, `${name}/latest`, `${name}/-/${name}-1.0.0.tgz`, `@acme%2f${name}`, `-/package/${name}/dist-tags`]) {
      const answer = await s.ask(path)
      assert.ok([400, 404].includes(answer.status), `${path}: ${answer.status} ${answer.text}`)
    }
    const inScope = await s.put(`@acme/${name}`, document(`@acme/${name}`, '1.0.0'))
    assert.ok([201, 422].includes(inScope.status), `${name}: ${inScope.text}`)
  }
  await s.publish('@acme/tagged', '1.0.0')
  for (const tag of inherited) {
    const path = `-/package/@acme%2ftagged/dist-tags/${tag}`
    const set = await s.ask(path, { method: 'PUT', body: '"1.0.0"' })
    assert.ok([200, 422].includes(set.status), `${tag}: ${set.text}`)
    assert.equal((await s.ask(`@acme%2ftagged/${tag}`)).status, set.status === 200 ? 200 : 404, tag)
    assert.equal((await s.ask(path, { method: 'DELETE' })).status, set.status === 200 ? 200 : 404, tag)
  }
  assert.deepEqual(Object.keys((await s.full('@acme/tagged'))['dist-tags']), ['latest'])
})

test('names of a new package follow npm\'s rules, and differ in more than case', async () => {
  const bad = ['@acme/Upper', '@Acme/x', `@acme/${'a'.repeat(215)}`, '@acme/.hidden', '@acme/a b', '@acme/a~b', "@acme/a'b", '@acme/ä', '@acme/a\u200bb', '@acme/a@b', '@acme/a:b', '@acme/a?b', '@acme/%2e%2e']
  for (const name of bad) {
    const answer = await s.ask(`@acme%2f${encodeURIComponent(name.split('/')[1])}`, { method: 'PUT', body: document(name, '1.0.0', tarball(name, '1.0.0')) })
    assert.ok([400, 404, 422].includes(answer.status), `${name}: ${answer.status} ${answer.text}`)
    assert.ok(answer.body.error, name)
  }
  for (const name of ['node_modules', 'favicon.ico', 'http', 'fs', '_under', '-dash', '..', '.']) {
    const answer = await s.api('POST', '/api/v1/claims', { name, tenant: 'acme' }).then(() => 201, (error) => Number(/: (\d+) /.exec(error.message)[1]))
    assert.equal(answer, 422, name)
  }
  await s.publish('@acme/lower', '1.0.0')
  for (const spelt of ['@acme%2fLOWER', '@ACME%2flower', '@Acme/lower']) assert.equal((await s.ask(spelt)).status, 404, spelt)
  assert.equal((await s.put('@acme/in', document('@acme/other', '1.0.0'))).status, 422)
})

test('a name is decoded once: encoded slashes, dots, NUL and what is no UTF-8 lead nowhere', async () => {
  for (const path of ['@acme%2f..%2fx', '@acme%2f%2e%2e', 'a%00b', '@acme%2fa%00b', 'a%2fb%2fc', '@acme/a%252fb', '%ff', '@acme%2f%c0%ae', '@acme%2f%ed%a0%80', '%', '%2', '@acme%5cx', '@%2f', '@', '@acme', '%40', '//', '@acme%2f', '.', '%2e%2e%2fapi%2fv1', `${'a/'.repeat(500)}`]) {
    const answer = await s.raw(s.head('GET', path, s.bearer))
    assert.ok([400, 404].includes(answer.status), `${path}: ${answer.text}`)
    const put = await s.raw(`${s.head('PUT', path, s.bearer, 'Content-Type: application/json', 'Content-Length: 2')}{}`)
    assert.ok(put.status >= 400 && put.status < 500, `PUT ${path}: ${put.text}`)
  }
  for (const path of ['@acme%2flower', '@acme%2Flower', '%40acme%2flower', '@acme/lower']) assert.equal((await s.ask(path)).status, 200, path)
})

test('a version is a version: strict, not long, the same in the key, the manifest and the tarball', async () => {
  const name = '@acme/versions'
  const odd = ['1', '1.0', 'v1.0.0', '=1.0.0', '01.0.0', '1.0.0-01', '1.0.0-', '1.0.0+build', ' 1.0.0', '1.0.0 ', '1.0.0\n', 'latest', '*', '', '../1.0.0', '1.0.0/../2', '-1.0.0', '1.0.0-ä', `1.0.${'9'.repeat(300)}`, `1.0.0-${'a'.repeat(300)}`, '99999999999999999999.0.0', '__proto__']
  for (const version of odd) {
    const answer = await s.put(name, document(name, version, tarball(name, version)))
    assert.ok([400, 422].includes(answer.status), `${JSON.stringify(version)}: ${answer.status} ${answer.text}`)
  }
  assert.equal((await s.ask('@acme%2fversions')).status, 404)
  for (const version of ['1.0.0', '1.0.0-0', '1.0.0-alpha.1.x-y', '0.0.0', '9007199254740991.0.0']) assert.equal((await s.put(name, document(name, version))).status, 201, version)
  for (const version of ['1', 'v1.0.0', '01.0.0', '..%2f1.0.0', '9'.repeat(300)]) assert.equal((await s.ask(`@acme%2fversions/${version}`)).status, 404, version)
})

test('a tag is no range, latest stays, and none names what is not there', async () => {
  const name = '@acme/tags'
  await s.publish(name, '1.0.0')
  await s.publish(name, '1.1.0')
  const path = (tag) => `-/package/@acme%2ftags/dist-tags/${encodeURIComponent(tag)}`
  const set = (tag, version) => s.ask(path(tag), { method: 'PUT', body: JSON.stringify(version) })
  for (const tag of ['1.x', '^1.0.0', '*', 'x', '1', 'v1', '1.0.0', '>=1', '1 - 2', '~1', '', ' ', 'a b', 'a/b', '../x', 'ä', 'a'.repeat(101), '__proto__'])
    assert.ok([400, 404, 405, 422].includes((await set(tag, '1.0.0')).status), `${tag}: ${(await set(tag, '1.0.0')).text}`)
  for (const version of ['2.0.0', 'latest', '1.x', '', null, 1, {}, ['1.0.0']]) assert.ok([400, 404, 422].includes((await set('beta', version)).status), JSON.stringify(version))
  for (const body of ['', '1.0.0', '"1.0.0', '"1.0.0" "1.1.0"', '"\ud800"']) assert.ok([400, 404, 422].includes((await s.ask(path('beta'), { method: 'PUT', body })).status), body)
  assert.equal((await s.ask(path('latest'), { method: 'DELETE' })).status, 422)
  assert.equal((await s.ask(path('none'), { method: 'DELETE' })).status, 404)
  for (const bad of [{ '1.x': '1.2.0' }, { latest: '9.9.9' }, { latest: null }, Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`t${i}`, '1.2.0']))])
    assert.equal((await s.put(name, bent(document(name, '1.2.0'), (d) => { d['dist-tags'] = bad }))).status, 422, JSON.stringify(bad).slice(0, 60))
  assert.deepEqual((await s.full(name))['dist-tags'], { latest: '1.1.0' })
  // latest goes to what is left when its version goes
  const doc = await s.full(name, 'owner')
  delete doc.versions['1.1.0']
  assert.equal((await s.ask(`@acme%2ftags/-rev/${doc._rev}`, { who: 'owner', method: 'PUT', body: doc })).status, 200)
  assert.deepEqual((await s.full(name))['dist-tags'], { latest: '1.0.0' })
})
