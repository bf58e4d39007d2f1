'use strict';
/*
 * The document's `settings` as Node-RED's settings object. Values are data; what names code, folders, login or
 * storage belongs to the launcher and is refused. Known keys are checked for their type; unknown ones pass as
 * data, because nodes read settings of their own.
 */
const path = require('node:path');

const isObject = (v) => v !== null && typeof v === 'object' && !Array.isArray(v);
const flag = (v) => typeof v === 'boolean';
const count = (v) => Number.isInteger(v) && v >= 0;
const text = (v) => typeof v === 'string' && v.length <= 4096;
const list = (v) => Array.isArray(v) && v.every(text);

/* Keys that only the launcher sets. */
const OWNED = new Set([
  'adminAuth', 'available', 'coreNodesDir', 'credentialSecret', 'delete', 'disableEditor', 'flowFile', 'get',
  'httpAdminAuth', 'httpAdminCookieOptions', 'httpAdminCors', 'httpAdminMiddleware', 'httpAdminRoot', 'httpAuth',
  'httpNodeAuth', 'httpNodeMiddleware', 'httpNodeRoot', 'httpRoot', 'httpServerOptions', 'httpStatic',
  'httpStaticAuth', 'httpStaticRoot', 'https', 'httpsRefreshInterval', 'init', 'instanceId', 'load', 'nodesDir',
  'requireHttps', 'reset', 'safeMode', 'serverPort', 'set', 'settingsFile', 'storageModule', 'telemetry', 'uiHost',
  'uiPort', 'userDir', 'users', 'version', 'SKIP_BUILD_CHECK', 'UNSUPPORTED_VERSION',
]);

/* Keys that Node-RED knows, and what they must look like. */
const KNOWN = {
  apiMaxLength: (v) => text(v) || count(v),
  autoInstallModules: () => false,
  contextStorage: isObject,
  debugMaxLength: count,
  debugUseColors: flag,
  diagnostics: isObject,
  editorTheme: isObject,
  execMaxBufferSize: count,
  exportGlobalContextKeys: flag,
  externalModules: isObject,
  fileWorkingDirectory: text,
  flowFilePretty: flag,
  functionExternalModules: flag,
  functionGlobalContext: isObject,
  functionTimeout: count,
  httpNodeCors: isObject,
  httpRequestTimeout: count,
  inboundWebSocketTimeout: count,
  lang: text,
  logging: isObject,
  mqttReconnectTime: count,
  nodeCloseTimeout: count,
  nodeDefaults: isObject,
  nodeMessageBufferMaxLength: count,
  nodesExcludes: list,
  paletteCategories: list,
  readOnly: flag,
  runtimeMetricInterval: count,
  runtimeState: isObject,
  runtimeSyncDelivery: flag,
  serialReconnectTime: count,
  socketReconnectTime: count,
  socketTimeout: count,
  tcpMsgQueueSize: count,
  tlsConfigDisableLocalFiles: flag,
  webSocketKeepAliveTime: count,
};

const LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'off'];
const STORES = { memory: 'memory', localfilesystem: 'localfilesystem' };

/* The editor's theme keys that a template may set; the look itself comes live from the theme. */
const EDITOR_KEYS = ['tours', 'userMenu', 'multiplayer', 'keymap', 'markdownEditor', 'mermaid', 'codeEditor'];

function isSafeName(name) {
  return /^[A-Za-z][\w-]{0,99}$/.test(name) && !(name in Object.prototype);
}

/* Template settings to [accepted, names that were refused]. */
function accept(given) {
  const accepted = {};
  const refused = [];
  for (const [name, value] of Object.entries(given)) {
    const check = Object.hasOwn(KNOWN, name) ? KNOWN[name] : () => true;
    if (!isSafeName(name) || OWNED.has(name) || !check(value))
      refused.push(name);
    else
      accepted[name] = value;
  }
  return [accepted, refused];
}

/* Context stores by the names of known modules; anything else is left out. Returns undefined for Node-RED's default. */
function contextStorage(given, centralStore) {
  const stores = {};
  const modules = centralStore ? { ...STORES, central: centralStore } : STORES;
  for (const [name, store] of Object.entries(given || {})) {
    if (name === 'default' && typeof store === 'string')
      continue;
    const module = isObject(store) && typeof store.module === 'string' && Object.hasOwn(modules, store.module)
      ? modules[store.module] : undefined;
    if (module && /^[A-Za-z0-9_]+$/.test(name) && name !== '_')
      stores[name] = { module, config: isObject(store.config) ? store.config : {} };
  }
  const names = Object.keys(stores);
  if (names.length === 0)
    return undefined;
  const wanted = given.default;
  return { default: typeof wanted === 'string' && stores[wanted] ? wanted : names[0], ...stores };
}

function editorTheme(given, { theme, stylesheet, logoutUrl }) {
  const editor = {};
  for (const key of EDITOR_KEYS) {
    if (given && given[key] !== undefined)
      editor[key] = given[key];
  }
  const lib = theme.codeEditor?.lib || editor.codeEditor?.lib;
  return {
    tours: false,
    ...editor,
    codeEditor: {
      ...(isObject(editor.codeEditor) && editor.codeEditor),
      lib: ['monaco', 'ace', 'basic'].includes(lib) ? lib : 'monaco',
    },
    page: { css: stylesheet },
    palette: { catalogues: theme.palette.catalogues },
    projects: { enabled: false },
    logout: { redirect: logoutUrl },
  };
}

function logging(given, handler) {
  const level = given?.console?.level;
  return {
    console: { level: LEVELS.includes(level) ? level : 'info', metrics: false, audit: false, handler },
  };
}

function externalModules(given) {
  const modules = isObject(given) ? given : {};
  const palette = isObject(modules.palette) ? modules.palette : {};
  return { autoInstall: true, autoInstallRetry: 60, ...modules, palette: { allowInstall: true, allowUpload: true, ...palette } };
}

/*
 * parts: what the launcher made: userDir, storageModule, adminAuth, middleware, theme (clean), stylesheet,
 * logHandler, centralStore (a context module or null). Returns {settings, refused}.
 */
function build(document, parts) {
  const [given, refused] = accept(document.settings);
  const stores = contextStorage(given.contextStorage, parts.centralStore);
  const settings = {
    apiMaxLength: '32mb',
    nodeCloseTimeout: 5000,
    diagnostics: { enabled: true, ui: true },
    runtimeState: { enabled: true, ui: true },
    ...given,
    userDir: path.resolve(parts.userDir),
    flowFile: 'flows.json',
    httpAdminRoot: '/',
    httpNodeRoot: '/',
    disableEditor: false,
    httpServerOptions: { 'trust proxy': true },
    httpAdminMiddleware: parts.middleware,
    adminAuth: parts.adminAuth,
    storageModule: parts.storageModule,
    credentialSecret: document.credentialSecret,
    telemetry: { enabled: false, updateNotification: false },
    externalModules: externalModules(given.externalModules),
    logging: logging(given.logging, parts.logHandler),
    editorTheme: editorTheme(given.editorTheme, {
      theme: parts.theme, stylesheet: parts.stylesheet, logoutUrl: document.logoutUrl,
    }),
  };
  delete settings.contextStorage;
  if (stores)
    settings.contextStorage = stores;
  if (document.safe)
    settings.safeMode = true;
  return { settings, refused };
}

module.exports = { build, accept, contextStorage };
