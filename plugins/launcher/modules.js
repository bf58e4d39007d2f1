'use strict';
/*
 * Tells the server which packages this Node-RED has and in which versions: what its palette knows, what the user
 * directory asks for, and what these bring along. Sent when it is up and whenever that changes; a server that does not
 * answer is asked again, one that refuses is not.
 */
const fs = require('node:fs/promises');
const path = require('node:path');

const { sleep } = require('../storage/client.js');

const MAX_MODULES = 2000;
const MAX_TYPES = 500;
const MAX_FILE = 16 * 1024 * 1024;
/* Events come one for each set of nodes. */
const SETTLE_MS = 500;
const BACKOFF_MS = [1000, 2000, 5000, 15000, 60000];
const CHANGES = new Set(['node/added', 'node/removed', 'node/upgraded', 'restart-required', 'runtime-state']);

const NAME = /^(?:@[\w.~-]{1,100}\/)?[\w.~-]{1,200}$/;
const VERSION = /^\d{1,16}\.\d{1,16}\.\d{1,16}(?:[-+][0-9A-Za-z.+-]{1,100})?$/;

async function readJson(file) {
  try {
    const { size } = await fs.stat(file);
    return size > MAX_FILE ? {} : JSON.parse(await fs.readFile(file, 'utf8')) ?? {};
  } catch {
    return {};
  }
}

/* What npm says it put on the disk: [name, version] of each folder. */
function installed(lock) {
  const found = [];
  for (const [where, entry] of Object.entries(lock.packages ?? {}))
    found.push([where.slice(where.lastIndexOf('node_modules/') + 13), entry?.version]);
  return found;
}

/* sets: the palette's list. Returns the modules of the report, in a fixed order. */
async function collect(sets, userDir) {
  const dependencies = (await readJson(path.join(userDir, 'package.json'))).dependencies ?? {};
  const lock = await readJson(path.join(userDir, 'node_modules/.package-lock.json'));
  const modules = new Map();
  const add = (name, version) => {
    const key = `${name} ${version}`;
    if (!modules.has(key) && NAME.test(name) && VERSION.test(version))
      modules.set(key, { name, version, direct: Object.hasOwn(dependencies, name), types: [] });
    return modules.get(key);
  };
  for (const set of sets) {
    const one = add(String(set.module), String(set.version));
    if (!one)
      continue;
    /* Of an upgrade the new version is on the disk, and the old one runs until the next start. */
    if (VERSION.test(set.pending_version) && set.pending_version !== set.version)
      one.pending_version = set.pending_version;
    if (set.module !== 'node-red')
      one.types = [...new Set([...one.types, ...(set.types ?? []).map(String)])].slice(0, MAX_TYPES);
  }
  const pending = new Set([...modules.values()].map((m) => `${m.name} ${m.pending_version}`));
  for (const [name, version] of installed(lock)) {
    if (!pending.has(`${name} ${version}`))
      add(name, version);
  }
  for (const name of Object.keys(dependencies)) {
    if (![...modules.values()].some((m) => m.name === name))
      add(name, String((await readJson(path.join(userDir, 'node_modules', name, 'package.json'))).version));
  }
  const rank = (m) => (m.types.length > 0 ? 0 : m.direct ? 1 : 2);
  return [...modules.values()]
    .sort((a, b) => rank(a) - rank(b) || (`${a.name} ${a.version}` < `${b.name} ${b.version}` ? -1 : 1))
    .slice(0, MAX_MODULES);
}

/* options: client, userDir, list() (the palette's sets), log(text). Returns {changed()}. */
function createReport({ client, userDir, list, log }) {
  let sent;
  let wanted = false;
  let running = null;

  async function send() {
    const body = JSON.stringify({ modules: await collect(await list(), userDir) });
    if (body === sent)
      return;
    await client.request('PUT', '/runtime/modules', { body });
    sent = body;
  }

  async function run() {
    for (let failures = 0; wanted;) {
      wanted = false;
      await sleep(SETTLE_MS);
      try {
        await send();
        failures = 0;
      } catch (err) {
        if (err.status >= 400 && err.status < 500 && err.status !== 408 && err.status !== 429) {
          log(`the list of modules was refused: ${err.message}`);
          return;
        }
        wanted = true;
        await sleep(BACKOFF_MS[Math.min(failures++, BACKOFF_MS.length - 1)]);
      }
    }
  }

  function changed() {
    wanted = true;
    running ??= run().catch((err) => log(`the list of modules: ${err.message}`)).finally(() => { running = null; });
  }
  return { changed };
}

/* RED as it was started; from now on each change is told. */
function reportModules(RED, options) {
  const report = createReport({ ...options, list: () => RED.runtime.nodes.getNodeList({}) });
  RED.events.on('runtime-event', (event) => {
    if (CHANGES.has(event?.id))
      report.changed();
  });
  report.changed();
}

module.exports = { collect, createReport, reportModules };
