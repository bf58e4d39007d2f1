/*
 * Is a request foreign to the host it asks? A foreign request is forwarded without identity, so
 * that a page elsewhere (another tenant's, too: all share the site) cannot act with a visitor's
 * login. Pure.
 */
#pragma once

#include "core/text.h"

/* What the request says. Absent headers have a NULL base. */
struct origin_facts {
    struct text scheme; /* of the public URL: "http" or "https" */
    struct text host;   /* as the request names it, with port if any */
    struct text method;
    bool upgrade;       /* asks for a WebSocket */
    bool token;         /* judged by a bearer token, which no browser adds by itself */
    bool repeated;      /* Origin or a Sec-Fetch header came more than once */
    struct text origin; /* Origin */
    struct text site;   /* Sec-Fetch-Site */
    struct text mode;   /* Sec-Fetch-Mode */
    struct text dest;   /* Sec-Fetch-Dest */
};

/* Not foreign: Origin is the host's own; or there is none and the request is a GET or HEAD (no
 * upgrade) that the browser says is its own ("same-origin", "none", or nothing said) or a top-level
 * navigation. "null" is foreign. A token without Origin and without Sec-Fetch-Site comes from a
 * program, not a page: not foreign. */
bool origin_is_foreign(const struct origin_facts *facts);
