/*
 * What a theme's text files may hold: nothing that runs, nothing from elsewhere. A courtesy to the
 * author, who hears of it when the theme is set; what keeps editors safe is the content policy that
 * the files are served with.
 */
#pragma once

#include "core/text.h"

struct err;
struct pool;

/* ERR_UNPROCESSABLE "bad_css": not UTF-8, or it names what is not a file of its own bundle, also by
 * way of escapes. */
int inert_css(struct pool *pool, struct text css, struct err *err);
/* ERR_UNPROCESSABLE "bad_image": no SVG, or one with scripts, handlers or foreign addresses. */
int inert_svg(struct text name, struct text svg, struct err *err);
