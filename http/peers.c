#include "http/peers.h"

#include "core/err.h"
#include "core/pool.h"

#include <arpa/inet.h>

struct network {
    unsigned char bytes[16];
    unsigned bits;
    struct network *next;
};

struct peers {
    struct network *first;
};

/* IPv4 as the mapped part of IPv6, so that there is one kind. */
static bool parse_address(struct text t, unsigned char out[16], bool *v4)
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    char s[INET6_ADDRSTRLEN];
    if (t.len == 0 || t.len >= sizeof(s))
        return false;
    memcpy(s, t.base, t.len);
    s[t.len] = '\0';
    *v4 = inet_pton(AF_INET, s, out + 12) == 1;
    if (*v4)
        memcpy(out, mapped, sizeof(mapped));
    return *v4 || inet_pton(AF_INET6, s, out) == 1;
}

static bool parse_network(struct text item, struct network *network)
{
    struct text address;
    int64_t bits = 128;
    bool v4;
    if (!text_cut(&item, '/', &address) || !parse_address(address, network->bytes, &v4))
        return false;
    int64_t most = v4 ? 32 : 128;
    if (item.base != NULL) {
        if (!text_number(item, 0, most, &bits))
            return false;
        bits += 128 - most;
    }
    network->bits = (unsigned)bits;
    return true;
}

int peers_parse(struct pool *pool, const char *list, struct peers **out, struct err *err)
{
    struct peers *peers = pool_zalloc(pool, sizeof(*peers));
    struct text rest = list != NULL ? text_dup(pool, text_of(list)) : TEXT_NONE, item;
    while (text_cut(&rest, ',', &item)) {
        item = text_trim(item);
        if (item.len == 0)
            continue;
        struct network *network = pool_zalloc(pool, sizeof(*network));
        if (!parse_network(item, network))
            return err_set(err, ERR_INVALID, "bad_address",
                           "\"%.*s\" is not an address or network, such as 10.0.0.0/8.",
                           TEXT_ARG(item));
        network->next = peers->first;
        peers->first = network;
    }
    *out = peers;
    return 0;
}

static bool is_inside(const unsigned char address[16], const struct network *network)
{
    unsigned whole = network->bits / 8, rest = network->bits % 8;
    if (memcmp(address, network->bytes, whole) != 0)
        return false;
    return rest == 0 || ((address[whole] ^ network->bytes[whole]) >> (8 - rest)) == 0;
}

bool peers_has(const struct peers *peers, struct text address)
{
    unsigned char bytes[16];
    bool v4;
    if (peers->first == NULL || !parse_address(address, bytes, &v4))
        return false;
    for (const struct network *n = peers->first; n != NULL; n = n->next) {
        if (is_inside(bytes, n))
            return true;
    }
    return false;
}

struct text peers_client(const struct peers *peers, struct text peer, struct text forwarded_for)
{
    struct text client = peer, rest = forwarded_for;
    unsigned char bytes[16];
    bool v4;
    while (rest.len > 0 && peers_has(peers, client)) {
        size_t comma = rest.len;
        while (comma > 0 && rest.base[comma - 1] != ',')
            comma--;
        struct text word = text_trim(text_sub(rest, comma, SIZE_MAX));
        if (!parse_address(word, bytes, &v4))
            break;
        client = word;
        rest = text_sub(rest, 0, comma > 0 ? comma - 1 : 0);
    }
    return client;
}
