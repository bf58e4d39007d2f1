#include "http/head.h"

#include "core/err.h"
#include "core/name.h"

static bool is_token_byte(unsigned char c)
{
    static const bool token[256] = {
        ['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1,         ['&'] = 1,         ['\''] = 1,
        ['*'] = 1, ['+'] = 1, ['-'] = 1, ['.'] = 1,         ['^'] = 1,         ['_'] = 1,
        ['`'] = 1, ['|'] = 1, ['~'] = 1, ['0' ... '9'] = 1, ['A' ... 'Z'] = 1, ['a' ... 'z'] = 1,
    };
    return token[c];
}

static bool is_token(struct text t)
{
    for (size_t i = 0; i < t.len; i++) {
        if (!is_token_byte((unsigned char)t.base[i]))
            return false;
    }
    return t.len > 0;
}

static int bad(struct err *err, const char *code, const char *sentence)
{
    return err_set(err, ERR_INVALID, code, "%s", sentence);
}

/* The line up to its CRLF, which is cut off *rest. */
static int take_line(struct text *rest, struct text *line, struct err *err)
{
    const char *end = rest->len > 0 ? memchr(rest->base, '\n', rest->len) : NULL;
    if (end == NULL)
        return bad(err, "bad_request", "The request's head has no end.");
    size_t len = (size_t)(end - rest->base);
    if (len == 0 || rest->base[len - 1] != '\r')
        return bad(err, "bad_line_end", "A line of the request's head ends without CR.");
    *line = text_n(rest->base, len - 1);
    *rest = text_n(end + 1, rest->len - len - 1);
    return 0;
}

static int note_header(struct head *head, struct text name, struct text value, struct err *err)
{
    if (name.len == 4 && text_eq_nocase(name, TEXT("host"))) {
        if (head->host.base != NULL)
            return bad(err, "bad_host", "The request names two hosts.");
        head->host = value;
    } else if (name.len == 14 && text_eq_nocase(name, TEXT("content-length"))) {
        if (head->content_length >= 0)
            return bad(err, "bad_length", "The request names two lengths.");
        if (!text_number(value, 0, INT64_MAX, &head->content_length))
            return bad(err, "bad_length", "The request's Content-Length is not a number.");
    } else if (name.len == 17 && text_eq_nocase(name, TEXT("transfer-encoding"))) {
        if (head->chunked)
            return bad(err, "bad_length", "The request names two transfer encodings.");
        head->chunked = true;
    }
    return 0;
}

static int take_header(struct head *head, struct text line, struct err *err)
{
    size_t colon = 0;
    while (colon < line.len && is_token_byte((unsigned char)line.base[colon]))
        colon++;
    if (colon == 0 || colon == line.len || line.base[colon] != ':')
        return bad(err, "bad_header", "A header's name is empty or holds odd characters.");
    return note_header(head, text_n(line.base, colon),
                       text_trim(text_sub(line, colon + 1, SIZE_MAX)), err);
}

static int check_version(struct text line, bool *old, struct err *err)
{
    *old = text_ends(line, " HTTP/1.0");
    if (!*old && !text_ends(line, " HTTP/1.1"))
        return bad(err, "bad_version", "Only HTTP/1.1 and HTTP/1.0 are understood here.");
    return 0;
}

int head_scan(struct text raw, struct head *head, struct err *err)
{
    struct text rest = raw, line;
    bool old;
    *head = (struct head){.content_length = -1};
    /* the library skips one empty line before a request */
    if (text_starts(rest, "\r\n"))
        rest = text_sub(rest, 2, SIZE_MAX);
    if (take_line(&rest, &line, err) != 0 || check_version(line, &old, err) != 0)
        return -1;
    while (take_line(&rest, &line, err) == 0) {
        if (rest.base > raw.base + HEAD_MAX_BYTES)
            return bad(err, "head_too_large", "The request's headers are more than 64 KiB.");
        if (line.len == 0) {
            head->bytes = (size_t)(rest.base - raw.base);
            break;
        }
        if (take_header(head, line, err) != 0)
            return -1;
    }
    if (head->bytes == 0)
        return -1;
    if (head->host.base == NULL)
        return bad(err, "bad_host", "The request names no host.");
    if (head->chunked && (head->content_length >= 0 || old))
        return bad(err, "bad_length", "The request's length is told in two ways.");
    return 0;
}

int head_check_line(struct text method, struct text target, struct err *err)
{
    if (method.len > HEAD_MAX_METHOD || !is_token(method))
        return bad(err, "bad_method", "The request's method is not a word.");
    if (target.len == 0 || target.base[0] != '/')
        return bad(err, "bad_target", "The request's target does not begin with a slash.");
    if (target.len > HEAD_MAX_TARGET)
        return bad(err, "bad_target", "The request's target is longer than 16 KiB.");
    for (size_t i = 0; i < target.len; i++) {
        unsigned char c = (unsigned char)target.base[i];
        if (c <= 0x20 || c == 0x7f || c == '#')
            return bad(err, "bad_target", "The request's target holds odd characters.");
    }
    return 0;
}

int head_host(struct pool *pool, struct text host, struct text *lower, struct text *name,
              struct err *err)
{
    if (!name_is_host(host))
        return bad(err, "bad_host", "The request's Host is not a host name.");
    *lower = host;
    for (size_t i = 0; i < host.len; i++) {
        if (host.base[i] >= 'A' && host.base[i] <= 'Z') {
            *lower = text_lower(pool, host);
            break;
        }
    }
    *name = text_sub(*lower, 0, text_find(*lower, ':', 0));
    return 0;
}
