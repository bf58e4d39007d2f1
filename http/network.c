#include "http/network.h"

#include <arpa/inet.h>

static bool parse_address(struct text t, unsigned char out[16], bool *v4)
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    char s[INET6_ADDRSTRLEN];
    if (t.len == 0 || t.len >= sizeof(s) || memchr(t.base, '\0', t.len) != NULL)
        return false;
    memcpy(s, t.base, t.len);
    s[t.len] = '\0';
    *v4 = inet_pton(AF_INET, s, out + 12) == 1;
    if (*v4)
        memcpy(out, mapped, sizeof(mapped));
    return *v4 || inet_pton(AF_INET6, s, out) == 1;
}

bool network_address(struct text t, unsigned char out[16])
{
    bool v4;
    return parse_address(t, out, &v4);
}

static bool parse_bits(struct text t, int64_t most, int64_t *bits)
{
    bool plain = t.len > 0 && t.len <= 3 && (t.base[0] != '0' || t.len == 1) && t.base[0] != '-';
    return plain && text_number(t, 0, most, bits);
}

bool network_parse(struct text t, struct network *out)
{
    struct text rest = t, address;
    int64_t bits = 128;
    bool v4;
    if (!text_cut(&rest, '/', &address) || !parse_address(address, out->bytes, &v4))
        return false;
    int64_t most = v4 ? 32 : 128;
    if (rest.base != NULL) {
        if (!parse_bits(rest, most, &bits))
            return false;
        bits += 128 - most;
    }
    out->bits = (unsigned)bits;
    return true;
}

bool network_has(const struct network *network, const unsigned char address[16])
{
    unsigned whole = network->bits / 8, rest = network->bits % 8;
    if (memcmp(address, network->bytes, whole) != 0)
        return false;
    return rest == 0 || ((address[whole] ^ network->bytes[whole]) >> (8 - rest)) == 0;
}
