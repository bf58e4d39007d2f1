/* The rows of uplinks. Rules are in rule.c. */
#include "registry/uplink/admin.h"

#include "core/clock.h"
#include "core/db.h"
#include "core/err.h"
#include "core/fetch.h"
#include "core/json.h"
#include "core/pool.h"
#include "core/seal.h"
#include "core/url.h"
#include "registry/uplink/breaker.h"
#include "registry/uplink/part.h"
#include "registry/uplink/send.h"

#define TEST_DEADLINE_MS 20000
#define HOSTS_MOST 32
#define CA_MOST ((size_t)256 << 10)

struct row {
    struct text name, url, auth, secret, proxy, no_proxy, ca, hosts; /* secret and proxy: sealed */
    int64_t timeout_ms, fresh_ms, stale_ms;
    bool offline;
};

static int bad(struct err *err, const char *text)
{
    return err_set(err, ERR_UNPROCESSABLE, "bad_uplink", "%s", text);
}

static bool is_word(struct text t)
{
    for (size_t i = 0; i < t.len; i++) {
        char c = t.base[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c == '-' && i > 0)))
            return false;
    }
    return t.len > 0 && t.len <= 40;
}

/* What the other end would say of itself by Via, told beforehand. */
static int check_not_us(struct uplinks *us, struct pool *pool, const char *url, struct err *err)
{
    const char *one, *two;
    if (us->config.public_url != NULL && url_origin(pool, us->config.public_url, &one, NULL) == 0 &&
        url_origin(pool, url, &two, NULL) == 0 && strcmp(one, two) == 0)
        return err_set(err, ERR_CONFLICT, "uplink_is_us",
                       "%s is this platform itself, which cannot be its own uplink.", url);
    return 0;
}

static int read_url(struct uplinks *us, struct pool *pool, const struct json *doc, struct row *row,
                    struct err *err)
{
    struct err why;
    if (json_want_text(doc, "url", &row->url, err) != 0)
        return -1;
    while (text_ends(row->url, "/"))
        row->url.len--;
    const char *url = text_c(pool, row->url);
    if (row->url.len > 1000 || url_check(url, &why) != 0 || text_has(row->url, '?'))
        return bad(err, "url: an http or https address without a name, a password or a query.");
    return check_not_us(us, pool, url, err);
}

static int read_secret(struct uplinks *us, struct pool *pool, const struct json *doc,
                       struct row *row, struct err *err)
{
    struct text secret = TEXT_NONE;
    if (json_want_text(doc, "auth", &row->auth, err) != 0 ||
        json_want_text(doc, "secret", &secret, err) != 0)
        return -1;
    bool basic = text_is(row->auth, "basic"), none = text_is(row->auth, "none");
    if (!basic && !none && !text_is(row->auth, "bearer"))
        return bad(err, "auth: none, bearer or basic.");
    if (secret.base != NULL && (secret.len == 0 || secret.len > 4000 ||
                                !text_is_printable(secret) || (basic && !text_has(secret, ':'))))
        return bad(err, "secret: the token, or NAME:PASSWORD for basic, of printable characters.");
    if (secret.base != NULL)
        row->secret = seal_put(us->config.seal, pool,
                               uplink_secret_purpose(pool, text_c(pool, row->name)), secret);
    if (none)
        row->secret = TEXT_NONE;
    return none || row->secret.base != NULL
               ? 0
               : bad(err, "secret: give the token, or NAME:PASSWORD for basic.");
}

static int read_proxy(struct uplinks *us, struct pool *pool, const struct json *doc,
                      struct row *row, struct err *err)
{
    struct text proxy = TEXT_NONE;
    const char *origin;
    if (json_want_text(doc, "proxy", &proxy, err) != 0 ||
        json_want_text(doc, "no_proxy", &row->no_proxy, err) != 0)
        return -1;
    if (row->no_proxy.len > 1000 || !text_is_printable(row->no_proxy))
        return bad(err, "no_proxy: hosts separated by commas.");
    if (proxy.base == NULL)
        return 0;
    if (proxy.len > 1000 ||
        (proxy.len > 0 && url_origin(pool, text_c(pool, proxy), &origin, NULL) != 0))
        return bad(err, "proxy: an http or https address; empty for none.");
    row->proxy =
        seal_put(us->config.seal, pool, uplink_proxy_purpose(pool, text_c(pool, row->name)), proxy);
    return 0;
}

static int read_hosts(struct pool *pool, const struct json *doc, struct row *row, struct err *err)
{
    const struct json *hosts = json_get(doc, "hosts");
    const char *origin;
    if (hosts == NULL)
        return 0;
    if (hosts->type != JSON_ARRAY || hosts->count > HOSTS_MOST)
        return bad(err, "hosts: a list of at most 32 addresses.");
    json_each (host, hosts)
        if (host->type != JSON_STRING || url_check(text_c(pool, host->text), NULL) != 0 ||
            url_origin(pool, text_c(pool, host->text), &origin, NULL) != 0)
            return bad(err, "hosts: addresses such as https://cdn.example.");
    row->hosts = hosts->raw;
    return 0;
}

static int read_times(const struct json *doc, struct row *row, struct err *err)
{
    if (json_want_int(doc, "timeout_ms", &row->timeout_ms, err) != 0 ||
        json_want_int(doc, "fresh_ms", &row->fresh_ms, err) != 0 ||
        json_want_int(doc, "stale_ms", &row->stale_ms, err) != 0 ||
        json_want_bool(doc, "offline", &row->offline, err) != 0)
        return -1;
    if (row->timeout_ms < 1000 || row->timeout_ms > 600000)
        return bad(err, "timeout_ms: 1000 to 600000.");
    if (row->fresh_ms < 0 || row->fresh_ms > 86400000 || row->stale_ms < 0 ||
        row->stale_ms > 2592000000)
        return bad(err, "fresh_ms is at most a day, stale_ms at most 30 days.");
    return 0;
}

static int read_row(struct uplinks *us, struct pool *pool, const struct json *doc, struct row *row,
                    struct err *err)
{
    if (us->config.seal == NULL)
        return err_set(err, ERR_INTERNAL, "internal", "There is no key to seal secrets with.");
    if (json_want_text(doc, "ca", &row->ca, err) != 0)
        return -1;
    if (row->ca.len > CA_MOST || (row->ca.len > 0 && !text_starts(row->ca, "-----BEGIN ")))
        return bad(err, "ca: certificates as PEM text.");
    return read_url(us, pool, doc, row, err) != 0 || read_secret(us, pool, doc, row, err) != 0 ||
                   read_proxy(us, pool, doc, row, err) != 0 ||
                   read_hosts(pool, doc, row, err) != 0 || read_times(doc, row, err) != 0
               ? -1
               : 0;
}

static int insert(struct uplinks *us, struct pool *pool, const struct row *row, struct text by,
                  struct err *err)
{
    static const char count_sql[] = "SELECT count(*) FROM uplink";
    static const char sql[] =
        "INSERT INTO uplink (name, url, auth, secret, proxy, no_proxy, ca, hosts, timeout_ms, "
        "fresh_ms, stale_ms, offline, created_at, created_by) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    int64_t n = 0;
    auto_tx struct db_tx tx = {0};
    if (db_begin(&tx, us->config.control, err) != 0 ||
        db_get(tx.conn, pool, err, count_sql, "", "i", &n) != 0)
        return -1;
    if (n >= UPLINKS_MOST)
        return err_set(err, ERR_TOO_MANY, "too_many_uplinks", "There are %d uplinks already.",
                       UPLINKS_MOST);
    if (db_do(tx.conn, err, sql, "ssssssssiiiiis", row->name, row->url, row->auth, row->secret,
              row->proxy, row->no_proxy, row->ca, row->hosts, row->timeout_ms, row->fresh_ms,
              row->stale_ms, (int64_t)row->offline, clock_wall_ms(), by) < 0)
        return err->kind == ERR_CONFLICT
                   ? err_set(err, ERR_CONFLICT, "uplink_exists", "There is an uplink \"%.*s\".",
                             TEXT_ARG(row->name))
                   : -1;
    return db_commit(&tx, err);
}

int uplink_add(struct uplinks *uplinks, struct pool *pool, const struct json *doc, struct text by,
               struct err *err)
{
    struct row row = {.auth = TEXT("none"),
                      .hosts = TEXT("[]"),
                      .timeout_ms = uplinks->config.timeout_ms,
                      .fresh_ms = uplinks->config.fresh_ms,
                      .stale_ms = uplinks->config.stale_ms};
    if (json_need_text(doc, "name", &row.name, err) != 0)
        return -1;
    if (!is_word(row.name) || text_is(row.name, UPLINK_DEFAULT) || text_is(row.name, "block"))
        return bad(err, "name: 1 to 40 small letters, digits and hyphens; \"default\" is the one "
                        "of the options.");
    if (read_row(uplinks, pool, doc, &row, err) != 0 || insert(uplinks, pool, &row, by, err) != 0)
        return -1;
    return uplinks_reload(uplinks, err);
}

static int not_there(struct text name, struct err *err)
{
    if (text_is(name, UPLINK_DEFAULT))
        return err_set(err, ERR_CONFLICT, "uplink_of_option",
                       "The uplink \"default\" is what --uplink and its sisters say; change it "
                       "there, or put a rule for \"*\" before it.");
    return err_set(err, ERR_NOT_FOUND, "uplink_not_found", "There is no uplink \"%.*s\".",
                   TEXT_ARG(text_sub(name, 0, 60)));
}

static int read_old(struct db_conn *conn, struct pool *pool, struct row *row)
{
    static const char sql[] =
        "SELECT url, auth, secret, proxy, no_proxy, ca, hosts, timeout_ms, fresh_ms, stale_ms, "
        "offline FROM uplink WHERE name = ?";
    int64_t offline;
    if (db_get(conn, pool, NULL, sql, "s", "sssssssiiii", row->name, &row->url, &row->auth,
               &row->secret, &row->proxy, &row->no_proxy, &row->ca, &row->hosts, &row->timeout_ms,
               &row->fresh_ms, &row->stale_ms, &offline) != 0)
        return -1;
    row->offline = offline != 0;
    return 0;
}

/* What another address gave is not what this one gives. Blobs that nobody needs go by themselves.
 */
static int forget_kept(struct db_conn *conn, struct text name, struct err *err)
{
    static const char served[] =
        "INSERT OR IGNORE INTO uplink_served (name, uplink) SELECT name, uplink FROM "
        "uplink_document WHERE uplink = ?1 UNION SELECT name, uplink FROM uplink_tarball WHERE "
        "uplink = ?1";
    static const char documents[] = "DELETE FROM uplink_document WHERE uplink = ?";
    static const char tarballs[] = "DELETE FROM uplink_tarball WHERE uplink = ?";
    return db_do(conn, err, served, "s", name) < 0 || db_do(conn, err, documents, "s", name) < 0 ||
                   db_do(conn, err, tarballs, "s", name) < 0
               ? -1
               : 0;
}

static int update(struct uplinks *us, struct pool *pool, const struct json *doc, struct row *row,
                  struct err *err)
{
    static const char sql[] =
        "UPDATE uplink SET url = ?, auth = ?, secret = ?, proxy = ?, no_proxy = ?, ca = ?, "
        "hosts = ?, timeout_ms = ?, fresh_ms = ?, stale_ms = ?, offline = ? WHERE name = ?";
    auto_tx struct db_tx tx = {0};
    if (db_begin(&tx, us->config.control, err) != 0)
        return -1;
    if (read_old(tx.conn, pool, row) != 0)
        return not_there(row->name, err);
    struct text before = row->url;
    if (read_row(us, pool, doc, row, err) != 0)
        return -1;
    /* Credentials are for the one address that they were given for. */
    if (!text_eq(before, row->url) && json_get(doc, "secret") == NULL && row->secret.base != NULL)
        return bad(err, "secret: give it again for the new address.");
    if (db_do(tx.conn, err, sql, "sssssssiiiis", row->url, row->auth, row->secret, row->proxy,
              row->no_proxy, row->ca, row->hosts, row->timeout_ms, row->fresh_ms, row->stale_ms,
              (int64_t)row->offline, row->name) < 0)
        return -1;
    if (!text_eq(before, row->url) && forget_kept(tx.conn, row->name, err) != 0)
        return -1;
    return db_commit(&tx, err);
}

int uplink_change(struct uplinks *uplinks, struct pool *pool, struct text name,
                  const struct json *doc, struct err *err)
{
    struct row row = {.name = name};
    return update(uplinks, pool, doc, &row, err) != 0 ? -1 : uplinks_reload(uplinks, err);
}

static int remove_row(struct uplinks *us, struct pool *pool, struct text name, struct err *err)
{
    static const char used_sql[] = "SELECT count(*) FROM uplink_rule WHERE uplink = ?";
    static const char sql[] = "DELETE FROM uplink WHERE name = ?";
    int64_t used = 0;
    auto_tx struct db_tx tx = {0};
    if (db_begin(&tx, us->config.control, err) != 0 ||
        db_get(tx.conn, pool, err, used_sql, "s", "i", name, &used) != 0)
        return -1;
    if (used > 0)
        return err_set(err, ERR_CONFLICT, "uplink_in_use",
                       "%lld rules name the uplink; remove them first.", (long long)used);
    int rows = db_do(tx.conn, err, sql, "s", name);
    if (rows == 0)
        return not_there(name, err);
    return rows < 0 || forget_kept(tx.conn, name, err) != 0 ? -1 : db_commit(&tx, err);
}

int uplink_remove(struct uplinks *uplinks, struct pool *pool, struct text name, struct err *err)
{
    return remove_row(uplinks, pool, name, err) != 0 ? -1 : uplinks_reload(uplinks, err);
}

static void put_test(struct json_writer *w, const struct fetch_reply *reply, int64_t ms,
                     const struct err *why)
{
    bool refused = reply->status == 401 || reply->status == 403;
    bool failed = why->code != NULL || refused || reply->status == 0;
    json_open(w);
    json_put_bool(w, "ok", !failed);
    json_put_int(w, "status", reply->status);
    json_put_int(w, "ms", ms);
    json_put_str(w, "error",
                 why->code != NULL ? why->text
                 : refused         ? "It answers, but refuses our credentials or asks for some."
                                   : NULL);
    json_close(w);
}

int uplink_test(struct uplinks *uplinks, struct pool *pool, struct text name, struct json_writer *w,
                struct err *err)
{
    struct uplink_table *table = uplinks_table(uplinks);
    const struct uplink *u = uplink_find(table, name);
    int failed = u == NULL || u->url == NULL ? not_there(name, err) : 0;
    if (failed == 0) {
        /* A breaker of its own: a person who asks is not told to wait, and decides nothing. */
        struct uplink one = *u;
        struct fetch_reply reply = {0};
        struct err why = {0};
        int64_t began = clock_mono_ms(), rest_ms;
        struct uplink_question q = {.url = pool_printf(pool, "%s/-/ping", u->url),
                                    .accept = TEXT("application/json"),
                                    .deadline_at = began + TEST_DEADLINE_MS,
                                    .max_bytes = 1 << 20};
        one.breaker = breaker_new(u->name);
        if (!u->offline)
            (void)uplink_send(uplinks, &one, &q, pool, &reply, &rest_ms, &why);
        else
            (void)err_set(&why, ERR_NOT_FOUND, "offline", "It is offline: nothing goes out.");
        breaker_free(one.breaker);
        put_test(w, &reply, clock_mono_ms() - began, &why);
    }
    snapshot_drop(&table->base);
    return failed;
}

static const char *auth_of(const struct uplink *u)
{
    if (u->authorization == NULL)
        return "none";
    return text_starts(text_of(u->authorization), "Basic ") ? "basic" : "bearer";
}

static void put_state(struct json_writer *w, const struct uplink *u)
{
    struct breaker_view v;
    breaker_look(u->breaker, clock_mono_ms(), &v);
    json_put_str(w, "state", breaker_state_name(v.state));
    json_put_time(w, "state_since", v.since_ms);
    json_put_int(w, "next_try_ms", v.next_in_ms);
    json_put_int(w, "requests", v.requests);
    json_put_int(w, "failures", v.failures);
    json_put_time(w, "failed_at", v.failed_ms);
    json_put_str(w, "cause", v.cause[0] != '\0' ? v.cause : NULL);
}

static void put_uplink(struct pool *pool, struct json_writer *w, const struct uplink *u, bool row)
{
    json_open(w);
    json_put_str(w, "name", u->name);
    json_put_str(w, "url", u->url);
    json_put_str(w, "auth", auth_of(u));
    json_put_str(w, "proxy", u->proxy != NULL ? url_shown(pool, u->proxy) : NULL);
    json_put_str(w, "no_proxy", u->no_proxy);
    json_put_bool(w, "ca", u->ca.len > 0);
    json_key(w, "hosts");
    json_open_array(w);
    for (size_t i = 0; u->hosts != NULL && u->hosts[i] != NULL; i++)
        json_str(w, u->hosts[i]);
    json_close_array(w);
    json_put_int(w, "timeout_ms", u->timeout_ms);
    json_put_int(w, "fresh_ms", u->fresh_ms);
    json_put_int(w, "stale_ms", u->stale_ms);
    json_put_bool(w, "offline", u->offline);
    json_put_bool(w, "of_option", !row);
    put_state(w, u);
    json_close(w);
}

int uplink_put_all(struct uplinks *uplinks, struct pool *pool, struct json_writer *w,
                   struct text only, struct err *err)
{
    struct uplink_table *table = uplinks_table(uplinks);
    size_t n = 0;
    for (size_t i = 0; i < table->n; i++) {
        const struct uplink *u = &table->all[i];
        if ((only.base == NULL && (i > 0 || u->url != NULL)) || text_is(only, u->name)) {
            put_uplink(pool, w, u, i > 0);
            n++;
        }
    }
    snapshot_drop(&table->base);
    return only.base != NULL && n == 0 ? not_there(only, err) : 0;
}
