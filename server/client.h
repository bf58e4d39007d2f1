/*
 * The command line as a client of the API: one connection to the admin socket of a data folder, or
 * to --url with a token. Inside server/ only.
 */
#pragma once

#include "core/json.h"
#include "server/commands.h"
#include "server/config.h"

struct client {
    struct config config;
    struct pool *pool;
    char **args; /* what is left after the flags */
    int n_args;
    struct fetcher *fetcher;
    const char *base, *socket, *secret, *token;
};

/* Reads flags and the credentials; `least` arguments must be left (the command's own words say
 * which). */
int client_open(struct client *client, const struct command *command, int argc, char **argv,
                int least, struct err *err);
void client_close(struct client *client);
/* One request; a problem+json answer becomes err. *doc is NULL for an empty answer. body may be
 * NULL. */
int client_call(struct client *client, const char *method, const char *path, const struct buf *body,
                const struct json **doc, struct err *err);
/* As client_call, with a body of that type. */
int client_send(struct client *client, const char *method, const char *path, struct text body,
                const char *type, const struct json **doc, struct err *err);
/* Follows the operation of a 202 answer to its end, printing its steps to stderr. */
int client_follow(struct client *client, const struct json *answer, struct err *err);
/* Prints the answer: as JSON with --json, else the columns "slug,state" of an object or of
 * {"items"}. */
void client_print(struct client *client, const struct json *doc, const char *columns);
/* Streams GET path to stdout until it ends. */
int client_stream(struct client *client, const char *path, struct err *err);
