#include "registry/offline/closure.h"

#include "core/err.h"
#include "core/json.h"
#include "core/pool.h"
#include "http/account.h"
#include "registry/area.h"
#include "registry/jsonscan.h"
#include "registry/origin.h"
#include "registry/semver.h"
#include "registry/uplink/uplinks.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define THREADS 8
#define NOTES_MOST 5000
#define NOTE_RANGE 200                          /* bytes; a range is anybody's text */
#define PACKAGES_MOST (WANTS_MOST + NOTES_MOST) /* what is named, there or not */

struct edge {
    struct edge *next;
    struct text name, range;
    bool optional;
};

struct walk {
    struct closure *c;
    struct edge *first;
    struct pool *pool;
};

void closure_init(struct closure *c, struct registry *registry, struct pool *pool)
{
    *c = (struct closure){.registry = registry, .pool = pool};
}

void closure_release(struct closure *c)
{
    for (size_t i = 0; i < c->n; i++)
        pool_free(c->all[i]->pool);
    free(c->all);
    free(c->notes);
}

void closure_note(struct closure *c, struct text name, struct text range, struct text why)
{
    if (c->n_notes >= NOTES_MOST)
        return;
    if (c->n_notes == c->notes_room) {
        c->notes_room = c->notes_room == 0 ? 64 : c->notes_room * 2;
        c->notes = xrealloc(c->notes, c->notes_room * sizeof *c->notes);
    }
    c->notes[c->n_notes++] = (struct closure_note){
        text_dup(c->pool, name), text_dup(c->pool, text_sub(range, 0, NOTE_RANGE)),
        text_dup(c->pool, why)};
}

void closure_put_notes(const struct closure *c, struct json_writer *w)
{
    json_open_array(w);
    for (size_t i = 0; i < c->n_notes; i++) {
        json_open(w);
        json_put_text(w, "name", c->notes[i].name);
        json_put_text(w, "range", c->notes[i].range);
        json_put_text(w, "why", c->notes[i].why);
        json_close(w);
    }
    json_close_array(w);
}

/* fn(arg, i) for i from 0 to n, several at once. */
struct crowd {
    void (*fn)(void *arg, size_t i);
    void *arg;
    size_t n;
    atomic_size_t next;
};

static void *help(void *arg)
{
    struct crowd *crowd = arg;
    for (size_t i = atomic_fetch_add(&crowd->next, 1); i < crowd->n;
         i = atomic_fetch_add(&crowd->next, 1))
        crowd->fn(crowd->arg, i);
    return NULL;
}

static void each_at_once(size_t n, void (*fn)(void *arg, size_t i), void *arg)
{
    struct crowd crowd = {.fn = fn, .arg = arg, .n = n};
    pthread_t threads[THREADS];
    size_t made = 0;
    while (made < THREADS && made + 1 < n &&
           pthread_create(&threads[made], NULL, help, &crowd) == 0)
        made++;
    help(&crowd);
    while (made > 0)
        pthread_join(threads[--made], NULL);
}

static struct closure_package *find(struct closure *c, struct text name)
{
    for (size_t i = 0; i < c->n; i++)
        if (text_eq(c->all[i]->name.full, name))
            return c->all[i];
    return NULL;
}

static struct closure_package *add(struct closure *c, struct text name)
{
    struct pool *pool = pool_new();
    struct closure_package *p = pool_zalloc(pool, sizeof *p);
    p->pool = pool;
    if (!pkgname_split(text_dup(pool, name), &p->name))
        p->name = (struct pkgname){.full = text_dup(pool, name)};
    if (c->n == c->room) {
        c->room = c->room == 0 ? 256 : c->room * 2;
        c->all = xrealloc(c->all, c->room * sizeof(struct closure_package *));
    }
    c->all[c->n++] = p;
    return p;
}

static void index_versions(struct closure_package *p)
{
    struct jsonscan s;
    size_t n = 0;
    jsonscan_init(&s, jsonscan_get(p->doc, "versions"));
    while (jsonscan_next(&s))
        n++;
    p->all = pool_zalloc(p->pool, (n + 1) * sizeof *p->all);
    jsonscan_init(&s, jsonscan_get(p->doc, "versions"));
    while (p->n < n && jsonscan_next(&s)) {
        struct semver v;
        if (semver_parse(s.key, &v))
            p->all[p->n++] =
                (struct closure_version){.version = s.key,
                                         .manifest = s.value,
                                         .deprecated = jsonscan_get(s.value, "deprecated").len > 2};
    }
}

static bool is_public(struct registry *registry, struct closure_package *p)
{
    struct snapshot *accounts = account_snapshot(registry->config.account);
    bool public = origin_of(registry, p->pool, accounts, &p->name).kind == ORIGIN_PUBLIC;
    snapshot_drop(accounts);
    return public;
}

static void load(struct registry *registry, struct closure_package *p)
{
    struct uplinks *us = registry->uplinks;
    struct err err;
    if (p->name.base.len == 0) {
        p->why = TEXT("It is no name of a package.");
    } else if (!is_public(registry, p)) {
        p->why = TEXT("It is private here; it moves with its tenant, not in a bundle.");
    } else if (uplinks_refresh(us, p->name.full, PACKUMENT_FULL, &err) != 0 ||
               uplinks_document(us, p->pool, p->name.full, PACKUMENT_FULL, &p->doc, &err) != 0) {
        p->doc = TEXT_NONE;
        p->why = text_printf(p->pool, "%s", err.text);
    } else {
        index_versions(p);
    }
}

struct loading {
    struct closure *c;
    size_t from;
};

static void load_one(void *arg, size_t i)
{
    struct loading *l = arg;
    load(l->c->registry, l->c->all[l->from + i]);
}

static struct closure_version *find_version(struct closure_package *p, struct text version)
{
    for (size_t i = 0; i < p->n; i++)
        if (text_eq(p->all[i].version, version))
            return &p->all[i];
    return NULL;
}

static struct closure_version *find_tag(struct closure_package *p, struct text tag)
{
    struct jsonscan s;
    jsonscan_init(&s, jsonscan_get(p->doc, "dist-tags"));
    while (jsonscan_next(&s))
        if (text_eq(s.key, tag))
            return find_version(p, jsonscan_string(s.value));
    return NULL;
}

static bool fits(const struct closure_version *v, struct text range)
{
    struct semver parsed;
    return semver_parse(v->version, &parsed) && semver_satisfies(&parsed, range);
}

static struct closure_version *highest(struct closure_package *p, struct text range)
{
    struct closure_version *best = NULL;
    for (size_t i = 0; i < p->n; i++) {
        struct closure_version *v = &p->all[i];
        struct semver a, b;
        if (!fits(v, range))
            continue;
        bool better = best == NULL || (best->deprecated && !v->deprecated);
        if (!better && best->deprecated == v->deprecated && semver_parse(v->version, &a) &&
            semver_parse(best->version, &b))
            better = semver_cmp(&a, &b) > 0;
        if (better)
            best = v;
    }
    return best;
}

static struct closure_version *pick(struct closure_package *p, struct text range)
{
    struct closure_version *v = find_version(p, range), *latest = find_tag(p, TEXT("latest"));
    if (v != NULL)
        return v;
    if (range.len == 0)
        return latest != NULL ? latest : highest(p, TEXT("*"));
    if (!semver_is_range(range))
        return find_tag(p, range);
    return latest != NULL && fits(latest, range) ? latest : highest(p, range);
}

static void push(struct walk *w, struct text name, struct text range, bool optional)
{
    struct edge *e = pool_zalloc(w->pool, sizeof *e);
    struct want other;
    if (text_starts(range, "npm:") && want_cut(text_sub(range, 4, range.len), &other)) {
        name = other.name;
        range = other.range;
    }
    *e = (struct edge){w->first, text_dup(w->pool, name), text_dup(w->pool, range), optional};
    w->first = e;
}

static bool is_optional_peer(const struct json *meta, struct text name)
{
    bool optional = false;
    const struct json *one = json_get_text(meta, name);
    return one != NULL && json_want_bool(one, "optional", &optional, NULL) == 0 && optional;
}

static void push_needs(struct walk *w, struct closure_version *v)
{
    static const char *const kinds[] = {"dependencies", "optionalDependencies", "peerDependencies"};
    struct json *objects[3] = {NULL}, *meta = NULL;
    for (size_t i = 0; i < 3; i++) {
        struct text raw = jsonscan_get(v->manifest, kinds[i]);
        if (text_starts(raw, "{"))
            (void)json_read(w->pool, raw, 20000, &objects[i], NULL);
    }
    struct text raw = jsonscan_get(v->manifest, "peerDependenciesMeta");
    if (text_starts(raw, "{"))
        (void)json_read(w->pool, raw, 20000, &meta, NULL);
    for (size_t i = 0; i < 3; i++) {
        json_each (d, objects[i]) {
            bool optional = i == 1 || json_get_text(objects[1], d->key) != NULL;
            if (d->type == JSON_STRING && !(i == 2 && is_optional_peer(meta, d->key)))
                push(w, d->key, d->text, optional);
        }
    }
}

/* An edge whose package is loaded. */
static int choose(struct walk *w, const struct edge *e, bool locked, struct err *err)
{
    struct closure *c = w->c;
    struct closure_package *p = find(c, e->name);
    struct closure_version *v = p->doc.base != NULL ? pick(p, e->range) : NULL;
    if (v == NULL) {
        if (!e->optional)
            closure_note(c, e->name, e->range,
                         p->doc.base != NULL ? TEXT("No version fits.") : p->why);
        return 0;
    }
    if (v->chosen)
        return 0;
    v->chosen = true;
    if (++c->versions > WANTS_MOST)
        return err_set(err, ERR_TOO_LARGE, "too_large", "A bundle of more than %d versions.",
                       WANTS_MOST);
    if (!locked)
        push_needs(w, v);
    return 0;
}

static int walk(struct walk *w, bool locked, struct err *err)
{
    struct closure *c = w->c;
    while (w->first != NULL) {
        struct edge *wave = w->first;
        struct loading loading = {c, c->n};
        w->first = NULL;
        for (struct edge *e = wave; e != NULL; e = e->next)
            if (!want_is_elsewhere(e->range) && find(c, e->name) == NULL)
                (void)add(c, e->name);
        if (c->n > PACKAGES_MOST)
            return err_set(err, ERR_TOO_LARGE, "too_large", "A bundle of more than %d packages.",
                           PACKAGES_MOST);
        each_at_once(c->n - loading.from, load_one, &loading);
        for (struct edge *e = wave; e != NULL; e = e->next) {
            if (want_is_elsewhere(e->range))
                closure_note(c, e->name, e->range, TEXT("It comes from no registry."));
            else if (choose(w, e, locked, err) != 0)
                return -1;
        }
        if (uplinks_is_closing(c->registry->uplinks))
            return err_set(err, ERR_UNAVAILABLE, "stopping", "The server is stopping.");
        if (c->progress != NULL)
            c->progress(
                c->arg, -1,
                text_printf(w->pool, "%zu packages, %zu versions so far", c->n, c->versions));
    }
    return 0;
}

int closure_resolve(struct closure *c, const struct wants *wants, struct err *err)
{
    auto_pool struct pool *pool = pool_new();
    struct walk w = {c, NULL, pool};
    for (size_t i = wants->n; i-- > 0;)
        push(&w, wants->all[i].name, wants->all[i].range, false);
    return walk(&w, wants->locked, err);
}

struct fetching {
    struct closure *c;
    struct closure_package **packages;
    struct closure_version **versions;
    atomic_size_t done;
    size_t n;
};

static void fetch_one(void *arg, size_t i)
{
    struct fetching *f = arg;
    auto_pool struct pool *pool = pool_new();
    struct closure_package *p = f->packages[i];
    struct closure_version *v = f->versions[i];
    struct uplink_file file = {.fd = -1};
    struct err err;
    struct text name =
        text_printf(pool, "%.*s-%.*s.tgz", TEXT_ARG(p->name.base), TEXT_ARG(v->version));
    if (uplinks_tarball(f->c->registry->uplinks, pool, &p->name, name, &file, &err) == 0) {
        close(file.fd);
        v->here = true;
        v->bytes = file.bytes;
    } else {
        char *why = xstrdup(err.text);
        v->why = text_of(why); /* noted and freed by who waits */
    }
    size_t done = atomic_fetch_add(&f->done, 1) + 1;
    if (f->c->progress != NULL && done % 50 == 0)
        f->c->progress(f->c->arg, (int)(done * 100 / f->n),
                       text_printf(pool, "%zu of %zu tarballs", done, f->n));
}

int closure_fetch(struct closure *c, struct err *err)
{
    struct fetching f = {.c = c};
    size_t room = c->versions + 1;
    f.packages = xcalloc(room, sizeof *f.packages);
    f.versions = xcalloc(room, sizeof *f.versions);
    for (size_t i = 0; i < c->n; i++) {
        for (size_t j = 0; j < c->all[i]->n; j++) {
            if (!c->all[i]->all[j].chosen || f.n == room)
                continue;
            f.packages[f.n] = c->all[i];
            f.versions[f.n++] = &c->all[i]->all[j];
        }
    }
    each_at_once(f.n, fetch_one, &f);
    for (size_t i = 0; i < f.n; i++) {
        if (f.versions[i]->here)
            continue;
        closure_note(c, f.packages[i]->name.full, f.versions[i]->version, f.versions[i]->why);
        free((char *)(uintptr_t)f.versions[i]->why.base);
        f.versions[i]->why = TEXT_NONE;
    }
    free(f.packages);
    free(f.versions);
    return uplinks_is_closing(c->registry->uplinks)
               ? err_set(err, ERR_UNAVAILABLE, "stopping", "The server is stopping.")
               : 0;
}
