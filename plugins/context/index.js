'use strict';
/*
 * Context store `central`: values live in memory and follow to the server a moment later. Reads never wait, writes
 * never fail for lack of a server. What the server has not taken is kept in the spool while it is away and at the
 * end of the process.
 */
const { sleep } = require('../storage/client.js');
const { createSpool } = require('../storage/spool.js');
const { createCache } = require('./cache.js');

const FLUSH_AFTER_MS = 500;
const BACKOFF_MS = [500, 1000, 2000, 5000];
const CLOSE_MS = 3000;
/* Of one request; a larger value goes alone, and the server says whether it takes it. */
const MAX_BODY = 8 * 1024 * 1024;

const isObject = (v) => v !== null && typeof v === 'object' && !Array.isArray(v);
const isAnswer = (v) => isObject(v) && isObject(v.scopes) && Object.values(v.scopes).every(isObject);
const scopePath = (scope) => `/runtime/context?scope=${encodeURIComponent(scope)}`;

/* What has changed and is not stored yet: scope to {cleared, keys}. */
function createChanges() {
  const changes = new Map();
  const of = (scope) => {
    if (!changes.has(scope))
      changes.set(scope, { cleared: false, keys: new Set() });
    return changes.get(scope);
  };
  return {
    changes,
    set: (scope, key) => of(scope).keys.add(key),
    clear(scope) {
      changes.set(scope, { cleared: true, keys: new Set() });
    },
  };
}

/* options: client, spoolDir, instance, log(text). */
function createContext({ client, spoolDir, instance, log = () => {} }) {
  const spool = createSpool(spoolDir, instance);
  const { changes, set, clear } = createChanges();
  const complained = new Set();
  let cache = null;
  let timer = null;
  let running = null;
  let spooled = false;

  function changed(scope, key) {
    set(scope, key);
    schedule(FLUSH_AFTER_MS);
  }

  function schedule(ms) {
    timer ??= setTimeout(() => {
      timer = null;
      kick();
    }, ms);
  }

  /* The JSON text of a value; null for one that has none. */
  function serialise(scope, key) {
    const value = cache.scopes.get(scope)?.[key];
    try {
      return value === undefined ? null : JSON.stringify(value) ?? null;
    } catch (err) {
      const name = `${scope} ${key}`;
      if (!complained.has(name))
        log(`context value ${key} of ${scope} cannot be stored: ${err.message}`);
      complained.add(name);
      return undefined;
    }
  }

  /* Splits the keys of a scope into request bodies below the ceiling. */
  function bodies(scope, keys) {
    const made = [];
    let sets = [];
    let deletes = [];
    let size = 0;
    const cut = () => {
      if (sets.length + deletes.length > 0)
        made.push(`{"set":{${sets.join(',')}},"delete":${JSON.stringify(deletes)}}`);
      [sets, deletes, size] = [[], [], 0];
    };
    for (const key of keys) {
      const text = serialise(scope, key);
      if (text === undefined)
        continue;
      if (size + (text?.length ?? 0) > MAX_BODY)
        cut();
      size += text?.length ?? 0;
      if (text === null)
        deletes.push(key);
      else
        sets.push(`${JSON.stringify(key)}:${text}`);
    }
    cut();
    return made;
  }

  async function store(scope, change) {
    if (change.cleared)
      await client.request('DELETE', scopePath(scope));
    for (const body of bodies(scope, change.keys)) {
      try {
        await client.request('PUT', scopePath(scope), { body });
      } catch (err) {
        if (err.status !== 400 && err.status !== 413)
          throw err;
        log(`context of ${scope} was refused: ${err.message}`);
      }
    }
  }

  /* A change that could not be stored is put back below what has changed meanwhile. */
  function putBack(scope, change) {
    const newer = changes.get(scope);
    if (newer?.cleared)
      return;
    changes.set(scope, { cleared: change.cleared, keys: new Set([...change.keys, ...(newer?.keys ?? [])]) });
  }

  async function flushOnce() {
    for (const [scope, change] of [...changes]) {
      changes.delete(scope);
      try {
        await store(scope, change);
      } catch (err) {
        putBack(scope, change);
        throw err;
      }
    }
  }

  /* The changes as data, values included: [{scope, cleared, body}]. */
  function image() {
    const list = [];
    for (const [scope, { cleared, keys }] of changes) {
      const set = {};
      for (const key of keys) {
        const text = serialise(scope, key);
        if (text !== undefined)
          set[key] = text === null ? null : JSON.parse(text);
      }
      list.push({ scope, cleared, keys: Object.keys(set), set });
    }
    return list;
  }

  async function keep() {
    try {
      await spool.put('context', image());
      spooled = true;
    } catch (err) {
      log(`context could not be kept on disk: ${err.code || err.message}`);
    }
  }

  async function run() {
    for (let failures = 0; changes.size > 0;) {
      try {
        await flushOnce();
        failures = 0;
      } catch (err) {
        if (failures === 0)
          log(`context kept until storage takes it: ${err.message}`);
        await keep();
        await sleep(BACKOFF_MS[Math.min(failures++, BACKOFF_MS.length - 1)]);
      }
    }
    if (spooled) {
      await spool.drop('context');
      spooled = false;
    }
  }

  function kick() {
    running ??= run().catch((err) => log(`context: ${err.message}`)).finally(() => {
      running = null;
      if (changes.size > 0)
        schedule(FLUSH_AFTER_MS);
    });
    return running;
  }

  async function flush(ms) {
    if (cache === null)
      return;
    for (const until = Date.now() + ms; (changes.size > 0 || running) && Date.now() < until;)
      await Promise.race([kick(), sleep(until - Date.now())]);
    if (changes.size > 0)
      await keep();
  }

  function recover(list) {
    if (!Array.isArray(list))
      return;
    for (const { scope, cleared, keys, set: values } of list) {
      if (cleared) {
        cache.scopes.delete(scope);
        clear(scope);
      }
      const data = cache.scopes.get(scope) ?? {};
      cache.scopes.set(scope, data);
      for (const key of keys) {
        if (values[key] === null)
          delete data[key];
        else
          data[key] = values[key];
        changed(scope, key);
      }
    }
  }

  async function open() {
    const answer = await client.read('/runtime/context', 'context', isAnswer);
    for (const [scope, values] of Object.entries(answer.scopes))
      cache.scopes.set(scope, values);
    try {
      recover(await spool.get('context'));
    } catch (err) {
      log(`context left by the last run could not be used: ${err.message}`);
    }
    spooled = true;
    if (changes.size === 0)
      kick();
  }

  function drop(scope) {
    if (cache.scopes.delete(scope)) {
      clear(scope);
      schedule(FLUSH_AFTER_MS);
    }
  }

  /* What Node-RED calls; work() either answers now or throws. */
  function answer(callback, work) {
    if (typeof callback !== 'function')
      return work();
    let result;
    try {
      result = work();
    } catch (err) {
      return callback(err);
    }
    return callback(undefined, ...result);
  }

  const nodeRedStore = {
    open,
    close: () => flush(CLOSE_MS),
    get(scope, key, callback) {
      if (typeof callback !== 'function')
        return cache.get(scope, key);
      return answer(callback, () => (Array.isArray(key) ? cache.get(scope, key) : [cache.get(scope, key)]));
    },
    set: (scope, key, value, callback) => answer(callback, () => {
      cache.set(scope, key, value);
      return [];
    }),
    keys(scope, callback) {
      if (typeof callback !== 'function')
        return cache.keys(scope);
      return answer(callback, () => [cache.keys(scope)]);
    },
    async delete(scope) {
      drop(scope);
    },
    async clean(activeNodes) {
      const active = new Set(activeNodes);
      for (const scope of [...cache.scopes.keys()]) {
        if (scope !== 'global' && !active.has(scope.split(':')[0]))
          drop(scope);
      }
    },
  };

  return {
    /* For settings.contextStorage. */
    module: () => nodeRedStore,
    /* util: RED.util, before the store is opened. */
    use(util) {
      cache = createCache(util, changed);
    },
    flush,
  };
}

module.exports = { createContext };
