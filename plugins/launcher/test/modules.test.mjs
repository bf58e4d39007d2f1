import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { test } from 'node:test';

import { temporary } from '../../testing/runtime.mjs';

const require = createRequire(import.meta.url);
const { collect, createReport } = require('../modules.js');

function userDir(dependencies, packages, files = {}) {
  const folder = temporary();
  fs.mkdirSync(path.join(folder, 'node_modules'), { recursive: true });
  fs.writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ dependencies }));
  if (packages)
    fs.writeFileSync(path.join(folder, 'node_modules/.package-lock.json'), JSON.stringify({ packages }));
  for (const [name, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    fs.writeFileSync(path.join(folder, name), text);
  }
  return folder;
}

async function until(check) {
  for (let i = 0; i < 400 && !check(); i++)
    await new Promise((resolve) => setTimeout(resolve, 10));
  assert.ok(check());
}

test('the list has what runs with its types, what was asked for, and what these bring along', async () => {
  const folder = userDir({ '@a/n': '~1.0.0', lib: '*' }, {
    'node_modules/@a/n': { version: '1.1.0' }, 'node_modules/lib': { version: '2.0.0' },
    'node_modules/lib/node_modules/deep': { version: '3.0.0' }, 'node_modules/deep': { version: '4.0.0' },
  });
  const sets = [
    { module: 'node-red', version: '5.0.0', types: ['inject'] },
    { module: '@a/n', version: '1.0.0', pending_version: '1.1.0', types: ['x', 'y'] },
    { module: '@a/n', version: '1.0.0', pending_version: '1.1.0', types: ['y', 'z'] },
  ];
  assert.deepEqual(await collect(sets, folder), [
    { name: '@a/n', version: '1.0.0', direct: true, types: ['x', 'y', 'z'], pending_version: '1.1.0' },
    { name: 'lib', version: '2.0.0', direct: true, types: [] },
    { name: 'deep', version: '3.0.0', direct: false, types: [] },
    { name: 'deep', version: '4.0.0', direct: false, types: [] },
    { name: 'node-red', version: '5.0.0', direct: false, types: [] },
  ]);
});

test('without a list of npm the folders of what was asked for are read', async () => {
  const folder = userDir({ lib: '*', gone: '*' }, null, { 'node_modules/lib/package.json': '{"version":"1.2.3"}' });
  assert.deepEqual(await collect([], folder), [{ name: 'lib', version: '1.2.3', direct: true, types: [] }]);
});

test('files that are none, odd names and thousands of folders make a list that the server takes', async () => {
  const packages = { 'node_modules/../x': { version: '1.0.0' }, 'node_modules/y': { version: 'latest' }, '': {}, 'node_modules/null': null };
  for (let i = 0; i < 3000; i++)
    packages[`node_modules/p${i}`] = { version: '1.0.0' };
  const list = await collect([{ module: 'own', version: '1.0.0', types: ['t'] }], userDir({ p2999: '*' }, packages));
  assert.equal(list.length, 2000);
  assert.deepEqual(list.slice(0, 2).map((m) => m.name), ['own', 'p2999']);
  const broken = userDir({}, null, { 'package.json': 'null', 'node_modules/.package-lock.json': '{' });
  assert.deepEqual(await collect([], broken), []);
});

test('the list is sent until it is answered, once for the same, and not again when it is refused', async () => {
  let fail = 1;
  let version = '1.0.0';
  const sent = [];
  const said = [];
  const report = createReport({
    userDir: userDir({}, null), log: (text) => said.push(text),
    list: async () => [{ module: 'own', version, types: [] }],
    client: {
      async request(method, where, { body }) {
        if (fail-- > 0)
          throw Object.assign(new Error('no'), { status: 0 });
        sent.push(JSON.parse(body).modules[0].version);
        if (version === '3.0.0')
          throw Object.assign(new Error('bad'), { status: 422 });
      },
    },
  });
  report.changed();
  await until(() => sent.length === 1);
  report.changed();
  await new Promise((resolve) => setTimeout(resolve, 700));
  assert.deepEqual(sent, ['1.0.0']);
  version = '3.0.0';
  report.changed();
  await until(() => said.length === 1);
  version = '4.0.0';
  report.changed();
  await until(() => sent.length === 3);
  assert.deepEqual(sent, ['1.0.0', '3.0.0', '4.0.0']);
});
