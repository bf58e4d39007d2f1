/* How often a name or an address may fail to log in: 10 times in 10 minutes. Memory only, a fixed
 * table. */
#include "core/clock.h"
#include "http/account_part.h"

#include <stdlib.h>

#define LIMIT_SLOTS 4096
#define LIMIT_WAYS                                                                                 \
    8 /* places where one key may stand: nobody can push a key out by choosing another */
#define LIMIT_FAILURES 10
#define LIMIT_WINDOW_MS (10 * 60000)

struct slot {
    uint64_t key; /* hash of the name or address; a collision only counts two together */
    unsigned failures;
    int64_t since_ms;
};

struct account_limits {
    pthread_mutex_t lock;
    struct slot slots[LIMIT_SLOTS];
};

struct account_limits *account_limits_new(void)
{
    struct account_limits *limits = xcalloc(1, sizeof(*limits));

    pthread_mutex_init(&limits->lock, NULL);
    return limits;
}

void account_limits_free(struct account_limits *limits)
{
    pthread_mutex_destroy(&limits->lock);
    free(limits);
}

static bool is_over(const struct slot *slot)
{
    return slot->failures == 0 || clock_mono_ms() - slot->since_ms > LIMIT_WINDOW_MS;
}

/* The key's place; with make set a free one, or the one with the fewest failures of its neighbours.
 */
static struct slot *find(struct account_limits *limits, uint64_t hash, bool make)
{
    struct slot *least = NULL;

    for (size_t i = 0; i < LIMIT_WAYS; i++) {
        struct slot *slot = &limits->slots[(hash + i) % LIMIT_SLOTS];
        if (slot->key == hash && !is_over(slot))
            return slot;
        if (least == NULL || is_over(slot) || (!is_over(least) && slot->failures < least->failures))
            least = slot;
    }
    if (!make)
        return NULL;
    *least = (struct slot){hash, 0, clock_mono_ms()};
    return least;
}

bool account_limit_allows(struct account_limits *limits, struct text key)
{
    uint64_t hash = text_hash(key);

    pthread_mutex_lock(&limits->lock);
    const struct slot *slot = find(limits, hash, false);
    bool allows = slot == NULL || slot->failures < LIMIT_FAILURES;
    pthread_mutex_unlock(&limits->lock);
    return allows;
}

void account_limit_failed(struct account_limits *limits, struct text key)
{
    uint64_t hash = text_hash(key);

    pthread_mutex_lock(&limits->lock);
    struct slot *slot = find(limits, hash, true);
    slot->failures++;
    pthread_mutex_unlock(&limits->lock);
}

void account_limit_forget(struct account_limits *limits, struct text key)
{
    uint64_t hash = text_hash(key);

    pthread_mutex_lock(&limits->lock);
    struct slot *slot = find(limits, hash, false);
    if (slot != NULL)
        slot->failures = 0;
    pthread_mutex_unlock(&limits->lock);
}
