/* Use of sessions and tokens: collected on loops without waiting, written once a minute. */
#include "core/clock.h"
#include "core/db.h"
#include "http/account_part.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* After its end a token stays in its owner's list; one that is nobody's is in none. */
#define TOKEN_KEPT_MS (30ll * 86400 * 1000)
#define ACTOR_KEPT_MS (3600ll * 1000)

void account_touch(struct account *account, const struct identity *who, struct text address)
{
    if (who->credential == NULL || (who->kind != IDENTITY_TOKEN && who->kind != IDENTITY_SESSION))
        return;
    size_t at = (size_t)(text_hash(text_of(who->credential)) % ACCOUNT_TOUCHED_SLOTS);
    pthread_mutex_lock(&account->touching);
    while (account->touched[at].id[0] != '\0' &&
           strcmp(account->touched[at].id, who->credential) != 0)
        at = (at + 1) % ACCOUNT_TOUCHED_SLOTS;
    struct account_touched *t = &account->touched[at];
    bool is_new = t->id[0] == '\0';
    /* Half empty, so that the search above stays short; what does not fit is not noted. */
    if (!is_new || account->n_touched < ACCOUNT_TOUCHED_SLOTS / 2) {
        account->n_touched += is_new;
        snprintf(t->id, sizeof(t->id), "%s", who->credential);
        snprintf(t->from, sizeof(t->from), "%.*s", TEXT_ARG(address));
        t->is_token = who->kind == IDENTITY_TOKEN;
        t->at = clock_wall_ms();
    }
    pthread_mutex_unlock(&account->touching);
}

struct account_touched *account_take_touched(struct account *account, size_t *n)
{
    struct account_touched *empty = xcalloc(ACCOUNT_TOUCHED_SLOTS, sizeof(*empty));

    pthread_mutex_lock(&account->touching);
    struct account_touched *taken = account->touched;
    account->touched = empty;
    account->n_touched = 0;
    pthread_mutex_unlock(&account->touching);
    *n = 0;
    for (size_t i = 0; i < ACCOUNT_TOUCHED_SLOTS; i++)
        if (taken[i].id[0] != '\0')
            taken[(*n)++] = taken[i];
    return taken;
}

static int note_tokens(struct account *account, const struct account_touched *touched, size_t n,
                       struct err *err)
{
    static const char sql[] = "UPDATE token SET used_at = ?, used_from = ? WHERE id = ?";
    static const char old[] = "DELETE FROM token WHERE expires_at > 0 AND (expires_at < ? OR"
                              " (user IS NULL AND limits IS NOT NULL AND expires_at < ?))";
    int64_t now = clock_wall_ms();
    auto_tx struct db_tx tx = {0};

    if (db_begin(&tx, account->db, err) != 0 ||
        db_do(tx.conn, err, old, "ii", now - TOKEN_KEPT_MS, now - ACTOR_KEPT_MS) < 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        if (touched[i].is_token &&
            db_do(tx.conn, err, sql, "izz", touched[i].at, touched[i].from, touched[i].id) < 0)
            return -1;
    return db_commit(&tx, err);
}

static enum account_verdict drop_old(void *arg, struct account_key *key)
{
    const int64_t *now = arg;
    int64_t kept = limits_actor(key->limits) != NULL ? ACTOR_KEPT_MS : TOKEN_KEPT_MS;

    return key->expires_ms != 0 && key->expires_ms < *now - kept ? ACCOUNT_DROP : ACCOUNT_KEEP;
}

int account_flush(struct account *account, struct err *err)
{
    size_t n;
    auto_free struct account_touched *touched = account_take_touched(account, &n);
    int64_t now = clock_wall_ms();

    if (account_carry_sessions(account, touched, n, err) != 0 ||
        note_tokens(account, touched, n, err) != 0 || account_expire_sessions(account, err) != 0)
        return -1;
    account_revise_keys(account, ACCOUNT_TOKENS, drop_old, &now);
    return 0;
}
