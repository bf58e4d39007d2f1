/*
 * A .tgz or a .zip as it is; anything else is taken for a tar and packed first, so that the fuzzer
 * need not find checksums of gzip. What is accepted keeps the promises of core/bundle.h.
 */
#include "tests/fuzz/fuzz.h"

#include "core/bundle.h"
#include "core/err.h"
#include "core/pool.h"

#include <stdlib.h>
#include <zlib.h>

static const struct bundle_limits limits = {
    .entries = 100, .total_bytes = 4 << 20, .entry_bytes = 2 << 20, .ratio = 200};

struct seen {
    struct pool *pool;
    size_t entries;
    uint64_t bytes;
    bool contents;
};

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void check_name(struct text name)
{
    struct text part;

    check(name.len > 0 && text_is_utf8(name) && text_is_printable(name) && !text_has(name, '\\'));
    while (text_cut(&name, '/', &part))
        check(part.len > 0 && !text_is(part, ".") && !text_is(part, ".."));
}

static int see(void *arg, const struct bundle_entry *entry, struct bundle_walk *walk,
               struct err *err)
{
    struct seen *seen = arg;
    struct text content;

    check_name(entry->name);
    check(entry->bytes <= limits.entry_bytes);
    seen->bytes += entry->bytes;
    check(++seen->entries <= limits.entries && seen->bytes <= limits.total_bytes);
    if (!seen->contents || entry->is_dir)
        return 0;
    if (bundle_content(walk, seen->pool, limits.entry_bytes, &content, err) != 0)
        return -1;
    check(content.len == entry->bytes);
    return 0;
}

static struct text gzip(struct pool *pool, struct text t)
{
    z_stream z = {0};

    check(deflateInit2(&z, 1, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    size_t room = deflateBound(&z, t.len);
    char *out = pool_alloc(pool, room);
    z.next_in = (unsigned char *)(uintptr_t)t.base;
    z.avail_in = (uInt)t.len;
    z.next_out = (unsigned char *)out;
    z.avail_out = (uInt)room;
    check(deflate(&z, Z_FINISH) == Z_STREAM_END);
    deflateEnd(&z);
    return text_n(out, room - z.avail_out);
}

static int walk(struct text packed, bool contents)
{
    auto_pool struct pool *pool = pool_new();
    struct seen seen = {.pool = pool, .contents = contents};
    struct err err = {0};
    int rc = bundle_walk(packed, BUNDLE_ZIP_OR_TGZ, &limits, see, &seen, &err);

    check(rc == 0 || err.kind == ERR_UNPROCESSABLE);
    check(rc != 0 || seen.entries > 0);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_pool struct pool *pool = pool_new();
    struct text packed = text_n(data, size);

    if (!text_starts(packed, "\x1f\x8b") && !text_starts(packed, "PK"))
        packed = gzip(pool, packed);
    /* whether somebody looks at the contents must make no difference to the verdict */
    check(walk(packed, true) == walk(packed, false));
    return 0;
}
