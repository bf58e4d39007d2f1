/* What the files of the people's routes share. Inside http/ only. */
#pragma once

#include "http/call.h"
#include "http/people.h"
#include "http/route.h"

#include <pthread.h>

struct people {
    struct people_config config;
    pthread_mutex_t changing; /* from comparing If-Match to the change */
};

/* A list over the control database. Both statements take ?1 the owner (an id or NULL), ?2 the
 * cursor, ?3 the limit, ?4 the filter or NULL, and order by the cursor's column: rows gives the
 * items, keys the cursors of row number limit and of the one after, if there are such. */
struct people_list {
    const char *rows, *keys;
};
void people_answer_list(struct call *c, const struct people_list *list, const char *owner);
/* The rest of a list that was begun with its items: "next" and the end. */
void people_end_list(struct call *c, struct json_writer *w, struct text next);
/* An object with its ETag; 304 if the client has it. */
void people_answer_object(struct call *c, int status, const struct buf *json);
/* ERR_PRECONDITION "changed" unless If-Match, if there is one, names what json would be sent with.
 */
int people_check_match(struct call *c, const struct buf *json, struct err *err);

bool people_is_tls(const struct people *people);
/* A cookie of this host: our name with suffix; life 0 removes it. */
void people_set_cookie(struct call *c, const char *suffix, struct text value, long life_s);
void people_keep_session(struct call *c, struct text cookie);

int carry_routes(struct people *people, struct router *router, struct err *err);
int me_routes(struct people *people, struct router *router, struct err *err);
int login_routes(struct people *people, struct router *router, struct err *err);
int tenant_routes(struct people *people, struct router *router, struct err *err);
int token_routes(struct people *people, struct router *router, struct err *err);
/* "scopes": [names] of a mask. */
void people_put_scopes(struct json_writer *w, uint32_t scopes);
