#include "http/identity.h"

#include "core/buf.h"
#include "core/codec.h"
#include "core/digest.h"
#include "core/json.h"
#include "core/pool.h"

#include <stdlib.h>

#define KEY_BYTES 32
#define MAX_PAYLOAD 4096
#define SLOTS 512

struct slot {
    char *claim; /* every field of the claim it was signed for, the key included */
    size_t claim_len;
    char *value;
    size_t value_len;
    int64_t made_ms;
};

struct identity_cache {
    struct buf asked;
    struct slot slots[SLOTS];
};

struct text identity_sign(struct pool *pool, const struct identity_claim *claim, int64_t now_ms)
{
    auto_buf struct buf payload = {0};
    struct json_writer w;
    unsigned char mac[SHA256_BYTES];
    struct text body;

    buf_init(&payload, MAX_PAYLOAD);
    json_writer_init(&w, &payload);
    json_open(&w);
    json_put_text(&w, "i", claim->instance);
    json_put_text(&w, "u", claim->user);
    json_put_text(&w, "p", claim->permissions);
    json_put_text(&w, "n", claim->name);
    json_put_int(&w, "e", (now_ms + IDENTITY_LIFE_MS) / 1000);
    json_close(&w);
    if (buf_failed(&payload))
        return TEXT_NONE;
    body = b64url_encode(pool, payload.base, payload.len);
    hmac_sha256(text_n(claim->key, KEY_BYTES), body, mac);
    return text_printf(pool, "%.*s.%.*s", TEXT_ARG(body),
                       TEXT_ARG(b64url_encode(pool, mac, sizeof(mac))));
}

struct identity_cache *identity_cache_new(void)
{
    struct identity_cache *cache = xcalloc(1, sizeof(*cache));

    buf_init(&cache->asked, MAX_PAYLOAD);
    return cache;
}

static void slot_clear(struct slot *slot)
{
    free(slot->claim);
    free(slot->value);
    *slot = (struct slot){0};
}

void identity_cache_free(struct identity_cache *cache)
{
    if (cache == NULL)
        return;
    for (size_t i = 0; i < SLOTS; i++)
        slot_clear(&cache->slots[i]);
    buf_release(&cache->asked);
    free(cache);
}

static struct text flatten(struct buf *out, const struct identity_claim *claim)
{
    const struct text fields[] = {claim->instance, claim->user, claim->permissions, claim->name};

    buf_clear(out);
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        buf_add(out, &fields[i].len, sizeof(fields[i].len));
        buf_text(out, fields[i]);
    }
    buf_add(out, claim->key, KEY_BYTES);
    return buf_failed(out) ? TEXT_NONE : buf_view(out);
}

struct text identity_cached(struct identity_cache *cache, const struct identity_claim *claim,
                            int64_t now_ms)
{
    struct text asked = flatten(&cache->asked, claim);
    struct slot *slot = &cache->slots[text_hash(asked) % SLOTS];
    auto_pool struct pool *pool = NULL;
    struct text value;

    if (asked.base == NULL)
        return TEXT_NONE;
    if (slot->value != NULL && now_ms >= slot->made_ms &&
        now_ms - slot->made_ms < IDENTITY_REUSE_MS &&
        text_eq(text_n(slot->claim, slot->claim_len), asked))
        return text_n(slot->value, slot->value_len);
    pool = pool_new();
    value = identity_sign(pool, claim, now_ms);
    slot_clear(slot);
    if (value.base == NULL)
        return TEXT_NONE;
    slot->claim = xmalloc(asked.len);
    memcpy(slot->claim, asked.base, asked.len);
    slot->claim_len = asked.len;
    slot->value = xstrndup(value.base, value.len);
    slot->value_len = value.len;
    slot->made_ms = now_ms;
    return text_n(slot->value, slot->value_len);
}
