'use strict';
/*
 * The settings document (docs/runtime.md): read once from its descriptor, closed, checked. What it holds is data:
 * nothing in it is ever evaluated. Unknown members are ignored, so that a newer server can start an older launcher.
 */
const fs = require('node:fs');

const MAX_BYTES = 4 * 1024 * 1024;

class DocumentError extends Error {
  constructor(message) {
    super(message);
    this.code = 'document';
  }
}

const isObject = (v) => v !== null && typeof v === 'object' && !Array.isArray(v);
const isText = (v) => typeof v === 'string' && v.length > 0;

/* member: [check, default]. A default of undefined makes the member required. */
const MEMBERS = {
  version: [(v) => v === 1],
  instance: [isText],
  slug: [isText, ''],
  tenant: [isText, ''],
  generation: [Number.isSafeInteger, 0],
  token: [isText],
  base: [isWebAddress, ''],
  carrier: [isCarrier],
  ca: [(v) => typeof v === 'string', ''],
  identityKey: [isText],
  credentialSecret: [isText],
  loginUrl: [isLocalPath, '/.redhouse/login'],
  logoutUrl: [isLocalPath, '/.redhouse/logout'],
  hosts: [isObject, {}],
  theme: [isObject, {}],
  settings: [isObject, {}],
  env: [isObject, {}],
  npm: [isObject, {}],
  safe: [(v) => typeof v === 'boolean', false],
};

function isWebAddress(v) {
  if (!isText(v) || !/^https?:\/\//.test(v))
    return false;
  return URL.canParse(v);
}

function isCarrier(v) {
  return isWebAddress(v) || (isText(v) && /^unix:\//.test(v));
}

function isLocalPath(v) {
  return isText(v) && /^\/[^/\\]/.test(v);
}

/* Text to a checked document; throws a DocumentError that names the member. */
function parse(text) {
  let raw;
  try {
    raw = JSON.parse(text);
  } catch {
    throw new DocumentError('the settings document is not JSON');
  }
  if (!isObject(raw))
    throw new DocumentError('the settings document is not an object');
  const doc = {};
  for (const [name, [check, fallback]] of Object.entries(MEMBERS)) {
    const value = raw[name];
    if (value === undefined || value === null) {
      if (fallback === undefined)
        throw new DocumentError(`the settings document has no "${name}"`);
      doc[name] = fallback;
    } else if (check(value)) {
      doc[name] = value;
    } else if (name === 'version') {
      throw new DocumentError(`settings document of version ${JSON.stringify(value)}, expected 1`);
    } else {
      throw new DocumentError(`"${name}" of the settings document is not valid`);
    }
  }
  return doc;
}

/* Reads a descriptor or a file to its end and closes it. */
function read(source) {
  const fd = typeof source === 'number' ? source : fs.openSync(source, 'r');
  try {
    const chunks = [];
    let total = 0;
    for (;;) {
      const chunk = Buffer.alloc(65536);
      const n = fs.readSync(fd, chunk, 0, chunk.length, null);
      if (n === 0)
        break;
      total += n;
      if (total > MAX_BYTES)
        throw new DocumentError('the settings document is too large');
      chunks.push(chunk.subarray(0, n));
    }
    return parse(Buffer.concat(chunks).toString('utf8'));
  } catch (err) {
    if (err instanceof DocumentError)
      throw err;
    throw new DocumentError(`the settings document cannot be read: ${err.code || err.message}`);
  } finally {
    fs.closeSync(fd);
  }
}

module.exports = { read, parse, DocumentError };
