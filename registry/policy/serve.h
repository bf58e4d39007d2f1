/* Bodies and tarballs as rules leave them: between what is stored and what is answered. Workers. */
#pragma once

#include "registry/packument.h"

struct asked;
struct call;
struct err;
struct policy_view;
struct pool;

struct serve {
    const struct asked *asked;
    const struct policy_view *view;
    enum packument_form form;
};

/* Who changes a package reads all of it: npm's unpublish sends back what is to stay. */
void serve_look(struct call *c, const struct asked *asked, struct policy_view *view);
/* The packument; of a public one what the uplink gave last, refreshed before. */
int serve_packument(struct pool *pool, const struct serve *serve, struct text *body,
                    struct err *err);
/* One version, by number or tag, and the tags, with rules in force. ERR_FORBIDDEN "policy". */
int serve_version(struct call *c, const struct serve *serve, struct text which, struct text *body,
                  struct err *err);
int serve_tags(struct pool *pool, const struct serve *serve, struct text *body, struct err *err);
/* May the tarball of this version (absent: the file is none) be had, or what is in it?
 * ERR_FORBIDDEN "policy". */
int serve_check(struct call *c, const struct asked *asked, struct text version, struct err *err);
