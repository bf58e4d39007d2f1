#include "registry/publish.h"

#include "core/blob.h"
#include "core/clock.h"
#include "core/db.h"
#include "core/digest.h"
#include "core/err.h"
#include "core/pool.h"
#include "http/account.h"
#include "registry/area.h"
#include "registry/document.h"
#include "registry/hook/hook.h"
#include "registry/manifest.h"
#include "registry/origin.h"
#include "registry/package.h"
#include "registry/permission.h"
#include "registry/policy/policy.h"
#include "registry/policy/rules.h"
#include "registry/provenance.h"
#include "registry/quota/quota.h"
#include "registry/signature/signature.h"
#include "registry/versiondoc.h"

#define AGAIN_MS (10 * 60 * 1000) /* a client's retry of a PUT comes within that */
#define MAX_TAGS 50

/* One version on its way. */
struct work {
    struct registry *registry;
    struct pool *pool;
    struct pkgname name;
    const char *tenant;
    struct text tarball;
    const struct json *published;
    struct text tags[MAX_TAGS];
    size_t n_tags;
    const struct identity
        *who;          /* whose right to the package is judged; NULL: a build of its tenant */
    bool anyone_again; /* the same bytes are a success whoever sent them */
    unsigned char sha512_sum[SHA512_BYTES], sha1_sum[SHA1_BYTES];
    struct manifest manifest;
    struct package_version v;
    struct provenance provenance; /* absent bundle: none */
    struct blob_id bundle;
    struct publish_result result;
};

static const char *const source_names[] = {[TARBALL_BUILD] = "build", [TARBALL_UPLOAD] = "upload"};

static int read_tarball(struct work *w, struct err *err)
{
    sha512(w->tarball, w->sha512_sum);
    sha1(w->tarball, w->sha1_sum);
    w->v.sha512 = text_n(w->sha512_sum, SHA512_BYTES);
    w->v.bytes = (int64_t)w->tarball.len;
    return manifest_read(w->pool, w->tarball, &w->manifest, err);
}

static int check_says_same(const struct work *w, struct err *err)
{
    const struct manifest *m = &w->manifest;
    if (!text_eq(m->name, w->name.full))
        return err_set(err, ERR_UNPROCESSABLE, "wrong_name",
                       "The tarball holds \"%.*s\", not \"%.*s\".",
                       TEXT_ARG(text_sub(m->name, 0, 80)), TEXT_ARG(w->name.full));
    if (!text_eq(m->version, w->v.version))
        return err_set(err, ERR_UNPROCESSABLE, "wrong_version",
                       "The tarball holds version %.*s, not %.*s.", TEXT_ARG(m->version),
                       TEXT_ARG(text_sub(w->v.version, 0, 80)));
    return 0;
}

static int make_documents(struct work *w, struct err *err)
{
    const struct manifest *m = &w->manifest;
    struct versiondoc doc = {.name = &w->name,
                             .version = w->v.version,
                             .published = w->published,
                             .tarball = m,
                             .publisher = w->v.publisher,
                             .trusted = text_is(w->v.source, "trusted"),
                             .sha512_sum = w->sha512_sum,
                             .sha1_sum = w->sha1_sum};
    if (versiondoc_make(w->pool, &doc, err) != 0)
        return -1;
    w->v.manifest = doc.manifest;
    w->v.abbreviated = doc.abbreviated;
    w->v.dist = doc.dist;
    if (w->v.readme.base == NULL) {
        w->v.readme = m->readme;
        w->v.readme_name = m->readme_name;
    }
    w->v.types = m->types;
    if (m->node_red)
        w->v.node_red = m->node_red_version.len > 0 ? m->node_red_version : TEXT("*");
    w->v.install_script = m->install_script;
    return 0;
}

/* 1: it is there with the same bytes and that is fine. 0: it is not there. */
static int judge_stored(struct work *w, struct db_conn *conn, struct err *err)
{
    struct package_stored old;
    struct err why;
    if (package_get_stored(conn, w->pool, w->name.full, w->v.version, &old, &why) != 0) {
        if (why.kind == ERR_NOT_FOUND)
            return 0;
        return err_set(err, why.kind, why.code, "%s", why.text);
    }
    bool same_user = old.publisher_id.base != NULL &&
                     text_eq(old.publisher_id, w->v.publisher_id) &&
                     clock_wall_ms() - old.published_ms < AGAIN_MS;
    if (text_eq(old.sha512, w->v.sha512) && (same_user || w->anyone_again))
        return 1;
    return err_set(err, ERR_CONFLICT, "version_exists",
                   "%.*s@%.*s is there already. Publish a higher version.", TEXT_ARG(w->name.full),
                   TEXT_ARG(w->v.version));
}

static int check_may(struct work *w, struct db_conn *conn, struct err *err)
{
    struct permission ask = {conn, w->pool, w->who, w->tenant, w->name.full};
    return w->who == NULL ? 0 : permission_check(&ask, PERMISSION_WRITE, err);
}

/* The package's row, made when this is its first version. */
static int open_package(struct work *w, struct db_conn *conn, bool *new_scope, struct err *err)
{
    struct package p;
    struct err why;
    *new_scope = false;
    if (package_get(conn, w->pool, w->name.full, &p, &why) == 0)
        return check_may(w, conn, err);
    if (why.kind != ERR_NOT_FOUND)
        return err_set(err, why.kind, why.code, "%s", why.text);
    if (package_create(conn, w->pool, w->name.full, w->tenant, w->v.published_ms, new_scope, err) !=
        0)
        return -1;
    if (w->v.publisher_id.base == NULL)
        return 0;
    return package_add_owner(conn, w->name.full, w->v.publisher_id, w->v.publisher, err);
}

/* npm's check that latest does not move back silently is the client's; a server can only say so. */
static void note_latest(struct work *w, struct db_conn *conn)
{
    struct text was;
    struct semver old, new;
    if (package_get_tag(conn, w->pool, w->name.full, TEXT("latest"), &was, NULL) == 0 &&
        semver_parse(was, &old) && semver_parse(w->v.version, &new) && semver_cmp(&new, &old) < 0)
        w->result.latest_was = was;
}

static int set_tags(struct work *w, struct db_conn *conn, struct err *err)
{
    for (size_t i = 0; i < w->n_tags; i++) {
        if (text_is(w->tags[i], "latest"))
            note_latest(w, conn);
        if (package_set_tag(conn, w->pool, w->name.full, w->tags[i], w->v.version, err) != 0)
            return -1;
    }
    return 0;
}

static void sign(struct work *w)
{
    struct signing *signing = w->registry->signing;
    if (signing == NULL)
        return;
    struct text what =
        text_printf(w->pool, "%.*s@%.*s", TEXT_ARG(w->name.full), TEXT_ARG(w->v.version));
    w->v.dist = signing_add(signing, w->pool, what, w->v.dist, &w->v.key);
}

static int tell(struct work *w, struct db_conn *conn, struct err *err)
{
    struct blob_id blob;
    memcpy(blob.sha512, w->sha512_sum, sizeof blob.sha512);
    struct hook_note note = {.event = HOOK_PUBLISH,
                             .tenant = w->tenant,
                             .package = w->name.full,
                             .user = w->v.publisher,
                             .version = w->v.version,
                             .integrity = blob_integrity(w->pool, &blob),
                             .tags = w->tags,
                             .n_tags = w->n_tags};
    return hook_note(w->registry, conn, w->pool, &note, err);
}

static int commit(struct work *w, bool *new_scope, struct err *err)
{
    auto_tx struct db_tx tx = {0};
    if (db_begin(&tx, w->registry->config.control, err) != 0)
        return -1;
    int stored = judge_stored(w, tx.conn, err);
    if (stored < 0)
        return -1;
    if (stored > 0) {
        w->result.again = true;
        *new_scope = false;
        return 0;
    }
    w->v.published_ms = clock_wall_ms();
    if (quota_check(tx.conn, w->pool, w->tenant, w->v.bytes, err) != 0 ||
        open_package(w, tx.conn, new_scope, err) != 0 ||
        package_add_version(tx.conn, w->pool, w->name.full, &w->v, err) != 0 ||
        (w->provenance.bundle.base != NULL &&
         provenance_add(tx.conn, w->name.full, w->v.version, &w->provenance, &w->bundle, err) !=
             0) ||
        set_tags(w, tx.conn, err) != 0 || tell(w, tx.conn, err) != 0 ||
        package_finish(tx.conn, w->pool, w->name.full, w->v.published_ms, err) != 0)
        return -1;
    return db_commit(&tx, err);
}

static int store(struct work *w, bool *new_scope, struct err *err)
{
    struct blob_id blob;
    auto_hold struct blobs *held = blobs_hold(w->registry->config.blobs);
    if (blob_put(held, w->tarball, &blob, err) != 0 ||
        (w->provenance.bundle.base != NULL &&
         blob_put(held, w->provenance.bundle, &w->bundle, err) != 0))
        return -1;
    return commit(w, new_scope, err);
}

/* What the rules say of it, as the tarball tells. */
static int check_rules(const struct work *w, struct err *err)
{
    const struct manifest *m = &w->manifest;
    const struct json *licence = json_get(m->doc, "license");
    if (licence != NULL && licence->type == JSON_OBJECT)
        licence = json_get(licence, "type");
    struct facts facts = {.name = w->name.full,
                          .version = w->v.version,
                          .licence = licence != NULL && licence->type == JSON_STRING ? licence->text
                                                                                     : TEXT_NONE,
                          .install_script = m->install_script,
                          .fresh = true};
    return policy_check_publish(w->registry, w->pool, w->tenant, &facts, w->v.publisher, err);
}

/* From checked bytes to the commit and those who want to know of it. */
static int finish(struct work *w, struct err *err)
{
    const struct registry_config *config = &w->registry->config;
    bool new_scope;
    if (check_rules(w, err) != 0 || make_documents(w, err) != 0)
        return -1;
    sign(w);
    if (store(w, &new_scope, err) != 0)
        return -1;
    w->result.name = text_dup(w->pool, w->name.full);
    w->result.version = text_dup(w->pool, w->v.version);
    if (w->result.again)
        return 0;
    if (new_scope && origin_reload(w->registry, err) != 0)
        return -1;
    registry_changed(w->registry, w->tenant, w->name.full);
    if (config->published != NULL)
        config->published(config->arg, w->tenant, w->name.full, w->v.version);
    return 0;
}

/* Refuses what cannot end well before the expensive part. */
static int look_ahead(struct work *w, struct err *err)
{
    struct package_stored old;
    struct package p;
    auto_read struct db_read r = db_read(w->registry->config.control, err);
    if (r.conn == NULL)
        return -1;
    if (package_get(r.conn, w->pool, w->name.full, &p, NULL) != 0)
        return quota_check(r.conn, w->pool, w->tenant, w->v.bytes, err);
    if (check_may(w, r.conn, err) != 0)
        return -1;
    if (package_get_stored(r.conn, w->pool, w->name.full, w->v.version, &old, NULL) != 0)
        return quota_check(r.conn, w->pool, w->tenant, w->v.bytes, err);
    if (old.bytes == w->v.bytes)
        return 0;
    return err_set(err, ERR_CONFLICT, "version_exists",
                   "%.*s@%.*s is there already. Publish a higher version.", TEXT_ARG(w->name.full),
                   TEXT_ARG(w->v.version));
}

/* Reads the document into w. */
static int open_work(struct work *w, const struct publish_request *req,
                     struct document_publish *doc, struct err *err)
{
    if (document_publish(w->pool, req->doc, req->name, w->registry->config.max_tarball, doc, err) !=
        0)
        return -1;
    w->name = doc->name;
    w->tenant = req->tenant;
    w->tarball = doc->tarball;
    w->published = doc->manifest;
    w->v.version = doc->version;
    w->v.readme = doc->readme;
    w->v.readme_name = doc->readme_name;
    w->v.bytes = (int64_t)doc->tarball.len;
    return 0;
}

/* The tarball against what is said of it. */
static int check_work(struct work *w, const struct document_publish *doc, struct err *err)
{
    return read_tarball(w, err) != 0 ||
                   document_check_promise(w->pool, doc->integrity, doc->shasum, w->sha512_sum,
                                          w->sha1_sum, err) != 0 ||
                   check_says_same(w, err) != 0 ||
                   provenance_check(w->pool, doc->provenance, &w->name, w->v.version, w->sha512_sum,
                                    &w->provenance, err) != 0
               ? -1
               : 0;
}

int publish_check(struct registry *registry, struct pool *pool, const struct publish_request *req,
                  struct publish_checked *checked, struct err *err)
{
    struct document_publish doc;
    struct work *w = pool_zalloc(pool, sizeof *w);
    w->registry = registry;
    w->pool = pool;
    w->v = checked->v;
    if (open_work(w, req, &doc, err) != 0 || check_work(w, &doc, err) != 0 ||
        check_rules(w, err) != 0 || make_documents(w, err) != 0)
        return -1;
    *checked = (struct publish_checked){w->v, w->tarball};
    return 0;
}

int publish_document(struct registry *registry, struct pool *pool,
                     const struct publish_request *req, struct publish_result *result,
                     struct err *err)
{
    struct document_publish doc;
    struct work *w = pool_zalloc(pool, sizeof *w);
    w->registry = registry;
    w->pool = pool;
    w->who = req->who;
    bool trusted = req->who->kind == IDENTITY_TRUSTED;
    w->v = (struct package_version){.publisher = text_of(req->who->name),
                                    .publisher_id = text_of(req->who->user),
                                    .source = trusted ? TEXT("trusted") : TEXT("publish")};
    if (open_work(w, req, &doc, err) != 0)
        return -1;
    json_each (tag, doc.tags)
        w->tags[w->n_tags++] = tag->key;
    if (look_ahead(w, err) != 0 || check_work(w, &doc, err) != 0 || finish(w, err) != 0)
        return -1;
    *result = w->result;
    return 0;
}

static int check_scope(struct work *w, struct err *err)
{
    struct snapshot *accounts = account_snapshot(w->registry->config.account);
    struct origin origin = origin_of(w->registry, w->pool, accounts, &w->name);
    snapshot_drop(accounts);
    if (origin.kind == ORIGIN_TENANT && strcmp(origin.tenant, w->tenant) == 0)
        return 0;
    return err_set(
        err, ERR_FORBIDDEN, "wrong_scope",
        "\"%.*s\" is not a name of this tenant. Call the package @tenant/name, or have an "
        "administrator claim the name.",
        TEXT_ARG(w->name.full));
}

/* A tarball speaks for itself: its package.json is what is published. */
static int take_manifest(struct work *w, const struct tarball_publish *spec, struct err *err)
{
    const struct manifest *m = &w->manifest;
    struct semver v;
    if (pkgname_check_new(m->name, err) != 0 || !pkgname_split(m->name, &w->name))
        return -1;
    w->v.version = m->version;
    w->published = m->doc;
    w->tags[0] = spec->tag;
    w->n_tags = 1;
    if (spec->tag.len == 0)
        w->tags[0] = semver_parse(m->version, &v) && v.pre.len > 0 ? TEXT("next") : TEXT("latest");
    if (pkgname_check_tag(w->tags[0], err) != 0)
        return -1;
    if (spec->name.base != NULL && !text_eq(spec->name, m->name))
        return err_set(err, ERR_UNPROCESSABLE, "wrong_name",
                       "The package.json calls the package \"%.*s\", not \"%.*s\".",
                       TEXT_ARG(m->name), TEXT_ARG(text_sub(spec->name, 0, 80)));
    if (spec->version.base != NULL && !text_eq(spec->version, m->version))
        return err_set(err, ERR_UNPROCESSABLE, "wrong_version",
                       "The package.json says version %.*s, not %.*s.", TEXT_ARG(m->version),
                       TEXT_ARG(text_sub(spec->version, 0, 80)));
    return check_scope(w, err);
}

/* Which name it is stands in the tarball only. */
static int check_limits(struct work *w, struct err *err)
{
    struct origin origin = {ORIGIN_TENANT, w->tenant};
    return w->who == NULL ? 0 : origin_check_limits(w->who, &origin, w->name.full, err);
}

int registry_publish_tarball(struct registry *registry, struct pool *pool,
                             const struct tarball_publish *spec, struct text *name,
                             struct text *version, struct err *err)
{
    struct work *w = pool_zalloc(pool, sizeof *w);
    if (spec->tarball.len > registry->config.max_tarball)
        return err_set(err, ERR_TOO_LARGE, "tarball_too_large",
                       "The tarball is larger than the %zu bytes that are allowed.",
                       registry->config.max_tarball);
    w->registry = registry;
    w->pool = pool;
    w->tenant = spec->tenant;
    w->tarball = spec->tarball;
    w->anyone_again = true;
    w->who = spec->who;
    w->v = (struct package_version){.publisher = spec->user,
                                    .publisher_id = text_of(spec->user_id),
                                    .source = text_of(source_names[spec->source]),
                                    .commit = spec->commit};
    if (read_tarball(w, err) != 0 || take_manifest(w, spec, err) != 0 ||
        check_limits(w, err) != 0 || look_ahead(w, err) != 0 || finish(w, err) != 0)
        return -1;
    *name = w->result.name;
    *version = w->result.version;
    return 0;
}
