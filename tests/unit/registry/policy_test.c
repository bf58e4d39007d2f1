#include "tests/unit/unit.h"

#include "core/buf.h"
#include "core/json.h"
#include "core/pool.h"
#include "registry/policy/filter.h"
#include "registry/policy/licence.h"
#include "registry/policy/moment.h"

#define NOW INT64_C(1767323045678) /* 2026-01-02T03:04:05.678Z */
#define HOUR INT64_C(3600000)

static bool is_good(void *arg, struct text id)
{
    return text_is(id, "MIT") || text_is(id, "ISC");
}

static void licences_are_expressions(void **state)
{
    static const struct {
        const char *expression;
        bool allowed;
    } cases[] = {
        {"MIT", true},
        {"GPL-3.0", false},
        {"MIT OR GPL-3.0", true},
        {"(GPL-3.0 OR MIT)", true},
        {"MIT AND GPL-3.0", false},
        {"MIT AND ISC", true},
        {"GPL-3.0 OR MIT AND ISC", true},
        {"(GPL-3.0 OR MIT) AND GPL-3.0", false},
        {"mit or gpl", false},
        {"MIT WITH some-exception", true},
        {"GPL-2.0 WITH Classpath OR ISC", true},
        {"SEE LICENSE IN x", false},
        {"", false},
        {"(MIT", false},
        {"MIT)", false},
        {"OR", false},
        {"((((((((((((((MIT))))))))))))))", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (licence_allows(text_of(cases[i].expression), is_good, NULL) != cases[i].allowed)
            fail_msg("%s", cases[i].expression);
}

static void moments_are_read(void **state)
{
    assert_int_equal(moment_read(TEXT("2026-01-02T03:04:05.678Z")), NOW);
    assert_int_equal(moment_read(TEXT("2026-01-02T03:04:05Z")), NOW - 678);
    assert_int_equal(moment_read(TEXT("1970-01-01T00:00:00.000Z")), 0);
    assert_int_equal(moment_read(TEXT("2000-02-29T00:00:00.000Z")), INT64_C(951782400000));
    static const char *const none[] = {
        "", "2026", "2026-13-01T00:00:00Z", "2026-01-02 03:04:05", "2026-01-02T03:04:05.6", "x"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        assert_int_equal(moment_read(text_of(none[i])), 0);
    assert_int_equal(moment_read(TEXT("2026-01-02T03:04:05\0")), 0);
    assert_int_equal(moment_read(TEXT("2026\0"
                                      "01-02T03:04:05Z")),
                     0);
}

static int read_rules(struct pool *pool, const char *text, struct rules *rules, struct err *err)
{
    struct json *doc;
    assert_works(json_read(pool, text_of(text), 10000, &doc, err), *err);
    return rules_read(pool, doc, rules, err);
}

static void rules_that_are_spelt_wrong_are_refused(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct rules rules;
    struct err err;
    static const char *const bad[] = {
        "{\"publick\":{}}",
        "{\"public\":{\"minimum_age\":3}}",
        "{\"public\":[]}",
        "{\"public\":{\"minimum_age_hours\":-1}}",
        "{\"public\":{\"minimum_age_hours\":999999}}",
        "{\"public\":{\"deny\":[{\"name\":\"\"}]}}",
        "{\"public\":{\"deny\":\"x\"}}",
        "{\"public\":{\"deny\":[{\"name\":\"x\",\"versions\":\"latest\"}]}}",
        "{\"public\":{\"install_scripts\":\"maybe\"}}",
        "{\"public\":{\"advisories\":\"huge\"}}",
        "{\"public\":{\"licences_allowed\":[1]}}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int failed = read_rules(pool, bad[i], &rules, &err);
        if (failed == 0)
            fail_msg("%s was taken", bad[i]);
        assert_true(err.kind == ERR_UNPROCESSABLE || err.kind == ERR_INVALID);
    }
    assert_works(read_rules(pool, "{}", &rules, &err), err);
    assert_false(rules.public.any || rules.private.any);
}

static struct section section_of(struct pool *pool, const char *text)
{
    struct rules rules;
    struct err err;
    assert_works(read_rules(pool, text_printf(pool, "{\"public\":%s}", text).base, &rules, &err),
                 err);
    return rules.public;
}

static struct text judge(struct pool *pool, const char *rules, struct facts f)
{
    struct section s = section_of(pool, rules);
    struct text reason;
    if (f.name.base == NULL)
        f.name = TEXT("left-pad");
    if (f.version.base == NULL)
        f.version = TEXT("1.3.0");
    return section_allows(&s, pool, &f, NOW, &reason) ? TEXT("") : reason;
}

/* An owner may name a thousand licences, and a package have thousands of versions. */
static void judging_a_version_takes_little_memory(void **state)
{
    auto_pool struct pool *pool = pool_new();
    auto_buf struct buf rules = {0};
    buf_init(&rules, (size_t)1 << 20);
    buf_str(&rules, "{\"licences_denied\":[\"GPL*\"");
    for (int i = 0; i < RULES_MOST - 1; i++)
        buf_printf(&rules, ",\"Some-Licence-%d\"", i);
    buf_str(&rules, "]}");
    struct section s = section_of(pool, rules.base);
    struct facts f = {.name = TEXT("x"), .version = TEXT("1.0.0"), .licence = TEXT("MIT")};
    struct text reason;
    size_t before = pool_size(pool);
    assert_true(section_allows(&s, pool, &f, NOW, &reason));
    f.licence = TEXT("gpl-3.0");
    assert_false(section_allows(&s, pool, &f, NOW, &reason));
    assert_in_range(pool_size(pool) - before, 0, 1000);
}

static void each_rule_says_why(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct facts f = {0};
    assert_text(judge(pool, "{\"deny\":[{\"name\":\"left-*\",\"reason\":\"we do that\"}]}", f),
                "we do that");
    assert_text(judge(pool, "{\"deny\":[{\"name\":\"left-pad\",\"versions\":\"<1.3\"}]}", f), "");
    assert_text(judge(pool, "{\"only_allowed\":true,\"allow\":[{\"name\":\"@acme/*\"}]}", f),
                "it is not among what is allowed");
    assert_text(judge(pool, "{\"only_allowed\":true,\"allow\":[{\"name\":\"left-pad\"}]}", f), "");
    f.install_script = true;
    assert_text(judge(pool, "{\"install_scripts\":\"deny\"}", f),
                "it runs a script when it is installed");
    assert_text(
        judge(pool, "{\"install_scripts\":\"deny\",\"install_scripts_allowed\":[\"left-*\"]}", f),
        "");
    f.published_ms = NOW - HOUR;
    assert_text(judge(pool, "{\"minimum_age_hours\":2}", f), "it is younger than 2 hours");
    assert_text(judge(pool, "{\"minimum_age_hours\":1}", f), "");
    f.licence = TEXT("AGPL-3.0-only");
    assert_text(judge(pool, "{\"licences_denied\":[\"agpl-*\"]}", f),
                "its licence, AGPL-3.0-only, is not allowed");
    assert_text(judge(pool, "{\"licences_allowed\":[\"MIT\"]}", (struct facts){0}),
                "it tells no licence");
    f.level = 3;
    f.advisory = TEXT("T-1");
    assert_text(judge(pool, "{\"advisories\":\"high\"}", f), "T-1 is known against it");
    assert_text(judge(pool, "{\"advisories\":\"critical\"}", f), "");
    /* What is allowed by name is exempt from all but deny. */
    assert_text(
        judge(pool,
              "{\"advisories\":\"low\",\"minimum_age_hours\":9,\"install_scripts\":\"deny\","
              "\"licences_denied\":[\"*\"],\"allow\":[{\"name\":\"left-pad\"}]}",
              f),
        "");
}

static const char packument[] =
    "{\"name\":\"a\",\"dist-tags\":{\"latest\":\"2.0.0\",\"old\":\"1.0.0\",\"next\":\"3.0.0-b\"},"
    "\"versions\":{\"1.0.0\":{\"name\":\"a\",\"version\":\"1.0.0\",\"license\":\"MIT\"},"
    "\"1.5.0\":{\"name\":\"a\",\"version\":\"1.5.0\",\"license\":{\"type\":\"MIT\"},\"scripts\":{"
    "\"postinstall\":\"x\"}},"
    "\"2.0.0\":{\"name\":\"a\",\"version\":\"2.0.0\",\"licenses\":[{\"type\":\"GPL-3.0\"}]},"
    "\"3.0.0-b\":{\"name\":\"a\",\"version\":\"3.0.0-b\",\"hasInstallScript\":true,\"license\":"
    "\"MIT\"}},"
    "\"time\":{\"created\":\"2020-01-01T00:00:00.000Z\",\"1.0.0\":\"2020-01-01T00:00:00.000Z\","
    "\"1.5.0\":\"2020-01-01T00:00:00.000Z\",\"2.0.0\":\"2020-01-01T00:00:00.000Z\","
    "\"3.0.0-b\":\"2026-01-02T00:00:00.000Z\"},\"readme\":\"x\"}";

static struct text filtered(struct pool *pool, const char *rules, struct verdict *verdict)
{
    struct section s = section_of(pool, rules);
    const struct section *sections[] = {&s};
    struct judging j = {.sections = sections, .n_sections = 1, .now_ms = NOW};
    struct text out;
    struct err err;
    assert_works(filter_judge(pool, &j, TEXT("a"), text_of(packument), verdict, &err), err);
    assert_works(filter_apply(pool, verdict, TEXT("a"), text_of(packument), &out, &err), err);
    return out;
}

static struct text at(struct pool *pool, struct text body, const char *path)
{
    struct json *doc;
    struct err err;
    assert_works(json_read(pool, body, 10000, &doc, &err), err);
    const struct json *node = json_at(doc, path);
    return node != NULL ? node->raw : TEXT("none");
}

static void refused_versions_are_taken_out_and_latest_falls_back(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct verdict v;
    struct text body = filtered(pool, "{\"licences_denied\":[\"GPL*\"]}", &v);
    assert_int_equal(v.n, 1);
    assert_text(at(pool, body, "dist-tags"),
                "{\"latest\":\"1.5.0\",\"old\":\"1.0.0\",\"next\":\"3.0.0-b\"}");
    assert_text(at(pool, body, "policyRestrictions"),
                "{\"message\":\"Refused here:\\n  2.0.0: its licence, GPL-3.0, is not allowed\","
                "\"versions\":{\"2.0.0\":{\"name\":\"a\",\"version\":\"2.0.0\"}}}");
    assert_null(strstr(text_c(pool, at(pool, body, "time")), "2.0.0"));
    body = filtered(pool, "{\"install_scripts\":\"deny\"}", &v);
    assert_text(at(pool, body, "dist-tags"), "{\"latest\":\"2.0.0\",\"old\":\"1.0.0\"}");
    body = filtered(pool, "{\"minimum_age_hours\":24,\"licences_denied\":[\"GPL*\"]}", &v);
    assert_text(at(pool, body, "dist-tags"), "{\"latest\":\"1.5.0\",\"old\":\"1.0.0\"}");
    body = filtered(pool, "{\"deny\":[{\"name\":\"a\"}]}", &v);
    assert_int_equal(v.n, 4);
    assert_text(at(pool, body, "dist-tags"), "{}");
    assert_text(at(pool, body, "versions"), "{}");
    body = filtered(pool, "{\"deny\":[{\"name\":\"a\",\"versions\":\"<3.0.0-0\"}]}", &v);
    assert_text(at(pool, body, "dist-tags"), "{\"latest\":\"3.0.0-b\",\"next\":\"3.0.0-b\"}");
    body = filtered(pool, "{}", &v);
    assert_text(body, packument);
}

static void what_is_no_packument_is_said(void **state)
{
    auto_pool struct pool *pool = pool_new();
    struct verdict v;
    struct err err;
    struct judging j = {.now_ms = NOW};
    static const char *const bad[] = {"", "[]", "{}", "{\"versions\":3}",
                                      "{\"versions\":{\"1.0.0\":"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_fails(filter_judge(pool, &j, TEXT("a"), text_of(bad[i]), &v, &err), err,
                     ERR_UPSTREAM, "bad_document");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(licences_are_expressions),
        cmocka_unit_test(moments_are_read),
        cmocka_unit_test(rules_that_are_spelt_wrong_are_refused),
        cmocka_unit_test(judging_a_version_takes_little_memory),
        cmocka_unit_test(each_rule_says_why),
        cmocka_unit_test(refused_versions_are_taken_out_and_latest_falls_back),
        cmocka_unit_test(what_is_no_packument_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
