'use strict';
/*
 * Two faces on one listening socket. The proxy names the face in a header that no client can set: `editor` gets
 * Node-RED's admin app and /comms, `app` gets what flows serve. Node-RED's nodes see a server of their own
 * (`flows`), so what they attach to it (web sockets, socket.io) never appears on the editor's face.
 */
const { EventEmitter } = require('node:events');
const http = require('node:http');
const { HEADER: IDENTITY } = require('../auth/index.js');

const FACE = 'x-redhouse-face';
const USER = 'x-redhouse-user';
/* Longer than the proxy keeps an idle connection, so that it never meets one that closes at the same moment. */
const KEEP_ALIVE_MS = 120000;

function dropHeaders(req, names) {
  for (const name of names)
    delete req.headers[name];
  for (let i = req.rawHeaders.length - 2; i >= 0; i -= 2) {
    if (names.includes(req.rawHeaders[i].toLowerCase()))
      req.rawHeaders.splice(i, 2);
  }
}

/* What a flow may know about the person: a name, and only one that was verified. */
function showUser(req, verifyIdentity) {
  const who = verifyIdentity(req.headers[IDENTITY]);
  dropHeaders(req, [IDENTITY, USER]);
  if (who) {
    req.headers[USER] = who.user;
    req.rawHeaders.push(USER, who.user);
  }
}

function refuse(socket, status) {
  socket.on('error', () => {});
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

function pathOf(url) {
  const end = url.search(/[?#]/);
  return end < 0 ? url : url.slice(0, end);
}

/*
 * verifyIdentity: token to {user} or null. Afterwards: `editor` and `flows` are handed to Node-RED as its servers,
 * mount() says which apps serve, front.listen() opens.
 */
function createFaces(verifyIdentity) {
  const editor = new EventEmitter();
  const flows = http.createServer();
  const front = http.createServer();
  let apps = null;

  editor.setMaxListeners(0);
  flows.setMaxListeners(0);
  flows.address = () => front.address();
  Object.defineProperty(flows, 'listening', { get: () => front.listening });
  flows.on('request', (req, res) => apps.httpNode(req, res));

  front.keepAliveTimeout = KEEP_ALIVE_MS;
  front.requestTimeout = 0;
  front.on('request', (req, res) => {
    const face = req.headers[FACE];
    dropHeaders(req, [FACE]);
    if (apps === null || (face !== 'editor' && face !== 'app')) {
      res.writeHead(apps === null ? 503 : 400, { 'content-type': 'text/plain', connection: 'close' });
      res.end(apps === null ? 'starting\n' : 'no face\n');
    } else if (face === 'editor') {
      apps.httpAdmin(req, res);
    } else {
      showUser(req, verifyIdentity);
      flows.emit('request', req, res);
    }
  });
  front.on('upgrade', (req, socket, head) => {
    const face = req.headers[FACE];
    dropHeaders(req, [FACE]);
    socket.on('error', () => {});
    if (face === 'app') {
      showUser(req, verifyIdentity);
      flows.emit('upgrade', req, socket, head);
    } else if (face !== 'editor') {
      refuse(socket, '400 Bad Request');
    } else if (pathOf(req.url) !== '/comms' || !editor.emit('upgrade', req, socket, head)) {
      refuse(socket, '404 Not Found');
    }
  });
  front.on('clientError', (err, socket) => refuse(socket, '400 Bad Request'));

  return {
    editor,
    flows,
    front,
    mount(given) {
      apps = given;
    },
    /* target: {fd} or {path}. */
    listen(target) {
      return new Promise((resolve, reject) => {
        front.once('error', reject);
        front.listen(target, () => {
          front.off('error', reject);
          front.on('error', () => {});
          flows.emit('listening');
          resolve();
        });
      });
    },
  };
}

module.exports = { createFaces };
