/*
 * Starts the real launcher as the warden would: a listening Unix socket on 3, the document on 4, the status channel
 * on 5. Used by tests/e2e/runtime*.test.mjs.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

import { INSTANCE, KEY, TOKEN, identity } from './standin.mjs';
import { ROOT } from './stacks.mjs';

const LAUNCHER = path.join(ROOT, 'plugins/launcher/index.js');

const made = [];
process.on('exit', () => {
  for (const folder of made)
    fs.rmSync(folder, { recursive: true, force: true });
});

/* A folder that is gone when the test process ends. */
export function temporary(prefix = 'rht-') {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), prefix));
  made.push(folder);
  return folder;
}

export function documentFor(server, more = {}) {
  return {
    version: 1, instance: INSTANCE, slug: 'demo', tenant: 'demo', generation: 1, token: TOKEN,
    base: server.base, carrier: server.base, identityKey: KEY.toString('base64url'),
    credentialSecret: 'secret-of-this-instance', loginUrl: '/.redhouse/login', logoutUrl: '/.redhouse/logout',
    hosts: { editor: 'demo.localhost:8080', app: 'demo--app.localhost:8080' }, theme: {}, settings: {}, env: {},
    npm: { ignoreScripts: true, memoryMb: 256 }, ...more,
  };
}

/* A listening socket that nobody accepts on here. Closing it must not unlink the name, hence the rename. */
async function listening(file) {
  const server = net.createServer();
  server.listen(`${file}.new`);
  await once(server, 'listening');
  fs.renameSync(`${file}.new`, file);
  return server;
}

export class Runtime {
  static async start(stack, document, { userDir, env = {} } = {}) {
    const rt = new Runtime();
    rt.folder = temporary();
    rt.userDir = userDir ?? path.join(rt.folder, 'data');
    rt.socket = path.join(rt.folder, 'editor.sock');
    const listener = await listening(rt.socket);
    const file = path.join(rt.folder, 'document.json');
    fs.writeFileSync(file, typeof document === 'string' ? document : JSON.stringify(document));
    const documentFd = fs.openSync(file, 'r');
    rt.child = spawn(stack.node, [LAUNCHER], {
      env: { HOME: rt.userDir, PATH: '/usr/bin:/bin', REDHOUSE_NODE_RED: stack.nodeRed, ...env },
      cwd: '/', stdio: ['ignore', 'pipe', 'pipe', listener._handle.fd, documentFd, 'pipe'],
    });
    fs.closeSync(documentFd);
    listener.close();
    rt.listenTo(rt.child);
    return rt;
  }

  listenTo(child) {
    this.log = '';
    this.events = [];
    this.waiters = [];
    let rest = '';
    const onLog = (chunk) => { this.log += chunk; };
    child.stdout.on('data', onLog);
    child.stderr.on('data', onLog);
    child.stdio[5].on('error', () => {});
    child.stdio[5].on('data', (chunk) => {
      const parts = (rest + chunk).split('\n');
      rest = parts.pop();
      for (const part of parts)
        this.events.push(JSON.parse(part));
      this.settle();
    });
    this.ended = new Promise((resolve) => {
      child.on('close', (code, signal) => {
        this.end = { code, signal };
        this.settle();
        resolve(this.end);
      });
    });
  }

  settle() {
    this.waiters = this.waiters.filter((check) => !check());
  }

  /* The first event that matches, seen already or to come. */
  event(name, match = () => true, ms = 60000) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no "${name}" event\n${this.report()}`)), ms);
      const check = () => {
        const found = this.events.find((e) => e.event === name && match(e));
        if (!found && !this.end)
          return false;
        clearTimeout(timer);
        if (found)
          resolve(found);
        else
          reject(new Error(`the runtime ended before "${name}"\n${this.report()}`));
        return true;
      };
      if (!check())
        this.waiters.push(check);
    });
  }

  report() {
    return `${JSON.stringify(this.events)}\n${this.log}`;
  }

  command(object) {
    this.child.stdio[5].write(`${JSON.stringify(object)}\n`);
  }

  /* {status, headers, text, json} of one request to a face. */
  request(face, method, url, { headers = {}, body, as = identity() } = {}) {
    const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const req = http.request({
        socketPath: this.socket, method, path: url, agent: false,
        headers: {
          host: 'demo.localhost:8080', ...(face && { 'x-redhouse-face': face }),
          ...(as && { 'x-redhouse-identity': as }),
          ...(text !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
          ...headers,
        },
      }, (res) => {
        let got = '';
        res.setEncoding('utf8');
        res.on('data', (chunk) => { got += chunk; });
        res.on('end', () => {
          let json;
          try {
            json = JSON.parse(got);
          } catch {
            json = undefined;
          }
          resolve({ status: res.statusCode, headers: res.headers, text: got, json });
        });
      });
      req.setTimeout(30000, () => req.destroy(new Error('no answer')));
      req.on('error', reject);
      req.end(text);
    });
  }

  editor(method, url, options) {
    return this.request('editor', method, url, options);
  }

  app(method, url, options) {
    return this.request('app', method, url, { as: null, ...options });
  }

  async deploy(flows, { as, rev, type = 'full' } = {}) {
    const body = rev === undefined ? { flows } : { flows, rev };
    return this.editor('POST', '/flows',
      { body, as, headers: { 'Node-RED-API-Version': 'v2', 'Node-RED-Deployment-Type': type } });
  }

  async flows() {
    return (await this.editor('GET', '/flows', { headers: { 'Node-RED-API-Version': 'v2' } })).json;
  }

  async stop(signal = 'SIGTERM') {
    if (!this.end)
      this.child.kill(signal);
    await this.ended;
    fs.rmSync(this.folder, { recursive: true, force: true });
    return this.end;
  }
}
