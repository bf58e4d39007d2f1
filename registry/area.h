/* What the files of this folder share. Not for other folders: they include registry.h. */
#pragma once

#include "core/snapshot.h"
#include "registry/registry.h"

struct downloads;
struct hooks;
struct issuers;
struct legacy;
struct advisories;
struct policy;
struct logins;
struct search;
struct signing;
struct stock;
struct upkeep;
struct moves;
struct offline;
struct picks;
struct uplinks;

#define MOST_TARBALL ((size_t)64 << 20)

struct registry {
    struct registry_config config; /* texts owned */
    const char *base;              /* public_url + "/npm" */
    struct snapshot_slot names;    /* origin.c */
    pthread_mutex_t names_lock;    /* one reload at a time, so that an older reading never wins */
    struct uplinks *uplinks;
    struct offline *offline;     /* bundles */
    struct issuers *issuers;     /* of trusted publishing */
    struct hooks *hooks;         /* NULL: not started */
    struct stock *stock;         /* NULL: not started */
    struct picks *picks;         /* NULL: not started */
    struct upkeep *upkeep;       /* NULL: not started */
    struct signing *signing;     /* NULL: versions are not signed */
    struct moves *moves;         /* imports under way */
    struct downloads *downloads; /* counts of tarballs served */
    struct legacy *legacy;       /* NULL: no seal, none counts */
    struct logins *logins;       /* web logins under way */
    struct search *search;
    struct advisories *advisories;
    struct policy *policy;
};

/* After a commit that changed name: drops its ready bodies and tells the roof. */
void registry_changed(struct registry *registry, const char *tenant, struct text name);
