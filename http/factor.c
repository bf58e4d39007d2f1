#include "http/factor.h"

#include "core/clock.h"
#include "core/codec.h"
#include "core/db.h"
#include "core/seal.h"
#include "core/totp.h"
#include "http/account_part.h"

#include <string.h>

/* Four groups of four digits: what npm takes for a code at its prompt is digits and blanks. */
#define RECOVERY_DIGITS 16
#define LATELY_MS (5ll * 60 * 1000)

static const char *const mode_names[] = {
    [FACTOR_AUTH_ONLY] = "auth-only", [FACTOR_AUTH_AND_WRITES] = "auth-and-writes"};

const char *factor_mode_name(enum factor_mode mode)
{
    return mode_names[mode];
}

bool factor_mode_parse(struct text name, enum factor_mode *mode)
{
    for (unsigned m = FACTOR_AUTH_ONLY; m <= FACTOR_AUTH_AND_WRITES; m++)
        if (text_is(name, mode_names[m])) {
            *mode = (enum factor_mode)m;
            return true;
        }
    return false;
}

bool factor_is_due(const struct identity *who, bool writes)
{
    enum factor_mode least = writes ? FACTOR_AUTH_AND_WRITES : FACTOR_AUTH_ONLY;

    if (who->factor < least || who->user == NULL || (writes && who->bypass_2fa))
        return false;
    return who->kind != IDENTITY_SESSION || clock_wall_ms() - who->code_at_ms > LATELY_MS;
}

struct text factor_address(struct pool *pool, const char *public_url, const char *name,
                           struct text secret)
{
    struct text host = text_of(strstr(public_url, "://"));

    host = text_sub(host, 3, host.len);
    host = percent_encode(pool, text_sub(host, 0, text_find(host, '/', 0)));
    return text_printf(pool, "otpauth://totp/%.*s:%.*s?secret=%.*s&issuer=%.*s", TEXT_ARG(host),
                       TEXT_ARG(percent_encode(pool, text_of(name))), TEXT_ARG(secret),
                       TEXT_ARG(host));
}

static struct text purpose_of(struct pool *pool, const char *user)
{
    return text_printf(pool, "factor:%s", user);
}

int factor_begin(struct account *account, struct pool *pool, const char *user,
                 enum factor_mode mode, struct text *secret, struct err *err)
{
    static const char sql[] =
        "INSERT INTO factor (user, secret, mode, created_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (user) DO UPDATE SET secret = excluded.secret, mode = excluded.mode,"
        " last_step = 0, created_at = excluded.created_at WHERE pending = 1";
    char raw[TOTP_SECRET_BYTES];
    auto_tx struct db_tx tx = {0};

    if (account->seal == NULL)
        return err_set(err, ERR_INTERNAL, "no_seal", "There is no key to seal a secret with.");
    random_bytes(raw, sizeof raw);
    struct text fresh = totp_base32(pool, text_n(raw, sizeof raw));
    struct text sealed =
        seal_put(account->seal, pool, purpose_of(pool, user), text_n(raw, sizeof raw));
    explicit_bzero(raw, sizeof raw);
    if (db_begin(&tx, account->db, err) != 0)
        return -1;
    int changed = db_do(tx.conn, err, sql, "zszi", user, sealed, mode_names[mode], clock_wall_ms());
    if (changed == 0)
        return err_set(err, ERR_CONFLICT, "factor_enabled",
                       "You have a second factor already. Switch it off first.");
    if (changed < 0 || db_commit(&tx, err) != 0)
        return -1;
    *secret = fresh;
    return 0;
}

/* A row as it is compared with a code. */
struct row {
    struct text secret, sealed;
    int64_t pending, last_step;
    int64_t step; /* that the code is of */
};

static int read_row(struct account *account, struct pool *pool, const char *user, struct row *row,
                    struct err *err)
{
    static const char sql[] = "SELECT secret, pending, last_step FROM factor WHERE user = ?";
    auto_read struct db_read r = db_read(account->db, err);

    if (r.conn == NULL || db_get(r.conn, pool, err, sql, "z", "sii", user, &row->sealed,
                                 &row->pending, &row->last_step) != 0)
        return -1;
    if (account->seal == NULL)
        return err_set(err, ERR_INTERNAL, "no_seal", "There is no key to open a secret with.");
    return seal_get(account->seal, pool, purpose_of(pool, user), row->sealed, &row->secret, err);
}

static int wrong(struct account *account, const struct factor_show *show, struct err *err)
{
    account_limit_failed(account->codes, text_of(show->name), show->address);
    return err_set(err, ERR_UNAUTHORIZED, "wrong_otp",
                   "The one-time password is wrong or was used before. Wait for the next one.");
}

static int check_limit(struct account *account, const struct factor_show *show, struct err *err)
{
    if (account_limit_allows(account->codes, text_of(show->name), show->address))
        return 0;
    return err_set(err, ERR_TOO_MANY, "otp_limited",
                   "Too many wrong one-time passwords; try again in some minutes.");
}

/* Of two at once with one code the second finds the step taken, and one that was begun anew
 * meanwhile is not the one that the code is of. */
static int take_step(struct db_tx *tx, const char *user, const struct row *row, struct err *err)
{
    static const char sql[] = "UPDATE factor SET last_step = ?1, pending = 0"
                              " WHERE user = ?2 AND last_step < ?1 AND secret = ?3";

    return db_do(tx->conn, err, sql, "izs", row->step, user, row->sealed);
}

static int pass_code(struct account *account, const struct factor_show *show, const struct row *row,
                     struct err *err)
{
    auto_tx struct db_tx tx = {0};

    if (db_begin(&tx, account->db, err) != 0)
        return -1;
    int taken = take_step(&tx, show->user, row, err);
    if (taken < 0 || db_commit(&tx, err) != 0)
        return -1;
    return taken > 0 ? 0 : wrong(account, show, err);
}

/* Recovery codes. */

static struct text digits_of(struct pool *pool, struct text code)
{
    char *out = pool_alloc(pool, code.len + 1);
    size_t n = 0;

    for (size_t i = 0; i < code.len; i++)
        if (code.base[i] >= '0' && code.base[i] <= '9')
            out[n++] = code.base[i];
        else if (code.base[i] != ' ' && code.base[i] != '-')
            return TEXT_NONE;
    return text_n(out, n);
}

static void hash_code(struct account *account, struct pool *pool, const char *user,
                      struct text digits, unsigned char out[SHA256_BYTES])
{
    unsigned char key[32];

    seal_key(account->seal, TEXT("recovery codes"), key);
    hmac_sha256(text_n(key, sizeof key), text_printf(pool, "%s %.*s", user, TEXT_ARG(digits)), out);
    explicit_bzero(key, sizeof key);
}

static int pass_recovery(struct account *account, struct pool *pool, const struct factor_show *show,
                         struct text digits, struct err *err)
{
    static const char sql[] = "DELETE FROM recovery_code WHERE user = ? AND hash = ?";
    unsigned char hash[SHA256_BYTES];
    auto_tx struct db_tx tx = {0};

    hash_code(account, pool, show->user, digits, hash);
    if (db_begin(&tx, account->db, err) != 0)
        return -1;
    int used = db_do(tx.conn, err, sql, "zb", show->user, text_n(hash, sizeof hash));
    if (used < 0 || db_commit(&tx, err) != 0)
        return -1;
    return used > 0 ? 0 : wrong(account, show, err);
}

static void make_code(struct pool *pool, struct text *shown, struct text *digits)
{
    char plain[RECOVERY_DIGITS + 1], *out = pool_alloc(pool, RECOVERY_DIGITS + 4);
    size_t n = 0;

    for (size_t i = 0; i < RECOVERY_DIGITS; i++) {
        unsigned char byte;
        do
            random_bytes(&byte, 1);
        while (byte >= 250); /* so that each digit is as likely as the others */
        plain[i] = (char)('0' + byte % 10);
        if (i > 0 && i % 4 == 0)
            out[n++] = ' ';
        out[n++] = plain[i];
    }
    *shown = text_n(out, n);
    *digits = text_dup(pool, text_n(plain, RECOVERY_DIGITS));
    explicit_bzero(plain, sizeof plain);
}

static int put_codes(struct account *account, struct pool *pool, struct db_tx *tx, const char *user,
                     struct text codes[RECOVERY_CODES], struct err *err)
{
    static const char old[] = "DELETE FROM recovery_code WHERE user = ?";
    static const char put[] = "INSERT INTO recovery_code (user, hash) VALUES (?, ?)";

    if (db_do(tx->conn, err, old, "z", user) < 0)
        return -1;
    for (int i = 0; i < RECOVERY_CODES; i++) {
        unsigned char hash[SHA256_BYTES];
        struct text digits;
        make_code(pool, &codes[i], &digits);
        hash_code(account, pool, user, digits, hash);
        if (db_do(tx->conn, err, put, "zb", user, text_n(hash, sizeof hash)) < 0)
            return -1;
    }
    return 0;
}

int factor_new_codes(struct account *account, struct pool *pool, const char *user,
                     struct text codes[RECOVERY_CODES], struct err *err)
{
    static const char sql[] = "SELECT count(*) FROM factor WHERE user = ? AND pending = 0";
    int64_t n = 0;
    auto_tx struct db_tx tx = {0};

    if (db_begin(&tx, account->db, err) != 0 ||
        db_get(tx.conn, pool, err, sql, "z", "i", user, &n) != 0)
        return -1;
    if (n == 0)
        return err_set(err, ERR_NOT_FOUND, "no_factor", "There is no second factor.");
    if (put_codes(account, pool, &tx, user, codes, err) != 0)
        return -1;
    return db_commit(&tx, err);
}

/* Passing and putting in force. */

int factor_pass(struct account *account, struct pool *pool, const struct factor_show *show,
                struct err *err)
{
    struct row row;
    struct err why;

    if (read_row(account, pool, show->user, &row, &why) != 0)
        return why.kind == ERR_NOT_FOUND ? 0 : err_set(err, why.kind, why.code, "%s", why.text);
    if (row.pending != 0)
        return 0;
    struct text digits = digits_of(pool, text_sub(show->code, 0, 64));
    if (show->code.len == 0)
        return err_set(err, ERR_UNAUTHORIZED, "otp_required",
                       "This needs a one-time password of your second factor.");
    if (check_limit(account, show, err) != 0)
        return -1;
    int rc;
    if (digits.len == RECOVERY_DIGITS)
        rc = pass_recovery(account, pool, show, digits, err);
    else if (totp_find(row.secret, clock_wall_ms() / 1000, row.last_step, digits, &row.step))
        rc = pass_code(account, show, &row, err);
    else
        rc = wrong(account, show, err);
    if (rc == 0)
        account_limit_passed(account->codes, text_of(show->name), show->address);
    return rc;
}

/* The change, the recovery codes and the end of other sessions are one transaction. */
static int put_in_force(struct account *account, struct pool *pool, const struct factor_show *show,
                        const struct row *row, struct text *codes, struct err *err)
{
    auto_tx struct db_tx tx = {0};

    if (db_begin(&tx, account->db, err) != 0)
        return -1;
    int taken = take_step(&tx, show->user, row, err);
    if (taken == 0)
        return wrong(account, show, err);
    if (taken < 0 || put_codes(account, pool, &tx, show->user, codes, err) != 0 ||
        account_end_sessions(&tx, show->user, show->keep, err) != 0)
        return -1;
    return db_commit(&tx, err);
}

int factor_confirm(struct account *account, struct pool *pool, const struct factor_show *show,
                   struct text codes[RECOVERY_CODES], struct err *err)
{
    struct row row;
    struct err why;

    int rc = read_row(account, pool, show->user, &row, &why);
    if (rc != 0 && why.kind != ERR_NOT_FOUND)
        return err_set(err, why.kind, why.code, "%s", why.text);
    if (rc != 0 || row.pending == 0)
        return err_set(err, ERR_CONFLICT, "factor_not_begun",
                       "No second factor waits for its first code. Begin anew.");
    if (check_limit(account, show, err) != 0)
        return -1;
    if (!totp_find(row.secret, clock_wall_ms() / 1000, row.last_step,
                   digits_of(pool, text_sub(show->code, 0, 64)), &row.step))
        return wrong(account, show, err);
    if (put_in_force(account, pool, show, &row, codes, err) != 0)
        return -1;
    account_limit_passed(account->codes, text_of(show->name), show->address);
    account_drop_sessions(account, show->user, show->keep);
    rc = account_reload_people(account, err);
    account_tell_ended(account, show->user);
    return rc;
}

int factor_set_mode(struct account *account, const char *user, enum factor_mode mode,
                    struct err *err)
{
    static const char put[] = "UPDATE factor SET mode = ? WHERE user = ? AND pending = 0";
    static const char drop[] = "DELETE FROM factor WHERE user = ?";
    static const char codes[] = "DELETE FROM recovery_code WHERE user = ?";
    auto_tx struct db_tx tx = {0};

    if (db_begin(&tx, account->db, err) != 0)
        return -1;
    int changed = mode != FACTOR_NONE ? db_do(tx.conn, err, put, "zz", mode_names[mode], user)
                                      : db_do(tx.conn, err, drop, "z", user);
    if (changed == 0)
        return err_set(err, ERR_NOT_FOUND, "no_factor", "There is no second factor.");
    if (changed < 0 || (mode == FACTOR_NONE && db_do(tx.conn, err, codes, "z", user) < 0) ||
        db_commit(&tx, err) != 0)
        return -1;
    int rc = account_reload_people(account, err);
    if (mode == FACTOR_NONE) /* some tenants ask for one */
        account_tell_ended(account, user);
    return rc;
}

int factor_read(struct account *account, const char *user, struct factor_state *state,
                struct err *err)
{
    static const char sql[] = "SELECT mode, pending, created_at, (SELECT count(*) FROM"
                              " recovery_code AS r WHERE r.user = factor.user)"
                              " FROM factor WHERE user = ?";
    auto_pool struct pool *pool = pool_new();
    struct text mode;
    struct err why;
    int64_t pending;
    auto_read struct db_read r = db_read(account->db, err);

    *state = (struct factor_state){0};
    if (r.conn == NULL)
        return -1;
    if (db_get(r.conn, pool, &why, sql, "z", "siii", user, &mode, &pending, &state->since_ms,
               &state->codes) == 0) {
        state->pending = pending != 0;
        return factor_mode_parse(mode, &state->mode)
                   ? 0
                   : err_set(err, ERR_INTERNAL, "bad_mode", "An unknown mode of a second factor.");
    }
    return why.kind == ERR_NOT_FOUND ? 0 : err_set(err, why.kind, why.code, "%s", why.text);
}
