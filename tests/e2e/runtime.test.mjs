/*
 * The real launcher with real Node-RED 5 and 4.1 against a stand-in storage server with faults. Run by
 *   node --test plugins/*/test/*.test.mjs tests/e2e/runtime.test.mjs
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import net from 'node:net';
import path from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { pack } from '../../plugins/testing/registry.mjs';
import { Runtime, documentFor, temporary } from '../../plugins/testing/runtime.mjs';
import { ROOT, stack } from '../../plugins/testing/stacks.mjs';
import { INSTANCE, TOKEN, identity, standIn } from '../../plugins/testing/standin.mjs';

const sha256 = (text) => createHash('sha256').update(text).digest('hex');
const fixture = (name) => JSON.parse(fs.readFileSync(path.join(ROOT, 'fixtures/flows', `${name}.json`), 'utf8'));
const tab = (label) => ({ id: 'a000000000000001', type: 'tab', label });

/* Runs `body` with a stand-in server and, unless it starts its own, a ready runtime; always ends both. */
async function scene(major, options, body) {
  const server = await standIn();
  const running = [];
  const launch = async (more = {}) => {
    const rt = await Runtime.start(stack(major), more.document ?? documentFor(server, more.settings),
      { userDir: more.userDir, env: more.env });
    running.push(rt);
    return rt;
  };
  try {
    options.before?.(server);
    const rt = options.launch === false ? null : await launch(options);
    await rt?.event('ready');
    await body({ server, rt, launch });
  } finally {
    for (const rt of running)
      await rt.stop('SIGKILL');
    await server.away();
  }
}

function userDirWith(...nodes) {
  const dir = temporary('rh-user-');
  for (const node of nodes) {
    fs.cpSync(path.join(ROOT, 'fixtures/nodes/@demo', node), path.join(dir, 'node_modules/@demo', node),
      { recursive: true });
  }
  return dir;
}

async function until(what, check, ms = 40000) {
  for (const end = Date.now() + ms; Date.now() < end; await sleep(50)) {
    const got = await check();
    if (got)
      return got;
  }
  assert.fail(`did not happen: ${what}`);
}

/* A WebSocket to a face: {ws, messages, opened, closed}. */
function socket(rt, major, url, { face = 'editor', as = identity() } = {}) {
  const WebSocket = createRequire(path.join(stack(major).nodeRed, 'package.json'))('ws');
  const ws = new WebSocket(`ws+unix://${rt.socket}:${url}`, {
    headers: { ...(face && { 'x-redhouse-face': face }), ...(as && { 'x-redhouse-identity': as }) },
  });
  const messages = [];
  ws.on('message', (data) => messages.push(String(data)));
  const opened = new Promise((resolve) => {
    ws.on('open', () => resolve(true));
    ws.on('error', () => resolve(false));
  });
  const closed = new Promise((resolve) => { ws.on('close', () => resolve(true)); });
  return { ws, messages, opened, closed };
}

for (const major of [5, 4]) {
  describe(`Node-RED ${major}`, { concurrency: 2 }, () => {
    test('starts, deploys with the author and the exact text, and ends on SIGTERM', () => scene(major, {}, async ({ server, rt }) => {
      const hello = await rt.event('hello');
      assert.match(hello.nodeRed, new RegExp(`^${major}\\.`));
      const flows = [{ id: 'tab1', type: 'tab', label: 'ü ☃ </script>', 10: 1.50, 9: -0, big: 1e21 }];
      const deployed = await rt.deploy(flows);
      assert.equal(deployed.status, 200, deployed.text);
      assert.equal(deployed.json.rev, sha256(server.state.flows));
      assert.deepEqual(server.state.deploys, [{ user: 'ada', rev: deployed.json.rev, credentials: false }]);
      assert.equal((await rt.event('deploy')).rev, deployed.json.rev);
      assert.equal((await rt.flows()).rev, sha256(server.state.flows));
      assert.equal((await rt.deploy([tab('stale')], { rev: 'of-another-day' })).status, 409);
      assert.ok(fs.existsSync(path.join(rt.userDir, 'package.json')));
      rt.child.kill('SIGTERM');
      assert.deepEqual(await rt.ended, { code: 0, signal: null }, rt.report());
      assert.ok(rt.events.some((e) => e.event === 'stopping'));
      assert.ok(!rt.events.some((e) => e.event === 'fatal'));
    }));

    test('the revision after a restart is the revision that the server computes', () => scene(major, {
      before: (server) => { server.state.flows = JSON.stringify([tab('ü'), { id: 'b1', type: 'comment', z: 'a000000000000001', x: 1.5, y: -2 }]); },
    }, async ({ server, rt }) => {
      assert.equal((await rt.flows()).rev, sha256(server.state.flows));
    }));

    test('serves flows on the app face only and the editor on the editor face only', () => scene(major, {}, async ({ rt }) => {
      assert.equal((await rt.deploy([...fixture('http'), ...fixture('websocket')])).status, 200);
      await until('the page', async () => (await rt.app('GET', '/page')).status === 200);
      assert.equal((await rt.app('GET', '/flows')).text, 'flows of a flow');
      assert.equal((await rt.editor('GET', '/page')).status, 404);
      assert.ok(Array.isArray((await rt.editor('GET', '/flows')).json));
      for (const url of ['/settings', '/nodes', '/auth/login', '/red/red.min.js', '/theme'])
        assert.equal((await rt.app('GET', url, { as: identity() })).status, 404, url);
      assert.equal((await rt.request(null, 'GET', '/page')).status, 400);
      assert.equal((await rt.request('Editor', 'GET', '/flows')).status, 400);
      assert.equal((await rt.request(null, 'GET', '/flows', { headers: { 'x-redhouse-face': ['app', 'editor'] } })).status, 400);

      const named = (await rt.app('GET', '/page', { as: identity({ p: '' }) })).json;
      assert.equal(named.user, 'ada');
      const nobody = (await rt.app('GET', '/page', { as: identity({}, Buffer.alloc(32, 1)), headers: { 'x-redhouse-user': 'root' } })).json;
      assert.equal(nobody.user, undefined);
      for (const seen of [named, nobody]) {
        assert.ok(!('x-redhouse-identity' in seen.headers) && !('x-redhouse-face' in seen.headers));
        assert.ok(!seen.raw.includes('x-redhouse-identity') && !seen.raw.includes('root'));
      }
    }));

    test('forwards web sockets of flows on the app face and /comms on the editor face', () => scene(major, {
      settings: { settings: { inboundWebSocketTimeout: 300 } },
    }, async ({ rt }) => {
      assert.equal((await rt.deploy(fixture('websocket'))).status, 200);
      // A deploy is answered before its flows have started.
      const echo = await until('the flow listens', async () => {
        const one = socket(rt, major, '/ws/echo', { face: 'app' });
        return (await one.opened) && one;
      });
      echo.ws.send('ping');
      await until('the echo', () => echo.messages.includes('ping'));
      echo.ws.close();
      for (const [url, face] of [['/ws/echo', 'editor'], ['/comms', null], ['/comms/x', 'editor']])
        assert.equal(await socket(rt, major, url, { face }).opened, false, `${face} ${url}`);
      const lost = socket(rt, major, '/comms', { face: 'app' });
      assert.equal(await lost.opened, false);

      const editor = socket(rt, major, '/comms?x=1');
      assert.equal(await editor.opened, true);
      editor.ws.send(JSON.stringify({ subscribe: 'notification/#' }));
      await until('a notification', () => editor.messages.some((m) => m.includes('runtime-deploy')));
      editor.ws.close();
    }));

    test('nothing that an editor socket sends ends the runtime', () => scene(major, {}, async ({ rt }) => {
      for (const as of [identity(), null]) {
        for (const message of ['{"auth":"junk"}', '{"auth":{"a":1}}', '{"auth":"__proto__"}', '{"auth":["x"]}', 'null', '7', '"x"', '[null]', 'not json', '{"subscribe":{}}', '{"topic":"__proto__","data":null}']) {
          const editor = socket(rt, major, '/comms', { as });
          assert.equal(await editor.opened, true);
          editor.ws.send(message);
          await Promise.race([editor.closed, sleep(60)]);
          editor.ws.terminate();
        }
      }
      await sleep(200);
      assert.equal(rt.end, undefined, rt.report());
      assert.equal((await rt.editor('GET', '/flows')).status, 200);
      for (const as of [identity({ e: 1 }), identity({}, Buffer.alloc(32, 1)), 'x.y'])
        assert.equal(await socket(rt, major, '/comms', { as }).opened, false);
    }));

    test('lets in whom the proxy names, with the rights it names, and nobody else', () => scene(major, {}, async ({ rt }) => {
      const asks = (as, method = 'GET', url = '/flows') => rt.editor(method, url, { as, body: method === 'POST' ? '[]' : undefined });
      const good = identity();
      const [payload, mac] = good.split('.');
      const bad = {
        nobody: null, expired: identity({ e: Math.floor(Date.now() / 1000) - 1 }), 'expiry as text': identity({ e: '9999999999' }),
        'without expiry': identity({ e: undefined }), 'another instance': identity({ i: 'inst0002' }),
        'another key': identity({}, Buffer.alloc(32, 8)), 'without a user': identity({ u: '' }), 'without rights': identity({ p: '' }),
        'no list of rights': identity({ p: [] }), 'rights that are no text': identity({ p: [{}] }),
        'another payload': `${Buffer.from(JSON.stringify({ i: INSTANCE, u: 'eve', p: '*', e: 9e9 })).toString('base64url')}.${mac}`,
        'mac cut': `${payload}.${mac.slice(0, -1)}`, 'mac padded': `${good}=`, 'no mac': payload, 'empty mac': `${payload}.`,
        junk: 'junk', dots: '...', null: Buffer.from('null').toString('base64url'), long: 'x'.repeat(9000),
      };
      for (const [name, as] of Object.entries(bad))
        assert.equal((await asks(as)).status, 401, name);
      assert.equal((await asks(good)).status, 200);
      assert.equal((await asks(identity({ p: 'read' }))).status, 200);
      assert.equal((await asks(identity({ p: 'read' }), 'POST')).status, 401);
      assert.equal((await asks(identity({ p: ['flows.read', 'flows.write'] }), 'POST')).status, 204);
      assert.equal((await asks(identity({ p: ['flows.read'] }), 'POST')).status, 401);
      assert.equal((await rt.editor('GET', '/flows', { as: null, headers: { authorization: 'Bearer junk' } })).status, 401);
      assert.equal((await rt.editor('GET', '/settings')).json.user.username, 'ada');
      assert.equal((await rt.editor('POST', '/auth/token', { as: null, body: { client_id: 'node-red-editor', grant_type: 'password', username: 'ada', password: 'x', scope: '*' } })).status >= 400, true);
    }));

    test('sends a person without a session to the portal, and one without rights not in circles', () => scene(major, {}, async ({ rt }) => {
      const login = (await rt.editor('GET', '/auth/login', { as: null })).json;
      assert.equal(login.type, 'strategy');
      assert.equal(login.autoLogin, true);
      for (const url of [`/${login.loginRedirect.replace(/^\//, '')}`, '/auth/strategy/callback?code=x']) {
        const away = await rt.editor('GET', url, { as: null });
        assert.equal(away.status, 302);
        assert.equal(away.headers.location, '/.redhouse/login?to=%2F');
        assert.equal(away.headers['set-cookie'], undefined);
      }
      assert.equal((await rt.editor('GET', '/auth/strategy')).headers.location, '/');
      const refused = await rt.editor('GET', '/auth/strategy', { as: identity({ p: '' }) });
      assert.match(refused.headers.location, /^\/\?session_message=You%20have%20no%20access/);
      const out = await rt.editor('POST', '/auth/revoke', { body: {} });
      assert.equal(out.json.redirect, '/.redhouse/logout');
    }));

    test('waits for storage at start, says so, and overwrites nothing', () => scene(major, { launch: false }, async ({ server, launch }) => {
      const text = JSON.stringify([tab('kept'), ...fixture('http').slice(1)]);
      server.state.flows = text;
      server.state.settings = { instanceId: 'abc', mine: { kept: true } };
      const undo = server.fault('GET /runtime/flows', { status: 500 });
      await server.away();
      const rt = await launch();
      assert.equal((await rt.event('waiting')).for, 'settings');
      await sleep(1000);
      assert.equal(rt.end, undefined);
      await server.back();
      await rt.event('waiting', (e) => e.for === 'flows');
      assert.ok(!rt.events.some((e) => e.event === 'ready'));
      undo();
      await rt.event('ready');
      assert.equal((await rt.flows()).rev, sha256(text));
      assert.equal(server.state.flows, text);
      assert.equal(server.state.deploys.length, 0);
      await until('the settings are back', () => server.state.settings.nodes);
      assert.deepEqual(server.state.settings.mine, { kept: true });
    }));

    test('flows in a shape that is none are waited for, never replaced', () => scene(major, { launch: false }, async ({ server, launch }) => {
      const good = server.state.flows;
      server.state.flows = '{"not":"a list"}';
      const rt = await launch();
      assert.equal((await rt.event('waiting')).for, 'flows');
      server.state.flows = good;
      await rt.event('ready');
    }));

    test('a deploy while storage is away fails in words, and its credentials are not lost', () => scene(major, { launch: false }, async ({ server, launch }) => {
      const userDir = userDirWith('node-red-vault');
      let rt = await launch({ userDir });
      await rt.event('ready');
      const flows = fixture('vault');
      const withPassword = flows.map((n) => (n.type === 'vault' ? { ...n, credentials: { user: 'u', password: 'open sesame' } } : n));
      await server.away();
      const began = Date.now();
      const failed = await rt.deploy(withPassword);
      assert.equal(failed.status, 400);
      assert.ok(Date.now() - began < 25000);
      assert.match(failed.json.message, /^Storage cannot be reached.*deploy again/);
      assert.ok(!/127\.0\.0\.1|ECONN|http/.test(failed.json.message));
      await server.back();
      /* The editor has sent the password once and will not send it again. */
      assert.equal((await rt.deploy(flows)).status, 200);
      assert.equal(server.state.deploys.at(-1).credentials, true);
      assert.deepEqual(Object.keys(server.state.credentials), ['$']);
      assert.equal((await rt.deploy([...flows, { id: 'c1', type: 'comment', z: flows[0].id, x: 1, y: 1 }])).status, 200);
      assert.equal(server.state.deploys.at(-1).credentials, false);
      await rt.stop();
      rt = await launch({ userDir });
      await rt.event('ready');
      assert.equal((await rt.app('GET', '/vault?password=open%20sesame')).text, 'open');
      assert.equal((await rt.app('GET', '/vault?password=x')).text, 'closed');
      fs.rmSync(userDir, { recursive: true });
    }));

    test('a deploy whose answer is lost is repeated until it is known', () => scene(major, {}, async ({ server, rt }) => {
      server.fault('POST /runtime/deploy', 'lose', 2);
      const deployed = await rt.deploy([tab('twice')]);
      assert.equal(deployed.status, 200, deployed.text);
      assert.equal(deployed.json.rev, sha256(server.state.flows));
      server.fault('POST /runtime/deploy', { status: 413, body: { code: 'too_large' } }, 1);
      assert.match((await rt.deploy([tab('large')])).json.message, /too large/);
      server.fault('POST /runtime/deploy', { status: 403, body: { code: 'quota', detail: 'The quota of this tenant is used up.' } }, 1);
      assert.equal((await rt.deploy([tab('quota')])).json.message, 'The quota of this tenant is used up.');
      assert.equal((await rt.flows()).rev, deployed.json.rev);
    }));

    test('storage away while people work: the runtime lives, and what it was told arrives later', () => scene(major, {}, async ({ server, rt }) => {
      assert.equal((await rt.deploy(fixture('http'))).status, 200);
      await server.away();
      assert.equal((await rt.editor('GET', '/')).status, 200);
      assert.equal((await rt.editor('GET', '/settings')).status, 200);
      assert.equal((await rt.editor('GET', '/flows', { headers: { authorization: 'Bearer junk' } })).status, 200);
      assert.equal((await rt.editor('POST', '/settings/user', { body: { mine: { a: 1 } } })).status, 204);
      assert.equal((await rt.editor('POST', '/auth/revoke', { body: { token: 'x' } })).status, 200);
      assert.equal((await rt.editor('POST', '/flows/state', { body: { state: 'stop' } })).status, 200);
      assert.equal((await rt.editor('POST', '/flows/state', { body: { state: 'start' } })).status, 200);
      const editor = socket(rt, major, '/comms', { as: null });
      await editor.opened;
      editor.ws.send('{"auth":"junk"}');
      await until('the refusal', () => editor.messages.some((m) => m.includes('fail')));
      const library = await rt.editor('GET', '/library/local/functions/');
      assert.equal(library.status, 400);
      assert.ok(!/127\.0\.0\.1|ECONN/.test(library.text), library.text);
      assert.equal((await rt.app('GET', '/page')).status, 200);
      assert.equal(rt.end, undefined, rt.report());
      await server.back();
      await until('the settings have arrived', () => server.state.settings.users?.ada?.mine?.a === 1);
      assert.equal(server.state.settings.runtimeFlowState ?? 'start', 'start');
      assert.equal((await rt.deploy([tab('after')])).status, 200);
    }));

    test('settings that storage has not taken survive kill -9 and are sent at the next start', () => scene(major, { launch: false }, async ({ server, launch }) => {
      const userDir = temporary('rh-user-');
      let rt = await launch({ userDir });
      await rt.event('ready');
      await until('the first settings', () => server.state.settings.nodes);
      server.fault('PUT /runtime/settings', 'hang', 1);
      assert.equal((await rt.editor('POST', '/settings/user', { body: { mine: { n: 1 } } })).status, 204);
      assert.equal((await rt.editor('POST', '/settings/user', { body: { mine: { n: 2 } } })).status, 204);
      rt.child.kill('SIGKILL');
      await rt.ended;
      assert.equal(server.state.settings.users, undefined);
      fs.writeFileSync(path.join(userDir, '.redhouse/settings.json.tmp'), '{"version":1,"inst');
      rt = await launch({ userDir });
      await rt.event('ready');
      await until('the replay', () => server.state.settings.users?.ada?.mine?.n === 2);
      assert.equal((await rt.editor('GET', '/settings/user')).json.mine.n, 2);
      await until('the spool is empty', () => !fs.existsSync(path.join(userDir, '.redhouse/settings.json')));
      fs.rmSync(userDir, { recursive: true });
    }));

    test('a newer generation ends this one with status 0', () => scene(major, {}, async ({ server, rt }) => {
      server.superseded = true;
      const deploy = rt.deploy([tab('too late')]).catch(() => null);
      assert.deepEqual(await rt.ended, { code: 0, signal: null }, rt.report());
      assert.ok(rt.events.some((e) => e.event === 'superseded'));
      assert.ok(!rt.events.some((e) => e.event === 'fatal'));
      assert.equal(await deploy, null);
      assert.equal(server.state.deploys.length, 0);
    }));

    test('a rejection that no flow catches ends the process with status 1 and its reason', () => scene(major, {}, async ({ rt }) => {
      assert.equal((await rt.deploy(fixture('crash'))).status, 200);
      await until('the crash', async () => {
        await rt.app('GET', '/reject').catch(() => {});
        return rt.end;
      });
      assert.deepEqual(rt.end, { code: 1, signal: null });
      const fatal = rt.events.find((e) => e.event === 'fatal');
      assert.match(fatal.message, /a flow went wrong/);
      assert.equal(fatal.code, 'unhandled-rejection');
    }));

    test('safe mode opens the editor and starts no flow until somebody deploys', () => scene(major, {
      before: (server) => { server.state.flows = JSON.stringify(fixture('http')); },
      settings: { safe: true },
    }, async ({ rt }) => {
      assert.equal((await rt.event('flows')).state, 'safe');
      assert.equal((await rt.app('GET', '/page')).status, 404);
      assert.equal((await rt.deploy(fixture('http'))).status, 200);
      await rt.event('flows', (e) => e.state === 'started');
      await until('the page', async () => (await rt.app('GET', '/page')).status === 200);
    }));

    test('flows see the variables of the document and none of the secrets', () => scene(major, {
      settings: {
        env: { COLOUR: 'red', COUNT: 3, PATH: '/evil', NODE_OPTIONS: '--inspect', 'npm_config_registry': 'http://evil', 'a b': 'x' },
        settings: { storageModule: 'x', uiPort: 1, httpAdminRoot: '/evil', functionTimeout: 'no', dashboard: { title: 'ours' } },
      },
    }, async ({ server, rt }) => {
      assert.equal((await rt.deploy(fixture('look'))).status, 200);
      await until('the page', async () => (await rt.app('GET', '/env?name=COLOUR')).text === 'red');
      const env = async (name) => (await rt.app('GET', `/env?name=${encodeURIComponent(name)}`)).text;
      assert.equal(await env('COUNT'), '3');
      assert.notEqual(await env('PATH'), '/evil');
      assert.equal(await env('npm_config_registry'), `${server.base}/npm/`);
      assert.equal(await env(`npm_config_//127.0.0.1:${server.port}/npm/:_authToken`), 'undefined');
      const run = async (command) => (await rt.app('GET', `/exec?command=${encodeURIComponent(command)}`)).text;
      assert.ok(!(await run('env')).includes(TOKEN));
      assert.equal(await run('pwd'), `${rt.userDir}\n`);
      const descriptors = (await run('ls -l /proc/self/fd')).split('\n').filter((l) => l.includes('->'));
      assert.ok(descriptors.every((l) => !/ [345] -> /.test(l) || l.includes('/proc/')), descriptors.join('\n'));
      assert.ok(!(await run(`cat /proc/${rt.child.pid}/environ`)).includes(TOKEN));
      assert.match(rt.log, /settings not taken: storageModule, uiPort, httpAdminRoot, functionTimeout/);
      assert.match(rt.log, /environment variables not taken: PATH, NODE_OPTIONS, npm_config_registry, a b/);
      assert.ok(!rt.log.includes(TOKEN));
    }));

    test('the library is read and written through storage', () => scene(major, {}, async ({ server, rt }) => {
      const put = (url, body) => rt.editor('POST', `/library/local/${url}`, { body });
      assert.deepEqual((await rt.editor('GET', '/library/local/functions/')).json, []);
      assert.equal((await put('functions/my%20dir/double.js', { name: 'double', outputs: 1, text: 'return msg;' })).status, 204);
      assert.equal((await put('flows/one.json', [{ id: '1', type: 'comment' }])).status, 204);
      assert.deepEqual((await rt.editor('GET', '/library/local/functions/')).json, ['my dir']);
      const [listed] = (await rt.editor('GET', '/library/local/functions/my%20dir/')).json;
      assert.equal(listed.fn, 'double.js');
      assert.equal(listed.name, 'double');
      assert.equal((await rt.editor('GET', '/library/local/functions/my%20dir/double.js')).text, 'return msg;');
      assert.equal((await rt.editor('GET', '/library/local/functions/none/')).status, 404);
      assert.ok(server.state.library.has('functions/my dir/double.js'));
      server.fault('PUT /runtime/library', { status: 500 }, 1);
      assert.equal((await put('flows/two.json', [])).status >= 400, true);
      assert.equal(rt.end, undefined);
    }));

    test('context values live on the server and survive it being away, and kill -9', () => scene(major, { launch: false }, async ({ server, launch }) => {
      const userDir = temporary('rh-user-');
      const settings = { settings: { contextStorage: { default: 'memory', memory: { module: 'memory' }, central: { module: 'central' } } } };
      server.state.flows = JSON.stringify(fixture('context'));
      server.state.context = { global: { before: { deep: [1, 2] } }, gone000000000000: { x: 1 } };
      let rt = await launch({ userDir, settings });
      await rt.event('ready');
      const at = async (query) => (await rt.app('GET', `/context?${query}`)).json;
      assert.equal((await at('scope=global&key=before.deep[1]')).value, 2);
      await at('scope=global&key=before.deep[1]&set=7');
      await at(`scope=flow&key=n&set=${encodeURIComponent('{"a":1}')}`);
      await at('scope=node&key=mine&set=true');
      await until('it is stored', () => server.state.context.global.before.deep[1] === 7 && server.state.context.f700000000000001?.n?.a === 1);
      assert.equal((await at('scope=flow&key=n&drop=1')).value, null);
      await until('it is gone', () => !('n' in server.state.context.f700000000000001));
      await server.away();
      await at('scope=flow&key=late&set=42');
      assert.equal((await at('scope=flow&key=late')).value, 42);
      await until('it is kept', () => fs.existsSync(path.join(userDir, '.redhouse/context.json')));
      rt.child.kill('SIGKILL');
      await rt.ended;
      await server.back();
      assert.equal(server.state.context.f700000000000001.late, undefined);
      rt = await launch({ userDir, settings });
      await rt.event('ready');
      assert.equal((await at('scope=flow&key=late')).value, 42);
      assert.equal((await at('scope=global&key=before.deep[1]')).value, 7);
      await until('the replay', () => server.state.context.f700000000000001.late === 42);
      assert.equal((await rt.deploy(fixture('http'))).status, 200);
      await until('contexts of flows that are gone', () => Object.keys(server.state.context).join() === 'global');
      fs.rmSync(userDir, { recursive: true });
    }));

    test('a theme change shows at reload, and a theme stays while the server is away', () => scene(major, {
      before: (server) => { server.state.theme = { page: { title: 'First' } }; },
    }, async ({ server, rt }) => {
      assert.match((await rt.editor('GET', '/')).text, /<title>First<\/title>/);
      server.state.theme = {
        version: '2', page: { title: 'Second', favicon: '/.redhouse/theme/f.png' },
        header: { title: 'House', image: '/.redhouse/theme/logo.svg', url: 'https://example.org/' },
        login: { image: '/.redhouse/theme/login.png' },
        palette: { categories: ['demo', 'common'], theme: [{ category: 'demo', type: '.*', color: '#ff0000' }], catalogues: ['/.redhouse/catalogue.json'] },
        menu: { 'menu-item-help': { label: 'Help us', url: 'https://example.org/help' }, 'menu-item-keyboard-shortcuts': false },
        deployButton: { type: 'simple', label: 'Go', icon: '/.redhouse/theme/go.svg' },
        codeEditor: { lib: 'monaco', options: { theme: 'vs-dark', fontSize: 15 } },
      };
      server.state.themeVersion++;
      rt.command({ command: 'theme' });
      await until('the new title', async () => /<title>Second<\/title>/.test((await rt.editor('GET', '/')).text));
      for (const away of [false, true]) {
        if (away)
          await server.away();
        const page = await rt.editor('GET', '/');
        assert.match(page.text, /<link rel="icon" href="\/\.redhouse\/theme\/f\.png">/);
        assert.match(page.headers['content-security-policy'], /img-src 'self'/);
        const theme = (await rt.editor('GET', '/theme', { as: null })).json;
        assert.equal(theme.header.image, '/.redhouse/theme/logo.svg');
        assert.equal(theme.page.title, 'Second');
        assert.equal(theme.page.css.length, 1);
        assert.match((await rt.editor('GET', `/${theme.page.css[0]}`)).text, /^@import url\("\/\.redhouse\/theme\.css"\);\n$/);
        const { editorTheme, codeEditor } = (await rt.editor('GET', '/settings')).json;
        assert.deepEqual(editorTheme.palette.categories, { order: ['demo', 'common'] });
        assert.deepEqual(editorTheme.palette.theme, [{ category: 'demo', type: '.*', color: '#ff0000' }]);
        assert.deepEqual(editorTheme.palette.catalogues, ['/.redhouse/catalogue.json']);
        assert.equal(editorTheme.menu['menu-item-keyboard-shortcuts'], false);
        assert.equal(editorTheme.deployButton.label, 'Go');
        assert.equal(editorTheme.projects.enabled, false);
        assert.equal(editorTheme.tours, false);
        assert.equal(codeEditor.options.theme, 'vs-dark');
        assert.equal((await rt.editor('GET', '/auth/login', { as: null })).json.image, '/.redhouse/theme/login.png');
        const icon = await rt.editor('GET', '/favicon.ico', { as: null });
        assert.equal(icon.headers.location, '/.redhouse/theme/f.png');
      }
      assert.equal((await rt.editor('GET', '/settings')).json.telemetryEnabled, false);
    }));

    test('a hostile theme reaches the editor as harmless text or not at all', () => scene(major, {
      before: (server) => {
        const evil = '"><script>alert(1)</script>\'\n\u202e';
        server.state.theme = {
          page: { title: `a & b ${evil}`, favicon: 'https://evil.example/x.png' },
          header: { title: `<img src=x onerror=alert(1)>${evil}`, image: '/.redhouse/x" onerror="alert(1)', url: 'javascript:alert(1)' },
          login: { image: '//evil.example/x' },
          palette: { categories: ['<b>', 'ok', 3], theme: [{ category: '(', color: 'red' }, { category: 'a', color: 'url(https://evil)' }, { type: 'ok', color: 'red' }, null], catalogues: ['https://evil.example/c.json', '/.redhouse/../flows'] },
          menu: { 'menu-item-help': { label: '<script>x</script>', url: 'JavaScript:alert(1)' }, __proto__x: { label: 'x' }, 'menu-item-"': false },
          deployButton: { label: '</span><script>x</script>', icon: '"onerror=x' },
          codeEditor: { lib: '../../evil', options: { theme: { a: 1 }, fontSize: 12, constructor: 'x' } },
          css: 'https://evil.example/x.css',
        };
      },
    }, async ({ rt }) => {
      const page = (await rt.editor('GET', '/')).text;
      assert.ok(page.includes('<title>a &amp; b &quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&#39;'), page.slice(0, 1600));
      assert.ok(!page.includes('evil.example') && !page.includes('<script>alert'));
      const theme = (await rt.editor('GET', '/theme')).json;
      assert.ok(!/</.test(theme.header.title));
      assert.equal(theme.header.url, undefined);
      assert.ok(!/onerror|evil/.test(theme.header.image));
      const { editorTheme, codeEditor } = (await rt.editor('GET', '/settings')).json;
      assert.deepEqual(editorTheme.palette.categories.order, ['ok']);
      assert.deepEqual(editorTheme.palette.theme, [{ type: 'ok', color: 'red' }]);
      assert.deepEqual(editorTheme.palette.catalogues, ['/.redhouse/catalogue.json']);
      assert.equal(editorTheme.menu['menu-item-help'].url, undefined);
      assert.ok(!editorTheme.menu['menu-item-help'].label.includes('<'));
      assert.ok(!editorTheme.deployButton.label.includes('<') && editorTheme.deployButton.icon === undefined);
      assert.equal(codeEditor.lib, 'monaco');
      assert.deepEqual(codeEditor.options, { fontSize: 12 });
    }));

    test('Manage Palette installs from our registry with the token, and from nowhere else', () => scene(major, {}, async ({ server, rt }) => {
      server.packages.push(pack('fixtures/nodes/@demo/node-red-hello'), pack('fixtures/nodes/@demo/node-red-broken'));
      const elsewhere = await rt.editor('POST', '/nodes', { body: { module: '@demo/node-red-hello', url: 'http://127.0.0.1:9/evil.tgz' } });
      assert.equal(elsewhere.status, 400);
      assert.match(elsewhere.text, /registry only/);
      const installed = await rt.editor('POST', '/nodes', { body: { module: '@demo/node-red-hello', version: '1.0.0' } });
      assert.equal(installed.status, 200, installed.text + rt.log);
      assert.deepEqual(installed.json.nodes[0].types, ['hello']);
      const event = await rt.event('modules');
      assert.deepEqual({ action: event.action, module: event.module, version: event.version }, { action: 'added', module: '@demo/node-red-hello', version: '1.0.0' });
      assert.equal((await rt.deploy(fixture('hello'))).status, 200);
      await until('the inject', async () => (await rt.editor('POST', '/inject/f100000000000002')).status === 200);
      await until('the message', () => /hello world/.test(rt.log));
      const broken = await rt.editor('POST', '/nodes', { body: { module: '@demo/node-red-broken' } });
      assert.equal(broken.status, 200, broken.text);
      assert.ok(broken.json.nodes[0].err);
      assert.match(rt.log, /broken on purpose/);
      assert.equal((await rt.editor('POST', '/nodes', { body: { module: '@demo/none' } })).status, 404);
      assert.ok(!rt.log.includes(TOKEN));
      const lock = fs.readFileSync(path.join(rt.userDir, 'package-lock.json'), 'utf8');
      assert.ok(!lock.includes(TOKEN));
      assert.ok(!lock.includes(server.base), 'the lock file does not name the registry\'s address');
    }));

    test('missing types are reported by name', () => scene(major, {
      before: (server) => { server.state.flows = JSON.stringify(fixture('hello')); },
    }, async ({ rt }) => {
      const event = await rt.event('flows');
      assert.deepEqual(event, { event: 'flows', state: 'missing-types', types: ['hello'] });
    }));

    test('reads the flows again when told to', () => scene(major, {}, async ({ server, rt }) => {
      server.state.flows = JSON.stringify(fixture('http'));
      rt.command({ command: 'unknown' });
      rt.command({ command: 'reload' });
      await until('the page', async () => (await rt.app('GET', '/page')).status === 200);
      assert.equal((await rt.flows()).rev, sha256(server.state.flows));
      assert.equal(server.state.deploys.length, 0);
      assert.ok(!rt.events.some((e) => e.event === 'deploy'));
    }));

    test('SIGTERM while storage is away ends in order', () => scene(major, { launch: false }, async ({ server, launch }) => {
      await server.away();
      const rt = await launch();
      await rt.event('waiting');
      rt.child.kill('SIGTERM');
      assert.deepEqual(await rt.ended, { code: 0, signal: null }, rt.report());
      await server.back();
    }));
  });
}

describe('a Node-RED that runs elsewhere', { concurrency: 2 }, () => {
  const { render } = createRequire(import.meta.url)('../../plugins/launcher/external.js');

  /* The stock command line with the downloaded settings.js, plugins installed beside it. */
  async function elsewhere(major, server, more) {
    const folder = temporary('rh-elsewhere-');
    fs.mkdirSync(path.join(folder, 'node_modules/@redhouse'), { recursive: true });
    fs.symlinkSync(path.join(ROOT, 'plugins'), path.join(folder, 'node_modules/@redhouse/plugins'));
    fs.writeFileSync(path.join(folder, 'settings.js'), render(documentFor(server, { token: undefined, ...more })));
    const probe = net.createServer().listen(0, '127.0.0.1');
    await once(probe, 'listening');
    const { port } = probe.address();
    probe.close();
    const { node, nodeRed } = stack(major);
    const child = spawn(node, [path.join(nodeRed, 'red.js'), '-s', 'settings.js', '-u', path.join(folder, 'user'), '-p', String(port)],
      { cwd: folder, env: { HOME: folder, PATH: process.env.PATH, REDHOUSE_TOKEN: TOKEN }, stdio: 'ignore' });
    const ended = once(child, 'exit');
    const ask = (method, url, body) => fetch(`http://127.0.0.1:${port}${url}`,
      { method, body: body && JSON.stringify(body), headers: { 'content-type': 'application/json', connection: 'close' } });
    return { folder, child, ended, ask };
  }

  for (const major of [5, 4]) {
    test(`Node-RED ${major} has its flows on the platform and ends when another takes over`, async () => {
      const server = await standIn();
      server.state.flows = JSON.stringify(fixture('http'));
      const release = server.fault('GET /runtime/flows', { status: 503 });
      const rt = await elsewhere(major, server, { slug: '../x', theme: { page: { title: 'From <far>' } } });
      try {
        const page = async (url) => (await rt.ask('GET', url).catch(() => null))?.text();
        await until('the editor', async () => (await page('/'))?.includes('<title>From &lt;far&gt;</title>'));
        const early = await rt.ask('POST', '/flows', [tab('early')]);
        assert.equal(early.status, 400);
        assert.match((await early.json()).message, /not loaded yet/);
        assert.equal(server.state.deploys.length, 0);
        release();
        await until('the page of a flow', async () => (await page('/page'))?.includes('"flow":"here"'));
        assert.equal((await rt.ask('POST', '/flows', [tab('late')])).status, 204);
        assert.equal(server.state.deploys.length, 1);
        server.superseded = true;
        await rt.ask('POST', '/flows', [tab('too late')]).catch(() => {});
        assert.deepEqual(await rt.ended, [0, null]);
      } finally {
        rt.child.kill('SIGKILL');
        await server.away();
        fs.rmSync(rt.folder, { recursive: true, force: true });
      }
    });
  }
});

describe('a settings document that is none', () => {
  const cases = {
    'no JSON': ['{', /not JSON/],
    'a list': ['[]', /not an object/],
    'another version': ['{"version":2}', /version 2/],
    'no token': [JSON.stringify({ version: 1, instance: 'x' }), /no "token"/],
    'a carrier that is no address': [JSON.stringify({ version: 1, instance: 'x', token: 't', carrier: 'file:///etc' }), /"carrier"/],
  };
  for (const [name, [document, reason]] of Object.entries(cases)) {
    test(`${name} ends the launcher with its reason`, async () => {
      const rt = await Runtime.start(stack(5), document);
      assert.deepEqual(await rt.ended, { code: 1, signal: null });
      const fatal = rt.events.find((e) => e.event === 'fatal');
      assert.equal(fatal.code, 'document');
      assert.match(fatal.message, reason);
      await rt.stop();
    });
  }
});
