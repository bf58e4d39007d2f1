/*
 * Carries what the sandbox connects to at the public address (inside its own network namespace) to
 * the server's end, run folder/server.sock: bytes both ways, nothing understood. A server that is
 * away makes a connection end at once.
 */
#pragma once

struct err;
struct loop;

struct carrier;

/* Binds 127.0.0.1:port and [::1]:port, or every local address. In the sandbox's network namespace,
 * as root. */
struct carrier *carrier_open(int port, struct err *err);
/* Starts accepting. The current folder is the run folder. */
int carrier_start(struct carrier *carrier, struct loop *loop, struct err *err);
/* Ends the listeners and every connection. NULL is fine. */
void carrier_close(struct carrier *carrier);
