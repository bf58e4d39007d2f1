// Two tenants: every route, package, cookie and file of one is refused to the other's users, tokens and flows; what a flow
// serves cannot drive an editor.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { alive, chain } from './processes.mjs'
import { publishDocument } from './publish.mjs'
import { instanceCookie, npm, raw, Redhouse, root, sleep, until } from './redhouse.mjs'

const hello = join(root, 'fixtures', 'nodes', '@demo', 'node-red-hello')

describe('two tenants', () => {
  let r, ada, eve, cookies, staged

  const edit = (host, path, options = {}) => raw(r, host, path, { ...options, headers: { cookie: cookies[host], origin: `http://${host}:${r.port}`, ...options.headers } })
  // Deploys a flow with one http-in whose function runs code, and asks it.
  async function flow(host, code, libs = []) {
    const nodes = [
      { id: 'aa', type: 'tab', label: 'x' },
      { id: 'b1', type: 'http in', z: 'aa', url: '/try', method: 'get', wires: [['b2']] },
      { id: 'b2', type: 'function', z: 'aa', func: code, outputs: 1, libs: libs.map((m) => ({ var: m, module: m })), wires: [['b3']] },
      { id: 'b3', type: 'http response', z: 'aa', wires: [] },
    ]
    const answer = await edit(host, '/flows', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(nodes) })
    assert.ok([200, 204].includes(answer.status), `deploy: ${answer.status} ${answer.text}`)
    const app = host.replace('.', '--app.')
    return until('the flow answers', async () => {
      const said = await raw(r, app, '/try')
      return said.status === 200 && JSON.parse(said.text)
    })
  }

  // Deploys a flow whose exec node runs what is posted; answers what runs it: {code, text} of lines of shell.
  async function shell(host) {
    const nodes = [
      { id: 'aa', type: 'tab', label: 'x' },
      { id: 'b1', type: 'http in', z: 'aa', url: '/sh', method: 'post', wires: [['b2']] },
      { id: 'b2', type: 'change', z: 'aa', rules: [{ t: 'set', p: 'payload', pt: 'msg', to: 'payload.word', tot: 'msg' }], wires: [['b3']] },
      { id: 'b3', type: 'exec', z: 'aa', command: 'sh -c', addpay: 'payload', append: '', useSpawn: 'false', timer: '90', oldrc: false, wires: [['b4'], [], []] },
      { id: 'b4', type: 'http response', z: 'aa', wires: [] },
    ]
    const answer = await edit(host, '/flows', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(nodes) })
    assert.ok([200, 204].includes(answer.status), `deploy: ${answer.status} ${answer.text}`)
    const app = host.replace('.', '--app.')
    const run = async (line) => {
      const word = `'echo ${Buffer.from(line).toString('base64')} | base64 -d >/tmp/line; timeout 60 sh /tmp/line 2>&1; code=$?; echo; echo CODE $code'`
      const said = await raw(r, app, '/sh', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ word }), ms: 100000 })
      assert.equal(said.status, 200, said.text)
      const [, text, code] = said.text.match(/^([^]*)\nCODE (\d+)\n$/)
      return { code: Number(code), text: text.trim() }
    }
    await until('the exec node answers', async () => (await run('echo here')).text === 'here')
    return run
  }

  before(async () => {
    r = await Redhouse.start()
    for (const [tenant, user] of [['demo', 'ada'], ['other', 'eve']]) {
      await r.run('tenant', 'create', tenant)
      await r.member(tenant, user, 'owner')
    }
    await r.run('instance', 'create', 'demo/one')
    await r.run('instance', 'create', 'other/two')
    ada = { cookie: await r.login('ada', 'ada has a password'), token: await r.token('ada', 't') }
    eve = { cookie: await r.login('eve', 'eve has a password'), token: await r.token('eve', 't') }
    await npm(r.npmEnv(ada.token), hello, 'publish')
    await r.api('POST', '/api/v1/tenants/demo/teams', { name: 'devs' }, { authorization: `Bearer ${ada.token}` })
    staged = (await r.api('POST', '/npm/-/stage/package/@demo%2fwaits', publishDocument('@demo/waits', '1.0.0').body, { authorization: `Bearer ${ada.token}` })).body.stageId
    cookies = {
      'one.localhost': await instanceCookie(r, ada.cookie, 'one.localhost'),
      'two.localhost': await instanceCookie(r, eve.cookie, 'two.localhost'),
    }
  })
  after(async () => r?.stop())

  test('what belongs to one tenant is not there for the other', async () => {
    const hidden = ['/api/v1/tenants/demo', '/api/v1/tenants/demo/members', '/api/v1/tenants/demo/sources', '/api/v1/tenants/demo/theme', '/api/v1/tenants/demo/quota', '/api/v1/tenants/demo/retention', '/api/v1/tenants/demo/catalogue', '/api/v1/tenants/demo/catalogue/picks', '/api/v1/tenants/demo/catalogue/key', '/api/v1/tenants/demo/hooks',
      '/api/v1/instances/one', '/api/v1/instances/one/logs', '/api/v1/instances/one/modules', '/api/v1/packages/@demo/node-red-hello/users', '/api/v1/packages/@demo/node-red-hello/needs',
      '/api/v1/packages/@demo/node-red-hello/downloads', '/api/v1/packages/@demo/node-red-hello/versions/1.0.0/contents', '/api/v1/packages/@demo/node-red-hello/versions/1.0.0/files/package.json', '/api/v1/packages/@demo/node-red-hello', '/npm/@demo%2fnode-red-hello',
      '/npm/@demo/node-red-hello/-/node-red-hello-1.0.0.tgz', '/api/v1/packages/@demo/node-red-hello/access', '/api/v1/tenants/demo/teams', '/api/v1/tenants/demo/teams/devs',
      '/npm/-/org/demo/user', '/npm/-/org/demo/team', '/npm/-/org/demo/package', '/npm/-/team/demo/devs/user', '/npm/-/team/demo/devs/package',
      `/api/v1/stages/${staged}`, `/api/v1/stages/${staged}/tarball`, `/npm/-/stage/${staged}`, `/npm/-/stage/${staged}/tarball`,
      ...['access', 'visibility', 'collaborators', 'dist-tags'].map((what) => `/npm/-/package/@demo%2fnode-red-hello/${what}`)]
    for (const path of hidden) {
      for (const headers of [{ cookie: eve.cookie }, { authorization: `Bearer ${eve.token}` }]) {
        const answer = await r.api('GET', path, undefined, headers)
        assert.equal(answer.status, 404, `${path} answered ${answer.status}`)
      }
      assert.ok([401, 404].includes((await r.api('GET', path)).status), path)
      assert.equal((await r.api('GET', path, undefined, { authorization: `Bearer ${ada.token}` })).status, 200, path)
    }
    const lists = await Promise.all(['/api/v1/instances', '/api/v1/packages', '/api/v1/tenants', '/api/v1/stages', '/npm/-/stage', '/api/v1/me', '/api/v1/me/sessions'].map((p) => r.api('GET', p, undefined, { cookie: eve.cookie })))
    for (const list of lists) assert.ok(!JSON.stringify(list.body).includes('demo'), JSON.stringify(list.body))
  })

  test('one tenant cannot change what belongs to the other', async () => {
    const tries = [['POST', '/api/v1/tenants/demo/instances', { slug: 'mine' }], ['POST', '/api/v1/instances/one/stop', {}],
      ['DELETE', '/api/v1/instances/one?confirm=one'], ['PUT', '/api/v1/tenants/demo/theme', {}], ['PUT', '/api/v1/tenants/demo/members/eve', { role: 'owner' }],
      ['POST', '/api/v1/tenants/demo/packages', {}], ['PUT', '/api/v1/tenants/demo/catalogue/picks/x', {}], ['POST', '/api/v1/tenants/demo/catalogue/key', {}], ['DELETE', '/api/v1/packages/@demo/node-red-hello?confirm=@demo/node-red-hello'],
      ['POST', '/api/v1/tenants/demo/hooks', { url: 'https://example.org/' }], ['POST', '/api/v1/tenants/demo/sources', { url: 'https://example.org/x.git' }], ['POST', '/api/v1/users', { name: 'x', password: 'xxxxxxxxxx' }],
      ['POST', '/api/v1/tenants/demo/teams', { name: 'mine' }], ['POST', '/api/v1/tenants/demo/teams/devs/members', { user: 'eve' }], ['DELETE', '/api/v1/tenants/demo/teams/devs'],
      ['POST', '/api/v1/packages/@demo/node-red-hello/owners', { user: 'eve' }], ['PUT', '/api/v1/packages/@demo/node-red-hello/access/teams/devs', { permission: 'read-write' }],
      ['POST', '/api/v1/tenants', { slug: 'mine' }], ['POST', '/api/v1/stacks', { spec: 'node-red@5' }],
      ['POST', `/api/v1/stages/${staged}/approve`, {}], ['DELETE', `/api/v1/stages/${staged}`], ['DELETE', '/api/v1/users/ada/factor'],
      ['GET', '/api/v1/packages/@demo/node-red-hello/trust'], ['POST', '/api/v1/packages/@demo/node-red-hello/trust', { issuer: 'github', claims: { repository: 'eve/x' } }],
      ['GET', '/api/v1/uplinks'], ['POST', '/api/v1/uplinks', { name: 'mine', url: 'http://127.0.0.1:9' }], ['PATCH', '/api/v1/uplinks/default', { offline: true }], ['POST', '/api/v1/uplinks/default/test', {}],
      ['POST', '/api/v1/uplink-rules', { pattern: '*', block: true }], ['GET', '/api/v1/uplink-outside'], ['POST', '/api/v1/uplink-outside', { names: ['@demo/node-red-hello'] }], ['GET', '/api/v1/uplink-cache'],
      ['POST', '/api/v1/bundles', {}], ['PUT', '/api/v1/bundles', {}], ['GET', '/api/v1/bundles/x/file'],
      ['POST', '/api/v1/trust/issuers', { name: 'github' }], ['GET', '/api/v1/users/ada/tokens'], ['POST', '/api/v1/users/ada/tokens', { name: 'mine' }], ['DELETE', `/api/v1/tokens/${(await r.json('token', 'list', '--user', 'ada')).items[0].id}`]]
    for (const [method, path, body] of tries) {
      const answer = await r.api(method, path, body, { cookie: eve.cookie })
      assert.ok([403, 404].includes(answer.status), `${method} ${path} answered ${answer.status}`)
    }
    const asked = [['PUT', '-/org/demo/user', { user: 'eve', role: 'owner' }], ['DELETE', '-/org/demo/user', { user: 'ada' }], ['PUT', '-/org/demo/team', { name: 'mine' }],
      ['DELETE', '-/team/demo/devs', undefined], ['PUT', '-/team/demo/devs/user', { user: 'eve' }], ['PUT', '-/package/@demo%2fnode-red-hello/owners', { user: 'eve' }],
      ['PUT', '-/team/demo/devs/package', { package: '@demo/node-red-hello', permissions: 'read-write' }], ['PUT', '-/user/package/@demo%2fnode-red-hello/star', undefined],
      ['PUT', '-/team/other/devs/package', { package: '@demo/node-red-hello', permissions: 'read-write' }], ['PUT', '-/user/v1/star', { package: '@demo/node-red-hello' }],
      ['POST', `-/stage/${staged}/approve`, undefined], ['DELETE', `-/stage/${staged}`, undefined], ['POST', '-/stage/package/@demo%2fnode-red-hello', publishDocument('@demo/node-red-hello', '9.9.9').body],
      ['POST', '-/package/@demo%2fnode-red-hello/dist-tags', { mine: '1.0.0' }], ['POST', '-/package/@demo%2fnode-red-hello/access', { access: 'restricted' }]]
    for (const [method, path, body] of asked) {
      const answer = await r.api(method, `/npm/${path}`, body, { authorization: `Bearer ${eve.token}` })
      assert.ok([403, 404].includes(answer.status), `${method} ${path} answered ${answer.status}`)
    }
    for (const path of ['-/user/ada/package', '-/user/ada/stars'])
      assert.deepEqual((await r.api('GET', `/npm/${path}`, undefined, { authorization: `Bearer ${eve.token}` })).body, {}, path)
    await assert.rejects(npm(r.npmEnv(eve.token), hello, 'publish'))
    assert.equal((await r.instanceState('one')).state, 'running')
  })

  test('the editor of one tenant does not know the users of the other', async () => {
    assert.equal((await edit('one.localhost', '/settings')).status, 200)
    const cookie = await instanceCookie(r, eve.cookie, 'one.localhost')
    for (const headers of [{}, { cookie }, { cookie: cookies['two.localhost'] }, { authorization: `Bearer ${eve.token}` }, { 'x-redhouse-identity': 'x.y' }, { 'x-redhouse-face': 'editor' }])
      assert.equal((await raw(r, 'one.localhost', '/flows', { headers })).status, 401, JSON.stringify(headers))
    assert.equal((await raw(r, 'one.localhost', '/.redhouse/catalogue.json', { headers: { cookie } })).status === 200, false)
  })

  test('a request from a foreign page reaches the editor as nobody', async () => {
    const cookie = cookies['one.localhost']
    for (const origin of [`http://one--app.localhost:${r.port}`, `http://two.localhost:${r.port}`, 'http://evil.example', 'null', r.url]) {
      const post = await raw(r, 'one.localhost', '/flows', { method: 'POST', headers: { cookie, origin, 'content-type': 'application/json' }, body: '[]' })
      assert.equal(post.status, 401, `POST from ${origin}`)
      const get = await raw(r, 'one.localhost', '/flows', { headers: { cookie, origin } })
      assert.equal(get.status, 401, `GET from ${origin}`)
    }
    assert.equal((await raw(r, 'one.localhost', '/flows', { headers: { cookie, 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'cors' } })).status, 401)
    const foreign = await r.api('POST', '/api/v1/instances/one/stop', {}, { cookie: ada.cookie, origin: `http://one--app.localhost:${r.port}` })
    assert.equal(foreign.status, 403)
    assert.equal(foreign.body.code, 'foreign_origin')
  })

  test('the editor is not served on the app host, nor flows on the editor host', async () => {
    assert.equal((await raw(r, 'one--app.localhost', '/red/red.min.js')).status, 404)
    assert.equal((await raw(r, 'one--app.localhost', '/flows', { headers: { cookie: cookies['one.localhost'] } })).status, 404)
  })

  test('a flow sees its own sandbox and nothing else', async () => {
    const seen = await flow('two.localhost', `
      const fs = global.get('process') ? null : null;
      const child = child_process, out = {};
      const sh = (cmd) => { try { return child.execSync(cmd, { timeout: 5000 }).toString().trim() } catch (e) { return 'FAILED ' + String(e.stderr || e.message).trim() } };
      out.id = sh('id -u');
      out.ps = sh('ls /proc | grep -c "^[0-9]"');
      out.data = sh('ls /data/.. | tr "\\n" " "');
      out.hostdata = sh('ls ${r.data}');
      out.shadow = sh('cat /etc/shadow');
      out.root = sh('ls /root');
      out.write = sh('touch /usr/mine');
      out.mount = sh('mount -t tmpfs none /mnt');
      out.unshare = sh('unshare -U true');
      out.hosts = sh('cat /etc/hosts');
      out.env = sh('env | grep -ic password');
      msg.payload = out; return msg;`, ['child_process'])
    assert.notEqual(seen.id, '0')
    assert.ok(Number(seen.ps) < 12, seen.ps)
    assert.match(seen.hostdata, /FAILED/)
    assert.match(seen.shadow, /FAILED/)
    assert.match(seen.root, /FAILED/)
    assert.match(seen.write, /FAILED/)
    assert.match(seen.mount, /FAILED/)
    assert.match(seen.unshare, /FAILED/)
  })

  test('an exec node sees its own sandbox and nothing else', async () => {
    const run = await shell('two.localhost')
    const { id: mine } = await r.instanceState('two'), { id: theirs } = await r.instanceState('one')
    const others = chain(r, theirs), own = chain(r, mine)
    const secret = join(r.data, 'secret.key')
    for (const path of [secret, join(r.data, 'instances', theirs), join(r.data, 'run', 'instances', theirs, 'editor.sock')]) assert.ok(existsSync(path), path)

    const { text: status } = await run('echo uid $(id -u); grep -E "^(Cap(Inh|Prm|Eff|Bnd|Amb)|NoNewPrivs|Seccomp):" /proc/self/status')
    assert.match(status, /^uid [1-9]\d*$/m)
    assert.equal(status.match(/^Cap\w+:\s+0{16}$/gm)?.length, 5, status)
    assert.match(status, /^NoNewPrivs:\s+1$/m)
    assert.match(status, /^Seccomp:\s+2$/m)
    assert.equal((await run('echo mine >/data/of-exec && cat /data/of-exec')).text, 'mine')

    // What it cannot do ends with a status that is not 0, whoever it asks.
    const connect = (path) => `node -e 'require("net").connect(process.argv[1], () => process.exit(0)).on("error", (e) => { console.error(e.code); process.exit(3) })' '${path}'`
    assert.equal((await run(connect('/nowhere'))).code, 3, 'node does not run: the test tests nothing')
    const refused = {
      'the data folder': `ls ${r.data}`,
      'the key': `cat ${secret}`,
      'a file beside the data folder': `echo x >${r.data}/x`,
      'the folder of the other': `ls ${r.data}/instances/${theirs} || ls /data/../${theirs} || ls /instances`,
      'the socket of its editor': connect(`${r.data}/run/instances/${theirs}/editor.sock`),
      'its way to the server': connect(`${r.data}/run/instances/${theirs}/server.sock`),
      'its warden': connect(`${r.data}/run/instances/${theirs}/warden.sock`),
      'its own warden': connect(`${r.data}/run/instances/${mine}/warden.sock`),
      'the environment of the other': `cat /proc/${others.node.pid}/environ`,
      'the files of the other through /proc': `ls /proc/${others.node.pid}/root/data`,
      'the server': `kill -9 ${r.ready.pid}`,
      'the other': `kill -9 ${others.node.pid}`,
      'its warden by a signal': `kill -9 ${own.warden.pid}`,
      'another user': 'su -c true || sudo -n true || setpriv --reuid 0 true',
      'a namespace': 'unshare -Ur true || unshare -m true || unshare -n true',
      'a mount': 'mkdir -p /tmp/m && mount -t proc proc /tmp/m',
      'a device': 'mknod /tmp/disk b 8 0 || cat /dev/mem || cat /dev/kmsg',
      'a kernel setting': 'echo 1 >/proc/sys/kernel/sysrq || echo b >/proc/sysrq-trigger',
      'the control groups': 'mkdir /sys/fs/cgroup/x || echo max >/sys/fs/cgroup/memory.max || ls /sys/fs/cgroup/redhouse',
      'a program of the product': 'echo x >>/stack/bin/node || rm /stack/bin/node',
    }
    for (const [what, line] of Object.entries(refused)) {
      const said = await run(line)
      assert.notEqual(said.code, 0, `${what}: ${said.text}`)
      assert.notEqual(said.code, 124, `${what}: hangs`)
    }
    const around = await run(`for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline; cat $p/mountinfo; done; cat /proc/net/unix /etc/hosts; env; find / -xdev -name '*${theirs}*' 2>/dev/null`)
    for (const name of [theirs, 'one.localhost', '@demo']) assert.ok(!around.text.includes(name), `${name} shows: ${around.text}`)
    assert.ok((await run('ls -d /proc/[0-9]* | wc -l')).text < 12)
    for (const one of [...Object.values(others), ...Object.values(own)]) assert.ok(alive(one), one.name)
  })

  test('an exec node reaches the packages of its own tenant, and neither others nor the machine', async (t) => {
    const heard = createServer((socket) => socket.end('reached')).listen(0, '127.0.0.1')
    await new Promise((done) => heard.once('listening', done))
    t.after(() => heard.close())
    let reached = 0
    heard.on('connection', () => { reached++ })
    const run = await shell('two.localhost')
    await r.api('PUT', '/npm/@other%2fown', publishDocument('@other/own', '1.0.0').body, { authorization: `Bearer ${eve.token}` })

    // Status and the first bytes of an answer, or the code of an error.
    const get = async (path, { host = 'localhost', port = r.port, headers = {} } = {}) => (await run(`node -e 'const [host, port, path, headers] = process.argv.slice(1)
      require("http").get({ host, port, path, headers: JSON.parse(headers), timeout: 5000 }, (a) => { let t = ""; a.on("data", (c) => t += c); a.on("end", () => console.log(a.statusCode, t.slice(0, 300))) })
        .on("error", (e) => console.log(e.code)).on("timeout", (e) => console.log("TIMEOUT"))' '${host}' ${port} '${path}' '${JSON.stringify(headers)}'`)).text
    for (const path of ['/', '/login', '/ui/', '/api/v1/session', '/api/v1/instances', '/api/v1/tenants', '/hooks/x', '/.redhouse/catalogue.json'])
      for (const headers of [{}, { authorization: `Bearer ${eve.token}` }, { host: `one.localhost:${r.port}` }])
        assert.match(await get(path, { headers }), /^(400|401|403|404) /, `${path} ${JSON.stringify(headers)}`)
    for (const host of ['one.localhost', 'one--app.localhost']) assert.match(await get('/flows', { host }), /^(400|401|403|404) |^E\w+$/, host)
    assert.match(await get('/', { port: heard.address().port }), /^ECONNREFUSED$/)
    for (const host of ['192.0.2.1', '169.254.169.254', '10.0.0.1']) assert.match(await get('/', { host, port: 80 }), /^(ENETUNREACH|ECONNREFUSED|EHOSTUNREACH)$/, host)
    assert.equal(reached, 0)

    // The worst flow knows a token of its tenant.
    const address = `localhost:${r.port}/npm/`
    await run(`printf 'registry=http://${address}\\n//${address}:_authToken=${eve.token}\\n' >/tmp/npmrc`)
    const npm = (line) => run(`cd /tmp && mkdir -p own && cd own && npm --userconfig /tmp/npmrc --cache /tmp/cache --fetch-retries=0 ${line}`)
    assert.deepEqual(await npm('view @other/own version'), { code: 0, text: '1.0.0' })
    assert.match((await npm('--userconfig /dev/null view @other/own version')).text, /E40[14]/)
    for (const line of ['view @demo/node-red-hello version', 'pack @demo/node-red-hello', 'install @demo/node-red-hello'])
      assert.match((await npm(line)).text, /E404/, line)
    for (const path of ['/npm/@demo%2fnode-red-hello', '/npm/@demo/node-red-hello/-/node-red-hello-1.0.0.tgz', '/npm/-/v1/search?text=hello'])
      assert.doesNotMatch(await get(path, { headers: { authorization: `Bearer ${eve.token}` } }), /^200 .*hello/s, path)
    const published = await npm(`version >/dev/null && echo '{"name":"@demo/evil","version":"1.0.0"}' >package.json && npm --userconfig /tmp/npmrc --cache /tmp/cache publish`)
    assert.match(published.text, /E40[34]/)
    assert.equal((await r.api('GET', '/npm/@demo%2fevil', undefined, { authorization: `Bearer ${ada.token}` })).status, 404)
  })

  test('a flow reaches its own storage and the registry, and no other service', async () => {
    const port = r.port
    const seen = await flow('two.localhost', `
      const out = {};
      const ask = (name, options, done) => {
        const req = http.get({ timeout: 3000, ...options }, (a) => { let t = ''; a.on('data', (c) => t += c); a.on('end', () => { out[name] = a.statusCode; done() }) });
        req.on('error', (e) => { out[name] = e.code; done() });
        req.on('timeout', () => req.destroy(new Error('timeout')));
      };
      const list = [
        ['flowsWithoutToken', { host: '127.0.0.1', port: ${port}, path: '/api/v1/runtime/flows' }],
        ['tenants', { host: '127.0.0.1', port: ${port}, path: '/api/v1/tenants', headers: { authorization: 'Bearer ${eve.token}' } }],
        ['portal', { host: '127.0.0.1', port: ${port}, path: '/' }],
        ['otherHost', { host: '127.0.0.1', port: ${port}, path: '/flows', headers: { host: 'one.localhost:${port}' } }],
        ['ssh', { host: '127.0.0.1', port: 22 }],
        ['outside', { host: '192.0.2.1', port: 80 }],
      ];
      let left = list.length;
      for (const [name, options] of list) ask(name, options, () => { if (--left === 0) { msg.payload = out; node.send(msg) } });`, ['http'])
    assert.equal(seen.flowsWithoutToken, 401)
    assert.ok([403, 404].includes(seen.tenants) || seen.tenants === 401, `tenants: ${seen.tenants}`)
    assert.equal(seen.portal, 404)
    assert.ok([401, 404, 400].includes(seen.otherHost), `other host: ${seen.otherHost}`)
    assert.match(String(seen.ssh), /ECONNREFUSED|ENETUNREACH/)
    assert.match(String(seen.outside), /ENETUNREACH|ECONNREFUSED|timeout/)
  })

  test('a member who is removed loses what was open at once', async () => {
    const cookie = await r.login('eve', 'eve has a password')
    const events = await fetch(`${r.url}/api/v1/events`, { headers: { cookie } })
    assert.equal(events.status, 200)
    const admin = await r.login('admin', r.password)
    assert.equal((await r.api('DELETE', '/api/v1/users/eve', undefined, { cookie: admin })).status, 204)
    const reader = events.body.getReader()
    const end = Date.now() + 5000
    let over = false
    while (!over && Date.now() < end) over = (await Promise.race([reader.read().catch(() => ({ done: true })), sleep(5000).then(() => ({ done: false }))])).done
    assert.ok(over, 'the stream of events went on')
    assert.equal((await r.api('GET', '/api/v1/session', undefined, { cookie })).status, 401)
    assert.equal((await r.api('GET', '/api/v1/tenants', undefined, { authorization: `Bearer ${eve.token}` })).status, 401)
    assert.equal((await raw(r, 'two.localhost', '/flows', { headers: { cookie: cookies['two.localhost'] } })).status, 401)
  })
})
