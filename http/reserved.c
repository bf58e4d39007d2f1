#include "http/reserved.h"

static const char *const names[] = {
    "admin",        "api",      "app",  "apps",     "assets", "auth",   "autoconfig",
    "autodiscover", "blog",     "cdn",  "docs",     "ftp",    "git",    "help",
    "hooks",        "host",     "imap", "internal", "login",  "logout", "localhost",
    "mail",         "mx",       "npm",  "ns",       "pop",    "portal", "proxy",
    "redhouse",     "registry", "root", "smtp",     "static", "status", "support",
    "system",       "webmail",  "wpad", "www",
};

static const char *const scopes[] = {
    "babel",    "emnapi",      "flowfuse", "flowforge",
    "gar",      "isaacs",      "mapbox",   "modelcontextprotocol",
    "napi-rs",  "node-red",    "node-rs",  "nodejs",
    "nodelib",  "npmcli",      "pkgjs",    "redhouse",
    "sigstore", "tootallnate", "tufjs",    "types",
};

static bool is_one_of(struct text slug, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (text_is(slug, list[i]))
            return true;
    return false;
}

bool reserved_slug(struct text slug)
{
    return is_one_of(slug, names, sizeof(names) / sizeof(names[0]));
}

bool reserved_scope(struct text slug)
{
    return is_one_of(slug, scopes, sizeof(scopes) / sizeof(scopes[0]));
}
