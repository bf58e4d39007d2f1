#include "registry/signature/signature.h"

#include "core/clock.h"
#include "core/codec.h"
#include "core/db.h"
#include "core/digest.h"
#include "core/err.h"
#include "core/json.h"
#include "core/pool.h"
#include "core/seal.h"
#include "core/sign.h"
#include "http/ready.h"

#include <pthread.h>
#include <stdlib.h>

#define ID_BYTES 64

struct key {
    struct sign_key *sign;
    char id[ID_BYTES];
    struct key *before; /* kept: somebody may be signing with it */
};

struct signing {
    struct db *control;
    struct seal *seal;
    pthread_mutex_t lock;
    struct key *key; /* the one that signs */
};

static struct text purpose(struct pool *pool, const char *id)
{
    return text_printf(pool, "registry.key:%s", id);
}

static struct key *key_new(struct pool *pool, struct sign_key *sign)
{
    struct key *key = xcalloc(1, sizeof *key);
    unsigned char sum[SHA256_BYTES];
    sha256(sign_key_public(pool, sign), sum);
    struct text b64 = b64_encode(pool, sum, sizeof sum);
    memcpy(key->id, "SHA256:", 7);
    memcpy(key->id + 7, b64.base, b64.len < ID_BYTES - 8 ? b64.len : ID_BYTES - 8);
    key->sign = sign;
    return key;
}

static void key_free(struct key *key)
{
    sign_key_free(key->sign);
    free(key);
}

/* The key that signs, as stored; NULL without an error: there is none yet. */
static int read_key(struct signing *s, struct pool *pool, struct key **out, struct err *err)
{
    static const char sql[] = "SELECT id, secret FROM registry_key WHERE expires_at IS NULL";
    struct text id, sealed, der;
    struct err why;
    auto_read struct db_read r = db_read(s->control, err);
    *out = NULL;
    if (r.conn == NULL)
        return -1;
    if (db_get(r.conn, pool, &why, sql, "", "ss", &id, &sealed) != 0)
        return why.kind == ERR_NOT_FOUND ? 0 : err_set(err, why.kind, why.code, "%s", why.text);
    if (seal_get(s->seal, pool, purpose(pool, text_c(pool, id)), sealed, &der, err) != 0)
        return -1;
    struct sign_key *sign = sign_key_read(der, err);
    if (sign == NULL)
        return -1;
    *out = key_new(pool, sign);
    return 0;
}

static struct key *swap(struct signing *s, struct key *key)
{
    pthread_mutex_lock(&s->lock);
    struct key *was = s->key;
    s->key = key;
    pthread_mutex_unlock(&s->lock);
    return was;
}

int signing_rotate(struct signing *signing, struct err *err)
{
    static const char end_sql[] = "UPDATE registry_key SET expires_at = ? WHERE expires_at IS NULL";
    static const char sql[] =
        "INSERT INTO registry_key (id, public_key, secret, created_at) VALUES (?, ?, ?, ?)";
    auto_pool struct pool *pool = pool_new();
    struct key *key = key_new(pool, sign_key_new());
    struct text sealed =
        seal_put(signing->seal, pool, purpose(pool, key->id), sign_key_private(pool, key->sign));
    auto_tx struct db_tx tx = {0};
    /* Clients ask that a version be older than the end of its key. */
    if (db_begin(&tx, signing->control, err) != 0 ||
        db_do(tx.conn, err, end_sql, "i", clock_wall_ms() + 1) < 0 ||
        db_do(tx.conn, err, sql, "zbsi", key->id, sign_key_public(pool, key->sign), sealed,
              clock_wall_ms()) < 0) {
        key_free(key);
        return -1;
    }
    /* Whoever has the writer next signs with it already. */
    key->before = swap(signing, key);
    if (db_commit(&tx, err) == 0)
        return 0;
    swap(signing, key->before);
    key_free(key);
    return -1;
}

struct signing *signing_open(struct db *control, struct seal *seal, struct err *err)
{
    auto_pool struct pool *pool = pool_new();
    struct signing *s = xcalloc(1, sizeof *s);
    s->control = control;
    s->seal = seal;
    pthread_mutex_init(&s->lock, NULL);
    if (read_key(s, pool, &s->key, err) == 0 && (s->key != NULL || signing_rotate(s, err) == 0))
        return s;
    signing_close(s);
    return NULL;
}

void signing_close(struct signing *signing)
{
    if (signing == NULL)
        return;
    while (signing->key != NULL) {
        struct key *before = signing->key->before;
        key_free(signing->key);
        signing->key = before;
    }
    pthread_mutex_destroy(&signing->lock);
    free(signing);
}

static struct text integrity_of(struct pool *pool, struct text dist)
{
    struct json *doc;
    struct text integrity = TEXT_NONE;
    if (json_read(pool, dist, 1000, &doc, NULL) == 0)
        (void)json_want_text(doc, "integrity", &integrity, NULL);
    return integrity;
}

struct text signing_add(struct signing *signing, struct pool *pool, struct text package_version,
                        struct text dist, struct text *key)
{
    struct text integrity = integrity_of(pool, dist);
    pthread_mutex_lock(&signing->lock);
    const struct key *with = signing->key;
    pthread_mutex_unlock(&signing->lock);
    struct text sig =
        sign_text(pool, with->sign,
                  text_printf(pool, "%.*s:%.*s", TEXT_ARG(package_version), TEXT_ARG(integrity)));
    *key = text_of(with->id);
    return text_printf(pool, "%.*s,\"signatures\":[{\"keyid\":\"%s\",\"sig\":\"%.*s\"}]}",
                       (int)dist.len - 1, dist.base, with->id,
                       TEXT_ARG(b64_encode(pool, sig.base, sig.len)));
}

bool signing_holds(struct signing *signing, struct pool *pool, struct text package_version,
                   struct text dist, struct text key)
{
    static const char sql[] = "SELECT public_key FROM registry_key WHERE id = ?";
    struct json *doc;
    struct text public_key, sig = TEXT_NONE;
    size_t n;
    auto_read struct db_read r = db_read(signing->control, NULL);
    if (r.conn == NULL || json_read(pool, dist, 1000, &doc, NULL) != 0 ||
        db_get(r.conn, pool, NULL, sql, "s", "b", key, &public_key) != 0)
        return false;
    json_each (signature, json_get(doc, "signatures")) {
        struct text id = TEXT_NONE;
        if (json_want_text(signature, "keyid", &id, NULL) == 0 && text_eq(id, key))
            (void)json_want_text(signature, "sig", &sig, NULL);
    }
    char *der = pool_alloc(pool, b64_decoded_max(sig.len) + 1);
    return sig.len > 0 && b64_decode(sig, der, &n) &&
           sign_holds(public_key,
                      text_printf(pool, "%.*s:%.*s", TEXT_ARG(package_version),
                                  TEXT_ARG(integrity_of(pool, dist))),
                      text_n(der, n));
}

struct unsigned_version {
    int64_t id;
    struct text package, version, dist;
    struct unsigned_version *next;
};

static int read_unsigned(struct db_conn *conn, struct pool *pool, unsigned most,
                         struct unsigned_version **list, unsigned *n, struct err *err)
{
    static const char sql[] = "SELECT id, package, version, dist FROM package_version "
                              "WHERE key IS NULL ORDER BY id LIMIT ?";
    struct unsigned_version v = {0}, **tail = list;
    auto_rows struct db_rows q = {0};
    *list = NULL;
    *n = 0;
    if (db_each (&q, conn, err, sql, "i", (int64_t)most) != 0)
        return -1;
    while (db_next(&q, pool, "isss", &v.id, &v.package, &v.version, &v.dist)) {
        *tail = pool_alloc(pool, sizeof v);
        **tail = v;
        tail = &(*tail)->next;
        ++*n;
    }
    return q.failed ? -1 : 0;
}

int signing_catch_up(struct signing *signing, struct ready *ready, unsigned most, unsigned *n,
                     struct err *err)
{
    static const char sql[] = "UPDATE package_version SET dist = ?, key = ? WHERE id = ?";
    auto_pool struct pool *pool = pool_new();
    struct unsigned_version *list;
    auto_tx struct db_tx tx = {0};
    if (db_begin(&tx, signing->control, err) != 0 ||
        read_unsigned(tx.conn, pool, most, &list, n, err) != 0)
        return -1;
    if (*n == 0)
        return 0;
    for (struct unsigned_version *v = list; v != NULL; v = v->next) {
        struct text key,
            name = text_printf(pool, "%.*s@%.*s", TEXT_ARG(v->package), TEXT_ARG(v->version));
        struct text dist = signing_add(signing, pool, name, v->dist, &key);
        if (db_do(tx.conn, err, sql, "ssi", dist, key, v->id) < 0)
            return -1;
    }
    if (db_commit(&tx, err) != 0)
        return -1;
    for (struct unsigned_version *v = list; v != NULL; v = v->next)
        ready_drop_prefix(ready, text_printf(pool, "npm %.*s ", TEXT_ARG(v->package)));
    return 0;
}

int signing_put_keys(struct db_conn *conn, struct pool *pool, struct json_writer *w,
                     struct err *err)
{
    static const char sql[] =
        "SELECT id, public_key, expires_at FROM registry_key ORDER BY created_at DESC LIMIT 100";
    struct text id, der;
    int64_t expires;
    auto_rows struct db_rows q = {0};
    if (db_each (&q, conn, err, sql, "") != 0)
        return -1;
    while (db_next(&q, pool, "sbi", &id, &der, &expires)) {
        json_open(w);
        json_put_time(w, "expires", expires);
        json_put_text(w, "keyid", id);
        json_put_str(w, "keytype", "ecdsa-sha2-nistp256");
        json_put_str(w, "scheme", "ecdsa-sha2-nistp256");
        json_put_text(w, "key", b64_encode(pool, der.base, der.len));
        json_close(w);
    }
    return q.failed ? -1 : 0;
}
