#include "tests/unit/unit.h"

#include "http/frames.h"

/* A masked client frame of a text of n bytes. */
static size_t frame(char *out, unsigned char opcode, size_t n)
{
    size_t at = 0;

    out[at++] = (char)(0x80 | opcode);
    if (n < 126) {
        out[at++] = (char)(0x80 | n);
    } else if (n < 65536) {
        out[at++] = (char)(0x80 | 126);
        out[at++] = (char)(n >> 8);
        out[at++] = (char)n;
    } else {
        out[at++] = (char)(0x80 | 127);
        for (int i = 7; i >= 0; i--)
            out[at++] = (char)(n >> (8 * i));
    }
    memset(out + at, 0x5a, 4 + n);
    return at + 4 + n;
}

static bool person(unsigned char opcode, size_t n)
{
    struct frames frames = {0};
    char *bytes = malloc(n + 32);
    bool result = frames_person(&frames, text_n(bytes, frame(bytes, opcode, n)));

    assert_int_equal(frames.left, 0);
    assert_int_equal(frames.n_head, 0);
    free(bytes);
    return result;
}

static void data_is_a_person_and_beats_are_not(void **state)
{
    assert_true(person(1, 20));
    assert_true(person(2, 200));
    assert_true(person(1, 70000));
    assert_true(person(0, 126));
    assert_false(person(1, 0));
    assert_false(person(1, 1));
    assert_false(person(1, 7));
    assert_false(person(9, 100));
    assert_false(person(10, 100));
    assert_false(person(8, 100));
}

static void frames_are_followed_however_they_are_cut(void **state)
{
    char bytes[1024];
    size_t n = frame(bytes, 1, 1);

    n += frame(bytes + n, 1, 300);
    n += frame(bytes + n, 9, 60);
    n += frame(bytes + n, 1, 2);
    for (size_t step = 1; step <= n; step++) {
        struct frames frames = {0};
        unsigned persons = 0;
        for (size_t at = 0; at < n; at += step)
            persons += frames_person(&frames, text_sub(text_n(bytes, n), at, step));
        assert_int_equal(persons, 1);
        assert_int_equal(frames.left, 0);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(data_is_a_person_and_beats_are_not),
    cmocka_unit_test(frames_are_followed_however_they_are_cut),
};
UNIT_MAIN(tests)
