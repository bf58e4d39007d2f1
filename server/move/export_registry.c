/*
 * Exports to a registry: each version that it lacks is published as npm does it, in the order in
 * which they were published here; then tags and deprecations are made what they are here.
 */
#include "core/codec.h"
#include "server/move/export.h"
#include "server/move/remote.h"

#include <string.h>

#define DOCUMENT_MAX ((size_t)96 << 20)

static int read_there(struct remote *r, struct pool *pool, const char *url, const struct json **doc,
                      struct err *err)
{
    struct text text = TEXT_NONE;
    struct json *read;

    *doc = NULL;
    if (remote_get(r, pool, pool_printf(pool, "%s?write=true", url), DOCUMENT_MAX, &text, err) != 0)
        return err->kind == ERR_NOT_FOUND ? 0 : -1;
    if (json_read(pool, text, JSON_MAX_NODES, &read, err) != 0)
        return -1;
    *doc = read;
    return 0;
}

/* A tag that names the version; else latest, which is put right at the end. */
static struct text tag_of(const struct export_package *p, struct text version)
{
    json_each (tag, json_get(p->doc, "dist-tags"))
        if (tag->type == JSON_STRING && text_eq(tag->text, version))
            return tag->key;
    return TEXT("latest");
}

static void put_manifest(struct json_writer *w, const struct remote *r,
                         const struct export_package *p, const struct json *manifest)
{
    json_open(w);
    json_each (member, manifest) {
        json_key_text(w, member->key);
        if (!text_is(member->key, "dist")) {
            json_raw(w, member->raw);
            continue;
        }
        json_open(w);
        json_each (part, member) {
            bool tarball = text_is(part->key, "tarball");
            if (!tarball && !text_is(part->key, "integrity") && !text_is(part->key, "shasum"))
                continue;
            json_key_text(w, part->key);
            if (tarball)
                json_text(w, text_printf(p->pool, "%s/%.*s/-/%.*s-%.*s.tgz", r->base,
                                         TEXT_ARG(p->name.full), TEXT_ARG(p->name.base),
                                         TEXT_ARG(manifest->key)));
            else
                json_raw(w, part->raw);
        }
        json_close(w);
    }
    json_close(w);
}

/* As npm publish. */
static void write_publish(struct json_writer *w, const struct remote *r,
                          const struct export_package *p, const struct json *manifest,
                          struct text tarball)
{
    struct text version = manifest->key;
    const struct json *readme = json_get(p->doc, "readme");

    json_open(w);
    json_put_text(w, "_id", p->name.full);
    json_put_text(w, "name", p->name.full);
    json_key(w, "dist-tags");
    json_open(w);
    json_key_text(w, tag_of(p, version));
    json_text(w, version);
    json_close(w);
    json_key(w, "versions");
    json_open(w);
    json_key_text(w, version);
    put_manifest(w, r, p, manifest);
    json_close(w);
    if (readme != NULL && readme->type == JSON_STRING && text_is(tag_of(p, version), "latest"))
        json_put_text(w, "readme", readme->text);
    json_key(w, "_attachments");
    json_open(w);
    json_key_text(w,
                  text_printf(p->pool, "%.*s-%.*s.tgz", TEXT_ARG(p->name.full), TEXT_ARG(version)));
    json_open(w);
    json_put_str(w, "content_type", "application/octet-stream");
    json_put_text(w, "data", b64_encode(p->pool, tarball.base, tarball.len));
    json_put_int(w, "length", (int64_t)tarball.len);
    json_close(w);
    json_close(w);
    json_close(w);
}

static int publish(struct export *e, struct export_package *whole, const char *url,
                   const struct json *manifest, struct err *err)
{
    struct export_package p = *whole;
    struct remote *r = e->arg;
    struct text tarball = TEXT_NONE;
    auto_buf struct buf body = {0};
    struct json_writer w;

    p.pool = p.client.pool = pool_new();
    int rc = export_tarball(&p, manifest->key, manifest, &tarball, err);
    if (rc == 0) {
        buf_init(&body, tarball.len / 2 * 3 + manifest->raw.len + (4u << 20));
        json_writer_init(&w, &body);
        write_publish(&w, r, &p, manifest, tarball);
        rc = buf_failed(&body)
                 ? err_set(err, ERR_TOO_LARGE, "too_large", "The version's document is too large.")
                 : remote_put(r, p.pool, url, buf_view(&body), err);
    }
    pool_free(p.pool);
    return rc;
}

/* 1: it is there with these bytes. */
static int is_there(const struct json *there, const struct json *manifest, struct err *err)
{
    const struct json *known = json_get_text(json_get(there, "versions"), manifest->key);
    struct text ours = TEXT_NONE, theirs = TEXT_NONE;

    if (known == NULL)
        return 0;
    if (json_want_text(manifest, "dist.integrity", &ours, err) != 0 ||
        json_want_text(known, "dist.integrity", &theirs, err) != 0)
        return -1;
    return text_eq(ours, theirs) ? 1
                                 : err_set(err, ERR_CONFLICT, "version_exists",
                                           "It is there already, with other bytes.");
}

static void publish_versions(struct export *e, struct export_package *p, const char *url,
                             const struct json *there)
{
    struct err why;

    json_each (manifest, json_get(p->doc, "versions")) {
        int known = is_there(there, manifest, &why);
        if (known == 0 && publish(e, p, url, manifest, &why) == 0)
            p->written++;
        else if (known > 0)
            p->there++;
        else
            export_refuse(e, "version", manifest->key, &why);
    }
}

static void set_tags(struct export *e, struct export_package *p, const struct json *there)
{
    struct remote *r = e->arg;
    const char *name = remote_package(r, p->pool, p->name.full) + strlen(r->base) + 1;
    struct err why;

    json_each (tag, json_get(p->doc, "dist-tags")) {
        const struct json *known = json_get_text(json_get(there, "dist-tags"), tag->key);
        if (known != NULL && known->type == JSON_STRING && text_eq(known->text, tag->text))
            continue;
        const char *url = pool_printf(p->pool, "%s/-/package/%s/dist-tags/%.*s", r->base, name,
                                      TEXT_ARG(percent_encode(p->pool, tag->key)));
        if (remote_put(r, p->pool, url, tag->raw, &why) != 0)
            export_refuse(e, "tag", tag->key, &why);
    }
}

static struct text deprecated(const struct json *manifest)
{
    const struct json *why = json_get(manifest, "deprecated");

    return why != NULL && why->type == JSON_STRING ? why->text : TEXT("");
}

/* Their document with our deprecations; false: there is nothing to say. */
static bool write_deprecations(struct json_writer *w, const struct export_package *p,
                               const struct json *there)
{
    const struct json *ours = json_get(p->doc, "versions");
    bool differs = false;

    json_open(w);
    json_each (member, there) {
        if (text_is(member->key, "_attachments"))
            continue;
        json_key_text(w, member->key);
        if (!text_is(member->key, "versions")) {
            json_raw(w, member->raw);
            continue;
        }
        json_open(w);
        json_each (manifest, member) {
            const struct json *own = json_get_text(ours, manifest->key);
            struct text want = own != NULL ? deprecated(own) : deprecated(manifest);
            differs = differs || !text_eq(want, deprecated(manifest));
            json_key_text(w, manifest->key);
            json_open(w);
            json_each (part, manifest) {
                if (text_is(part->key, "deprecated"))
                    continue;
                json_key_text(w, part->key);
                json_raw(w, part->raw);
            }
            if (want.len > 0 || deprecated(manifest).len > 0)
                json_put_text(w, "deprecated", want);
            json_close(w);
        }
        json_close(w);
    }
    json_close(w);
    return differs;
}

static int set_deprecations(struct export *e, struct export_package *p, const char *url,
                            const struct json *there, struct err *err)
{
    auto_buf struct buf body = {0};
    struct json_writer w;

    buf_init(&body, DOCUMENT_MAX);
    json_writer_init(&w, &body);
    if (!write_deprecations(&w, p, there))
        return 0;
    if (buf_failed(&body))
        return err_set(err, ERR_TOO_LARGE, "too_large", "Its document there is too large.");
    return remote_put(e->arg, p->pool, url, buf_view(&body), err);
}

static int package_to_registry(struct export *e, struct export_package *p, struct err *err)
{
    const char *url = remote_package(e->arg, p->pool, p->name.full);
    const struct json *there;

    if (read_there(e->arg, p->pool, url, &there, err) != 0)
        return -1;
    publish_versions(e, p, url, there);
    if (read_there(e->arg, p->pool, url, &there, err) != 0)
        return -1;
    if (there == NULL)
        return err_set(err, ERR_UPSTREAM, "not_there", "Nothing of it is there afterwards.");
    set_tags(e, p, there);
    /* again: a document that is behind would be refused */
    if (read_there(e->arg, p->pool, url, &there, err) != 0)
        return -1;
    return there == NULL ? 0 : set_deprecations(e, p, url, there, err);
}

static int open_registry(struct export *e, struct err *err)
{
    struct remote *r = pool_zalloc(e->ask->pool, sizeof(*r));

    e->arg = r;
    return remote_open(r, e->ask, e->where, err);
}

static int close_registry(struct export *e, bool whole, struct err *err)
{
    remote_close(e->arg);
    return 0;
}

const struct export_target export_to_registry = {"published", open_registry, package_to_registry,
                                                 close_registry};
