/*
 * Names of packages and dist-tags, judged once at the door. Two questions: is it a name that may be
 * asked for (old public packages have odd ones), and may a new package of ours be called so. Pure.
 */
#pragma once

#include "core/text.h"

struct err;

#define PKGNAME_MAX 214

struct pkgname {
    struct text full;  /* "@acme/red-hello" */
    struct text scope; /* "acme"; empty when unscoped */
    struct text base;  /* "red-hello": tarballs are called after it */
};

/* Anything that npm could ever have accepted; false for all else. Views into name. */
bool pkgname_split(struct text name, struct pkgname *out);
/* ERR_UNPROCESSABLE "bad_package_name" with what is wrong: npm's rules for new packages. */
int pkgname_check_new(struct text name, struct err *err);
/* A dist-tag: 1 to 100 printable characters of a URL segment, and no range ("1.x", "v2"), so that
 * `npm install name@tag` cannot mean two things. ERR_UNPROCESSABLE "bad_tag". */
int pkgname_check_tag(struct text tag, struct err *err);
