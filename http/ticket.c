/* Tickets: carry a session to another host. Memory only, one use, bound to the host and to the
 * browser that asked. */
#include "core/clock.h"
#include "http/account_part.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICKET_LIFE_MS 30000
#define TICKETS_MOST 1024

struct ticket {
    unsigned char hash[SHA256_BYTES];
    char session[ACCOUNT_ID], host[128], state[48];
    int64_t until_ms; /* monotonic; 0: free */
};

struct account_tickets {
    pthread_mutex_t lock;
    struct ticket tickets[TICKETS_MOST];
    size_t next;
};

struct account_tickets *account_tickets_new(void)
{
    struct account_tickets *tickets = xcalloc(1, sizeof(*tickets));

    pthread_mutex_init(&tickets->lock, NULL);
    return tickets;
}

void account_tickets_free(struct account_tickets *tickets)
{
    pthread_mutex_destroy(&tickets->lock);
    free(tickets);
}

struct text account_ticket_make(struct account *account, struct pool *pool, const char *session,
                                const struct account_ticket_door *door)
{
    struct account_tickets *t = account->tickets;
    struct text value = random_text(pool, 32);

    pthread_mutex_lock(&t->lock);
    /* The oldest gives way: a ticket lives for one redirect. */
    struct ticket *ticket = &t->tickets[t->next];
    t->next = (t->next + 1) % TICKETS_MOST;
    sha256(value, ticket->hash);
    snprintf(ticket->session, sizeof(ticket->session), "%s", session);
    snprintf(ticket->host, sizeof(ticket->host), "%.*s", TEXT_ARG(door->host));
    snprintf(ticket->state, sizeof(ticket->state), "%.*s", TEXT_ARG(door->state));
    ticket->until_ms = clock_mono_ms() + TICKET_LIFE_MS;
    pthread_mutex_unlock(&t->lock);
    return value;
}

static const struct account_key *session_by_id(const struct account_snapshot *s, const char *id)
{
    for (int i = 0; i < ACCOUNT_SHARDS; i++)
        for (size_t k = 0; k < s->sessions[i]->n; k++)
            if (strcmp(s->sessions[i]->keys[k].id, id) == 0)
                return &s->sessions[i]->keys[k];
    return NULL;
}

static bool is_door_of(const struct ticket *ticket, const struct account_ticket_claim *claim)
{
    if (!text_is(claim->host, ticket->host))
        return false;
    for (size_t i = 0; i < claim->n_states; i++)
        if (text_is(claim->states[i], ticket->state))
            return true;
    return false;
}

bool account_ticket_take(struct account *account, struct pool *pool,
                         const struct account_ticket_claim *claim, const char **user,
                         const char **session)
{
    struct account_tickets *t = account->tickets;
    unsigned char hash[SHA256_BYTES];
    char id[ACCOUNT_ID] = "";
    int64_t now = clock_mono_ms();

    sha256(claim->ticket, hash);
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < TICKETS_MOST; i++) {
        struct ticket *one = &t->tickets[i];
        if (one->until_ms < now || memcmp(one->hash, hash, sizeof(hash)) != 0)
            continue;
        if (is_door_of(one, claim)) {
            memcpy(id, one->session, sizeof(id));
            one->until_ms = 0;
        }
        break;
    }
    pthread_mutex_unlock(&t->lock);
    if (id[0] == '\0')
        return false;
    struct snapshot *s = account_snapshot(account);
    const struct account_key *key = session_by_id((const struct account_snapshot *)s, id);
    if (key != NULL) {
        *user = pool_strdup(pool, key->user);
        *session = pool_strdup(pool, key->id);
    }
    snapshot_drop(s);
    return key != NULL;
}

const char *account_session_parent(struct account *account, struct pool *pool, const char *session)
{
    struct snapshot *s = account_snapshot(account);
    const struct account_key *key = session_by_id((const struct account_snapshot *)s, session);
    const char *parent =
        key != NULL && key->parent[0] != '\0' ? pool_strdup(pool, key->parent) : NULL;

    snapshot_drop(s);
    return parent;
}
