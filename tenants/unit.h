/*
 * One instance as the keeper sees it, inside tenants/ only, on the keeper's thread. unit_step looks
 * at what is wanted and what is, and begins the next piece of work if none is under way; the end of
 * that work calls it again.
 */
#pragma once

#include "core/loop.h"
#include "core/pool.h"
#include "http/hosts.h"
#include "tenants/driver.h"
#include "tenants/instance.h"

struct keeper;

struct unit {
    struct keeper *keeper;
    struct unit *next;
    char id[32], slug[48], tenant[32], name[104];
    enum instance_state state;
    enum desired desired;
    int64_t generation, restarts;
    char cause[240];
    unsigned char key[32]; /* signs the identity header; derived from the master key and the id */
    char *look;            /* CSS of waiting pages; NULL: none */
    struct host_activity *activity;
    char socket[256];

    unsigned jobs; /* under way, naming this unit */
    bool gone;     /* dropped: freed with its last job */
    bool busy;     /* a job or a driver slot is under way */
    bool ready;    /* the launcher said so */
    bool live;     /* the driver has it */
    bool ended;    /* and it ended: `end` says how */
    bool restart;  /* asked for */
    bool safe;     /* the next start leaves the flows stopped */
    bool closing;  /* the server stops its instances */
    bool admitted; /* counts as one of the starts under way */
    bool late;     /* its start deadline passed: stop it and fail */
    struct instance_end end;
    unsigned quick_ends; /* crashes in a row soon after a start */
    int64_t ready_at;    /* monotonic */
    int64_t retry_at;    /* monotonic; 0: at once */
    struct loop_timer timer;
    char operation[27]; /* "" or what to end when it gets there */
};

void unit_step(struct unit *unit);
/* A status line of the launcher. */
void unit_status(struct unit *unit, struct text json);
void unit_ended(struct unit *unit, const struct instance_end *end);
/* What was found when the server started is not what the row says: the row follows. */
void unit_found(struct unit *unit, enum instance_state state);
