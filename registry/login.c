#include "registry/login.h"

#include "core/clock.h"
#include "core/digest.h"
#include "core/err.h"
#include "core/pool.h"
#include "http/account.h"
#include "registry/area.h"

#include <pthread.h>
#include <stdlib.h>

#define LIFE_MS (10 * 60 * 1000)
#define MAX_OPEN 1000
#define MAX_OPEN_OF_PEER 20
#define SECRET_BYTES 24
#define SECRET_LEN 32 /* of SECRET_BYTES as base64url */

struct login {
    struct login *next;
    char page[SECRET_LEN], poll[SECRET_LEN];
    char *peer;
    char *token; /* once it was allowed */
    int64_t until_ms;
};

struct logins {
    pthread_mutex_t lock;
    struct login *all; /* newest first */
    size_t n;
};

struct logins *logins_new(void)
{
    struct logins *l = xcalloc(1, sizeof *l);
    pthread_mutex_init(&l->lock, NULL);
    return l;
}

static void drop(struct logins *l, struct login **link)
{
    struct login *login = *link;
    *link = login->next;
    if (login->token != NULL)
        explicit_bzero(login->token, strlen(login->token));
    free(login->token);
    free(login->peer);
    free(login);
    l->n--;
}

static void drop_old(struct logins *l, int64_t now_ms)
{
    struct login **link = &l->all;
    while (*link != NULL) {
        if ((*link)->until_ms <= now_ms)
            drop(l, link);
        else
            link = &(*link)->next;
    }
}

void logins_free(struct logins *logins)
{
    if (logins == NULL)
        return;
    drop_old(logins, INT64_MAX);
    pthread_mutex_destroy(&logins->lock);
    free(logins);
}

static bool is_full(const struct logins *l, struct text peer)
{
    size_t of_peer = 0;
    for (const struct login *login = l->all; login != NULL; login = login->next)
        of_peer += text_is(peer, login->peer);
    return l->n >= MAX_OPEN || of_peer >= MAX_OPEN_OF_PEER;
}

int login_begin(struct logins *logins, struct pool *pool, struct text peer, struct text *page,
                struct text *poll, struct err *err)
{
    struct text a = random_text(pool, SECRET_BYTES), b = random_text(pool, SECRET_BYTES);
    struct login *login = xcalloc(1, sizeof *login);
    memcpy(login->page, a.base, SECRET_LEN);
    memcpy(login->poll, b.base, SECRET_LEN);
    login->peer = xstrndup(peer.base != NULL ? peer.base : "", peer.len);
    login->until_ms = clock_mono_ms() + LIFE_MS;
    pthread_mutex_lock(&logins->lock);
    drop_old(logins, clock_mono_ms());
    bool full = is_full(logins, peer);
    login->next = logins->all;
    logins->all = login;
    logins->n++;
    if (full)
        drop(logins, &logins->all);
    pthread_mutex_unlock(&logins->lock);
    if (full)
        return err_set(
            err, ERR_TOO_MANY, "too_many_logins",
            "Too many logins wait to be allowed. Finish one or try again in a few minutes.");
    *page = a;
    *poll = b;
    return 0;
}

/* The lock is held. NULL when there is none. */
static struct login **find(struct logins *l, struct text secret, bool by_page)
{
    drop_old(l, clock_mono_ms());
    if (secret.len != SECRET_LEN)
        return NULL;
    for (struct login **link = &l->all; *link != NULL; link = &(*link)->next)
        if (digest_equal(text_n(by_page ? (*link)->page : (*link)->poll, SECRET_LEN), secret))
            return link;
    return NULL;
}

bool login_find(struct logins *logins, struct pool *pool, struct text page, struct text *peer)
{
    pthread_mutex_lock(&logins->lock);
    struct login **link = find(logins, page, true);
    bool found = link != NULL && (*link)->token == NULL;
    if (found)
        *peer = text_of(pool_strdup(pool, (*link)->peer));
    pthread_mutex_unlock(&logins->lock);
    return found;
}

bool login_allow(struct logins *logins, struct text page, struct text token)
{
    pthread_mutex_lock(&logins->lock);
    struct login **link = find(logins, page, true);
    bool found = link != NULL && (*link)->token == NULL;
    if (found)
        (*link)->token = xstrndup(token.base, token.len);
    pthread_mutex_unlock(&logins->lock);
    return found;
}

enum login_state login_poll(struct logins *logins, struct pool *pool, struct text poll,
                            struct text *token)
{
    enum login_state state = LOGIN_UNKNOWN;
    pthread_mutex_lock(&logins->lock);
    struct login **link = find(logins, poll, false);
    if (link != NULL)
        state = (*link)->token == NULL ? LOGIN_WAITING : LOGIN_DONE;
    if (state == LOGIN_DONE) {
        *token = text_of(pool_strdup(pool, (*link)->token));
        drop(logins, link);
    }
    pthread_mutex_unlock(&logins->lock);
    return state;
}

int login_token(struct registry *registry, struct pool *pool, const char *user, struct text *token,
                struct err *err)
{
    char id[ACCOUNT_ID];
    struct account_token spec = {.user = user, .label = TEXT("npm login"), .scopes = LOGIN_SCOPES};
    return account_token_create(registry->config.account, pool, &spec, token, id, err);
}

static bool is_unknown(struct registry *registry, struct text name)
{
    struct snapshot *accounts = account_snapshot(registry->config.account);
    bool unknown = account_user_by_name(accounts, name) == NULL;
    snapshot_drop(accounts);
    return unknown;
}

int login_classic(struct registry *registry, struct pool *pool, const struct login_classic *login,
                  struct text *token, struct err *err)
{
    struct account *account = registry->config.account;
    const char *user;
    char id[ACCOUNT_ID];
    if (login->create && registry->config.self_register && is_unknown(registry, login->name)) {
        struct account_user made = {
            .name = login->name, .password = login->password, .email = login->email};
        if (account_user_create(account, &made, id, err) != 0)
            return -1;
        user = id;
    } else if (account_login(account, pool, login->name, login->password, login->peer, &user,
                             err) != 0) {
        return -1;
    }
    return login_token(registry, pool, user, token, err);
}
