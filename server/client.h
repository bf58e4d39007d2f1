/*
 * The command line as a client of the API: one connection to the admin socket of a data folder, or
 * to --url with a token. Inside server/ only.
 */
#pragma once

#include "core/json.h"
#include "server/config.h"

struct client {
    struct config config;
    struct pool *pool;
    struct fetcher *fetcher;
    const char *base, *socket, *secret, *token;
};

/* Returns its pool; client_close is due from here on. */
struct pool *client_init(struct client *client);
/* Reads the options and the credentials. */
int client_open(struct client *client, char **options, struct err *err);
void client_close(struct client *client);
/* One request; a problem+json answer becomes err. *doc is NULL for an empty answer. body may be
 * NULL. */
int client_call(struct client *client, const char *method, const char *path, const struct buf *body,
                const struct json **doc, struct err *err);
/* As client_call, with a body of that type. */
int client_send(struct client *client, const char *method, const char *path, struct text body,
                const char *type, const struct json **doc, struct err *err);
/* GET path as it is. */
int client_read(struct client *client, const char *path, struct text *out, struct err *err);
/* Follows the operation of a 202 answer to its end, printing its steps to stderr; *operation is how
 * it ended. */
int client_follow(struct client *client, const struct json *answer, const struct json **operation,
                  struct err *err);
/* client_events.c: gives each event `name` of GET path to take, its data as it was sent, until the
 * server ends the stream. */
int client_events(struct client *client, const char *path, const char *name,
                  void (*take)(void *arg, struct text data), void *arg, struct err *err);

/* Inside: one exchange with the credentials, and what a refusal says. */
struct fetch_request;
struct fetch_reply;
int client_exchange(struct client *client, const struct fetch_request *request,
                    struct fetch_reply *reply, struct err *err);
int client_problem(struct client *client, int status, struct text body, struct err *err);
