/*
 * For the tests of bundles: walks one and compares what was seen, or the refusal, with what is
 * expected.
 */
#pragma once

#include <stdio.h>

#include "core/buf.h"
#include "core/bundle.h"
#include "core/pool.h"
#include "tests/unit/unit.h"

static struct pool *pool;

static struct text join(struct text a, struct text b)
{
    struct buf both;

    buf_init(&both, SIZE_MAX);
    buf_text(&both, a);
    buf_text(&both, b);
    return buf_take(&both, pool);
}

/* Notes every entry as "name:bytes[/|*]=content;" */
struct notes {
    struct buf text;
    bool contents;
};

static int note(void *arg, const struct bundle_entry *entry, struct bundle_walk *walk,
                struct err *err)
{
    struct notes *notes = arg;
    struct text content = TEXT_NONE;

    buf_printf(&notes->text, "%.*s:%d%s", TEXT_ARG(entry->name), (int)entry->bytes,
               entry->is_dir          ? "/"
               : entry->is_executable ? "*"
                                      : "");
    if (notes->contents && !entry->is_dir) {
        if (bundle_content(walk, pool, SIZE_MAX, &content, err) != 0)
            return -1;
        buf_printf(&notes->text, "=%.*s", TEXT_ARG(content));
    }
    buf_char(&notes->text, ';');
    return 0;
}

static int walk_limited(struct text packed, enum bundle_format format,
                        const struct bundle_limits *limits, struct text *seen, struct err *err)
{
    struct notes notes = {.contents = seen != NULL};

    buf_init(&notes.text, 10 << 20);
    int rc = bundle_walk(packed, format, limits, note, &notes, err);
    struct text noted = buf_take(&notes.text, pool);
    if (seen != NULL)
        *seen = noted;
    return rc;
}

static void walks(struct text packed, const char *wanted)
{
    struct text seen;
    struct err err;

    assert_works(walk_limited(packed, BUNDLE_ZIP_OR_TGZ, &bundle_package_limits, &seen, &err), err);
    assert_text(seen, wanted);
    assert_works(walk_limited(packed, BUNDLE_ZIP_OR_TGZ, &bundle_package_limits, NULL, &err), err);
}

static void refused(struct text packed, const char *why)
{
    struct text seen;
    struct err err = {0};

    for (int contents = 0; contents < 2; contents++) {
        if (walk_limited(packed, BUNDLE_ZIP_OR_TGZ, &bundle_package_limits, contents ? &seen : NULL,
                         &err) == 0)
            fail_msg("accepted; should be: %s", why);
        assert_int_equal(err.kind, ERR_UNPROCESSABLE);
        assert_string_equal(err.code, "bad_bundle");
        if (strstr(err.text, why) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", err.text, why);
    }
}
