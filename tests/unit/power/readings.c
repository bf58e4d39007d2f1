/* How promises are read back, and what must hold of a folder whatever was promised. */
#include "tests/unit/power/deeds.h"

#include "tests/unit/power/site.h"

#include "core/seal.h"
#include "registry/packument.h"
#include "tenants/store.h"
#include "tenants/tenants.h"
#include "themes/store.h"

#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

#define LARGEST ((size_t)64 << 20)

/* The words of a key. */
struct words {
    const char *kind, *a, *b, *c;
};

typedef const char *read_fn(struct site *s, struct pool *pool, const struct words *key,
                            struct err *err);

const char *deed_sum(struct pool *pool, struct text bytes)
{
    unsigned char sum[SHA256_BYTES];

    sha256(bytes, sum);
    return text_c(pool, hex_encode(pool, sum, sizeof(sum)));
}

static const char *missing_or_failed(const struct err *err)
{
    return err->kind == ERR_NOT_FOUND || err->kind == ERR_GONE ? LEDGER_NOTHING : NULL;
}

static const char *there(bool is)
{
    return is ? "there" : LEDGER_NOTHING;
}

/* A blob, whose name must be what it holds. */
static int read_blob(struct site *s, struct pool *pool, const struct blob_id *id, struct text *out,
                     struct err *err)
{
    unsigned char sum[SHA512_BYTES];
    uint64_t bytes;
    auto_close int fd = -1;

    if (blob_open(s->world.blobs, id, &fd, &bytes, err) != 0)
        return err_set(err, ERR_INTERNAL, "no_blob", "A blob that is promised is missing.");
    char *at = pool_alloc(pool, bytes + 1);
    if (read(fd, at, bytes) != (ssize_t)bytes)
        return err_set(err, ERR_INTERNAL, "blob", "A blob cannot be read.");
    *out = text_n(at, bytes);
    sha512(*out, sum);
    if (memcmp(sum, id->sha512, sizeof(sum)) != 0)
        return err_set(err, ERR_INTERNAL, "torn", "The blob %.*s is torn.",
                       TEXT_ARG(text_sub(blob_hex(pool, id), 0, 16)));
    return 0;
}

static const char *read_version(struct site *s, struct pool *pool, const struct words *key,
                                struct err *err)
{
    struct text body, bytes, integrity = TEXT_NONE;
    struct json *doc;
    struct blob_id id;
    char raw[96];
    size_t n;
    auto_read struct db_read r = db_read(s->world.db, err);

    if (r.conn == NULL)
        return NULL;
    if (packument_version(r.conn, pool, "B", text_of(key->a), text_of(key->b), &body, err) != 0)
        return missing_or_failed(err);
    if (json_read(pool, body, 10000, &doc, err) != 0 ||
        json_need_text(doc, "dist.integrity", &integrity, err) != 0)
        return NULL;
    integrity = text_sub(integrity, strlen("sha512-"), integrity.len);
    if (!b64_decode(integrity, raw, &n) || n != sizeof(id.sha512)) {
        err_set(err, ERR_INTERNAL, "integrity", "The integrity of %s is none.", key->a);
        return NULL;
    }
    memcpy(id.sha512, raw, n);
    return read_blob(s, pool, &id, &bytes, err) == 0 ? deed_sum(pool, bytes) : NULL;
}

static const char *read_tag(struct site *s, struct pool *pool, const struct words *key,
                            struct err *err)
{
    struct text body;
    struct json *doc;
    auto_read struct db_read r = db_read(s->world.db, err);

    if (r.conn == NULL)
        return NULL;
    if (packument_tags(r.conn, pool, text_of(key->a), &body, err) != 0)
        return missing_or_failed(err);
    if (json_read(pool, body, 1000, &doc, err) != 0)
        return NULL;
    const struct json *version = json_get(doc, key->b);
    return version != NULL ? text_c(pool, version->text) : LEDGER_NOTHING;
}

static const char *flows_sum(struct pool *pool, struct text flows, struct text credentials)
{
    return deed_sum(pool, text_printf(pool, "%.*s\n%.*s", TEXT_ARG(flows), TEXT_ARG(credentials)));
}

static const char *read_flows(struct site *s, struct pool *pool, const struct words *key,
                              struct err *err)
{
    struct text answer, flows;
    struct json *doc;

    if (site_ask(s, pool, key->a, key->b, "GET /api/v1/runtime/flows", TEXT_NONE, &answer, err) !=
        0)
        return strstr(err->text, ": 410 ") != NULL ? LEDGER_NOTHING : NULL;
    if (json_read(pool, answer, 1000, &doc, err) != 0 ||
        json_need_text(doc, "flows", &flows, err) != 0)
        return NULL;
    return text_is(flows, "[]") ? LEDGER_NOTHING
                                : flows_sum(pool, flows, json_get(doc, "credentials")->raw);
}

static const char *read_revision(struct site *s, struct pool *pool, const struct words *key,
                                 struct err *err)
{
    static const char sql[] =
        "SELECT flows, credentials FROM revision WHERE instance = ? AND number = ?";
    struct text flows, credentials;
    int64_t number = 0;
    auto_loan struct store_loan loan = store_borrow(s->tenants->store, key->a, err);

    if (loan.db == NULL)
        return NULL;
    auto_read struct db_read r = db_read(loan.db, err);
    text_number(text_of(key->c), 1, 1000000, &number);
    if (r.conn == NULL)
        return NULL;
    if (db_get(r.conn, pool, err, sql, "zi", "ss", key->b, number, &flows, &credentials) != 0)
        return missing_or_failed(err);
    return flows_sum(pool, flows, credentials);
}

static const char *read_document(struct site *s, struct pool *pool, const struct words *key,
                                 struct err *err)
{
    const char *target = pool_printf(pool, "GET /api/v1/runtime/%s", key->kind);
    struct text body;

    if (site_ask(s, pool, key->a, key->b, target, TEXT_NONE, &body, err) != 0)
        return strstr(err->text, ": 410 ") != NULL ? LEDGER_NOTHING : NULL;
    return text_is(body, "{}") ? LEDGER_NOTHING : deed_sum(pool, body);
}

static const char *read_context(struct site *s, struct pool *pool, const struct words *key,
                                struct err *err)
{
    struct text body;
    struct json *doc;

    if (site_ask(s, pool, key->a, key->b, "GET /api/v1/runtime/context?scope=global", TEXT_NONE,
                 &body, err) != 0)
        return strstr(err->text, ": 410 ") != NULL ? LEDGER_NOTHING : NULL;
    if (json_read(pool, body, 1000, &doc, err) != 0)
        return NULL;
    const struct json *value = json_at(doc, "values.k");
    return value != NULL ? deed_sum(pool, value->raw) : LEDGER_NOTHING;
}

static const char *read_exists(struct site *s, struct pool *pool, const struct words *key,
                               struct err *err)
{
    return there(access(pool_printf(pool, "%s/%s", s->world.dir, key->a), F_OK) == 0);
}

static const char *read_token(struct site *s, struct pool *pool, const struct words *key,
                              struct err *err)
{
    struct identity who;

    return there(account_token_find(world_accounts(&s->world, pool), text_of(key->a), &who));
}

static const char *read_session(struct site *s, struct pool *pool, const struct words *key,
                                struct err *err)
{
    struct snapshot *accounts = world_accounts(&s->world, pool);
    struct identity who;

    return there(account_session_find(accounts, text_of(key->a), "localhost", &who));
}

static const char *read_user(struct site *s, struct pool *pool, const struct words *key,
                             struct err *err)
{
    return there(account_user_by_name(world_accounts(&s->world, pool), text_of(key->a)) != NULL);
}

static const char *read_theme(struct site *s, struct pool *pool, const struct words *key,
                              struct err *err)
{
    struct layers layers;
    struct blob_id id;
    struct text css;

    if (store_layers(s->themes, pool, key->a, &layers, err) != 0)
        return NULL;
    if (layers.own.text.base == NULL)
        return LEDGER_NOTHING;
    if (layers.own.n_files != 1 || !blob_from_hex(layers.own.files[0].sha512, &id)) {
        err_set(err, ERR_INTERNAL, "theme", "A theme has lost its file.");
        return NULL;
    }
    if (read_blob(s, pool, &id, &css, err) != 0)
        return NULL;
    return flows_sum(pool, layers.own.text, css);
}

static const char *read_file(struct site *s, struct pool *pool, const struct words *key,
                             struct err *err)
{
    auto_buf struct buf content = {0};

    buf_init(&content, LARGEST);
    if (file_read(pool_printf(pool, "%s/%s", s->world.dir, key->a), LARGEST, &content, err) != 0)
        return missing_or_failed(err);
    return deed_sum(pool, buf_view(&content));
}

static const char *read_secret(struct site *s, struct pool *pool, const struct words *key,
                               struct err *err)
{
    struct text plain;

    if (seal_get(s->seal, pool, TEXT("power"), text_of(key->a), &plain, err) != 0)
        return NULL;
    return text_c(pool, plain);
}

static const char *read_uid(struct site *s, struct pool *pool, const struct words *key,
                            struct err *err)
{
    uid_t uid;

    return uids_find(&s->uids, key->a, &uid) ? pool_printf(pool, "%u", uid) : LEDGER_NOTHING;
}

const char *deed_read(struct site *site, struct pool *pool, const char *key, struct err *err)
{
    static const struct {
        const char *kind;
        read_fn *read;
    } kinds[] = {
        {"version", read_version},   {"tag", read_tag},           {"flows", read_flows},
        {"revision", read_revision}, {"settings", read_document}, {"sessions", read_document},
        {"context", read_context},   {"exists", read_exists},     {"token", read_token},
        {"session", read_session},   {"user", read_user},         {"theme", read_theme},
        {"file", read_file},         {"secret", read_secret},     {"uid", read_uid},
    };
    char *word[4] = {NULL}, *at = pool_strdup(pool, key);

    for (size_t i = 0; i < 4 && at != NULL; i++) {
        word[i] = at;
        at = strchr(at, ' ');
        if (at != NULL)
            *at++ = '\0';
    }
    struct words words = {word[0], word[1], word[2], word[3]};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(kinds[i].kind, words.kind) == 0)
            return kinds[i].read(site, pool, &words, err);
    err_set(err, ERR_INTERNAL, "key", "There is no reading of %s.", key);
    return NULL;
}

/* What must hold always. */

static int each_blob(struct site *s, const char *folder, const char *prefix, struct err *err)
{
    DIR *list = opendir(folder);
    struct dirent *entry;
    int rc = list != NULL ? 0 : err_errno(err, "%s cannot be read", folder);

    while (rc == 0 && (entry = readdir(list)) != NULL) {
        auto_pool struct pool *pool = pool_new();
        struct blob_id id;
        struct text bytes;
        if (entry->d_name[0] == '.')
            continue;
        if (prefix == NULL)
            rc =
                each_blob(s, pool_printf(pool, "%s/%s", folder, entry->d_name), entry->d_name, err);
        else if (!blob_from_hex(text_printf(pool, "%s%s", prefix, entry->d_name), &id))
            rc = err_set(err, ERR_INTERNAL, "blob", "%s is no blob's name.", entry->d_name);
        else
            rc = read_blob(s, pool, &id, &bytes, err);
    }
    if (list != NULL)
        closedir(list);
    return rc;
}

static int each_row(struct site *s, struct err *err)
{
    static const char sql[] = "SELECT sha512 FROM package_version";
    auto_pool struct pool *pool = pool_new();
    struct text sum;
    struct blob_id id;
    uint64_t bytes;
    auto_read struct db_read r = db_read(s->world.db, err);
    auto_rows struct db_rows q = {0};

    if (r.conn == NULL || db_each (&q, r.conn, err, sql, "") != 0)
        return -1;
    while (db_next(&q, pool, "b", &sum)) {
        auto_close int fd = -1;
        memcpy(id.sha512, sum.base, sizeof(id.sha512));
        if (blob_open(s->world.blobs, &id, &fd, &bytes, err) != 0)
            return err_set(err, ERR_INTERNAL, "no_blob", "A version has no blob.");
    }
    return q.failed ? -1 : 0;
}

/* No change is untold: the delivery of a version is there as the version is. */
static int check_told(struct site *s, struct err *err)
{
    static const char sql[] =
        "SELECT v.package || '@' || v.version FROM package_version AS v JOIN package AS p ON "
        "p.name "
        "= v.package WHERE p.tenant = ? AND NOT EXISTS (SELECT 1 FROM hook_delivery AS d WHERE "
        "d.event = 'publish' AND d.body ->> '$.package' = v.package AND d.body ->> '$.version' = "
        "v.version) UNION ALL SELECT d.body ->> '$.package' FROM hook_delivery AS d WHERE d.event "
        "= 'publish' AND NOT EXISTS (SELECT 1 FROM package_version AS v WHERE v.package = d.body "
        "->> '$.package' AND v.version = d.body ->> '$.version') AND NOT EXISTS (SELECT 1 FROM "
        "package_tombstone AS t WHERE t.package = d.body ->> '$.package' AND t.version = d.body "
        "->> "
        "'$.version') LIMIT 1";
    auto_pool struct pool *pool = pool_new();
    struct text what;
    struct err why;
    auto_read struct db_read r = db_read(s->world.db, err);

    if (r.conn == NULL)
        return -1;
    if (db_get(r.conn, pool, &why, sql, "z", "s", s->world.acme, &what) == 0)
        return err_set(err, ERR_INTERNAL, "untold", "%.*s and its webhook differ.", TEXT_ARG(what));
    return why.kind == ERR_NOT_FOUND ? 0 : err_set(err, why.kind, why.code, "%s", why.text);
}

static int check_database(struct db *db, const char *name, struct err *err)
{
    static const char *const sql[] = {"PRAGMA integrity_check",
                                      "SELECT coalesce((SELECT 'a foreign key of ' || \"table\""
                                      " FROM pragma_foreign_key_check LIMIT 1), 'ok')"};
    auto_pool struct pool *pool = pool_new();
    struct text said;
    auto_read struct db_read r = db_read(db, err);

    for (size_t i = 0; i < 2; i++) {
        if (r.conn == NULL || db_get(r.conn, pool, err, sql[i], "", "s", &said) != 0)
            return -1;
        if (!text_is(said, "ok"))
            return err_set(err, ERR_INTERNAL, "integrity", "%s: %.*s", name, TEXT_ARG(said));
    }
    return 0;
}

static int check_tenants(struct site *s, struct err *err)
{
    auto_free char *folder = xprintf("%s/tenants", s->world.dir);
    DIR *list = opendir(folder);
    struct dirent *entry;
    int rc = list != NULL ? 0 : err_errno(err, "%s cannot be read", folder);

    while (rc == 0 && (entry = readdir(list)) != NULL) {
        size_t n = strlen(entry->d_name);
        if (n < 4 || strcmp(entry->d_name + n - 3, ".db") != 0)
            continue;
        auto_free char *id = xstrndup(entry->d_name, n - 3);
        auto_loan struct store_loan loan = store_borrow(s->tenants->store, id, err);
        rc = loan.db != NULL ? check_database(loan.db, entry->d_name, err) : -1;
    }
    if (list != NULL)
        closedir(list);
    return rc;
}

int deed_inspect(struct site *site, struct err *err)
{
    auto_free char *blobs = xprintf("%s/blobs/sha512", site->world.dir);

    if (each_blob(site, blobs, NULL, err) != 0 || each_row(site, err) != 0 ||
        check_told(site, err) != 0 || check_database(site->world.db, "redhouse.db", err) != 0)
        return -1;
    return check_tenants(site, err);
}
