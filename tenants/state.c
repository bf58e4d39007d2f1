#include "tenants/state.h"

static const struct {
    const char *name;
    enum host_state host;
    unsigned to; /* bits of the states it may move to */
} states[STATE_COUNT] = {
    [STATE_STOPPED] = {"stopped", HOST_STOPPED, 1u << STATE_STARTING | 1u << STATE_FAILED},
    [STATE_STARTING] = {"starting", HOST_STARTING,
                        1u << STATE_RUNNING | 1u << STATE_STOPPING | 1u << STATE_FAILED |
                            1u << STATE_STARTING},
    [STATE_RUNNING] = {"running", HOST_RUNNING,
                       1u << STATE_STOPPING | 1u << STATE_STARTING | 1u << STATE_FAILED},
    [STATE_STOPPING] = {"stopping", HOST_STOPPED,
                        1u << STATE_STOPPED | 1u << STATE_ASLEEP | 1u << STATE_STARTING |
                            1u << STATE_FAILED},
    [STATE_ASLEEP] = {"asleep", HOST_ASLEEP,
                      1u << STATE_STARTING | 1u << STATE_STOPPED | 1u << STATE_FAILED},
    [STATE_FAILED] = {"failed", HOST_FAILED,
                      1u << STATE_STARTING | 1u << STATE_STOPPED | 1u << STATE_FAILED},
};

const char *state_name(enum instance_state state)
{
    return states[state].name;
}

bool state_parse(struct text name, enum instance_state *state)
{
    for (int i = 0; i < STATE_COUNT; i++) {
        if (text_is(name, states[i].name)) {
            *state = (enum instance_state)i;
            return true;
        }
    }
    return false;
}

bool state_may_move(enum instance_state from, enum instance_state to)
{
    return (states[from].to >> to & 1u) != 0;
}

enum host_state state_host(enum instance_state state)
{
    return states[state].host;
}
