// A CI whose jobs get ID tokens: a real OpenID provider, and what a runner asks for its job.
import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import Provider from 'oidc-provider'

const grant = 'urn:example:ci-job'
const jwk = (type, options, alg) => ({ ...generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }), use: 'sig', alg, kid: `${alg}-${randomUUID()}` })

export class Ci {
  // audience: of all its tokens
  static async start(audience) {
    const ci = new Ci()
    ci.keys = [jwk('rsa', { modulusLength: 2048 }, 'RS256')]
    ci.asked = 0 // for the keys
    ci.server = createServer((req, res) => ci.serve(req, res)).listen(0, '127.0.0.1')
    await new Promise((done) => ci.server.once('listening', done))
    ci.url = `http://localhost:${ci.server.address().port}`
    ci.audience = audience
    ci.provide()
    return ci
  }

  // Anew with other keys: the issuer has changed them.
  provide() {
    const { audience } = this
    this.provider = new Provider(this.url, {
      jwks: { keys: this.keys },
      clients: [{ client_id: audience, client_secret: 'of the runner', grant_types: [grant], response_types: [], redirect_uris: [], id_token_signed_response_alg: this.keys[0].alg }],
      features: { devInteractions: { enabled: false } },
      ttl: { IdToken: 300 },
    })
    this.provider.registerGrantType(grant, async (ctx) => {
      const claims = JSON.parse(ctx.oidc.params.claims)
      const token = new this.provider.IdToken({ sub: claims.sub ?? 'job' }, { ctx })
      token.scope = 'openid'
      for (const [key, value] of Object.entries({ jti: randomUUID(), ...claims })) token.set(key, value)
      ctx.body = { id_token: await token.issue({ use: 'idtoken' }) }
    }, ['claims'])
    this.handler = this.provider.callback()
  }

  serve(req, res) {
    const url = new URL(req.url, this.url)
    if (url.pathname === '/jwks') this.asked++
    if (url.pathname !== '/runner') return this.handler(req, res)
    this.idToken(this.job).then((value) => res.end(JSON.stringify({ value })), (error) => res.writeHead(500).end(error.message))
  }

  // The ID token of a job with these claims.
  async idToken(claims) {
    const answer = await fetch(`${this.url}/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`${encodeURIComponent(this.audience)}:of the runner`).toString('base64')}`, 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ grant_type: grant, claims: JSON.stringify(claims) }),
    })
    const body = await answer.json()
    if (!body.id_token) throw new Error(JSON.stringify(body))
    return body.id_token
  }

  // What the runner gives a job of GitHub's kind, and of GitLab's.
  github(claims) {
    this.job = claims
    return { GITHUB_ACTIONS: 'true', ACTIONS_ID_TOKEN_REQUEST_URL: `${this.url}/runner`, ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'x' }
  }

  async gitlab(claims) {
    return { GITLAB_CI: 'true', NPM_ID_TOKEN: await this.idToken(claims) }
  }

  rotate() {
    this.keys = [jwk('ec', { namedCurve: 'P-256' }, 'ES256')]
    this.provide()
  }

  stop() {
    this.server.closeAllConnections()
    this.server.close()
  }
}

