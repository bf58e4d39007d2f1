// Every command of every client against one server. A row is a command, a column a client or its family; a cell runs the real client
// and says what must have happened. A text instead of a cell says why the client has none.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Machine, client } from './clients.mjs'
import { Redhouse } from './redhouse.mjs'

export const password = 'correct horse battery 1'
export const none = 'the client has no such command'
// A cell that asserts that the server does not offer it.
export const refused = (cell) => Object.assign(cell, { refused: true })
export const handed = 'pnpm 10 hands it to whatever npm there is'
export const kinds = ['npm10', 'npm11', 'npm12', 'pnpm10', 'pnpm11', 'pnpm12', 'yarn1', 'berry', 'bun']
const family = (kind) => kind.replace(/\d+$/, '')

// One client, its own tenant and package. ann owns every tenant, bob is a developer in each, eve belongs to none.
export class Column {
  constructor(server, kind) {
    Object.assign(this, { server, kind, tenant: kind, name: `@${kind}/red` })
  }

  async open() {
    this.m = await this.machine('ann')
    this.dir = this.m.project('work')
    return this
  }

  // A machine of somebody, or of nobody.
  async machine(user) {
    const token = user && await this.server.token(user, `${this.kind} ${user}`)
    return Object.assign(new Machine(this.server, this.kind, await client(this.kind), token), { user, secret: token })
  }

  run(...args) {
    return this.m.run(this.dir, ...args)
  }

  fails(...args) {
    return this.m.fails(this.dir, ...args)
  }

  source(version, more = {}, m = this.m, name = this.name) {
    const dir = m.package(name, version, { bin: { red: 'cli.js' }, homepage: 'https://red.example/', ...more })
    m.folder(dir.slice(m.home.length + 1), { 'cli.js': `#!/usr/bin/env node\nconsole.log('red ${version}')\n`, ...this.kind === 'berry' && { 'yarn.lock': '' } })
    return dir
  }

  // Publishes as this client does it.
  async publish(version, { tag, m = this.m, name = this.name, more } = {}) {
    const dir = this.source(version, more, m, name)
    const to = tag ? ['--tag', tag] : []
    switch (family(this.kind)) {
      case 'pnpm': return m.run(dir, 'publish', '--no-git-checks', ...to)
      case 'yarn': return m.run(dir, 'publish', '--non-interactive', ...to)
      case 'berry':
        await m.run(dir, 'install')
        return m.run(dir, 'npm', 'publish', ...to)
      default: return m.run(dir, 'publish', ...to)
    }
  }

  // What the server holds, asked past the client.
  async ask(path, { method = 'GET', body, who = 'ann', headers } = {}) {
    this.tokens ??= {}
    this.tokens[who] ??= await this.server.token(who, `${this.kind} asks`)
    return this.server.api(method, `/npm/${path}`, body, { authorization: `Bearer ${this.tokens[who]}`, ...headers })
  }

  async doc(name = this.name) {
    return (await this.ask(name.replace('/', '%2f'))).body
  }

  installed(dir, name = this.name) {
    return JSON.parse(readFileSync(join(dir, 'node_modules', name, 'package.json'))).version
  }
}

export const cellOf = (cells, kind) => cells[kind] ?? cells[family(kind)] ?? cells.all

export function matrix(kinds, rows) {
  let r
  const columns = {}

  before(async () => {
    r = await Redhouse.start({ args: ['--platform-scope', '@shared'] })
    const admin = { cookie: await r.login('admin', r.password) }
    const ok = (answer) => assert.ok(answer.status < 300, `${answer.status} ${JSON.stringify(answer.body)}`)
    for (const name of ['ann', 'bob', 'eve']) ok(await r.api('POST', '/api/v1/users', { name, password, email: `${name}@example.org` }, admin))
    for (const kind of kinds) {
      ok(await r.api('POST', '/api/v1/tenants', { slug: kind, name: kind }, admin))
      for (const [name, role] of [['ann', 'owner'], ['bob', 'developer']]) ok(await r.api('PUT', `/api/v1/tenants/${kind}/members/${name}`, { role }, admin))
      columns[kind] = await new Column(r, kind).open()
    }
  }, { timeout: 300000 })

  after(async () => r?.stop())

  for (const kind of kinds)
    describe(kind, { timeout: 400000 }, () => {
      for (const [what, cells] of Object.entries(rows)) {
        const cell = cellOf(cells, kind)
        assert.ok(cell, `the table does not say what ${kind} does for "${what}"`)
        if (typeof cell === 'string') test(what, { skip: cell }, () => {})
        else test(what, () => cell(columns[kind]))
      }
    })
}
