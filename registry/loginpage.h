/*
 * The one page of the registry: where a person allows what `npm login` asked for, or shows the code
 * of their second factor for what npm is about to change. Works without
 * script and without the portal. Pure: writes HTML.
 */
#pragma once

#include "core/text.h"

struct buf;

struct loginpage {
    struct text domain; /* of the platform */
    struct text peer;   /* where npm runs, as far as can be told */
    struct text user;   /* who is logged in; absent: asks for name and password */
    struct text code;   /* whose code alone is asked for; absent: nobody's */
    bool change;        /* the code is for a change, not for a login */
    struct text alert;  /* what went wrong the last time; absent: nothing */
};

/* The form posts to the page's own address: use=session, user and password, or code. */
void loginpage_form(struct buf *out, const struct loginpage *page);
/* The end: it worked, or the login is not there any more. */
void loginpage_end(struct buf *out, struct text domain, const char *title, const char *sentence);
extern const char loginpage_policy[]; /* Content-Security-Policy */
