import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { temporary } from '../../testing/runtime.mjs';
import { INSTANCE, TOKEN, standIn } from '../../testing/standin.mjs';

const require = createRequire(import.meta.url);
const { createClient } = require('../client.js');
const { createSpool } = require('../spool.js');
const { createStorage } = require('../index.js');

async function scene(body, options = {}) {
  const server = await standIn();
  const folder = temporary();
  const said = [];
  const client = createClient({ carrier: server.base, token: TOKEN, ...options });
  const storage = createStorage({ client, spoolDir: path.join(folder, 'spool'), instance: INSTANCE, log: (t) => said.push(t) });
  try {
    await body({ server, client, storage, folder, said });
  } finally {
    client.close();
    await server.away();
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

const load = async (storage) => [await storage.getFlows(), await storage.getCredentials()];

test('what storage calls itself is all that Node-RED looks for, as own methods', () => scene(async ({ storage }) => {
  for (const name of ['init', 'getFlows', 'saveFlows', 'getCredentials', 'saveCredentials', 'getSettings', 'saveSettings', 'getSessions', 'saveSessions', 'getLibraryEntry', 'saveLibraryEntry'])
    assert.ok(Object.hasOwn(storage, name), name);
  assert.ok(!JSON.stringify(Object.entries(storage).map(([k, v]) => k + v)).includes(TOKEN));
}));

test('flows and credentials of one load come from one answer', () => scene(async ({ server, storage }) => {
  server.state.credentials = { $: 'first' };
  const flows = await storage.getFlows();
  server.state.credentials = { $: 'second' };
  assert.deepEqual([flows, await storage.getCredentials()], [[], { $: 'first' }]);
  assert.deepEqual(await storage.getCredentials(), { $: 'second' });
}));

test('credentials are sent with the next flows that storage takes, once', () => scene(async ({ server, storage }) => {
  await load(storage);
  await storage.saveCredentials({ $: 'new' });
  assert.equal(server.count('POST'), 0);
  server.fault('POST /runtime/deploy', { status: 422, body: { code: 'no', detail: 'No.' } }, 1);
  await assert.rejects(storage.saveFlows([]), /^Error: No\.$/);
  await storage.saveFlows([], { username: 'ada' });
  assert.deepEqual(server.state.credentials, { $: 'new' });
  await storage.saveFlows([]);
  assert.deepEqual(server.state.deploys.map((d) => d.credentials), [true, false]);
}));

test('credentials staged while a deploy is under way are not taken for the ones it carried', () => scene(async ({ server, storage }) => {
  await load(storage);
  await storage.saveCredentials({ $: 'first' });
  const saving = storage.saveFlows([]);
  await storage.saveCredentials({ $: 'second' });
  await saving;
  await storage.saveFlows([]);
  assert.deepEqual(server.state.credentials, { $: 'second' });
}));

test('loading the flows again forgets what was staged for the old ones', () => scene(async ({ server, storage }) => {
  await load(storage);
  await storage.saveCredentials({ $: 'abandoned' });
  await load(storage);
  await storage.saveFlows([]);
  assert.equal(server.state.deploys[0].credentials, false);
}));

test('a deploy before the stored flows were read is refused', () => scene(async ({ server, storage }) => {
  await assert.rejects(storage.saveFlows([]), /not loaded yet/);
  assert.equal(server.state.deploys.length, 0);
}));

test('settings and sessions never reject, whatever storage and disk do', () => scene(async ({ server, storage, folder, said }) => {
  fs.writeFileSync(path.join(folder, 'spool'), 'a file where the folder should be');
  await server.away();
  await storage.saveSettings({ a: 1 });
  await storage.saveSessions({ t: {} });
  const circular = {};
  circular.self = circular;
  await storage.saveSettings(circular);
  await storage.saveSettings({ a: 2 });
  assert.ok(said.some((t) => t.includes('could not be kept on disk')));
  await server.back();
  await storage.flush(5000);
  assert.deepEqual(server.state.settings, { a: 2 });
}));

test('of settings saved in a burst the last arrives, and the spool is empty then', () => scene(async ({ server, storage, folder }) => {
  await Promise.all(Array.from({ length: 50 }, (_, n) => storage.saveSettings({ n })));
  await storage.flush(5000);
  assert.deepEqual(server.state.settings, { n: 49 });
  assert.deepEqual(fs.readdirSync(path.join(folder, 'spool')), []);
  assert.ok(server.count('PUT /runtime/settings') < 50);
}));

test('settings that storage refuses for good do not stop newer ones', () => scene(async ({ server, storage }) => {
  server.fault('PUT /runtime/settings', { status: 413, body: {} }, 1);
  await storage.saveSettings({ n: 'large' });
  await sleep(100);
  await storage.saveSettings({ n: 'small' });
  await storage.flush(3000);
  assert.deepEqual(server.state.settings, { n: 'small' });
}));

test('a spool file that is torn, foreign or no file of ours reads as absent', async () => {
  const folder = temporary();
  const spool = createSpool(folder, INSTANCE);
  assert.equal(await spool.get('settings'), undefined);
  for (const text of ['', '{', 'null', '[]', '{"version":2,"instance":"inst0001","value":{}}', '{"version":1,"instance":"other","value":{}}']) {
    fs.writeFileSync(path.join(folder, 'settings.json'), text);
    assert.equal(await spool.get('settings'), undefined, text);
  }
  await spool.put('settings', { a: 1 });
  assert.deepEqual(await spool.get('settings'), { a: 1 });
  await spool.drop('settings');
  await spool.drop('settings');
  fs.mkdirSync(path.join(folder, 'settings.json'));
  assert.equal(await spool.get('settings'), undefined);
  fs.rmSync(folder, { recursive: true });
});

test('sessions that could not be read are not overwritten by none', () => scene(async ({ server, storage }) => {
  server.state.sessions = { token: { user: 'ada' } };
  server.fault('GET /runtime/sessions', { status: 500 }, 1);
  assert.deepEqual(await storage.getSessions(), {});
  await storage.saveSessions({});
  await storage.flush(1000);
  assert.deepEqual(server.state.sessions, { token: { user: 'ada' } });
  assert.deepEqual(await storage.getSessions(), { token: { user: 'ada' } });
  await storage.saveSessions({});
  await storage.flush(1000);
  assert.deepEqual(server.state.sessions, {});
}));

test('a reader waits through silence, errors, cut and malformed answers', () => {
  const waits = [];
  return scene(async ({ server, client }) => {
    server.state.settings = { here: true };
    for (const how of [{ status: 500 }, 'drop', { status: 404 }, { status: 200, body: [] }, 'lose'])
      server.fault('GET /runtime/settings', how, 1);
    const value = await client.read('/runtime/settings', 'settings', (v) => v.here);
    assert.deepEqual(value, { here: true });
    assert.equal(server.count('GET /runtime/settings'), 6);
    assert.deepEqual(waits.map((w) => w.for), ['settings']);
  }, { waiting: (what) => waits.push(what) });
});

for (const status of [410, 401]) {
  test(`${status} ends everything once and answers nothing any more`, () => {
    let times = 0;
    return scene(async ({ server, client, storage }) => {
      await load(storage);
      server.fault('', { status, body: {} });
      const unanswered = [client.read('/runtime/flows', 'flows', () => true), storage.saveFlows([]), storage.getSessions(), client.json('GET', '/runtime/settings')];
      assert.equal(await Promise.race([...unanswered, sleep(400).then(() => 'nothing')]), 'nothing');
      assert.equal(times, 1);
    }, { superseded: () => { times++; } });
  });
}

test('an answer without end or beyond the ceiling is given up', async () => {
  const server = http.createServer((req, res) => {
    res.writeHead(200);
    if (req.url.endsWith('slow'))
      return void res.write('{');
    const chunk = Buffer.alloc(1 << 20, 'x');
    const more = () => { while (!res.destroyed && res.write(chunk)); };
    res.on('drain', more);
    more();
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = createClient({ carrier: `http://127.0.0.1:${server.address().port}`, token: TOKEN });
  try {
    await assert.rejects(client.json('GET', '/slow', { timeoutMs: 150 }), /slow|broke off|answer/);
    await assert.rejects(client.json('GET', '/endless'), /too large/);
  } finally {
    client.close();
    server.closeAllConnections();
    server.close();
  }
});

test('storage is reached through a Unix socket as well', async () => {
  const file = path.join(temporary(), 's.sock');
  const server = http.createServer((req, res) => res.end(JSON.stringify({ url: req.url, auth: req.headers.authorization })));
  await new Promise((resolve) => server.listen(file, resolve));
  const client = createClient({ carrier: `unix:${file}`, token: TOKEN });
  assert.deepEqual(await client.json('GET', '/runtime/settings'), { url: '/api/v1/runtime/settings', auth: `Bearer ${TOKEN}` });
  client.close();
  server.closeAllConnections();
  server.close();
});
