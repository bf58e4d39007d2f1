/*
 * What the broker process holds, shared by its files. One thread, one loop; nothing here blocks but
 * small file operations: walks over trees run in helpers.
 */
#pragma once

#include "core/loop.h"
#include "tenants/broker/broker.h"
#include "tenants/broker/uids.h"

struct helper;
struct waiting;

struct broker {
    const struct broker_config *config;
    struct loop *loop;
    struct loop_watch socket;
    int warden_fd, self_fd; /* the executables, opened at the start */
    /* folders */
    int data, stacks, instances, run_instances, run_jobs, jobs, logs_instances, plugins;
    int git_local; /* -1: none */
    struct uids uids;
    struct helper *helpers;
};

/* One request on its way: copied, with the descriptors that came along. */
struct asked {
    struct broker_request request;
    int fds[2]; /* -1 where none came; closed when the request was handled */
};

/* Replies are sent exactly once for each request. */
void broker_reply_ok(struct broker *b, uint32_t serial, int exit_code);
void broker_reply_err(struct broker *b, uint32_t serial, const struct err *err);

/* The verbs. Each replies, now or later; what it needs of asked->fds it duplicates. */
void instance_prepare(struct broker *b, const struct asked *asked);
void instance_begin(struct broker *b, const struct asked *asked);
void instance_end(struct broker *b, const struct asked *asked); /* kill and remove */
void job_begin(struct broker *b, const struct asked *asked);
void job_kill(struct broker *b, const struct asked *asked);
void job_clean(struct broker *b, const struct asked *asked);
void stack_commit(struct broker *b, const struct asked *asked);
void stack_remove(struct broker *b, const struct asked *asked);

/* At the start: wardens that live on are watched, what dead ones left behind is removed. */
void instance_adopt_all(struct broker *b);
