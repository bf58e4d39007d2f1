#include "http/peers.h"

#include "core/err.h"
#include "core/pool.h"
#include "http/network.h"

struct known {
    struct network network;
    struct known *next;
};

struct peers {
    struct known *first;
};

int peers_parse(struct pool *pool, const char *list, struct peers **out, struct err *err)
{
    struct peers *peers = pool_zalloc(pool, sizeof(*peers));
    struct text rest = list != NULL ? text_dup(pool, text_of(list)) : TEXT_NONE, item;
    while (text_cut(&rest, ',', &item)) {
        item = text_trim(item);
        if (item.len == 0)
            continue;
        struct known *known = pool_zalloc(pool, sizeof(*known));
        if (!network_parse(item, &known->network))
            return err_set(err, ERR_INVALID, "bad_address",
                           "\"%.*s\" is not an address or network, such as 10.0.0.0/8.",
                           TEXT_ARG(item));
        known->next = peers->first;
        peers->first = known;
    }
    *out = peers;
    return 0;
}

bool peers_has(const struct peers *peers, struct text address)
{
    unsigned char bytes[16];
    if (peers->first == NULL || !network_address(address, bytes))
        return false;
    for (const struct known *k = peers->first; k != NULL; k = k->next) {
        if (network_has(&k->network, bytes))
            return true;
    }
    return false;
}

struct text peers_client(const struct peers *peers, struct text peer, struct text forwarded_for)
{
    struct text client = peer, rest = forwarded_for;
    unsigned char bytes[16];
    while (rest.len > 0 && peers_has(peers, client)) {
        size_t comma = rest.len;
        while (comma > 0 && rest.base[comma - 1] != ',')
            comma--;
        struct text word = text_trim(text_sub(rest, comma, SIZE_MAX));
        if (!network_address(word, bytes))
            break;
        client = word;
        rest = text_sub(rest, 0, comma > 0 ? comma - 1 : 0);
    }
    return client;
}
