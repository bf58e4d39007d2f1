// What the sandbox tests stand on: a data folder, a stack with a real Node.js, a launcher that runs what the
// test sends it, the broker by way of build/…/tools/broker_tool, and clients of warden.sock.
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
export const build = path.join(root, process.env.REDHOUSE_BUILD || 'build/dev');
const wardenPath = process.env.REDHOUSE_WARDEN || path.join(build, 'redhouse-warden');
export const serverUid = 61200;
export const uidBase = 3000000;
// In a slow guest everything takes longer.
const patience = Number(process.env.REDHOUSE_PATIENCE_MS || 15000);
const arch = process.arch === 'arm64' ? 'arm64' : 'x64';

let counter = 0;
// 26 characters, as the server makes them.
export function newId() {
  const stamp = Date.now().toString(36) + process.pid.toString(36) + (counter++).toString(36);
  return (stamp + '0'.repeat(26)).slice(0, 26);
}

export const alive = (pid) => fs.existsSync(`/proc/${pid}`) &&
  !/^State:\s+Z/m.test(fs.readFileSync(`/proc/${pid}/status`, 'utf8'));
export const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

export async function until(what, fn, ms = patience) {
  const end = Date.now() + ms;
  for (;;) {
    const value = await fn();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited ${ms} ms for ${what}`);
    await sleep(20);
  }
}

// The real Node.js and npm, fetched once and kept between runs.
export function stacks() {
  const dir = path.join(root, 'build/stacks-test');
  const stack = path.join(dir, 'node24');
  if (fs.existsSync(path.join(stack, 'bin/npx'))) return dir;
  fs.rmSync(stack, { recursive: true, force: true });
  fs.mkdirSync(stack, { recursive: true });
  fs.writeFileSync(path.join(stack, 'package.json'), '{"private":true}\n');
  execFileSync('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund',
    `node-linux-${arch}@24`, 'npm@11'], { cwd: stack, stdio: ['ignore', 'ignore', 'inherit'] });
  fs.mkdirSync(path.join(stack, 'bin'));
  fs.symlinkSync(`../node_modules/node-linux-${arch}/bin/node`, path.join(stack, 'bin/node'));
  fs.symlinkSync('../node_modules/npm/bin/npm-cli.js', path.join(stack, 'bin/npm'));
  fs.symlinkSync('../node_modules/npm/bin/npx-cli.js', path.join(stack, 'bin/npx'));
  execFileSync('chown', ['-R', '-h', 'root:root', stack]);
  execFileSync('chmod', ['-R', 'go-w', stack]);
  fs.chmodSync(dir, 0o755);
  return dir;
}

// Each whole line as JSON. What comes after the last line end was cut off by whoever closed, and is nothing.
function jsonLines(stream, take) {
  let rest = '';
  stream.setEncoding('utf8').on('data', (part) => {
    const lines = (rest + part).split('\n');
    rest = lines.pop();
    lines.forEach((line) => take(JSON.parse(line)));
  });
}

const launcher = `'use strict';
const fs = require('fs'), http = require('http'), net = require('net');
const doc = JSON.parse(fs.readFileSync(4, 'utf8'));
fs.closeSync(4);
const status = new net.Socket({ fd: 5, readable: true, writable: true });
globalThis.doc = doc;
globalThis.commands = [];
globalThis.say = (text) => new Promise((resolve) => status.write(text, resolve));
let left = '';
status.on('data', (part) => {
  left += part;
  for (let at; (at = left.indexOf('\\n')) >= 0; left = left.slice(at + 1)) commands.push(left.slice(0, at));
});
status.unref();
if (doc.fail) { say('{"event":"fatal","message":"' + doc.fail + '"}\\n').then(() => process.exit(3)); }
process.on('SIGTERM', () => { if (!doc.stubborn) process.exit(0); });
const Run = Object.getPrototypeOf(async () => {}).constructor;
http.createServer((req, res) => {
  let body = '';
  req.on('data', (part) => { body += part; });
  req.on('end', async () => {
    let out;
    try { out = { value: await new Run('require', body)(require) }; } catch (e) {
      out = { error: e.code || e.message };
    }
    res.end(JSON.stringify(out));
  });
}).listen({ fd: 3 }, () => { console.log('listening'); say('{"event":"ready"}\\n'); });
`;

export class Platform {
  constructor() {
    this.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'redhouse-sandbox-'));
    this.data = path.join(this.dir, 'data');
    fs.chmodSync(this.dir, 0o711);
    fs.mkdirSync(this.data, { mode: 0o700 });
    fs.chownSync(this.data, serverUid, serverUid);
    const plugins = path.join(this.data, 'plugins/test1/launcher');
    fs.mkdirSync(plugins, { recursive: true });
    fs.writeFileSync(path.join(plugins, 'index.js'), launcher);
    execFileSync('chown', ['-R', `${serverUid}:${serverUid}`, path.join(this.data, 'plugins')]);
    this.stacks = stacks();
    this.started = [];
  }

  async open() {
    this.broker = new Broker(this);
    await this.broker.ready;
  }

  run(id, name = '') { return path.join(this.data, 'run/instances', id, name); }
  user(id, name = '') { return path.join(this.data, 'instances', id, name); }
  log(id, name = 'node-red.log') { return path.join(this.data, 'logs/instances', id, name); }

  ask(request) { return this.broker.ask(request); }

  startRequest(id, more = {}) {
    return { verb: 'start', id, stack: 'node24', plugins: 'test1', host: 'localhost', port: 18080,
      generation: 1, memory: 512 << 20, cpu: 200, pids: 128, document: '{}', ...more };
  }

  // Prepared, started and ready; with a client of its warden.
  async start(more = {}, id = newId()) {
    const prepared = await this.ask({ verb: 'prepare', id });
    if (prepared.status !== 0) throw new Error(prepared.text);
    this.started.push(id);
    const reply = await this.ask(this.startRequest(id, more));
    if (reply.status !== 0) throw new Error(`${reply.code}: ${reply.text}`);
    const warden = new Warden(this.run(id, 'warden.sock'));
    await warden.hello;
    if (!more.unready) await warden.status('ready');
    return { id, warden };
  }

  // Runs JavaScript in the instance: {value} or {error}.
  inside(id, code) {
    return new Promise((resolve, reject) => {
      const req = http.request({ socketPath: this.run(id, 'editor.sock'), method: 'POST', path: '/' },
        (res) => {
          let body = '';
          res.on('data', (part) => { body += part; });
          res.on('end', () => resolve(JSON.parse(body)));
          res.on('error', reject);
        });
      req.on('error', reject);
      req.end(code);
    });
  }

  end(id) { return JSON.parse(fs.readFileSync(this.run(id, 'end.json'), 'utf8')); }
  ended(id) { return until('end.json', () => fs.existsSync(this.run(id, 'end.json'))); }

  async close() {
    if (this.broker?.gone) await this.open();
    for (const id of this.started) await this.ask({ verb: 'remove', id });
    this.broker?.close();
    fs.rmSync(this.dir, { recursive: true, force: true });
  }
}

class Broker {
  constructor(platform) {
    this.tool = spawn(path.join(build, 'tools/broker_tool'), [platform.data, platform.stacks,
      wardenPath, platform.self || path.join(build, 'tools/broker_tool'),
      String(serverUid), String(uidBase), platform.dir], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.waiting = new Map();
    this.n = 0;
    this.gone = false;
    this.ready = new Promise((resolve, reject) => {
      jsonLines(this.tool.stdout, (message) => {
        if (message.broker) { this.pid = message.broker; resolve(); }
        if (message.failed) reject(new Error(message.failed));
        if (message.gone) this.gone = true;
        if (message.n) { this.waiting.get(message.n)(message); this.waiting.delete(message.n); }
      });
      this.tool.on('exit', () => {
        this.gone = true;
        for (const done of this.waiting.values()) done({ status: -1, code: 'tool_gone', text: '' });
        reject(new Error('broker_tool ended'));
      });
    });
    this.ready.catch(() => {});
  }

  ask(request) {
    const n = ++this.n;
    return new Promise((resolve) => {
      this.waiting.set(n, resolve);
      this.tool.stdin.write(`${JSON.stringify({ n, ...request })}\n`);
    });
  }

  close() { this.tool.stdin.end(); }
}

export class Warden {
  constructor(file) {
    this.lines = [];
    this.listeners = [];
    this.socket = net.connect(file);
    this.closed = new Promise((resolve) => { this.socket.on('close', resolve); });
    this.socket.on('error', () => {});
    jsonLines(this.socket, (line) => {
      this.lines.push(line);
      this.listeners.splice(0).forEach((fn) => fn());
    });
    this.hello = this.line((l) => l.warden);
    this.hello.catch(() => {});
  }

  async line(match, ms = patience) {
    const end = Date.now() + ms;
    for (;;) {
      const found = this.lines.find(match);
      if (found) return found;
      if (Date.now() > end) throw new Error(`no such line within ${ms} ms: ${match}`);
      await Promise.race([new Promise((resolve) => { this.listeners.push(resolve); }), sleep(100)]);
    }
  }

  async status(event) {
    const hello = await this.hello;
    if (event === 'ready' && hello.ready) return { event };
    return (await this.line((l) => l.status?.event === event)).status;
  }

  send(message) { this.socket.write(`${JSON.stringify(message)}\n`); }
  async stats() {
    this.lines = this.lines.filter((l) => !l.stats);
    this.send({ do: 'stats' });
    return (await this.line((l) => l.stats)).stats;
  }

  async stop(graceMs = 5000) {
    this.send({ do: 'stop', graceMs });
    return (await this.line((l) => l.end, graceMs + 10000)).end;
  }
}
