/*
 * Settings of a Node-RED that runs on a machine of yours, with its flows, library and modules on the platform.
 *
 *   npm install @redhouse/plugins          next to this file, from the platform's registry
 *   REDHOUSE_TOKEN=… node-red --settings settings.js
 *
 * The editor listens on 127.0.0.1 only, unless REDHOUSE_EDITOR_PASSWORD_HASH (from `node-red admin hash-pw`) and
 * REDHOUSE_EDITOR_USER are set. Nothing below is evaluated: it is one string of JSON.
 */
module.exports = require('@redhouse/plugins/launcher/external.js').settings(JSON.parse("@DOCUMENT@"));
