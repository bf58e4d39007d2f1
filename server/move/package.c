/* One package: what is missing of it is brought, then all of it is shown. */
#include "core/codec.h"
#include "core/digest.h"
#include "registry/document.h"
#include "server/move/mover.h"

#include <string.h>
#include <unistd.h>

#define REPORT_MAX (256u << 20)

static const char *package_path(const struct mover_package *p, const char *after)
{
    return pool_printf(p->pool, "/api/v1/imports/packages/%.*s%s",
                       TEXT_ARG(percent_encode(p->pool, p->name)), after);
}

/* What is claimed for it: its name, or the scope that the map gives to a tenant of another slug. */
static struct text claimed(const struct mover_package *p)
{
    struct text scope = text_sub(p->name, 0, text_find(p->name, '/', 0));

    if (p->name.base[0] != '@')
        return p->name;
    return p->mapped && !text_is(text_sub(scope, 1, scope.len), p->tenant) ? scope : TEXT_NONE;
}

/* A name without a scope, or a scope that is mapped, is the tenant's before its first version is.
 */
static int claim(struct mover *m, struct mover_package *p, struct err *err)
{
    auto_buf struct buf body = {0};
    struct json_writer w;
    const struct json *doc;
    struct text name = claimed(p);

    if (name.base == NULL || m->dry_run)
        return 0;
    buf_init(&body, 4096);
    json_writer_init(&w, &body);
    json_open(&w);
    json_put_text(&w, "name", name);
    json_put_str(&w, "tenant", p->tenant);
    json_put_bool(&w, "take_over", m->take_over);
    json_close(&w);
    /* whose it is if it is claimed already, the next request tells */
    if (mover_call(m, &p->client, "POST", "/api/v1/claims", &body, &doc, err) != 0 &&
        strcmp(err->code, "claimed") != 0)
        return -1;
    return 0;
}

static int read_state(struct mover *m, struct mover_package *p, const struct json **versions,
                      struct err *err)
{
    const struct json *doc;
    const char *path =
        package_path(p, pool_printf(p->pool, "?tenant=%.*s",
                                    TEXT_ARG(percent_encode(p->pool, text_of(p->tenant)))));

    *versions = NULL;
    if (mover_call(m, &p->client, "GET", path, NULL, &doc, err) != 0) {
        /* a rehearsal claims nothing */
        bool unclaimed = m->dry_run && claimed(p).base != NULL;
        return unclaimed && strcmp(err->code, "wrong_scope") == 0 ? 0 : -1;
    }
    *versions = json_get(doc, "versions");
    return 0;
}

static const struct json *find_version(const struct json *versions, struct text version)
{
    json_each (v, versions) {
        const struct json *name = json_get(v, "version");
        if (name != NULL && text_eq(name->text, version))
            return v;
    }
    return NULL;
}

int mover_check_promise(struct pool *pool, const struct json *manifest, struct text tarball,
                        struct err *err)
{
    unsigned char sum512[SHA512_BYTES], sum1[SHA1_BYTES];
    struct text integrity = TEXT_NONE, shasum = TEXT_NONE;

    if (json_want_text(manifest, "dist.integrity", &integrity, err) != 0 ||
        json_want_text(manifest, "dist.shasum", &shasum, err) != 0)
        return -1;
    sha512(tarball, sum512);
    sha1(tarball, sum1);
    return document_check_promise(pool, integrity, shasum, sum512, sum1, err);
}

static void put_time(struct json_writer *w, const struct mover_package *p, struct text version)
{
    const struct json *time = json_get_text(json_get(p->doc, "time"), version);

    if (time == NULL || time->type != JSON_STRING)
        return;
    json_key(w, "time");
    json_open(w);
    json_key_text(w, version);
    json_raw(w, time->raw);
    json_close(w);
}

/* The README of the whole is the latest version's. */
static void put_readme(struct json_writer *w, const struct mover_package *p, struct text version)
{
    const struct json *latest = json_at(p->doc, "dist-tags.latest");
    const struct json *readme = json_get(p->doc, "readme");

    if (latest == NULL || readme == NULL || readme->type != JSON_STRING ||
        !text_eq(latest->text, version))
        return;
    json_key(w, "readme");
    json_raw(w, readme->raw);
}

/* What npm would send to publish it. */
static int send_version(struct mover *m, struct mover_package *p, const struct json *manifest,
                        struct text tarball, struct err *err)
{
    auto_buf struct buf body = {0};
    struct json_writer w;
    const struct json *doc;
    const char *path =
        package_path(p, pool_printf(p->pool, "/versions?tenant=%.*s",
                                    TEXT_ARG(percent_encode(p->pool, text_of(p->tenant)))));

    buf_init(&body, tarball.len / 2 * 3 + manifest->raw.len + (4u << 20));
    json_writer_init(&w, &body);
    json_open(&w);
    json_put_text(&w, "name", p->name);
    json_key(&w, "versions");
    json_open(&w);
    json_key_text(&w, manifest->key);
    json_raw(&w, manifest->raw);
    json_close(&w);
    put_time(&w, p, manifest->key);
    put_readme(&w, p, manifest->key);
    json_key(&w, "_attachments");
    json_open(&w);
    json_key(&w, "package.tgz");
    json_open(&w);
    json_put_str(&w, "content_type", "application/octet-stream");
    json_put_text(&w, "data", b64_encode(p->pool, tarball.base, tarball.len));
    json_put_int(&w, "length", (int64_t)tarball.len);
    json_close(&w);
    json_close(&w);
    json_close(&w);
    if (buf_failed(&body))
        return err_set(err, ERR_TOO_LARGE, "too_large", "The version's document is too large.");
    return mover_call(m, &p->client, "POST", path, &body, &doc, err);
}

/* 1: it was sent (or would be). 0: it is there. */
static int move_version(struct mover *m, struct mover_package *whole, const struct json *manifest,
                        const struct json *known, struct err *err)
{
    struct mover_package p = *whole;
    struct text state = TEXT_NONE, there = TEXT_NONE, promised = TEXT_NONE, tarball = TEXT_NONE;

    if (manifest->type != JSON_OBJECT)
        return err_set(err, ERR_UNPROCESSABLE, "bad_document", "Its manifest is no object.");
    if (json_want_text(known, "state", &state, err) != 0 ||
        json_want_text(known, "integrity", &there, err) != 0 ||
        json_want_text(manifest, "dist.integrity", &promised, err) != 0)
        return -1;
    if (text_is(state, "removed"))
        return err_set(err, ERR_CONFLICT, "version_removed",
                       "It was removed here and its number stays used.");
    if (there.len > 0 && text_eq(there, promised))
        return 0;
    p.pool = p.client.pool = pool_new();
    int rc = m->source->tarball(m, &p, manifest, &tarball, err);
    if (rc == 0)
        rc = mover_check_promise(p.pool, manifest, tarball, err);
    if (rc == 0 && !m->dry_run)
        rc = send_version(m, &p, manifest, tarball, err);
    pool_free(p.pool);
    return rc == 0 ? 1 : -1;
}

static void skip(struct mover *m, struct mover_package *p, struct text version, const char *why)
{
    json_open(&m->report);
    json_put_text(&m->report, "version", version);
    json_put_str(&m->report, "detail", why);
    json_close(&m->report);
    p->skipped++;
}

static int move_versions(struct mover *m, struct mover_package *p, struct err *err)
{
    const struct json *known, *versions = json_get(p->doc, "versions");
    auto_buf struct buf skipped = {0};
    struct json_writer report;
    struct err why;

    if (versions == NULL || versions->type != JSON_OBJECT || versions->count > MOVER_VERSIONS_MAX)
        return err_set(err, ERR_UNPROCESSABLE, "bad_document",
                       "Its document names no versions, or more than %d.", MOVER_VERSIONS_MAX);
    if (read_state(m, p, &known, err) != 0)
        return -1;
    /* two lists that grow at once */
    buf_init(&skipped, REPORT_MAX);
    json_writer_init(&report, &skipped);
    json_open_array(&report);
    json_key(&m->report, "refused");
    json_open_array(&m->report);
    json_each (manifest, versions) {
        const char *foreign = m->source->foreign != NULL && manifest->type == JSON_OBJECT
                                  ? m->source->foreign(p, manifest)
                                  : NULL;
        if (foreign != NULL) {
            struct json_writer own = m->report;
            m->report = report;
            skip(m, p, manifest->key, foreign);
            report = m->report;
            m->report = own;
            continue;
        }
        int rc = move_version(m, p, manifest, find_version(known, manifest->key), &why);
        if (rc < 0 && m->lost) {
            *err = why;
            break;
        }
        if (rc < 0) {
            mover_refuse(m, "version", manifest->key, &why);
            p->refused++;
        } else if (rc > 0) {
            p->added++;
        } else {
            p->there++;
        }
    }
    json_close_array(&m->report);
    json_close_array(&report);
    json_key(&m->report, "skipped");
    json_raw(&m->report, buf_view(&skipped));
    return m->lost ? -1 : 0;
}

static void put_deprecations(struct json_writer *w, const struct mover_package *p)
{
    json_key(w, "deprecated");
    json_open(w);
    json_each (manifest, json_get(p->doc, "versions")) {
        const struct json *why = json_get(manifest, "deprecated");
        if (why == NULL || why->type != JSON_STRING || why->text.len == 0)
            continue;
        json_key_text(w, manifest->key);
        json_raw(w, why->raw);
    }
    json_close(w);
}

static void put_owners(struct json_writer *w, const struct mover_package *p)
{
    const struct json *latest = json_at(p->doc, "dist-tags.latest");
    const struct json *manifest =
        latest != NULL ? json_get_text(json_get(p->doc, "versions"), latest->text) : NULL;
    const struct json *people = json_get(p->doc, "maintainers");
    unsigned n = 0;

    if (people == NULL || people->type != JSON_ARRAY || people->count == 0)
        people = json_get(manifest, "maintainers");
    json_key(w, "owners");
    json_open_array(w);
    json_each (person, people) {
        const struct json *name = json_get(person, "name");
        if (name != NULL && name->type == JSON_STRING && n++ < 100)
            json_raw(w, name->raw);
    }
    json_close_array(w);
}

/* All that was brought is seen from here on. */
static int show(struct mover *m, struct mover_package *p, struct err *err)
{
    auto_buf struct buf body = {0};
    struct json_writer w;
    const struct json *created = json_at(p->doc, "time.created"), *doc;
    const struct json *tags = json_get(p->doc, "dist-tags");

    buf_init(&body, 8u << 20);
    json_writer_init(&w, &body);
    json_open(&w);
    json_put_str(&w, "tenant", p->tenant);
    json_key(&w, "tags");
    json_raw(&w, tags != NULL && tags->type == JSON_OBJECT ? tags->raw : TEXT("{}"));
    put_deprecations(&w, p);
    put_owners(&w, p);
    if (created != NULL && created->type == JSON_STRING)
        json_put_text(&w, "created", created->text);
    json_close(&w);
    if (buf_failed(&body))
        return err_set(err, ERR_TOO_LARGE, "too_large", "Its tags and deprecations are too large.");
    if (mover_call(m, &p->client, "PUT", package_path(p, ""), &body, &doc, err) != 0)
        return -1;
    json_each (refused, json_get(doc, "refused"))
        p->refused++;
    json_each (refused, json_get(doc, "tags_refused"))
        p->refused++;
    m->refused += p->refused > 0 ? 1 : 0;
    json_key(&m->report, "shown");
    json_raw(&m->report, doc->raw);
    return 0;
}

int mover_take(struct mover *m, struct mover_package *p, struct err *err)
{
    if (m->source->document(m, p, err) != 0 || claim(m, p, err) != 0 ||
        move_versions(m, p, err) != 0)
        return -1;
    return m->dry_run || p->added + p->there == 0 ? 0 : show(m, p, err);
}
