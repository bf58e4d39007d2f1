/*
 * The power goes. People write to a real data folder through the code that serves them, all that
 * reaches the disk is recorded, and for points of the record by chance the folder is rebuilt from
 * what was synced and a part by chance of the rest. It must start, hold whole what was acknowledged
 * until then, and go on.
 *
 * REDHOUSE_POWER_SEED repeats the choices of a run, REDHOUSE_POWER_POINTS asks for more points.
 */
#include "tests/unit/unit.h"

#include "tests/unit/power/chance.h"
#include "tests/unit/power/deeds.h"
#include "tests/unit/power/disk.h"
#include "tests/unit/power/migration.h"
#include "tests/unit/power/platter.h"
#include "tests/unit/power/record.h"
#include "tests/unit/power/same.h"
#include "tests/unit/power/site.h"
#include "tests/unit/power/verdict.h"

#include <stdio.h>
#include <unistd.h>

#define MOST_DOERS 4
#define POINTS 100 /* of each of the two stories */
#define PAUSE 20   /* deeds between restarts */

static uint64_t seed;
static unsigned points;
static char base[32]; /* in memory, where there is room: what is on disk is the model's business */

struct story {
    unsigned doers, deeds, deaf;
    bool restarts;
};

/* What a run of a story left: its folder as it ended, the record, the promises. */
struct run {
    char dir[48];
    struct disk *disk;
    struct ledger ledger;
    struct err err;
    bool failed;
};

struct busy {
    struct doer doer;
    unsigned deeds;
    struct err err;
    bool failed;
};

static void *be_busy(void *arg)
{
    struct busy *b = arg;

    for (unsigned i = 0; i < b->deeds && !b->failed; i++)
        b->failed = deed(&b->doer, &b->err) != 0;
    return NULL;
}

static bool restart(struct site **site, const char *dir, struct err *err)
{
    site_close(*site);
    *site = site_open(dir, err);
    return *site != NULL;
}

/* All of them at once, or one with pauses in which the server starts anew. */
static void play(struct run *run, const struct story *story, struct site **site)
{
    struct busy busy[MOST_DOERS];
    pthread_t threads[MOST_DOERS];

    for (unsigned i = 0; i < story->doers; i++) {
        busy[i] = (struct busy){.deeds = story->deeds / story->doers};
        busy[i].doer = (struct doer){.site = *site,
                                     .ledger = &run->ledger,
                                     .chance = chance_mix(seed + i),
                                     .gives_uids = i == 0,
                                     .users = story->deaf != 0};
        snprintf(busy[i].doer.name, sizeof(busy[i].doer.name), "d%u", i);
    }
    if (story->doers > 1) {
        for (unsigned i = 0; i < story->doers; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, be_busy, &busy[i]), 0);
        for (unsigned i = 0; i < story->doers; i++)
            pthread_join(threads[i], NULL);
    } else {
        busy[0].deeds = PAUSE;
        for (unsigned done = 0; done < story->deeds && !busy[0].failed; done += PAUSE) {
            be_busy(&busy[0]);
            if (story->restarts && !busy[0].failed && !restart(site, run->dir, &busy[0].err))
                busy[0].failed = true;
            busy[0].doer.site = *site;
        }
    }
    for (unsigned i = 0; i < story->doers; i++) {
        run->failed = run->failed || busy[i].failed;
        if (busy[i].failed)
            run->err = busy[i].err;
    }
}

static void run_open(struct run *run, const char *name, const struct story *story)
{
    *run = (struct run){.disk = NULL};
    snprintf(run->dir, sizeof(run->dir), "%s/%s", base, name);
    assert_int_equal(mkdir(run->dir, 0700), 0);
    run->disk = disk_new(run->dir);
    ledger_open(&run->ledger, run->disk);
    record_to(run->disk, story->deaf, story->doers > 1);
    struct site *site = site_open(run->dir, &run->err);
    run->failed = site == NULL;
    if (site != NULL)
        play(run, story, &site);
    if (site != NULL)
        site_close(site);
    record_to(NULL, 0, false);
    if (run->failed)
        fail_msg("seed %llu: the story %s failed: %s", (unsigned long long)seed, name,
                 run->err.text);
}

static void run_close(struct run *run)
{
    ledger_close(&run->ledger);
    disk_free(run->disk);
    file_remove_tree(run->dir, NULL);
}

/* One loss and what comes of it. */

struct point {
    struct power_loss loss;
    bool goes_on;  /* does it write afterwards, */
    bool restarts; /* start anew after that, */
    bool again;    /* and lose power once more while it writes? */
};

/* Every promise, and all that must hold whatever was promised. settled: takes the values that were
 * found, which are on disk from now on. */
static void judge(struct site *site, const struct ledger *ledger, size_t at, struct ledger *settled,
                  struct verdict *v)
{
    struct err err = {0};

    for (size_t i = 0; i < ledger->n && !v->bad; i++) {
        auto_pool struct pool *pool = pool_new();
        const struct promise *p = &ledger->list[i];
        const char *wanted;
        if (p->begun > at || !ledger_is_last(ledger, i, at))
            continue;
        const char *value = deed_read(site, pool, p->key, &err);
        if (value == NULL)
            verdict_find(v, "%s: %s", p->key, err.text);
        else if (!ledger_allows(ledger, i, at, value, &wanted))
            verdict_find(v, "%s: %s was acknowledged, %s is there", p->key, wanted, value);
        else if (settled != NULL)
            ledger_note(settled, p->key, value);
    }
    if (!v->bad && deed_inspect(site, &err) != 0)
        verdict_find(v, "%s", err.text);
}

/* What was there before the loss and what was written after it, when the server has started anew.
 */
static void judge_again(const char *dir, const struct ledger *ledger, size_t at, struct verdict *v)
{
    struct err err;
    struct site *site = site_open(dir, &err);

    if (site == NULL) {
        verdict_find(v, "it does not start: %s", err.text);
        return;
    }
    judge(site, ledger, at, NULL, v);
    site_close(site);
}

static void go_on(struct site *site, struct ledger *ledger, uint64_t chance, struct verdict *v)
{
    struct doer doer = {.site = site,
                        .ledger = ledger,
                        .chance = chance,
                        .name = "after",
                        .gives_uids = true,
                        .users = 1};
    struct err err;

    for (unsigned i = 0; i < 8 && !v->bad; i++)
        if (deed(&doer, &err) != 0)
            verdict_find(v, "it cannot go on: %s", err.text);
}

/* The power goes again while the server starts from the first loss and writes. */
static void lose_again(const struct disk *disk, const struct ledger *ledger, uint64_t chance,
                       struct verdict *v)
{
    struct platter *platter = platter_new(disk);
    auto_free char *dir = xprintf("%s/again", base);
    size_t from = disk_start(disk), length = disk_position((struct disk *)(uintptr_t)disk) - from;
    struct power_loss loss = {.at = from + chance_of(&chance, length + 1),
                              .seed = chance_mix(chance),
                              .keeps = (unsigned)chance_of(&chance, 3) * 40};

    assert_int_equal(platter_rebuild(platter, &loss, dir), 0);
    judge_again(dir, ledger, loss.at, v);
    platter_free(platter);
}

static void after_loss(const char *dir, const struct ledger *ledger, const struct point *point,
                       struct verdict *v)
{
    struct disk *disk = point->again ? disk_new(dir) : NULL;
    struct ledger after;
    struct err err;

    ledger_open(&after, NULL);
    record_to(disk, 0, false);
    struct site *site = site_open(dir, &err);
    if (site == NULL) {
        verdict_find(v, "it does not start: %s", err.text);
    } else {
        judge(site, ledger, point->loss.at, &after, v);
        after.disk = disk; /* what was found lay on the disk before its first note */
        if (!v->bad && point->goes_on)
            go_on(site, &after, chance_mix(point->loss.seed), v);
        site_close(site);
    }
    record_to(NULL, 0, false);
    if (!v->bad && point->restarts)
        judge_again(dir, &after, SIZE_MAX - 1, v);
    if (!v->bad && point->again)
        lose_again(disk, &after, chance_mix(point->loss.seed + 1), v);
    ledger_close(&after);
    if (disk != NULL)
        disk_free(disk);
}

static int by_position(const void *a, const void *b)
{
    const struct point *x = a, *y = b;

    return (x->loss.at > y->loss.at) - (x->loss.at < y->loss.at);
}

/* Anywhere, or the very moment of an acknowledgement; nothing of what was not synced is left, or
 * all, or a part. */
static struct point *choose(const struct run *run, unsigned n, bool goes_on)
{
    struct point *list = xcalloc(n, sizeof(*list));
    size_t from = disk_start(run->disk), length = disk_position(run->disk) - from;
    uint64_t chance_state = chance_mix(seed ^ 0x70776f72);

    for (unsigned i = 0; i < n; i++) {
        uint64_t part = chance_of(&chance_state, 8);
        size_t promise = chance_of(&chance_state, run->ledger.n);
        list[i].loss.at = i % 2 == 0 ? from + chance_of(&chance_state, length + 1)
                                     : run->ledger.list[promise].kept;
        list[i].loss.seed = chance(&chance_state);
        list[i].loss.keeps = part < 3    ? 0
                             : part == 3 ? 100
                                         : 1 + (unsigned)chance_of(&chance_state, 99);
        list[i].goes_on = goes_on;
        list[i].restarts = goes_on && i % 4 == 1;
        list[i].again = goes_on && i % 8 == 0;
    }
    qsort(list, n, sizeof(*list), by_position);
    return list;
}

/* Loses power n times, or until something is wrong; what is wrong is in *v. */
static void lose_power(const struct run *run, unsigned n, bool goes_on, struct verdict *v)
{
    struct platter *platter = platter_new(run->disk);
    struct point *list = choose(run, n, goes_on);
    auto_free char *dir = xprintf("%s/left", base);

    *v = (struct verdict){.bad = false};
    for (unsigned i = 0; i < n && !v->bad; i++) {
        const struct power_loss *loss = &list[i].loss;
        struct verdict found = {.bad = false};
        assert_int_equal(platter_rebuild(platter, loss, dir), 0);
        after_loss(dir, &run->ledger, &list[i], &found);
        if (found.bad)
            verdict_find(v, "seed %llu, point %u at %zu of %zu, keeping %u%%: %s",
                         (unsigned long long)seed, i, loss->at, disk_position(run->disk),
                         loss->keeps, found.text);
    }
    free(list);
    platter_free(platter);
}

/* The record tells the whole: with nothing lost it yields the folder as it is. */

static void assert_recorded(const struct run *run)
{
    auto_free char *dir = xprintf("%s/whole", base);
    struct platter *platter = platter_new(run->disk);
    struct power_loss loss = {.at = disk_position(run->disk), .keeps = 100};
    const char *bad;

    assert_int_equal(platter_rebuild(platter, &loss, dir), 0);
    if ((bad = same_tree(run->dir, dir)) != NULL || (bad = same_tree(dir, run->dir)) != NULL)
        fail_msg("%s went past the record", bad);
    platter_free(platter);
    file_remove_tree(dir, NULL);
}

static void assert_survives(const char *name, const struct story *story)
{
    struct run run;
    struct verdict v;

    run_open(&run, name, story);
    assert_recorded(&run);
    lose_power(&run, points, true, &v);
    if (v.bad)
        fail_msg("%s (%s/left)", v.text, base);
    run_close(&run);
}

static void what_was_acknowledged_survives_with_restarts_between(void **state)
{
    assert_survives("one", &(struct story){.doers = 1, .deeds = 200, .restarts = true});
}

static void what_was_acknowledged_survives_when_commits_meet(void **state)
{
    assert_survives("many", &(struct story){.doers = MOST_DOERS, .deeds = 200});
}

static void a_migration_has_its_backup_on_disk(void **state)
{
    struct verdict v = {.bad = false};

    migration_lose_power(base, seed, &v);
    if (v.bad)
        fail_msg("seed %llu: %s", (unsigned long long)seed, v.text);
}

/* The test itself: a program that leaves a sync out is found out. */

static void each_sync_that_is_left_out_is_seen(void **state)
{
    static const struct {
        unsigned deaf;
        const char *what;
    } syncs[] = {
        {DEAF_FILES, "of files"},
        {DEAF_FOLDERS, "of folders"},
        {DEAF_WAL, "of write-ahead logs"},
        {DEAF_DATABASES, "of databases"},
        {DEAF_WAL_NAMES, "of the names of write-ahead logs"},
    };

    for (size_t i = 0; i < sizeof(syncs) / sizeof(syncs[0]); i++) {
        struct story story = {.doers = 1, .deeds = 40, .restarts = true, .deaf = syncs[i].deaf};
        struct run run;
        struct verdict v;
        run_open(&run, "deaf", &story);
        lose_power(&run, 100, false, &v);
        if (!v.bad)
            fail_msg("seed %llu: the syncs %s are not missed", (unsigned long long)seed,
                     syncs[i].what);
        printf("without the syncs %s: %s\n", syncs[i].what, v.text);
        run_close(&run);
    }
}

static uint64_t number_of(const char *name, uint64_t preset)
{
    const char *value = getenv(name);
    int64_t n;

    return value != NULL && text_number(text_of(value), 1, INT64_MAX, &n) ? (uint64_t)n : preset;
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_sync_that_is_left_out_is_seen),
        cmocka_unit_test(what_was_acknowledged_survives_with_restarts_between),
        cmocka_unit_test(what_was_acknowledged_survives_when_commits_meet),
        cmocka_unit_test(a_migration_has_its_backup_on_disk),
    };
    uint64_t by_chance;

    random_bytes(&by_chance, sizeof(by_chance));
    seed = number_of("REDHOUSE_POWER_SEED", by_chance >> 16 | 1);
    points = (unsigned)number_of("REDHOUSE_POWER_POINTS", POINTS);
    snprintf(base, sizeof(base), "%s/power-XXXXXX",
             access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp");
    if (mkdtemp(base) == NULL)
        return 1;
    printf("seed %llu\n", (unsigned long long)seed);
    record_install();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    if (failed == 0)
        file_remove_tree(base, NULL);
    return failed;
}
