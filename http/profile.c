#include "http/profile.h"

#include "core/clock.h"
#include "core/db.h"
#include "core/json.h"
#include "http/account_part.h"

#define VALUE_MAX 200

static const char *const fields[] = {"fullname", "homepage", "github", "twitter", "freenode"};
#define N_FIELDS (sizeof fields / sizeof fields[0])

int profile_write(struct account *account, const char *user, struct json_writer *w, struct err *err)
{
    static const char dates[] = "SELECT coalesce(email, ''), created_at, max(created_at, "
                                "coalesce((SELECT max(updated_at) FROM profile"
                                " WHERE user = ?1), 0)) FROM user WHERE id = ?1";
    static const char sql[] = "SELECT coalesce(max(value), '') FROM profile"
                              " WHERE user = ? AND field = ?";
    auto_pool struct pool *pool = pool_new();
    struct text email;
    int64_t created, updated;
    auto_read struct db_read r = db_read(account->db, err);

    if (r.conn == NULL ||
        db_get(r.conn, pool, err, dates, "z", "sii", user, &email, &created, &updated) != 0)
        return -1;
    json_put_text(w, "email", email.len > 0 ? email : TEXT_NONE);
    json_put_time(w, "created", created);
    json_put_time(w, "updated", updated);
    for (size_t i = 0; i < N_FIELDS; i++) {
        struct text value;
        if (db_get(r.conn, pool, err, sql, "zz", "s", user, fields[i], &value) != 0)
            return -1;
        json_put_text(w, fields[i], value.len > 0 ? value : TEXT_NONE);
    }
    return 0;
}

static int set_field(struct db_tx *tx, const char *user, const char *field,
                     const struct json *value, struct err *err)
{
    static const char drop[] = "DELETE FROM profile WHERE user = ? AND field = ?";
    static const char put[] =
        "INSERT INTO profile (user, field, value, updated_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (user, field) DO UPDATE SET value = excluded.value,"
        " updated_at = excluded.updated_at WHERE value <> excluded.value";
    struct text t = value->type == JSON_STRING ? value->text : TEXT_NONE;

    if (value->type != JSON_NULL && value->type != JSON_STRING)
        return err_set(err, ERR_UNPROCESSABLE, "bad_profile", "%s must be text.", field);
    if (t.len > VALUE_MAX || !text_is_printable(t) || !text_is_utf8(t))
        return err_set(err, ERR_UNPROCESSABLE, "bad_profile",
                       "%s must be printable text of at most %d bytes.", field, VALUE_MAX);
    int rc = t.len == 0 ? db_do(tx->conn, err, drop, "zz", user, field)
                        : db_do(tx->conn, err, put, "zzsi", user, field, t, clock_wall_ms());
    return rc < 0 ? -1 : 0;
}

int profile_set(struct account *account, const char *user, const struct json *doc, struct err *err)
{
    auto_tx struct db_tx tx = {0};

    if (db_begin(&tx, account->db, err) != 0)
        return -1;
    for (size_t i = 0; i < N_FIELDS; i++) {
        const struct json *value = json_get(doc, fields[i]);
        if (value != NULL && set_field(&tx, user, fields[i], value, err) != 0)
            return -1;
    }
    return db_commit(&tx, err);
}
