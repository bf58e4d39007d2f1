/* Our option rows; nothing else knows flags, environment names or file keys. */
#pragma once

#include "core/option.h"

#include <stdint.h>

struct config {
    /* where and who */
    const char *data, *listen, *domain, *instance_domain, *public_url, *stacks;
    /* init */
    const char *admin, *password_file, *uplink;
    /* serve */
    const char *tls_dir, *access_log, *trusted_proxies, *platform_scope, *git_local, *default_stack;
    const char *uplink_ca, *uplink_proxy, *uplink_hosts;
    bool offline, git_private, hook_private, anonymous_reads, self_registration,
        must_change_password;
    int64_t ready_fd, uid_base, loops, workers, max_connections, max_spool, wait_ms,
        start_deadline_ms, drain_ms;
    int64_t memory, cpu_percent, pids, starts_at_once, ready_budget, source_poll_ms, hook_retry_ms,
        uplink_fresh_ms, uplink_stale_ms, uplink_timeout_ms, uplink_cache;
    /* command line as a client */
    const char *url, *token_file, *otp;
    bool json;
};

extern const struct option config_options[];
extern const size_t config_n_options;

/* Reads defaults, DATA/redhouse.conf, environment and flags; fills what follows from others
 * (public_url, instance_domain, stacks). *rest is the index of the first argument that is no flag;
 * NULL: there may be none. */
int config_read(struct config *config, struct pool *pool, char **argv, int *rest, struct err *err);
