'use strict';
/*
 * Node-RED's runtime events as lines of the status channel: flows, deploy, modules.
 */

const MAX_NAMES = 50;

function flowsState(payload) {
  if (!payload || !payload.state)
    return null;
  /* A deploy stops what changed and starts it again at once. */
  if (payload.state === 'stop' && payload.deploy && !payload.error)
    return null;
  if (payload.state === 'start')
    return { state: 'started' };
  if (payload.state === 'safe')
    return { state: 'safe' };
  if (payload.error === 'missing-types')
    return { state: 'missing-types', types: (payload.types || []).slice(0, MAX_NAMES) };
  if (payload.error === 'missing-modules') {
    const names = (payload.modules || []).map((m) => String(m.module));
    return { state: 'missing-modules', types: names.slice(0, MAX_NAMES) };
  }
  return { state: 'stopped' };
}

function modulesOf(payload) {
  const sets = Array.isArray(payload) ? payload : [payload];
  const modules = new Map();
  for (const set of sets) {
    if (set && typeof set.module === 'string')
      modules.set(set.module, set.version);
  }
  return modules;
}

/*
 * events: RED.events. send: the status channel. onFlows(state) is called with each known state.
 * Returns {saved(rev)}: to be told of each revision that storage took, so that a deploy is told from a load.
 */
function watch(events, send, onFlows) {
  let expected = null;
  let upgraded = null;

  const actions = {
    'runtime-state': ({ payload }) => {
      const state = flowsState(payload);
      if (state) {
        send({ event: 'flows', ...state });
        onFlows(state.state);
      }
    },
    'runtime-deploy': ({ payload }) => {
      if (payload && payload.revision === expected) {
        expected = null;
        send({ event: 'deploy', rev: payload.revision });
      }
    },
    'node/added': ({ payload }) => modules('added', payload),
    'node/removed': ({ payload }) => modules('removed', payload),
    'node/upgraded': ({ payload }) => {
      upgraded = payload && payload.module;
      send({ event: 'modules', action: 'upgraded', module: upgraded, version: payload && payload.version, restart: true });
    },
    'restart-required': () => {
      send({ event: 'modules', action: 'restart-required', restart: true });
    },
  };

  function modules(action, payload) {
    for (const [module, version] of modulesOf(payload))
      send({ event: 'modules', action, module, version, restart: false });
  }

  events.on('runtime-event', (event) => {
    try {
      actions[event.id]?.(event);
    } catch {
      /* A strange event of a node must not end the runtime. */
    }
  });
  return {
    saved(rev) {
      expected = rev;
    },
  };
}

module.exports = { watch };
