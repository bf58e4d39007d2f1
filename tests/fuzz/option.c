/*
 * An option file. What is accepted lies within the bounds of its row; what is refused leaves
 * everything alone.
 */
#include "tests/fuzz/fuzz.h"

#include "core/buf.h"
#include "core/err.h"
#include "core/option.h"
#include "core/pool.h"

#include <stdlib.h>

struct config {
    const char *domain;
    const char *data;
    int64_t workers;
    int64_t idle_ms;
    int64_t body_bytes;
    bool secure;
};

static const struct option table[] = {
    {"domain", OPTION_TEXT, 1, 20, NULL, NULL, "", offsetof(struct config, domain)},
    {"data", OPTION_PATH, 0, 0, NULL, NULL, "", offsetof(struct config, data)},
    {"workers", OPTION_INT, -8, 64, NULL, NULL, "", offsetof(struct config, workers)},
    {"idle-after", OPTION_DURATION_MS, 1000, 86400000, NULL, NULL, "",
     offsetof(struct config, idle_ms)},
    {"body-max", OPTION_BYTES, 1, (int64_t)1 << 50, NULL, NULL, "",
     offsetof(struct config, body_bytes)},
    {"secure", OPTION_BOOL, 0, 0, NULL, NULL, "", offsetof(struct config, secure)},
};

static void check(bool ok)
{
    if (!ok)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_pool struct pool *pool = pool_new();
    struct config config = {"preset", "preset", 1, 1000, 1, false}, before = config;
    struct err err = {0};

    if (option_parse_file(table, sizeof(table) / sizeof(table[0]), &config, pool,
                          text_n(data, size), &err) != 0) {
        check(err.kind == ERR_INVALID && text_is_utf8(text_of(err.text)));
        check(memcmp(&config, &before, sizeof(config)) == 0);
        return 0;
    }
    check(config.domain[0] != '\0' && strlen(config.domain) <= 20);
    check(text_is_printable(text_of(config.domain)) && text_is_utf8(text_of(config.domain)));
    check(config.data[0] != '\0');
    check(config.workers >= -8 && config.workers <= 64);
    check(config.idle_ms >= 1000 && config.idle_ms <= 86400000);
    check(config.body_bytes >= 1 && config.body_bytes <= (int64_t)1 << 50);
    return 0;
}
