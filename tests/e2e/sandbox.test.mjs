// One instance in its sandbox, as the broker and the warden make it on this machine: what its code can read,
// write, call and reach, what limits it, and what outlives what. As root.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { Platform, Warden, build, newId, serverUid, sleep, uidBase, until } from './sandbox.mjs';

const alive = (pid) => fs.existsSync(`/proc/${pid}`) &&
  !/^State:\s+Z/m.test(fs.readFileSync(`/proc/${pid}/status`, 'utf8'));
const wardenPid = (p, id) => Number(fs.readFileSync(p.run(id, 'warden.pid'), 'utf8').split(' ')[0]);

let p;
before(async () => { p = new Platform(); await p.open(); });
after(async () => { await p.close(); });

describe('from inside', () => {
  let id, warden, other;
  const see = async (code) => {
    const { value, error } = await p.inside(id, code);
    if (error) throw new Error(error);
    return value;
  };
  const refused = async (code, ...codes) => {
    const out = await p.inside(id, code);
    assert.ok(codes.includes(out.error), `${code}: ${JSON.stringify(out)}`);
  };
  const sh = (command) => see(`const r = require('child_process').spawnSync('/bin/sh', ['-c', ${JSON.stringify(command)}],
    { encoding: 'utf8' }); return { status: r.status, out: r.stdout, err: r.stderr };`);

  before(async () => {
    ({ id, warden } = await p.start({ options: '--max-old-space-size=200' }));
    other = await p.start();
  });

  test('it runs under a uid of its own without any capability', async () => {
    const status = await see('return require("fs").readFileSync("/proc/self/status", "utf8")');
    const uid = Number(/^Uid:\t(\d+)/m.exec(status)[1]);
    assert.ok(uid >= uidBase + 256);
    assert.match(status, new RegExp(`^Uid:(\t${uid}){4}$`, 'm'));
    assert.match(status, new RegExp(`^Gid:(\t${uid}){4}$`, 'm'));
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
      assert.match(status, new RegExp(`^${set}:\t0+$`, 'm'));
    assert.match(status, /^NoNewPrivs:\t1$/m);
    assert.match(status, /^Seccomp:\t2$/m);
    assert.match(status, /^Groups:\t *$/m);
    const others = await p.inside(other.id, 'return process.getuid()');
    assert.notEqual(others.value, uid);
    assert.equal(fs.statSync(p.user(id)).uid, uid);
    assert.equal(fs.statSync(p.user(id)).mode & 0o777, 0o700);
  });

  test('its environment holds what docs/runtime.md says and nothing else', async () => {
    const env = await see('return process.env');
    assert.deepEqual(Object.keys(env).sort(), ['HOME', 'LANG', 'NODE_OPTIONS', 'PATH', 'TZ']);
    assert.equal(env.HOME, '/data');
    assert.equal(env.NODE_OPTIONS, '--max-old-space-size=200');
    assert.deepEqual(await see('return [process.argv[1], process.cwd(), process.execPath.startsWith("/stack/")]'),
      ['/plugins/launcher/index.js', '/data', true]);
  });

  test('it has no descriptors but its own', async () => {
    const links = await see(`const fs = require('fs'); return fs.readdirSync('/proc/self/fd').map((fd) => {
      try { return [Number(fd), fs.readlinkSync('/proc/self/fd/' + fd)]; } catch { return [Number(fd), '']; } })`);
    assert.equal(links.find(([fd]) => fd === 0)[1], '/dev/null');
    assert.ok(links.every(([, to]) => /^(socket|pipe|anon_inode):|^\/dev\/null$|^\/proc\/2\/fd$|^$/.test(to)),
      JSON.stringify(links));
  });

  test('it sees only its own processes', async () => {
    const pids = await see('return require("fs").readdirSync("/proc").filter((n) => /^\\d+$/.test(n))');
    assert.deepEqual(pids, ['2']);
    await refused('process.kill(1, "SIGKILL"); await new Promise((r) => setTimeout(r, 100)); throw {code: "lives"}',
      'EPERM', 'ESRCH', 'lives');
    await refused('require("fs").readFileSync("/proc/1/environ")', 'ENOENT', 'EACCES');
  });

  test('of the file system it can write /data and /tmp only', async () => {
    const fs2 = 'const fs = require("fs");';
    for (const dir of ['/data', '/tmp'])
      assert.equal(await see(`${fs2} fs.writeFileSync("${dir}/x", "1"); return fs.readFileSync("${dir}/x", "utf8")`), '1');
    for (const dir of ['/', '/etc', '/usr', '/usr/local', '/stack', '/plugins', '/dev', '/proc', '/var'])
      await refused(`${fs2} fs.writeFileSync("${dir}/x", "1")`, 'EROFS', 'EACCES', 'ENOENT', 'EPERM');
    const mounts = await see(`${fs2} return fs.readFileSync("/proc/self/mounts", "utf8")`);
    for (const line of mounts.trim().split('\n')) {
      const [, at, type, options] = line.split(' ');
      const set = options.split(',');
      assert.ok(set.includes('nosuid'), line);
      if (!at.startsWith('/dev/') && !at.startsWith('/proc/')) assert.ok(set.includes('nodev'), line);
      if (set.includes('rw') && !/^\/(data|tmp|proc|dev\/|proc\/)/.test(at)) assert.fail(line);
    }
    assert.match((await sh('dd if=/dev/zero of=/tmp/full bs=1M count=100; rm /tmp/full')).err, /No space left/);
  });

  test('nothing of the host shows but programs and libraries', async () => {
    const list = (dir) => see(`try { return require('fs').readdirSync('${dir}') } catch (e) { return e.code }`);
    assert.ok(['EACCES', 'EPERM'].includes(await list('/')));
    for (const dir of ['/run', '/sys', '/var', '/home', '/root', '/boot', '/mnt', '/opt', '/srv', p.dir, p.data,
      path.join(p.data, 'run'), '/etc/ssl/private', '/etc/ssh', '/etc/systemd'])
      assert.ok(['ENOENT', 'EACCES'].includes(await list(dir)), dir);
    for (const file of ['/etc/shadow', '/etc/machine-id', '/etc/hostname', '/etc/fstab'])
      await refused(`return require('fs').readFileSync('${file}', 'utf8')`, 'ENOENT');
    assert.deepEqual((await list('/usr/local')), []);
    assert.deepEqual((await list('/dev')).sort(), ['fd', 'full', 'null', 'random', 'stderr', 'stdin', 'stdout',
      'urandom', 'zero']);
    for (const file of ['kcore', 'kallsyms', 'cmdline', 'keys', 'config.gz'])
      assert.equal(await see(`try { return require('fs').readFileSync('/proc/${file}', 'utf8') } catch { return '' }`), '');
    const passwd = await see('return require("fs").readFileSync("/etc/passwd", "utf8")');
    assert.deepEqual(passwd.trim().split('\n').map((l) => l.split(':')[0]), ['root', 'node-red', 'nobody']);
    assert.equal(await see('return require("os").hostname()'), id);
  });

  test('the other instance cannot be found, reached or signalled', async () => {
    const pid = (await other.warden.hello).pid;
    await refused(`process.kill(${pid}, 0)`, 'ESRCH', 'EPERM');
    for (const file of [p.user(other.id), p.run(other.id, 'editor.sock'), p.run(id, 'warden.sock'), p.run(id, 'editor.sock')])
      await refused(`return await new Promise((ok, bad) => require('net').connect(${JSON.stringify(file)}, ok).on('error', bad))`,
        'ENOENT', 'EACCES');
    await refused(`return require('fs').readdirSync('/data/../${other.id}')`, 'ENOENT', 'EACCES');
  });

  test('system calls that it does not need are refused', async () => {
    for (const command of ['unshare -U true', 'unshare -n true', 'unshare -m true', 'mount -t tmpfs none /tmp',
      '/usr/sbin/chroot /tmp /bin/true', 'nsenter -t 1 -n true', 'setarch -R true', 'hostname x', 'dmesg']) {
      const { status, err } = await sh(command);
      assert.notEqual(status, 0, command);
      assert.match(err, /not permitted|denied|failed|No such file|must be root/i, command);
    }
    const calls = JSON.parse((await sh(`/data/probe`)).out);
    assert.deepEqual(calls, { io_uring_setup: 'ENOSYS', unshare: 'EPERM', mount: 'EPERM', ptrace: 'EPERM',
      bpf: 'EPERM', keyctl: 'EPERM', userfaultfd: 'EPERM', setns: 'EPERM', clone_newuser: 'EPERM', clone3: 'ENOSYS',
      open_tree: 'EPERM', personality: 'EPERM', packet: 'EAFNOSUPPORT', alg: 'EAFNOSUPPORT', vsock: 'EAFNOSUPPORT',
      netlink_audit: 'EAFNOSUPPORT', netlink_route: '', inet: '', unix: '', tiocsti: 'EPERM' });
  });
  before(() => {
    execFileSync('cp', [path.join(build, 'tools/syscall_probe'), p.user(id, 'probe')]);
    fs.chmodSync(p.user(id, 'probe'), 0o755);
  });

  test('its network is a loopback with nothing of the host on it', async () => {
    assert.deepEqual(await see('return Object.keys(require("os").networkInterfaces())'), ['lo']);
    const server = net.createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => { server.on('listening', resolve); });
    const connect = (port, host) =>
      `return await new Promise((ok, bad) => require('net').connect({port: ${port}, host: '${host}'}, ok).on('error', bad))`;
    await refused(connect(server.address().port, '127.0.0.1'), 'ECONNREFUSED');
    await refused(connect(53, '1.1.1.1'), 'ENETUNREACH');
    await refused(connect(53, '2606:4700:4700::1111'), 'ENETUNREACH', 'EADDRNOTAVAIL');
    await refused('await require("dns").promises.lookup("example.com")', 'ENOTFOUND', 'EAI_AGAIN');
    server.close();
  });

  test('abstract sockets of the host are out of reach', async () => {
    const name = `redhouse-test-${process.pid}`;
    const listener = execFileSync('python3', ['-c', `
import socket, os, sys, time
s = socket.socket(socket.AF_UNIX); s.bind("\\0${name}"); s.listen()
if os.fork() == 0:
    os.close(0); os.close(1); os.close(2); time.sleep(3)
`]);
    assert.equal(listener.length, 0);
    const out = await sh(`python3 -c 'import socket; socket.socket(socket.AF_UNIX).connect("\\0${name}")'`);
    assert.notEqual(out.status, 0);
    assert.match(out.err, /Connection refused|not permitted/);
  });

  test('the public address leads through the carrier to the server, and nowhere when it is away', async () => {
    const get = (host, port = 18080) => p.inside(id, `return await new Promise((ok, bad) => require('http').get({
      host: '${host}', port: ${port}, path: '/npm/x' }, (r) => { let b = ''; r.on('data', (d) => { b += d });
      r.on('end', () => ok([r.statusCode, b.length])) }).on('error', bad))`);
    assert.ok(['ECONNRESET', 'ECONNREFUSED'].includes((await get('localhost')).error));
    const big = 'x'.repeat(300000);
    const server = http.createServer((req, res) => res.end(big)).listen(p.run(id, 'server.sock'));
    await new Promise((resolve) => { server.on('listening', resolve); });
    fs.chownSync(p.run(id, 'server.sock'), serverUid, serverUid);
    for (const host of ['localhost', '127.0.0.1', '::1'])
      assert.deepEqual((await get(host)).value, [200, big.length]);
    const many = await Promise.all(Array.from({ length: 100 }, () => get('localhost')));
    assert.ok(many.every((r) => r.value?.[1] === big.length), JSON.stringify(many.find((r) => r.error)));
    server.close();
    server.closeAllConnections();
  });
});
