'use strict';
/*
 * Login by the identity header that only the proxy sets (docs/runtime.md): verified here, without asking anybody.
 * Nothing in this module rejects or throws, because Node-RED would end with it. A person without a session is sent
 * to the portal and back.
 */
const { createHmac, timingSafeEqual } = require('node:crypto');

const HEADER = 'x-redhouse-identity';
const MAX_TOKEN = 4096;

/* "PAYLOAD.MAC" to {user, permissions, name}, or null. Permissions may be empty: known, but without rights. */
function verify(token, key, instance, now = Date.now()) {
  try {
    if (typeof token !== 'string' || token.length > MAX_TOKEN)
      return null;
    const dot = token.indexOf('.');
    if (dot <= 0 || !/^[\w-]+$/.test(token.slice(0, dot)) || !/^[\w-]{43}$/.test(token.slice(dot + 1)))
      return null;
    const payload = token.slice(0, dot);
    const given = Buffer.from(token.slice(dot + 1), 'base64url');
    const wanted = createHmac('sha256', key).update(payload).digest();
    if (given.length !== wanted.length || !timingSafeEqual(given, wanted))
      return null;
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
    if (claims === null || claims.i !== instance || typeof claims.u !== 'string' || claims.u === '')
      return null;
    if (typeof claims.e !== 'number' || !(claims.e * 1000 > now))
      return null;
    return { user: claims.u, permissions: permissions(claims.p), name: String(claims.n ?? claims.u) };
  } catch {
    return null;
  }
}

/* Node-RED's permissions, or null for none. */
function permissions(p) {
  if (typeof p === 'string')
    return p === '' ? null : p;
  if (Array.isArray(p) && p.length > 0 && p.every((v) => typeof v === 'string' && v !== ''))
    return p;
  return null;
}

/*
 * A passport strategy that only redirects. When the proxy already knows the person, logging in again would come
 * back here for ever: then the editor shows a sentence and a button instead.
 */
function redirectStrategy(loginUrl, check) {
  return class RedirectStrategy {
    constructor() {
      this.name = 'redhouse';
    }

    authenticate(req) {
      const token = req.headers[HEADER];
      if (!token)
        this.redirect(`${loginUrl}?to=${encodeURIComponent('/')}`);
      else if (check(token)?.permissions)
        this.redirect('/');
      else
        this.error('You have no access to this editor.');
    }
  };
}

/* options: identityKey (base64url), instance, loginUrl. Returns the object for settings.adminAuth. */
function createAuth({ identityKey, instance, loginUrl }) {
  const check = createVerifier({ identityKey, instance });
  const strategy = {
    name: 'redhouse', label: 'Log in', autoLogin: true, strategy: redirectStrategy(loginUrl, check), options: {},
  };
  return {
    type: 'strategy',
    strategy,
    tokenHeader: HEADER,
    async tokens(token) {
      const who = check(token);
      return who && who.permissions ? { username: who.user, permissions: who.permissions } : null;
    },
    async users() {
      return null;
    },
    async authenticate() {
      return null;
    },
    async default() {
      return null;
    },
  };
}

/* A function that tells whom a header names, or null. */
function createVerifier({ identityKey, instance }) {
  const key = Buffer.from(identityKey, 'base64url');
  return (token) => verify(token, key, instance);
}

module.exports = { createAuth, createVerifier, verify, HEADER };
