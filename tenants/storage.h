/*
 * What a runtime reads and writes through its carrier: flows with credentials, settings, sessions,
 * library, context (docs/runtime.md). Each handler sees only the instance of its token; writes of
 * an older generation are refused.
 */
#pragma once

struct err;
struct router;
struct tenants;

int storage_routes(struct tenants *tenants, struct router *router, struct err *err);
/* Makes `generation` the one that may write. Before the control row follows. */
int storage_begin(struct tenants *tenants, const char *tenant, const char *instance,
                  long long generation, struct err *err);
/* Removes all rows of an instance. */
int storage_erase(struct tenants *tenants, const char *tenant, const char *instance,
                  struct err *err);
