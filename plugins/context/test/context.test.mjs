import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { test } from 'node:test';

import { temporary } from '../../testing/runtime.mjs';
import { stack } from '../../testing/stacks.mjs';
import { INSTANCE, TOKEN, standIn } from '../../testing/standin.mjs';

const require = createRequire(import.meta.url);
const { createClient } = require('../../storage/client.js');
const { createContext } = require('../index.js');
const { util } = createRequire(path.join(stack(5).nodeRed, 'package.json'))('@node-red/util');

async function scene(body) {
  const server = await standIn();
  const folder = temporary();
  const said = [];
  const clients = [];
  const open = async () => {
    const client = createClient({ carrier: server.base, token: TOKEN });
    clients.push(client);
    const context = createContext({ client, spoolDir: folder, instance: INSTANCE, log: (t) => said.push(t) });
    context.use(util);
    const store = context.module({});
    await store.open();
    return store;
  };
  try {
    await body({ server, open, said, folder });
  } finally {
    for (const client of clients)
      client.close();
    await server.away();
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

const called = (fn) => new Promise((resolve) => fn((...args) => resolve(args)));

test('values are read and written by path, by list, with and without a callback', () => scene(async ({ server, open }) => {
  const store = await open();
  store.set('global', 'a.b[0].c', 1);
  store.set('global', ['x', 'y', 'z'], [1, 2]);
  assert.equal(store.get('global', 'a.b[0].c'), 1);
  assert.deepEqual(store.get('global', ['x', 'y', 'z', 'none']), [1, 2, null, undefined]);
  assert.deepEqual(await called((cb) => store.get('global', ['x', 'y'], cb)), [undefined, 1, 2]);
  assert.deepEqual(await called((cb) => store.get('none', 'x', cb)), [undefined, undefined]);
  assert.deepEqual(await called((cb) => store.set('global', 'w', null, cb)), [undefined]);
  assert.deepEqual(await called((cb) => store.keys('global', cb)), [undefined, ['a', 'x', 'y', 'z', 'w']]);
  assert.deepEqual(store.keys('none'), []);
  store.set('global', 'x', undefined);
  await store.close();
  assert.deepEqual(server.state.context.global, { a: { b: [{ c: 1 }] }, y: 2, z: null, w: null });
}));

test('a key that is none throws, or goes to the callback, and leaves nothing', () => scene(async ({ server, open }) => {
  const store = await open();
  for (const key of ['a[', '', '.a', '__proto__.x']) {
    assert.throws(() => store.set('global', key, 1), undefined, key);
    assert.ok((await called((cb) => store.set('global', key, 1, cb)))[0] instanceof Error);
  }
  await store.close();
  assert.equal({}.x, undefined);
  assert.equal(server.count('PUT'), 0);
  store.set('global', 'a', 1);
  assert.throws(() => store.get('global', 'a['));
  assert.ok((await called((cb) => store.get('global', ['a', 'a['], cb)))[0] instanceof Error);
}));

test('values without JSON are kept in memory, complained about once, and disturb no other', () => scene(async ({ server, open, said }) => {
  const store = await open();
  const circular = {};
  circular.self = circular;
  store.set('global', 'circular', circular);
  store.set('global', 'big', 10n);
  store.set('global', 'fine', 1);
  store.set('global', 'code', () => 1);
  await store.close();
  store.set('global', 'circular.more', 1);
  await store.close();
  assert.equal(store.get('global', 'circular'), circular);
  assert.deepEqual(server.state.context.global, { fine: 1 });
  assert.equal(said.filter((t) => t.includes('circular')).length, 1);
}));

test('what closes while the server is away is there at the next open', () => scene(async ({ server, open }) => {
  server.state.context = { flow1: { old: 1, gone: 1 }, dead: { x: 1 } };
  let store = await open();
  await server.away();
  store.set('flow1', 'new', { a: [null] });
  store.set('flow1', 'gone', undefined);
  await store.clean(['flow1']);
  await store.close();
  await server.back();
  assert.deepEqual(Object.keys(server.state.context), ['flow1', 'dead']);
  store = await open();
  assert.deepEqual([store.get('flow1', 'new'), store.get('flow1', 'gone'), store.get('dead', 'x')], [{ a: [null] }, undefined, undefined]);
  await store.close();
  assert.deepEqual(server.state.context, { flow1: { old: 1, new: { a: [null] } } });
}));

test('a scope that is cleared and used again keeps only the new values', () => scene(async ({ server, open }) => {
  server.state.context = { 'n1:f1': { old: 1 }, global: { g: 1 } };
  const store = await open();
  await store.clean([]);
  store.set('n1:f1', 'new', 2);
  await store.close();
  assert.deepEqual(server.state.context, { global: { g: 1 }, 'n1:f1': { new: 2 } });
}));

test('a value that the server refuses is left out and the rest arrives', () => scene(async ({ server, open, said }) => {
  const store = await open();
  server.fault('PUT /runtime/context?scope=bad', { status: 413, body: {} });
  store.set('bad', 'x', 1);
  store.set('good', 'x', 1);
  await store.close();
  assert.deepEqual(server.state.context, { good: { x: 1 } });
  assert.ok(said.some((t) => t.includes('refused')));
}));
