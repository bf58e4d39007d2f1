/*
 * A warden of an instance: instance_start builds everything as root, instance_run supervises
 * without.
 */
#pragma once

#include "tenants/sandbox/cgroup.h"
#include "tenants/sandbox/sandbox.h"
#include "tenants/warden/logfile.h"

struct carrier;
struct err;
struct warden_record;

struct instance {
    const struct warden_record *record;
    struct cgroup cgroup;
    struct sandbox sandbox;
    struct carrier *carrier;
    struct logfile log;
    int clients_fd; /* listening: warden.sock */
    int status_fd;  /* the status channel's outer end */
    int output_fd;  /* what it writes to its log */
};

/* Sandbox up, launcher executed, privileges gone. On failure nothing is left running. */
int instance_start(struct instance *in, const struct warden_record *record, struct err *err);
/* Until the sandbox ended; end.json is written then. */
int instance_run(struct instance *in, struct err *err);
