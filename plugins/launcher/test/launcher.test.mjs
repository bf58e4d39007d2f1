import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { test } from 'node:test';
import vm from 'node:vm';

import { temporary } from '../../testing/runtime.mjs';
import { ROOT } from '../../testing/stacks.mjs';

const require = createRequire(import.meta.url);
const { parse, read } = require('../document.js');
const { environment } = require('../environment.js');
const { watch } = require('../events.js');
const { render } = require('../external.js');
const { createNpm, answerVersion } = require('../npm.js');
const { accept, build, contextStorage } = require('../settings.js');
const { lines } = require('../status.js');

const minimal = { version: 1, instance: 'i', token: 't', carrier: 'http://127.0.0.1:1', identityKey: 'k', credentialSecret: 's' };

test('a document needs little, and members it does not know are ignored', () => {
  const doc = parse(JSON.stringify({ ...minimal, future: { a: 1 } }));
  assert.equal(doc.loginUrl, '/.redhouse/login');
  assert.equal(doc.safe, false);
  assert.equal('future' in doc, false);
});

test('a document with a member of the wrong kind is refused by its name', () => {
  for (const [name, value] of Object.entries({ token: '', carrier: 'ftp://x', base: 'x', loginUrl: 'https://evil', logoutUrl: '//evil', generation: 1.5, env: [], settings: 'x', safe: 'yes', instance: 7 }))
    assert.throws(() => parse(JSON.stringify({ ...minimal, [name]: value })), new RegExp(`"${name}"`));
  assert.throws(() => parse('{"version":1}'), { code: 'document' });
});

test('a document is read to its end and its descriptor closed, and a huge one refused', () => {
  const file = path.join(temporary(), 'document.json');
  fs.writeFileSync(file, JSON.stringify({ ...minimal, env: { BIG: 'x'.repeat(300000) } }));
  const fd = fs.openSync(file, 'r');
  assert.equal(read(fd).env.BIG.length, 300000);
  assert.throws(() => fs.fstatSync(fd), { code: 'EBADF' });
  fs.writeFileSync(file, ' '.repeat(5 << 20));
  assert.throws(() => read(file), /too large/);
  assert.throws(() => read('/nowhere/at/all'), { code: 'ENOENT' });
});

test('template settings cannot take what the launcher owns, and keep what nodes may read', () => {
  const given = JSON.parse('{"adminAuth":{},"storageModule":"fs","httpAdminMiddleware":"x","nodesDir":"/x","coreNodesDir":"/x","uiPort":1,"userDir":"/","credentialSecret":"x","__proto__":{"x":1},"toString":1,"a b":1,"debugMaxLength":"10","functionTimeout":3,"ui":{"path":"ui"}}');
  const [accepted, refused] = accept(given);
  assert.deepEqual(accepted, { functionTimeout: 3, ui: { path: 'ui' } });
  assert.equal(refused.length, 12);
});

test('built settings turn off what calls out and keep secrets to themselves', () => {
  const parts = { userDir: '/data', storageModule: {}, adminAuth: {}, middleware() {}, theme: { palette: { catalogues: ['/c'] } }, stylesheet: '/x.css', logHandler() {}, centralStore: null };
  const document = parse(JSON.stringify({ ...minimal, token: 'SECRETTOKEN', identityKey: 'SECRETKEY', settings: { editorTheme: { projects: { enabled: true }, palette: { catalogues: ['https://catalogue.nodered.org'] }, page: { scripts: ['/etc/passwd'] }, theme: 'x', tours: true }, telemetry: { enabled: true }, logging: { console: { level: 'debug', handler: 'x' }, evil: { handler: 'x' } }, externalModules: { palette: { allowUpload: false } } } }));
  const { settings } = build(document, parts);
  assert.ok(!/SECRETTOKEN|SECRETKEY/.test(JSON.stringify(settings)));
  assert.deepEqual(settings.telemetry, { enabled: false, updateNotification: false });
  assert.deepEqual(settings.editorTheme.projects, { enabled: false });
  assert.deepEqual(settings.editorTheme.palette, { catalogues: ['/c'] });
  assert.deepEqual(settings.editorTheme.page, { css: '/x.css' });
  assert.equal(settings.editorTheme.theme, undefined);
  assert.equal(settings.editorTheme.tours, true);
  assert.deepEqual(Object.keys(settings.logging), ['console']);
  assert.equal(settings.logging.console.level, 'debug');
  assert.deepEqual(settings.externalModules.palette, { allowInstall: true, allowUpload: false });
  assert.equal(settings.safeMode, undefined);
  assert.equal(build({ ...document, safe: true }, parts).settings.safeMode, true);
});

test('context stores are chosen among known modules', () => {
  const central = () => {};
  assert.equal(contextStorage(undefined, central), undefined);
  assert.equal(contextStorage({ evil: { module: '../../../evil' }, _: { module: 'memory' }, 'a-b': { module: 'memory' } }, central), undefined);
  assert.deepEqual(contextStorage({ default: 'c', m: { module: 'memory' }, c: { module: 'central', config: { x: 1 } } }, central),
    { default: 'c', m: { module: 'memory', config: {} }, c: { module: central, config: { x: 1 } } });
  assert.equal(contextStorage({ default: 'gone', m: { module: 'memory' } }, null).default, 'm');
  assert.equal(contextStorage({ c: { module: 'central' } }, null), undefined);
});

test('variables for flows leave alone what the runtime stands on', () => {
  const [variables, refused] = environment({ A: 'x', n: 1, t: true, LD_PRELOAD: '/x', Path: 'x', NPM_CONFIG_REGISTRY: 'x', 'x=y': '1', '': '1', nul: 'a\0b', o: {}, HOME: '/' });
  assert.deepEqual(variables, { A: 'x', n: '1', t: 'true' });
  assert.equal(refused.length, 8);
});

test('npm gets its token in its own environment and nowhere else', async () => {
  const userDir = temporary();
  const npm = createNpm({ base: 'http://localhost:8080/', token: 'SECRET', userDir, npm: { memoryMb: 128 } });
  assert.ok(!JSON.stringify(npm.env).includes('SECRET'));
  assert.equal(npm.env.npm_config_registry, 'http://localhost:8080/npm/');
  const runs = [];
  const exec = { run: async (...args) => { runs.push(args); } };
  npm.wrap(exec);
  await exec.run('node', ['/x/npm/bin/npm-cli.js', 'install'], { cwd: '/data' }, true);
  await exec.run('git', ['status'], { cwd: '/data' });
  const { env } = runs[0][2];
  assert.equal(env['npm_config_//localhost:8080/npm/:_authToken'], 'SECRET');
  assert.equal(env.NODE_OPTIONS, '--max-old-space-size=128');
  assert.equal(env.npm_config_ignore_scripts, 'true');
  assert.equal(runs[0][2].cwd, '/data');
  assert.deepEqual(runs[1], ['git', ['status'], { cwd: '/data' }, undefined]);
  const own = createNpm({ base: 'https://x', token: 'SECRET', userDir, npm: { ignoreScripts: false, token: 'NARROW' } });
  assert.equal(own.env.npm_config_ignore_scripts, 'false');
  own.wrap(exec);
});

test('the user directory gets a package.json once and a person\'s own is kept', () => {
  const userDir = path.join(temporary(), 'new');
  const npm = createNpm({ base: 'http://x', token: 't', userDir, npm: {} });
  assert.equal(npm.prepare(), null);
  const file = path.join(userDir, 'package.json');
  assert.equal(JSON.parse(fs.readFileSync(file)).private, true);
  fs.writeFileSync(file, '{"mine":1}');
  assert.equal(npm.prepare(), null);
  assert.equal(fs.readFileSync(file, 'utf8'), '{"mine":1}');
  assert.match(createNpm({ base: 'http://x', token: 't', userDir: `${file}/x`, npm: {} }).prepare(), /ENOTDIR/);
});

test('npm trusts the authority of the document for the registry, and no other', () => {
  const userDir = temporary();
  const npm = createNpm({ base: 'https://x', token: 't', userDir, npm: {}, ca: 'PEM' });
  assert.equal(npm.prepare(), null);
  assert.equal(fs.readFileSync(npm.env.npm_config_cafile, 'utf8'), 'PEM');
  assert.equal(createNpm({ base: 'http://x', token: 't', userDir, npm: {} }).env.npm_config_cafile, undefined);
});

test('modules come from the registry or an upload, by a version that is one', () => {
  const npm = createNpm({ base: 'http://h:1', token: 't', userDir: '/data', npm: {} });
  for (const event of [{}, { url: '' }, { url: '/data/nodes/x-1.0.0.tgz' }, { url: 'http://h:1/npm/x/-/x-1.tgz' }, { version: '1.0.0' }, { version: '^1.2.3-rc.1' }, { version: '>=1 <2 || 3.x' }, { version: 'latest' }])
    assert.doesNotThrow(() => npm.checkInstall(event), JSON.stringify(event));
  for (const event of [{ url: 'http://h:12/npm/x.tgz' }, { url: 'http://h:1/npmx/x.tgz' }, { url: 'git+ssh://x/y' }, { url: '/etc/x.tgz' }, { url: '/data/nodes/../../x.tgz' }, { version: 'npm:evil@1' }, { version: 'http://evil/x.tgz' }, { version: 'user/repo' }, { version: 'file:/x' }])
    assert.throws(() => npm.checkInstall(event), /registry only|not a version/, JSON.stringify(event));
});

test('the version of npm is answered from its package, and every other command runs', async () => {
  const { execFile } = require('node:child_process');
  const folder = path.join(temporary(), 'npm');
  fs.mkdirSync(path.join(folder, 'bin'), { recursive: true });
  fs.writeFileSync(path.join(folder, 'package.json'), '{"version":"11.0.1"}');
  const child = require('node:child_process');
  const restore = answerVersion();
  const ask = (...args) => new Promise((resolve) => { child.execFile(...args, (err, out) => resolve([err, out])); });
  assert.deepEqual(await ask('/nowhere/node', [path.join(folder, 'bin/npm-cli.js'), '-v']), [null, '11.0.1\n']);
  assert.equal((await ask('/nowhere/node', ['/none/npm/bin/npm-cli.js', '-v']))[0].code, 'ENOENT');
  assert.deepEqual(await ask('/bin/echo', ['-v']), [null, '-v\n']);
  restore();
  assert.equal(child.execFile, execFile);
});

test('runtime events become status lines, and odd ones nothing', () => {
  const events = new EventEmitter();
  const sent = [];
  const states = [];
  const { saved } = watch(events, (line) => sent.push(line), (state) => states.push(state));
  const emit = (id, payload) => events.emit('runtime-event', { id, payload });
  emit('runtime-state');
  emit('runtime-state', { state: 'start', deploy: false });
  emit('runtime-state', { state: 'stop', deploy: true });
  emit('runtime-state', { state: 'stop' });
  emit('runtime-state', { state: 'stop', error: 'missing-types', types: ['a'] });
  emit('runtime-state', { state: 'stop', error: 'missing-modules', modules: [{ module: 'm' }] });
  emit('runtime-state', { state: 'stop', error: 'missing-modules', modules: 7 });
  emit('runtime-deploy', { revision: 'loaded' });
  saved('abc');
  emit('runtime-deploy', { revision: 'abc' });
  emit('runtime-deploy', { revision: 'abc' });
  emit('node/added', [{ module: '@a/b', version: '1.0.0' }, { module: '@a/b', version: '1.0.0' }]);
  emit('node/upgraded', { module: '@a/b', version: '2.0.0' });
  emit('constructor', null);
  events.emit('runtime-event', {});
  assert.deepEqual(states, ['started', 'stopped', 'missing-types', 'missing-modules']);
  assert.deepEqual(sent.slice(4), [
    { event: 'deploy', rev: 'abc' },
    { event: 'modules', action: 'added', module: '@a/b', version: '1.0.0', restart: false },
    { event: 'modules', action: 'upgraded', module: '@a/b', version: '2.0.0', restart: true },
  ]);
});

test('lines of the channel may come in pieces, be too long or be no JSON', () => {
  const got = [];
  const feed = lines((object) => got.push(object));
  feed('{"command":"a"}\n{"com');
  feed('mand":"b"}\nnot json\n[1]\nnull\n7\n');
  feed('x'.repeat(100000));
  feed('x"}\n{"command":"c"}\n');
  assert.deepEqual(got.map((o) => o.command), ['a', 'b', 'c']);
});

test('the settings.js that people download is one fixed text around one string', () => {
  const hostile = { ...minimal, slug: '`${process.exit(1)}`', env: { X: '"));process.exit(1);//\u2028\u2029</script>\'\\"$&$`' } };
  const text = render(hostile);
  let seen;
  vm.runInNewContext(text, { require: (name) => ({ settings: (doc) => { seen = [name, doc]; return {}; } }), module: {}, JSON });
  assert.equal(seen[0], '@redhouse/plugins/launcher/external.js');
  assert.deepEqual(JSON.parse(JSON.stringify(seen[1])), hostile);
  const frame = (t) => t.slice(0, t.indexOf('JSON.parse('));
  assert.equal(frame(text), frame(render(minimal)));
});

test('every file that runs is in the list that the server embeds, and nothing else', () => {
  const listed = fs.readFileSync(path.join(ROOT, 'plugins/files.cmake'), 'utf8').match(/^ {2}[^\s)]+/gm).map((s) => s.trim());
  const present = ['auth', 'context', 'launcher', 'storage', 'theme']
    .flatMap((d) => fs.readdirSync(path.join(ROOT, 'plugins', d)).map((f) => `${d}/${f}`))
    .filter((f) => /\.(js|json|css)$/.test(f));
  assert.deepEqual([...listed].sort(), present.sort());
});
