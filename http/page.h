/*
 * What people see in place of an instance: it is starting, stopped, failed, out of reach. HTML for
 * browsers (self-contained, strict CSP by hashes, the look's typed tokens), problem+json for
 * everybody else.
 */
#pragma once

#include "core/text.h"

#include <h2o.h>

struct page {
    int status;
    const char *code;  /* stable: "instance_starting" */
    const char *title; /* of the instance; may be NULL */
    const char *heading;
    const char *detail; /* a sentence; says what to do next */
    const char *look;   /* CSS that sets --rh-… tokens; NULL: the product's own */
    const char *login;  /* where to log in, or NULL */
    unsigned retry_s;   /* Retry-After; 0: none */
    /* States, separated by blanks: the page asks /.redhouse/state and reloads when it is another.
     * NULL: it stays as it is. */
    const char *from;
};

/* Whether its Accept names HTML. */
bool page_wants_html(const h2o_req_t *req);
/* A person's own request for a page, as opposed to a script's or an image's. */
bool page_is_navigation(const h2o_req_t *req);
/* Answers the request. */
void page_send(h2o_req_t *req, const struct page *page);
