'use strict';
/*
 * How the process ends: asked (SIGTERM, superseded): flows are stopped, exit 0; by an error of a flow or a node that
 * nobody caught: a `fatal` line, exit 1. Every way has a deadline.
 */

const FLUSH_MS = 3000;
/* A little more than Node-RED gives one node to close (nodeCloseTimeout). */
const STOP_MARGIN_MS = 4000;

function withDeadline(promise, ms) {
  return Promise.race([
    Promise.resolve(promise).catch(() => {}),
    new Promise((resolve) => setTimeout(resolve, ms)),
  ]);
}

function describe(err) {
  const text = err instanceof Error ? `${err.name}: ${err.message}` : String(err);
  return text.slice(0, 300);
}

/*
 * Node-RED's handler of an editor's web socket throws on some messages (`null`, a subscription that is no text), and
 * anybody who may open that socket can send one. That is neither a flow's error nor a broken state: the message is
 * dropped.
 */
function isEditorMessage(err) {
  const stack = err instanceof Error && typeof err.stack === 'string' ? err.stack : '';
  return /\n\s+at WebSocket\.<anonymous> \([^\n]*editor-api[\\/]lib[\\/]editor[\\/]comms\.js:/.test(stack);
}

/* options: status, say(level, text). */
function createLife({ status, say }) {
  let ending = false;
  let stopFlows = async () => {};
  let flush = async () => {};
  let stopMs = 15000;

  function exit(code) {
    ending = true;
    process.exit(code);
  }

  async function stop(event) {
    if (ending)
      return;
    ending = true;
    status.send({ event });
    await withDeadline(Promise.resolve().then(stopFlows), stopMs + STOP_MARGIN_MS);
    await withDeadline(Promise.resolve().then(() => flush(FLUSH_MS)), FLUSH_MS + 500);
    process.exit(0);
  }

  function fatal(err, code) {
    if (ending)
      return exit(1);
    say('fatal', err instanceof Error ? err.stack || String(err) : String(err));
    status.send({ event: 'fatal', message: describe(err), code: String(code || 'error') });
    return exit(1);
  }

  function arm() {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'])
      process.on(signal, () => stop('stopping'));
    process.on('uncaughtException', (err, origin) => {
      if (isEditorMessage(err))
        say('warn', 'a malformed editor message was dropped');
      else
        fatal(err, origin === 'unhandledRejection' ? 'unhandled-rejection' : 'uncaught-exception');
    });
    process.on('exit', (code) => {
      if (!ending)
        status.send({ event: 'fatal', message: `the process was ended from inside with status ${code}`, code: 'exit' });
    });
    process.on('beforeExit', () => fatal(new Error('nothing is left to run'), 'drained'));
  }

  return {
    arm,
    fatal,
    superseded: () => stop('superseded'),
    onStop(work) {
      ({ stopFlows = stopFlows, flush = flush, stopMs = stopMs } = work);
    },
    get ending() { return ending; },
  };
}

module.exports = { createLife };
