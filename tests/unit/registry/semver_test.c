#include "tests/unit/unit.h"

#include "registry/semver.h"

static void a_version_is_strict(void **state)
{
    static const char *const bad[] = {"",
                                      "1",
                                      "1.2",
                                      "v1.0.0",
                                      "01.0.0",
                                      "1.02.0",
                                      "1.0.0-",
                                      "1.0.0-01",
                                      "1.0.0-a..b",
                                      "1.0.0+",
                                      "latest",
                                      "1.0.0 ",
                                      " 1.0.0",
                                      "1.0.0.0",
                                      "../1.0.0",
                                      "1.0.0-é",
                                      "1.0.-1",
                                      "1.x.0",
                                      "9007199254740992.0.0",
                                      "99999999999999999999.0.0"};
    struct semver v;
    char long_one[SEMVER_MAX + 2];

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(semver_parse(text_of(bad[i]), &v));
    memset(long_one, '1', sizeof long_one);
    memcpy(long_one, "1.0.0-", 6);
    assert_false(semver_parse(text_n(long_one, sizeof long_one - 1), &v));
    assert_true(semver_parse(text_n(long_one, sizeof long_one - 2), &v));
    assert_true(semver_parse(TEXT("1.20.3-rc.1-x+build.007"), &v));
    assert_int_equal(v.minor, 20);
    assert_text(v.pre, "rc.1-x");
    assert_text(v.build, "build.007");
    assert_true(semver_parse(TEXT("9007199254740991.0.0"), &v));
}

static void versions_are_ordered_as_the_standard_says(void **state)
{
    static const char *const order[] = {
        "0.0.1",      "0.9.0",        "1.0.0-0",       "1.0.0-2",
        "1.0.0-11",   "1.0.0-alpha",  "1.0.0-alpha.1", "1.0.0-alpha.beta",
        "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1",
        "1.0.0",      "1.0.1",        "1.2.0",         "1.10.0",
        "2.0.0"};
    struct semver a, b;

    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
        for (size_t j = 0; j < sizeof order / sizeof order[0]; j++) {
            assert_true(semver_parse(text_of(order[i]), &a));
            assert_true(semver_parse(text_of(order[j]), &b));
            int cmp = semver_cmp(&a, &b);
            assert_int_equal(cmp < 0 ? -1 : cmp > 0, i < j ? -1 : i > j);
        }
    assert_true(semver_parse(TEXT("1.0.0+a"), &a) && semver_parse(TEXT("1.0.0+b"), &b));
    assert_int_equal(semver_cmp(&a, &b), 0);
}

/* What node-semver 7 answers for each range, one digit a version. */
static const char *const versions[] = {
    "1.2.3", "1.2.3-beta.1", "0.0.0",   "0.1.0",       "0.0.3", "2.0.0", "1.3.0",
    "1.2.4", "10.0.0-rc.1",  "1.2.3-0", "2.0.0-alpha", "0.2.5", "3.4.5"};
static const struct {
    const char *range;
    bool is_range;
    const char *satisfied;
} ranges[] = {
    {"*", true, "1011111100011"},
    {"", true, "1011111100011"},
    {"1", true, "1000001100000"},
    {"1.x", true, "1000001100000"},
    {"1.2", true, "1000000100000"},
    {"1.2.x", true, "1000000100000"},
    {"~1.2.3", true, "1000000100000"},
    {"~1", true, "1000001100000"},
    {"~1.2", true, "1000000100000"},
    {"^1.2.3", true, "1000001100000"},
    {"^0.2.3", true, "0000000000010"},
    {"^0.0.3", true, "0000100000000"},
    {"^0.0", true, "0010100000000"},
    {"^0.x", true, "0011100000010"},
    {"^1.x", true, "1000001100000"},
    {">1", true, "0000010000001"},
    {">=1.2", true, "1000011100001"},
    {"<2", true, "1011101100010"},
    {"<=1", true, "1011101100010"},
    {"<=1.2", true, "1011100100010"},
    {">1.2", true, "0000011000001"},
    {"<1", true, "0011100000010"},
    {">=1.2.3-beta.1 <2", true, "1100001100000"},
    {"1.2.3 - 2", true, "1000011100000"},
    {"1.2 - 2.0.0", true, "1000011100000"},
    {"1.2.3-beta.1", true, "0100000000000"},
    {"=1.2.3", true, "1000000000000"},
    {"v1.2.3", true, "1000000000000"},
    {"~> 1.2", true, "1000000100000"},
    {">= 1.2.3", true, "1000011100001"},
    {"1 || 3", true, "1000001100001"},
    {"^1.2.3-beta", true, "1100001100000"},
    {"<2.0.0-beta", true, "1011101100110"},
    {">*", true, "0000000000000"},
    {"<*", true, "0000000000000"},
    {"latest", false, "0000000000000"},
    {"1.2.3.4", false, "0000000000000"},
    {"^", false, "0000000000000"},
    {"1.x.3", false, "0000000000000"},
    {"~0.0.3", true, "0000100000000"},
    {"^1.2.3 || >=10.0.0-rc.0", true, "1000001110000"},
    {"blah || 1", false, "0000000000000"},
    {">=2.0.0", true, "0000010000001"},
    {">=3.0.0 <5", true, "0000000000001"},
    {"x", true, "1011111100011"},
    {"1 - x", true, "1000011100001"},
    {"~1.2.3-beta.0", true, "1100000100000"},
    {"=<1", false, "0000000000000"},
    {"1.2.3+build", true, "1000000000000"},
    {"^01.0.0", false, "0000000000000"},
};

static void ranges_mean_what_node_semver_means(void **state)
{
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        struct text range = text_of(ranges[i].range);
        if (semver_is_range(range) != ranges[i].is_range)
            fail_msg("is \"%s\" a range?", ranges[i].range);
        for (size_t j = 0; j < sizeof versions / sizeof versions[0]; j++) {
            struct semver v;
            assert_true(semver_parse(text_of(versions[j]), &v));
            if (semver_satisfies(&v, range) != (ranges[i].satisfied[j] == '1'))
                fail_msg("does %s satisfy \"%s\"?", versions[j], ranges[i].range);
        }
    }
}

static void hostile_ranges_are_refused(void **state)
{
    char many[SEMVER_MAX + 1];
    struct semver v;

    assert_true(semver_parse(TEXT("1.0.0"), &v));
    memset(many, '|', sizeof many);
    assert_false(semver_is_range(text_n(many, sizeof many)));
    for (size_t i = 0; i + 1 < sizeof many; i += 2)
        memcpy(many + i, "1 ", 2);
    assert_false(semver_is_range(text_n(many, sizeof many - 1))); /* 128 comparators */
    assert_false(semver_satisfies(&v, TEXT("1.0.0\0")));
    assert_false(semver_satisfies(&v, TEXT(">=")));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_version_is_strict),
    cmocka_unit_test(versions_are_ordered_as_the_standard_says),
    cmocka_unit_test(ranges_mean_what_node_semver_means),
    cmocka_unit_test(hostile_ranges_are_refused),
};
UNIT_MAIN(tests)
