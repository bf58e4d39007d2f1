// The broker, asked by who should not or for what may not be: it refuses in words, and what it makes and removes is
// exactly what it was asked for. As root.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { Platform, Warden, alive, newId, serverUid, until } from './sandbox.mjs';

let p;
before(async () => { p = new Platform(); await p.open(); });
after(async () => { await p.close(); });

describe('the broker refuses', () => {
  const refusal = async (more, id = p.known) => {
    const { status, code, text } = await p.ask(p.startRequest(id, more));
    assert.equal(status, -1);
    return `${code}: ${text}`;
  };
  before(async () => {
    p.known = newId();
    assert.equal((await p.ask({ verb: 'prepare', id: p.known })).status, 0);
    p.started.push(p.known);
  });

  test('ids, names and numbers out of bounds', async () => {
    for (const id of ['', 'short', '../../../../../../etc/pass', 'A'.repeat(26), `${newId()}x`, `${newId().slice(0, 25)}/`])
      for (const verb of ['prepare', 'remove', 'kill', 'start', 'job-clean'])
        assert.match((await p.ask({ ...p.startRequest(id), verb })).code, /bad_request/, `${verb} ${id}`);
    const bad = [{ stack: '../x' }, { stack: '' }, { stack: 'a/b' }, { stack: '.job-x' }, { plugins: '..' }, { plugins: '' },
      { host: '' }, { host: 'a b' }, { host: 'a\nb' }, { host: '-x' }, { port: 0 }, { port: 65536 }, { memory: 1 },
      { memory: 2 ** 41 }, { cpu: 0 }, { cpu: 100000 }, { pids: 1 }, { pids: 1e6 }, { generation: -1 }];
    for (const more of bad) assert.match(await refusal(more), /^bad_request/, JSON.stringify(more));
    for (const options of ['--require=/data/x.js', '--inspect', '-r x', '--max-old-space-size', '--max-old-space-size=x',
      '--max-old-space-size=99999999999', '--no-warnings=1', '--no-warnings  --jitless', ' ', '--import=data:x'])
      assert.match(await refusal({ options }), /^bad_request/, options);
    assert.match((await p.ask({ verb: 'nonsense', id: p.known })).code, /bad_request/);
  });

  test('what does not exist', async () => {
    assert.match(await refusal({ stack: 'node99' }), /^no_stack/);
    assert.match(await refusal({ plugins: 'nope' }), /^no_folder/);
    assert.match(await refusal({}, newId()), /^not_prepared/);
  });

  test('a document that could still change', async () => {
    assert.match(await refusal({ unsealed: true }), /^bad_document/);
    assert.match(await refusal({ document: undefined }), /^bad_document/);
  });

  test('a stack that others could write', async () => {
    const dir = path.join(p.stacks, 'test-unsafe');
    execFileSync('rm', ['-rf', dir]);
    fs.mkdirSync(path.join(dir, 'bin'), { recursive: true });
    fs.copyFileSync('/bin/true', path.join(dir, 'bin/node'));
    try {
      fs.chmodSync(path.join(dir, 'bin'), 0o777);
      assert.match(await refusal({ stack: 'test-unsafe' }), /^bad_stack/);
      fs.chmodSync(path.join(dir, 'bin'), 0o755);
      fs.unlinkSync(path.join(dir, 'bin/node'));
      fs.symlinkSync('/usr/bin/true', path.join(dir, 'bin/node'));
      assert.match(await refusal({ stack: 'test-unsafe' }), /^bad_stack/);
      fs.unlinkSync(path.join(dir, 'bin/node'));
      fs.symlinkSync('node', path.join(dir, 'bin/node'));
      assert.match(await refusal({ stack: 'test-unsafe' }), /^bad_stack/);
      fs.unlinkSync(path.join(dir, 'bin/node'));
      fs.writeFileSync(path.join(dir, 'bin/node'), '', { mode: 0o755 });
      fs.chownSync(path.join(dir, 'bin/node'), serverUid, serverUid);
      assert.match(await refusal({ stack: 'test-unsafe' }), /^bad_stack/);
    } finally {
      execFileSync('rm', ['-rf', dir]);
    }
  });

  test('folders that were replaced by links, or are another\'s', async () => {
    const id = newId();
    await p.ask({ verb: 'prepare', id });
    p.started.push(id);
    for (const folder of [p.user(id), p.run(id), p.log(id, '')]) {
      const dir = folder.replace(/\/$/, '');
      fs.renameSync(dir, `${dir}.away`);
      fs.symlinkSync(`${dir}.away`, dir);
      assert.match(await refusal({}, id), /^bad_folder/, dir);
      assert.match((await p.ask({ verb: 'prepare', id })).code, /bad_folder/);
      fs.unlinkSync(dir);
      fs.renameSync(`${dir}.away`, dir);
    }
    fs.chownSync(p.user(id), 12345, 12345);
    assert.match(await refusal({}, id), /^bad_folder/);
    const { uid } = fs.statSync(p.user(p.known));
    fs.chownSync(p.user(id), uid, uid);
    assert.match(await refusal({}, id), /^bad_folder/);
  });

  test('to follow a link where a socket or file of the run folder goes', async () => {
    const { id, warden } = await p.start();
    await warden.stop();
    await until('the warden to be gone', () => !fs.existsSync(p.run(id, 'warden.sock')));
    const victim = path.join(p.dir, 'victim');
    fs.writeFileSync(victim, 'precious');
    fs.rmSync(p.run(id, 'end.json'));
    for (const name of ['editor.sock', 'warden.sock', 'end.json', 'warden.pid', 'end.json.new'])
      fs.symlinkSync(victim, p.run(id, name));
    fs.rmSync(p.log(id));
    fs.symlinkSync(victim, p.log(id));
    assert.equal((await p.ask(p.startRequest(id, { generation: 2 }))).status, 0);
    const again = new Warden(p.run(id, 'warden.sock'));
    await again.status('ready');
    await again.stop();
    assert.equal(fs.readFileSync(victim, 'utf8'), 'precious');
    assert.equal(fs.statSync(victim).uid, 0);
    assert.equal(p.end(id).generation, 2);
    fs.rmSync(p.log(id));
  });

  test('executables that are not root\'s alone', async () => {
    const other = new Platform();
    other.self = path.join(other.dir, 'self');
    fs.copyFileSync('/bin/true', other.self);
    fs.chmodSync(other.self, 0o777);
    await assert.rejects(other.open(), /must belong to root/);
    fs.chmodSync(other.self, 0o755);
    fs.chownSync(other.self, serverUid, 0);
    const again = new Platform();
    again.self = other.self;
    await assert.rejects(again.open(), /must belong to root/);
    fs.rmSync(other.dir, { recursive: true });
    fs.rmSync(again.dir, { recursive: true });
  });
});

describe('uids and folders', () => {
  test('a uid is recorded, kept, and never given again', async () => {
    const other = new Platform();
    await other.open();
    const [a, b, c] = [newId(), newId(), newId()];
    for (const id of [a, b]) await other.ask({ verb: 'prepare', id });
    const uid = fs.statSync(other.user(b)).uid;
    assert.equal(fs.readFileSync(path.join(other.data, 'uids'), 'utf8'), `${uid - 1} ${a}\n${uid} ${b}\n`);
    assert.equal((await other.ask({ verb: 'remove', id: b })).status, 0);
    assert.ok(!fs.existsSync(other.user(b)) && !fs.existsSync(other.run(b)) && !fs.existsSync(other.log(b, '')));
    other.broker.close();
    await until('the broker to end', () => !alive(other.broker.pid));
    fs.appendFileSync(path.join(other.data, 'uids'), '30002');
    await other.open();
    await other.ask({ verb: 'prepare', id: c });
    assert.equal(fs.statSync(other.user(c)).uid, uid + 1);
    assert.equal(fs.readFileSync(path.join(other.data, 'uids'), 'utf8'), `${uid - 1} ${a}\n${uid} ${b}\n${uid + 1} ${c}\n`);
    other.broker.close();
    await until('the broker to end', () => !alive(other.broker.pid));
    fs.chmodSync(path.join(other.data, 'uids'), 0o666);
    await assert.rejects(other.open(), /root's alone/);
    fs.rmSync(other.dir, { recursive: true });
  });

  test('a user directory of any depth and with links is removed, and only that', async () => {
    const { id, warden } = await p.start();
    const kept = path.join(p.dir, 'kept');
    fs.mkdirSync(kept);
    fs.writeFileSync(path.join(kept, 'file'), 'x');
    fs.symlinkSync(kept, p.user(id, 'link'));
    await p.inside(id, `const fs = require('fs'); for (let i = 0; i < 700; i++) { fs.mkdirSync('dddddddd'); process.chdir('dddddddd'); }
      fs.writeFileSync('x', ''); process.chdir('/data'); fs.mkdirSync('ro'); fs.writeFileSync('ro/x', ''); fs.chmodSync('ro', 0)`);
    const { pid } = await warden.hello;
    const reply = await p.ask({ verb: 'remove', id });
    assert.equal(reply.status, 0, reply.text);
    assert.ok(!alive(pid));
    assert.ok(!fs.existsSync(p.user(id)));
    assert.ok(fs.existsSync(path.join(kept, 'file')));
  });
});
