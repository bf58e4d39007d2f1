#include "registry/provenance.h"

#include "core/blob.h"
#include "core/codec.h"
#include "core/db.h"
#include "core/digest.h"
#include "core/err.h"
#include "core/pool.h"
#include "http/route.h"
#include "registry/area.h"
#include "registry/asked.h"
#include "registry/routes.h"
#include "registry/uplink/attestations.h"

#define FACES (FACE_PLATFORM | FACE_CARRIER)
#define BAD ERR_UNPROCESSABLE, "bad_provenance"
#define MAX_NODES 20000
#define MEDIA_TYPE "application/vnd.dev.sigstore.bundle"
#define IN_TOTO "application/vnd.in-toto+json"
#define MAX_ANSWER (4 * PROVENANCE_MAX)

/* The statement inside the envelope. */
static int open_envelope(struct pool *pool, const struct json *bundle, struct json **statement,
                         struct err *err)
{
    struct text type = TEXT_NONE, payload = TEXT_NONE;
    const struct json *signatures = json_at(bundle, "dsseEnvelope.signatures");
    size_t n;
    if (json_want_text(bundle, "dsseEnvelope.payloadType", &type, err) != 0 ||
        json_want_text(bundle, "dsseEnvelope.payload", &payload, err) != 0)
        return -1;
    if (!text_is(type, IN_TOTO) || payload.len == 0 || signatures == NULL ||
        signatures->type != JSON_ARRAY || signatures->count == 0)
        return err_set(err, BAD, "The provenance bundle holds no signed in-toto statement.");
    char *bytes = pool_alloc(pool, b64_decoded_max(payload.len) + 1);
    if (!b64_decode(payload, bytes, &n) ||
        json_read(pool, text_n(bytes, n), MAX_NODES, statement, NULL) != 0)
        return err_set(err, BAD, "The statement of the provenance bundle cannot be read.");
    return 0;
}

/* pkg:npm/%40acme/thing@1.0.0 */
static struct text purl_of(struct pool *pool, const struct pkgname *name, struct text version)
{
    bool scoped = name->scope.len > 0;
    return text_printf(pool, "pkg:npm/%s%.*s@%.*s", scoped ? "%40" : "",
                       TEXT_ARG(text_sub(name->full, scoped ? 1 : 0, name->full.len)),
                       TEXT_ARG(version));
}

static int check_statement(struct pool *pool, const struct json *statement, struct text purl,
                           const unsigned char *sha512_sum, struct text *predicate_type,
                           struct err *err)
{
    const struct json *subjects = json_get(statement, "subject");
    struct text name = TEXT_NONE, digest = TEXT_NONE;
    if (subjects == NULL || subjects->type != JSON_ARRAY || subjects->count != 1)
        return err_set(err, BAD, "The provenance must be about exactly one package.");
    if (json_want_text(subjects->child, "name", &name, err) != 0 ||
        json_want_text(subjects->child, "digest.sha512", &digest, err) != 0 ||
        json_want_text(statement, "predicateType", predicate_type, err) != 0)
        return -1;
    if (!text_eq(name, purl))
        return err_set(err, BAD, "The provenance is about \"%.*s\", not \"%.*s\".",
                       TEXT_ARG(text_sub(name, 0, 80)), TEXT_ARG(text_sub(purl, 0, 80)));
    if (!text_eq_nocase(digest, hex_encode(pool, sha512_sum, SHA512_BYTES)))
        return err_set(err, BAD, "The provenance is about another tarball than this one.");
    if (predicate_type->len == 0 || predicate_type->len > 300 ||
        !text_is_printable(*predicate_type))
        return err_set(err, BAD, "The provenance has no predicateType.");
    return 0;
}

int provenance_check(struct pool *pool, const struct json *attachment, const struct pkgname *name,
                     struct text version, const unsigned char *sha512_sum, struct provenance *out,
                     struct err *err)
{
    struct provenance p = {TEXT_NONE, TEXT_NONE, TEXT_NONE};
    struct text media_type = TEXT_NONE;
    struct json *bundle, *statement;
    *out = p;
    if (attachment == NULL)
        return 0;
    if (json_need_text(attachment, "data", &p.bundle, err) != 0 ||
        json_want_text(attachment, "content_type", &p.media_type, err) != 0)
        return -1;
    if (p.bundle.len > PROVENANCE_MAX)
        return err_set(err, ERR_TOO_LARGE, "provenance_too_large",
                       "The provenance bundle is larger than %zu bytes.", PROVENANCE_MAX);
    if (json_read(pool, p.bundle, MAX_NODES, &bundle, NULL) != 0 || bundle->type != JSON_OBJECT)
        return err_set(err, BAD, "The provenance bundle is no JSON object.");
    if (json_want_text(bundle, "mediaType", &media_type, err) != 0)
        return -1;
    if (!text_starts(p.media_type, MEDIA_TYPE) || p.media_type.len > 200 ||
        !text_eq(p.media_type, media_type))
        return err_set(err, BAD, "The provenance is no Sigstore bundle.");
    if (open_envelope(pool, bundle, &statement, err) != 0 ||
        check_statement(pool, statement, purl_of(pool, name, version), sha512_sum,
                        &p.predicate_type, err) != 0)
        return -1;
    *out = p;
    return 0;
}

int provenance_add(struct db_conn *conn, struct text package, struct text version,
                   const struct provenance *provenance, const struct blob_id *blob, struct err *err)
{
    static const char sql[] =
        "INSERT INTO package_attestation (package, version, predicate_type, media_type, sha512, "
        "bytes) VALUES (?, ?, ?, ?, ?, ?)";
    static const char mark_sql[] =
        "UPDATE package_version SET provenance = ? WHERE package = ? AND version = ?";
    return db_do(conn, err, sql, "ssssbi", package, version, provenance->predicate_type,
                 provenance->media_type, text_n(blob->sha512, sizeof blob->sha512),
                 (int64_t)provenance->bundle.len) < 0 ||
                   db_do(conn, err, mark_sql, "sss", provenance->predicate_type, package, version) <
                       0
               ? -1
               : 0;
}

/* Serving. */

static int put_attestations(struct call *c, const struct asked *a, struct text version,
                            struct json_writer *w, struct err *err)
{
    static const char sql[] = "SELECT predicate_type, sha512 FROM package_attestation WHERE "
                              "package = ? AND version = ? LIMIT 3";
    struct text type, sum, bundle;
    size_t n = 0;
    auto_read struct db_read r = db_read(a->registry->config.control, err);
    if (r.conn == NULL)
        return -1;
    auto_rows struct db_rows q = {0};
    if (db_each (&q, r.conn, err, sql, "ss", a->name.full, version) != 0)
        return -1;
    json_open(w);
    json_key(w, "attestations");
    json_open_array(w);
    while (db_next(&q, c->pool, "sb", &type, &sum)) {
        struct blob_id id;
        memcpy(id.sha512, sum.base, sizeof id.sha512);
        if (blob_read(a->registry->config.blobs, &id, PROVENANCE_MAX, c->pool, &bundle, err) != 0)
            return -1;
        json_open(w);
        json_put_text(w, "predicateType", type);
        json_key(w, "bundle");
        json_raw(w, bundle);
        json_close(w);
        n++;
    }
    json_close_array(w);
    json_close(w);
    if (q.failed)
        return -1;
    return n > 0 ? 0
                 : err_set(err, ERR_NOT_FOUND, "no_attestations",
                           "There are no attestations of \"%.*s\" %.*s.", TEXT_ARG(a->name.full),
                           TEXT_ARG(text_sub(version, 0, 64)));
}

static void answer_public(struct call *c, const struct asked *a, struct text version)
{
    struct err err;
    struct text body = TEXT_NONE;
    if (asked_went_well(
            c, uplinks_attestations(a->registry->uplinks, c->pool, &a->name, version, &body, &err),
            &err))
        call_bytes(c, 200, "application/json", body);
}

/* NAME@VERSION */
static void get_attestations(struct call *c)
{
    struct err err;
    struct asked a;
    struct json_writer w;
    struct text spec = call_param(c, "rest");
    size_t at = spec.len;
    auto_buf struct buf out = {0};
    while (at > 0 && spec.base[at - 1] != '@')
        at--;
    if (at < 2) {
        err_set(&err, ERR_NOT_FOUND, "not_found", "Ask for NAME@VERSION.");
        call_fail(c, &err);
        return;
    }
    if (!asked_to_read_name(c, text_sub(spec, 0, at - 1), &a))
        return;
    if (a.origin.kind == ORIGIN_PUBLIC) {
        answer_public(c, &a, text_sub(spec, at, spec.len));
        return;
    }
    buf_init(&out, MAX_ANSWER);
    json_writer_init(&w, &out);
    if (asked_went_well(c, put_attestations(c, &a, text_sub(spec, at, spec.len), &w, &err), &err))
        call_json(c, 200, &out);
}

/* Clients take the path of dist.attestations.url alone and ask this host for it: that of a public
 * version is the uplink's, which has no /npm. */
static const struct route table[] = {
    {.method = "GET",
     .path = "/-/npm/v1/attestations/*rest",
     .handle = get_attestations,
     .lane = LANE_OUTSIDE,
     .faces = FACES,
     .summary = "The provenance of a version, by the path that the public registry has"},
    {.method = "GET",
     .path = "/npm/-/npm/v1/attestations/*rest",
     .handle = get_attestations,
     .lane = LANE_OUTSIDE,
     .faces = FACES,
     .summary = "The provenance of a version, NAME@VERSION"},
};

int routes_provenance(struct registry *registry, struct router *router, struct err *err)
{
    return router_add(router, table, sizeof table / sizeof table[0], registry, err);
}
