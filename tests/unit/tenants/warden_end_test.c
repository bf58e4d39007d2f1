#include "tests/unit/unit.h"

#include "core/buf.h"
#include "tenants/sandbox/sandbox.h"
#include "tenants/warden/end.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static struct end judge(int kind, int code, int64_t oom, bool killed, const char *words)
{
    struct sandbox_report report = {.kind = (uint32_t)kind, .code = code};
    struct end end;

    end_judge(&end, kind < 0 ? NULL : &report, oom, killed, words);
    return end;
}

static void an_exit_is_an_exit_whatever_died_of_memory_before(void **state)
{
    struct end end = judge(SANDBOX_EXITED, 3, 1, false, "the port is taken");

    assert_string_equal(end.kind, "exit");
    assert_int_equal(end.code, 3);
    assert_string_equal(end.text, "the port is taken");
}

static void a_signal_is_named_by_its_number(void **state)
{
    struct end end = judge(SANDBOX_KILLED, SIGSEGV, 1, false, "");

    assert_string_equal(end.kind, "signal");
    assert_int_equal(end.code, SIGSEGV);
    assert_string_equal(end.text, "");
}

static void sigkill_is_oom_only_if_the_kernel_says_so(void **state)
{
    assert_string_equal(judge(SANDBOX_KILLED, SIGKILL, 0, false, "").kind, "signal");
    assert_string_equal(judge(SANDBOX_KILLED, SIGKILL, 1, false, "").kind, "oom");
    assert_true(strlen(judge(SANDBOX_KILLED, SIGKILL, 1, false, "").text) > 0);
    assert_string_equal(judge(SANDBOX_KILLED, SIGKILL, 1, true, "").kind, "signal");
}

static void an_end_without_a_word_is_sigkill(void **state)
{
    struct end end = judge(-1, 0, 0, false, "");

    assert_string_equal(end.kind, "signal");
    assert_int_equal(end.code, SIGKILL);
    assert_string_equal(judge(-1, 0, 2, false, "").kind, "oom");
}

static void last_words_are_cut_not_overrun(void **state)
{
    char words[400];

    memset(words, 'x', sizeof(words));
    words[sizeof(words) - 1] = '\0';
    assert_int_equal(strlen(judge(SANDBOX_EXITED, 1, 0, false, words).text), 159);
}

static void the_file_is_replaced_whole_and_through_no_link(void **state)
{
    char folder[] = "/tmp/end-test-XXXXXX", content[256] = "";
    struct end end = judge(SANDBOX_EXITED, 0, 0, false, "say \"hi\"");
    auto_buf struct buf json;

    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    assert_int_equal(symlink("/tmp/nowhere", "end.json.new"), 0);
    buf_init(&json, 4096);
    end_write(&json, &end, 1234567890123, 7);
    assert_int_equal(end_save(&json), 0);
    assert_int_equal(end_save(&json), 0);
    int fd = open("end.json", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    assert_true(read(fd, content, sizeof(content) - 1) > 0);
    close(fd);
    assert_string_equal(content, "{\"kind\":\"exit\",\"code\":0,\"text\":\"say \\\"hi\\\"\","
                                 "\"at\":1234567890123,\"generation\":7}");
    assert_int_equal(access("end.json.new", F_OK), -1);
    assert_int_equal(access("/tmp/nowhere", F_OK), -1);
    unlink("end.json");
    assert_int_equal(chdir("/"), 0);
    rmdir(folder);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(an_exit_is_an_exit_whatever_died_of_memory_before),
    cmocka_unit_test(a_signal_is_named_by_its_number),
    cmocka_unit_test(sigkill_is_oom_only_if_the_kernel_says_so),
    cmocka_unit_test(an_end_without_a_word_is_sigkill),
    cmocka_unit_test(last_words_are_cut_not_overrun),
    cmocka_unit_test(the_file_is_replaced_whole_and_through_no_link),
};

UNIT_MAIN(tests)
