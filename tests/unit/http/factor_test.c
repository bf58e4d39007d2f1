#include "tests/unit/http/world.h"

#include "core/seal.h"
#include "core/totp.h"
#include "http/factor.h"

#include <liboath/oath.h>

struct scene {
    struct world *w;
    struct seal *seal;
    char key[80];
    struct text secret;
    struct text codes[RECOVERY_CODES];
};

static int set_up_scene(void **state)
{
    struct scene *s = xcalloc(1, sizeof *s);
    void *world = NULL;
    struct err err;

    /* A step does not end within a test. */
    while (clock_wall_ms() / 1000 % TOTP_STEP_S > TOTP_STEP_S - 3)
        usleep(100000);
    set_up(&world);
    s->w = world;
    snprintf(s->key, sizeof s->key, "%s.key", s->w->path);
    assert_int_equal(seal_create(s->key, &err), 0);
    s->seal = seal_open(s->key, &err);
    assert_non_null(s->seal);
    account_use_seal(s->w->account, s->seal);
    *state = s;
    return 0;
}

static int tear_down_scene(void **state)
{
    struct scene *s = *state;
    void *world = s->w;

    unlink(s->key);
    tear_down(&world);
    seal_close(s->seal);
    free(s);
    return 0;
}

static void reopen(struct scene *s)
{
    close_account(s->w);
    open_account(s->w);
    account_use_seal(s->w->account, s->seal);
}

/* The code of a step before (-1) or after (1) that of now. */
static struct text code_of(struct scene *s, int step)
{
    char out[TOTP_DIGITS + 1], *raw = NULL;
    size_t n = 0;

    assert_int_equal(oath_base32_decode(s->secret.base, s->secret.len, &raw, &n), OATH_OK);
    assert_int_equal(n, TOTP_SECRET_BYTES);
    assert_int_equal(oath_hotp_generate(raw, n,
                                        (uint64_t)(clock_wall_ms() / 1000 / TOTP_STEP_S + step),
                                        TOTP_DIGITS, false, OATH_HOTP_DYNAMIC_TRUNCATION, out),
                     OATH_OK);
    free(raw);
    return text_dup(s->w->pool, text_of(out));
}

static struct factor_show show(struct scene *s, struct text code)
{
    return (struct factor_show){
        .user = s->w->user, .name = "ada", .code = code, .address = TEXT("192.0.2.1")};
}

static int pass(struct scene *s, struct text code, struct err *err)
{
    struct factor_show shown = show(s, code);

    return factor_pass(s->w->account, s->w->pool, &shown, err);
}

static int confirm(struct scene *s, struct text code, struct err *err)
{
    struct factor_show shown = show(s, code);

    return factor_confirm(s->w->account, s->w->pool, &shown, s->codes, err);
}

static void begin(struct scene *s, enum factor_mode mode)
{
    struct err err;

    assert_int_equal(factor_begin(s->w->account, s->w->pool, s->w->user, mode, &s->secret, &err),
                     0);
}

static void enable(struct scene *s, enum factor_mode mode)
{
    struct err err;

    begin(s, mode);
    assert_int_equal(confirm(s, code_of(s, -1), &err), 0);
}

static enum factor_mode mode_of(struct scene *s)
{
    struct factor_state state;
    struct err err;

    assert_int_equal(factor_read(s->w->account, s->w->user, &state, &err), 0);
    return state.pending ? FACTOR_NONE : state.mode;
}

static void without_one_everybody_passes(void **state)
{
    struct scene *s = *state;
    struct err err;

    assert_int_equal(pass(s, TEXT_NONE, &err), 0);
    begin(s, FACTOR_AUTH_ONLY);
    assert_int_equal(pass(s, TEXT_NONE, &err), 0);
    assert_int_equal(mode_of(s), FACTOR_NONE);
}

static void it_is_in_force_with_its_first_code_and_after_a_restart(void **state)
{
    struct scene *s = *state;
    struct err err;

    begin(s, FACTOR_AUTH_AND_WRITES);
    reopen(s);
    assert_int_equal(confirm(s, TEXT("000000"), &err), -1);
    assert_string_equal(err.code, "wrong_otp");
    assert_int_equal(confirm(s, code_of(s, -1), &err), 0);
    assert_int_equal(confirm(s, code_of(s, 0), &err), -1);
    assert_string_equal(err.code, "factor_not_begun");
    reopen(s);
    assert_int_equal(pass(s, TEXT_NONE, &err), -1);
    assert_string_equal(err.code, "otp_required");
    assert_int_equal(pass(s, code_of(s, 0), &err), 0);
    assert_int_equal(mode_of(s), FACTOR_AUTH_AND_WRITES);
}

static void a_code_counts_once_also_after_a_restart(void **state)
{
    struct scene *s = *state;
    struct err err;

    enable(s, FACTOR_AUTH_ONLY);
    assert_int_equal(pass(s, code_of(s, -1), &err), -1);
    assert_string_equal(err.code, "wrong_otp");
    struct text code = code_of(s, 0);
    assert_int_equal(pass(s, code, &err), 0);
    reopen(s);
    assert_int_equal(pass(s, code, &err), -1);
    assert_int_equal(pass(s, code_of(s, 1), &err), 0);
}

static void each_recovery_code_counts_once_and_new_ones_void_the_old(void **state)
{
    struct scene *s = *state;
    struct err err;

    enable(s, FACTOR_AUTH_ONLY);
    struct text first = s->codes[0], second = s->codes[1], last = s->codes[RECOVERY_CODES - 1];
    assert_int_equal(first.len, 19);
    assert_int_equal(pass(s, first, &err), 0);
    assert_int_equal(pass(s, first, &err), -1);
    char dashed[20];
    snprintf(dashed, sizeof dashed, "%.*s", TEXT_ARG(second));
    for (char *c = dashed; *c != '\0'; c++)
        *c = *c == ' ' ? '-' : *c;
    assert_int_equal(pass(s, text_of(dashed), &err), 0);
    assert_int_equal(read_number(s->w, "SELECT count(*) FROM recovery_code"), 8);
    assert_int_equal(factor_new_codes(s->w->account, s->w->pool, s->w->user, s->codes, &err), 0);
    assert_int_equal(pass(s, last, &err), -1);
    assert_int_equal(pass(s, s->codes[4], &err), 0);
}

static void the_secret_lies_sealed_and_recovery_codes_hashed(void **state)
{
    struct scene *s = *state;
    struct err err;
    struct text sealed, plain;

    enable(s, FACTOR_AUTH_ONLY);
    auto_read struct db_read r = db_read(s->w->db, &err);
    assert_int_equal(
        db_get(r.conn, s->w->pool, &err, "SELECT secret FROM factor", "", "s", &sealed), 0);
    assert_false(text_eq(sealed, s->secret));
    assert_int_equal(seal_get(s->seal, s->w->pool, TEXT("factor:another"), sealed, &plain, &err),
                     -1);
    assert_int_equal(
        read_number(s->w, "SELECT count(*) FROM recovery_code WHERE length(hash) = 32"), 10);
}

static void ten_wrong_codes_close_the_door_also_for_the_right_one(void **state)
{
    struct scene *s = *state;
    struct err err;

    enable(s, FACTOR_AUTH_ONLY);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(pass(s, TEXT("nocode"), &err), -1);
        assert_string_equal(err.code, "wrong_otp");
    }
    assert_int_equal(pass(s, code_of(s, 0), &err), -1);
    assert_string_equal(err.code, "otp_limited");
}

static void it_is_due_as_its_mode_says_but_not_again_at_once_in_a_session(void **state)
{
    struct identity token = {.kind = IDENTITY_TOKEN, .user = "u"};
    struct identity session = {.kind = IDENTITY_SESSION, .user = "u"};

    assert_false(factor_is_due(&token, false));
    token.factor = session.factor = FACTOR_AUTH_ONLY;
    assert_true(factor_is_due(&token, false));
    assert_false(factor_is_due(&token, true));
    token.factor = session.factor = FACTOR_AUTH_AND_WRITES;
    assert_true(factor_is_due(&token, true));
    assert_true(factor_is_due(&session, true));
    session.code_at_ms = clock_wall_ms() - 1000;
    assert_false(factor_is_due(&session, true));
    session.code_at_ms = clock_wall_ms() - 10ll * 60 * 1000;
    assert_true(factor_is_due(&session, true));
}

static void other_sessions_end_when_it_comes_into_force(void **state)
{
    struct scene *s = *state;
    struct text here, there;
    struct identity who;
    struct err err;

    assert_int_equal(account_session_create(s->w->account, s->w->pool, s->w->user,
                                            TEXT("localhost"), NULL, &here, &err),
                     0);
    assert_int_equal(account_session_create(s->w->account, s->w->pool, s->w->user,
                                            TEXT("localhost"), NULL, &there, &err),
                     0);
    struct snapshot *snapshot = account_snapshot(s->w->account);
    assert_true(account_session_find(snapshot, here, "localhost", &who));
    assert_int_equal(who.factor, FACTOR_NONE);
    begin(s, FACTOR_AUTH_ONLY);
    struct factor_show shown = show(s, code_of(s, 0));
    shown.keep = who.credential;
    assert_int_equal(factor_confirm(s->w->account, s->w->pool, &shown, s->codes, &err), 0);
    snapshot_drop(snapshot);
    assert_true(session_lives(s->w, here, "localhost"));
    assert_false(session_lives(s->w, there, "localhost"));
    snapshot = account_snapshot(s->w->account);
    assert_true(account_session_find(snapshot, here, "localhost", &who));
    assert_int_equal(who.factor, FACTOR_AUTH_ONLY);
    assert_int_equal(factor_set_mode(s->w->account, s->w->user, FACTOR_NONE, &err), 0);
    assert_int_equal(factor_set_mode(s->w->account, s->w->user, FACTOR_NONE, &err), -1);
    assert_string_equal(err.code, "no_factor");
    snapshot_drop(snapshot);
    assert_int_equal(read_number(s->w, "SELECT count(*) FROM recovery_code"), 0);
}

static void count_ended(void *arg, const char *user)
{
    assert_non_null(user);
    ++*(unsigned *)arg;
}

static void streams_are_judged_anew_when_it_is_switched_off(void **state)
{
    struct scene *s = *state;
    unsigned told = 0;
    struct err err;

    begin(s, FACTOR_AUTH_ONLY);
    struct factor_show shown = show(s, code_of(s, 0));
    assert_int_equal(factor_confirm(s->w->account, s->w->pool, &shown, s->codes, &err), 0);
    account_on_ended(s->w->account, count_ended, &told);
    assert_int_equal(factor_set_mode(s->w->account, s->w->user, FACTOR_AUTH_AND_WRITES, &err), 0);
    assert_int_equal(told, 0);
    assert_int_equal(factor_set_mode(s->w->account, s->w->user, FACTOR_NONE, &err), 0);
    assert_int_equal(told, 1);
    account_on_ended(s->w->account, NULL, NULL);
}

#define WITH_SCENE(test) cmocka_unit_test_setup_teardown(test, set_up_scene, tear_down_scene)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SCENE(without_one_everybody_passes),
        WITH_SCENE(it_is_in_force_with_its_first_code_and_after_a_restart),
        WITH_SCENE(a_code_counts_once_also_after_a_restart),
        WITH_SCENE(each_recovery_code_counts_once_and_new_ones_void_the_old),
        WITH_SCENE(the_secret_lies_sealed_and_recovery_codes_hashed),
        WITH_SCENE(ten_wrong_codes_close_the_door_also_for_the_right_one),
        cmocka_unit_test(it_is_due_as_its_mode_says_but_not_again_at_once_in_a_session),
        WITH_SCENE(other_sessions_end_when_it_comes_into_force),
        WITH_SCENE(streams_are_judged_anew_when_it_is_switched_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
