/*
 * A packument without what is refused: judged by the full form, which tells of times, licences and
 * scripts, and taken out of either form. Tags never name what is refused: latest goes to the
 * highest that is left below it, others go. policyRestrictions says to npm what was refused and
 * why. Pure.
 */
#pragma once

#include "registry/policy/rules.h"

/* What is known against a package. */
struct known {
    struct text range, id;
    int level;
};

struct judging {
    const struct section *const *sections; /* all must allow */
    size_t n_sections;
    const struct known *known;
    size_t n_known;
    int64_t now_ms;
};

struct refusal {
    struct text version, reason;
};

struct verdict {
    struct refusal *all; /* in the order of the document */
    size_t n;
};

/* ERR_UPSTREAM "bad_document". doc: the full packument of name, ours or another's. */
int filter_judge(struct pool *pool, const struct judging *judging, struct text name,
                 struct text doc, struct verdict *out, struct err *err);
/* One version of it; facts that doc does not have are not known. */
bool filter_allows(struct pool *pool, const struct judging *judging, struct text name,
                   struct text doc, struct text version, struct text *reason);
/* One whose facts are known. */
bool filter_allows_facts(struct pool *pool, const struct judging *judging, struct facts facts,
                         struct text *reason);
int filter_apply(struct pool *pool, const struct verdict *verdict, struct text name,
                 struct text body, struct text *out, struct err *err);
