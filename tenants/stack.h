/*
 * Stacks: a Node-RED and the Node.js under it, installed below the stacks folder from committed
 * lock files through our own registry, integrity checked, without install scripts, npm running in
 * the sandbox.
 */
#pragma once

struct err;
struct router;
struct tenants;

/* At start: rows for the folders that are there (a shared stacks folder), failed for installs that
 * were cut. */
int stack_find(struct tenants *tenants, struct err *err);
int stack_routes(struct tenants *tenants, struct router *router, struct err *err);
