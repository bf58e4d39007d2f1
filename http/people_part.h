/* What the files of the people's routes share. Inside http/ only. */
#pragma once

#include "http/call.h"
#include "http/people.h"
#include "http/route.h"

struct people {
    struct people_config config;
};

bool people_is_tls(const struct people *people);
/* A cookie of this host: our name with suffix; life 0 removes it. */
void people_set_cookie(struct call *c, const char *suffix, struct text value, long life_s);
void people_keep_session(struct call *c, struct text cookie);

int carry_routes(struct people *people, struct router *router, struct err *err);
int login_routes(struct people *people, struct router *router, struct err *err);
int tenant_routes(struct people *people, struct router *router, struct err *err);
int token_routes(struct people *people, struct router *router, struct err *err);
/* "scopes": [names] of a mask. */
void people_put_scopes(struct json_writer *w, uint32_t scopes);
