/*
 * The broker: the small process that keeps the privileges. The server forks it before any thread, then drops
 * to the system user; they speak over one SOCK_SEQPACKET pair, and the broker ends when that closes.
 *
 * It takes an instance id, a stack's name and numbers within its own bounds, never paths or arguments; opens
 * paths with openat and O_NOFOLLOW below the data folder; executes only root-owned files; gives uids from uid_base on,
 * recorded in data/uids (never reused).
 */
#pragma once

#include "core/text.h"

#include <stdint.h>
#include <sys/types.h>

struct err;

struct broker_config {
    const char *data_dir;
    const char *stacks_dir;  /* "" : data/stacks */
    const char *warden_path; /* beside the server's own binary, root-owned */
    const char *self_path;   /* the server's own binary, for git children */
    uid_t server_uid;        /* user redhouse */
    gid_t server_gid;
    uid_t uid_base;
};

/* Forks the broker. *fd is the server's end. To be called by root before any thread. */
int broker_fork(const struct broker_config *config, int *fd, pid_t *pid, struct err *err);

/* The requests: fixed-size records, so that parsing is a bounds check. One reply per request, same serial. */
#define BROKER_VERSION 1
#define BROKER_ID 27
#define BROKER_NAME 48

enum broker_verb {
    BROKER_PREPARE,      /* userDir and run folder of an instance, with its uid */
    BROKER_START,        /* warden; fd: the settings document */
    BROKER_REMOVE,       /* userDir, run folder, cgroups of an instance */
    BROKER_KILL,         /* a warden that does not answer, and its sandbox */
    BROKER_JOB,          /* a sandboxed one-shot job; fds: [0] log, [1] input (optional) */
    BROKER_JOB_KILL,
    BROKER_JOB_CLEAN,    /* removes a job's folder */
    BROKER_STACK_COMMIT, /* a finished stack job's folder becomes root-owned stacks/NAME */
    BROKER_STACK_REMOVE,
};

enum broker_job_kind {
    BROKER_JOB_GIT,   /* "redhouse git-fetch" over /job/in (JSON) into /job/out; network: the host's */
    BROKER_JOB_PACK,  /* npm pack --ignore-scripts of /job/src into /job/out; no network */
    BROKER_JOB_STACK, /* npm ci --ignore-scripts into /job/out; network: the carrier only */
};

struct broker_request {
    uint32_t version, serial;
    uint32_t verb;             /* enum broker_verb */
    uint32_t job_kind;
    char id[BROKER_ID + 1];    /* instance or job */
    char stack[BROKER_NAME];
    char plugins[BROKER_NAME]; /* hash of the plugins folder */
    char public_host[256];
    int32_t public_port;
    int64_t generation;
    int64_t memory_bytes, cpu_percent, pids, grace_ms, deadline_ms;
    char node_options[256];    /* checked: "--flag=value" words of a fixed list */
};

struct broker_reply {
    uint32_t version, serial;
    int32_t status;            /* 0, or -1 with text */
    int32_t exit_code;         /* of a job */
    char code[48];
    char text[240];
};
