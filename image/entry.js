'use strict';
/*
 * The launcher in a container, where nothing can be inherited: a folder takes the place of the descriptors.
 *   document.json  the settings document; erased as soon as it is open, so that no flow can read it
 *   status.sock    the status channel, if somebody listens there
 *   editor.sock    the editor and the flows; made here
 */
const fs = require('node:fs');
const path = require('node:path');

const { run } = require('/plugins/launcher/index.js');

const FOLDER = process.env.REDHOUSE_RUN || '/run/redhouse';
const inside = (name) => path.join(FOLDER, name);

function openDocument() {
  let fd;
  try {
    fd = fs.openSync(inside('document.json'), 'r');
  } catch (err) {
    process.stderr.write(`[fatal] [redhouse] ${inside('document.json')}: ${err.code}\n`);
    process.exit(1);
  }
  try {
    fs.unlinkSync(inside('document.json'));
  } catch (err) {
    process.stderr.write(`[warn] [redhouse] the document stays where flows can read it: ${err.code}\n`);
  }
  return fd;
}

function socketIfThere(file) {
  return fs.statSync(file, { throwIfNoEntry: false })?.isSocket() ? file : null;
}

const document = openDocument();
/* An earlier run leaves its socket behind; the folder, not the mode of the socket, says who may connect. */
fs.rmSync(inside('editor.sock'), { force: true });
run({
  listen: { path: inside('editor.sock'), readableAll: true, writableAll: true },
  document,
  status: socketIfThere(inside('status.sock')),
  userDir: process.env.HOME || '/data',
});
