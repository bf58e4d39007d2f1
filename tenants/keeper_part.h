/* What the keeper's files share. Inside tenants/ only. */
#pragma once

#include "core/err.h"
#include "core/loop.h"
#include "core/pool.h"
#include "tenants/unit.h"

#include <pthread.h>

struct keeper {
    struct tenants *tenants;
    struct loop *loop;
    struct driver *driver;
    struct broker_client *broker;
    pthread_t thread;
    struct unit *units;
    unsigned starting, starting_max; /* admission: at most so many at once */
    bool listed;                     /* what runs already is known: before that nothing is begun */
    bool closing, stop_when_quiet;
    struct loop_timer deadline; /* of closing */
};

/* Database work of a unit: `work` on the keeper's lane, then `done` on the keeper's thread. */
struct job {
    struct keeper *keeper;
    struct unit *unit;
    struct pool *pool;
    int (*work)(struct job *job); /* -1 with job->err */
    void (*done)(struct job *job);
    struct loop_timer again; /* while the lane has no room */
    bool failed;
    struct err err;
    /* what work and done share */
    struct instance row;
    struct instance_spec spec;
    enum instance_state state;
    char cause[240];
    char operation[27];
    const struct err *problem;
    struct text text, text2;
};
struct job *job_new(struct unit *unit, int (*work)(struct job *), void (*done)(struct job *));
/* Marks the unit busy and posts; the job frees itself after done. */
void job_start(struct job *job);
/* As job_start, but the unit stays free: for what nobody waits for. */
void job_start_aside(struct job *job);

struct unit *keeper_unit(struct keeper *keeper, const char *id);
struct unit *keeper_add(struct keeper *keeper, const struct instance *row);
void keeper_drop(struct keeper *keeper, struct unit *unit);
/* Publishes the host map. */
void keeper_publish(struct keeper *keeper);
/* Steps everything that waits for its turn to start. */
void keeper_admit(struct keeper *keeper);

/* The work of a start on the lane: generation, token, document; fills job->spec in job->pool. */
int launch_prepare(struct job *job);
