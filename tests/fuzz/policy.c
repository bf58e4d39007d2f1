/*
 * A packument under rules: what is left is JSON if it was, holds nothing that was refused, and its
 * tags name what it holds.
 */
#include "tests/fuzz/fuzz.h"

#include "core/json.h"
#include "core/pool.h"
#include "registry/policy/filter.h"

#include <stdlib.h>

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void check_left(const struct json *doc, const struct verdict *verdict)
{
    const struct json *versions = json_get(doc, "versions");
    for (size_t i = 0; i < verdict->n; i++)
        check(json_get_text(versions, verdict->all[i].version) == NULL);
    const struct json *tags = json_get(doc, "dist-tags");
    json_each (tag, tags)
        for (size_t i = 0; i < verdict->n; i++)
            check(tag->type != JSON_STRING || !text_eq(tag->text, verdict->all[i].version));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char rules[] =
        "{\"public\":{\"minimum_age_hours\":1,\"licences_denied\":[\"GPL*\"],\"install_scripts\":"
        "\"deny\",\"deny\":[{\"name\":\"a\",\"versions\":\">=2 <3 || "
        "1.x\"}],\"advisories\":\"high\"}}";
    auto_pool struct pool *pool = pool_new();
    struct text doc = text_n(data, size), out, reason;
    struct rules parsed;
    struct json *before, *after;
    struct verdict verdict;
    struct known known = {TEXT("<1.2.3"), TEXT("T-1"), 3};

    check(json_read(pool, text_of(rules), 1000, &before, NULL) == 0 &&
          rules_read(pool, before, &parsed, NULL) == 0);
    const struct section *sections[] = {&parsed.public};
    struct judging judging = {.sections = sections,
                              .n_sections = 1,
                              .known = &known,
                              .n_known = 1,
                              .now_ms = INT64_C(1767323045678)};
    (void)filter_allows(pool, &judging, TEXT("a"), doc, TEXT("1.0.0"), &reason);
    if (filter_judge(pool, &judging, TEXT("a"), doc, &verdict, NULL) != 0 ||
        filter_apply(pool, &verdict, TEXT("a"), doc, &out, NULL) != 0 ||
        json_read(pool, doc, 100000, &before, NULL) != 0)
        return 0;
    check(json_read(pool, out, 300000, &after, NULL) == 0);
    check_left(after, &verdict);
    return 0;
}
