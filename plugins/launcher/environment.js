'use strict';
/*
 * Environment variables of the document for flows. What the runtime itself stands on is not theirs to set.
 */

const RESERVED = /^(PATH|HOME|NODE_OPTIONS|NODE_PATH|NODE_CHANNEL_FD|LD_.*|npm_config_.*|REDHOUSE_.*)$/i;

/* Returns [variables, names that were refused]. */
function environment(given) {
  const variables = {};
  const refused = [];
  for (const [name, value] of Object.entries(given)) {
    const kind = typeof value;
    const usable = kind === 'string' || kind === 'number' || kind === 'boolean';
    if (!/^[A-Za-z_]\w*$/.test(name) || RESERVED.test(name) || !usable || String(value).includes('\0'))
      refused.push(name);
    else
      variables[name] = String(value);
  }
  return [variables, refused];
}

module.exports = { environment };
