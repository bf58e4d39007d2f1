'use strict';
/*
 * The status channel: JSON lines to and from the warden. Nobody at the other end, or nobody reading, never stops
 * the runtime: lines are dropped beyond a bound. A write of one short line reaches the kernel before it returns, so
 * a line sent just before the end of the process is not lost.
 */
const net = require('node:net');

const MAX_LINE = 64 * 1024;
const MAX_PENDING = 256 * 1024;

const silent = { send() {}, onCommand() {} };

/* target: a descriptor, a path of a Unix socket, or null for none. */
function open(target) {
  if (target === null || target === undefined)
    return silent;
  let socket;
  try {
    socket = typeof target === 'number'
      ? new net.Socket({ fd: target, readable: true, writable: true })
      : net.connect(target);
  } catch {
    return silent;
  }
  let alive = true;
  let command = () => {};
  socket.on('error', () => { alive = false; });
  socket.on('close', () => { alive = false; });
  socket.on('data', lines((object) => command(object)));
  socket.unref();

  return {
    send(object) {
      const line = JSON.stringify(object) + '\n';
      if (alive && line.length <= MAX_LINE && socket.writableLength < MAX_PENDING)
        socket.write(line);
    },
    onCommand(fn) {
      command = fn;
    },
  };
}

/* A data handler that calls fn with each line that holds a JSON object; other lines are ignored. */
function lines(fn) {
  let rest = '';
  let skipping = false;
  return (chunk) => {
    const parts = (rest + chunk.toString('utf8')).split('\n');
    rest = parts.pop();
    for (const part of parts) {
      if (skipping) {
        skipping = false;
        continue;
      }
      const object = parse(part);
      if (object)
        fn(object);
    }
    if (rest.length > MAX_LINE) {
      rest = '';
      skipping = true;
    }
  };
}

function parse(text) {
  try {
    const value = JSON.parse(text);
    return value !== null && typeof value === 'object' && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

module.exports = { open, lines, MAX_LINE };
