/* The states of an instance and the moves that are allowed: one table. */
#pragma once

#include "core/text.h"
#include "http/hosts.h"

enum instance_state {
    STATE_STOPPED,
    STATE_STARTING,
    STATE_RUNNING,
    STATE_STOPPING,
    STATE_ASLEEP,
    STATE_FAILED,
    STATE_COUNT,
};

const char *state_name(enum instance_state state);
bool state_parse(struct text name, enum instance_state *state);
bool state_may_move(enum instance_state from, enum instance_state to);
/* What the proxy is told. */
enum host_state state_host(enum instance_state state);
