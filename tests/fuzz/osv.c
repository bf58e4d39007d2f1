/* An advisory, or a document of rules, as strangers write it: what is kept is in its bounds. */
#include "tests/fuzz/fuzz.h"

#include "core/json.h"
#include "core/pool.h"
#include "registry/advisory/osv.h"
#include "registry/policy/rules.h"

#include <stdlib.h>

static void check(bool ok)
{
    if (!ok)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_pool struct pool *pool = pool_new();
    struct json *doc;
    struct osv osv;
    struct rules rules;

    if (json_read(pool, text_n(data, size), 100000, &doc, NULL) != 0)
        return 0;
    (void)rules_read(pool, doc, &rules, NULL);
    if (osv_read(pool, doc, &osv, NULL) != 0)
        return 0;
    check(advisory_level(osv.level) > 0 && osv.score >= 0 && osv.score <= 100);
    check(text_is_printable(osv.title) && text_is_printable(osv.url) && osv.n <= OSV_MAX_PACKAGES);
    for (size_t i = 0; i < osv.n; i++) {
        check(advisory_is_range(osv.ranges[i].vulnerable));
        (void)advisory_covers(osv.ranges[i].vulnerable, TEXT("1.2.3-beta.1"));
    }
    return 0;
}
