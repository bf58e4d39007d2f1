/*
 * What runs instances. One record of functions, the contract at each slot; one contract test runs
 * against every driver. A driver knows neither SQL nor HTTP routes: a spec holds all it needs.
 *
 * All slots are called on the keeper's thread and never wait: they start work and report its end
 * exactly once, later, on the keeper's thread, through `done` (err NULL: success). The keeper puts
 * a deadline on each.
 */
#pragma once

#include "core/text.h"

#include <stdint.h>

struct err;
struct loop;

/* Everything a driver needs to start one instance. Texts live until the slot's done. */
struct instance_spec {
    const char *instance; /* id: names folders, labels, cgroups */
    const char *tenant;
    const char *stack;   /* name: a folder below the stacks folder */
    const char *plugins; /* hash: a folder below data/plugins */
    int64_t generation;
    struct text document;    /* the settings document (docs/runtime.md) */
    const char *public_host; /* "localhost": resolves to the carrier inside */
    int public_port;
    const char *node_options; /* V8 flags of the stack */
    int64_t memory_bytes;     /* limits */
    int64_t cpu_percent;      /* 100 is one core */
    int64_t pids;
    int64_t grace_ms; /* SIGTERM to SIGKILL */
};

/* How an instance ended. */
enum end_kind { END_EXIT, END_SIGNAL, END_OOM, END_SANDBOX, END_LOST };
struct instance_end {
    enum end_kind kind;
    int code;       /* exit status or signal */
    char text[160]; /* last words: the launcher's fatal message or the sandbox's error */
};

struct driver_events {
    void *arg;
    /* The launcher said {"event": …}: one JSON object without line end. */
    void (*status)(void *arg, const char *instance, struct text json);
    /* It ended, asked or not. Once per start. */
    void (*ended)(void *arg, const char *instance, const struct instance_end *end);
};

typedef void driver_done_fn(void *arg, const struct err *err);

/* One instance that the driver found running. */
struct driver_item {
    const char *instance;
    int64_t generation;
    const char *socket; /* the editor's Unix socket */
    bool ready;
};
typedef void driver_item_fn(void *arg, const struct driver_item *item);

struct driver {
    const char *name;
    /* Makes what must exist before a start: folders, networks. Idempotent. */
    void (*prepare)(struct driver *d, const char *instance, driver_done_fn *done, void *arg);
    /* Brings it up; one that runs already, unseen, is ended first. done means "begun": ready comes
     * as a status. */
    void (*start)(struct driver *d, const struct instance_spec *spec, driver_done_fn *done,
                  void *arg);
    /* SIGTERM, then SIGKILL after grace. Not running is success. done comes after `ended`. */
    void (*stop)(struct driver *d, const char *instance, int64_t grace_ms, driver_done_fn *done,
                 void *arg);
    /* Stops and erases everything the driver keeps for it, user directory included. */
    void (*remove)(struct driver *d, const char *instance, driver_done_fn *done, void *arg);
    /* Reports what already runs (after a restart of the server) and takes it over. What runs and
     * does not answer is ended. Called once, first: until its done nothing else is asked for but to
     * stop one that it reported. */
    void (*list)(struct driver *d, driver_item_fn *item, driver_done_fn *done, void *arg);
    /* One JSON line to the launcher: {"command": …}. May be NULL. */
    void (*command)(struct driver *d, const char *instance, struct text json);
    /* Where its editor will listen. */
    void (*socket_path)(struct driver *d, const char *instance, char *out, size_t n);
    void (*close)(struct driver *d);
};
