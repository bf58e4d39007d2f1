#include "http/negotiate.h"

/* The next quoted tag of a list, W/ left off; false at the end or on a malformed one. */
static bool next_tag(struct text *rest, struct text *tag)
{
    struct text t = *rest;
    while (t.len > 0 && (*t.base == ' ' || *t.base == '\t' || *t.base == ','))
        t = text_sub(t, 1, SIZE_MAX);
    if (text_starts(t, "W/"))
        t = text_sub(t, 2, SIZE_MAX);
    size_t end = t.len > 1 && *t.base == '"' ? text_find(t, '"', 1) : SIZE_MAX;
    if (end == SIZE_MAX)
        return false;
    *tag = text_sub(t, 0, end + 1);
    *rest = text_sub(t, end + 1, SIZE_MAX);
    return true;
}

bool negotiate_has(struct text if_none_match, struct text etag)
{
    struct text rest = if_none_match, tag;
    if (rest.base == NULL)
        return false;
    if (text_is(text_trim(rest), "*"))
        return true;
    if (text_starts(etag, "W/"))
        etag = text_sub(etag, 2, SIZE_MAX);
    while (next_tag(&rest, &tag)) {
        if (text_eq(tag, etag))
            return true;
    }
    return false;
}

/* "q=0", "q=0.0"…: not taken. Anything else is taken: we choose by our own order. */
static bool is_refused(struct text params)
{
    struct text param;
    while (text_cut(&params, ';', &param)) {
        param = text_trim(param);
        if (param.len < 3 || (param.base[0] != 'q' && param.base[0] != 'Q') || param.base[1] != '=')
            continue;
        for (size_t i = 2; i < param.len; i++) {
            if (param.base[i] != '0' && param.base[i] != '.')
                return false;
        }
        return true;
    }
    return false;
}

unsigned negotiate_codings(struct text accept_encoding)
{
    unsigned taken = 1u << CODING_PLAIN, named = 0, others = 0;
    struct text rest = accept_encoding, item, name;
    while (text_cut(&rest, ',', &item)) {
        struct text params = item;
        (void)text_cut(&params, ';', &name);
        name = text_trim(name);
        unsigned bit = 0;
        if (text_eq_nocase(name, TEXT("gzip")) || text_eq_nocase(name, TEXT("x-gzip")))
            bit = 1u << CODING_GZIP;
        else if (text_eq_nocase(name, TEXT("zstd")))
            bit = 1u << CODING_ZSTD;
        bool refused = is_refused(params);
        named |= bit;
        if (!refused)
            taken |= bit;
        if (text_is(name, "*") && !refused)
            others = 1u << CODING_GZIP;
    }
    return taken | (others & ~named);
}

enum range negotiate_range(struct text range, uint64_t size, uint64_t *from, uint64_t *len)
{
    struct text spec, first;
    int64_t a = 0, b = 0;
    if (range.base == NULL || range.len < 7 ||
        !text_eq_nocase(text_sub(range, 0, 6), TEXT("bytes=")))
        return RANGE_ALL;
    spec = text_trim(text_sub(range, 6, SIZE_MAX));
    if (!text_has(spec, '-') || !text_cut(&spec, '-', &first))
        return RANGE_ALL;
    bool has_first = first.len > 0, has_last = spec.len > 0;
    if ((has_first && !text_number(first, 0, INT64_MAX, &a)) ||
        (has_last && !text_number(spec, 0, INT64_MAX, &b)) || (!has_first && !has_last) ||
        (has_first && has_last && b < a))
        return RANGE_ALL;
    if (!has_first) {
        if (b == 0 || size == 0)
            return RANGE_NEVER;
        *len = (uint64_t)b < size ? (uint64_t)b : size;
        *from = size - *len;
        return RANGE_PART;
    }
    if ((uint64_t)a >= size)
        return RANGE_NEVER;
    uint64_t last = has_last && (uint64_t)b < size ? (uint64_t)b : size - 1;
    *from = (uint64_t)a;
    *len = last - *from + 1;
    return RANGE_PART;
}
