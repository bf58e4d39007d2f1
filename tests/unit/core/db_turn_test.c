/* The writer's turn: commits in groups, what a failure takes along, checkpoints. */
#include "tests/unit/core/db_world.h"

#define WRITERS 8
#define ROUNDS 40

struct many {
    struct db *db;
    unsigned first;
    atomic_uint *failures;
};

static void *write_many(void *arg)
{
    struct many *m = arg;
    char name[32];
    struct err err;

    for (unsigned i = 0; i < ROUNDS; i++) {
        snprintf(name, sizeof(name), "%u", m->first + i);
        if (add(m->db, name, 100, &err) != 0)
            atomic_fetch_add(m->failures, 1);
        /* A refusal in between takes nobody along. */
        if (add(m->db, name, 100, &err) == 0 || strcmp(err.code, "exists") != 0)
            atomic_fetch_add(m->failures, 1);
    }
    return NULL;
}

static void *read_many(void *arg)
{
    struct many *m = arg;
    struct err err;
    int64_t last = 0, n = 0;

    while (last < (int64_t)WRITERS * ROUNDS) {
        auto_read struct db_read r = db_read(m->db, &err);
        if (r.conn == NULL ||
            db_get(r.conn, NULL, &err, "SELECT count(*) FROM thing", "", "i", &n) != 0 || n < last)
            abort();
        last = n;
    }
    return NULL;
}

static void many_writers_and_readers_get_along(void **state)
{
    pthread_t threads[WRITERS + 2];
    struct many parts[WRITERS + 2];
    atomic_uint failures = 0;
    struct db *db = opened();

    for (unsigned i = 0; i < WRITERS + 2; i++) {
        parts[i] = (struct many){db, i * ROUNDS, &failures};
        assert_int_equal(
            pthread_create(&threads[i], NULL, i < WRITERS ? write_many : read_many, &parts[i]), 0);
    }
    for (unsigned i = 0; i < WRITERS + 2; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(failures, 0);
    assert_int_equal(things(db), WRITERS * ROUNDS);
    db_close(db);
}

/* A member that waits behind the first: it gets the open transaction. */
struct member {
    struct db *db;
    const char *name;
    size_t bytes;
    int64_t limit; /* >= 0: sets the ceiling instead of writing */
    int result;
    struct err err;
    pthread_t thread;
};

static void *be_member(void *arg)
{
    struct member *m = arg;

    m->result =
        m->limit >= 0 ? db_limit(m->db, m->limit, &m->err) : add(m->db, m->name, m->bytes, &m->err);
    return NULL;
}

/* Adds one row with the member waiting; the outcome of that commit. */
static int commit_before(struct member *m, struct err *err)
{
    auto_tx struct db_tx tx = {0};

    assert_int_equal(db_begin(&tx, m->db, err), 0);
    assert_int_equal(db_do(tx.conn, err, add_sql, "zz", "first", NULL), 1);
    assert_int_equal(pthread_create(&m->thread, NULL, be_member, m), 0);
    until_waited_for(m->db);
    int result = db_commit(&tx, err);
    pthread_join(m->thread, NULL);
    return result;
}

static void a_full_disk_is_named_to_the_whole_group(void **state)
{
    struct err err;

    config.max_bytes = 100000000; /* far away: this is the disk, not the quota */
    struct db *db = opened();
    struct member m = {.db = db, .name = "second", .limit = -1};
    atomic_store(&disk_full, true);
    assert_fails(commit_before(&m, &err), err, ERR_NO_SPACE, "disk_full");
    assert_fails(m.result, m.err, ERR_NO_SPACE, "disk_full");
    atomic_store(&disk_full, false);
    assert_int_equal(things(db), 0);
    assert_works(add(db, "again", 0, &err), err);
    assert_int_equal(things(db), 1);
    db_close(db);
}

static void who_goes_past_the_quota_is_told_so_and_the_others_to_try_again(void **state)
{
    struct err err;

    config.max_bytes = 200000;
    struct db *db = opened();
    struct member m = {.db = db, .name = "second", .bytes = 1000000, .limit = -1};
    assert_fails(commit_before(&m, &err), err, ERR_UNAVAILABLE, "write_failed");
    assert_fails(m.result, m.err, ERR_TOO_LARGE, "quota");
    assert_int_equal(things(db), 0);
    assert_works(add(db, "again", 0, &err), err);
    db_close(db);
}

static void a_lost_transaction_names_its_reason_to_the_end(void **state)
{
    struct err err;

    config.max_bytes = 200000;
    struct db *db = opened();
    {
        auto_tx struct db_tx tx = {0};
        auto_free char *big = xcalloc(1, 1000000);
        assert_works(db_begin(&tx, db, &err), err);
        assert_fails(db_do(tx.conn, &err, add_sql, "zb", "big", text_n(big, 1000000)), err,
                     ERR_TOO_LARGE, "quota");
        err = (struct err){0};
        assert_fails(db_do(tx.conn, &err, add_sql, "zz", "small", NULL), err, ERR_TOO_LARGE,
                     "quota");
        err = (struct err){0};
        assert_fails(db_commit(&tx, &err), err, ERR_TOO_LARGE, "quota");
    }
    assert_int_equal(things(db), 0);
    db_close(db);
}

static void a_ceiling_set_between_two_members_ends_their_transaction(void **state)
{
    struct err err;
    struct db *db = opened();
    struct member m = {.db = db, .limit = 50000000};

    assert_works(commit_before(&m, &err), err);
    assert_works(m.result, m.err);
    assert_int_equal(things(db), 1);
    assert_works(add(db, "next", 0, &err), err);
    db_close(db);
}

static void a_member_is_told_after_the_commit_of_the_whole(void **state)
{
    struct err err;
    struct db *db = opened();
    struct member m = {.db = db, .name = "first", .limit = -1}; /* refused: the name is there */

    assert_works(commit_before(&m, &err), err);
    assert_fails(m.result, m.err, ERR_CONFLICT, "exists");
    assert_int_equal(things(db), 1);
    db_close(db);
}

static void a_reader_in_the_way_does_not_make_every_commit_a_checkpoint(void **state)
{
    struct db *db = opened();
    char name[32];
    struct err err;
    int64_t n;
    unsigned i = 0;
    {
        auto_read struct db_read r = db_read(db, &err);
        assert_works(db_get(r.conn, NULL, &err, "SELECT count(*) FROM thing", "", "i", &n), err);
        unsigned before = atomic_load(&file_syncs);
        for (; i < 120; i++) { /* 120 times 26 pages: three times past 4 MB */
            snprintf(name, sizeof(name), "%u", i);
            assert_works(add(db, name, 100000, &err), err);
        }
        unsigned tries = atomic_load(&file_syncs) - before;
        assert_in_range(tries, 0, 4);
        pthread_mutex_lock(&db->lock);
        assert_true(db->wal_pages > 3000);
        assert_true(db->checkpoint_at > db->wal_pages);
        pthread_mutex_unlock(&db->lock);
    }
    /* Without it the file is copied and begun anew, and the threshold is what it was. */
    unsigned before = atomic_load(&file_syncs);
    for (; i < 240; i++) {
        snprintf(name, sizeof(name), "%u", i);
        assert_works(add(db, name, 100000, &err), err);
    }
    assert_in_range(atomic_load(&file_syncs) - before, 1, 6);
    assert_true(db->wal_pages < 2000);
    assert_true(db->checkpoint_at <= db->wal_pages + CHECKPOINT_PAGES);
    db_close(db);
}

static const struct CMUnitTest tests[] = {
    db_test(many_writers_and_readers_get_along),
    db_test(a_full_disk_is_named_to_the_whole_group),
    db_test(who_goes_past_the_quota_is_told_so_and_the_others_to_try_again),
    db_test(a_lost_transaction_names_its_reason_to_the_end),
    db_test(a_ceiling_set_between_two_members_ends_their_transaction),
    db_test(a_member_is_told_after_the_commit_of_the_whole),
    db_test(a_reader_in_the_way_does_not_make_every_commit_a_checkpoint),
};
UNIT_MAIN(tests)
