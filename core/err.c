#include "core/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/text.h"

/* Formats apart from err->text, which may be among the arguments, and never cuts a character in
 * two. */
static void put(struct err *err, enum err_kind kind, const char *code, const char *text)
{
    struct text whole = text_of(text);
    size_t room = sizeof(err->text) - 1;
    size_t len = text_utf8_prefix(text_sub(whole, 0, room));

    err->kind = kind;
    err->code = code;
    memcpy(err->text, text, len);
    err->text[len] = '\0';
}

int err_set(struct err *err, enum err_kind kind, const char *code, const char *fmt, ...)
{
    char text[sizeof(err->text) * 2];
    va_list ap;

    if (err == NULL)
        return -1;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    put(err, kind, code, text);
    return -1;
}

int err_errno(struct err *err, const char *fmt, ...)
{
    int saved = errno;
    char what[sizeof(err->text)];
    char text[sizeof(what) * 2];
    char why[96];
    va_list ap;

    if (err == NULL)
        return -1;
    if (saved == ENOSPC || saved == EDQUOT)
        return err_disk_full(err);
    va_start(ap, fmt);
    vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    snprintf(text, sizeof(text), "%.160s: %s", what, strerror_r(saved, why, sizeof(why)));
    put(err, ERR_INTERNAL, "internal", text);
    errno = saved;
    return -1;
}

int err_disk_full(struct err *err)
{
    return err_set(err, ERR_NO_SPACE, "disk_full",
                   "The server's disk is full. Try again once an administrator has made room.");
}

int err_status(enum err_kind kind)
{
    switch (kind) {
    case ERR_INVALID:
        return 400;
    case ERR_UNAUTHORIZED:
        return 401;
    case ERR_FORBIDDEN:
        return 403;
    case ERR_NOT_FOUND:
        return 404;
    case ERR_CONFLICT:
        return 409;
    case ERR_GONE:
        return 410;
    case ERR_PRECONDITION:
        return 412;
    case ERR_TOO_LARGE:
        return 413;
    case ERR_UNSUPPORTED:
        return 415;
    case ERR_UNPROCESSABLE:
        return 422;
    case ERR_TOO_MANY:
        return 429;
    case ERR_INTERNAL:
        return 500;
    case ERR_UPSTREAM:
        return 502;
    case ERR_UNAVAILABLE:
        return 503;
    case ERR_TIMEOUT:
        return 504;
    case ERR_NO_SPACE:
        return 507;
    }
    return 500;
}
