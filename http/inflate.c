#include "http/inflate.h"

#include "http/route.h"
#include "http/server_part.h"

#include "core/buf.h"

#include <zlib.h>

#define STEP 65536

static int bad_gzip(struct err *err)
{
    return err_set(err, ERR_INVALID, "bad_gzip", "The request's body is not valid gzip.");
}

static int run(z_stream *z, struct buf *out, struct err *err)
{
    int rc = Z_OK;
    while (rc != Z_STREAM_END) {
        char *to = buf_reserve(out, STEP);
        if (to == NULL)
            return err_set(err, ERR_TOO_LARGE, "body_too_large",
                           "The request's body is too large once it is unpacked.");
        z->next_out = (unsigned char *)to;
        z->avail_out = STEP;
        rc = inflate(z, Z_NO_FLUSH);
        buf_grew(out, STEP - z->avail_out);
        if ((rc != Z_OK && rc != Z_STREAM_END) ||
            (rc == Z_OK && z->avail_in == 0 && z->avail_out > 0))
            return bad_gzip(err);
    }
    return z->avail_in == 0 ? 0 : bad_gzip(err);
}

int inflate_body(struct call *c, struct err *err)
{
    struct text coding = call_header(c, "content-encoding");
    if (coding.base == NULL || text_eq_nocase(coding, TEXT("identity")) || c->body.len == 0)
        return 0;
    if (!text_eq_nocase(coding, TEXT("gzip")))
        return err_set(err, ERR_UNSUPPORTED, "bad_encoding",
                       "Only gzip is understood as Content-Encoding of a request.");
    size_t max = c->route->max_body != 0 ? c->route->max_body : HTTP_DEFAULT_MAX_BODY;
    struct buf auto_buf out;
    buf_init(&out, max + STEP);
    z_stream z = {.next_in = (unsigned char *)(uintptr_t)c->body.base,
                  .avail_in = (uInt)c->body.len};
    if (inflateInit2(&z, MAX_WBITS + 16) != Z_OK)
        return err_set(err, ERR_INTERNAL, "internal", "zlib could not start.");
    int rc = run(&z, &out, err);
    inflateEnd(&z);
    if (rc == 0 && out.len > max)
        rc = err_set(err, ERR_TOO_LARGE, "body_too_large",
                     "The request's body is too large once it is unpacked.");
    if (rc == 0)
        c->body = buf_take(&out, c->pool);
    return rc;
}
