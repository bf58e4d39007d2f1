#include "http/relay.h"

#include "core/codec.h"

#define MAX_BASIC 1024

static bool starts_nocase(struct text t, struct text prefix)
{
    return t.len >= prefix.len && text_eq_nocase(text_sub(t, 0, prefix.len), prefix);
}

static bool is_one_of(struct text name, const struct text *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (names[i].len == name.len && text_eq_nocase(name, names[i]))
            return true;
    }
    return false;
}

/* RFC 9110 section 7.6.1 and the older ones that still turn up. */
static bool is_hop_by_hop(struct text name)
{
    static const struct text names[] = {
        TEXT("connection"), TEXT("keep-alive"), TEXT("proxy-connection"),  TEXT("te"),
        TEXT("trailer"),    TEXT("upgrade"),    TEXT("transfer-encoding"), TEXT("content-length"),
    };
    return is_one_of(name, names, sizeof(names) / sizeof(names[0]));
}

bool relay_request_drops(struct text name)
{
    static const struct text names[] = {
        TEXT("host"),      TEXT("expect"),    TEXT("http2-settings"),
        TEXT("forwarded"), TEXT("x-real-ip"), TEXT("proxy-authorization"),
    };

    if (name.len == 0)
        return true;
    if (name.base[0] == 'x' &&
        (text_starts(name, "x-forwarded-") || text_starts(name, "x-redhouse-")))
        return true;
    return is_hop_by_hop(name) || is_one_of(name, names, sizeof(names) / sizeof(names[0]));
}

bool relay_response_drops(struct text name)
{
    static const struct text names[] = {
        TEXT("date"),
        TEXT("clear-site-data"),
        TEXT("strict-transport-security"),
        TEXT("alt-svc"),
        TEXT("x-reproxy-url"),
        TEXT("service-worker-allowed"),
        TEXT("x-compress-hint"),
    };

    return starts_nocase(name, TEXT("x-redhouse-")) || is_hop_by_hop(name) ||
           is_one_of(name, names, sizeof(names) / sizeof(names[0]));
}

static struct text without_cookie_prefix(struct text name)
{
    if (starts_nocase(name, TEXT("__Host-")))
        return text_sub(name, 7, name.len);
    if (starts_nocase(name, TEXT("__Secure-")))
        return text_sub(name, 9, name.len);
    return name;
}

static bool is_our_cookie(struct text pair, struct text ours)
{
    return starts_nocase(without_cookie_prefix(text_trim(pair)), without_cookie_prefix(ours));
}

size_t relay_cookies(struct text value, struct text ours, char *out)
{
    struct text raw;
    size_t len = 0;

    while (text_cut(&value, ';', &raw)) {
        struct text pair = text_trim(raw);
        if (pair.len == 0 || is_our_cookie(pair, ours))
            continue;
        /* blanks stay as they came, so that the result never outgrows the value */
        if (len > 0) {
            out[len++] = ';';
            pair = raw;
        }
        memmove(out + len, pair.base, pair.len);
        len += pair.len;
    }
    return len;
}

/* "PREFIX_": without the underscore a foreign token could begin so by chance. */
static bool is_our_token(struct text token, struct text prefix)
{
    if (prefix.len == 0 || token.len <= prefix.len ||
        !text_eq(text_sub(token, 0, prefix.len), prefix))
        return false;
    return prefix.base[prefix.len - 1] == '_' || token.base[prefix.len] == '_';
}

bool relay_authorization_is_ours(struct text value, struct text prefix)
{
    size_t blank = text_find(value, ' ', 0);
    struct text scheme = text_sub(value, 0, blank);
    struct text rest = blank == SIZE_MAX ? TEXT_NONE : text_trim(text_sub(value, blank, value.len));
    char plain[MAX_BASIC];
    size_t n, colon;

    if (text_eq_nocase(scheme, TEXT("bearer")))
        return is_our_token(rest, prefix);
    if (!text_eq_nocase(scheme, TEXT("basic")) || b64_decoded_max(rest.len) > sizeof(plain) ||
        !b64_decode(rest, plain, &n))
        return false;
    colon = text_find(text_n(plain, n), ':', 0);
    return is_our_token(text_n(plain, n), prefix) ||
           (colon != SIZE_MAX && is_our_token(text_n(plain + colon + 1, n - colon - 1), prefix));
}

bool relay_set_cookie_passes(struct text value, struct text ours)
{
    struct text pair = TEXT_NONE, attribute;

    text_cut(&value, ';', &pair);
    pair = text_trim(pair);
    /* "=name=x" has an empty name, and a browser sends it back as "name=x" */
    while (pair.len > 0 && (pair.base[0] == '=' || pair.base[0] == ' ' || pair.base[0] == '\t'))
        pair = text_n(pair.base + 1, pair.len - 1);
    if (is_our_cookie(pair, ours))
        return false;
    while (text_cut(&value, ';', &attribute)) {
        attribute = text_sub(attribute, 0, text_find(attribute, '=', 0));
        if (text_eq_nocase(text_trim(attribute), TEXT("domain")))
            return false;
    }
    return true;
}
