#include "core/buf.h"
#include "core/digest.h"
#include "core/err.h"
#include "core/json.h"
#include "core/pool.h"
#include "core/tar.h"
#include "http/account.h"
#include "registry/area.h"
#include "registry/document.h"
#include "registry/jsonscan.h"
#include "registry/offline/closure.h"
#include "registry/offline/offline.h"
#include "registry/origin.h"
#include "registry/semver.h"
#include "registry/uplink/body.h"
#include "registry/uplink/part.h"
#include "registry/uplink/store.h"
#include "registry/uplink/trim.h"

#include <stdlib.h>

#define MOST_FILES 60000
#define MOST_INDEX_NODES 400000

struct file {
    struct text name, content;
    bool named; /* the index does */
};

struct version {
    struct text version, tarball;
    struct blob_id sum;
};

struct package {
    struct pkgname name;
    struct text doc;
    struct version *all;
    size_t n;
    struct text why; /* absent, or why it is passed over */
};

struct unpacking {
    struct registry *registry;
    struct pool *pool;
    struct file *files; /* by name */
    size_t n_files;
    struct package *all;
    size_t n;
    int64_t new_versions, versions, bytes, kept;
};

static int bad(struct err *err, const char *what, struct text name)
{
    return err_set(err, ERR_UNPROCESSABLE, "bad_bundle",
                   "The bundle is not taken: %s%s%.*s. Nothing of it was kept.", what,
                   name.len > 0 ? ": " : "", TEXT_ARG(text_sub(name, 0, 100)));
}

static int by_name(const void *a, const void *b)
{
    return text_cmp(((const struct file *)a)->name, ((const struct file *)b)->name);
}

static int read_files(struct unpacking *u, struct text bundle, struct err *err)
{
    struct tar t;
    size_t room = 0;
    int more;
    tar_init(&t, bundle);
    while ((more = tar_next(&t, err)) == 1) {
        if (u->n_files == room) {
            if (room >= MOST_FILES)
                return bad(err, "it holds too many files", TEXT_NONE);
            struct file *files = pool_zalloc(u->pool, (room * 2 + 256) * sizeof *files);
            if (u->n_files > 0)
                memcpy(files, u->files, u->n_files * sizeof *files);
            u->files = files;
            room = room * 2 + 256;
        }
        u->files[u->n_files++] = (struct file){t.name, t.content, false};
    }
    if (more < 0)
        return -1;
    if (u->n_files == 0 || !text_is(u->files[0].name, BUNDLE_INDEX))
        return bad(err, "it does not begin with " BUNDLE_INDEX, TEXT_NONE);
    return 0;
}

/* Each file is named once. */
static int take_file(struct unpacking *u, const struct json *of, const char *key, struct text *out,
                     struct err *err)
{
    struct file wanted = {.name = TEXT_NONE};
    if (json_need_text(of, key, &wanted.name, err) != 0)
        return bad(err, "its index lacks the name of a file", TEXT_NONE);
    struct file *f = bsearch(&wanted, u->files, u->n_files, sizeof *f, by_name);
    if (f == NULL || f->named)
        return bad(err, "a file that the index names is missing or named twice", wanted.name);
    f->named = true;
    *out = f->content;
    return 0;
}

/* The tarball is what the document in the bundle promises. */
static int verify(struct unpacking *u, const struct package *p, struct version *v, struct err *err)
{
    unsigned char one[SHA1_BYTES];
    struct uplink_dist dist;
    struct semver parsed;
    auto_pool struct pool *pool = pool_new();
    sha512(v->tarball, v->sum.sha512);
    sha1(v->tarball, one);
    if (!semver_parse(v->version, &parsed) || !uplink_body_dist(pool, p->doc, v->version, &dist) ||
        document_check_promise(pool, dist.integrity, dist.shasum, v->sum.sha512, one, NULL) != 0)
        return bad(err, "a tarball is not what its document promises",
                   text_printf(u->pool, "%.*s@%.*s", TEXT_ARG(p->name.full),
                               TEXT_ARG(text_sub(v->version, 0, 64))));
    u->versions++;
    u->bytes += (int64_t)v->tarball.len;
    return 0;
}

static bool is_listed(void *arg, struct text version)
{
    const struct package *p = arg;
    for (size_t i = 0; i < p->n; i++)
        if (text_eq(p->all[i].version, version))
            return true;
    return false;
}

static int read_package(struct unpacking *u, const struct json *in, struct package *p,
                        struct err *err)
{
    struct text name = TEXT_NONE;
    const struct json *versions = json_get(in, "versions");
    if (json_need_text(in, "name", &name, err) != 0 || !pkgname_split(name, &p->name) ||
        versions == NULL || versions->type != JSON_ARRAY || versions->count == 0)
        return bad(err, "its index has a package without name or versions", name);
    if (take_file(u, in, "document", &p->doc, err) != 0)
        return -1;
    if (uplink_body_check(p->doc, name, NULL) != 0)
        return bad(err, "a document is not that of its package", name);
    p->all = pool_zalloc(u->pool, versions->count * sizeof *p->all);
    json_each (v, versions) {
        struct version *to = &p->all[p->n++];
        if (json_need_text(v, "version", &to->version, err) != 0 ||
            take_file(u, v, "tarball", &to->tarball, err) != 0)
            return bad(err, "its index has a version without its file", name);
        if (verify(u, p, to, err) != 0)
            return -1;
    }
    /* Versions without their tarball are none. */
    if (trim_versions(u->pool, p->doc, is_listed, p, &p->doc, NULL) != 0)
        return bad(err, "a document cannot be read", name);
    return 0;
}

static int read_index(struct unpacking *u, struct err *err)
{
    struct json *index;
    int64_t format = 0;
    struct text content = u->files[0].content;
    if (json_read(u->pool, content, MOST_INDEX_NODES, &index, NULL) != 0 ||
        json_want_int(index, "format", &format, NULL) != 0)
        return bad(err, "its index cannot be read", TEXT_NONE);
    if (format != BUNDLE_FORMAT)
        return bad(err, "it is of another version of Redhouse", TEXT_NONE);
    const struct json *packages = json_get(index, "packages");
    if (packages == NULL || packages->type != JSON_ARRAY)
        return bad(err, "its index names no packages", TEXT_NONE);
    qsort(u->files, u->n_files, sizeof *u->files, by_name);
    for (size_t i = 1; i < u->n_files; i++)
        if (text_eq(u->files[i].name, u->files[i - 1].name))
            return bad(err, "a file stands in it twice", u->files[i].name);
    u->all = pool_zalloc(u->pool, (packages->count + 1) * sizeof *u->all);
    json_each (p, packages)
        if (read_package(u, p, &u->all[u->n++], err) != 0)
            return -1;
    for (size_t i = 0; i < u->n_files; i++)
        if (!u->files[i].named && !text_is(u->files[i].name, BUNDLE_INDEX))
            return bad(err, "it holds a file that its index does not name", u->files[i].name);
    return 0;
}

/* With what is here of the package: the tags of the newer one count. */
static int merge(struct unpacking *u, const struct uplink *from, const struct package *p,
                 struct text *doc, struct err *err)
{
    struct text old, one, two;
    *doc = p->doc;
    if (uplinks_kept_document(u->registry->uplinks, u->pool, from->name, p->name.full, &old) != 0)
        return 0;
    one = jsonscan_string(jsonscan_get(jsonscan_get(old, "time"), "modified"));
    two = jsonscan_string(jsonscan_get(jsonscan_get(p->doc, "time"), "modified"));
    return text_cmp(two, one) >= 0 ? trim_merge(u->pool, p->doc, old, doc, err)
                                   : trim_merge(u->pool, old, p->doc, doc, err);
}

static int keep_tarball(struct unpacking *u, const struct uplink *from, const struct package *p,
                        const struct version *v, struct err *err)
{
    struct uplinks *us = u->registry->uplinks;
    struct stored stored;
    struct text file =
        text_printf(u->pool, "%.*s-%.*s.tgz", TEXT_ARG(p->name.base), TEXT_ARG(v->version));
    if (store_find_tarball(us, u->pool, from->name, p->name.full, file, &stored) && stored.kept &&
        memcmp(stored.id.sha512, v->sum.sha512, sizeof stored.id.sha512) == 0)
        return 0;
    u->new_versions++;
    return store_put_tarball(us, from->name, p->name.full, file, v->tarball, true, err);
}

static int keep_documents(struct unpacking *u, const struct uplink *from, const struct package *p,
                          struct text doc, struct err *err)
{
    struct uplinks *us = u->registry->uplinks;
    struct store_document d = {from->name, p->name.full, PACKUMENT_FULL, TEXT_NONE, doc, true};
    struct text brief;
    if (trim_abbreviate(u->pool, doc, &brief, err) != 0 ||
        store_put_document(us, u->pool, &d, err) != 0)
        return -1;
    d.form = PACKUMENT_ABBREVIATED;
    d.body = brief;
    if (store_put_document(us, u->pool, &d, err) != 0)
        return -1;
    uplinks_forget(us, p->name.full);
    if (us->config.changed != NULL)
        us->config.changed(us->config.arg, p->name.full);
    return 0;
}

/* Tarballs first: a document never names what is not here. */
static int keep_package(struct unpacking *u, const struct uplink_table *table, struct package *p,
                        struct err *err)
{
    const struct uplink *from;
    struct err why;
    struct text doc;
    struct snapshot *accounts = account_snapshot(u->registry->config.account);
    bool ours = origin_of(u->registry, u->pool, accounts, &p->name).kind != ORIGIN_PUBLIC;
    snapshot_drop(accounts);
    if (ours) {
        p->why = TEXT("The name is private here, and what is private is not mixed.");
        return 0;
    }
    if (uplink_choose(table, p->name.full, &from, &why) != 0 ||
        merge(u, from, p, &doc, &why) != 0) {
        p->why = text_printf(u->pool, "%s", why.text);
        return 0;
    }
    for (size_t i = 0; i < p->n; i++)
        if (keep_tarball(u, from, p, &p->all[i], err) != 0)
            return -1;
    if (keep_documents(u, from, p, doc, err) != 0)
        return -1;
    u->kept++;
    return 0;
}

static void put_report(const struct unpacking *u, struct json_writer *w)
{
    json_open(w);
    json_put_int(w, "packages", u->kept);
    json_put_int(w, "versions", u->versions);
    json_put_int(w, "new_versions", u->new_versions);
    json_put_int(w, "bytes", u->bytes);
    json_key(w, "passed_over");
    json_open_array(w);
    for (size_t i = 0; i < u->n; i++) {
        if (u->all[i].why.base == NULL)
            continue;
        json_open(w);
        json_put_text(w, "name", u->all[i].name.full);
        json_put_text(w, "why", u->all[i].why);
        json_close(w);
    }
    json_close_array(w);
    json_close(w);
}

int unpack_bundle(struct registry *registry, struct pool *pool, struct text bundle,
                  struct json_writer *w, struct err *err)
{
    struct unpacking u = {.registry = registry, .pool = pool};
    int failed = 0;
    if (read_files(&u, bundle, err) != 0 || read_index(&u, err) != 0)
        return -1;
    struct uplink_table *table = uplinks_table(registry->uplinks);
    for (size_t i = 0; i < u.n && failed == 0; i++)
        failed = keep_package(&u, table, &u.all[i], err);
    snapshot_drop(&table->base);
    if (failed == 0)
        put_report(&u, w);
    return failed;
}
