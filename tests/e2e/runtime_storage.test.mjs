/*
 * The real launcher with real Node-RED 5 and 4.1 against a stand-in storage server that is away, slow or lies: the
 * runtime lives, and nothing is overwritten or lost.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { temporary } from '../../plugins/testing/runtime.mjs';
import { fixture, scene, sha256, socket, tab, until, userDirWith } from './scene.mjs';

for (const major of [5, 4]) {
  describe(`Node-RED ${major} and its storage`, { concurrency: 2 }, () => {
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
