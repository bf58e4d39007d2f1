#include "core/json.h"

#include <inttypes.h>

#include "core/clock.h"
#include "core/pool.h"

void json_writer_init(struct json_writer *w, struct buf *out)
{
    *w = (struct json_writer){.out = out};
}

static void before_value(struct json_writer *w)
{
    if (w->after_key) {
        w->after_key = false;
        return;
    }
    if (w->comma[w->depth])
        buf_char(w->out, ',');
    w->comma[w->depth] = true;
}

static void open(struct json_writer *w, char bracket)
{
    before_value(w);
    if (w->depth == JSON_MAX_DEPTH) {
        w->out->failed = true;
        return;
    }
    w->comma[++w->depth] = false;
    buf_char(w->out, bracket);
}

static void close(struct json_writer *w, char bracket)
{
    if (w->depth == 0 || w->after_key) {
        w->out->failed = true;
        return;
    }
    w->depth--;
    buf_char(w->out, bracket);
}

void json_open(struct json_writer *w)
{
    open(w, '{');
}

void json_close(struct json_writer *w)
{
    close(w, '}');
}

void json_open_array(struct json_writer *w)
{
    open(w, '[');
}

void json_close_array(struct json_writer *w)
{
    close(w, ']');
}

static void add_escape(struct buf *out, unsigned char c)
{
    switch (c) {
    case '"':
        buf_str(out, "\\\"");
        break;
    case '\\':
        buf_str(out, "\\\\");
        break;
    case '\n':
        buf_str(out, "\\n");
        break;
    case '\r':
        buf_str(out, "\\r");
        break;
    case '\t':
        buf_str(out, "\\t");
        break;
    default:
        buf_printf(out, "\\u%04x", c);
    }
}

/* Well-formed UTF-8 in, quotes and all. */
static void add_escaped(struct buf *out, struct text t)
{
    size_t from = 0;

    for (size_t i = 0; i < t.len; i++) {
        unsigned char c = (unsigned char)t.base[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        buf_add(out, t.base + from, i - from);
        add_escape(out, c);
        from = i + 1;
    }
    if (from < t.len)
        buf_add(out, t.base + from, t.len - from);
}

static void add_string(struct json_writer *w, struct text t)
{
    buf_char(w->out, '"');
    while (t.len > 0) {
        size_t good = text_utf8_prefix(t);
        add_escaped(w->out, text_sub(t, 0, good));
        if (good == t.len)
            break;
        buf_str(w->out, "\xef\xbf\xbd");
        t = text_sub(t, good + 1, t.len);
    }
    buf_char(w->out, '"');
}

void json_key(struct json_writer *w, const char *key)
{
    json_key_text(w, text_of(key));
}

void json_key_text(struct json_writer *w, struct text key)
{
    before_value(w);
    add_string(w, key);
    buf_char(w->out, ':');
    w->after_key = true;
}

void json_text(struct json_writer *w, struct text t)
{
    if (t.base == NULL) {
        json_null(w);
        return;
    }
    before_value(w);
    add_string(w, t);
}

void json_str(struct json_writer *w, const char *s)
{
    json_text(w, text_of(s));
}

void json_int(struct json_writer *w, int64_t n)
{
    before_value(w);
    buf_printf(w->out, "%" PRId64, n);
}

void json_bool(struct json_writer *w, bool b)
{
    before_value(w);
    buf_str(w->out, b ? "true" : "false");
}

void json_null(struct json_writer *w)
{
    before_value(w);
    buf_str(w->out, "null");
}

void json_raw(struct json_writer *w, struct text t)
{
    if (t.len == 0) {
        json_null(w);
        return;
    }
    before_value(w);
    buf_text(w->out, t);
}

void json_put_text(struct json_writer *w, const char *key, struct text t)
{
    json_key(w, key);
    json_text(w, t);
}

void json_put_str(struct json_writer *w, const char *key, const char *s)
{
    json_key(w, key);
    json_str(w, s);
}

void json_put_int(struct json_writer *w, const char *key, int64_t n)
{
    json_key(w, key);
    json_int(w, n);
}

void json_put_bool(struct json_writer *w, const char *key, bool b)
{
    json_key(w, key);
    json_bool(w, b);
}

void json_put_time(struct json_writer *w, const char *key, int64_t wall_ms)
{
    json_key(w, key);
    if (wall_ms == 0) {
        json_null(w);
        return;
    }
    auto_pool struct pool *pool = pool_new();
    json_str(w, clock_iso(pool, wall_ms));
}
