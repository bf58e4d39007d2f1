'use strict';
/*
 * The one way a Node-RED begins: reads the settings document, embeds Node-RED with our storage, login and theme,
 * serves both faces on an inherited socket, reports to the warden, and ends in order (docs/runtime.md).
 */
const fs = require('node:fs');
const nodeModule = require('node:module');
const path = require('node:path');

const { createAuth, createVerifier } = require('../auth/index.js');
const { createContext } = require('../context/index.js');
const { createClient } = require('../storage/client.js');
const { createStorage } = require('../storage/index.js');
const { createTheme } = require('../theme/index.js');
const documents = require('./document.js');
const { environment } = require('./environment.js');
const { watch } = require('./events.js');
const { createFaces } = require('./faces.js');
const { createLife } = require('./life.js');
const { handler: logHandler, say } = require('./log.js');
const { reportModules } = require('./modules.js');
const { answerVersion, createNpm } = require('./npm.js');
const settingsOf = require('./settings.js');
const channel = require('./status.js');

const { version: VERSION } = require('./package.json');
/* How long opening waits for flows that are slow to start (modules to install, say). */
const FLOWS_MS = 5000;

/* As it was called: execPath would follow the stack's link into node's own package. */
function stackDir() {
  return path.resolve(path.dirname(path.isAbsolute(process.argv0) ? process.argv0 : process.execPath), '..');
}

/* The folder of the node-red package: of the stack that this Node.js belongs to, unless the environment names one. */
function nodeRedDir() {
  return process.env.REDHOUSE_NODE_RED || path.join(stackDir(), 'node_modules/node-red');
}

/* Compiled code that the stack brings along, if it does. */
function useCompileCache() {
  const folder = path.join(stackDir(), 'compile-cache');
  if (fs.existsSync(folder))
    nodeModule.enableCompileCache?.(folder);
}

function useEnvironment(document, npm) {
  const [variables, refused] = environment(document.env);
  if (refused.length > 0)
    say('warn', `environment variables not taken: ${refused.join(', ')}`);
  Object.assign(process.env, variables, npm.env);
}

/* Node-RED's own server parameter is split: the editor's web socket on one, what nodes attach to on the other. */
function initNodeRed(RED, faces, settings) {
  const { runtime } = RED;
  const init = runtime.init;
  runtime.init = (given, server, api) => init(given, faces.flows, api);
  try {
    RED.init(faces.editor, settings);
  } finally {
    runtime.init = init;
  }
}

/* Resolves when what flows serve can be asked for: flows run, or it is known why not, or it takes long. */
function createOpening() {
  const opening = {};
  const loaded = new Promise((resolve) => { opening.loaded = resolve; });
  const settled = new Promise((resolve) => { opening.settled = resolve; });
  opening.wait = async () => {
    await loaded;
    await Promise.race([settled, new Promise((resolve) => setTimeout(resolve, FLOWS_MS))]);
  };
  return opening;
}

function createParts(document, userDir, status, life, opening) {
  const client = createClient({
    carrier: document.carrier,
    token: document.token,
    log: (text) => say('warn', text),
    superseded: () => life.superseded(),
    waiting: (what) => status.send({ event: 'waiting', ...what }),
  });
  const spoolDir = path.join(userDir, '.redhouse');
  const report = { saved: () => {} };
  const storage = createStorage({
    client, spoolDir, instance: document.instance,
    log: (text) => say('warn', text), loaded: opening.loaded, saved: (rev) => report.saved(rev),
  });
  const context = createContext({ client, spoolDir, instance: document.instance, log: (text) => say('warn', text) });
  const theme = createTheme({ client, initial: document.theme });
  return { client, storage, context, theme, report };
}

function onCommand(RED, parts) {
  const commands = {
    theme: () => parts.theme.refresh(),
    reload: () => RED.runtime.flows.setFlows({ deploymentType: 'reload', user: null, flows: {} }),
  };
  return ({ command }) => {
    if (!Object.hasOwn(commands, command))
      return;
    Promise.resolve().then(commands[command]).catch((err) => say('warn', `${command}: ${err.message}`));
  };
}

async function start(document, io, status, life) {
  const userDir = io.userDir;
  const npm = createNpm({ base: document.base, token: document.token, userDir, npm: document.npm, ca: document.ca });
  const obstacle = npm.prepare();
  if (obstacle)
    say('warn', obstacle);
  process.chdir(userDir);
  useEnvironment(document, npm);

  useCompileCache();
  const nodeRed = nodeRedDir();
  const { version } = JSON.parse(fs.readFileSync(path.join(nodeRed, 'package.json'), 'utf8'));
  status.send({ event: 'hello', launcher: VERSION, nodeRed: version, node: process.version });
  process.env.NODE_RED_HOME = nodeRed;

  const opening = createOpening();
  const parts = createParts(document, userDir, status, life, opening);
  life.onStop({ flush: (ms) => Promise.all([parts.storage.flush(ms), parts.context.flush(ms)]) });
  const { settings, refused } = settingsOf.build(document, {
    userDir,
    storageModule: parts.storage,
    adminAuth: createAuth(document),
    middleware: parts.theme.middleware({ nodeRed: version }),
    theme: parts.theme.current(),
    stylesheet: parts.theme.stylesheet,
    logHandler,
    centralStore: parts.context.module,
  });
  if (refused.length > 0)
    say('warn', `settings not taken: ${refused.join(', ')}`);

  const RED = require(nodeRed);
  const faces = createFaces(createVerifier(document));
  initNodeRed(RED, faces, settings);
  parts.storage.init = async (unused, runtime) => npm.wrap(runtime.exec);
  RED.hooks.add('preInstall.redhouse', (event) => npm.checkInstall(event));
  parts.context.use(RED.util);
  parts.report.saved = watch(RED.events, status.send, opening.settled).saved;
  life.onStop({ stopFlows: () => RED.stop(), stopMs: settings.nodeCloseTimeout });
  faces.mount(RED);

  const restore = answerVersion();
  try {
    await RED.start();
  } finally {
    restore();
  }
  await opening.wait();
  await faces.listen(io.listen);
  status.onCommand(onCommand(RED, parts));
  status.send({ event: 'ready' });
  reportModules(RED, { client: parts.client, userDir, log: (text) => say('warn', text) });
}

/*
 * io: listen ({fd} or {path}), document (descriptor or file), status (descriptor, path or null), userDir.
 */
async function run(io) {
  const status = channel.open(io.status);
  const life = createLife({ status, say });
  life.arm();
  try {
    await start(documents.read(io.document), io, status, life);
  } catch (err) {
    if (!life.ending)
      life.fatal(err, err.code || 'start');
  }
}

module.exports = { run };

if (require.main === module)
  run({ listen: { fd: 3 }, document: 4, status: 5, userDir: process.env.HOME || '/data' });
