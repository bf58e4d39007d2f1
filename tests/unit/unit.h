/*
 * What every unit program includes: cmocka with the headers it wants before it, and asserts for our
 * own types. Each program ends with UNIT_MAIN(tests).
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/err.h"
#include "core/text.h"

/* A view has exactly these bytes. */
#define assert_text(view, literal)                                                                 \
    do {                                                                                           \
        struct text is_ = (view), wanted_ = text_of(literal);                                      \
        assert_int_equal(is_.len, wanted_.len);                                                    \
        if (wanted_.len > 0)                                                                       \
            assert_memory_equal(is_.base, wanted_.base, wanted_.len);                              \
    } while (0)

/* The call failed with this kind and this code. */
#define assert_fails(call, err, wanted_kind, wanted_code)                                          \
    do {                                                                                           \
        assert_int_equal((call), -1);                                                              \
        assert_int_equal((err).kind, (wanted_kind));                                               \
        assert_string_equal((err).code, (wanted_code));                                            \
    } while (0)

/* The call succeeded; otherwise shows the sentence. */
#define assert_works(call, err)                                                                    \
    do {                                                                                           \
        if ((call) != 0)                                                                           \
            fail_msg("%s: %s", #call, (err).text);                                                 \
    } while (0)

#define UNIT_MAIN(tests)                                                                           \
    int main(void)                                                                                 \
    {                                                                                              \
        return cmocka_run_group_tests((tests), NULL, NULL);                                        \
    }
