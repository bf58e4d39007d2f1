/*
 * The container image of an instance, without an engine: the Dockerfile is read and checked, and its entry point is
 * run as its user, with its environment, in a root made of this machine's system folders and what it copies.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { Runtime, documentFor, temporary } from '../../plugins/testing/runtime.mjs';
import { ROOT, stack } from '../../plugins/testing/stacks.mjs';
import { TOKEN, standIn } from '../../plugins/testing/standin.mjs';

/* A Dockerfile as [instruction, arguments] in order. */
function instructions(text) {
  return text.replace(/\\\n/g, ' ').split('\n').map((line) => line.trim()).filter((line) => line && !line.startsWith('#'))
    .map((line) => [line.split(/\s/)[0].toUpperCase(), line.slice(line.indexOf(' ') + 1).trim()]);
}

/* A stack as the server lays it out. */
function stackFolder(folder) {
  const { node, nodeRed } = stack(5);
  fs.mkdirSync(path.join(folder, 'bin'), { recursive: true });
  execFileSync('cp', ['-a', '--reflink=auto', path.dirname(nodeRed), path.join(folder, 'node_modules')]);
  fs.copyFileSync(node, path.join(folder, 'bin/node'));
}

describe('the image of an instance', () => {
  const folder = temporary('rh-image-');
  const context = path.join(folder, 'context');
  let file;

  before(() => {
    stackFolder(path.join(folder, 'stack'));
    execFileSync(path.join(ROOT, 'image/build'), [path.join(folder, 'stack'), '--context', context]);
    file = instructions(fs.readFileSync(path.join(context, 'Dockerfile'), 'utf8'));
  });
  after(() => fs.rmSync(folder, { recursive: true, force: true }));

  const all = (name) => file.filter(([n]) => n === name).map(([, args]) => args);

  test('the Dockerfile copies what is there, runs as nobody special and keeps no secret', () => {
    const known = ['ARG', 'FROM', 'RUN', 'COPY', 'ENV', 'USER', 'WORKDIR', 'VOLUME', 'STOPSIGNAL', 'HEALTHCHECK', 'ENTRYPOINT'];
    for (const [name] of file)
      assert.ok(known.includes(name), name);
    assert.equal(all('FROM').length, 1);
    assert.ok(!/:latest|^[^:]+$/.test(all('ARG')[0]));
    for (const copy of all('COPY'))
      assert.ok(fs.existsSync(path.join(context, copy.split(/\s+/)[0])), copy);
    assert.match(all('USER')[0], /^[1-9]\d*:[1-9]\d*$/);
    assert.ok(file.findIndex(([n]) => n === 'USER') > file.findLastIndex(([n]) => n === 'RUN'));
    assert.deepEqual(all('STOPSIGNAL'), ['SIGTERM']);
    assert.ok(Array.isArray(JSON.parse(all('ENTRYPOINT')[0])));
    assert.ok(!/token|secret|password/i.test(JSON.stringify(all('ENV'))));
    assert.deepEqual(fs.readdirSync(context).sort(), ['Dockerfile', 'plugins', 'redhouse', 'stack']);
    assert.ok(!fs.existsSync(path.join(context, 'plugins/testing')) && !fs.existsSync(path.join(context, 'plugins/launcher/test')));
  });

  test('a stack that is none is refused in words', () => {
    const refused = () => execFileSync(path.join(ROOT, 'image/build'), [folder, '--context', path.join(folder, 'x')], { stdio: 'pipe' });
    assert.throws(refused, (err) => /is no stack/.test(String(err.stderr)));
  });

  /* The entry point in a mount namespace of its own, as the image's user. */
  function contained(runFolder, dataFolder) {
    const root = path.join(folder, 'root');
    const [uid, gid] = all('USER')[0].split(':');
    const entry = JSON.parse(all('ENTRYPOINT')[0]);
    if (!fs.existsSync(entry[0]))
      entry.splice(0, entry.indexOf('--') + 1);
    const env = all('ENV').flatMap((line) => line.split(/\s+/));
    const binds = [['/usr', '/usr'], ['/etc', '/etc'], ['/proc', '/proc'], ['/dev', '/dev'],
      [runFolder, '/run/redhouse'], [dataFolder, '/data'],
      ...all('COPY').map((c) => c.split(/\s+/)).map(([from, to]) => [path.join(context, from), to])];
    const script = [
      'set -e', `mkdir -p ${root}`, `mount -t tmpfs tmpfs ${root}`, `mkdir -p ${root}/tmp`, `chmod 1777 ${root}/tmp`,
      ...['bin', 'sbin', 'lib', 'lib64'].map((d) => `[ ! -L /${d} ] || ln -s usr/${d} ${root}/${d}`),
      ...binds.flatMap(([from, to]) => [`mkdir -p ${root}${to}`, `mount --rbind ${from} ${root}${to}`]),
      `mount -o remount,ro,bind ${root}`,
      `exec chroot --userspec=${uid}:${gid} ${root} /usr/bin/env -i -C ${all('WORKDIR')[0]} ${env.join(' ')} ${entry.join(' ')}`,
    ].join('\n');
    const child = spawn('unshare', ['--mount', '--propagation', 'private', 'bash', '-c', script], { stdio: ['ignore', 'pipe', 'pipe'] });
    child.log = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => { child.log += chunk; });
    return child;
  }

  test('its entry point serves both faces, reports, hides its document and ends on SIGTERM', { skip: process.getuid() !== 0 && 'needs root' }, async () => {
    const server = await standIn();
    const runFolder = temporary('rh-run-');
    const dataFolder = temporary('rh-data-');
    fs.writeFileSync(path.join(runFolder, 'document.json'), JSON.stringify(documentFor(server)));
    fs.writeFileSync(path.join(runFolder, 'editor.sock'), 'left over');
    let events = '';
    const status = net.createServer((socket) => socket.on('data', (chunk) => { events += chunk; }));
    status.listen(path.join(runFolder, 'status.sock'));
    await once(status, 'listening');
    fs.chmodSync(path.join(runFolder, 'status.sock'), 0o666);
    for (const dir of [runFolder, dataFolder])
      execFileSync('chown', ['-R', '1000:1000', dir]);
    const child = contained(runFolder, dataFolder);
    const ended = once(child, 'exit');
    try {
      for (const end = Date.now() + 60000; !events.includes('"ready"') && child.exitCode === null && Date.now() < end;)
        await sleep(100);
      assert.ok(events.includes('"ready"'), child.log + events);
      assert.ok(!fs.existsSync(path.join(runFolder, 'document.json')));
      const rt = Object.assign(new Runtime(), { socket: path.join(runFolder, 'editor.sock') });
      assert.equal((await rt.deploy(JSON.parse(fs.readFileSync(path.join(ROOT, 'fixtures/flows/look.json'), 'utf8')))).status, 200);
      const run = async (command) => (await rt.app('GET', `/exec?command=${encodeURIComponent(command)}`)).text;
      for (let end = Date.now() + 20000; (await rt.app('GET', '/env?name=x')).status !== 200 && Date.now() < end;)
        await sleep(100);
      assert.equal(await run('id -u'), '1000\n');
      assert.equal(await run('cat /run/redhouse/document.json || true'), '');
      assert.ok(!(await run('env; cat /proc/*/environ 2>/dev/null || true')).includes(TOKEN));
      assert.equal(await run('touch /stack/x /plugins/x /redhouse/x 2>/dev/null || echo no'), 'no\n');
      assert.equal(fs.statSync(path.join(dataFolder, 'package.json')).uid, 1000);
      child.kill('SIGTERM');
      assert.deepEqual(await ended, [0, null], child.log);
      assert.ok(events.includes('"stopping"'));
    } finally {
      child.kill('SIGKILL');
      status.close();
      await server.away();
      for (const dir of [runFolder, dataFolder])
        fs.rmSync(dir, { recursive: true, force: true });
    }
  });
});
