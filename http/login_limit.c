/* How often logins may fail. Memory only, tables of a fixed size. */
#include "core/clock.h"
#include "http/account_part.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW_MS (10 * 60000)
#define FAILURES_OF_NAME 10
/* An address can be a whole office. */
#define FAILURES_OF_ADDRESS 30
#define KNOWN_MS (30ll * 86400 * 1000)
/* Places where one key may stand: nobody can push a key out by choosing another. */
#define WAYS 8
#define FAILING_SLOTS 8192
#define KNOWN_SLOTS 2048

struct slot {
    uint64_t key; /* keyed hash; a collision only counts two together */
    unsigned count;
    int64_t since_ms;
};

struct table {
    struct slot *slots;
    size_t n;
    int64_t window_ms;
};

struct account_limits {
    pthread_mutex_t lock;
    char secret[32]; /* so that nobody can choose names that share a place */
    struct table failing;
    struct table known; /* addresses from which a name has logged in */
};

struct account_limits *account_limits_new(void)
{
    struct account_limits *limits = xcalloc(1, sizeof(*limits));

    pthread_mutex_init(&limits->lock, NULL);
    random_bytes(limits->secret, sizeof(limits->secret));
    limits->failing =
        (struct table){xcalloc(FAILING_SLOTS, sizeof(struct slot)), FAILING_SLOTS, WINDOW_MS};
    limits->known =
        (struct table){xcalloc(KNOWN_SLOTS, sizeof(struct slot)), KNOWN_SLOTS, KNOWN_MS};
    return limits;
}

void account_limits_free(struct account_limits *limits)
{
    pthread_mutex_destroy(&limits->lock);
    free(limits->failing.slots);
    free(limits->known.slots);
    free(limits);
}

static bool is_over(const struct table *table, const struct slot *slot)
{
    return slot->count == 0 || clock_mono_ms() - slot->since_ms > table->window_ms;
}

/* The key's place; with make set a free one, or the one that counts least of its neighbours, the
 * oldest of those. */
static struct slot *find(const struct table *table, uint64_t key, bool make)
{
    struct slot *least = NULL;

    for (size_t i = 0; i < WAYS; i++) {
        struct slot *slot = &table->slots[(key + i) % table->n];
        if (slot->key == key && !is_over(table, slot))
            return slot;
        if (least == NULL || is_over(table, slot) ||
            (!is_over(table, least) &&
             (slot->count < least->count ||
              (slot->count == least->count && slot->since_ms < least->since_ms))))
            least = slot;
    }
    if (!make)
        return NULL;
    *least = (struct slot){key, 0, clock_mono_ms()};
    return least;
}

static unsigned count(const struct table *table, uint64_t key)
{
    const struct slot *slot = find(table, key, false);

    return slot != NULL ? slot->count : 0;
}

/* One customer has a whole /64 of IPv6. */
static struct text network(struct text address, unsigned char out[17])
{
    char name[INET6_ADDRSTRLEN];

    if (address.len >= sizeof(name))
        return text_sub(address, 0, 64);
    snprintf(name, sizeof(name), "%.*s", TEXT_ARG(address));
    if (inet_pton(AF_INET6, name, out) != 1)
        return address;
    struct text mapped = TEXT("\0\0\0\0\0\0\0\0\0\0\xff\xff");
    return text_n(out, memcmp(out, mapped.base, mapped.len) == 0 ? 16 : 8);
}

struct keys {
    uint64_t name, address, pair;
};

static uint64_t hash(const struct account_limits *limits, char kind, struct text a, struct text b)
{
    char line[160];
    unsigned char mac[SHA256_BYTES];
    uint64_t key;
    size_t n = 0;

    line[n++] = kind;
    line[n++] = (char)a.len;
    memcpy(line + n, a.base != NULL ? a.base : "", a.len);
    n += a.len;
    memcpy(line + n, b.base != NULL ? b.base : "", b.len);
    hmac_sha256(text_n(limits->secret, sizeof(limits->secret)), text_n(line, n + b.len), mac);
    memcpy(&key, mac, sizeof(key));
    return key;
}

static struct keys keys_of(const struct account_limits *limits, struct text name,
                           struct text address)
{
    unsigned char binary[17];
    struct text short_name = text_sub(name, 0, 64), from = network(address, binary);

    return (struct keys){hash(limits, 'n', short_name, TEXT_NONE),
                         hash(limits, 'a', from, TEXT_NONE), hash(limits, 'p', short_name, from)};
}

bool account_limit_allows(struct account_limits *limits, struct text name, struct text address)
{
    struct keys keys = keys_of(limits, name, address);

    pthread_mutex_lock(&limits->lock);
    bool known = count(&limits->known, keys.pair) > 0;
    bool allows = count(&limits->failing, keys.address) < FAILURES_OF_ADDRESS &&
                  count(&limits->failing, known ? keys.pair : keys.name) < FAILURES_OF_NAME;
    pthread_mutex_unlock(&limits->lock);
    return allows;
}

void account_limit_failed(struct account_limits *limits, struct text name, struct text address)
{
    struct keys keys = keys_of(limits, name, address);

    pthread_mutex_lock(&limits->lock);
    bool known = count(&limits->known, keys.pair) > 0;
    find(&limits->failing, keys.address, true)->count++;
    find(&limits->failing, known ? keys.pair : keys.name, true)->count++;
    pthread_mutex_unlock(&limits->lock);
}

void account_limit_passed(struct account_limits *limits, struct text name, struct text address)
{
    struct keys keys = keys_of(limits, name, address);
    const uint64_t cleared[] = {keys.name, keys.pair};

    pthread_mutex_lock(&limits->lock);
    for (size_t i = 0; i < 2; i++) {
        struct slot *slot = find(&limits->failing, cleared[i], false);
        if (slot != NULL)
            slot->count = 0;
    }
    struct slot *known = find(&limits->known, keys.pair, true);
    known->count = 1;
    known->since_ms = clock_mono_ms();
    pthread_mutex_unlock(&limits->lock);
}
