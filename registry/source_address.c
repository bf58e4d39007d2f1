/* Where a source may lie. */
#include "registry/source_part.h"

#define FILE_SCHEME "file://"
#define REPOSITORY_BYTES 255 /* of a path below git_local, by the broker's record */

static int bad_url(struct err *err, const char *text)
{
    return err_set(err, ERR_UNPROCESSABLE, "bad_url", "%s", text);
}

static int check_file(const struct sources *sources, struct text url, bool admin, struct err *err)
{
    auto_pool struct pool *pool = pool_new();

    if (sources->config.git_local == NULL)
        return bad_url(err, "The git address must begin with https://; file addresses are taken "
                            "only by a server that runs with --git-local.");
    if (!admin)
        return err_set(err, ERR_FORBIDDEN, "admins_only",
                       "A file address may be given by platform admins only.");
    return source_repository(sources, pool, url, err) != NULL ? 0 : -1;
}

static int check_network(struct text url, struct err *err)
{
    struct text rest;

    if (text_starts(url, "https://"))
        rest = text_sub(url, 8, url.len);
    else if (text_starts(url, "http://"))
        rest = text_sub(url, 7, url.len);
    else
        return bad_url(err, "The git address must begin with https://.");
    size_t slash = text_find(rest, '/', 0);
    if (slash == 0 || slash == SIZE_MAX || text_has(text_sub(rest, 0, slash), '@'))
        return bad_url(err, "The git address needs a host and a path; give an access token instead "
                            "of a name in it.");
    return 0;
}

int source_address_check(const struct sources *sources, struct text url, bool admin,
                         struct err *err)
{
    if (url.len > 1000 || !text_is_printable(url) || text_has(url, ' '))
        return bad_url(err, "The git address is too long or holds odd characters.");
    if (text_has(url, '?') || text_has(url, '#'))
        return bad_url(err, "The git address may have no query.");
    return text_starts(url, FILE_SCHEME) ? check_file(sources, url, admin, err)
                                         : check_network(url, err);
}

/* Neither empty nor up and out. */
static bool is_beneath(struct text path)
{
    struct text part;

    if (path.len == 0 || path.len > REPOSITORY_BYTES)
        return false;
    while (text_cut(&path, '/', &part))
        if (part.len == 0 || text_is(part, "..") || text_is(part, "."))
            return false;
    return true;
}

const char *source_repository(const struct sources *sources, struct pool *pool, struct text url,
                              struct err *err)
{
    const char *local = sources->config.git_local;
    struct text folder = text_of(local != NULL ? local : ""), path;

    if (!text_starts(url, FILE_SCHEME))
        return "";
    path = text_sub(url, sizeof(FILE_SCHEME) - 1, url.len);
    if (text_ends(path, "/"))
        path = text_sub(path, 0, path.len - 1);
    if (text_ends(folder, "/"))
        folder = text_sub(folder, 0, folder.len - 1);
    if (local != NULL && path.len > folder.len && path.base[folder.len] == '/' &&
        text_eq(text_sub(path, 0, folder.len), folder) &&
        is_beneath(text_sub(path, folder.len + 1, path.len)))
        return text_c(pool, text_sub(path, folder.len + 1, path.len));
    err_set(err, ERR_UNPROCESSABLE, "bad_url",
            "A file address must name a repository below the folder of --git-local (%s).",
            local != NULL ? local : "none");
    return NULL;
}
