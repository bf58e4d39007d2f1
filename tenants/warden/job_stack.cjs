// Runs inside the sandbox of a stack job: writes the lock file and its manifest, lets npm install exactly
// that, and puts node, npm and npx into bin/. Input: {"files": {NAME: TEXT}, "registry": URL, "ca": PEM}.
'use strict';
const fs = require('fs');
const path = require('path');
const { spawnSync } = require('child_process');

const out = '/job/out';
const allowed = ['package.json', 'package-lock.json', '.npmrc'];
const input = JSON.parse(fs.readFileSync('/job/in', 'utf8'));

for (const [name, text] of Object.entries(input.files)) {
  if (!allowed.includes(name)) throw new Error(`unexpected file ${name}`);
  fs.writeFileSync(path.join(out, name), text);
}

const npm = '/stack/node_modules/npm/bin/npm-cli.js';
const args = [npm, 'ci', '--ignore-scripts', '--no-audit', '--no-fund', '--no-update-notifier',
  '--omit=dev', '--fetch-retry-mintimeout=500', '--fetch-retry-maxtimeout=5000', '--loglevel=http', `--cache=${out}/.cache`, `--logs-max=0`];
if (input.registry) args.push(`--registry=${input.registry}`);
if (input.ca) {
  fs.writeFileSync('/tmp/ca.pem', input.ca);
  args.push('--cafile=/tmp/ca.pem');
}
const run = spawnSync(process.execPath, args, { cwd: out, stdio: 'inherit' });
if (run.status !== 0) process.exit(run.status || 1);

fs.rmSync(path.join(out, '.cache'), { recursive: true, force: true });
fs.rmSync(path.join(out, '.npmrc'), { force: true });

const modules = path.join(out, 'node_modules');
const node = fs.readdirSync(modules).find((name) => /^node-linux-[a-z0-9]+$/.test(name));
if (!node) throw new Error('the lock file names no node-linux-ARCH package');
const bin = path.join(out, 'bin');
fs.mkdirSync(bin);
fs.symlinkSync(`../node_modules/${node}/bin/node`, path.join(bin, 'node'));
for (const name of ['npm', 'npx']) {
  fs.symlinkSync(`../node_modules/npm/bin/${name}-cli.js`, path.join(bin, name));
}
console.log('stack installed');
