/*
 * Host name → instance and face: the snapshot the keeper publishes and the proxy reads.
 */
#pragma once

#include "core/snapshot.h"
#include "core/text.h"
#include "http/route.h"

#include <stdatomic.h>

enum host_state { HOST_STOPPED, HOST_STARTING, HOST_RUNNING, HOST_ASLEEP, HOST_FAILED };

/* Shared by all snapshots of one instance; written by loops, read by the keeper. Lives as long as
 * any snapshot that names the instance, and as long as it is held. */
struct host_activity {
    atomic_llong last_ms; /* monotonic, of the last request or frame from a person */
    atomic_uint sockets;  /* open WebSockets */
    atomic_uint requests; /* under way */
};

struct host_entry {
    const char *host;     /* "demo.localhost", without port */
    enum face face;       /* FACE_EDITOR or FACE_APP */
    const char *instance; /* id */
    const char *slug;
    const char *tenant; /* id */
    enum host_state state;
    const char *cause;     /* of FAILED, a sentence with its remedy; else NULL */
    const char *socket;    /* path of the editor's Unix socket when running */
    unsigned char key[32]; /* signs the identity header */
    const char *title;     /* of waiting pages */
    const char *look;      /* CSS of typed tokens for waiting pages; NULL: the platform's */
    struct host_activity *activity; /* set by hosts_put; ignored in what is handed to it */
};

/* For what outlasts its snapshot: requests and WebSockets. */
struct host_activity *host_activity_hold(struct host_activity *seen);
void host_activity_drop(struct host_activity *seen);

struct hosts;
struct hosts *hosts_new(void);
void hosts_free(struct hosts *hosts);
/* Replaces the map; entries and their texts are copied. Of entries with the same host the first
 * counts. Requests that wait are judged again. */
void hosts_put(struct hosts *hosts, const struct host_entry *entries, size_t n);
/* Never NULL; an empty map before the first put. */
struct snapshot *hosts_take(struct hosts *hosts);
/* By host name without port, lower case; NULL if none. */
const struct host_entry *hosts_find(struct snapshot *s, struct text host);
/* By instance id: its editor's entry, else any; NULL if none. */
const struct host_entry *hosts_find_instance(struct snapshot *s, struct text instance);
/* A request came for an instance that is not running: called on a loop, must only post a message.
 */
void hosts_on_wanted(struct hosts *hosts, void (*fn)(void *arg, const char *instance), void *arg);
void hosts_wanted(struct hosts *hosts, const char *instance);
/* Called by hosts_put, on its thread, once the new map is there. One listener; NULL removes it. */
void hosts_on_put(struct hosts *hosts, void (*fn)(void *arg), void *arg);
