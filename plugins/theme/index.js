'use strict';
/*
 * The theme, live: Node-RED reads its theme once at start, so this middleware amends the answers that carry it
 * (the page itself, `theme`, `settings`, `auth/login`, the favicon) with the server's current theme. A theme is
 * asked for at most every few seconds; while the server is away the last good one stays.
 */
const path = require('node:path');
const { clean } = require('./clean.js');

const FRESH_MS = 2000;
/* How long a page waits for the server's answer before it gets the last good theme. */
const PATIENCE_MS = 700;
/* The editor's page loads nothing from other hosts by style sheets: a theme must not be able to leak through one. */
const POLICY = "img-src 'self' data: blob:; font-src 'self' data:; style-src 'self' 'unsafe-inline'; "
  + "frame-ancestors 'self'; base-uri 'self'; object-src 'none'";

function escapeHtml(text) {
  const names = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
  return text.replace(/[&<>"']/g, (c) => names[c]);
}

/* Sets the defined members of `from` on a copy of `to`. */
function merge(to, from) {
  const merged = { ...to };
  for (const [name, value] of Object.entries(from)) {
    if (value !== undefined)
      merged[name] = value;
  }
  return merged;
}

/* Node-RED takes the order of categories as an object since 4.1.11. */
function takesOrder(nodeRed) {
  const [major, minor, patch] = nodeRed.split(/[.-]/).map(Number);
  return major > 4 || (major === 4 && (minor > 1 || (minor === 1 && patch >= 11)));
}

function amendTheme(body, theme) {
  return { ...body, page: merge(body.page, theme.page), header: merge(body.header, theme.header) };
}

function amendSettings(body, theme, nodeRed) {
  const { categories, ...palette } = theme.palette;
  const order = categories && (takesOrder(nodeRed) ? { order: categories } : categories);
  const editorTheme = merge(body.editorTheme, {
    palette: merge(body.editorTheme?.palette, { ...palette, categories: order }),
    menu: theme.menu && { ...body.editorTheme?.menu, ...theme.menu },
    deployButton: theme.deployButton,
  });
  const amended = { ...body, editorTheme };
  if (theme.codeEditor.options) {
    const options = { ...body.codeEditor?.options, ...theme.codeEditor.options };
    amended.codeEditor = { ...body.codeEditor, options };
  }
  return amended;
}

function amendLogin(body, theme) {
  return theme.login.image && body.type ? { ...body, image: theme.login.image } : body;
}

function amendPage(page, theme) {
  let amended = page;
  if (theme.page.title)
    amended = amended.replace(/<title>[^<]*<\/title>/, () => `<title>${escapeHtml(theme.page.title)}</title>`);
  if (theme.page.favicon) {
    const icon = `<link rel="icon" href="${escapeHtml(theme.page.favicon)}">`;
    amended = amended.replace(/<link rel="icon"[^>]*>/, () => icon);
  }
  return amended;
}

const json = (amend) => (text, ...rest) => JSON.stringify(amend(JSON.parse(text), ...rest));

const AMENDS = {
  '/': amendPage,
  '/theme': json(amendTheme),
  '/theme/': json(amendTheme),
  '/settings': json(amendSettings),
  '/auth/login': json(amendLogin),
};

/* Amends the text that a handler is about to send; anything unexpected is sent as it is. */
function intercept(res, amend) {
  const send = res.send;
  res.send = function (body) {
    res.send = send;
    let amended = body;
    if (typeof body === 'string' && res.statusCode === 200) {
      try {
        amended = amend(body);
      } catch {
        amended = body;
      }
    }
    return send.call(res, amended);
  };
}

/* options: client (null: never asks), initial (the theme of the settings document), now(). */
function createTheme({ client, initial, now = Date.now }) {
  let theme = clean(initial);
  let etag = null;
  let askedAt = -Infinity;
  let asking = null;

  async function ask() {
    try {
      const answer = await client.request('GET', '/runtime/theme',
        { timeoutMs: 5000, headers: etag ? { 'if-none-match': etag } : {} });
      if (answer.status !== 304) {
        theme = clean(JSON.parse(answer.text));
        etag = answer.headers.etag ?? null;
      }
    } catch {
      /* The last good one stays. */
    }
  }

  function fresh() {
    if (client === null || now() - askedAt < FRESH_MS)
      return asking ?? Promise.resolve();
    askedAt = now();
    asking = ask().finally(() => { asking = null; });
    return asking;
  }

  function patiently() {
    let timer;
    const patience = new Promise((resolve) => { timer = setTimeout(resolve, PATIENCE_MS); });
    return Promise.race([fresh(), patience]).finally(() => clearTimeout(timer));
  }

  /* {nodeRed}: the version of Node-RED. For settings.httpAdminMiddleware. */
  function middleware({ nodeRed }) {
    return (req, res, next) => {
      const path = req.path.toLowerCase();
      const isIcon = path === '/favicon.ico';
      if (req.method !== 'GET' || !(isIcon || Object.hasOwn(AMENDS, path)))
        return next();
      if (path === '/')
        res.setHeader('content-security-policy', POLICY);
      return patiently().then(() => {
        if (isIcon && theme.page.favicon)
          return res.set('cache-control', 'no-cache').redirect(302, theme.page.favicon);
        if (!isIcon)
          intercept(res, (body) => AMENDS[path](body, theme, nodeRed));
        return next();
      }).catch(next);
    };
  }

  return {
    middleware,
    stylesheet: path.join(__dirname, 'redhouse.css'),
    current: () => theme,
    /* The next request asks the server again. */
    refresh() {
      askedAt = -Infinity;
    },
  };
}

module.exports = { createTheme };
