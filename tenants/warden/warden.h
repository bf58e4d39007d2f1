/*
 * The warden: a small executable that sandboxes and supervises one Node-RED. Started by the broker
 * as root in its own session, it builds the namespaces, binds the editor's socket, starts the
 * launcher (docs/runtime.md), then drops to the server's user, keeping only the right to kill its
 * child. It survives the server and speaks this protocol on data/run/instances/ID/warden.sock: JSON
 * lines, any number of clients, version in the hello. A server adopts wardens of the two releases
 * before.
 *
 * Run folder data/run/instances/ID/ (mode 0700, the server's user):
 *   warden.sock   this protocol           editor.sock   the editor and flows (0600)
 *   server.sock   the carrier's end: bound by the server, connected to by the warden for each
 * inbound connection end.json      {"kind","code","text","at","generation"} written when the
 * sandbox ended, just before the warden exits warden.pid    "PID GENERATION" Log:
 * data/logs/instances/ID/node-red.log (+ .1 … .4), rotated at 4 MiB; lines as written by the
 * runtime, with a time before each.
 *
 * To the client:   {"warden":1,"instance":ID,"generation":N,"ready":bool,"pid":N}   once, at
 * connect
 *                  {"status":{…}}      every status line of the launcher
 *                  {"stats":{"memory":bytes,"cpuMs":n,"pids":n}}  in answer to "stats"
 *                  {"end":{…}}         as end.json; then the connection closes
 * From the client: {"do":"stop","graceMs":N}  {"do":"kill"}  {"do":"stats"}
 * {"do":"command","line":{…}}
 */
#pragma once

#define WARDEN_PROTOCOL 1
