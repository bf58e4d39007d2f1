/*
 * The warden's end of the status channel. The far end is shared with tenant code, so every line is
 * suspect: bounded in length and rate, passed on only when it is one JSON object with an "event".
 */
#pragma once

#include "core/text.h"

struct err;
struct loop;
struct launcher;

struct launcher_config {
    struct loop *loop;
    int fd;
    void *arg;
    /* One status line as JSON, its event's name and, of "fatal", the message. */
    void (*status)(void *arg, struct text json, struct text event, struct text message);
};

struct launcher *launcher_open(const struct launcher_config *config, struct err *err);
/* One line to the launcher; one that does not read loses it. */
void launcher_command(struct launcher *launcher, struct text json);
/* Takes what is still in the channel. */
void launcher_drain(struct launcher *launcher);
void launcher_close(struct launcher *launcher);
