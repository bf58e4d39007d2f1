#include "core/gunzip.h"

#include <stdlib.h>

#define ZLIB_CONST
#include <zlib.h>

#include "core/err.h"
#include "core/pool.h"

/* windowBits: 15 for the largest window, 16 more for a gzip wrapping and no other. */
#define GZIP_ONLY (15 + 16)
#define FEED_MAX ((size_t)1 << 30)

struct gunzip {
    z_stream z;
    struct text rest; /* not yet given to z */
    bool ended;
    uint64_t total;
    unsigned char block[GUNZIP_BLOCK];
};

struct gunzip *gunzip_new(struct text packed)
{
    struct gunzip *g = xcalloc(1, sizeof(*g));

    g->rest = packed;
    if (inflateInit2(&g->z, GZIP_ONLY) != Z_OK)
        abort();
    return g;
}

static void feed(struct gunzip *g)
{
    size_t n = g->rest.len < FEED_MAX ? g->rest.len : FEED_MAX;

    g->z.next_in = (const unsigned char *)g->rest.base;
    g->z.avail_in = (uInt)n;
    g->rest = text_sub(g->rest, n, g->rest.len);
}

static int damaged(struct err *err, const char *what)
{
    return err_set(err, ERR_UNPROCESSABLE, "bad_bundle", "The archive is damaged: %s.", what);
}

/* One step of inflate; sets ended at the end of the last member. */
static int step(struct gunzip *g, struct err *err)
{
    if (g->z.avail_in == 0)
        feed(g);
    if (g->z.avail_in == 0)
        return damaged(err, "it ends too early");
    int rc = inflate(&g->z, Z_NO_FLUSH);
    if (rc == Z_STREAM_END) {
        g->ended = g->z.avail_in == 0 && g->rest.len == 0;
        if (!g->ended && inflateReset(&g->z) != Z_OK)
            abort();
        return 0;
    }
    if (rc == Z_MEM_ERROR)
        abort();
    return rc == Z_OK ? 0 : damaged(err, g->z.msg != NULL ? g->z.msg : "it is not gzip");
}

int gunzip_next(struct gunzip *g, struct text *block, struct err *err)
{
    g->z.next_out = g->block;
    g->z.avail_out = sizeof(g->block);
    while (!g->ended && g->z.avail_out > 0)
        if (step(g, err) != 0)
            return -1;
    *block = text_n(g->block, sizeof(g->block) - g->z.avail_out);
    g->total += block->len;
    return 0;
}

uint64_t gunzip_total(const struct gunzip *g)
{
    return g->total;
}

void gunzip_free(struct gunzip *g)
{
    if (g == NULL)
        return;
    inflateEnd(&g->z);
    free(g);
}
