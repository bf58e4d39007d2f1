/*
 * The frame of a command that asks a server: reads the arguments and the credentials, gives the
 * command a request body that is open already, and prints what it leaves: with --json the document,
 * else the columns of the command or a sentence. Inside server/ only.
 */
#pragma once

#include "core/buf.h"
#include "core/err.h"
#include "core/json.h"
#include "core/pool.h"
#include "server/args.h"
#include "server/client.h"
#include "server/commands.h"

#include <stdio.h>

struct ask {
    struct client client;
    struct pool *pool; /* of the client */
    struct args args;
    struct json_writer w; /* the body of ask_post and ask_send: an object */
    struct buf body;
    /* what the command leaves */
    const struct json *doc; /* NULL: nothing is printed */
    const char *columns;    /* the command's own unless it says others */
    const char *done;       /* without --json "WORD: done" instead of columns */
    const char *note;       /* without --json a sentence to stderr */
    int status;             /* of the process, when the command went well */
};

int ask_run(const struct command *command, int argc, char **argv);

/* Each leaves the answer in doc. */
int ask_get(struct ask *ask, const char *path, struct err *err);
int ask_delete(struct ask *ask, const char *path, struct err *err);
/* With the body, which ends here. */
int ask_post(struct ask *ask, const char *path, struct err *err);
int ask_send(struct ask *ask, const char *method, const char *path, struct err *err);
/* All pages of the list; path has no query. */
int ask_list(struct ask *ask, const char *path, struct err *err);
/* After a request that began an operation: follows it to its end and leaves it in doc. */
int ask_follow(struct ask *ask, const char *done, struct err *err);
/* One more member of doc. */
int ask_add(struct ask *ask, const char *key, struct text value, struct err *err);
/* A line for people, unless JSON is asked for. It may hold others' words: they do not move a
 * terminal's cursor. */
void ask_say(const struct ask *ask, FILE *to, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* before + arg, escaped + after */
const char *ask_path(struct ask *ask, const char *before, struct text arg, const char *after);
