#include "registry/pkgname.h"

#include "core/err.h"
#include "registry/semver.h"

#define TAG_MAX 100
#define BAD_NAME ERR_UNPROCESSABLE, "bad_package_name"

/* What encodeURIComponent leaves alone: characters of names that were ever accepted. */
static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-_.!~*'()", c) != NULL);
}

static bool is_name_part(struct text t)
{
    if (t.len == 0 || t.base[0] == '.')
        return false;
    for (size_t i = 0; i < t.len; i++)
        if (!is_name_char(t.base[i]))
            return false;
    return true;
}

bool pkgname_split(struct text name, struct pkgname *out)
{
    struct pkgname n = {.full = name, .scope = text_sub(name, 0, 0), .base = name};
    if (name.len == 0 || name.len > PKGNAME_MAX)
        return false;
    if (name.base[0] == '@') {
        size_t slash = text_find(name, '/', 0);
        if (slash == SIZE_MAX)
            return false;
        n.scope = text_sub(name, 1, slash - 1);
        n.base = text_sub(name, slash + 1, name.len);
        if (!is_name_part(n.scope))
            return false;
    }
    if (!is_name_part(n.base) || text_is(n.base, "-"))
        return false;
    *out = n;
    return true;
}

/* require("http") never reaches a package, so that a package of that name is a trap. */
static bool is_builtin(struct text name)
{
    static const char *const names[] = {"assert",
                                        "async_hooks",
                                        "buffer",
                                        "child_process",
                                        "cluster",
                                        "console",
                                        "constants",
                                        "crypto",
                                        "dgram",
                                        "diagnostics_channel",
                                        "dns",
                                        "domain",
                                        "events",
                                        "fs",
                                        "http",
                                        "http2",
                                        "https",
                                        "inspector",
                                        "module",
                                        "net",
                                        "os",
                                        "path",
                                        "perf_hooks",
                                        "process",
                                        "punycode",
                                        "querystring",
                                        "readline",
                                        "repl",
                                        "sqlite",
                                        "stream",
                                        "string_decoder",
                                        "sys",
                                        "test",
                                        "timers",
                                        "tls",
                                        "trace_events",
                                        "tty",
                                        "url",
                                        "util",
                                        "v8",
                                        "vm",
                                        "wasi",
                                        "worker_threads",
                                        "zlib",
                                        "node_modules",
                                        "favicon.ico"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (text_is(name, names[i]))
            return true;
    return false;
}

int pkgname_check_new(struct text name, struct err *err)
{
    struct pkgname n;
    if (name.len == 0)
        return err_set(err, BAD_NAME, "A package needs a name.");
    if (name.len > PKGNAME_MAX)
        return err_set(err, BAD_NAME, "A package name has at most %d characters.", PKGNAME_MAX);
    if (!pkgname_split(name, &n))
        return err_set(
            err, BAD_NAME,
            "A package name is made of lower-case letters, digits, '-', '_' and '.', with an "
            "@scope/ in front if it has one, and does not begin with '.'.");
    for (size_t i = 0; i < name.len; i++) {
        char c = name.base[i];
        if (c >= 'A' && c <= 'Z')
            return err_set(err, BAD_NAME, "A package name has no upper-case letters.");
        if (strchr("!~*'()", c) != NULL)
            return err_set(err, BAD_NAME, "A package name must not contain '%c'.", c);
    }
    if (n.scope.len > 0)
        return 0;
    if (n.base.base[0] == '_' || n.base.base[0] == '-')
        return err_set(err, BAD_NAME, "A package name does not begin with '%c'.", n.base.base[0]);
    if (is_builtin(n.base))
        return err_set(err, BAD_NAME, "\"%.*s\" is a name that Node.js keeps for itself.",
                       TEXT_ARG(n.base));
    return 0;
}

int pkgname_check_tag(struct text tag, struct err *err)
{
    bool ok = tag.len > 0 && tag.len <= TAG_MAX && tag.base[0] != '.' && !text_is(tag, "__proto__");
    for (size_t i = 0; ok && i < tag.len; i++)
        ok = is_name_char(tag.base[i]);
    if (!ok)
        return err_set(err, ERR_UNPROCESSABLE, "bad_tag",
                       "A tag is 1 to %d letters, digits, '-', '_' or '.'.", TAG_MAX);
    if (semver_is_range(tag))
        return err_set(err, ERR_UNPROCESSABLE, "bad_tag",
                       "\"%.*s\" reads as a version range and cannot be a tag.", TEXT_ARG(tag));
    return 0;
}
