/*
 * An instance's answer, cut into pieces of a size that the first byte says: the head is found alike
 * however it arrives, what was parsed keeps its promises, and a chunked body yields the same bytes
 * in pieces as in one.
 */
#include "tests/fuzz/fuzz.h"

#include "http/h1parse.h"

#include <stdlib.h>

static void check(bool ok)
{
    if (!ok)
        abort();
}

static enum h1_result find_end(struct text bytes, size_t step, size_t *seen)
{
    enum h1_result result = H1_MORE;

    *seen = 0;
    for (size_t at = step; result == H1_MORE; at += step) {
        result = h1_head_end(text_sub(bytes, 0, at), seen);
        if (at >= bytes.len)
            break;
    }
    return result;
}

static void check_head(struct text bytes)
{
    struct h1_head head;

    if (!h1_head_parse(bytes, &head))
        return;
    check(head.status >= 100 && head.status <= 599);
    check(head.n_headers <= H1_MAX_HEADERS);
    check(!(head.chunked && head.has_length));
    for (size_t i = 0; i < head.n_headers; i++) {
        check(h1_is_token(head.headers[i].name));
        for (size_t j = 0; j < head.headers[i].value.len; j++)
            check(head.headers[i].value.base[j] != '\n' && head.headers[i].value.base[j] != '\r');
        (void)h1_head_names(&head, head.headers[i].name);
    }
}

static enum h1_piece decode(struct text bytes, size_t step, char *out, size_t *n)
{
    struct h1_chunks chunks = {0};
    enum h1_piece result = H1_PIECE_MORE;

    *n = 0;
    for (size_t at = 0; at < bytes.len && result == H1_PIECE_MORE; at += step) {
        struct text in = text_sub(bytes, at, step), data;
        while ((result = h1_chunks_next(&chunks, &in, &data)) == H1_PIECE_DATA) {
            check(data.len > 0);
            memcpy(out + *n, data.base, data.len);
            *n += data.len;
        }
    }
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t step, whole, pieces, n, m;
    struct text bytes;
    char *a, *b;

    if (size < 1)
        return 0;
    step = data[0] % 61 + 1;
    bytes = text_n(data + 1, size - 1);
    enum h1_result result = find_end(bytes, bytes.len + 1, &whole);
    check(find_end(bytes, step, &pieces) == result);
    if (result == H1_DONE) {
        check(whole == pieces && whole <= bytes.len);
        check_head(text_sub(bytes, 0, whole));
        bytes = text_sub(bytes, whole, bytes.len);
    }
    a = malloc(size);
    b = malloc(size);
    check(decode(bytes, bytes.len + 1, a, &n) == decode(bytes, step, b, &m) && n == m);
    check(n == 0 || memcmp(a, b, n) == 0);
    free(a);
    free(b);
    return 0;
}
