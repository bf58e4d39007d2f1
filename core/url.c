#include "core/url.h"

#include "core/err.h"
#include "core/pool.h"

#include <curl/curl.h>
#include <string.h>

static void release(CURLU **url)
{
    curl_url_cleanup(*url);
}
#define auto_url __attribute__((cleanup(release)))

static int bad(struct err *err)
{
    return err_set(err, ERR_INVALID, "bad_url",
                   "The address is none of http or https with a host in it.");
}

/* A part in the pool; NULL when it is not there. */
static const char *part(CURLU *u, struct pool *pool, CURLUPart what, unsigned flags)
{
    char *value = NULL;

    if (curl_url_get(u, what, &value, flags) != CURLUE_OK)
        return NULL;
    const char *out = pool_strdup(pool, value);
    curl_free(value);
    return out;
}

static bool is_http(CURLU *u, struct pool *pool)
{
    const char *scheme = part(u, pool, CURLUPART_SCHEME, 0);

    return scheme != NULL && (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
}

static bool read_url(CURLU *u, struct pool *pool, const char *url)
{
    return text_is_printable(text_of(url)) && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
           is_http(u, pool);
}

int url_origin(struct pool *pool, const char *url, const char **origin, struct err *err)
{
    auto_url CURLU *u = curl_url();

    if (!read_url(u, pool, url))
        return bad(err);
    const char *host = part(u, pool, CURLUPART_HOST, 0);
    const char *port = part(u, pool, CURLUPART_PORT, CURLU_DEFAULT_PORT);
    if (host == NULL || host[0] == '\0' || port == NULL)
        return bad(err);
    struct text lower = text_lower(pool, text_of(host));
    *origin = pool_printf(pool, "%s://%.*s:%s", part(u, pool, CURLUPART_SCHEME, 0), TEXT_ARG(lower),
                          port);
    return 0;
}

int url_join(struct pool *pool, const char *base, const char *reference, const char **out,
             struct err *err)
{
    auto_url CURLU *u = curl_url();

    if (!read_url(u, pool, base) || !text_is_printable(text_of(reference)) ||
        curl_url_set(u, CURLUPART_URL, reference, 0) != CURLUE_OK || !is_http(u, pool))
        return bad(err);
    curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0);
    const char *url = part(u, pool, CURLUPART_URL, 0);
    if (url == NULL)
        return bad(err);
    *out = url;
    return 0;
}

int url_check(const char *url, struct err *err)
{
    auto_pool struct pool *pool = pool_new();
    auto_url CURLU *u = curl_url();

    if (!read_url(u, pool, url))
        return bad(err);
    if (part(u, pool, CURLUPART_USER, 0) != NULL || part(u, pool, CURLUPART_PASSWORD, 0) != NULL)
        return err_set(err, ERR_INVALID, "bad_url",
                       "The address may hold no name and password; give them by themselves.");
    if (part(u, pool, CURLUPART_FRAGMENT, 0) != NULL)
        return err_set(err, ERR_INVALID, "bad_url", "The address may have no fragment (#).");
    return 0;
}

const char *url_shown(struct pool *pool, const char *url)
{
    auto_url CURLU *u = curl_url();

    if (curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
        return "";
    curl_url_set(u, CURLUPART_USER, NULL, 0);
    curl_url_set(u, CURLUPART_PASSWORD, NULL, 0);
    const char *out = part(u, pool, CURLUPART_URL, 0);
    return out != NULL ? out : "";
}
