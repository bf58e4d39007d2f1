/*
 * A document of rules and its judgement of one version. {"public": {…}, "private": {…}}, each with
 * any of: minimum_age_hours; deny and allow [{name, versions, reason}] (names are globs, versions a
 * range of npm); only_allowed; licences_allowed, licences_denied; install_scripts ("allow", "deny")
 * with install_scripts_allowed (globs); advisories (the level from which on a version is refused).
 * What allow names is exempt from all but deny. Pure.
 */
#pragma once

#include "core/text.h"

#include <stdint.h>

struct err;
struct json;
struct pool;

#define RULES_MOST 1000 /* entries of one list */

struct rule {
    struct text name, versions, reason; /* versions absent: all; reason absent: none was given */
};

struct rule_list {
    struct rule *all;
    size_t n;
};

struct section {
    int64_t minimum_age_ms;
    struct rule_list deny, allow;
    bool only_allowed, no_scripts;
    struct rule_list licences_allowed, licences_denied,
        scripts_allowed; /* name alone, lower case */
    int advisories;      /* 1 to 4 (advisory/osv.h); 0: none counts */
    bool any;            /* it can refuse something */
};

struct rules {
    struct section public, private;
};

/* ERR_UNPROCESSABLE "bad_rules" naming what is wrong. Texts live in doc's input or in pool. */
int rules_read(struct pool *pool, const struct json *doc, struct rules *out, struct err *err);

struct facts {
    struct text name, version;
    int64_t published_ms; /* 0: not known */
    struct text licence;  /* absent: it tells none */
    bool install_script;
    int level;            /* of the worst advisory; 0: none */
    struct text advisory; /* its id */
    bool fresh;           /* being published: its age is no matter */
};

/* Does judging need more than name and version? */
bool section_needs_facts(const struct section *section);
/* True: it may be had. Else *reason is a sentence in pool. */
bool section_allows(const struct section *section, struct pool *pool, const struct facts *facts,
                    int64_t now_ms, struct text *reason);
