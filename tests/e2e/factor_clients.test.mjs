// Other clients than npm, of somebody with a second factor: they say what is missing, and take --otp.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { after, before, describe, test } from 'node:test'
import { Machine, client } from './clients.mjs'
import { publishDocument } from './publish.mjs'
import { Redhouse, binary } from './redhouse.mjs'
import { App } from './totp.mjs'

const exec = promisify(execFile)
const commands = {
  pnpm10: ['publish', '--no-git-checks'], pnpm11: ['publish', '--no-git-checks'], pnpm12: ['publish', '--no-git-checks'],
  yarn1: ['publish', '--new-version', '1.0.0'], berry: ['npm', 'publish'],
}

describe('a second factor and other clients', { timeout: 300000 }, () => {
  let r, token, codes, admin
  const password = 'a developer of acme'

  before(async () => {
    r = await Redhouse.start()
    admin = { cookie: await r.login('admin', r.password) }
    assert.equal((await r.api('POST', '/api/v1/tenants', { slug: 'acme', name: 'Acme' }, admin)).status, 201)
    assert.equal((await r.api('POST', '/api/v1/users', { name: 'dev', password, tenant: 'acme' }, admin)).status, 201)
    token = await r.token('dev', 'laptop')
    const session = { cookie: await r.login('dev', password) }
    const begun = await r.api('PUT', '/api/v1/me/factor', { mode: 'auth-and-writes', password }, session)
    codes = (await r.api('POST', '/api/v1/me/factor/confirmation', { code: await new App(begun.body.secret).code() }, session)).body.recovery_codes
  }, { timeout: 60000 })
  after(() => r?.stop())

  for (const [kind, args] of Object.entries(commands))
    test(`${kind} publishes with --otp only`, async () => {
      const m = new Machine(r, kind, await client(kind), token)
      const name = `@acme/${kind}`, dir = m.package(name, '1.0.0')
      const versions = async () => Object.keys((await r.api('GET', `/npm/${name.replace('/', '%2f')}`, undefined, { authorization: `Bearer ${token}` })).body.versions ?? {})
      if (kind === 'berry') await m.run(dir, 'install')
      assert.match(await m.fails(dir, ...args), /one-time|two factor|additional authentication/i)
      assert.deepEqual(await versions(), [])
      await m.run(dir, ...args, '--otp', codes.shift())
      assert.deepEqual(await versions(), ['1.0.0'])
    })

  test('the command line of the product takes --otp, too', async () => {
    const doc = publishDocument('@acme/cli', '1.0.0').body
    const { body: { stageId } } = await r.api('POST', '/npm/-/stage/package/@acme%2fcli', doc, { authorization: `Bearer ${token}` })
    const approve = (...args) => exec(binary, ['stage', 'approve', stageId, '--data', '/nonexistent', '--url', r.url, ...args], { env: { ...process.env, ASAN_OPTIONS: 'detect_leaks=0', REDHOUSE_TOKEN: token } })
    await assert.rejects(approve(), /needs a one-time password/)
    assert.match((await approve('--otp', codes.shift())).stdout, /@acme\/cli\t1\.0\.0/)
  })
})
