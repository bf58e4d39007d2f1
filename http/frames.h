/*
 * Follows the WebSocket frames of one direction by their heads alone, to tell a person from a
 * heartbeat. Pure; whatever the bytes are, it only counts.
 */
#pragma once

#include "core/text.h"

/* Zeroed to begin. */
struct frames {
    /* below: not written by callers */
    unsigned char head[14];
    unsigned n_head;
    uint64_t left; /* of the payload */
};

/* True when a frame begins in the bytes that a person's doing sends: data of more than a few bytes,
 * not a ping, a pong, or the short beats of common libraries. */
bool frames_person(struct frames *frames, struct text bytes);
