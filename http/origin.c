#include "http/origin.h"

/* An origin never carries its scheme's own port; a Host header may. */
static struct text without_default_port(struct text host, struct text scheme)
{
    const char *port = text_is(scheme, "https") ? ":443" : ":80";

    if (!text_ends(host, port))
        return host;
    return text_sub(host, 0, host.len - strlen(port));
}

static bool is_own(const struct origin_facts *facts)
{
    struct text origin = facts->origin;
    struct text host = without_default_port(facts->host, facts->scheme);
    size_t scheme = facts->scheme.len;

    if (host.len == 0 || origin.len != scheme + 3 + host.len)
        return false;
    return text_eq_nocase(text_sub(origin, 0, scheme), facts->scheme) &&
           text_eq(text_sub(origin, scheme, 3), TEXT("://")) &&
           text_eq_nocase(text_sub(origin, scheme + 3, host.len), host);
}

bool origin_is_foreign(const struct origin_facts *facts)
{
    if (facts->repeated)
        return true;
    if (facts->origin.base != NULL)
        return !is_own(facts);
    if (facts->token && facts->site.base == NULL)
        return false;
    if (facts->upgrade || (!text_is(facts->method, "GET") && !text_is(facts->method, "HEAD")))
        return true;
    if (facts->site.base == NULL || text_is(facts->site, "same-origin") ||
        text_is(facts->site, "none"))
        return false;
    return !(text_is(facts->mode, "navigate") && text_is(facts->dest, "document"));
}
