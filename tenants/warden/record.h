/*
 * How the broker starts a warden: no arguments, but a fixed record and numbered descriptors. Both
 * come from the same build, so the record has a version only to catch a binary that was replaced in
 * between.
 */
#pragma once

#include <stdint.h>

#define WARDEN_RECORD_VERSION 1

enum warden_kind { WARDEN_INSTANCE, WARDEN_GIT, WARDEN_PACK, WARDEN_STACK, WARDEN_UNPACK };

struct warden_record {
    uint32_t version;
    uint32_t kind; /* enum warden_kind */
    char id[32];
    char public_host[256];
    char node_options[256];
    char subdir[256]; /* of the job's source, relative */
    int32_t public_port;
    uint32_t uid, gid;               /* inside */
    uint32_t server_uid, server_gid; /* the warden's own, once it has built the sandbox */
    int64_t generation;
    int64_t memory_bytes, cpu_percent, pids;
    int64_t deadline_ms; /* of a job */
};

/* Descriptors: 0 to 2 are /dev/null; one that a kind does not need is not there. */
enum warden_fd {
    WARDEN_FD_RECORD = 3,
    WARDEN_FD_REPORT,   /* struct warden_report is written here: once it runs, or a job's end */
    WARDEN_FD_RUN,      /* the run folder, the server's user's */
    WARDEN_FD_LOG,      /* instance: the log folder; job: the log itself */
    WARDEN_FD_DATA,     /* instance: the user directory; job: its out folder */
    WARDEN_FD_STACK,    /* the stack's folder */
    WARDEN_FD_PLUGINS,  /* the plugins' folder */
    WARDEN_FD_DOCUMENT, /* instance: the settings document; job: its input file */
    WARDEN_FD_SOURCE,   /* job: its src folder; git: a repository of this machine */
    WARDEN_FD_SELF,     /* git: the server's binary */
    WARDEN_FD_LOCK,     /* instance: held as long as the warden lives */
    WARDEN_FD_END,
};

struct warden_report {
    int32_t status;    /* 0, or -1 with code and text */
    int32_t exit_code; /* of a job; 128 + signal when it was killed */
    char code[48];
    char text[240];
};
