// The table of matrix.mjs: people, what they may, and what they log in with.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { handed, none, password, refused } from './matrix.mjs'
import { until } from './redhouse.mjs'

const owners = async (c) => (await c.doc()).maintainers.map((o) => o.name)
const owner = (list, add, remove) => async (c) => {
  await c.run(...add)
  assert.deepEqual(await owners(c), ['ann', 'bob'])
  assert.match(await c.run(...list), /ann[^]*bob/)
  await c.run(...remove)
  assert.deepEqual(await owners(c), ['ann'])
}
const owning = (verb, swap) => async (c) =>
  owner([verb, 'ls', c.name], [verb, 'add', ...(swap ? [c.name, 'bob'] : ['bob', c.name])], [verb, 'rm', ...(swap ? [c.name, 'bob'] : ['bob', c.name])])(c)

// A team of bob's, which may write the package and then may not: publishing follows.
const team = (c) => `${c.kind.startsWith('pnpm') ? '@' : ''}${c.tenant}:devs`
const teams = (verbs) => async (c) => {
  await c.run('team', 'create', team(c))
  assert.match(await c.run('team', verbs.ls, verbs.at(c.tenant)), /devs/)
  await c.run('team', 'add', ...verbs.order(team(c), 'bob'))
  assert.match(await c.run('team', verbs.ls, team(c)), /bob/)
  assert.match(await c.fails('team', 'add', ...verbs.order(team(c), 'eve')), /no member of the tenant|422/)
  assert.match(await c.fails('team', 'create', team(c)), /already|409/)
}
const grants = async (c) => {
  const bob = await c.machine('bob')
  await c.publish('1.2.0', { m: bob })
  await c.run('access', 'grant', 'read-only', team(c), c.name)
  await assert.rejects(c.publish('1.3.0', { m: bob }), /only|E403|403/)
  await c.run('access', 'grant', 'read-write', team(c), c.name)
  await c.publish('1.3.0', { m: bob })
  assert.match(await c.run('access', 'list', 'packages', team(c)), /red: (read-write|write)/)
  assert.match(await c.run('access', 'list', 'collaborators', c.name), /ann: read-write[^]*bob: read-write/)
  await c.run('access', 'grant', 'read-only', team(c), c.name)
  assert.match(await c.run('access', 'list', 'collaborators', c.name), /bob: read-only/)
  await c.run('access', 'revoke', team(c), c.name)
  await c.publish('1.4.0', { m: bob })
}
const unteam = (order) => async (c) => {
  await c.run('team', 'rm', ...order(team(c), 'bob'))
  assert.doesNotMatch(await c.run('team', 'ls', team(c)), /bob/)
  await c.run('team', 'destroy', team(c))
  assert.match(await c.fails('team', 'ls', team(c)), /no team|404|not found/i)
}
const straight = (group, user) => [group, user]

const access = async (c) => {
  assert.match(await c.run('access', 'get', 'status', c.name), /private|restricted/)
  assert.match(await c.fails('access', 'set', 'status=public', c.name), /for its members only|403/)
  await c.run('access', 'set', 'status=private', c.name)
  await c.run('access', 'set', 'mfa=none', c.name)
  assert.match(await c.run('access', 'list', 'packages'), /red: (read-write|write)/)
  assert.match(await c.run('access', 'list', 'packages', `@${c.tenant}`), /red: (read-write|write)/)
  const eve = await c.machine('eve')
  const dir = eve.project()
  for (const args of [['get', 'status', c.name], ['list', 'collaborators', c.name], ['list', 'packages', `@${c.tenant}`]])
    assert.match(await eve.fails(dir, 'access', ...args), /404|no such|not found|E404/i)
}
const org = async (c) => {
  assert.match(await c.run('org', 'ls', c.tenant), /ann[^]*owner[^]*bob[^]*developer/)
  await c.run('org', 'set', c.tenant, 'eve', 'admin')
  assert.match(await c.run('org', 'ls', c.tenant, 'eve'), /owner/)
  await c.run('org', 'rm', c.tenant, 'eve')
  assert.doesNotMatch(await c.run('org', 'ls', c.tenant), /\beve\b/)
  assert.match(await c.fails('org', 'set', c.tenant, 'stranger'), /no user/)
  const bob = await c.machine('bob')
  assert.match(await bob.fails(bob.project(), 'org', 'set', c.tenant, 'eve', 'owner'), /E403/)
  assert.match(await c.fails('org', 'ls', 'absent'), /E404/)
}
const stars = async (c) => {
  await c.run('star', c.name)
  assert.deepEqual((await c.doc()).users, { ann: true })
  assert.match(await c.run('stars'), new RegExp(`^${c.name}$`, 'm'))
  assert.match(await c.run('stars', 'ann'), new RegExp(`^${c.name}$`, 'm'))
  const eve = await c.machine('eve')
  assert.doesNotMatch(await eve.run(eve.project(), 'stars', 'ann'), new RegExp(c.name))
  assert.match(await eve.fails(eve.project(), 'star', c.name), /404|no such|not found/i)
  const { versions } = await c.doc()
  await c.run('unstar', c.name)
  assert.equal((await c.doc()).users, undefined)
  assert.deepEqual(Object.keys((await c.doc()).versions), Object.keys(versions))
}

const loginWeb = (...args) => async (c) => {
  const m = await c.machine()
  const child = m.start(m.project(), ...args)
  const url = await until('the login address', () => child.text.match(/http:\S+\/-\/login\/[\w-]+/)?.[0])
  const done = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded', origin: c.server.url }, body: new URLSearchParams({ user: 'ann', password }) })
  assert.equal(done.status, 200, await done.text())
  child.stdin.write('\n')
  assert.equal(await child.ended, 0, child.text)
  assert.match(await m.run(m.project(), 'whoami'), /^ann$/m)
  await m.run(m.project(), 'logout')
  assert.match(await m.fails(m.project(), 'whoami'), /401|E401|ENEEDAUTH|logged in|authenticat/i)
}
const loginClassic = (...args) => async (c) => {
  const m = await c.machine()
  const child = m.start(m.project(), ...args)
  await until('the question for a name', () => /username:/i.test(child.text))
  child.stdin.write('ann\n')
  await until('the question for a password', () => /password:/i.test(child.text))
  child.stdin.write(`${password}\n`)
  if (args[0] === 'adduser') {
    await until('the question for an address', () => /email/i.test(child.text))
    child.stdin.write('ann@example.org\n')
  }
  child.stdin.end()
  assert.equal(await child.ended, 0, child.text)
  const saved = readFileSync(join(m.home, '.npmrc'), 'utf8').match(/_authToken=(\S+)/)[1]
  assert.match(await m.run(m.project(), 'whoami'), /^ann$/m)
  await m.run(m.project(), 'logout')
  assert.equal((await c.server.api('GET', '/npm/-/whoami', undefined, { authorization: `Bearer ${saved}` })).status, 401)
}
// yarn 1 logs in for each publish and logs out behind it.
const publishByPassword = async (c) => {
  const m = await c.machine(), name = `@${c.tenant}/by-password`
  const held = async () => (await c.ask('-/npm/v1/tokens')).body.objects.length
  const before = await held()
  const dir = c.source('1.0.0', {}, m, name)
  m.env.FAKEROOTKEY = 'yes' // else it writes root's answers down for the whole machine
  const at = m.terminal(dir, 'publish', '--new-version', '1.0.0')
  for (const [question, answer] of [[/username:/, 'ann'], [/email:/, 'ann@example.org'], [/password:/, password]]) await at.asks(question, answer)
  assert.equal(await at.ended, 0, at.text)
  assert.deepEqual(Object.keys((await c.doc(name)).versions), ['1.0.0'])
  assert.equal(await held(), before, 'its token is gone')
}
const loginAtTerminal = async (c) => {
  const m = await c.machine(), dir = m.project()
  const at = m.terminal(dir, 'npm', 'login')
  await at.asks(/Username/, 'ann')
  await at.asks(/Password/, password)
  assert.equal(await at.ended, 0, at.text)
  assert.match(await m.run(dir, 'npm', 'whoami'), /\bann$/m)
  await m.run(dir, 'npm', 'logout')
  assert.match(await m.fails(dir, 'npm', 'whoami'), /No authentication/)
}
const tokens = (...create) => async (c) => {
  const child = c.m.start(c.dir, 'token', 'create', '--json', ...create)
  child.stdin.end(`${password}\n`)
  assert.equal(await child.ended, 0, child.text)
  const made = JSON.parse(child.text.match(/\{[^]*?\n\}/)[0])
  const ask = async () => (await c.server.api('GET', '/npm/-/whoami', undefined, { authorization: `Bearer ${made.token}` })).status
  assert.equal(await ask(), 200)
  const list = JSON.parse((await c.m.exec(c.dir, ['token', 'list', '--json'])).stdout)
  const mine = list.find((t) => made.token.startsWith(t.token))
  assert.ok(mine, JSON.stringify(list))
  await c.run('token', 'revoke', mine.key)
  assert.equal(await ask(), 401)
}

export const people = {
  'owner': {
    npm: owning('owner'), pnpm10: handed, pnpm: owning('owner', true), berry: none, bun: none,
    yarn: 'it refuses names with a scope by itself',
  },
  'access': { npm: access, pnpm10: handed, pnpm: access, yarn: none, berry: none, bun: none },
  'team': {
    npm: teams({ ls: 'ls', at: (t) => t, order: straight }), pnpm10: handed, pnpm: teams({ ls: 'ls', at: (t) => `@${t}`, order: straight }),
    yarn: refused(async (c) => assert.match(await c.fails('team', 'create', team(c)), /older than npm's/)),
    berry: none, bun: none,
  },
  'access grant and revoke': { npm: grants, pnpm10: handed, pnpm: grants, yarn: none, berry: none, bun: none },
  'team rm and destroy': { npm: unteam(straight), pnpm10: handed, pnpm: unteam(straight), yarn: none, berry: none, bun: none },
  'org': { npm: org, all: none },
  'star, unstar, stars': { npm12: none, npm: stars, pnpm10: handed, pnpm: stars, all: none },
  'login by a browser, logout': { npm: loginWeb('login', '--auth-type=web'), pnpm10: handed, pnpm: loginWeb('login'), yarn: none, berry: none, bun: none },
  'login by a password, logout': { npm: loginClassic('login', '--auth-type=legacy'), pnpm10: handed, pnpm: 'it takes the browser where the registry offers it', yarn: publishByPassword, berry: loginAtTerminal, bun: none },
  'adduser': { npm12: none, npm: loginClassic('adduser', '--auth-type=legacy'), pnpm10: handed, pnpm: 'it is login', all: none },
  'token': {
    npm10: tokens('--read-only'), npm: tokens('--name', 'ci', '--packages-and-scopes-permission', 'read-only', '--password', password),
    pnpm10: handed, pnpm11: none, pnpm: tokens('--read-only'), all: none,
  },
  'profile get': {
    npm: async (c) => assert.match(await c.run('profile', 'get'), /ann@example\.org/), pnpm10: handed, pnpm11: none,
    pnpm: async (c) => assert.match(await c.run('profile', 'get'), /ann@example\.org/), all: none,
  },
  'stage list': {
    npm10: none, npm: async (c) => { await c.run('stage', 'list') }, pnpm10: none, pnpm: async (c) => { await c.run('stage', 'list') }, yarn: none,
    berry: async (c) => { await c.run('npm', 'stage', 'list') }, bun: none,
  },
  'trust list': {
    npm10: none, npm: async (c) => { await c.run('trust', 'list', c.name) }, all: none,
  },
  'hook': { npm10: refused(async (c) => assert.match(await c.fails('hook', 'ls'), /E404[^]*in the portal/)), all: none },
}
