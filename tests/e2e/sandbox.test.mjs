// One instance in its sandbox, as the broker and the warden make it on this machine: what its code can read,
// write, call and reach, what limits it, and what outlives what. As root.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { Platform, Warden, alive, build, newId, serverUid, sleep, uidBase, until } from './sandbox.mjs';

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

describe('limits', () => {
  test('an instance past its memory ends as oom, and its neighbour lives on', async () => {
    const { id, warden } = await p.start({ memory: 96 << 20 });
    const { id: neighbour } = await p.start();
    p.inside(id, `const all = []; for (;;) { const b = Buffer.alloc(4 << 20, 1); all.push(b);
      await new Promise((r) => setTimeout(r, 1)); }`).catch(() => {});
    const { end } = await warden.line((l) => l.end, 20000);
    assert.equal(end.kind, 'oom');
    assert.equal(end.code, 9);
    assert.match(end.text, /memory/);
    assert.deepEqual(p.end(id), end);
    assert.equal((await p.inside(neighbour, 'return 1')).value, 1);
  });

  test('processes past the limit are refused', async () => {
    const { id, warden } = await p.start({ pids: 24 });
    const out = await p.inside(id, `const { spawn } = require('child_process'); let ok = 0;
      for (let i = 0; i < 40; i++) { const c = spawn('/bin/sleep', ['5']);
        await new Promise((r) => { c.on('spawn', () => { ok++; r() }); c.on('error', r) }) } return ok`);
    assert.ok(out.value < 24, JSON.stringify(out));
    assert.ok(out.value > 3, JSON.stringify(out));
    const stats = await warden.stats();
    assert.ok(stats.pids <= 24 && stats.pids > 10, JSON.stringify(stats));
    assert.ok(stats.memory > 1 << 20 && stats.cpuMs > 0, JSON.stringify(stats));
    assert.equal((await warden.stop()).kind, 'exit');
  });

  test('the CPU is shared out as asked for', async () => {
    const { id, warden } = await p.start({ cpu: 20 });
    const before_ = (await warden.stats()).cpuMs;
    await p.inside(id, 'const end = Date.now() + 1500; while (Date.now() < end); return 1');
    const used = (await warden.stats()).cpuMs - before_;
    assert.ok(used < 600, `${used} ms in 1500 ms at 20 %`);
  });

  test('what an exec node leaves behind is reaped', async () => {
    const { id } = await p.start();
    await p.inside(id, `const c = require('child_process');
      for (let i = 0; i < 20; i++) c.spawnSync('/bin/sh', ['-c', '(sleep 0.05 &)']);`);
    await sleep(300);
    const zombies = await p.inside(id, `const fs = require('fs'); return fs.readdirSync('/proc').filter((n) => /^\\d+$/.test(n))`);
    assert.deepEqual(zombies.value, ['2']);
  });

  test('the file size is limited', async () => {
    const { id } = await p.start();
    const out = await p.inside(id, `const fs = require('fs'); const fd = fs.openSync('/data/big', 'w');
      try { fs.ftruncateSync(fd, 3 * 2 ** 30) } finally { fs.closeSync(fd); fs.unlinkSync('/data/big') }`);
    assert.equal(out.error, 'EFBIG');
  });
});

describe('the end', () => {
  test('a stop lets it finish, then says how it ended', async () => {
    const { id, warden } = await p.start({ generation: 7 });
    const end = await warden.stop();
    assert.deepEqual({ ...end, at: 0 }, { kind: 'exit', code: 0, text: '', at: 0, generation: 7 });
    assert.ok(Math.abs(end.at - Date.now()) < 10000);
    await warden.closed;
    assert.deepEqual(p.end(id), end);
    await until('the warden to be gone', () => !fs.existsSync(p.run(id, 'warden.sock')));
    assert.deepEqual(fs.readdirSync(p.run(id)), ['end.json']);
    await until('its cgroup to be gone', () => !findCgroup(id));
    assert.match(fs.readFileSync(p.log(id), 'utf8'), /redhouse: ended \(exit 0\)/);
  });

  test('one that does not heed the stop is killed after the grace', async () => {
    const { warden } = await p.start({ document: '{"stubborn": true}' });
    const begun = Date.now();
    const end = await warden.stop(400);
    assert.ok(Date.now() - begun >= 390);
    assert.deepEqual([end.kind, end.code], ['signal', 9]);
  });

  test('exit codes, signals and last words are kept exactly', async () => {
    const one = await p.start();
    p.inside(one.id, 'process.exit(42)').catch(() => {});
    assert.deepEqual(pick((await one.warden.line((l) => l.end)).end), ['exit', 42, '']);
    const two = await p.start();
    p.inside(two.id, 'process.kill(process.pid, "SIGSEGV"); await new Promise(() => {})').catch(() => {});
    assert.deepEqual(pick((await two.warden.line((l) => l.end)).end), ['signal', 11, '']);
    const three = await p.start({ document: '{"fail": "the port is taken"}', unready: true });
    assert.deepEqual(pick((await three.warden.line((l) => l.end)).end), ['exit', 3, 'the port is taken']);
    const four = await p.start();
    four.warden.send({ do: 'kill' });
    assert.deepEqual(pick((await four.warden.line((l) => l.end)).end), ['signal', 9, '']);
    const five = await p.start();
    p.inside(five.id, 'process.abort()').catch(() => {});
    assert.deepEqual(pick((await five.warden.line((l) => l.end)).end), ['signal', 6, '']);
  });
  const pick = ({ kind, code, text }) => [kind, code, text];

  test('everything it started ends with it', async () => {
    const { id, warden } = await p.start();
    const mark = `${4000 + (process.pid % 1000)}.${Date.now() % 1000}`;
    await p.inside(id, `require('child_process').spawn('/bin/sh', ['-c', 'setsid sleep ${mark} & setsid sleep ${mark} &'],
      { detached: true, stdio: 'ignore' }).unref(); await new Promise((r) => setTimeout(r, 200))`);
    assert.equal(running(`sleep ${mark}`), 2);
    await warden.stop();
    await until('them to be gone', () => running(`sleep ${mark}`) === 0, 3000);
  });

  test('SIGTERM to the warden ends the instance politely', async () => {
    const { id, warden } = await p.start();
    process.kill(wardenPid(p, id), 'SIGTERM');
    assert.deepEqual(pick((await warden.line((l) => l.end)).end), ['exit', 0, '']);
  });

  test('it can be started again at once', async () => {
    const { id, warden } = await p.start();
    for (let generation = 2; generation < 5; generation++) {
      const w = generation === 2 ? warden : new Warden(p.run(id, 'warden.sock'));
      await w.stop();
      const again = await p.ask(p.startRequest(id, { generation }));
      assert.equal(again.status, 0, again.text);
      assert.ok(!fs.existsSync(p.run(id, 'end.json')));
    }
    const last = new Warden(p.run(id, 'warden.sock'));
    assert.equal((await last.hello).generation, 4);
  });
});

describe('what outlives what', () => {
  test('kill -9 of the warden ends the sandbox', async () => {
    const { id, warden } = await p.start();
    const { pid } = await warden.hello;
    assert.ok(alive(pid));
    process.kill(wardenPid(p, id), 'SIGKILL');
    await until('the sandbox to end', () => !alive(pid), 3000);
    await warden.closed;
    assert.ok(!fs.existsSync(p.run(id, 'end.json')));
    await until('its cgroup to be gone', () => !findCgroup(id));
    assert.equal((await p.ask(p.startRequest(id, { generation: 2 }))).status, 0);
  });

  test('kill -9 of server and broker leaves it running, and the next broker takes it over', async () => {
    const { id, warden } = await p.start({ generation: 3 });
    const { pid } = await warden.hello;
    const first = p.broker;
    process.kill(first.pid, 'SIGKILL');
    process.kill(first.tool.pid, 'SIGKILL');
    await until('both to be gone', () => !alive(first.pid) && !alive(first.tool.pid), 3000);
    await sleep(200);
    assert.ok(alive(pid));
    assert.equal((await p.inside(id, 'return 1 + 1')).value, 2);
    await p.open();
    const again = new Warden(p.run(id, 'warden.sock'));
    assert.deepEqual(await again.hello, { warden: 1, instance: id, generation: 3, ready: true, pid });
    const second = await p.ask(p.startRequest(id, { generation: 4 }));
    assert.deepEqual([second.status, second.code], [-1, 'already_running']);
    assert.equal((await p.inside(id, 'return 1 + 1')).value, 2);
    const killed = await p.ask({ verb: 'kill', id });
    assert.equal(killed.status, 0, killed.text);
    assert.deepEqual([alive(pid), findCgroup(id)], [false, false]);
  });

  test('a kill is answered when warden, sandbox and cgroup are gone', async () => {
    for (let round = 0; round < 10; round++) {
      const { id, warden } = await p.start();
      const { pid } = await warden.hello;
      const one = wardenPid(p, id);
      const killed = await p.ask({ verb: 'kill', id });
      assert.deepEqual([killed.status, alive(pid), alive(one), findCgroup(id)], [0, false, false, false], killed.text);
    }
    const { id } = await p.start();
    for (let times = 0; times < 2; times++) assert.equal((await p.ask({ verb: 'kill', id })).status, 0);
    assert.equal((await p.ask(p.startRequest(id, { generation: 2 }))).status, 0);
  });

  test('the broker ends with the server', async () => {
    const other = new Platform();
    await other.open();
    const { pid, tool } = other.broker;
    process.kill(tool.pid, 'SIGKILL');
    await until('the broker to end', () => !alive(pid), 3000);
    await other.close();
  });
});

describe('the channels', () => {
  test('the status channel passes whole events on and drops all else', async () => {
    const { id, warden } = await p.start();
    await p.inside(id, `await say('not json\\n{"noevent":1}\\n[1]\\n"x"\\n{"event":5}\\n\\n{"event":"deploy","rev":"a\\\\u0041"}\\n')`);
    assert.deepEqual(await warden.status('deploy'), { event: 'deploy', rev: 'aA' });
    await p.inside(id, `await say('{"event":"big","x":"' + 'y'.repeat(200000) + '"}\\n{"event":"after"}\\n')`);
    await warden.status('after');
    assert.deepEqual(warden.lines.filter((l) => l.status).map((l) => l.status.event), ['ready', 'deploy', 'after']);
  });

  test('a shouting status channel costs little and stops nothing', async () => {
    const { id, warden } = await p.start();
    const shout = p.inside(id, `for (let i = 0; i < 3000; i++) await say('{"event":"x' + i + '"}\\n'); return 1`).catch(() => {});
    const cpu = () => {
      const f = fs.readFileSync(`/proc/${wardenPid(p, id)}/stat`, 'utf8').split(' ');
      return Number(f[13]) + Number(f[14]);
    };
    await sleep(1500);
    assert.ok(cpu() < 50, `${cpu()} ticks`);
    const stats = await warden.stats();
    assert.ok(stats.pids > 0);
    assert.ok(warden.lines.filter((l) => l.status).length < 2000);
    const end = await warden.stop(1000);
    assert.equal(end.kind, 'exit');
    await shout;
  });

  test('commands reach the launcher', async () => {
    const { id, warden } = await p.start();
    warden.send({ do: 'command', line: { command: 'theme' } });
    const got = await until('the command', async () => (await p.inside(id, 'return commands')).value[0]);
    assert.deepEqual(JSON.parse(got), { command: 'theme' });
  });

  test('malformed and oversized requests are passed over', async () => {
    const { warden } = await p.start();
    for (const bad of ['x', '{}', '{"do":1}', '{"do":"stop","graceMs":-1}', '{"do":"stop","graceMs":1e9}',
      '{"do":"command","line":"x"}', '{"do":"fly"}', `{"do":"stop","x":"${'y'.repeat(300000)}"}`, '[{"do":"stop"}]'])
      warden.socket.write(`${bad}\n`);
    const stats = await warden.stats();
    assert.ok(stats.pids > 0);
    await sleep(100);
    assert.ok(!warden.lines.some((l) => l.end));
  });

  test('a client that does not read is dropped, a crowd is bounded', async () => {
    const { id, warden } = await p.start();
    const deaf = net.connect(p.run(id, 'warden.sock'));
    deaf.on('error', () => {});
    await new Promise((resolve) => { deaf.on('connect', resolve); });
    deaf.pause();
    const crowd = Array.from({ length: 12 }, () => new Warden(p.run(id, 'warden.sock')));
    await until('each to be heard or sent away', () => crowd.every((w) => w.lines.length > 0 || w.socket.closed));
    assert.equal(crowd.filter((w) => w.lines.length > 0).length, 6);
    crowd.forEach((w) => w.socket.destroy());
    const line = JSON.stringify({ event: 'fill', x: 'z'.repeat(15000) });
    await p.inside(id, `for (let i = 0; i < 80; i++) await say(${JSON.stringify(`${line}\n`)}); return 1`);
    await warden.line((l) => l.status?.event === 'fill');
    await until('the others to fit in again', async () => {
      const one = new Warden(p.run(id, 'warden.sock'));
      await sleep(100);
      const ok = one.lines.length > 0;
      one.socket.destroy();
      return ok;
    });
    deaf.destroy();
  });

  test('others than the server and root may not connect', async () => {
    const { id } = await p.start();
    for (const name of ['warden.sock', 'editor.sock']) {
      const st = fs.statSync(p.run(id, name));
      assert.deepEqual([st.uid, st.mode & 0o777], [serverUid, 0o600]);
    }
    assert.equal(fs.statSync(p.run(id)).mode & 0o777, 0o700);
  });
});

describe('the log', () => {
  test('has a time before each line and keeps standard output and error', async () => {
    const { id } = await p.start();
    await p.inside(id, 'console.log("to out"); console.error("to err"); process.stdout.write("no end")');
    await p.inside(id, 'process.stdout.write("ing\\n")');
    const text = await until('the lines', () => {
      const t = fs.readFileSync(p.log(id), 'utf8');
      return t.includes('ending') && t;
    });
    for (const line of ['listening', 'to out', 'to err', 'no ending'])
      assert.match(text, new RegExp(`^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z ${line}$`, 'm'));
    assert.equal(fs.statSync(p.log(id)).uid, serverUid);
  });

  test('is rotated at 4 MiB and keeps four old ones', async () => {
    const id = newId();
    await p.ask({ verb: 'prepare', id });
    const name = (n) => (n === 0 ? 'node-red.log' : `node-red.log.${n}`);
    for (const n of [0, 1, 2, 3, 4]) {
      fs.writeFileSync(p.log(id, name(n)), n === 0 ? 'old 0\n'.padEnd((4 << 20) - 500) : `old ${n}\n`);
      fs.chownSync(p.log(id, name(n)), serverUid, serverUid);
    }
    await p.start({}, id);
    await p.inside(id, 'for (let i = 0; i < 20; i++) console.log("line " + String(i).padStart(40)); return 1');
    const text = await until('the last line', () => {
      let t = '';
      try { t = fs.readFileSync(p.log(id), 'latin1'); } catch {} // there is none for a moment while they are renamed
      return t.includes(' 19\n') && t;
    });
    assert.ok(text.length < 2000 && !text.includes('old'), text.slice(0, 100));
    assert.deepEqual(fs.readdirSync(p.log(id, '')).sort(), [0, 1, 2, 3, 4].map(name));
    for (const n of [1, 2, 3, 4])
      assert.ok(fs.readFileSync(p.log(id, name(n)), 'latin1').startsWith(`old ${n - 1}\n`), name(n));
    const { size } = fs.statSync(p.log(id, name(1)));
    assert.ok(size > (4 << 20) - 100 && size <= 4 << 20, String(size));
  });
});

function running(command) {
  return fs.readdirSync('/proc').filter((n) => /^\d+$/.test(n)).filter((n) => {
    try {
      return fs.readFileSync(`/proc/${n}/cmdline`, 'utf8').replace(/\0/g, ' ').trim() === command;
    } catch { return false; }
  }).length;
}

function findCgroup(id) {
  return ['', 'pids', 'memory', 'cpu', 'unified', 'freezer', 'cpuacct']
    .some((h) => fs.existsSync(`/sys/fs/cgroup/${h}/redhouse/${id}`));
}
