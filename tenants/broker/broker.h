/*
 * The broker: the small process that keeps the privileges. The server forks it before any thread,
 * then drops to the system user; they speak over one SOCK_SEQPACKET pair, and the broker ends when
 * that closes.
 *
 * It takes an instance id, a stack's name and numbers within its own bounds, never paths or
 * arguments; opens paths with openat and O_NOFOLLOW below the data folder; executes only root-owned
 * files; gives uids from uid_base on, recorded in data/uids (never reused).
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
    const char *git_local;   /* repositories that git jobs may read lie below it; NULL: none */
    uid_t server_uid;        /* user redhouse */
    gid_t server_gid;
    uid_t uid_base;
};

/* Forks the broker. *fd is the server's end. To be called by root before any thread. */
int broker_fork(const struct broker_config *config, int *fd, pid_t *pid, struct err *err);

/* The requests: fixed-size records, so that parsing is a bounds check. One reply per request, same
 * serial. */
#define BROKER_VERSION 1
#define BROKER_ID 27
#define BROKER_NAME 48

enum broker_verb {
    /* userDir, run folder and log folder of an instance, with its uid. Idempotent. */
    BROKER_PREPARE,
    /* A warden; fd: the settings document, a memory file sealed against writing. The reply comes
     * when the launcher was executed. "already_running" if one runs (one that is ending is waited
     * for). */
    BROKER_START,
    /* userDir, run and log folder, cgroup of an instance; one that runs is killed. */
    BROKER_REMOVE,
    /* A warden that does not answer, and its sandbox. The reply comes when both are gone, with
     * their cgroup; nobody there is success. */
    BROKER_KILL,
    /* A sandboxed one-shot job; fds: [0] log, [1] input (git, stack). The reply comes at its end;
     * then out belongs to the server (git, pack). */
    BROKER_JOB,
    /* The job's own reply then comes with exit_code 137. */
    BROKER_JOB_KILL,
    /* Removes a job's folder; the job must have ended. */
    BROKER_JOB_CLEAN,
    /* A finished stack job's folder (id) becomes root-owned stacks/NAME (stack). */
    BROKER_STACK_COMMIT,
    /* stacks/NAME; nothing may run on it any more. */
    BROKER_STACK_REMOVE,
};

/* Job folders: data/jobs/ID/{in,src,out}; a job runs under a uid of its own and sees these at /job.
 */
enum broker_job_kind {
    /* "redhouse git-fetch" over /job/in (JSON, a file) into /job/out; network: the host's. With a
     * subdir: of the repository there below the git_local folder, seen at /job/repository; no
     * network. */
    BROKER_JOB_GIT,
    /* npm pack --ignore-scripts of /job/src/SUBDIR into /job/out, its JSON on the log; no network.
     * The first of an id takes what that id's git job left in out as its src. */
    BROKER_JOB_PACK,
    /* npm ci --ignore-scripts into /job/out by the node and npm of `stack`; /job/in is
     * {"files": {"package.json", "package-lock.json", ".npmrc"}, "registry", "ca"}; network: the
     * carrier only, which ends in run/jobs/ID/server.sock (folder and socket made by the server).
     */
    BROKER_JOB_STACK,
    /* "redhouse unpack" of the tarballs in /job/in into /job/out, for the Node.js and npm that
     * stack jobs begin with; no network. Committed like a stack. */
    BROKER_JOB_UNPACK,
};

struct broker_request {
    uint32_t version, serial;
    uint32_t verb; /* enum broker_verb */
    uint32_t job_kind;
    char id[BROKER_ID + 1]; /* instance or job */
    char stack[BROKER_NAME];
    char plugins[BROKER_NAME]; /* hash of the plugins folder */
    char public_host[256];
    int32_t public_port;
    int64_t generation;
    int64_t memory_bytes, cpu_percent, pids, grace_ms, deadline_ms;
    char node_options[256]; /* checked: "--flag=value" words of a fixed list */
    char subdir[256];       /* pack: the package's folder in the source, relative, "" for its root;
                               git: the repository below git_local, "" for one on the network */
};

/* Bounds of the numbers. */
#define BROKER_MEMORY_MIN (32LL << 20)
#define BROKER_MEMORY_MAX (1LL << 40)
#define BROKER_CPU_MAX 10000
#define BROKER_PIDS_MIN 16
#define BROKER_PIDS_MAX 32768
#define BROKER_DEADLINE_MAX_MS 3600000
#define BROKER_DOCUMENT_MAX (4LL << 20)

struct broker_reply {
    uint32_t version, serial;
    int32_t status;    /* 0, or -1 with text */
    int32_t exit_code; /* of a job */
    char code[48];
    char text[240];
};
