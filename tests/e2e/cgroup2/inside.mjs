// Run as a test by ./init inside the User-Mode Linux guest: one instance, a real Node.js, under cgroup v2.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { Platform, until } from '../sandbox.mjs';

const group = (id, file) => fs.readFileSync(path.join('/sys/fs/cgroup/redhouse', id, file), 'utf8').trim();
const field = (id, file, key) => Number(new RegExp(`^${key} (\\d+)$`, 'm').exec(group(id, file))[1]);

let p;
let id;
let warden;
before(async () => {
  p = new Platform();
  await p.open();
  ({ id, warden } = await p.start({ memory: 96 << 20, cpu: 70, pids: 20 }));
});
after(async () => { await p.close(); });

test('the limits are written and everything of the sandbox is in the group', async () => {
  assert.equal(group(id, 'memory.max'), String(96 << 20));
  assert.equal(group(id, 'pids.max'), '20');
  assert.equal(group(id, 'cpu.max'), '70000 100000');
  const { pid } = await warden.hello;
  const procs = group(id, 'cgroup.procs').split('\n');
  assert.ok(procs.includes(String(pid)) && procs.length >= 2, procs.join());
  assert.equal((await p.inside(id, 'return require("fs").readFileSync("/proc/self/cgroup", "utf8")')).value, '0::/\n');
});

test('the warden left the group of whoever started it', async () => {
  const pid = fs.readFileSync(p.run(id, 'warden.pid'), 'utf8').split(' ')[0];
  assert.equal(fs.readFileSync(`/proc/${pid}/cgroup`, 'utf8'), '0::/redhouse/wardens\n');
});

test('warden and process 1 are small', async () => {
  const pid = fs.readFileSync(p.run(id, 'warden.pid'), 'utf8').split(' ')[0];
  for (const one of [pid, (await warden.hello).pid]) {
    const kb = Number(/^Pss: +(\d+) kB$/m.exec(fs.readFileSync(`/proc/${one}/smaps_rollup`, 'utf8'))[1]);
    assert.ok(kb > 0 && kb < 1000, `${kb} kB`);
  }
});

test('statistics come from the group', async () => {
  const stats = await warden.stats();
  assert.ok(stats.memory > 10 << 20 && stats.memory < 96 << 20, JSON.stringify(stats));
  assert.ok(stats.cpuMs > 50 && stats.pids >= 2, JSON.stringify(stats));
});

test('the CPU quota throttles', async () => {
  const before_ = field(id, 'cpu.stat', 'nr_throttled');
  await p.inside(id, 'const end = Date.now() + 1200; while (Date.now() < end); return 1');
  assert.ok(field(id, 'cpu.stat', 'nr_throttled') > before_);
});

test('processes past the limit are refused', async () => {
  const out = await p.inside(id, `return require('child_process').spawnSync('/bin/sh', ['-c',
    'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do sleep 3 2>/dev/null & done'],
    { encoding: 'utf8', stdio: ['ignore', 'ignore', 'pipe'] }).stderr`);
  assert.match(out.value, /fork/);
  assert.ok(field(id, 'pids.events', 'max') > 0);
});

test('past its memory it ends as oom', async () => {
  p.inside(id, `const all = []; for (;;) { all.push(Buffer.alloc(8 << 20, 1)); await new Promise((r) => setTimeout(r, 1)) }`)
    .catch(() => {});
  const { end } = await warden.line((l) => l.end).catch(() => {
    throw new Error(`${group(id, 'memory.current')} ${group(id, 'memory.events')}`);
  });
  assert.deepEqual([end.kind, end.code], ['oom', 9]);
  await until('its group to be gone', () => !fs.existsSync(`/sys/fs/cgroup/redhouse/${id}`));
});

test('a killed warden leaves no process and no group', async () => {
  const reply = await p.ask(p.startRequest(id, { generation: 2, document: '{"stubborn":true}' }));
  assert.equal(reply.status, 0, reply.text);
  assert.ok(group(id, 'cgroup.procs').split('\n').length >= 2);
  assert.equal((await p.ask({ verb: 'kill', id })).status, 0);
  await until('its group to be gone', () => !fs.existsSync(`/sys/fs/cgroup/redhouse/${id}`));
});
