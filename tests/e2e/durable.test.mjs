// What was acknowledged is on disk: the server is killed again and again while publishes and deploys run; nothing that was
// answered with success is missing afterwards, and no instance was restarted. ROUNDS is fewer for a developer in a hurry.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { publishDocument } from './publish.mjs'
import { raw, Redhouse, sleep, until } from './redhouse.mjs'

const rounds = Number(process.env.ROUNDS ?? 100)

describe(`${rounds} rounds of kill -9`, () => {
  let r, token
  const published = new Map()
  let deployed = null
  let deploys = 0

  before(async () => {
    r = await Redhouse.start()
    await r.run('tenant', 'create', 'demo')
    await r.run('instance', 'create', 'demo/demo')
    token = await r.token('admin', 't')
  })
  after(async () => r?.stop())

  const auth = () => ({ authorization: `Bearer ${token}` })
  async function publisher(lane, stop) {
    for (let n = 0; !stop.now; n++) {
      const version = `1.${lane}.${Date.now() % 1e9}${n}`.replace(/\.0+(\d)/g, '.$1')
      const document = publishDocument('@demo/steady', version)
      try {
        const answer = await r.api('PUT', '/npm/@demo%2fsteady', document.body, auth())
        if (answer.status < 300) published.set(version, document.integrity)
      } catch {}
      await sleep(5)
    }
  }
  // Deploys go the way a user's do: through the editor's own API with a bearer of ours.
  async function deployer(stop) {
    for (let n = 0; !stop.now; n++) {
      const flows = [{ id: 'aa', type: 'tab', label: `round ${Date.now()} ${n}` }]
      try {
        const answer = await raw(r, 'demo.localhost', '/flows', { method: 'POST', headers: { 'content-type': 'application/json', ...auth() }, body: JSON.stringify(flows) })
        if (answer.status < 300) {
          deployed = flows[0].label
          deploys++
        }
      } catch {}
      await sleep(20)
    }
  }

  test('nothing acknowledged is missing and no instance restarted', async (t) => {
    for (let round = 0; round < rounds; round++) {
      const stop = { now: false }
      const work = [publisher(1, stop), publisher(2, stop), deployer(stop)]
      await sleep(150 + Math.random() * 400)
      await r.kill()
      stop.now = true
      await Promise.all(work)
      await r.serve()
    }
    assert.ok(published.size >= rounds, `only ${published.size} publishes were acknowledged`)
    t.diagnostic(`${rounds} rounds: ${published.size} publishes and ${deploys} deploys acknowledged`)
    const document = (await r.api('GET', '/npm/@demo%2fsteady', undefined, auth())).body
    for (const [version, integrity] of published) {
      assert.equal(document.versions[version]?.dist.integrity, integrity, version)
      const tarball = await fetch(`${r.url}/npm/@demo/steady/-/steady-${version}.tgz`, { headers: auth() })
      const bytes = Buffer.from(await tarball.arrayBuffer())
      assert.equal(`sha512-${createHash('sha512').update(bytes).digest('base64')}`, integrity, version)
    }
    const instance = await until('the instance is adopted', async () => {
      const now = await r.instanceState('demo')
      return now.state === 'running' && now
    })
    assert.equal(instance.restarts, 0)
    assert.equal(instance.generation, 1)
  })

  test('the last acknowledged deploy is what a new start reads', async () => {
    assert.notEqual(deployed, null, 'no deploy was acknowledged')
    await r.run('instance', 'restart', 'demo')
    const flows = await until('the editor answers', async () => {
      const answer = await raw(r, 'demo.localhost', '/flows', { headers: auth() })
      return answer.status === 200 && JSON.parse(answer.text)
    })
    const at = Number(flows[0].label.split(' ')[1])
    assert.ok(at >= Number(deployed.split(' ')[1]), `${flows[0].label} is older than ${deployed}`)
  })
})
