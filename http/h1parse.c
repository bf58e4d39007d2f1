#include "http/h1parse.h"

#define MAX_EXTENSION 256
#define MAX_TRAILERS 8192
#define MAX_SIZE_DIGITS 15 /* so that a size never overflows 64 bits */

/* RFC 9110 section 5.6.2 */
static const bool token_char[256] = {
    ['!'] = true,         ['#'] = true,         ['$'] = true, ['%'] = true, ['&'] = true,
    ['\''] = true,        ['*'] = true,         ['+'] = true, ['-'] = true, ['.'] = true,
    ['0' ... '9'] = true, ['A' ... 'Z'] = true, ['^'] = true, ['_'] = true, ['`'] = true,
    ['a' ... 'z'] = true, ['|'] = true,         ['~'] = true,
};

bool h1_is_token(struct text t)
{
    for (size_t i = 0; i < t.len; i++) {
        if (!token_char[(unsigned char)t.base[i]])
            return false;
    }
    return t.len > 0;
}

static bool is_value(struct text t)
{
    for (size_t i = 0; i < t.len; i++) {
        unsigned char c = (unsigned char)t.base[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

enum h1_result h1_head_end(struct text bytes, size_t *seen)
{
    const char *end = bytes.base + bytes.len;
    const char *at = bytes.base + *seen;

    while (at < end) {
        const char *lf = memchr(at, '\n', (size_t)(end - at));
        if (lf == NULL)
            break;
        if (lf - bytes.base < 2 || lf[-1] != '\r')
            return H1_BAD;
        at = lf + 1;
        if (lf[-2] == '\n') {
            *seen = (size_t)(at - bytes.base);
            return *seen > H1_MAX_HEAD ? H1_BAD : H1_DONE;
        }
        *seen = (size_t)(at - bytes.base);
    }
    return bytes.len >= H1_MAX_HEAD ? H1_BAD : H1_MORE;
}

bool h1_list_has(struct text list, struct text item)
{
    struct text one;

    while (text_cut(&list, ',', &one)) {
        if (text_eq_nocase(text_trim(one), item))
            return true;
    }
    return false;
}

/* Cuts one line off *rest; whole heads end every line with CRLF, so a CR elsewhere is refused by
 * is_value. */
static struct text next_line(struct text *rest)
{
    size_t lf = text_find(*rest, '\n', 0);
    struct text line = text_sub(*rest, 0, lf - 1);

    *rest = text_sub(*rest, lf + 1, rest->len);
    return line;
}

static bool read_status(struct text line, struct h1_head *head)
{
    int64_t status;

    if (text_starts(line, "HTTP/1.0 "))
        head->http10 = true;
    else if (!text_starts(line, "HTTP/1.1 "))
        return false;
    if (line.len < 12 || line.base[9] < '1' || line.base[9] > '5' ||
        !text_number(text_sub(line, 9, 3), 100, 599, &status))
        return false;
    if (line.len > 12 && line.base[12] != ' ')
        return false;
    head->status = (int)status;
    head->reason = text_sub(line, 13, line.len);
    return is_value(head->reason);
}

static bool read_length(struct text value, struct h1_head *head)
{
    int64_t length;

    if (value.len == 0 || value.len > 18)
        return false;
    for (size_t i = 0; i < value.len; i++) {
        if (value.base[i] < '0' || value.base[i] > '9')
            return false;
    }
    if (!text_number(value, 0, INT64_MAX, &length))
        return false;
    if (head->has_length && head->length != (uint64_t)length)
        return false;
    head->has_length = true;
    head->length = (uint64_t)length;
    return true;
}

static void read_connection(struct text value, struct h1_head *head, bool *keeps)
{
    struct text option;

    while (text_cut(&value, ',', &option)) {
        option = text_trim(option);
        if (text_eq_nocase(option, TEXT("close")))
            head->closes = true;
        else if (text_eq_nocase(option, TEXT("keep-alive")))
            *keeps = true;
        else if (text_eq_nocase(option, TEXT("upgrade")))
            head->upgrades = true;
        else
            head->names = true;
    }
}

static bool read_header(struct text line, struct h1_head *head, bool *keeps)
{
    size_t colon = text_find(line, ':', 0);
    struct h1_header *h = &head->headers[head->n_headers];

    if (colon == SIZE_MAX || head->n_headers == H1_MAX_HEADERS)
        return false;
    h->name = text_sub(line, 0, colon);
    h->value = text_trim(text_sub(line, colon + 1, line.len));
    if (!h1_is_token(h->name) || !is_value(h->value))
        return false;
    head->n_headers++;
    if (h->name.len == 14 && text_eq_nocase(h->name, TEXT("content-length")))
        return read_length(h->value, head);
    if (h->name.len == 17 && text_eq_nocase(h->name, TEXT("transfer-encoding"))) {
        if (head->chunked || !text_eq_nocase(h->value, TEXT("chunked")))
            return false;
        head->chunked = true;
    }
    if (h->name.len == 10 && text_eq_nocase(h->name, TEXT("connection")))
        read_connection(h->value, head, keeps);
    return true;
}

bool h1_head_parse(struct text bytes, struct h1_head *head)
{
    struct text rest = bytes;
    bool keeps = false;

    if (!text_ends(bytes, "\r\n\r\n"))
        return false;
    memset(head, 0, offsetof(struct h1_head, headers));
    if (!read_status(next_line(&rest), head))
        return false;
    while (rest.len > 2) {
        if (!read_header(next_line(&rest), head, &keeps))
            return false;
    }
    if (head->chunked && (head->has_length || head->http10))
        return false;
    if (head->http10 && !keeps)
        head->closes = true;
    return true;
}

enum h1_framing h1_head_framing(const struct h1_head *head, bool answers_head)
{
    if (answers_head || head->status < 200 || head->status == 204 || head->status == 304)
        return H1_NO_BODY;
    if (head->chunked)
        return H1_CHUNKED;
    return head->has_length ? H1_LENGTH : H1_UNTIL_CLOSE;
}

size_t h1_head_find(const struct h1_head *head, const char *name, size_t from)
{
    struct text want = text_of(name);

    while (from < head->n_headers && !text_eq_nocase(head->headers[from].name, want))
        from++;
    return from;
}

bool h1_head_names(const struct h1_head *head, struct text name)
{
    if (!head->names)
        return false;
    for (size_t i = h1_head_find(head, "connection", 0); i < head->n_headers;
         i = h1_head_find(head, "connection", i + 1)) {
        if (h1_list_has(head->headers[i].value, name))
            return true;
    }
    return false;
}

enum {
    CHUNK_SIZE, /* the first digit, or more of them */
    CHUNK_EXTENSION,
    CHUNK_SIZE_LF,
    CHUNK_DATA,
    CHUNK_DATA_CR,
    CHUNK_DATA_LF,
    CHUNK_TRAILER, /* at the start of a line */
    CHUNK_TRAILER_LINE,
    CHUNK_TRAILER_LF,
    CHUNK_LAST_LF,
    CHUNK_OVER,
};

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* One byte of a size line; false: refused. */
static bool size_byte(struct h1_chunks *chunks, char c)
{
    int digit = hex_digit(c);

    if (chunks->state == CHUNK_SIZE && digit >= 0) {
        chunks->left = chunks->left * 16 + (unsigned)digit;
        return ++chunks->digits <= MAX_SIZE_DIGITS;
    }
    if (chunks->digits == 0)
        return false;
    if (c == '\r') {
        chunks->state = CHUNK_SIZE_LF;
        return true;
    }
    if (chunks->state == CHUNK_SIZE && c != ';')
        return false;
    chunks->state = CHUNK_EXTENSION;
    return is_value(text_n(&c, 1)) && ++chunks->extra <= MAX_EXTENSION;
}

/* One byte of the trailers; false: refused. */
static bool trailer_byte(struct h1_chunks *chunks, char c)
{
    if (c == '\r') {
        chunks->state = chunks->state == CHUNK_TRAILER ? CHUNK_LAST_LF : CHUNK_TRAILER_LF;
        return true;
    }
    chunks->state = CHUNK_TRAILER_LINE;
    return is_value(text_n(&c, 1)) && ++chunks->extra <= MAX_TRAILERS;
}

static bool framing_byte(struct h1_chunks *chunks, char c)
{
    switch (chunks->state) {
    case CHUNK_SIZE:
    case CHUNK_EXTENSION:
        return size_byte(chunks, c);
    case CHUNK_SIZE_LF:
        chunks->state = chunks->left > 0 ? CHUNK_DATA : CHUNK_TRAILER;
        chunks->digits = 0;
        chunks->extra = 0;
        return c == '\n';
    case CHUNK_DATA_CR:
        chunks->state = CHUNK_DATA_LF;
        return c == '\r';
    case CHUNK_DATA_LF:
        chunks->state = CHUNK_SIZE;
        return c == '\n';
    case CHUNK_TRAILER_LF:
        chunks->state = CHUNK_TRAILER;
        return c == '\n';
    case CHUNK_LAST_LF:
        chunks->state = CHUNK_OVER;
        return c == '\n';
    default:
        return trailer_byte(chunks, c);
    }
}

enum h1_piece h1_chunks_next(struct h1_chunks *chunks, struct text *in, struct text *data)
{
    while (chunks->state != CHUNK_OVER) {
        if (in->len == 0)
            return H1_PIECE_MORE;
        if (chunks->state == CHUNK_DATA) {
            *data = text_n(in->base, chunks->left < in->len ? (size_t)chunks->left : in->len);
            chunks->left -= data->len;
            if (chunks->left == 0)
                chunks->state = CHUNK_DATA_CR;
            *in = text_n(in->base + data->len, in->len - data->len);
            return H1_PIECE_DATA;
        }
        if (!framing_byte(chunks, in->base[0]))
            return H1_PIECE_BAD;
        *in = text_n(in->base + 1, in->len - 1);
    }
    return H1_PIECE_END;
}
