/*
 * One failure, as the person who asked should read it.
 *
 * A function that can fail for a reason somebody should hear returns 0 or -1 (or NULL) and takes a
 * `struct err *` last. It fills it only on failure and touches its outputs only on success. Lower
 * sentences are passed up unchanged unless the caller knows more. No allocation, nothing to free.
 */
#pragma once

#include <stdbool.h>

enum err_kind {
    ERR_INVALID,       /* 400: the request is malformed */
    ERR_UNAUTHORIZED,  /* 401: who are you */
    ERR_FORBIDDEN,     /* 403: you may not */
    ERR_NOT_FOUND,     /* 404 */
    ERR_CONFLICT,      /* 409 */
    ERR_GONE,          /* 410: superseded, do not retry */
    ERR_PRECONDITION,  /* 412: If-Match */
    ERR_TOO_LARGE,     /* 413 */
    ERR_UNSUPPORTED,   /* 415 */
    ERR_UNPROCESSABLE, /* 422: well-formed, but its content is wrong */
    ERR_TOO_MANY,      /* 429 */
    ERR_INTERNAL,      /* 500: text goes to the log, the client gets a request id */
    ERR_UPSTREAM,      /* 502: somebody we depend on answered badly */
    ERR_UNAVAILABLE,   /* 503: full or not up; Retry-After */
    ERR_TIMEOUT,       /* 504 */
    ERR_NO_SPACE,      /* 507: the disk is full */
};

struct err {
    enum err_kind kind;
    const char *code; /* stable code of the API, static text: "slug_taken" */
    char text[240];   /* one sentence, fit to show to the person who asked; says what to do next */
};

/* Fills err (which may be NULL) and returns -1, so that failing is one statement. */
int err_set(struct err *err, enum err_kind kind, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* As err_set with ERR_INTERNAL and strerror(errno) appended; a full disk (ENOSPC, EDQUOT) is
 * ERR_NO_SPACE "disk_full" instead, with its own sentence. */
int err_errno(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The disk that holds our data is full. */
int err_disk_full(struct err *err);
/* The HTTP status of a kind: the one place that knows. */
int err_status(enum err_kind kind);
