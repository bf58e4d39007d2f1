/*
 * What /api/v1/events tells: instance states, operations, builds, packages. Each event belongs to a
 * tenant (or to the platform) and reaches only who may read that tenant. A ring of the last 1,000
 * allows resume by Last-Event-ID; older: an event "reset" tells the client to read its lists again.
 */
#pragma once

#include "core/text.h"

struct call;
struct events;

struct events *events_new(void);
void events_free(struct events *events);
/* Any thread. kind: "instance", "operation", "build", "package"…; data: one JSON object. tenant
 * NULL: admins only. */
void events_emit(struct events *events, const char *tenant, const char *kind, struct text data);
/* The handler of GET /api/v1/events. */
void events_serve(struct events *events, struct call *c);
