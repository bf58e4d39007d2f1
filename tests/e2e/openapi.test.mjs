// The served OpenAPI document: valid, the route tables and docs/api.md over again, and true of what the server answers.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Redhouse, binary, root } from './redhouse.mjs'

const require = createRequire(join(root, 'tests', 'package.json'))
const { Validator } = await import(require.resolve('@seriousme/openapi-schema-validator'))
const Ajv = require('ajv/dist/2020').default
const addFormats = require('ajv-formats').default

const methods = ['get', 'post', 'put', 'patch', 'delete']

describe('openapi', () => {
  let r, document, cookie, ajv
  const asked = new Set()

  before(async () => {
    r = await Redhouse.start()
    document = (await r.api('GET', '/api/v1/openapi.json')).body
    cookie = await r.login('admin', r.password)
    // What the server says and the document does not is a failure too: every object is closed.
    ajv = addFormats(new Ajv({ strict: false, allErrors: true }))
    ajv.addSchema(close({ $id: 'api', components: document.components }))
  })
  after(() => r?.stop())

  function close(value) {
    if (Array.isArray(value)) return value.map(close)
    if (value === null || typeof value !== 'object') return value
    const copy = Object.fromEntries(Object.entries(value).map(([k, v]) => [k, close(v)]))
    if (copy.$ref) copy.$ref = copy.$ref.replace(/^#/, 'api#')
    return copy.type === 'object' && copy.properties && !('additionalProperties' in copy) ? { ...copy, additionalProperties: false } : copy
  }
  const operations = () => Object.entries(document.paths).flatMap(([path, item]) =>
    methods.filter((m) => item[m]).map((m) => ({ method: m.toUpperCase(), path, ...item[m] })))
  const mistakes = (schema, value) => {
    const check = ajv.compile(close(schema))
    return check(value) ? [] : check.errors.map((e) => `${e.instancePath} ${e.message} ${JSON.stringify(e.params)}`)
  }

  // Asks as the document says it is asked, and holds the answer against what the document says of it.
  async function ask(method, template, { params = {}, query = '', body, status } = {}) {
    const operation = document.paths[`/api/v1${template}`]?.[method.toLowerCase()]
    assert.ok(operation, `${method} ${template} is in the document`)
    asked.add(operation.operationId)
    const json = operation.requestBody?.content?.['application/json']?.schema
    if (body !== undefined) assert.deepEqual(mistakes(json, body), [], `${method} ${template}: the body`)
    const path = `/api/v1${template.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(params[name]))}${query}`
    const answer = await r.api(method, path, body, { cookie })
    const what = `${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`
    if (status) assert.equal(answer.status, status, what)
    const type = (answer.headers.get('content-type') ?? '').split(';')[0]
    if (answer.status >= 400) {
      assert.equal(type, 'application/problem+json', what)
      assert.deepEqual(mistakes({ $ref: '#/components/schemas/Problem' }, answer.body), [], what)
      return answer.body
    }
    const promised = operation.responses[answer.status]
    assert.ok(promised, `${what}: this status is in the document`)
    if (!promised.content) assert.equal(answer.body, '', what)
    else assert.ok(promised.content[type], `${what}: ${type} is in the document`)
    if (promised.content?.[type]?.schema) assert.deepEqual(mistakes(promised.content[type].schema, answer.body), [], what)
    return answer.body
  }

  test('the document is valid OpenAPI 3.1 and every reference leads somewhere', async () => {
    const checked = await new Validator().validate(structuredClone(document))
    assert.ok(checked.valid, JSON.stringify(checked.errors, null, 1))
    const refs = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map((m) => m[1])
    for (const ref of new Set(refs)) assert.ok(ref.split('/').reduce((at, key) => at?.[key], document), `#/${ref}`)
    for (const kind of ['schemas', 'parameters'])
      for (const name of Object.keys(document.components[kind]))
        assert.ok(refs.includes(`components/${kind}/${name}`) || name === 'OpenApi', `${kind}/${name} is used`)
    const ids = operations().map((o) => o.operationId)
    assert.equal(new Set(ids).size, ids.length, 'operation ids are unique')
  })

  test('it has the routes of the tables and of docs/api.md, with who may and what each is for', () => {
    const env = { ...process.env, ASAN_OPTIONS: 'detect_leaks=0' }
    const table = execFileSync(binary, ['routes'], { env, encoding: 'utf8' }).split('\n')
      .map((line) => line.match(/^(\w+) +(\/api\/v1\/\S+) +(\w+) +(.*)$/)).filter((m) => m && m[3] !== 'instance')
      .map(([, method, path, who, summary]) => ({ method, path: path.replace(/[:*](\w+)/g, '{$1}'), who, summary }))
    assert.ok(table.length > 50)
    const name = (o) => `${o.method} ${o.path}`
    assert.deepEqual(operations().map(name).sort(), table.map(name).sort())
    for (const row of table) {
      const found = operations().find((o) => name(o) === name(row))
      assert.equal(found.summary, row.summary, name(row))
      const scopes = found.security.flatMap((way) => Object.values(way)[0])
      assert.equal(found.security.length, row.who === 'anyone' ? 0 : 2, name(row))
      if (row.who === 'admin') assert.deepEqual([...new Set(scopes)], ['platform'], name(row))
      if (row.who === 'member') assert.ok(scopes.length > 0, `${name(row)} names its scope`)
    }
    const docs = readFileSync(join(root, 'docs', 'api.md'), 'utf8').split('\n')
      .map((line) => line.match(/^\| `(GET|POST|PUT|PATCH|DELETE) ([^`]+)` \| (\w+) \|/)).filter(Boolean)
      .map(([, method, path, who]) => `${method} /api/v1${path.replace(/[:*](\w+)/g, '{$1}')} ${who}`)
    assert.deepEqual(docs.sort(), table.map((row) => `${name(row)} ${row.who}`).sort())
  })

  test('every operation that takes a body or answers with one says what is in it', () => {
    for (const o of operations()) {
      const success = Object.entries(o.responses).find(([status]) => status.startsWith('2'))
      assert.ok(success, o.operationId)
      if (o.method === 'GET') assert.ok(success[1].content, `${o.operationId} answers with something`)
      if (o.method === 'PUT' || o.method === 'PATCH') assert.ok(o.requestBody, `${o.operationId} takes something`)
      assert.ok(o.responses.default, o.operationId)
    }
  })

  test('what the server takes and answers is what the document says', async () => {
    await ask('GET', '/platform')
    await ask('GET', '/openapi.json')
    await ask('GET', '/session')
    await ask('GET', '/me')
    await ask('PATCH', '/me', { body: { fullname: 'Ada Admin', homepage: null } })
    await ask('PUT', '/me/factor', { body: { mode: 'auth-only', password: r.password } })
    await ask('POST', '/me/factor/confirmation', { body: { code: '000000' }, status: 401 })
    await ask('POST', '/me/factor/codes', { body: { password: r.password, code: '000000' }, status: 404 })
    await ask('PUT', '/me/factor', { body: { mode: 'none', password: r.password } })
    await ask('GET', '/me/sessions')
    await ask('GET', '/stages', { query: '?limit=5' })
    await ask('POST', '/stages/{id}/approve', { params: { id: 'none' }, status: 404 })
    await ask('DELETE', '/me/sessions/{id}', { params: { id: 'none' }, status: 404 })
    await ask('DELETE', '/users/{user}/factor', { params: { user: 'admin' }, status: 404 })
    await ask('POST', '/session', { body: { username: 'admin', password: r.password } })
    await ask('POST', '/tenants', { body: { slug: 'acme', name: 'Acme' }, status: 201 })
    await ask('GET', '/tenants', { query: '?limit=1&filter=ac' })
    await ask('GET', '/tenants/{tenant}', { params: { tenant: 'acme' } })
    await ask('PATCH', '/tenants/{tenant}', { params: { tenant: 'acme' }, body: { name: 'Acme & Co' } })
    await ask('POST', '/users', { body: { name: 'ann', password: 'long enough for all', email: 'ann@example.org', tenant: 'acme' }, status: 201 })
    await ask('GET', '/users', { query: '?limit=1' })
    await ask('GET', '/users/{user}', { params: { user: 'ann' } })
    await ask('PATCH', '/users/{user}', { params: { user: 'ann' }, body: { email: 'ann@example.com' } })
    await ask('POST', '/users/{user}/password', { params: { user: 'ann' }, body: { password: 'another long password' }, status: 204 })
    await ask('PUT', '/tenants/{tenant}/members/{user}', { params: { tenant: 'acme', user: 'ann' }, body: { role: 'viewer' } })
    await ask('GET', '/tenants/{tenant}/members', { params: { tenant: 'acme' } })
    const made = await ask('POST', '/tokens', { body: { name: 'ci', scopes: ['package:read'], expires_days: 3 }, status: 201 })
    await ask('GET', '/tokens')
    await ask('DELETE', '/tokens/{id}', { params: { id: made.id }, status: 204 })
    const anns = await ask('POST', '/users/{user}/tokens', { params: { user: 'ann' }, body: { name: 'ann' }, status: 201 })
    await ask('GET', '/users/{user}/tokens', { params: { user: 'ann' } })
    await ask('DELETE', '/users/{user}/tokens/{id}', { params: { user: 'ann', id: anns.id }, status: 204 })
    await ask('POST', '/claims', { body: { name: 'redhouse-openapi-claim', tenant: 'acme', take_over: true } })
    await ask('GET', '/claims')
    const source = await ask('POST', '/tenants/{tenant}/sources', { params: { tenant: 'acme' }, body: { url: 'https://git.invalid/nodes.git' }, status: 201 })
    await ask('GET', '/tenants/{tenant}/sources', { params: { tenant: 'acme' } })
    await ask('GET', '/sources/{source}', { params: { source: source.id } })
    await ask('GET', '/sources/{source}/builds', { params: { source: source.id } })
    await ask('DELETE', '/sources/{source}', { params: { source: source.id }, status: 204 })
    await ask('PUT', '/tenants/{tenant}/theme', { params: { tenant: 'acme' }, body: { title: 'Acme' } })
    await ask('GET', '/tenants/{tenant}/theme', { params: { tenant: 'acme' } })
    await ask('DELETE', '/tenants/{tenant}/theme', { params: { tenant: 'acme' }, status: 204 })
    for (const path of ['/theme', '/theme.css', '/packages', '/stacks', '/operations', '/instances']) await ask('GET', path)
    await ask('DELETE', '/tenants/{tenant}/members/{user}', { params: { tenant: 'acme', user: 'ann' }, status: 204 })
    await ask('DELETE', '/users/{user}', { params: { user: 'ann' }, status: 204 })
    await ask('DELETE', '/tenants/{tenant}', { params: { tenant: 'acme' } })
    assert.ok(asked.size > 35, `${asked.size} operations`)
  })

  test('what is refused is a problem, also for what is not there', async () => {
    for (const o of operations().filter((o) => o.method === 'GET' && o.path.includes('{'))) {
      const params = Object.fromEntries([...o.path.matchAll(/\{(\w+)\}/g)].map((m) => [m[1], 'nobody-has-this']))
      const problem = await ask('GET', o.path.replace('/api/v1', ''), { params, status: 404 })
      assert.ok(problem.code, o.path)
    }
    const bodies = operations().filter((o) => o.requestBody?.content['application/json'] && document.components.schemas[o.requestBody.content['application/json'].schema.$ref.split('/').at(-1)].required)
    for (const o of bodies.filter((o) => !o.path.includes('{'))) {
      const answer = await r.api(o.method, o.path, {}, { cookie })
      assert.ok(answer.status >= 400 && answer.status < 500, `${o.method} ${o.path} without what is required: ${answer.status}`)
    }
  })
})
