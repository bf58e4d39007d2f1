#include "registry/policy/policy.h"

#include "core/buf.h"
#include "core/clock.h"
#include "core/codec.h"
#include "core/db.h"
#include "core/digest.h"
#include "core/err.h"
#include "core/json.h"
#include "core/pool.h"
#include "http/account.h"
#include "registry/advisory/advisory.h"
#include "registry/advisory/osv.h"
#include "registry/area.h"
#include "registry/origin.h"
#include "registry/policy/filter.h"

#include <stdatomic.h>
#include <stdlib.h>

#define MAX_NODES 100000
#define TICK_MS (5 * 60 * 1000) /* a version that has come of age is offered within that */
#define MAX_KNOWN 1000
#define REMEMBERED 8192

struct tenant_rules {
    const char *tenant;
    struct rules rules;
};

struct book {
    struct snapshot base;
    struct pool *pool;
    uint64_t generation;
    struct rules platform;
    struct tenant_rules *tenants; /* in the order of ids */
    size_t n;
};

struct mark {
    unsigned char bytes[16];
};

struct policy {
    struct registry *registry;
    struct snapshot_slot slot;
    pthread_mutex_t lock; /* one reload at a time, which reads rows */
    uint64_t generation;
    atomic_bool any;            /* there is a rule at all */
    pthread_mutex_t marks_lock; /* loops take it too: nothing waits under it */
    struct mark *marks;
};

static void book_free(struct snapshot *s)
{
    struct book *book = (struct book *)s;
    pool_free(book->pool);
    free(book);
}

static int read_rules(struct book *book, struct text text, struct rules *out, struct err *err)
{
    struct json *doc;
    return json_read(book->pool, text, MAX_NODES, &doc, err) != 0 ||
                   rules_read(book->pool, doc, out, err) != 0
               ? -1
               : 0;
}

static int read_book(struct policy *p, struct book *book, bool *any, struct err *err)
{
    static const char count_sql[] = "SELECT count(*) FROM policy";
    static const char sql[] = "SELECT tenant, rules FROM policy ORDER BY tenant";
    struct text tenant, text;
    int64_t n = 0;
    auto_read struct db_read r = db_read(p->registry->config.control, err);
    auto_rows struct db_rows q = {0};
    if (r.conn == NULL || db_get(r.conn, book->pool, err, count_sql, "", "i", &n) != 0 ||
        db_each (&q, r.conn, err, sql, "") != 0)
        return -1;
    book->tenants = pool_zalloc(book->pool, ((size_t)n + 1) * sizeof *book->tenants);
    while (db_next(&q, book->pool, "ss", &tenant, &text)) {
        struct rules rules;
        if (read_rules(book, text, &rules, err) != 0)
            return -1;
        *any = *any || rules.public.any || rules.private.any;
        if (tenant.len == 0)
            book->platform = rules;
        else if (book->n < (size_t)n)
            book->tenants[book->n++] = (struct tenant_rules){text_c(book->pool, tenant), rules};
    }
    return q.failed ? -1 : 0;
}

int policy_reload(struct policy *p, struct err *err)
{
    bool any = false;
    struct book *book = xcalloc(1, sizeof *book);
    snapshot_init(&book->base, book_free);
    book->pool = pool_new();
    pthread_mutex_lock(&p->lock);
    int failed = read_book(p, book, &any, err);
    if (failed == 0) {
        book->generation = ++p->generation;
        snapshot_put(&p->slot, &book->base);
        atomic_store(&p->any, any);
    }
    pthread_mutex_unlock(&p->lock);
    if (failed != 0)
        snapshot_drop(&book->base);
    return failed;
}

struct policy *policy_open(struct registry *registry, struct err *err)
{
    struct policy *p = xcalloc(1, sizeof *p);
    p->registry = registry;
    snapshot_slot_init(&p->slot);
    pthread_mutex_init(&p->lock, NULL);
    pthread_mutex_init(&p->marks_lock, NULL);
    p->marks = xcalloc(REMEMBERED, sizeof *p->marks);
    if (policy_reload(p, err) == 0)
        return p;
    policy_close(p);
    return NULL;
}

void policy_close(struct policy *p)
{
    if (p == NULL)
        return;
    snapshot_put(&p->slot, NULL);
    pthread_mutex_destroy(&p->marks_lock);
    pthread_mutex_destroy(&p->lock);
    free(p->marks);
    free(p);
}

static const struct rules *find_tenant(const struct book *book, const char *tenant)
{
    size_t low = 0, high = book->n;
    while (tenant != NULL && low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(book->tenants[middle].tenant, tenant);
        if (order == 0)
            return &book->tenants[middle].rules;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* A view that is being made, and of whose rules: that tells it from others. */
struct looking {
    struct policy_view *view;
    struct buf whose;
};

static void add_section(struct looking *l, const struct section *section, const char *tenant)
{
    if (!section->any)
        return;
    l->view->sections[l->view->n++] = section;
    l->view->full = l->view->full || section_needs_facts(section);
    buf_printf(&l->whose, ",%s", tenant);
}

static void add_public(struct looking *l, const struct book *book, const struct identity *who)
{
    const struct rules *rules;
    add_section(l, &book->platform.public, "");
    if (who->kind == IDENTITY_INSTANCE && (rules = find_tenant(book, who->tenant)) != NULL)
        add_section(l, &rules->public, who->tenant);
    for (size_t i = 0; book->n > 0 && i < who->n_members; i++)
        if ((rules = find_tenant(book, who->members[i].tenant)) != NULL)
            add_section(l, &rules->public, who->members[i].tenant);
}

static void add_private(struct looking *l, const struct book *book, const char *tenant)
{
    const struct rules *rules = find_tenant(book, tenant);
    add_section(l, &book->platform.private, "");
    if (rules != NULL)
        add_section(l, &rules->private, tenant);
}

/* Versions come of age by themselves. A person may be in very many tenants: the key stays short. */
static void end_view(struct looking *l, struct pool *pool, const struct book *book)
{
    struct policy_view *view = l->view;
    unsigned char sum[SHA256_BYTES];
    bool ages = false;
    if (view->n == 0)
        return;
    for (size_t i = 0; i < view->n; i++)
        ages = ages || view->sections[i]->minimum_age_ms > 0;
    sha256(buf_view(&l->whose), sum);
    view->key = text_printf(pool, " p%llu.%lld,%.*s", (unsigned long long)book->generation,
                            ages ? (long long)(clock_wall_ms() / TICK_MS) : 0LL,
                            TEXT_ARG(b64url_encode(pool, sum, sizeof sum)));
}

static void drop_held(void *snapshot)
{
    snapshot_drop(snapshot);
}

void policy_look(struct registry *registry, struct pool *pool, const struct identity *who,
                 const struct origin *origin, struct policy_view *view)
{
    struct policy *p = registry->policy;
    *view = (struct policy_view){.policy = p, .key = TEXT("")};
    if (!atomic_load_explicit(&p->any, memory_order_acquire))
        return;
    view->held = snapshot_take(&p->slot);
    pool_defer(pool, drop_held, view->held);
    const struct book *book = (const struct book *)view->held;
    /* the platform's, an instance's tenant's, and those of who is a person */
    size_t most = 2 + (book->n > 0 ? who->n_members : 0);
    struct looking l = {.view = view};
    buf_init(&l.whose, most * (ACCOUNT_ID + 1));
    view->sections = pool_alloc(pool, most * sizeof *view->sections);
    if (origin->kind == ORIGIN_PUBLIC)
        add_public(&l, book, who);
    else
        add_private(&l, book, origin->tenant);
    end_view(&l, pool, book);
    buf_release(&l.whose);
}

/* What is known against a package, if any rule asks for it. */
struct knowing {
    struct known *all;
    size_t n;
};

static bool add_known(void *arg, const struct advisory *a)
{
    struct knowing *k = arg;
    k->all[k->n++] = (struct known){a->vulnerable, a->id, advisory_level(a->level)};
    return k->n < MAX_KNOWN;
}

static int prepare(const struct policy_view *view, struct pool *pool, struct text name, bool own,
                   struct judging *out, struct err *err)
{
    struct knowing k = {0};
    bool asked = false;
    *out = (struct judging){
        .sections = view->sections, .n_sections = view->n, .now_ms = clock_wall_ms()};
    for (size_t i = 0; i < view->n; i++)
        asked = asked || view->sections[i]->advisories > 0;
    if (!asked)
        return 0;
    k.all = pool_alloc(pool, MAX_KNOWN * sizeof *k.all);
    auto_read struct db_read r = db_read(view->policy->registry->config.control, err);
    if (r.conn == NULL || advisory_each(r.conn, pool, name, own, add_known, &k, err) != 0)
        return -1;
    out->known = k.all;
    out->n_known = k.n;
    return 0;
}

int policy_body(struct pool *pool, const struct policy_body *what, struct text *out,
                struct err *err)
{
    struct judging judging;
    struct verdict verdict;
    return prepare(what->view, pool, what->name, what->own, &judging, err) != 0 ||
                   filter_judge(pool, &judging, what->name, what->full, &verdict, err) != 0
               ? -1
               : filter_apply(pool, &verdict, what->name, what->body, out, err);
}

/* What was found to be good under a view is marked: a collision would take 2^64 tries. */
static struct mark mark_of(const struct policy_view *view, struct text name, struct text version)
{
    unsigned char sum[SHA256_BYTES];
    struct mark mark;
    auto_pool struct pool *pool = pool_new();
    sha256(
        text_printf(pool, "%.*s %.*s %.*s", TEXT_ARG(view->key), TEXT_ARG(name), TEXT_ARG(version)),
        sum);
    memcpy(mark.bytes, sum, sizeof mark.bytes);
    return mark;
}

static struct mark *place_of(struct policy *p, const struct mark *mark)
{
    return &p->marks[(mark->bytes[0] | (size_t)mark->bytes[1] << 8) % REMEMBERED];
}

bool policy_remembers(const struct policy_view *view, struct text name, struct text version)
{
    struct policy *p = view->policy;
    struct mark mark = mark_of(view, name, version);
    pthread_mutex_lock(&p->marks_lock);
    bool same = memcmp(place_of(p, &mark), &mark, sizeof mark) == 0;
    pthread_mutex_unlock(&p->marks_lock);
    return same;
}

static void remember(const struct policy_view *view, struct text name, struct text version)
{
    struct policy *p = view->policy;
    struct mark mark = mark_of(view, name, version);
    pthread_mutex_lock(&p->marks_lock);
    *place_of(p, &mark) = mark;
    pthread_mutex_unlock(&p->marks_lock);
}

int policy_check(struct pool *pool, const struct policy_asking *a, struct err *err)
{
    struct judging judging;
    struct text reason;
    const struct policy_view *view = a->view;
    if (view->n == 0)
        return 0;
    if (prepare(view, pool, a->name, a->origin->kind != ORIGIN_PUBLIC, &judging, err) != 0)
        return -1;
    if (filter_allows(pool, &judging, a->name, a->full, a->version, &reason)) {
        remember(view, a->name, a->version);
        return 0;
    }
    struct policy_refusal refusal = {
        .package = a->name,
        .version = a->version,
        .who = a->who->name != NULL ? text_of(a->who->name) : TEXT(""),
        .reason = reason,
        .tenant = a->who->kind == IDENTITY_INSTANCE ? a->who->tenant : a->origin->tenant,
        .action = "install"};
    policy_count(view->policy->registry, &refusal);
    return err_set(err, ERR_FORBIDDEN, "policy", "%.*s@%.*s is refused here: %.*s.",
                   TEXT_ARG(a->name), TEXT_ARG(a->version), TEXT_ARG(reason));
}

int policy_check_publish(struct registry *registry, struct pool *pool, const char *tenant,
                         const struct facts *facts, struct text who, struct err *err)
{
    struct policy_view view;
    struct identity nobody = {.kind = IDENTITY_ANONYMOUS};
    struct origin origin = {tenant != NULL ? ORIGIN_TENANT : ORIGIN_PLATFORM, tenant};
    struct judging judging;
    struct text reason;
    policy_look(registry, pool, &nobody, &origin, &view);
    if (view.n == 0)
        return 0;
    if (prepare(&view, pool, facts->name, true, &judging, err) != 0)
        return -1;
    if (filter_allows_facts(pool, &judging, *facts, &reason))
        return 0;
    struct policy_refusal refusal = {.package = facts->name,
                                     .version = facts->version,
                                     .who = who,
                                     .reason = reason,
                                     .tenant = tenant,
                                     .action = "publish"};
    policy_count(registry, &refusal);
    return err_set(err, ERR_FORBIDDEN, "policy", "%.*s@%.*s may not be published here: %.*s.",
                   TEXT_ARG(facts->name), TEXT_ARG(facts->version), TEXT_ARG(reason));
}
