'use strict';
/*
 * Documents that storage has not acknowledged yet, one file each in the user directory. put() resolves when the
 * text is on disk under its name; a torn or foreign file reads as absent. The folder belongs to the tenant:
 * what is read from it is no more than the tenant could have sent itself.
 */
const fs = require('node:fs/promises');
const path = require('node:path');

const MAX_BYTES = 64 * 1024 * 1024;

/* where: the folder, or a function that tells it at the first use. */
function createSpool(where, instance) {
  const folderOf = typeof where === 'function' ? where : () => where;
  const file = (name) => path.join(folderOf(), `${name}.json`);
  const chains = new Map();

  /* Work on one name happens in the order it was asked for. */
  function chained(name, work) {
    const next = (chains.get(name) ?? Promise.resolve()).then(work, work);
    chains.set(name, next.catch(() => {}));
    return next;
  }

  async function syncFolder() {
    const handle = await fs.open(folderOf(), 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  async function write(name, value) {
    const temporary = `${file(name)}.tmp`;
    await fs.mkdir(folderOf(), { recursive: true, mode: 0o700 });
    const handle = await fs.open(temporary, 'w', 0o600);
    try {
      await handle.writeFile(JSON.stringify({ version: 1, instance, value }));
      await handle.sync();
    } finally {
      await handle.close();
    }
    await fs.rename(temporary, file(name));
    await syncFolder();
  }

  async function read(name) {
    try {
      const { size } = await fs.stat(file(name));
      if (size > MAX_BYTES)
        return undefined;
      const kept = JSON.parse(await fs.readFile(file(name), 'utf8'));
      return kept && kept.version === 1 && kept.instance === instance ? kept.value : undefined;
    } catch {
      return undefined;
    }
  }

  return {
    put: (name, value) => chained(name, () => write(name, value)),
    get: (name) => chained(name, () => read(name)),
    drop: (name) => chained(name, () => fs.rm(file(name), { force: true })),
  };
}

module.exports = { createSpool };
