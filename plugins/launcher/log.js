'use strict';
/*
 * The log: lines of text on stdout, without a time, because the warden puts one before each. `say` is for our own
 * lines, `handler` is Node-RED's console logger.
 */
const util = require('node:util');

const LEVELS = { 10: 'fatal', 20: 'error', 30: 'warn', 40: 'info', 50: 'debug', 60: 'trace', 98: 'audit', 99: 'metric' };

function say(level, text) {
  process.stdout.write(`[${level}] [redhouse] ${text}\n`);
}

function text(value) {
  if (typeof value === 'string')
    return value;
  if (value instanceof Error)
    return value.stack || String(value);
  return util.inspect(value, { depth: 4, breakLength: 120 });
}

/* A factory as settings.logging.console.handler wants it. */
function handler() {
  return (entry) => {
    try {
      const level = LEVELS[entry.level] || 'info';
      const origin = entry.type ? `[${entry.type}:${entry.name || entry.id}] ` : '';
      const message = entry.msg === undefined ? text({ ...entry, level: undefined }) : text(entry.msg);
      process.stdout.write(`[${level}] ${origin}${message}\n`);
    } catch {
      process.stdout.write('[warn] [redhouse] a log entry could not be written\n');
    }
  };
}

module.exports = { say, handler };
