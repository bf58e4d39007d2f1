/*
 * The clients of warden.sock: a few, with bounded lines in, a bounded backlog out. One that does
 * not read what it is sent is disconnected. What they ask is handed up line by line.
 */
#pragma once

#include "core/text.h"

struct err;
struct loop;
struct clients;

struct clients_config {
    struct loop *loop;
    int listener;
    unsigned server_uid; /* besides root the only one that may connect */
    void *arg;
    /* The first line for a new client. */
    struct text (*hello)(void *arg);
    /* One line from a client, who can be answered with clients_answer inside the call. */
    void (*line)(void *arg, struct text line);
};

struct clients *clients_open(const struct clients_config *config, struct err *err);
/* One line (without its end) to everybody. */
void clients_say(struct clients *clients, struct text line);
/* One line to whoever sent the line that is being handled. */
void clients_answer(struct clients *clients, struct text line);
/* Whether everything said has been taken. */
bool clients_drained(const struct clients *clients);
void clients_close(struct clients *clients);
