'use strict';
/*
 * Node-RED storage on the server's storage API. What Node-RED cannot survive never happens here: reads wait until
 * they are answered, writes of settings and sessions never reject, and only saving flows and the library may fail,
 * with a sentence for the person who pressed the button. Credentials are staged and travel with the flows, because
 * Node-RED forgets that they changed once saveCredentials was called.
 */
const { randomUUID, createHash } = require('node:crypto');
const { sleep } = require('./client.js');
const { createSpool } = require('./spool.js');
const { createWriter } = require('./writer.js');

const DEPLOY_MS = 6000;
const DEPLOY_ANSWER_MS = 20000;
const LIBRARY_MS = 8000;
const SESSIONS_MS = 3000;

const isObject = (v) => v !== null && typeof v === 'object' && !Array.isArray(v);

/* An error that Node-RED shows to a person. */
function friendly(message, code) {
  const err = new Error(message);
  err.code = code;
  return err;
}

function deployFailure(err) {
  if (err.status === 413)
    return friendly('The flows are too large to be stored.', 'flows_too_large');
  if (err.status >= 400 && err.status < 500)
    return friendly(err.detail || 'Storage refused the flows.', err.code);
  if (err.sent)
    return friendly('Storage did not confirm in time. Your changes are still in the editor: please deploy again.',
      'storage_unavailable');
  return friendly('Storage cannot be reached at the moment. Nothing is lost: please deploy again in a little while.',
    'storage_unavailable');
}

function parseFlows(answer) {
  if (!isObject(answer) || typeof answer.flows !== 'string')
    return null;
  try {
    const flows = JSON.parse(answer.flows);
    return Array.isArray(flows) ? flows : null;
  } catch {
    return null;
  }
}

/* An entry of a listing as Node-RED wants it: a folder's name, or a file with what is known of it. */
function listed(entry) {
  return isObject(entry) ? { ...entry.meta, fn: String(entry.fn) } : String(entry);
}

/*
 * options: client, spoolDir, instance, log(text), loaded() when flows were read, saved(rev) after each deploy.
 * Returns the object for settings.storageModule, plus flush(ms).
 */
function createStorage({ client, spoolDir, instance, log = () => {}, loaded = () => {}, saved = () => {} }) {
  const spool = createSpool(spoolDir, instance);
  const settings = createWriter({ client, spool, name: 'settings', path: '/runtime/settings', log });
  const sessions = createWriter({ client, spool, name: 'sessions', path: '/runtime/sessions', log });
  let staged;
  let readCredentials;
  let sessionsKnown = false;
  let flowsKnown = false;

  async function readFlows() {
    const answer = await client.read('/runtime/flows', 'flows', (value) => parseFlows(value) !== null);
    readCredentials = isObject(answer.credentials) ? answer.credentials : {};
    return parseFlows(answer);
  }

  async function deploy(body) {
    const key = randomUUID();
    const until = Date.now() + DEPLOY_MS;
    for (;;) {
      try {
        return await client.json('POST', '/runtime/deploy',
          { body, timeoutMs: DEPLOY_ANSWER_MS, headers: { 'idempotency-key': key } });
      } catch (err) {
        const again = (err.status === 0 || err.status >= 500) && Date.now() < until;
        if (!again)
          throw deployFailure(err);
        await sleep(300);
      }
    }
  }

  const library = (type, path) =>
    `/runtime/library/${encodeURIComponent(type)}?path=${encodeURIComponent(path.replace(/^\/+/, ''))}`;

  return {
    async init() {},

    async getFlows() {
      return readFlows();
    },
    async getCredentials() {
      if (readCredentials === undefined)
        await readFlows();
      const credentials = readCredentials;
      readCredentials = undefined;
      /* What Node-RED holds in memory is replaced now: what was staged for it is gone too. */
      staged = undefined;
      flowsKnown = true;
      loaded();
      return credentials;
    },
    async saveCredentials(credentials) {
      staged = credentials;
    },
    async saveFlows(flows, user) {
      /* Whoever deploys before the stored flows arrived would overwrite flows that nobody has seen. */
      if (!flowsKnown)
        throw friendly('The flows are not loaded yet. Please reload this page in a moment.', 'storage_unavailable');
      const text = JSON.stringify(flows);
      const credentials = staged;
      const answer = await deploy(JSON.stringify({
        flows: text, credentials, user: typeof user?.username === 'string' ? user.username : undefined,
      }));
      if (staged === credentials)
        staged = undefined;
      const rev = createHash('sha256').update(text).digest('hex');
      if (answer?.rev !== rev)
        log('storage names this deploy by another revision than Node-RED');
      saved(rev);
    },

    async getSettings() {
      return await settings.recover() ?? client.read('/runtime/settings', 'settings', isObject);
    },
    async saveSettings(value) {
      await settings.save(value);
    },
    async getSessions() {
      const kept = await sessions.recover();
      if (isObject(kept)) {
        sessionsKnown = true;
        return kept;
      }
      try {
        const value = await client.json('GET', '/runtime/sessions', { timeoutMs: SESSIONS_MS });
        sessionsKnown = true;
        return isObject(value) ? value : {};
      } catch (err) {
        log(`sessions could not be read: ${err.message}`);
        return {};
      }
    },
    async saveSessions(value) {
      /* An empty map that stands for "could not be read" must not replace what is stored. */
      if (sessionsKnown || Object.keys(value).length > 0)
        await sessions.save(value);
    },

    async getLibraryEntry(type, path) {
      let answer;
      try {
        answer = await client.json('GET', library(type, path), { timeoutMs: LIBRARY_MS });
      } catch (err) {
        if (err.status === 404 && path.replace(/\//g, '') === '')
          return [];
        if (err.status === 404)
          throw friendly('There is no such entry in the library.', 'not_found');
        throw friendly('The library cannot be read at the moment.', 'storage_unavailable');
      }
      return Array.isArray(answer.list) ? answer.list.map(listed) : String(answer.body ?? '');
    },
    async saveLibraryEntry(type, path, meta, body) {
      try {
        await client.request('PUT', library(type, path),
          { body: JSON.stringify({ body, meta: isObject(meta) ? meta : {} }), timeoutMs: LIBRARY_MS });
      } catch (err) {
        throw friendly(err.detail || 'The library cannot be written at the moment.', 'storage_unavailable');
      }
    },

    async flush(ms) {
      await Promise.all([settings.flush(ms), sessions.flush(ms)]);
    },
  };
}

module.exports = { createStorage };
