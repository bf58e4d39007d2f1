#include "registry/uplink/attestations.h"

#include "core/clock.h"
#include "core/err.h"
#include "core/fetch.h"
#include "core/json.h"
#include "core/pool.h"
#include "registry/pkgname.h"
#include "registry/semver.h"
#include "registry/uplink/part.h"
#include "registry/uplink/send.h"

#define DEADLINE_MS 15000
#define MAX_BYTES ((size_t)4 << 20)

static int none(const struct pkgname *name, struct err *err)
{
    return err_set(err, ERR_NOT_FOUND, "no_attestations", "There are no attestations of \"%.*s\".",
                   TEXT_ARG(name->full));
}

static const char *url_of(const struct uplink *u, struct pool *pool, const struct pkgname *name,
                          struct text version)
{
    bool scoped = name->scope.len > 0;
    return pool_printf(pool, "%s/-/npm/v1/attestations/%s%.*s%s%.*s@%.*s", u->url,
                       scoped ? "@" : "", TEXT_ARG(name->scope), scoped ? "%2f" : "",
                       TEXT_ARG(name->base), TEXT_ARG(version));
}

static int ask(struct uplinks *us, const struct uplink *u, struct pool *pool,
               const struct pkgname *name, struct text version, struct text *body, struct err *err)
{
    struct fetch_reply reply;
    struct json *doc;
    int64_t rest_ms;
    if (uplink_is_offline(u, name->full, err))
        return -1;
    struct uplink_question q = {.url = url_of(u, pool, name, version),
                                .deadline_at = clock_mono_ms() + DEADLINE_MS,
                                .max_bytes = MAX_BYTES};
    if (uplink_send(us, u, &q, pool, &reply, &rest_ms, err) != 0)
        return -1;
    if (reply.status != 200 || json_read(pool, reply.body, 100000, &doc, NULL) != 0)
        return none(name, err);
    const struct json *list = json_get(doc, "attestations");
    if (list == NULL || list->type != JSON_ARRAY)
        return none(name, err);
    *body = reply.body;
    return 0;
}

int uplinks_attestations(struct uplinks *uplinks, struct pool *pool, const struct pkgname *name,
                         struct text version, struct text *body, struct err *err)
{
    struct semver v;
    const struct uplink *u;
    if (!semver_parse(version, &v))
        return none(name, err);
    struct uplink_table *table = uplinks_table(uplinks);
    int failed = uplink_choose(table, name->full, &u, err);
    if (failed == 0)
        failed = u->url == NULL ? none(name, err) : ask(uplinks, u, pool, name, version, body, err);
    snapshot_drop(&table->base);
    return failed;
}
