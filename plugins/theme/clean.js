'use strict';
/*
 * A theme from the server as something that Node-RED's editor may be given. The editor puts some of these texts
 * into its page as HTML and some addresses into attributes, so everything is checked and escaped here, whatever
 * the server has checked already. What does not fit is left out.
 */

const MAX_TEXT = 200;
const MAX_RULES = 300;

const isObject = (v) => v !== null && typeof v === 'object' && !Array.isArray(v);

/* Plain text, no control characters. */
function text(v, max = MAX_TEXT) {
  if (typeof v !== 'string')
    return undefined;
  const plain = v.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, ' ').trim().slice(0, max);
  return plain === '' ? undefined : plain;
}

/* Text for a place where the editor writes HTML. */
function html(v, max) {
  return text(v, max)?.replace(/&(?=#|[a-z][a-z0-9]*;)/gi, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}

/* An address on the instance's own host that the server serves. */
function ownPath(v) {
  const safe = typeof v === 'string' && v.length <= 500 && /^\/\.redhouse\/[\w./~%?=&@+-]+$/.test(v);
  return safe && !v.includes('..') ? v : undefined;
}

/* An address that a person may be sent to. */
function link(v) {
  if (typeof v !== 'string' || v.length > 1000 || /[\s"'<>\\^`{|}\u0000-\u001f]/.test(v))
    return undefined;
  return /^(https?:\/\/[^/]|\/(?!\/))/i.test(v) ? v : undefined;
}

function colour(v) {
  const safe = /^(#[0-9a-f]{3,8}|[a-z]{3,30}|(rgb|hsl)a?\([\d\s.,%/deg]{1,60}\))$/i;
  return typeof v === 'string' && safe.test(v) ? v : undefined;
}

/* A rule of palette.theme is a regular expression for the editor. */
function pattern(v) {
  if (typeof v !== 'string' || v === '' || v.length > MAX_TEXT)
    return undefined;
  if (v === '*')
    return v;
  try {
    return new RegExp(v) && v;
  } catch {
    return undefined;
  }
}

/* Leaves out what is undefined; undefined when nothing is left. */
function some(object) {
  const entries = Object.entries(object).filter(([, value]) => value !== undefined);
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

function paletteRules(rules) {
  if (!Array.isArray(rules))
    return undefined;
  return rules.slice(0, MAX_RULES).filter(isObject)
    .map((r) => ({ category: pattern(r.category), type: pattern(r.type), color: colour(r.color) }))
    .filter((r) => r.color && (r.category || r.type))
    .map(some);
}

function categories(names) {
  if (!Array.isArray(names))
    return undefined;
  return names.slice(0, MAX_RULES).filter((n) => typeof n === 'string' && /^[^\u0000-\u001f<>&"'`]{1,60}$/.test(n));
}

function catalogues(paths) {
  const own = Array.isArray(paths) ? paths.map(ownPath).filter(Boolean) : [];
  return own.length > 0 ? own : ['/.redhouse/catalogue.json'];
}

function menu(items) {
  if (!isObject(items))
    return undefined;
  const clean = {};
  for (const [name, item] of Object.entries(items).slice(0, MAX_RULES)) {
    if (!/^menu-item-[a-z-]{1,60}$/.test(name))
      continue;
    if (item === false)
      clean[name] = false;
    else if (isObject(item))
      clean[name] = some({ label: html(item.label, 80), url: link(item.url) });
  }
  return some(clean);
}

function editorOptions(options) {
  if (!isObject(options))
    return undefined;
  const clean = {};
  for (const [name, value] of Object.entries(options).slice(0, 100)) {
    const usable = typeof value === 'boolean' || typeof value === 'number'
      || (typeof value === 'string' && value.length <= MAX_TEXT);
    if (/^[a-zA-Z]{1,60}$/.test(name) && usable && !(name in Object.prototype))
      clean[name] = value;
  }
  return some(clean);
}

/* The shape of GET /runtime/theme, hostile or not, to the same shape, safe. */
function clean(given) {
  const theme = isObject(given) ? given : {};
  const at = (name) => (isObject(theme[name]) ? theme[name] : {});
  const [page, header, login, palette, deploy, code] =
    ['page', 'header', 'login', 'palette', 'deployButton', 'codeEditor'].map(at);
  return {
    version: text(theme.version, 100),
    page: { title: text(page.title), favicon: ownPath(page.favicon) },
    header: {
      title: html(header.title),
      image: header.image === null || header.image === false ? null : ownPath(header.image),
      url: link(header.url),
    },
    login: { image: ownPath(login.image) },
    palette: {
      categories: categories(palette.categories),
      theme: paletteRules(palette.theme),
      catalogues: catalogues(palette.catalogues),
    },
    menu: menu(theme.menu),
    deployButton: some({
      type: deploy.type === 'simple' ? 'simple' : undefined,
      label: html(deploy.label, 60),
      icon: ownPath(deploy.icon),
    }),
    codeEditor: {
      lib: ['monaco', 'ace', 'basic'].includes(code.lib) ? code.lib : undefined,
      options: editorOptions(code.options),
    },
  };
}

module.exports = { clean, html, link, ownPath };
