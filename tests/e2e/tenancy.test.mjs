// Whatever belongs to another tenant is, for each kind of credential and on each route of the program's own tables, the
// same as what is not there; and nothing of it can be changed.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { after, before, describe, test } from 'node:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { gitServer, repository } from './gitserver.mjs'
import { leftovers } from './leftovers.mjs'
import { document, tgz } from './publish.mjs'
import { binary, instanceCookie, raw, Redhouse, until } from './redhouse.mjs'

describe('what belongs to another tenant', () => {
  let r, admin, table, theirs, git, dir
  const mine = {} // name of a credential -> headers
  const cookies = {}

  const ball = (name, version = '1.0.0') => tgz({ name: 'package/package.json', body: JSON.stringify({ name, version, 'node-red': { nodes: { x: 'x.js' } }, keywords: ['node-red'] }) }, { name: 'package/x.js', body: '// x\n' })
  const publication = (name, version = '1.0.0') => document(name, version, ball(name, version))

  // A request as it is: {status, headers, text}.
  const ask = (method, path, headers, body) => raw(r, r.domain, path, {
    method, headers: { origin: r.url, ...(body !== undefined ? { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) } : {}), ...headers }, body })

  // What is left of an answer when that which differs between any two is taken out.
  function essence(answer, names) {
    let text = answer.text
    for (const name of names) text = text.replaceAll(name, 'NAME')
    const { date, 'x-request-id': id, 'content-length': length, 'keep-alive': keep, ...headers } = answer.headers
    return { status: answer.status, headers, text: id ? text.replaceAll(id, 'ID') : text }
  }

  before(async () => {
    dir = mkdtempSync('/tmp/rh-git-')
    repository(dir, 'their', 'v1.0.0', { 'README.md': 'no package' })
    git = await gitServer(dir)
    r = await Redhouse.start({ args: ['--git-private'] })
    admin = await r.login('admin', r.password)
    for (const [tenant, people] of [['demo', ['ada', 'dan', 'vic']], ['other', ['eve']]]) {
      await r.run('tenant', 'create', tenant)
      for (const [i, user] of people.entries()) {
        await r.member(tenant, user, ['owner', 'developer', 'viewer'][i])
      }
    }
    await r.run('package', 'claim', 'their-claim', '--tenant', 'other')
    const eve = `Bearer ${await r.token('eve', 't')}`
    for (const name of ['@other/secret', 'their-claim'])
      assert.equal((await ask('PUT', `/npm/${name.replace('/', '%2f')}`, { authorization: eve }, JSON.stringify(publication(name)))).status, 201)
    const source = await r.api('POST', '/api/v1/tenants/other/sources', { url: `http://127.0.0.1:${git.address().port}/their.git` }, { authorization: eve })
    assert.equal(source.status, 201)
    await r.run('instance', 'create', 'other/two')
    await r.run('instance', 'create', 'demo/one')
    const build = await until('their build has ended', async () => {
      const { body } = await r.api('GET', `/api/v1/sources/${source.body.id}/builds`, undefined, { authorization: eve })
      return body.items.find((b) => ['failed', 'done'].includes(b.state))
    }, 60000)
    const { body: operations } = await r.api('GET', '/api/v1/operations', undefined, { authorization: eve })
    const team = await r.api('POST', '/api/v1/tenants/other/teams', { name: 'theirs' }, { authorization: eve })
    assert.equal(team.status, 201)
    const hook = await r.api('POST', '/api/v1/tenants/other/hooks', { url: 'https://example.org/their-hook', events: ['publish'] }, { authorization: eve })
    assert.equal(hook.status, 201, JSON.stringify(hook.body))
    const advisory = await r.api('POST', '/api/v1/advisories', { package: '@other/secret', title: 'their weakness', level: 'low', vulnerable: '*' }, { authorization: eve })
    assert.equal(advisory.status, 201)
    theirs = { eve, hook: hook.body.id, advisory: advisory.body.id, source: source.body.id, build: build.id, operation: operations.items.find((o) => o.tenant === 'other' || o.subject === 'two').id }

    for (const user of ['ada', 'dan', 'vic']) cookies[user] = await r.login(user, `${user} has a password`)
    mine['the session of an owner'] = { cookie: cookies.ada }
    mine['the session of a developer'] = { cookie: cookies.dan }
    mine['the token of a developer'] = { authorization: `Bearer ${await r.token('dan', 't')}` }
    mine['the token of a viewer'] = { authorization: `Bearer ${await r.token('vic', 't')}` }
    mine['a token that only reads'] = { authorization: `Bearer ${await r.token('ada', 'reads', '--read-only')}` }
    mine['nobody'] = {}
    const rows = execFileSync(binary, ['routes'], { env: r.env(), encoding: 'utf8' })
    table = rows.trim().split('\n').map((line) => { const [method, path, who] = line.split(/ +/); return { method, path, who } })
  }, { timeout: 180000 })
  after(async () => {
    await r?.stop()
    git?.closeAllConnections()
    git?.close()
    rmSync(dir, { recursive: true, force: true })
  })

  // The parameters of routes: what is there and what is not. A route with another one stops the walk, so that whoever adds it
  // comes by here.
  const there = () => ({ tenant: 'other', instance: 'two', source: theirs.source, id: theirs.operation, pkg: '@other%2fsecret', build: theirs.build, slug: 'other', advisory: theirs.advisory, team: 'theirs', hook: theirs.hook, org: 'other', claim: '@other' })
  const missing = { tenant: 'othes', instance: 'twp', source: '0'.repeat(26), id: '0'.repeat(26), pkg: '@other%2fsecres', build: '0'.repeat(26), slug: 'othes', advisory: 'RH-0', team: 'theirt', org: 'othes', claim: '@othes', hook: '0'.repeat(26) }
  const fixed = { user: 'eve', version: '1.0.0', file: 'secret-1.0.0.tgz', tag: 'latest', rev: '1-x', key: 'k', token: 't', rest: 'x', type: 'flows', path: 'package.json', delivery: '0'.repeat(26) }
  const belongs = (path) => /\/:(tenant|instance|source|pkg|build|advisory|team|hook|org|claim)\b/.test(path) || path === '/api/v1/operations/:id'
  const fill = (path, values) => path.replace(/[:*](\w+)/g, (_, name) => {
    const value = values[name] ?? fixed[name]
    assert.ok(value, `the test knows no ":${name}" of ${path}: teach it`)
    return value
  })
  const bodyOf = (method, path) => (['GET', 'DELETE'].includes(method) ? undefined : path === '/npm/:pkg' ? JSON.stringify(publication('@other/secret', '6.6.6')) : path.endsWith('/:tag') ? '"1.0.0"' : '{"role":"owner","name":"mine"}')
  const rest = (path) => (path === '/api/v1/instances/:instance' ? '?confirm=' : '')

  test('is on no route different from what is not there, and does not change', async () => {
    const was = await leftovers(r, admin)
    const walk = table.filter((row) => belongs(row.path) && row.who !== 'instance')
    assert.ok(walk.length > 35, `${walk.length} routes of tenants were found`)
    for (const { method, path, who } of walk) {
      const body = bodyOf(method, path)
      const values = there()
      for (const [credential, headers] of Object.entries(mine)) {
        const what = `${credential}: ${method} ${path}`
        const found = await ask(method, fill(path, values) + rest(path) + (rest(path) && values.instance), headers, body)
        const absent = await ask(method, fill(path, missing) + rest(path) + (rest(path) && missing.instance), headers, body)
        // A signature or an ID token is what counts there, and there is none.
        const refused = path.startsWith('/hooks/') || path.includes('/oidc/token/exchange/') ? [401] : credential === 'nobody' ? [401, 404] : who === 'admin' ? [403, 404] : [404]
        // Who may only read is told so before anything is looked for.
        if (credential === 'a token that only reads' && method !== 'GET') refused.push(403)
        assert.ok(refused.includes(found.status), `${what} answered ${found.status} ${found.text.slice(0, 300)}`)
        const names = ['@other/secret', '@other/secres', ...Object.values(values), ...Object.values(missing)].filter((n) => n.length > 2)
        assert.deepEqual(essence(found, names), essence(absent, names), what)
        assert.ok(!/eve|1\.0\.0|their/.test(found.text), `${what}: ${found.text}`)
      }
    }
    assert.deepEqual(await leftovers(r, admin), was)
  })

  test('is in no list', async () => {
    const lists = table.filter((row) => row.method === 'GET' && row.path.startsWith('/api/v1/') && !/[:*]/.test(row.path) && row.who === 'user' && row.path !== '/api/v1/events')
    assert.ok(lists.length >= 6, lists.map((l) => l.path).join())
    for (const [credential, headers] of Object.entries(mine)) {
      for (const { path } of [...lists, { path: '/npm/-/v1/search?text=secret&size=250' }, { path: '/npm/-/v1/search?text=claim&size=250' }, { path: '/npm/-/v1/search?text=eve&size=250' }]) {
        const answer = await ask('GET', path, headers)
        // A narrowed token sees nothing of its person.
        assert.ok([200, 401, ...(path.startsWith('/api/v1/me') ? [403] : [])].includes(answer.status), `${credential}: ${path} ${answer.status}`)
        assert.ok(!/other|"two"|secret|their|eve\b/.test(answer.text), `${credential}: ${path} ${answer.text}`)
      }
      for (const query of ['/api/v1/packages?tenant=', '/api/v1/instances?tenant=']) {
        if (credential === 'nobody') continue
        const [found, absent] = [await ask('GET', `${query}other`, headers), await ask('GET', `${query}othes`, headers)]
        assert.equal(found.status, 404, `${credential}: ${query}`)
        assert.deepEqual(essence(found, []), essence(absent, []), `${credential}: ${query}`)
      }
    }
    const cookie = await instanceCookie(r, cookies.ada, 'one.localhost')
    const catalogue = await raw(r, 'one.localhost', '/.redhouse/catalogue.json', { headers: { cookie } })
    assert.equal(catalogue.status, 200)
    assert.ok(!/other|their/.test(catalogue.text), catalogue.text)
  })

  test('cannot be read or written with the token of an instance, from within or without', async () => {
    const host = 'one.localhost'
    const cookie = await instanceCookie(r, cookies.ada, host)
    const edit = (method, path, body) => raw(r, host, path, { method, headers: { cookie, origin: `http://${host}:${r.port}`, 'content-type': 'application/json' }, body: JSON.stringify(body) })
    // A flow that lies in wait for npm's environment, and one that asks what it is told to.
    const func = (id, func, libs, wires) => ({ id, type: 'function', z: 'aa', func, outputs: 1, libs: libs.map((m) => ({ var: m, module: m })), wires: [[wires]] })
    const deployed = await edit('POST', '/flows', [
      { id: 'aa', type: 'tab', label: 'x' },
      { id: 'b1', type: 'http in', z: 'aa', url: '/wait', method: 'get', wires: [['b2']] },
      func('b2', `
        const was = child_process.spawn;
        child_process.spawn = (command, args, options) => { flow.set('npm', options && options.env); return was(command, args, options) };
        msg.payload = 'waits'; return msg;`, ['child_process'], 'b3'),
      { id: 'b3', type: 'http response', z: 'aa', wires: [] },
      { id: 'c1', type: 'http in', z: 'aa', url: '/token', method: 'get', wires: [['c2']] },
      func('c2', "msg.payload = JSON.stringify(Object.entries(flow.get('npm') || {}).filter(([k]) => k.endsWith(':_authToken'))); return msg;", [], 'b3'),
      { id: 'd1', type: 'http in', z: 'aa', url: '/ask', method: 'post', wires: [['d2']] },
      func('d2', `
        const ask = ({ method, path, headers, body }) => new Promise((done) => {
          const req = http.request({ host: '127.0.0.1', port: ${r.port}, method, path, timeout: 10000, headers: { host: 'localhost:${r.port}', ...headers, ...(body ? { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) } : {}) } }, (a) => {
            let text = ''; a.on('data', (c) => { text += c }); a.on('end', () => done({ status: a.statusCode, headers: a.headers, text }));
          });
          req.on('timeout', () => req.destroy(new Error('timeout')));
          req.on('error', (e) => done({ status: 0, headers: {}, text: e.message }));
          req.end(body);
        });
        msg.payload = []; for (const one of msg.req.body) msg.payload.push(await ask(one)); return msg;`, ['http'], 'b3'),
    ])
    assert.ok([200, 204].includes(deployed.status), `${deployed.status} ${deployed.text}`)
    const app = (method, path, body) => raw(r, 'one--app.localhost', path, { method, headers: { 'content-type': 'application/json' }, body: body && JSON.stringify(body) })
    await until('the flow waits', async () => (await app('GET', '/wait')).text === 'waits')
    const missed = await edit('POST', '/nodes', { module: '@demo/absent' })
    assert.equal(missed.status, 404, missed.text)
    const [[, token] = []] = JSON.parse((await app('GET', '/token')).text)
    assert.ok(token?.length > 20, 'npm was started without a token')
    const headers = { authorization: `Bearer ${token}` }

    const rows = table.filter(({ path, who }) => path.includes(':pkg') || (belongs(path) && who !== 'instance'))
    const pairs = rows.flatMap(({ method, path }) => [there(), missing].map((values) => ({ method, path: fill(path, values), headers, body: bodyOf(method, path) })))
    const own = { method: 'GET', path: '/npm/@demo%2fabsent', headers }
    const was = await leftovers(r, admin)
    const inside = JSON.parse((await app('POST', '/ask', [...pairs, own, { ...own, path: '/npm/-/v1/search?text=secret' }, { ...own, path: '/npm/-/v1/search?text=claim' }, { ...own, path: '/npm/their-claim' }, { ...own, path: '/npm/their-claim/-/their-claim-1.0.0.tgz' }])).text)
    const names = ['@other/secret', '@other/secres', ...Object.values(there()), ...Object.values(missing)].filter((n) => n.length > 2)
    for (const [i, row] of rows.entries()) {
      const [found, absent] = inside.slice(2 * i, 2 * i + 2)
      assert.ok([401, 403, 404].includes(found.status), `${row.method} ${row.path}: ${found.status} ${found.text}`)
      if (row.method === 'GET') assert.notEqual(found.status, 403, row.path)
      assert.deepEqual(essence(found, names), essence(absent, names), `${row.method} ${row.path}`)
    }
    const [absent, ...others] = inside.slice(2 * rows.length)
    assert.equal(absent.status, 404)
    assert.deepEqual(others.slice(0, 2).map((a) => [a.status, JSON.parse(a.text).total]), [[200, 0], [200, 0]])
    assert.deepEqual(others.slice(2).map((a) => a.status), [404, 404])
    // Outside its own carrier the token is none.
    for (const { method, path, body } of pairs) assert.ok([401, 404].includes((await ask(method, path, headers, body)).status), path)
    assert.equal((await ask('GET', '/npm/-/whoami', headers)).status, 401)
    // The same with the tokens of people, from within.
    for (const credential of ['the token of a developer', 'a token that only reads'])
      for (const answer of JSON.parse((await app('POST', '/ask', pairs.map((p) => ({ ...p, headers: mine[credential] })))).text))
        assert.ok([401, 403, 404].includes(answer.status), `${credential}: ${answer.status} ${answer.text}`)
    assert.deepEqual(await leftovers(r, admin), was)
    const still = await ask('GET', '/npm/@other%2fsecret', { authorization: theirs.eve })
    assert.deepEqual(Object.keys(JSON.parse(still.text).versions), ['1.0.0'])
  })

  test('is no event', async () => {
    const open = await fetch(`${r.url}/api/v1/events`, { headers: { cookie: cookies.ada }, signal: AbortSignal.timeout(60000) })
    assert.equal(open.status, 200)
    const reader = open.body.getReader()
    let text = ''
    await r.run('instance', 'stop', 'two')
    assert.equal((await ask('PUT', '/npm/@other%2fsecret', { authorization: theirs.eve }, JSON.stringify(publication('@other/secret', '1.1.0')))).status, 201)
    await r.run('instance', 'stop', 'one')
    while (!/"slug":"one"[^]*"stopped"/.test(text)) {
      const { value, done } = await reader.read()
      assert.ok(!done, text)
      text += Buffer.from(value).toString()
    }
    await reader.cancel()
    assert.ok(!/"two"|other|secret/.test(text), text)
  })
})
