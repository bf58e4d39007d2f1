#include "registry/login.h"

#include "core/clock.h"
#include "core/digest.h"
#include "core/err.h"
#include "core/pool.h"
#include "http/call.h"
#include "http/factor_ask.h"
#include "registry/area.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIFE_MS (10 * 60 * 1000)
#define MAX_OPEN 1000
#define MAX_OPEN_OF_PEER 20
#define PASS_MS (5 * 60 * 1000)
#define MAX_PASSES 1000
#define SECRET_BYTES 24
#define SECRET_LEN 32 /* of SECRET_BYTES as base64url */

struct login {
    struct login *next;
    char page[SECRET_LEN], poll[SECRET_LEN];
    char *peer;
    char *token; /* once it was allowed */
    char *user, *name;
    char *credential; /* of who asks for a code; NULL: a login */
    int64_t until_ms;
};

/* What was handed out for a code. */
struct pass {
    char secret[SECRET_LEN];
    char user[ACCOUNT_ID], credential[ACCOUNT_ID];
    int64_t until_ms; /* 0: free */
};

struct logins {
    pthread_mutex_t lock;
    struct login *all; /* newest first */
    size_t n;
    struct pass passes[MAX_PASSES];
    size_t next_pass; /* the oldest gives way */
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
    free(login->user);
    free(login->name);
    free(login->credential);
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

static int begin(struct logins *l, struct pool *pool, struct login *login, struct text *page,
                 struct text *poll, struct err *err)
{
    struct text a = random_text(pool, SECRET_BYTES), b = random_text(pool, SECRET_BYTES);
    memcpy(login->page, a.base, SECRET_LEN);
    memcpy(login->poll, b.base, SECRET_LEN);
    login->until_ms = clock_mono_ms() + LIFE_MS;
    pthread_mutex_lock(&l->lock);
    drop_old(l, clock_mono_ms());
    bool full = is_full(l, text_of(login->peer));
    login->next = l->all;
    l->all = login;
    l->n++;
    if (full)
        drop(l, &l->all);
    pthread_mutex_unlock(&l->lock);
    if (full)
        return err_set(
            err, ERR_TOO_MANY, "too_many_logins",
            "Too many logins wait to be allowed. Finish one or try again in a few minutes.");
    *page = a;
    *poll = b;
    return 0;
}

static struct login *login_new(struct text peer)
{
    struct login *login = xcalloc(1, sizeof *login);
    login->peer = xstrndup(peer.base != NULL ? peer.base : "", peer.len);
    return login;
}

int login_begin(struct logins *logins, struct pool *pool, struct text peer, struct text *page,
                struct text *poll, struct err *err)
{
    return begin(logins, pool, login_new(peer), page, poll, err);
}

int login_begin_code(struct logins *logins, struct pool *pool, struct text peer,
                     const struct identity *who, struct text *page, struct text *poll,
                     struct err *err)
{
    struct login *login = login_new(peer);
    login->user = xstrdup(who->user);
    login->name = xstrdup(who->name);
    login->credential = xstrdup(who->credential);
    return begin(logins, pool, login, page, poll, err);
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

/* The lock is held. NULL when it is not there or was allowed before. */
static struct login *find_open(struct logins *l, struct text page)
{
    struct login **link = find(l, page, true);
    return link != NULL && (*link)->token == NULL ? *link : NULL;
}

bool login_find(struct logins *logins, struct pool *pool, struct text page, struct login_seen *seen)
{
    pthread_mutex_lock(&logins->lock);
    const struct login *login = find_open(logins, page);
    if (login != NULL)
        *seen = (struct login_seen){
            .peer = text_of(pool_strdup(pool, login->peer)),
            .code = login->credential != NULL,
            .user = login->user != NULL ? pool_strdup(pool, login->user) : NULL,
            .name = login->name != NULL ? text_of(pool_strdup(pool, login->name)) : TEXT_NONE};
    pthread_mutex_unlock(&logins->lock);
    return login != NULL;
}

void login_owe(struct logins *logins, struct text page, const char *user, struct text name)
{
    pthread_mutex_lock(&logins->lock);
    struct login *login = find_open(logins, page);
    if (login != NULL && login->credential == NULL) {
        free(login->user);
        free(login->name);
        login->user = xstrdup(user);
        login->name = xstrndup(name.base, name.len);
    }
    pthread_mutex_unlock(&logins->lock);
}

bool login_allow(struct logins *logins, struct text page, struct text token)
{
    pthread_mutex_lock(&logins->lock);
    struct login *login = find_open(logins, page);
    bool found = login != NULL && login->credential == NULL;
    if (found)
        login->token = xstrndup(token.base, token.len);
    pthread_mutex_unlock(&logins->lock);
    return found;
}

bool login_allow_code(struct logins *logins, struct text page)
{
    auto_pool struct pool *pool = pool_new();
    struct text secret = random_text(pool, SECRET_BYTES);
    pthread_mutex_lock(&logins->lock);
    struct login *login = find_open(logins, page);
    bool found = login != NULL && login->credential != NULL;
    if (found) {
        struct pass *pass = &logins->passes[logins->next_pass++ % MAX_PASSES];
        memcpy(pass->secret, secret.base, SECRET_LEN);
        snprintf(pass->user, sizeof pass->user, "%s", login->user);
        snprintf(pass->credential, sizeof pass->credential, "%s", login->credential);
        pass->until_ms = clock_mono_ms() + PASS_MS;
        login->token = xstrndup(secret.base, secret.len);
    }
    pthread_mutex_unlock(&logins->lock);
    return found;
}

bool login_is_pass(struct logins *logins, const struct identity *who, struct text pass)
{
    bool is = false;
    if (pass.len != SECRET_LEN || who->user == NULL || who->credential == NULL)
        return false;
    pthread_mutex_lock(&logins->lock);
    int64_t now = clock_mono_ms();
    for (size_t i = 0; i < MAX_PASSES && !is; i++) {
        const struct pass *p = &logins->passes[i];
        is = p->until_ms > now && digest_equal(text_n(p->secret, SECRET_LEN), pass) &&
             strcmp(p->user, who->user) == 0 && strcmp(p->credential, who->credential) == 0;
    }
    pthread_mutex_unlock(&logins->lock);
    return is;
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

/* By password, or made just now. */
static int prove(struct registry *registry, struct call *c, const struct login_classic *login,
                 const char **user, struct err *err)
{
    struct account *account = registry->config.account;
    char id[ACCOUNT_ID];
    if (!login->create || !registry->config.self_register || !is_unknown(registry, login->name))
        return account_login(account, c->pool, login->name, login->password, c->peer, user, err);
    struct account_user made = {
        .name = login->name, .password = login->password, .email = login->email};
    if (account_user_create(account, &made, id, err) != 0)
        return -1;
    *user = pool_strdup(c->pool, id);
    return 0;
}

int login_classic(struct registry *registry, struct call *c, const struct login_classic *login,
                  const char **user, struct text *token, struct err *err)
{
    *user = NULL;
    if (prove(registry, c, login, user, err) != 0 ||
        factor_ask_user(registry->config.account, c, *user, login->name, login->code, err) != 0)
        return -1;
    return login_token(registry, c->pool, *user, token, err);
}
