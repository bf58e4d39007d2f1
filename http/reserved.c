#include "http/reserved.h"

static const char *const names[] = {
    "admin",        "api",      "app",  "apps",     "assets", "auth",   "autoconfig",
    "autodiscover", "blog",     "cdn",  "docs",     "ftp",    "git",    "help",
    "hooks",        "host",     "imap", "internal", "login",  "logout", "localhost",
    "mail",         "mx",       "npm",  "ns",       "pop",    "portal", "proxy",
    "redhouse",     "registry", "root", "smtp",     "static", "status", "support",
    "system",       "webmail",  "wpad", "www",
};

bool reserved_slug(struct text slug)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (text_is(slug, names[i]))
            return true;
    return false;
}
