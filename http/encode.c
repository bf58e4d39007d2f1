#include "http/encode.h"

#include "core/pool.h"

#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#define GZIP_LEVEL 6
#define ZSTD_LEVEL 3

/* 0 when it does not fit. */
static size_t gzip(struct text in, char *out, size_t room)
{
    z_stream z = {.next_in = (unsigned char *)(uintptr_t)in.base,
                  .avail_in = (uInt)in.len,
                  .next_out = (unsigned char *)out,
                  .avail_out = (uInt)room};
    if (deflateInit2(&z, GZIP_LEVEL, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return 0;
    int rc = deflate(&z, Z_FINISH);
    size_t n = room - z.avail_out;
    deflateEnd(&z);
    return rc == Z_STREAM_END ? n : 0;
}

static size_t zstd(struct text in, char *out, size_t room)
{
    size_t n = ZSTD_compress(out, room, in.base, in.len, ZSTD_LEVEL);
    return ZSTD_isError(n) ? 0 : n;
}

struct text encode(struct text bytes, enum coding coding)
{
    size_t room = bytes.len / 10 * 9;
    if (coding == CODING_PLAIN || room == 0 || bytes.len > UINT32_MAX)
        return TEXT_NONE;
    char *out = xmalloc(room);
    size_t n = coding == CODING_GZIP ? gzip(bytes, out, room) : zstd(bytes, out, room);
    if (n == 0) {
        free(out);
        return TEXT_NONE;
    }
    return text_n(xrealloc(out, n), n);
}
