// The product's own limits, cgroup v2, on machines whose controllers are bound to v1: a User-Mode Linux guest
// runs instances under them: one that does as it is told (cgroup2/inside.mjs), and Node-RED started by the server
// (cgroup2/real.mjs). Without sanitizers: the guest has little address space.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { root, stacks } from './sandbox.mjs';

const DEADLINE_MS = 240000;

function buildPlain() {
  const dir = path.join(root, 'build/release');
  const run = (...args) => execFileSync('cmake', args, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
  if (!fs.existsSync(path.join(dir, 'build.ninja'))) run('--preset', 'release');
  run('--build', '--preset', 'release', '-j2', '--target', 'redhouse', 'redhouse-warden', 'broker_tool');
}

// What such a kernel says on a processor whose registers (AMX) are larger than it knows: nothing can run in it there.
const TOO_LARGE = /ptrace set fp regs failed, errno = 14/;

describe('a guest with cgroup v2', () => {
  let out, said = '';
  const read = (name) => { try { return fs.readFileSync(path.join(out, name), 'utf8'); } catch { return ''; } };

  before(async () => {
    stacks();
    buildPlain();
    out = fs.mkdtempSync(path.join(os.tmpdir(), 'redhouse-uml-'));
    const guest = spawn('linux.uml', ['mem=1200M', 'root=/dev/root', 'rootfstype=hostfs', 'rootflags=/', 'ro', 'con=null',
      'con0=null,fd:1', 'quiet', `init=${path.join(root, 'tests/e2e/cgroup2/init')}`, `OUT=${out}`, `ROOT=${root}`,
      'REDHOUSE_BUILD=build/release', `REDHOUSE_BINARY=${path.join(root, 'build/redhouse')}`, 'REDHOUSE_UPLINK=http://127.0.0.1:9/',
      `REDHOUSE_WARDEN=${path.join(root, 'build/redhouse-warden')}`, 'REDHOUSE_PATIENCE_MS=90000'], { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    for (const stream of [guest.stdout, guest.stderr]) stream.on('data', (part) => { said += part; });
    const timer = setTimeout(() => process.kill(-guest.pid, 'SIGKILL'), DEADLINE_MS);
    await new Promise((resolve) => { guest.on('close', resolve); });
    clearTimeout(timer);
  });
  after(() => fs.rmSync(out, { recursive: true, force: true }));

  const cannot = () => TOO_LARGE.test(said) && / amx_tile/.test(fs.readFileSync('/proc/cpuinfo', 'utf8'));

  test('comes up, or this processor is none for it', () => {
    assert.ok(read('inside.tap') || cannot(), said.slice(-2000));
  });

  for (const [part, tests] of [['inside', 8], ['real', 2]])
    test(`runs instances under its limits: ${part}`, (t) => {
      if (cannot()) return t.skip("User-Mode Linux does not run on this processor's registers");
      const tap = read(`${part}.tap`);
      assert.equal(read(`${part}.status`).trim(), '0', `${tap}\n${said.slice(-2000)}`);
      assert.match(tap, new RegExp(`^# pass ${tests}$`, 'm'));
    });
});
