/*
 * What npm audit and its like are told: the bulk question of npm, pnpm 11 and yarn, and the older
 * one with the whole tree of pnpm 10 and npm's second try. Answered from rows alone.
 */
#include "core/clock.h"
#include "core/db.h"
#include "core/err.h"
#include "core/json.h"
#include "core/pool.h"
#include "http/route.h"
#include "registry/advisory/advisory.h"
#include "registry/advisory/osv.h"
#include "registry/area.h"
#include "registry/asked.h"

#include <stdio.h>
#include <stdlib.h>

#define FACES (FACE_PLATFORM | FACE_CARRIER)
#define MAX_AUDIT ((size_t)16 << 20)
#define MAX_ANSWER ((size_t)64 << 20)
#define MAX_NODES 200000
#define MAX_PATHS 100 /* of one version */
/* Versions are held against ranges, many against many: a question that takes longer is no one's
 * tree, and others wait for the lane and the reader that it has. */
#define MAX_TIME_MS 20000

static const char *const levels[] = {"info", "low", "moderate", "high", "critical"};

struct auditing {
    struct call *c;
    struct registry *registry;
    struct db_conn *conn;
    struct json_writer w;
    int64_t deadline_ms;
    bool late; /* and so given up */
    struct err *err;
};

/* fn for what is known against a package, if it is one that the asker may ask for: rows of the
 * world or of ours. What is read goes with the package. */
static int each_known(struct auditing *a, struct text package,
                      bool (*fn)(void *arg, const struct advisory *advisory), void *arg)
{
    struct pkgname name;
    auto_pool struct pool *pool = pool_new();
    if (!pkgname_split(package, &name))
        return 0;
    struct origin origin = origin_of(a->registry, pool, a->c->accounts, &name);
    bool own = origin.kind != ORIGIN_PUBLIC;
    if (own && (origin.kind == ORIGIN_NOBODY || !origin_may_read(a->registry, a->c->who, &origin) ||
                origin_check_limits(a->c->who, &origin, package, NULL) != 0))
        return 0;
    if (advisory_each(a->conn, pool, package, own, fn, arg, a->err) != 0)
        return -1;
    if (a->late || buf_failed(a->w.out))
        return err_set(a->err, ERR_TOO_LARGE, "audit_too_large",
                       "There is too much in one question to tell what is known against all of "
                       "it. Audit parts of it on their own.");
    return 0;
}

static bool covers(struct auditing *a, const struct advisory *ad, struct text version)
{
    a->late = a->late || clock_mono_ms() > a->deadline_ms;
    return !a->late && advisory_covers(ad->vulnerable, version);
}

static void put_score(struct json_writer *w, const struct advisory *ad)
{
    char score[16];
    int n = snprintf(score, sizeof score, "%d.%d", (int)(ad->score / 10), (int)(ad->score % 10));
    json_key(w, "cwe");
    json_raw(w, ad->cwe);
    json_key(w, "cvss");
    json_open(w);
    json_key(w, "score");
    json_raw(w, text_n(score, (size_t)n));
    json_put_text(w, "vectorString", ad->vector);
    json_close(w);
}

/* The bulk question: one package and the versions that are there of it. */
struct bulk {
    struct auditing *a;
    const struct json *versions;
    struct text package;
    size_t found;
};

static bool put_bulk(void *arg, const struct advisory *ad)
{
    struct bulk *b = arg;
    struct json_writer *w = &b->a->w;
    bool hit = false;
    json_each (version, b->versions)
        hit = hit || (version->type == JSON_STRING && covers(b->a, ad, version->text));
    if (!hit)
        return !b->a->late;
    if (b->found++ == 0) {
        json_key_text(w, b->package);
        json_open_array(w);
    }
    json_open(w);
    json_put_int(w, "id", ad->number);
    json_put_text(w, "url", ad->url);
    json_put_text(w, "title", ad->title);
    json_put_text(w, "severity", ad->level);
    json_put_text(w, "vulnerable_versions", ad->vulnerable);
    put_score(w, ad);
    json_close(w);
    return !buf_failed(w->out);
}

static int answer_bulk(struct auditing *a, const struct json *doc)
{
    json_open(&a->w);
    json_each (package, doc) {
        struct bulk b = {a, package, package->key, 0};
        if (package->type == JSON_ARRAY && each_known(a, package->key, put_bulk, &b) != 0)
            return -1;
        if (b.found > 0)
            json_close_array(&a->w);
    }
    json_close(&a->w);
    return 0;
}

/* The question with the tree: its nodes, each with the one that it stands below. */
struct node {
    struct text name, version;
    const struct node *above;
};

struct tree {
    struct auditing *a;
    struct node *all;
    struct node **sorted;
    size_t n;
    int64_t counts[5]; /* by level */
    size_t from, to;   /* in sorted: the nodes of the package that is looked at */
};

static void collect(struct tree *t, const struct json *dependencies, const struct node *above)
{
    if (dependencies == NULL || dependencies->type != JSON_OBJECT)
        return;
    json_each (item, dependencies) {
        const struct json *version = json_get(item, "version");
        if (t->n == MAX_NODES)
            return;
        if (item->key.len > PKGNAME_MAX)
            continue;
        struct node *node = &t->all[t->n++];
        *node = (struct node){item->key, TEXT(""), above};
        if (version != NULL && version->type == JSON_STRING)
            node->version = version->text;
        collect(t, json_get(item, "dependencies"), node); /* the reader bounds the depth */
    }
}

static int by_name(const void *a, const void *b)
{
    const struct node *x = *(struct node *const *)a, *y = *(struct node *const *)b;
    int order = text_cmp(x->name, y->name);
    return order != 0 ? order : text_cmp(x->version, y->version);
}

/* "a>b>c" */
static void put_path(struct json_writer *w, const struct node *node)
{
    auto_pool struct pool *pool = pool_new();
    struct text path = node->name;
    for (const struct node *n = node->above; n != NULL; n = n->above)
        path = text_printf(pool, "%.*s>%.*s", TEXT_ARG(n->name), TEXT_ARG(path));
    json_text(w, path);
}

/* Returns how many versions are concerned. */
static size_t put_findings(struct tree *t, const struct advisory *ad)
{
    struct json_writer *w = &t->a->w;
    size_t found = 0;
    json_key(w, "findings");
    json_open_array(w);
    for (size_t i = t->from; i < t->to;) {
        struct text version = t->sorted[i]->version;
        bool hit = covers(t->a, ad, version);
        found += hit;
        if (hit) {
            json_open(w);
            json_put_text(w, "version", version);
            json_key(w, "paths");
            json_open_array(w);
        }
        for (size_t n = 0; i < t->to && text_eq(t->sorted[i]->version, version); i++, n++)
            if (hit && n < MAX_PATHS && !buf_failed(w->out))
                put_path(w, t->sorted[i]);
        if (hit) {
            json_close_array(w);
            json_close(w);
        }
    }
    json_close_array(w);
    return found;
}

static bool is_concerned(const struct tree *t, const struct advisory *ad)
{
    for (size_t i = t->from; i < t->to; i++)
        if (covers(t->a, ad, t->sorted[i]->version))
            return true;
    return false;
}

static bool put_advisory(void *arg, const struct advisory *ad)
{
    struct tree *t = arg;
    struct json_writer *w = &t->a->w;
    auto_pool struct pool *pool = pool_new();
    if (!is_concerned(t, ad))
        return !t->a->late;
    json_key_text(w, text_printf(pool, "%lld", (long long)ad->number));
    json_open(w);
    t->counts[advisory_level(ad->level)] += (int64_t)put_findings(t, ad);
    json_put_int(w, "id", ad->number);
    json_put_text(w, "title", ad->title);
    json_put_text(w, "module_name", t->sorted[t->from]->name);
    json_put_text(w, "severity", ad->level);
    json_put_text(w, "vulnerable_versions", ad->vulnerable);
    json_put_text(w, "patched_versions", ad->patched.len > 0 ? ad->patched : TEXT("<0.0.0"));
    json_put_text(w, "url", ad->url);
    json_put_text(w, "overview", ad->title);
    json_put_text(w, "recommendation",
                  ad->patched.len > 0
                      ? text_printf(pool, "Upgrade to version %.*s", TEXT_ARG(ad->patched))
                      : TEXT("None"));
    json_put_text(w, "references", ad->url);
    json_put_text(w, "access", TEXT("public"));
    json_put_text(w, "created", ad->published);
    json_put_text(w, "updated", ad->modified);
    json_key(w, "cves");
    json_raw(w, ad->aliases);
    json_put_text(w, "github_advisory_id", ad->id);
    put_score(w, ad);
    json_close(w);
    return !t->a->late && !buf_failed(w->out);
}

static void put_metadata(struct tree *t)
{
    struct json_writer *w = &t->a->w;
    json_key(w, "metadata");
    json_open(w);
    json_key(w, "vulnerabilities");
    json_open(w);
    for (int i = 0; i < 5; i++)
        json_put_int(w, levels[i], t->counts[i]);
    json_close(w);
    json_put_int(w, "dependencies", (int64_t)t->n);
    json_put_int(w, "devDependencies", 0);
    json_put_int(w, "optionalDependencies", 0);
    json_put_int(w, "totalDependencies", (int64_t)t->n);
    json_close(w);
}

static int answer_tree(struct auditing *a, const struct json *doc)
{
    struct tree t = {.a = a, .all = pool_alloc(a->c->pool, MAX_NODES * sizeof *t.all)};
    collect(&t, json_get(doc, "dependencies"), NULL);
    t.sorted = pool_alloc(a->c->pool, (t.n + 1) * sizeof(struct node *));
    for (size_t i = 0; i < t.n; i++)
        t.sorted[i] = &t.all[i];
    qsort(t.sorted, t.n, sizeof(struct node *), by_name);
    json_open(&a->w);
    json_key(&a->w, "actions");
    json_raw(&a->w, TEXT("[]"));
    json_key(&a->w, "advisories");
    json_open(&a->w);
    for (t.from = 0; t.from < t.n; t.from = t.to) {
        struct text name = t.sorted[t.from]->name;
        for (t.to = t.from; t.to < t.n && text_eq(t.sorted[t.to]->name, name);)
            t.to++;
        if (each_known(a, name, put_advisory, &t) != 0)
            return -1;
    }
    json_close(&a->w);
    json_key(&a->w, "muted");
    json_raw(&a->w, TEXT("[]"));
    put_metadata(&t);
    json_close(&a->w);
    return 0;
}

static void audit(struct call *c, int (*answer)(struct auditing *a, const struct json *doc))
{
    struct err err;
    const struct json *doc;
    struct auditing a = {
        .c = c, .registry = c->area, .deadline_ms = clock_mono_ms() + MAX_TIME_MS, .err = &err};
    auto_buf struct buf out = {0};
    buf_init(&out, MAX_ANSWER);
    json_writer_init(&a.w, &out);
    if (c->who->kind == IDENTITY_ANONYMOUS && !a.registry->config.anonymous_read) {
        err_set(&err, ERR_UNAUTHORIZED, "login_needed", "Log in first: npm login.");
        call_fail(c, &err);
        return;
    }
    if (!asked_went_well(c, call_json_body(c, &doc, &err), &err))
        return;
    auto_read struct db_read r = db_read(a.registry->config.control, &err);
    a.conn = r.conn;
    if (asked_went_well(c, r.conn == NULL ? -1 : answer(&a, doc), &err))
        call_json(c, 200, &out);
}

static void post_bulk(struct call *c)
{
    audit(c, answer_bulk);
}

static void post_tree(struct call *c)
{
    audit(c, answer_tree);
}

#define AUDIT(where, handler, words)                                                               \
    {                                                                                              \
        .method = "POST", .path = (where), .handle = (handler), .faces = FACES,                    \
        .lane = LANE_ARCHIVE, .max_body = MAX_AUDIT, .summary = (words)                            \
    }

static const struct route table[] = {
    AUDIT("/npm/-/npm/v1/security/advisories/bulk", post_bulk,
          "npm audit: what is known against these versions"),
    AUDIT("/npm/-/npm/v1/security/audits/quick", post_tree,
          "The audit of pnpm 10: what is known against a tree"),
    AUDIT("/npm/-/npm/v1/security/audits", post_tree,
          "The audit of pnpm 10: what is known against a tree"),
};

int audit_routes(struct registry *registry, struct router *router, struct err *err)
{
    return router_add(router, table, sizeof table / sizeof table[0], registry, err);
}
