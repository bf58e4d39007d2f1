#include "tests/unit/unit.h"

#include "core/json.h"
#include "core/pool.h"
#include "registry/advisory/cvss.h"
#include "registry/advisory/osv.h"

static void scores_are_those_of_the_standard(void **state)
{
    static const struct {
        const char *vector;
        int score;
    } cases[] = {
        {"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 98},
        {"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 100},
        {"CVSS:3.0/AV:N/AC:L/PR:L/UI:R/S:C/C:L/I:L/A:N", 54},
        {"CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:N/I:N/A:H", 59},
        {"CVSS:3.1/AV:L/AC:L/PR:H/UI:N/S:C/C:H/I:H/A:H", 82},
        {"CVSS:3.1/AV:P/AC:H/PR:H/UI:R/S:U/C:N/I:N/A:N", 0},
        {"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H/E:P/RC:C", 98},
        {"CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", -1},
        {"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H", -1},
        {"CVSS:3.1/AV:N/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", -1},
        {"CVSS:3.1/AV:X/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", -1},
        {"AV:N/AC:L/Au:N/C:P/I:P/A:P", -1},
        {"", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (cvss_score(text_of(cases[i].vector)) != cases[i].score)
            fail_msg("%s: %d", cases[i].vector, cvss_score(text_of(cases[i].vector)));
    /* what JSON may hold and C ends at is no value */
    assert_int_equal(cvss_score(TEXT("CVSS:3.1/AV:\0/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H")), -1);
    assert_int_equal(cvss_score(TEXT("CVSS:3.1/AV:N/AC:\0/PR:N/UI:N/S:U/C:H/I:H/A:H")), -1);
}

static int read_text(struct pool *pool, const char *text, struct osv *osv, struct err *err)
{
    struct json *doc;
    assert_works(json_read(pool, text_of(text), 100000, &doc, err), *err);
    return osv_read(pool, doc, osv, err);
}

/* One package's ranges as text. */
static struct text ranges(struct pool *pool, const char *affected)
{
    struct osv osv;
    struct err err;
    struct text doc = text_printf(
        pool,
        "{\"id\":\"T-1\",\"modified\":\"2026-01-01T00:00:00Z\",\"affected\":[{\"package\":{"
        "\"ecosystem\":\"npm\",\"name\":\"a\"},%s}]}",
        affected);
    assert_works(read_text(pool, doc.base, &osv, &err), err);
    return osv.n > 0 ? osv.ranges[0].vulnerable : TEXT("none");
}

static void events_become_ranges_that_npm_reads(void **state)
{
    auto_pool struct pool *pool = pool_new();
#define EVENTS(list) "\"ranges\":[{\"type\":\"SEMVER\",\"events\":[" list "]}]"
    assert_text(ranges(pool, EVENTS("{\"introduced\":\"0\"},{\"fixed\":\"1.2.3\"}")), "<1.2.3");
    assert_text(ranges(pool, EVENTS("{\"introduced\":\"0\"}")), "*");
    assert_text(ranges(pool, EVENTS("{\"introduced\":\"1.0.0\"},{\"last_affected\":\"1.4.0\"}")),
                ">=1.0.0 <=1.4.0");
    assert_text(ranges(pool, EVENTS("{\"introduced\":\"1.0.0\"},{\"fixed\":\"1.2.0\"},{"
                                    "\"introduced\":\"2.0.0\"}")),
                ">=1.0.0 <1.2.0 || >=2.0.0");
    assert_text(ranges(pool, "\"versions\":[\"1.0.0\",\"junk\",\"1.0.1\"]"), "=1.0.0 || =1.0.1");
    assert_text(ranges(pool, "\"ranges\":[{\"type\":\"GIT\",\"events\":[{\"introduced\":\"x\"}]}],"
                             "\"versions\":[\"3.0.0\"]"),
                "=3.0.0");
    assert_text(ranges(pool, "\"versions\":[]"), "none");
}

static void prereleases_count_like_all_others(void **state)
{
    assert_true(advisory_covers(TEXT("<1.2.3"), TEXT("1.2.3-beta.1")));
    assert_true(advisory_covers(TEXT(">=1.0.0 <1.2.0 || >=2.0.0"), TEXT("2.1.0-rc.1")));
    assert_false(advisory_covers(TEXT(">=1.0.0 <1.2.0 || >=2.0.0"), TEXT("1.2.0")));
    assert_true(advisory_covers(TEXT("*"), TEXT("0.0.1-x")));
    assert_false(advisory_covers(TEXT("<1.2.3"), TEXT("not a version")));
    assert_true(advisory_is_range(TEXT("^1.2 || 3.x")));
    assert_false(advisory_is_range(TEXT("latest")));
    assert_false(advisory_is_range(TEXT("")));
}

static void the_makers_word_comes_before_the_score(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct osv osv;
    struct err err;
#define DOC(more) "{\"id\":\"T-1\",\"modified\":\"x\"" more "}"
#define CRITICAL                                                                                   \
    ",\"severity\":[{\"type\":\"CVSS_V3\",\"score\":"                                              \
    "\"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H\"}]"
    assert_works(
        read_text(pool, DOC(CRITICAL ",\"database_specific\":{\"severity\":\"LOW\"}"), &osv, &err),
        err);
    assert_text(osv.level, "low");
    assert_int_equal(osv.score, 98);
    assert_works(read_text(pool, DOC(CRITICAL), &osv, &err), err);
    assert_text(osv.level, "critical");
    assert_works(read_text(pool, DOC(""), &osv, &err), err);
    assert_text(osv.level, "moderate");
    assert_works(read_text(pool, "{\"id\":\"MAL-1\",\"modified\":\"x\"}", &osv, &err), err);
    assert_text(osv.level, "critical");
    assert_works(read_text(pool, DOC(",\"withdrawn\":\"2026-01-01T00:00:00Z\""), &osv, &err), err);
    assert_true(osv.withdrawn);
}

static void what_is_wrong_is_said(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct osv osv;
    struct err err;
    static const char *const docs[] = {
        "[]",
        "{}",
        "{\"id\":1,\"modified\":\"x\"}",
        "{\"id\":\"RH-1\",\"modified\":\"x\"}",
        "{\"id\":\"T 1\",\"modified\":\"x\"}",
        "{\"id\":\"T-1\"}",
        DOC(",\"affected\":[{\"package\":{\"ecosystem\":\"npm\",\"name\":\"../x\"}}]"),
        DOC(",\"affected\":[{\"package\":{\"ecosystem\":\"npm\",\"name\":\"a\"},\"ranges\":[{"
            "\"type\":\"SEMVER\",\"events\":[{\"introduced\":\"1.x\"}]}]}]"),
    };
    for (size_t i = 0; i < sizeof docs / sizeof docs[0]; i++)
        assert_fails(read_text(pool, docs[i], &osv, &err), err, ERR_UNPROCESSABLE, "bad_advisory");
    /* Of other shapes than promised: nothing is found, nothing breaks. */
    assert_works(read_text(pool,
                           DOC(",\"affected\":{\"a\":1},\"severity\":3,\"references\":[1],"
                               "\"summary\":[],\"aliases\":\"x\",\"database_specific\":[]"),
                           &osv, &err),
                 err);
    assert_int_equal(osv.n, 0);
}

/* An export may hold hundreds of thousands of them in one array. */
static void a_small_document_takes_little_memory(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct osv osv;
    struct err err;
    struct json *doc;
    assert_works(json_read(pool, TEXT("{\"id\":\"a\",\"modified\":\"x\"}"), 100, &doc, &err), err);
    size_t before = pool_size(pool);
    assert_works(osv_read(pool, doc, &osv, &err), err);
    assert_in_range(pool_size(pool) - before, 0, 1000);
}

static void many_events_versions_and_packages_are_refused(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct osv osv;
    struct err err;
    auto_buf struct buf doc = {0};
    buf_init(&doc, 1u << 20);
    buf_str(&doc, "{\"id\":\"T-1\",\"modified\":\"x\",\"affected\":[{\"package\":{\"ecosystem\":"
                  "\"npm\",\"name\":\"a\"},\"ranges\":[{\"type\":\"SEMVER\",\"events\":[");
    for (int i = 0; i < 2000; i++)
        buf_printf(&doc, "%s{\"introduced\":\"%d.0.0\"},{\"fixed\":\"%d.0.1\"}", i > 0 ? "," : "",
                   i, i);
    buf_str(&doc, "]}]}]}");
    assert_fails(read_text(pool, text_c(pool, buf_view(&doc)), &osv, &err), err, ERR_UNPROCESSABLE,
                 "bad_advisory");
    buf_clear(&doc);
    buf_str(&doc, "{\"id\":\"T-1\",\"modified\":\"x\",\"affected\":[");
    for (int i = 0; i <= OSV_MAX_PACKAGES; i++)
        buf_printf(&doc,
                   "%s{\"package\":{\"ecosystem\":\"npm\",\"name\":\"a%d\"},\"versions\":[\"1.0."
                   "0\"]}",
                   i > 0 ? "," : "", i);
    buf_str(&doc, "]}");
    assert_fails(read_text(pool, text_c(pool, buf_view(&doc)), &osv, &err), err, ERR_UNPROCESSABLE,
                 "bad_advisory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_are_those_of_the_standard),
        cmocka_unit_test(events_become_ranges_that_npm_reads),
        cmocka_unit_test(prereleases_count_like_all_others),
        cmocka_unit_test(the_makers_word_comes_before_the_score),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(a_small_document_takes_little_memory),
        cmocka_unit_test(many_events_versions_and_packages_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
