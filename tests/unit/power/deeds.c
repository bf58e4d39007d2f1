#include "tests/unit/power/deeds.h"

#include "tests/unit/power/chance.h"
#include "tests/unit/power/site.h"

#include "core/seal.h"
#include "tenants/storage.h"
#include "tenants/store.h"
#include "tenants/tenants.h"
#include "themes/store.h"

#include <stdio.h>

typedef int deed_fn(struct doer *d, struct pool *pool, struct err *err);

/* Now and then large, mostly small. */
static size_t some_size(struct doer *d)
{
    uint64_t r = chance_of(&d->chance, 24);

    if (r == 0)
        return 200000 + chance_of(&d->chance, 200000);
    return r < 8 ? 2000 + chance_of(&d->chance, 20000) : 20 + chance_of(&d->chance, 900);
}

/* Some tarballs are blobs of more than a row. */
static size_t padding_size(struct doer *d)
{
    return chance_of(&d->chance, 6) == 0 ? 100000 + chance_of(&d->chance, 50000) : some_size(d) / 4;
}

/* Text that does not compress. */
static struct text payload(struct doer *d, struct pool *pool, size_t n)
{
    char *at = pool_alloc(pool, n + 16);

    for (size_t i = 0; i < n; i += 10) {
        uint64_t r = chance(&d->chance);
        for (size_t j = 0; j < 10; j++, r >>= 6)
            at[i + j] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[r & 63];
    }
    at[n] = '\0';
    return text_n(at, n);
}

static int publish(struct doer *d, struct pool *pool, const char *name, const char *version,
                   struct err *err)
{
    struct text extra = payload(d, pool, padding_size(d));
    struct text tarball =
        world_tarball(pool, name, version, pool_printf(pool, ",\"x\":\"%s\"", extra.base));
    size_t promise = ledger_begin(d->ledger, pool_printf(pool, "version %s %s", name, version),
                                  deed_sum(pool, tarball));

    if (chance_of(&d->chance, 3) == 0) {
        struct tarball_publish spec = {.tarball = tarball,
                                       .tenant = d->site->world.acme,
                                       .user = TEXT("build"),
                                       .source = TARBALL_BUILD,
                                       .commit = TEXT("abc123")};
        struct text n, v;
        if (registry_publish_tarball(d->site->world.registry, pool, &spec, &n, &v, err) != 0)
            return -1;
    } else {
        struct identity ada = site_ada(d->site, pool);
        struct text doc = world_document(pool, name, version, "latest", tarball);
        if (world_put(&d->site->world, pool, &ada, name, doc, err) != 0)
            return -1;
    }
    ledger_keep(d->ledger, promise);
    return 0;
}

static int do_publish(struct doer *d, struct pool *pool, struct err *err)
{
    snprintf(d->package, sizeof(d->package), "@acme/%s-%u", d->name,
             (unsigned)chance_of(&d->chance, 3));
    snprintf(d->version, sizeof(d->version), "1.%u.0", d->done);
    return publish(d, pool, d->package, d->version, err);
}

static int do_tag(struct doer *d, struct pool *pool, struct err *err)
{
    struct identity ada = site_ada(d->site, pool);
    struct change change =
        world_change(&d->site->world, pool, &ada, d->site->world.acme, d->package);

    if (d->package[0] == '\0')
        return do_publish(d, pool, err);
    size_t promise =
        ledger_begin(d->ledger, pool_printf(pool, "tag %s stable", d->package), d->version);
    if (change_set_tag(&change, TEXT("stable"), text_of(d->version), err) != 0)
        return -1;
    ledger_keep(d->ledger, promise);
    return 0;
}

static int do_unpublish(struct doer *d, struct pool *pool, struct err *err)
{
    struct identity ada = site_ada(d->site, pool);
    const char *name = pool_printf(pool, "@acme/%s-gone-%u", d->name, d->done);
    struct change change = world_change(&d->site->world, pool, &ada, d->site->world.acme, name);

    if (publish(d, pool, name, "1.0.0", err) != 0)
        return -1;
    size_t promise =
        ledger_begin(d->ledger, pool_printf(pool, "version %s 1.0.0", name), LEDGER_NOTHING);
    if (change_remove(&change, TEXT_NONE, err) != 0)
        return -1;
    ledger_keep(d->ledger, promise);
    return 0;
}

/* Flows and credentials. */

static int need_instance(struct doer *d, struct err *err)
{
    if (d->has_instance)
        return 0;
    snprintf(d->instance, sizeof(d->instance), "inst%s%u", d->name, d->instances++);
    snprintf(d->tenant, sizeof(d->tenant), "%s",
             d->instances % 2 != 0 ? d->site->world.acme : d->site->world.beta);
    d->revisions = 0;
    if (storage_begin(d->site->tenants, d->tenant, d->instance, 1, err) != 0)
        return -1;
    d->has_instance = true;
    return 0;
}

static int ask(struct doer *d, struct pool *pool, const char *target, struct text body,
               struct err *err)
{
    struct text answer;

    return site_ask(d->site, pool, d->tenant, d->instance, target, body, &answer, err);
}

static int do_deploy(struct doer *d, struct pool *pool, struct err *err)
{
    size_t n = some_size(d);
    struct text secret = payload(d, pool, 10 + n / 8);
    struct text flows =
        text_printf(pool, "[{\"id\":\"n\",\"x\":\"%s\"}]", payload(d, pool, n).base);
    struct text credentials = text_printf(pool, "{\"$\":\"%s\"}", secret.base);
    auto_buf struct buf body = {0};
    struct json_writer w;

    if (need_instance(d, err) != 0)
        return -1;
    buf_init(&body, 4u << 20);
    json_writer_init(&w, &body);
    json_open(&w);
    json_put_text(&w, "flows", flows);
    json_key(&w, "credentials");
    json_raw(&w, credentials);
    json_close(&w);
    const char *sum =
        deed_sum(pool, text_printf(pool, "%.*s\n%.*s", TEXT_ARG(flows), TEXT_ARG(credentials)));
    size_t newest =
        ledger_begin(d->ledger, pool_printf(pool, "flows %s %s", d->tenant, d->instance), sum);
    size_t number = ledger_begin(
        d->ledger, pool_printf(pool, "revision %s %s %u", d->tenant, d->instance, ++d->revisions),
        sum);
    if (ask(d, pool, "POST /api/v1/runtime/deploy", buf_view(&body), err) != 0)
        return -1;
    ledger_keep(d->ledger, newest);
    ledger_keep(d->ledger, number);
    return 0;
}

static int do_document(struct doer *d, struct pool *pool, struct err *err)
{
    const char *kind = chance_of(&d->chance, 2) == 0 ? "settings" : "sessions";
    struct text body = text_printf(pool, "{\"v\":\"%s\"}", payload(d, pool, some_size(d) / 2).base);

    if (need_instance(d, err) != 0)
        return -1;
    size_t promise =
        ledger_begin(d->ledger, pool_printf(pool, "%s %s %s", kind, d->tenant, d->instance),
                     deed_sum(pool, body));
    if (ask(d, pool, pool_printf(pool, "PUT /api/v1/runtime/%s", kind), body, err) != 0)
        return -1;
    ledger_keep(d->ledger, promise);
    return 0;
}

static int do_context(struct doer *d, struct pool *pool, struct err *err)
{
    struct text value = text_printf(pool, "\"%s\"", payload(d, pool, some_size(d) / 4).base);
    struct text body = text_printf(pool, "{\"set\":{\"k\":%s}}", value.base);

    if (need_instance(d, err) != 0)
        return -1;
    size_t promise =
        ledger_begin(d->ledger, pool_printf(pool, "context %s %s", d->tenant, d->instance),
                     deed_sum(pool, value));
    if (ask(d, pool, "PUT /api/v1/runtime/context?scope=global", body, err) != 0)
        return -1;
    ledger_keep(d->ledger, promise);
    return 0;
}

static int do_erase_instance(struct doer *d, struct pool *pool, struct err *err)
{
    if (do_deploy(d, pool, err) != 0)
        return -1;
    size_t flows =
        ledger_begin(d->ledger, pool_printf(pool, "flows %s %s", d->tenant, d->instance), "-");
    size_t promises[64], n = 0;
    for (unsigned i = 1; i <= d->revisions && n < 64; i++)
        promises[n++] = ledger_begin(
            d->ledger, pool_printf(pool, "revision %s %s %u", d->tenant, d->instance, i), "-");
    for (size_t i = 0; i < 3; i++) {
        static const char *const kinds[] = {"settings", "sessions", "context"};
        promises[n > 60 ? 60 + i : n + i] = ledger_begin(
            d->ledger, pool_printf(pool, "%s %s %s", kinds[i], d->tenant, d->instance), "-");
    }
    n = n > 60 ? 63 : n + 3;
    if (storage_erase(d->site->tenants, d->tenant, d->instance, err) != 0)
        return -1;
    ledger_keep(d->ledger, flows);
    for (size_t i = 0; i < n; i++)
        ledger_keep(d->ledger, promises[i]);
    d->has_instance = false;
    return 0;
}

/* A tenant comes and goes with its database. */
static int do_erase_tenant(struct doer *d, struct pool *pool, struct err *err)
{
    const char *id = pool_printf(pool, "gone%s%u", d->name, d->done);
    const char *key = pool_printf(pool, "exists tenants/%s.db", id);
    size_t promise = ledger_begin(d->ledger, key, "there");

    if (storage_begin(d->site->tenants, id, "i", 1, err) != 0)
        return -1;
    ledger_keep(d->ledger, promise);
    promise = ledger_begin(d->ledger, key, LEDGER_NOTHING);
    if (store_erase(d->site->tenants->store, id, err) != 0)
        return -1;
    ledger_keep(d->ledger, promise);
    return 0;
}

/* Accounts. */

static int do_token(struct doer *d, struct pool *pool, struct err *err)
{
    struct world *w = &d->site->world;
    struct account_token spec = {.user = w->ada, .label = TEXT("power"), .scopes = SCOPE_ALL};
    struct text token;
    char id[ACCOUNT_ID];

    if (account_token_create(w->account, pool, &spec, &token, id, err) != 0)
        return -1;
    const char *key = pool_printf(pool, "token %s", text_c(pool, token));
    ledger_note(d->ledger, key, "there");
    if (chance_of(&d->chance, 2) == 0)
        return 0;
    size_t promise = ledger_begin(d->ledger, key, LEDGER_NOTHING);
    if (account_token_remove(w->account, w->ada, text_of(id), err) != 0)
        return -1;
    ledger_keep(d->ledger, promise);
    return 0;
}

static int do_session(struct doer *d, struct pool *pool, struct err *err)
{
    struct world *w = &d->site->world;
    struct text cookie;
    struct identity who;

    if (account_session_create(w->account, pool, w->ada, TEXT("localhost"), NULL, &cookie, err) !=
        0)
        return -1;
    const char *key = pool_printf(pool, "session %s", text_c(pool, cookie));
    ledger_note(d->ledger, key, "there");
    struct snapshot *s = world_accounts(w, pool);
    if (chance_of(&d->chance, 2) == 0 || !account_session_find(s, cookie, "localhost", &who))
        return 0;
    size_t promise = ledger_begin(d->ledger, key, LEDGER_NOTHING);
    if (account_session_end(w->account, who.credential, err) != 0)
        return -1;
    ledger_keep(d->ledger, promise);
    return 0;
}

static int do_user(struct doer *d, struct pool *pool, struct err *err)
{
    const char *name = pool_printf(pool, "user%s%u", d->name, d->done);
    struct account_user user = {.name = text_of(name), .password = TEXT("correct horse")};
    char id[ACCOUNT_ID];

    if (d->users++ > 0)
        return do_token(d, pool, err);
    size_t promise = ledger_begin(d->ledger, pool_printf(pool, "user %s", name), "there");
    if (account_user_create(d->site->world.account, &user, id, err) != 0)
        return -1;
    ledger_keep(d->ledger, promise);
    return 0;
}

/* Themes and files. */

static int do_theme(struct doer *d, struct pool *pool, struct err *err)
{
    const char *tenant = pool_printf(pool, "theme%s", d->name);
    const char *key = pool_printf(pool, "theme %s", tenant);
    struct text json = text_printf(pool, "{\"page\":{\"title\":\"%s\"},\"css\":\"x.css\"}",
                                   payload(d, pool, 12).base);
    struct text css =
        text_printf(pool, ".a-%s{color:red}", payload(d, pool, 10 + some_size(d) / 4).base);
    struct bundle_file files[] = {{"theme.json", json}, {"x.css", css}};
    struct theme theme;
    struct text tgz;

    if (bundle_pack_tgz(pool, files, 2, &tgz, err) != 0 || theme_parse(pool, tgz, &theme, err) != 0)
        return -1;
    size_t promise = ledger_begin(
        d->ledger, key,
        deed_sum(pool, text_printf(pool, "%.*s\n%.*s", TEXT_ARG(json), TEXT_ARG(css))));
    if (store_put(d->site->themes, pool, tenant, &theme, err) != 0)
        return -1;
    ledger_keep(d->ledger, promise);
    if (chance_of(&d->chance, 4) != 0)
        return 0;
    promise = ledger_begin(d->ledger, key, LEDGER_NOTHING);
    if (store_remove(d->site->themes, tenant, err) != 0)
        return -1;
    ledger_keep(d->ledger, promise);
    return 0;
}

static int do_file(struct doer *d, struct pool *pool, struct err *err)
{
    struct text content = payload(d, pool, some_size(d));
    const char *name = pool_printf(pool, "%s.conf", d->name);
    size_t promise =
        ledger_begin(d->ledger, pool_printf(pool, "file %s", name), deed_sum(pool, content));

    if (file_replace(pool_printf(pool, "%s/%s", d->site->world.dir, name), content, 0600, err) != 0)
        return -1;
    ledger_keep(d->ledger, promise);
    return 0;
}

static int do_secret(struct doer *d, struct pool *pool, struct err *err)
{
    struct text plain = payload(d, pool, 12);
    struct text sealed = seal_put(d->site->seal, pool, TEXT("power"), plain);

    ledger_note(d->ledger, pool_printf(pool, "secret %s", text_c(pool, sealed)), plain.base);
    return 0;
}

static int do_uid(struct doer *d, struct pool *pool, struct err *err)
{
    char id[27];
    uid_t uid;

    if (!d->gives_uids)
        return do_file(d, pool, err);
    random_id(id);
    if (uids_give(&d->site->uids, id, &uid, err) != 0)
        return -1;
    ledger_note(d->ledger, pool_printf(pool, "uid %s", id), pool_printf(pool, "%u", uid));
    return 0;
}

int deed(struct doer *doer, struct err *err)
{
    static deed_fn *const all[] = {
        do_publish, do_publish,        do_publish,      do_tag,  do_unpublish, do_deploy,
        do_deploy,  do_deploy,         do_deploy,       do_uid,  do_document,  do_context,
        do_uid,     do_token,          do_session,      do_user, do_theme,     do_file,
        do_secret,  do_erase_instance, do_erase_tenant,
    };
    auto_pool struct pool *pool = pool_new();

    doer->done++;
    return all[chance_of(&doer->chance, sizeof(all) / sizeof(all[0]))](doer, pool, err);
}
