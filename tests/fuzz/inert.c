/*
 * A theme's text file: after a first byte 's' an SVG, else a style sheet. A verdict is that of
 * what a browser reads: writing letters in the other case or as escapes must not change it. What is
 * refused is refused with a sentence, what is accepted holds none of the plain words.
 */
#include "tests/fuzz/fuzz.h"

#include "core/buf.h"
#include "core/err.h"
#include "core/pool.h"
#include "themes/inert.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { MAX = 64 << 10 };

static void check(bool ok)
{
    if (!ok)
        abort();
}

static bool said(int rc, const struct err *err, const char *code)
{
    if (rc == 0)
        return true;
    check(err->kind == ERR_UNPROCESSABLE && text_is(text_of(err->code), code));
    check(err->text[0] != '\0' && text_is_utf8(text_of(err->text)));
    return false;
}

static bool css_passes(struct pool *pool, struct text css)
{
    struct err err = {0};
    int rc = inert_css(pool, css, &err);
    return said(rc, &err, "bad_css");
}

static bool svg_passes(struct text svg)
{
    struct err err = {0};
    int rc = inert_svg(TEXT("a.svg"), svg, &err);
    return said(rc, &err, "bad_image");
}

static struct text other_case(struct pool *pool, struct text t)
{
    char *out = pool_alloc(pool, t.len + 1);

    for (size_t i = 0; i < t.len; i++) {
        unsigned char c = (unsigned char)t.base[i];
        out[i] = (char)(islower(c) ? toupper(c) : tolower(c));
    }
    return text_n(out, t.len);
}

static struct text escaped(struct pool *pool, struct text t)
{
    auto_buf struct buf out = {0};

    buf_init(&out, 10 * MAX);
    for (size_t i = 0; i < t.len; i++) {
        unsigned char c = (unsigned char)t.base[i];
        if (isalpha(c))
            buf_printf(&out, i % 2 == 0 ? "\\%x " : "\\%06X", c);
        else
            buf_char(&out, (char)c);
    }
    return buf_take(&out, pool);
}

static bool holds(struct pool *pool, struct text t, const char *word)
{
    struct text low = text_lower(pool, t);

    return memmem(low.base, low.len, word, strlen(word)) != NULL;
}

static void style_sheet(struct pool *pool, struct text css)
{
    bool passes = css_passes(pool, css);

    if (passes)
        check(!holds(pool, css, "@import") && !holds(pool, css, "http:") &&
              !holds(pool, css, "url(//") && !holds(pool, css, "</style"));
    check(css_passes(pool, other_case(pool, css)) == passes);
    if (!text_has(css, '\\'))
        check(css_passes(pool, escaped(pool, css)) == passes);
}

static void image(struct pool *pool, struct text svg)
{
    bool passes = svg_passes(svg);

    if (passes)
        check(!holds(pool, svg, "<script") && !holds(pool, svg, "javascript:") &&
              !holds(pool, svg, "<foreignobject") && !holds(pool, svg, "url(http"));
    check(svg_passes(other_case(pool, svg)) == passes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_pool struct pool *pool = pool_new();

    if (size == 0 || size > MAX)
        return 0;
    if (data[0] == 's')
        image(pool, text_n(data + 1, size - 1));
    else
        style_sheet(pool, text_n(data + 1, size - 1));
    return 0;
}
