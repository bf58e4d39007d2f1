'use strict';
/*
 * HTTP client of the storage API (docs/runtime.md), used by storage, context and theme. The token lives in this
 * closure only. Every request has a deadline and its answer a ceiling. An answer of 410 or 401 means that this
 * runtime is no longer wanted: `superseded` is called once, and from then on every request stays unanswered,
 * because the process is about to end.
 */
const http = require('node:http');
const https = require('node:https');

const MAX_ANSWER = 64 * 1024 * 1024;
const READ_MS = 20000;
const BACKOFF_MS = [200, 400, 800, 1500, 3000, 5000];
const WAITING_EVERY_MS = 15000;

class StorageError extends Error {
  /* status 0: no answer. sent: the request may have been carried out. */
  constructor(message, { status = 0, code = 'storage_unavailable', detail = '', sent = false } = {}) {
    super(message);
    Object.assign(this, { status, code, detail, sent });
  }
}

function target(carrier) {
  if (carrier.startsWith('unix:'))
    return { module: http, options: { socketPath: carrier.slice(5), host: 'localhost' }, prefix: '' };
  const url = new URL(carrier);
  const module = url.protocol === 'https:' ? https : http;
  const options = { host: url.hostname.replace(/^\[|\]$/g, ''), port: url.port || undefined };
  return { module, options, prefix: url.pathname.replace(/\/$/, '') };
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const never = () => new Promise(() => {});

/*
 * options: carrier, token, log(text), superseded(), waiting({for, since}).
 * All but carrier and token may be left out.
 */
function createClient(options) {
  const { module, options: address, prefix } = target(options.carrier);
  const agent = new module.Agent({ keepAlive: true, maxSockets: 8, scheduling: 'lifo' });
  const authorization = `Bearer ${options.token}`;
  const { request: startRequest } = module;
  let ended = false;

  function once(method, path, { body, headers, timeoutMs = READ_MS }) {
    return new Promise((resolve, reject) => {
      let sent = false;
      const fail = (err) => reject(err instanceof StorageError ? err
        : Object.assign(new StorageError(`storage does not answer (${err.code || err.message})`, { sent }),
          { stale: req.reusedSocket && err.code === 'ECONNRESET' }));
      const req = startRequest({
        ...address, agent, method, path: `${prefix}/api/v1${path}`,
        headers: {
          authorization, accept: 'application/json', ...headers,
          ...(body !== undefined && {
            'content-type': 'application/json', 'content-length': Buffer.byteLength(body),
          }),
        },
      });
      const timer = setTimeout(() => req.destroy(new StorageError('storage is too slow', { sent })), timeoutMs);
      req.on('error', (err) => { clearTimeout(timer); fail(err); });
      req.on('finish', () => { sent = true; });
      req.on('response', (res) => collect(res, (err, text) => {
        clearTimeout(timer);
        if (err)
          fail(err);
        else
          resolve({ status: res.statusCode, headers: res.headers, text });
      }));
      req.end(body);
    });
  }

  /* One request, one answer: {status, headers, text} for 2xx and 304, a StorageError for everything else. */
  async function request(method, path, how = {}) {
    if (ended)
      return never();
    /* A kept connection that the server closed meanwhile says nothing about the server: ask on a new one. */
    const answer = await once(method, path, how).catch((err) => {
      if (err.stale)
        return once(method, path, how);
      throw err;
    });
    if (ended)
      return never();
    if (answer.status === 410 || answer.status === 401) {
      ended = true;
      options.superseded?.(answer.status);
      return never();
    }
    if (answer.status === 304 || (answer.status >= 200 && answer.status < 300))
      return answer;
    throw problem(answer);
  }

  async function json(method, path, how) {
    const answer = await request(method, path, how);
    try {
      return JSON.parse(answer.text);
    } catch {
      throw new StorageError('storage sent something that is not JSON');
    }
  }

  /* Asks until `check` accepts the answer. Never rejects: a reader waits. */
  async function read(path, what, check) {
    const since = Date.now();
    let said = 0;
    for (let attempt = 0; ; attempt++) {
      try {
        const value = await json('GET', path);
        if (check(value))
          return value;
        throw new StorageError(`storage sent ${what} in an unknown shape`);
      } catch (err) {
        if (said === 0 || Date.now() - said > WAITING_EVERY_MS) {
          said = Date.now();
          options.waiting?.({ for: what, since });
          options.log?.(`waiting for ${what}: ${err.message}`);
        }
        const pause = BACKOFF_MS[Math.min(attempt, BACKOFF_MS.length - 1)];
        await sleep(pause * (0.75 + Math.random() / 2));
      }
    }
  }

  /* From now on nothing is asked and nothing answered. */
  function close() {
    ended = true;
    agent.destroy();
  }

  return { request, json, read, close };
}

function collect(res, done) {
  const chunks = [];
  let total = 0;
  res.on('data', (chunk) => {
    total += chunk.length;
    if (total > MAX_ANSWER) {
      done(new StorageError('the answer of storage is too large'));
      res.destroy();
    } else {
      chunks.push(chunk);
    }
  });
  res.on('end', () => done(null, Buffer.concat(chunks).toString('utf8')));
  res.on('error', (err) => done(err));
  res.on('aborted', () => done(new StorageError('storage broke off its answer')));
}

/* problem+json to an error; `detail` is a sentence made for people by the server. */
function problem(answer) {
  let body = {};
  try {
    body = JSON.parse(answer.text) ?? {};
  } catch {
    body = {};
  }
  const detail = typeof body.detail === 'string' ? body.detail.slice(0, 200) : '';
  const code = typeof body.code === 'string' ? body.code.slice(0, 60) : `http_${answer.status}`;
  return new StorageError(`storage answered ${answer.status}${detail ? `: ${detail}` : ''}`,
    { status: answer.status, code, detail });
}

module.exports = { createClient, StorageError, sleep };
