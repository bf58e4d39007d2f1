'use strict';
/*
 * Settings for a Node-RED that runs elsewhere, started by its own command line, with its flows, library and modules
 * on this platform. `render` makes the settings.js that people download: a fixed text with the settings document as
 * one string, so nothing that a person wrote is ever code. The proxy is not in front of such a Node-RED: its
 * editor listens on this machine only unless a password is set, and of the theme it shows texts and colours.
 */
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const { createContext } = require('../context/index.js');
const { createClient } = require('../storage/client.js');
const { createStorage } = require('../storage/index.js');
const { clean } = require('../theme/clean.js');
const documents = require('./document.js');
const { createNpm } = require('./npm.js');
const { build } = require('./settings.js');

const TEMPLATE = path.join(__dirname, 'settings.template.js');
const MARK = '"@DOCUMENT@"';

/* A document as the text of a settings.js. */
function render(document) {
  const text = JSON.stringify(JSON.stringify(document)).replace(/[\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16)}`);
  return fs.readFileSync(TEMPLATE, 'utf8').replace(MARK, () => text);
}

function say(text) {
  process.stderr.write(`[redhouse] ${text}\n`);
}

/* The part of a theme that needs nothing from /.redhouse/, which exists behind the proxy only. */
function look(given) {
  const { page, header, palette, menu, deployButton } = clean(given);
  return {
    page: { title: page.title },
    header: { ...(header.title && { title: header.title }), ...(header.url && { url: header.url }) },
    palette: {
      catalogues: [],
      ...(palette.theme && { theme: palette.theme }),
      ...(palette.categories && { categories: palette.categories }),
    },
    ...(menu && { menu }),
    ...(deployButton && { deployButton: { ...deployButton, icon: undefined } }),
  };
}

function adminAuth(env) {
  const { REDHOUSE_EDITOR_USER: username = 'admin', REDHOUSE_EDITOR_PASSWORD_HASH: password } = env;
  if (!password)
    return undefined;
  return { type: 'credentials', users: [{ username, password, permissions: '*' }] };
}

/*
 * document: as handed to the launcher; `token` may come from REDHOUSE_TOKEN instead, `carrier` defaults to `base`.
 * Returns the settings object of Node-RED.
 */
function settings(given, env = process.env) {
  const document = documents.parse(JSON.stringify({
    identityKey: 'unused', carrier: given.base, ...given, token: env.REDHOUSE_TOKEN || given.token,
  }));
  const home = path.join(os.homedir(), '.redhouse', path.basename(document.slug || document.instance));
  let userDir = home;
  const client = createClient({
    carrier: document.carrier, token: document.token, log: say,
    superseded(status) {
      say(status === 410 ? 'another Node-RED has taken over: ending' : 'the token is not valid: ending');
      process.kill(process.pid, 'SIGTERM');
    },
  });
  const spoolDir = () => path.join(userDir, '.redhouse');
  const storage = createStorage({ client, spoolDir, instance: document.instance, log: say });
  const context = createContext({ client, spoolDir, instance: document.instance, log: say });
  const auth = adminAuth(env);

  storage.init = async (chosen, runtime) => {
    userDir = chosen.userDir || home;
    const npm = createNpm({ ...document, userDir });
    npm.prepare();
    process.chdir(userDir);
    Object.assign(process.env, npm.env);
    npm.wrap(runtime.exec);
    context.use(runtime.util);
  };

  const { settings: made, refused } = build({ ...document, logoutUrl: '/' }, {
    userDir, storageModule: storage, adminAuth: auth, middleware: undefined, theme: clean(document.theme),
    stylesheet: [], logHandler: undefined, centralStore: context.module,
  });
  if (refused.length > 0)
    say(`settings not taken: ${refused.join(', ')}`);
  Object.assign(made.editorTheme, look(document.theme));
  delete made.editorTheme.logout;
  delete made.logging.console.handler;
  delete made.httpAdminMiddleware;
  if (!auth) {
    delete made.adminAuth;
    made.uiHost = '127.0.0.1';
  }
  return made;
}

module.exports = { settings, render };
