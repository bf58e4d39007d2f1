'use strict';
/*
 * npm as Node-RED runs it: always our registry, in the user directory, without questions to anybody else. The
 * token reaches npm's own environment only, never process.env, so that env.get() in a flow cannot see it.
 */
const childProcess = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const NPM_CLI = /[\\/]npm[\\/]bin[\\/]npm-cli\.js$/;

/*
 * While Node-RED starts it runs `npm -v`, a fifth of the time of a start, to learn whether there is an npm. There is
 * one, and its package says which. Returns what ends this.
 */
function answerVersion() {
  const { execFile } = childProcess;
  childProcess.execFile = function (file, args, ...rest) {
    const done = rest[rest.length - 1];
    if (Array.isArray(args) && args.length === 2 && NPM_CLI.test(args[0]) && args[1] === '-v' && typeof done === 'function') {
      try {
        const { version } = JSON.parse(fs.readFileSync(path.join(args[0], '../../package.json'), 'utf8'));
        return void setImmediate(() => done(null, `${version}\n`, ''));
      } catch {
        /* No npm here after all: Node-RED finds out by itself. */
      }
    }
    return execFile.call(childProcess, file, args, ...rest);
  };
  return () => {
    childProcess.execFile = execFile;
  };
}

/* npm reads these names in any case; what is harmless is also for an `npm` that a flow starts itself. */
function publicConfig(base, userDir, ignoreScripts, caFile) {
  return {
    ...(base && { npm_config_registry: `${base}/npm/` }),
    ...(caFile && { npm_config_cafile: caFile }),
    npm_config_cache: path.join(userDir, '.npm'),
    npm_config_userconfig: '/dev/null',
    npm_config_audit: 'false',
    npm_config_fund: 'false',
    npm_config_update_notifier: 'false',
    npm_config_fetch_retries: '1',
    npm_config_fetch_timeout: '30000',
    npm_config_logs_max: '2',
    npm_config_progress: 'false',
    npm_config_omit_lockfile_registry_resolved: 'true',
    npm_config_ignore_scripts: ignoreScripts ? 'true' : 'false',
  };
}

/* "//host:port/npm/" as npm names the address in its configuration. */
function nerfDart(base) {
  return `${base.replace(/^https?:/, '')}/npm/`;
}

/* options: base, token, npm, ca (of the document), userDir. */
function createNpm({ base, token, userDir, npm, ca = '' }) {
  const trimmed = base.replace(/\/+$/, '');
  const ignoreScripts = npm.ignoreScripts !== false;
  const caFile = ca ? path.join(os.tmpdir(), 'redhouse-ca.pem') : '';
  const shared = publicConfig(trimmed, userDir, ignoreScripts, caFile);
  const secret = trimmed ? { [`npm_config_${nerfDart(trimmed)}:_authToken`]: npm.token || token } : {};
  const budget = Number.isInteger(npm.memoryMb) && npm.memoryMb >= 64
    ? { NODE_OPTIONS: `--max-old-space-size=${npm.memoryMb}` } : {};

  return {
    env: shared,

    /*
     * The files that npm wants to find: a package.json in the user directory, since npm climbs to a parent folder
     * otherwise, and whom to trust. Returns what could not be done, or null.
     */
    prepare() {
      const file = path.join(userDir, 'package.json');
      try {
        fs.mkdirSync(userDir, { recursive: true });
        if (caFile)
          fs.writeFileSync(caFile, ca);
        fs.writeFileSync(file, `${JSON.stringify({
          name: 'node-red-project', description: 'Modules of this instance', version: '0.0.1', private: true,
        }, null, 4)}\n`, { flag: 'wx' });
      } catch (err) {
        if (err.code !== 'EEXIST')
          return `${err.path || file}: ${err.code || err.message}`;
      }
      return null;
    },

    /* Gives every npm that Node-RED starts the token and its memory budget. */
    wrap(exec) {
      const run = exec.run;
      exec.run = function (command, args, options, emit) {
        const isNpm = Array.isArray(args) && NPM_CLI.test(String(args[0]));
        if (!isNpm)
          return run.call(exec, command, args, options, emit);
        const env = { ...process.env, ...(options && options.env), ...shared, ...budget, ...secret };
        return run.call(exec, command, args, { ...options, env }, emit);
      };
    },

    /* A module comes by name from our registry, or as a file that a person uploaded: never from another address. */
    checkInstall(event) {
      const { url, version } = event ?? {};
      /* npm would take an address or another package's name in the place of a version. */
      if (version && !/^[\w.+~^<>=|* -]{1,200}$/.test(version))
        throw new Error('This is not a version of a module.');
      if (typeof url !== 'string' || url === '')
        return;
      const uploads = path.join(userDir, 'nodes') + path.sep;
      const isUpload = path.isAbsolute(url) && path.resolve(url).startsWith(uploads);
      if (!isUpload && !(trimmed && url.startsWith(`${trimmed}/npm/`)))
        throw new Error('Modules are installed from this platform\'s registry only.');
    },
  };
}

module.exports = { createNpm, answerVersion };
