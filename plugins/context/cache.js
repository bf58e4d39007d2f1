'use strict';
/*
 * Context values in memory, with the key rules of Node-RED's own memory store. Every change is reported as
 * (scope, top-level key).
 */

function asArrays(key, value) {
  if (!Array.isArray(key))
    return [[key], [value]];
  return [key, Array.isArray(value) ? value : [value]];
}

/* util: RED.util. changed(scope, key). */
function createCache(util, changed) {
  const scopes = new Map();

  function getOne(scope, key) {
    const data = scopes.get(scope);
    if (data === undefined)
      return undefined;
    try {
      return util.getObjectProperty(data, key);
    } catch (err) {
      if (err.code === 'INVALID_EXPR')
        throw err;
      return undefined;
    }
  }

  function setOne(scope, key, value) {
    const [top] = util.normalisePropertyExpression(key);
    if (top === '__proto__')
      throw new Error('Invalid context key');
    if (!scopes.has(scope))
      scopes.set(scope, {});
    util.setObjectProperty(scopes.get(scope), key, value);
    changed(scope, String(top));
  }

  return {
    scopes,
    get: (scope, key) => (Array.isArray(key) ? key.map((k) => getOne(scope, k)) : getOne(scope, key)),
    set(scope, key, value) {
      const [keys, values] = asArrays(key, value);
      keys.forEach((k, i) => setOne(scope, k, i < values.length ? values[i] : null));
    },
    keys(scope) {
      const names = Object.keys(scopes.get(scope) ?? {});
      return scope === 'global' ? names.filter((k) => !['set', 'get', 'keys'].includes(k)) : names;
    },
  };
}

module.exports = { createCache };
