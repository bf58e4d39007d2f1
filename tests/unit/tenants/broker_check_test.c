#include "tests/unit/unit.h"

#include "tenants/broker/broker.h"
#include "tenants/broker/check.h"

#include <stdio.h>

static struct broker_request good(uint32_t verb)
{
    struct broker_request r = {
        .version = BROKER_VERSION,
        .verb = verb,
        .public_port = 8080,
        .generation = 1,
        .memory_bytes = 256LL << 20,
        .cpu_percent = 100,
        .pids = 100,
        .deadline_ms = 60000,
    };

    snprintf(r.id, sizeof(r.id), "%s", "01jd0000000000000000000000");
    snprintf(r.stack, sizeof(r.stack), "%s", "node-red@5");
    snprintf(r.plugins, sizeof(r.plugins), "%s", "abc123");
    snprintf(r.public_host, sizeof(r.public_host), "%s", "localhost");
    return r;
}

static int check(const struct broker_request *r)
{
    struct err err;

    return check_request(r, sizeof(*r), &err);
}

static void a_whole_request_of_each_verb_passes(void **state)
{
    for (uint32_t verb = BROKER_PREPARE; verb <= BROKER_STACK_REMOVE; verb++) {
        struct broker_request r = good(verb);
        assert_int_equal(check(&r), 0);
    }
}

static void another_size_version_or_verb_is_refused(void **state)
{
    struct broker_request r = good(BROKER_PREPARE);
    struct err err;

    assert_fails(check_request(&r, sizeof(r) - 1, &err), err, ERR_INVALID, "bad_request");
    assert_fails(check_request(&r, 0, &err), err, ERR_INVALID, "bad_request");
    r.version++;
    assert_int_equal(check(&r), -1);
    r = good(BROKER_STACK_REMOVE + 1);
    assert_int_equal(check(&r), -1);
    r = good(UINT32_MAX);
    assert_int_equal(check(&r), -1);
}

static void a_text_without_an_end_is_refused(void **state)
{
    struct broker_request r = good(BROKER_START);

    memset(r.public_host, 'a', sizeof(r.public_host));
    assert_int_equal(check(&r), -1);
    r = good(BROKER_START);
    memset(r.id, '0', sizeof(r.id));
    assert_int_equal(check(&r), -1);
    r = good(BROKER_PREPARE);
    memset(r.subdir, 'a', sizeof(r.subdir));
    assert_int_equal(check(&r), -1);
}

static void ids_are_26_letters_and_digits(void **state)
{
    assert_true(check_id("01jd0000000000000000000000"));
    assert_false(check_id(""));
    assert_false(check_id("01jd000000000000000000000"));
    assert_false(check_id("01jd00000000000000000000000"));
    assert_false(check_id("01JD0000000000000000000000"));
    assert_false(check_id("01jd000000000000000000000/"));
    assert_false(check_id("../../../../../../../../et"));
}

static void names_cannot_leave_their_folder(void **state)
{
    static const char *const odd[] = {"",       ".",   "..",   "a/b",      "/a", "a..b",
                                      ".job-x", "a b", "a\nb", "\xc3\xa9", "A"};

    assert_true(check_name("node-red@4.1"));
    assert_true(check_name("base-24.21.0-npm-11.6_1"));
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
        assert_false(check_name(odd[i]));
}

static void node_options_are_words_of_the_list(void **state)
{
    static const char *const odd[] = {"--require=x",
                                      "-r x",
                                      "--max-old-space-size",
                                      "--max-old-space-size=",
                                      "--max-old-space-size=1e3",
                                      " ",
                                      "--no-warnings ",
                                      " --no-warnings",
                                      "--no-warnings=",
                                      "=",
                                      "--no-warnings\t--jitless",
                                      "--max-old-space-size=-1",
                                      "--import=data:text/javascript,1"};

    assert_true(check_node_options(TEXT("")));
    assert_true(check_node_options(TEXT("--max-old-space-size=256 --no-warnings")));
    assert_true(check_node_options(TEXT("--max-semi-space-size=1 --v8-pool-size=0")));
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
        if (check_node_options(text_of(odd[i])))
            fail_msg("accepted \"%s\"", odd[i]);
}

static void a_subfolder_stays_below(void **state)
{
    static const char *const odd[] = {"/",      "/a",   "a/",  "a//b", ".",   "..",
                                      "a/../b", "a/..", "./a", "a\nb", "\xff"};

    assert_true(check_subdir(TEXT("")));
    assert_true(check_subdir(TEXT("packages/my thing/..x")));
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
        assert_false(check_subdir(text_of(odd[i])));
}

static void numbers_have_bounds(void **state)
{
    struct broker_request r = good(BROKER_START);

    r.memory_bytes = BROKER_MEMORY_MIN - 1;
    assert_int_equal(check(&r), -1);
    r.memory_bytes = INT64_MAX;
    assert_int_equal(check(&r), -1);
    r = good(BROKER_START);
    r.cpu_percent = 0;
    assert_int_equal(check(&r), -1);
    r = good(BROKER_START);
    r.pids = BROKER_PIDS_MAX + 1;
    assert_int_equal(check(&r), -1);
    r = good(BROKER_START);
    r.public_port = -1;
    assert_int_equal(check(&r), -1);
    r = good(BROKER_START);
    r.generation = -1;
    assert_int_equal(check(&r), -1);
    r = good(BROKER_JOB);
    r.deadline_ms = BROKER_DEADLINE_MAX_MS + 1;
    assert_int_equal(check(&r), -1);
    r = good(BROKER_JOB);
    r.job_kind = UINT32_MAX;
    assert_int_equal(check(&r), -1);
}

static void the_public_host_is_one_line_of_a_hosts_file(void **state)
{
    static const char *const odd[] = {"", "a b", "a\n1.2.3.4 b", "-a", ".a", "a#b", "A"};

    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        struct broker_request r = good(BROKER_START);
        snprintf(r.public_host, sizeof(r.public_host), "%s", odd[i]);
        assert_int_equal(check(&r), -1);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_whole_request_of_each_verb_passes),
    cmocka_unit_test(another_size_version_or_verb_is_refused),
    cmocka_unit_test(a_text_without_an_end_is_refused),
    cmocka_unit_test(ids_are_26_letters_and_digits),
    cmocka_unit_test(names_cannot_leave_their_folder),
    cmocka_unit_test(node_options_are_words_of_the_list),
    cmocka_unit_test(a_subfolder_stays_below),
    cmocka_unit_test(numbers_have_bounds),
    cmocka_unit_test(the_public_host_is_one_line_of_a_hosts_file),
};

UNIT_MAIN(tests)
