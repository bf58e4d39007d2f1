/* Names that become host names, folders or unit names. ASCII, judged once, at the door. */
#pragma once

#include "core/text.h"

struct err;

/* A DNS label fit for `slug.DOMAIN`: 1 to 40 of a-z 0-9 -, starting with a letter, not ending in -,
 * no "--". `what` ("The instance slug") begins the sentence of the refusal, `code` is its code. */
int name_check_slug(struct text slug, const char *what, const char *code, struct err *err);
/* A user name: 1 to 64 of a-z 0-9 . _ -, starting with a letter or digit. */
int name_check_user(struct text name, struct err *err);
/* RFC 1123 host name, optionally ":port"; lower-cases nothing, refuses everything odd. */
bool name_is_host(struct text host);
