/* Changes of users, tenants and members. Each is on disk and in the snapshot when it returns. */
#include "core/clock.h"
#include "core/db.h"
#include "core/htpasswd.h"
#include "core/name.h"
#include "core/password.h"
#include "http/account_part.h"
#include "http/reserved.h"

#include <string.h>

static int hash_of(struct pool *pool, const struct account_user *user, struct text *hash,
                   struct err *err)
{
    if (user->hash.base == NULL)
        return password_hash(pool, user->password, hash, err);
    if (!htpasswd_known(user->hash))
        return err_set(err, ERR_UNPROCESSABLE, "bad_hash",
                       "The password's hash is of a kind that cannot be checked here; bcrypt, "
                       "$apr1$, {SHA} and DES can. Give the user a new password.");
    *hash = user->hash;
    return 0;
}

int account_user_create(struct account *account, const struct account_user *user,
                        char id[ACCOUNT_ID], struct err *err)
{
    static const char sql[] =
        "INSERT INTO user (id, name, email, password, admin, must_change, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)";
    auto_pool struct pool *pool = pool_new();
    struct text hash;

    if (name_check_user(user->name, err) != 0 || hash_of(pool, user, &hash, err) != 0)
        return -1;
    if (user->email.len > 254 || !text_is_printable(user->email))
        return err_set(err, ERR_UNPROCESSABLE, "bad_email", "The e-mail address cannot be used.");
    random_id(id);
    auto_tx struct db_tx tx = {0};
    if (db_begin(&tx, account->db, err) != 0)
        return -1;
    if (db_do(tx.conn, err, sql, "zsssiii", id, user->name,
              user->email.len > 0 ? user->email : TEXT_NONE, hash, (int64_t)user->admin,
              (int64_t)user->must_change, clock_wall_ms()) < 0) {
        if (err->kind == ERR_CONFLICT)
            err_set(err, ERR_CONFLICT, "user_exists", "There is a user \"%.*s\" already.",
                    TEXT_ARG(user->name));
        return -1;
    }
    if (db_commit(&tx, err) != 0)
        return -1;
    return account_reload_people(account, err);
}

struct leaving {
    const char *user, *keep;
};

static enum account_verdict drop_users(void *arg, struct account_key *key)
{
    const struct leaving *leaving = arg;

    if (strcmp(key->user, leaving->user) != 0)
        return ACCOUNT_KEEP;
    return leaving->keep != NULL &&
                   (strcmp(key->id, leaving->keep) == 0 || strcmp(key->parent, leaving->keep) == 0)
               ? ACCOUNT_KEEP
               : ACCOUNT_DROP;
}

int account_user_remove(struct account *account, struct text name, struct err *err)
{
    static const char find[] = "SELECT id, admin FROM user WHERE name = ?";
    static const char admins[] = "SELECT count(*) FROM user WHERE admin = 1";
    static const char sql[] = "DELETE FROM user WHERE name = ?";
    auto_pool struct pool *pool = pool_new();
    auto_tx struct db_tx tx = {0};
    struct text id;
    int64_t admin = 0, n = 0;

    if (db_begin(&tx, account->db, err) != 0)
        return -1;
    if (db_get(tx.conn, pool, err, find, "s", "si", name, &id, &admin) != 0)
        return err->kind == ERR_NOT_FOUND
                   ? err_set(err, ERR_NOT_FOUND, "user_not_found", "There is no such user.")
                   : -1;
    if (db_get(tx.conn, pool, err, admins, "", "i", &n) != 0)
        return -1;
    if (admin != 0 && n == 1)
        return err_set(err, ERR_CONFLICT, "last_admin", "The last admin cannot be removed.");
    if (db_do(tx.conn, err, sql, "s", name) < 0 || db_commit(&tx, err) != 0)
        return -1;
    struct leaving leaving = {text_c(pool, id), NULL};
    account_revise_keys(account, ACCOUNT_TOKENS, drop_users, &leaving);
    account_revise_keys(account, ACCOUNT_SESSIONS, drop_users, &leaving);
    int rc = account_reload_people(account, err);
    account_tell_ended(account, leaving.user);
    return rc;
}

int account_end_sessions(struct db_tx *tx, const char *user, const char *keep, struct err *err)
{
    static const char sql[] = "DELETE FROM session WHERE user = ?1"
                              " AND (?2 IS NULL OR (id <> ?2 AND coalesce(parent, '') <> ?2))";

    return db_do(tx->conn, err, sql, "zz", user, keep) < 0 ? -1 : 0;
}

void account_drop_sessions(struct account *account, const char *user, const char *keep)
{
    struct leaving leaving = {user, keep};

    account_revise_keys(account, ACCOUNT_SESSIONS, drop_users, &leaving);
}

int account_password_set(struct account *account, const char *user, struct text password,
                         bool must_change, const char *keep, struct err *err)
{
    static const char sql[] = "UPDATE user SET password = ?, must_change = ? WHERE id = ?";
    auto_pool struct pool *pool = pool_new();
    auto_tx struct db_tx tx = {0};
    struct text hash;

    if (password_hash(pool, password, &hash, err) != 0 || db_begin(&tx, account->db, err) != 0)
        return -1;
    int changed = db_do(tx.conn, err, sql, "siz", hash, (int64_t)must_change, user);
    if (changed == 0)
        return err_set(err, ERR_NOT_FOUND, "user_not_found", "There is no such user.");
    if (changed < 0 || account_end_sessions(&tx, user, keep, err) != 0 || db_commit(&tx, err) != 0)
        return -1;
    account_drop_sessions(account, user, keep);
    int rc = account_reload_people(account, err);
    account_tell_ended(account, user);
    return rc;
}

int account_user_change(struct account *account, struct text name, struct text email, int admin,
                        struct err *err)
{
    static const char sql[] = "UPDATE user SET email = nullif(coalesce(?, email), ''),"
                              " admin = CASE WHEN ? < 0 THEN admin ELSE ? END WHERE name = ?";
    static const char admins[] = "SELECT count(*) FROM user WHERE admin = 1";
    auto_pool struct pool *pool = pool_new();
    auto_tx struct db_tx tx = {0};
    int64_t n = 0;

    if (email.len > 254 || !text_is_printable(email))
        return err_set(err, ERR_UNPROCESSABLE, "bad_email", "The e-mail address cannot be used.");
    if (db_begin(&tx, account->db, err) != 0)
        return -1;
    int changed = db_do(tx.conn, err, sql, "siis", email, (int64_t)admin, (int64_t)admin, name);
    if (changed < 0)
        return -1;
    if (changed == 0)
        return err_set(err, ERR_NOT_FOUND, "user_not_found", "There is no such user.");
    if (db_get(tx.conn, pool, err, admins, "", "i", &n) != 0)
        return -1;
    if (n == 0)
        return err_set(err, ERR_CONFLICT, "last_admin", "The last admin must stay one.");
    if (db_commit(&tx, err) != 0)
        return -1;
    int rc = account_reload_people(account, err);
    account_tell_ended(account, NULL);
    return rc;
}

/* What came from elsewhere becomes ours now that the password is known. */
static int renew_hash(struct pool *pool, struct text old, struct text password, struct text *fresh,
                      struct err *err)
{
    *fresh = TEXT_NONE;
    return htpasswd_known(old) ? password_rehash(pool, password, fresh, err) : 0;
}

int account_login(struct account *account, struct pool *pool, struct text name,
                  struct text password, struct text address, const char **user, struct err *err)
{
    static const char sql[] = "SELECT id, password FROM user WHERE name = ?";
    static const char note[] = "UPDATE user SET last_login_at = ?1, password = iif(password = ?2,"
                               " coalesce(?3, ?2), password) WHERE id = ?4";
    struct text id = TEXT_NONE, hash = TEXT_NONE, fresh;

    if (!account_limit_allows(account->limits, name, address))
        return err_set(err, ERR_TOO_MANY, "login_limited",
                       "Too many failed logins; try again in some minutes.");
    {
        auto_read struct db_read r = db_read(account->db, err);
        if (r.conn == NULL || (db_get(r.conn, pool, err, sql, "s", "ss", name, &id, &hash) != 0 &&
                               err->kind != ERR_NOT_FOUND))
            return -1;
    }
    if (!password_check(hash, password)) {
        account_limit_failed(account->limits, name, address);
        return err_set(err, ERR_UNAUTHORIZED, "bad_credentials",
                       "The user name or the password is wrong.");
    }
    account_limit_passed(account->limits, name, address);
    auto_tx struct db_tx tx = {0};
    if (renew_hash(pool, hash, password, &fresh, err) != 0 ||
        db_begin(&tx, account->db, err) != 0 ||
        db_do(tx.conn, err, note, "isss", clock_wall_ms(), hash, fresh, id) < 0 ||
        db_commit(&tx, err) != 0)
        return -1;
    *user = text_c(pool, id);
    return 0;
}

/* Tenants. */

static int check_title(struct text name, struct err *err)
{
    if (name.len == 0 || name.len > 100 || !text_is_printable(name) || !text_is_utf8(name))
        return err_set(err, ERR_UNPROCESSABLE, "bad_name",
                       "The name must be printable text of at most 100 bytes.");
    return 0;
}

int account_tenant_create(struct account *account, struct text slug, struct text name,
                          char id[ACCOUNT_ID], struct err *err)
{
    static const char sql[] = "INSERT INTO tenant (id, slug, name, created_at) VALUES (?, ?, ?, ?)";
    auto_tx struct db_tx tx = {0};

    if (name_check_slug(slug, "The tenant's slug", "bad_slug", err) != 0 ||
        check_title(name, err) != 0)
        return -1;
    if (reserved_slug(slug) || reserved_scope(slug))
        return err_set(err, ERR_CONFLICT, "slug_reserved",
                       "The slug \"%.*s\" is reserved; choose another.", TEXT_ARG(slug));
    random_id(id);
    if (db_begin(&tx, account->db, err) != 0)
        return -1;
    if (db_do(tx.conn, err, sql, "zssi", id, slug, name, clock_wall_ms()) < 0) {
        if (err->kind == ERR_CONFLICT)
            err_set(err, ERR_CONFLICT, "slug_taken", "The slug \"%.*s\" is taken; choose another.",
                    TEXT_ARG(slug));
        return -1;
    }
    if (db_commit(&tx, err) != 0)
        return -1;
    return account_reload_people(account, err);
}

int account_tenant_change(struct account *account, const char *tenant, struct text name,
                          int require_factor, struct err *err)
{
    static const char sql[] = "UPDATE tenant SET name = coalesce(?1, name), require_factor ="
                              " CASE WHEN ?2 < 0 THEN require_factor ELSE ?2 END WHERE id = ?3";
    auto_tx struct db_tx tx = {0};

    if ((name.base != NULL && check_title(name, err) != 0) ||
        db_begin(&tx, account->db, err) != 0 ||
        db_do(tx.conn, err, sql, "siz", name, (int64_t)require_factor, tenant) < 0 ||
        db_commit(&tx, err) != 0)
        return -1;
    int rc = account_reload_people(account, err);
    if (require_factor > 0)
        account_tell_ended(account, NULL);
    return rc;
}

static enum account_verdict drop_tenants(void *arg, struct account_key *key)
{
    return strcmp(key->tenant, arg) == 0 ? ACCOUNT_DROP : ACCOUNT_KEEP;
}

int account_tenant_remove(struct account *account, const char *tenant, struct err *err)
{
    static const char tokens[] = "DELETE FROM token WHERE tenant = ?";
    static const char sql[] = "DELETE FROM tenant WHERE id = ?";
    auto_tx struct db_tx tx = {0};

    if (db_begin(&tx, account->db, err) != 0 || db_do(tx.conn, err, tokens, "z", tenant) < 0 ||
        db_do(tx.conn, err, sql, "z", tenant) < 0 || db_commit(&tx, err) != 0)
        return -1;
    account_revise_keys(account, ACCOUNT_TOKENS, drop_tenants, (void *)(uintptr_t)tenant);
    int rc = account_reload_people(account, err);
    account_tell_ended(account, NULL);
    return rc;
}

static int put_member(struct db_conn *conn, const char *tenant, const char *user, enum role role,
                      struct err *err)
{
    static const char drop[] = "DELETE FROM member WHERE tenant = ? AND user = ?";
    static const char put[] = "INSERT INTO member (tenant, user, role, since) VALUES (?, ?, ?, ?)"
                              " ON CONFLICT (tenant, user) DO UPDATE SET role = excluded.role";

    int rows = role == ROLE_NONE
                   ? db_do(conn, err, drop, "zz", tenant, user)
                   : db_do(conn, err, put, "zzzi", tenant, user, role_name(role), clock_wall_ms());
    return rows < 0 ? -1 : 0;
}

static int end_member_change(struct account *account, struct db_tx *tx, const char *user,
                             struct err *err)
{
    if (db_commit(tx, err) != 0 || account_reload_people(account, err) != 0)
        return -1;
    account_tell_ended(account, user);
    return 0;
}

int account_member_set(struct account *account, const char *tenant, const char *user,
                       enum role role, struct err *err)
{
    auto_tx struct db_tx tx = {0};

    if (db_begin(&tx, account->db, err) != 0 || put_member(tx.conn, tenant, user, role, err) != 0)
        return -1;
    return end_member_change(account, &tx, user, err);
}

int account_member_change(struct account *account, struct pool *pool,
                          const struct account_member_change *change, struct err *err)
{
    static const char sql[] = "SELECT count(*) FROM member WHERE tenant = ? AND role = 'owner'"
                              " AND user <> ?";
    int64_t others = 1;
    auto_tx struct db_tx tx = {0};

    if (db_begin(&tx, account->db, err) != 0)
        return -1;
    if (!change->who->admin && change->role != ROLE_OWNER &&
        db_get(tx.conn, pool, err, sql, "zz", "i", change->tenant, change->user, &others) != 0)
        return -1;
    if (others == 0)
        return err_set(err, ERR_CONFLICT, "last_owner",
                       "The last owner stays; make somebody else an owner first.");
    if (put_member(tx.conn, change->tenant, change->user, change->role, err) != 0)
        return -1;
    return end_member_change(account, &tx, change->user, err);
}
