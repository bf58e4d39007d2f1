// What the tests of the runtime stand on: a launcher with a stand-in server, flows, and sockets to its faces.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { Runtime, documentFor, temporary } from '../../plugins/testing/runtime.mjs';
import { ROOT, stack } from '../../plugins/testing/stacks.mjs';
import { identity, standIn } from '../../plugins/testing/standin.mjs';

export const sha256 = (text) => createHash('sha256').update(text).digest('hex');
export const fixture = (name) => JSON.parse(fs.readFileSync(path.join(ROOT, 'fixtures/flows', `${name}.json`), 'utf8'));
export const tab = (label) => ({ id: 'a000000000000001', type: 'tab', label });

/* Runs `body` with a stand-in server and, unless it starts its own, a ready runtime; always ends both. */
export async function scene(major, options, body) {
  const server = await standIn();
  const running = [];
  const launch = async (more = {}) => {
    const rt = await Runtime.start(stack(major), more.document ?? documentFor(server, more.settings),
      { userDir: more.userDir, env: more.env });
    running.push(rt);
    return rt;
  };
  try {
    options.before?.(server);
    const rt = options.launch === false ? null : await launch(options);
    await rt?.event('ready');
    await body({ server, rt, launch });
  } finally {
    for (const rt of running)
      await rt.stop('SIGKILL');
    await server.away();
  }
}

export function userDirWith(...nodes) {
  const dir = temporary('rh-user-');
  for (const node of nodes) {
    fs.cpSync(path.join(ROOT, 'fixtures/nodes/@demo', node), path.join(dir, 'node_modules/@demo', node),
      { recursive: true });
  }
  return dir;
}

export async function until(what, check, ms = 40000) {
  for (const end = Date.now() + ms; Date.now() < end; await sleep(50)) {
    const got = await check();
    if (got)
      return got;
  }
  assert.fail(`did not happen: ${what}`);
}

/* A WebSocket to a face: {ws, messages, opened, closed}. */
export function socket(rt, major, url, { face = 'editor', as = identity() } = {}) {
  const WebSocket = createRequire(path.join(stack(major).nodeRed, 'package.json'))('ws');
  const ws = new WebSocket(`ws+unix://${rt.socket}:${url}`, {
    headers: { ...(face && { 'x-redhouse-face': face }), ...(as && { 'x-redhouse-identity': as }) },
  });
  const messages = [];
  ws.on('message', (data) => messages.push(String(data)));
  const opened = new Promise((resolve) => {
    ws.on('open', () => resolve(true));
    ws.on('error', () => resolve(false));
  });
  const closed = new Promise((resolve) => { ws.on('close', () => resolve(true)); });
  return { ws, messages, opened, closed };
}
