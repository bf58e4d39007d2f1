/*
 * The real launcher with real Node-RED 5 and 4.1 against a stand-in storage server with faults. Run by
 *   node --test plugins/*/test/*.test.mjs tests/e2e/runtime.test.mjs
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
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
import { fixture, scene, sha256, socket, tab, until } from './scene.mjs';

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
      await until('the list of modules', () => server.state.modules?.some((m) => m.name === '@demo/node-red-hello'));
      assert.deepEqual(server.state.modules[0], { name: '@demo/node-red-hello', version: '1.0.0', direct: true, types: ['hello'] });
      assert.deepEqual(server.state.modules.find((m) => m.name === 'node-red').types, []);
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
