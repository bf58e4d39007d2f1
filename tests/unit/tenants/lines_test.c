#include "tests/unit/unit.h"

#include "tenants/warden/lines.h"

#include <stdio.h>

struct seen {
    char all[4096];
    size_t n, lines;
};

static void on_line(void *arg, struct text line)
{
    struct seen *s = arg;

    s->lines++;
    s->n += (size_t)snprintf(s->all + s->n, sizeof(s->all) - s->n, "[%.*s]", TEXT_ARG(line));
}

static void feed(struct lines *l, const char *text, struct seen *s)
{
    lines_feed(l, text, strlen(text), on_line, s);
}

static void lines_come_out_whole_however_they_arrive(void **state)
{
    const char *text = "one\ntwo\r\n\nthree\n";
    char buf[64];

    for (size_t part = 1; part < 20; part++) {
        struct lines l = {.buf = buf, .max = sizeof(buf), .excess = LINES_SPLIT};
        struct seen s = {.n = 0};
        for (size_t at = 0; at < strlen(text); at += part) {
            size_t left = strlen(text) - at;
            lines_feed(&l, text + at, left < part ? left : part, on_line, &s);
        }
        assert_string_equal(s.all, "[one][two][][three]");
    }
}

static void a_long_line_is_split_or_dropped_as_asked(void **state)
{
    char buf[4];
    struct lines split = {.buf = buf, .max = sizeof(buf), .excess = LINES_SPLIT};
    struct seen s = {.n = 0};

    feed(&split, "abcdefghij\nk\n", &s);
    assert_string_equal(s.all, "[abcd][efgh][ij][k]");

    struct lines drop = {.buf = buf, .max = sizeof(buf), .excess = LINES_DROP};
    s = (struct seen){.n = 0};
    feed(&drop, "ab\nabcdefghij", &s);
    feed(&drop, "klm", &s);
    feed(&drop, "n\nabcd\nabcde\nk\n", &s);
    assert_string_equal(s.all, "[ab][abcd][k]");
    assert_int_equal(drop.dropped, 2);
}

static void what_is_left_at_the_end_is_a_line_of_a_log_only(void **state)
{
    char buf[8];
    struct lines split = {.buf = buf, .max = sizeof(buf), .excess = LINES_SPLIT};
    struct seen s = {.n = 0};

    feed(&split, "no end", &s);
    lines_end(&split, on_line, &s);
    lines_end(&split, on_line, &s);
    assert_string_equal(s.all, "[no end]");

    struct lines drop = {.buf = buf, .max = sizeof(buf), .excess = LINES_DROP};
    s = (struct seen){.n = 0};
    feed(&drop, "no end", &s);
    lines_end(&drop, on_line, &s);
    assert_int_equal(s.lines, 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(lines_come_out_whole_however_they_arrive),
    cmocka_unit_test(a_long_line_is_split_or_dropped_as_asked),
    cmocka_unit_test(what_is_left_at_the_end_is_a_line_of_a_log_only),
};

UNIT_MAIN(tests)
