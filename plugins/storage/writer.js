'use strict';
/*
 * Write-behind for one document: save() resolves when the newest value is safe in the spool and never rejects;
 * the value then travels to storage, however long that takes. Only the newest value is kept.
 */
const { sleep } = require('./client.js');

const BACKOFF_MS = [250, 500, 1000, 2000, 5000];
/* An answer that says "no" to the content will not change by asking again soon. */
const REFUSED_MS = 60000;

function isRefusal(err) {
  return err.status >= 400 && err.status < 500 && err.status !== 408 && err.status !== 429;
}

/* options: client, spool, name (of the spool file), path, log(text). */
function createWriter({ client, spool, name, path, log }) {
  let pending;
  let running = null;
  let wake = () => {};

  /* Sleeps, unless a newer value comes. */
  function pause(ms) {
    let timer;
    return new Promise((resolve) => {
      wake = resolve;
      timer = setTimeout(resolve, ms);
    }).finally(() => clearTimeout(timer));
  }

  async function run() {
    for (let failures = 0; pending !== undefined;) {
      const value = pending;
      try {
        await client.request('PUT', path, { body: value });
        failures = 0;
        if (pending === value) {
          pending = undefined;
          await spool.drop(name);
        }
      } catch (err) {
        if (failures === 0)
          log(`${name} kept until storage takes them: ${err.message}`);
        if (isRefusal(err))
          await pause(REFUSED_MS);
        else
          await sleep(BACKOFF_MS[Math.min(failures, BACKOFF_MS.length - 1)]);
        failures++;
      }
    }
  }

  function kick() {
    running ??= run().catch((err) => log(`${name}: ${err.message}`)).finally(() => {
      running = null;
      if (pending !== undefined)
        kick();
    });
  }

  return {
    async save(value) {
      try {
        pending = JSON.stringify(value);
        wake();
        await spool.put(name, value);
      } catch (err) {
        log(`${name} could not be kept on disk: ${err.code || err.message}`);
      }
      kick();
    },
    /* The value left by an earlier run, or undefined. It is sent again. */
    async recover() {
      const value = await spool.get(name);
      if (value !== undefined) {
        pending = JSON.stringify(value);
        kick();
      }
      return value;
    },
    /* Waits, bounded, until storage has everything. */
    async flush(ms) {
      if (running)
        await Promise.race([running, sleep(ms)]);
    },
  };
}

module.exports = { createWriter };
