/*
 * A stand-in for the server's storage API (docs/runtime.md), with faults on demand. Everything it was told lies in
 * `state`; `calls` is the list of requests.
 */
import { createHash, createHmac } from 'node:crypto';
import http from 'node:http';

import { answer as registryAnswer } from './registry.mjs';

export const TOKEN = 'rht_stand_in_token_that_no_flow_may_see';
export const KEY = Buffer.alloc(32, 7);
export const INSTANCE = 'inst0001';

/* A signed identity header; every part can be overridden. */
export function identity(claims = {}, key = KEY) {
  const payload = Buffer.from(JSON.stringify({
    i: INSTANCE, u: 'ada', p: '*', n: 'Ada', e: Math.floor(Date.now() / 1000) + 60, ...claims,
  })).toString('base64url');
  return `${payload}.${createHmac('sha256', key).update(payload).digest('base64url')}`;
}

const revOf = (text) => createHash('sha256').update(text).digest('hex');

function emptyState() {
  return {
    flows: '[]', credentials: {}, settings: {}, sessions: {}, library: new Map(), context: {}, theme: {},
    themeVersion: 1, deploys: [],
  };
}

class StandIn {
  constructor() {
    this.state = emptyState();
    this.calls = [];
    this.token = TOKEN;
    this.superseded = false;
    this.faults = [];
    this.sockets = new Set();
    this.packages = [];
  }

  async start(port = 0) {
    this.server = http.createServer((req, res) => this.receive(req, res));
    this.server.on('connection', (socket) => {
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
    });
    await new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(port, '127.0.0.1', resolve);
    });
    this.port = this.server.address().port;
    return this;
  }

  /* Nobody listens any more: connections are refused until back(). */
  async away() {
    for (const socket of this.sockets)
      socket.destroy();
    if (this.server.listening)
      await new Promise((resolve) => this.server.close(resolve));
  }

  back() {
    return this.start(this.port);
  }

  /* match: "PUT /runtime/settings" or a prefix of it. how: {status, body}, 'hang', 'drop', 'lose'. times: how often. */
  fault(match, how, times = Infinity) {
    const fault = { match, how, times };
    this.faults.push(fault);
    return () => { this.faults = this.faults.filter((f) => f !== fault); };
  }

  get base() {
    return `http://127.0.0.1:${this.port}`;
  }

  count(match) {
    return this.calls.filter((call) => call.startsWith(match)).length;
  }

  async receive(req, res) {
    const chunks = [];
    for await (const chunk of req)
      chunks.push(chunk);
    const path = req.url.replace('/api/v1', '');
    const name = `${req.method} ${path}`;
    this.calls.push(name);
    const fromRegistry = registryAnswer(this.packages, this.base, this.token, req);
    if (fromRegistry)
      return void send(res, fromRegistry.status, fromRegistry.body);
    const fault = this.faults.find((f) => name.startsWith(f.match) && f.times > 0);
    if (fault) {
      fault.times--;
      if (fault.how === 'hang')
        return;
      if (fault.how === 'drop')
        return void req.socket.destroy();
      if (fault.how !== 'lose')
        return void send(res, fault.how.status, fault.how.body ?? {});
    }
    if (this.superseded)
      return void send(res, 410, { code: 'superseded' });
    if (req.headers.authorization !== `Bearer ${this.token}`)
      return void send(res, 401, { code: 'unauthorized' });
    const body = Buffer.concat(chunks).toString('utf8');
    const answer = this.answer(req, new URL(path, 'http://x'), body);
    if (fault)
      return void req.socket.destroy();
    send(res, answer.status, answer.body, answer.headers);
  }

  answer(req, url, body) {
    const { state } = this;
    const what = url.pathname.split('/').slice(2);
    const handler = this[`${req.method} ${what[0]}`];
    return handler ? handler.call(this, state, { url, what, req, body }) : { status: 404, body: { code: 'not_found' } };
  }

  'GET flows'(state) {
    return ok({ flows: state.flows, credentials: state.credentials, rev: revOf(state.flows) });
  }

  'POST deploy'(state, { body }) {
    const given = JSON.parse(body);
    if (!Array.isArray(JSON.parse(given.flows)))
      return { status: 400, body: { code: 'flows_invalid' } };
    state.flows = given.flows;
    if (given.credentials)
      state.credentials = given.credentials;
    state.deploys.push({ user: given.user, rev: revOf(given.flows), credentials: Boolean(given.credentials) });
    return ok({ rev: revOf(given.flows) });
  }

  'GET settings'(state) { return ok(state.settings); }
  'PUT settings'(state, { body }) { state.settings = JSON.parse(body); return { status: 204 }; }
  'GET sessions'(state) { return ok(state.sessions); }
  'PUT sessions'(state, { body }) { state.sessions = JSON.parse(body); return { status: 204 }; }

  'PUT modules'(state, { body }) { state.modules = JSON.parse(body).modules; return { status: 204 }; }

  'GET library'(state, { url, what }) {
    const type = decodeURIComponent(what[1]);
    const path = url.searchParams.get('path').replace(/\/+$/, '');
    const file = state.library.get(`${type}/${path}`);
    if (file)
      return ok(file);
    const prefix = path === '' ? `${type}/` : `${type}/${path}/`;
    const inside = [...state.library].filter(([name]) => name.startsWith(prefix));
    if (inside.length === 0 && path !== '')
      return { status: 404, body: { code: 'not_found' } };
    const folders = new Set();
    const files = [];
    for (const [name, { meta }] of inside) {
      const rest = name.slice(prefix.length).split('/');
      if (rest.length > 1)
        folders.add(rest[0]);
      else
        files.push({ fn: rest[0], meta });
    }
    return ok({ list: [...folders, ...files] });
  }

  'PUT library'(state, { url, what, body }) {
    const { body: text, meta } = JSON.parse(body);
    state.library.set(`${decodeURIComponent(what[1])}/${url.searchParams.get('path')}`, { body: text, meta });
    return { status: 204 };
  }

  'GET context'(state, { url }) {
    const scope = url.searchParams.get('scope');
    return scope === null ? ok({ scopes: state.context }) : ok({ values: state.context[scope] ?? {} });
  }

  'PUT context'(state, { url, body }) {
    const scope = state.context[url.searchParams.get('scope')] ??= {};
    const change = JSON.parse(body);
    Object.assign(scope, change.set);
    for (const key of change.delete ?? [])
      delete scope[key];
    return { status: 204 };
  }

  'DELETE context'(state, { url }) {
    delete state.context[url.searchParams.get('scope')];
    return { status: 204 };
  }

  'GET theme'(state, { req }) {
    const etag = `"${state.themeVersion}"`;
    if (req.headers['if-none-match'] === etag)
      return { status: 304 };
    return { status: 200, body: state.theme, headers: { etag } };
  }
}

function ok(body) {
  return { status: 200, body };
}

function send(res, status, body, headers = {}) {
  if (status === 204 || status === 304)
    return res.writeHead(status, headers).end();
  const text = Buffer.isBuffer(body) ? body : JSON.stringify(body);
  const type = Buffer.isBuffer(body) ? 'application/octet-stream' : 'application/json';
  res.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(text), ...headers });
  res.end(text);
}

export function standIn() {
  return new StandIn().start();
}
