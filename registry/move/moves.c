/* Imports under way. What they brought is in the database; that they go on is known here only. */
#include "core/clock.h"
#include "core/err.h"
#include "core/pool.h"
#include "http/account.h"
#include "http/operation.h"
#include "registry/move/move.h"

#include <pthread.h>
#include <stdlib.h>

#define MOVES_MAX 16
#define SILENT_MS (10 * 60 * 1000)

struct moves {
    struct operations *operations;
    pthread_mutex_t lock;
    struct {
        char id[27]; /* "": free */
        int64_t heard_ms;
    } all[MOVES_MAX];
};

struct moves *moves_new(struct operations *operations)
{
    struct moves *moves = xcalloc(1, sizeof *moves);
    moves->operations = operations;
    pthread_mutex_init(&moves->lock, NULL);
    return moves;
}

void moves_free(struct moves *moves)
{
    if (moves == NULL)
        return;
    pthread_mutex_destroy(&moves->lock);
    free(moves);
}

static bool take_place(struct moves *moves, const char *id)
{
    bool taken = false;
    pthread_mutex_lock(&moves->lock);
    for (size_t i = 0; !taken && i < MOVES_MAX; i++) {
        if (moves->all[i].id[0] != '\0')
            continue;
        memcpy(moves->all[i].id, id, sizeof moves->all[i].id);
        moves->all[i].heard_ms = clock_mono_ms();
        taken = true;
    }
    pthread_mutex_unlock(&moves->lock);
    return taken;
}

/* Does it go on? With end it does not from now on. */
static bool hear(struct moves *moves, struct text id, bool end)
{
    bool found = false;
    pthread_mutex_lock(&moves->lock);
    for (size_t i = 0; !found && id.len > 0 && i < MOVES_MAX; i++) {
        found = text_is(id, moves->all[i].id);
        if (found && end)
            moves->all[i].id[0] = '\0';
        else if (found)
            moves->all[i].heard_ms = clock_mono_ms();
    }
    pthread_mutex_unlock(&moves->lock);
    return found;
}

int moves_begin(struct moves *moves, struct text from, const struct identity *who, char id[27],
                struct err *err)
{
    struct operation_spec spec = {.kind = "registry.import", .subject = from, .user = who->user};
    if (operation_begin(moves->operations, &spec, id, err) != 0)
        return -1;
    if (take_place(moves, id))
        return 0;
    err_set(err, ERR_TOO_MANY, "too_many_imports",
            "%d imports are under way; wait until one has ended.", MOVES_MAX);
    operation_end(moves->operations, id, err);
    return -1;
}

int moves_tell(struct moves *moves, struct text id, const struct move_progress *progress,
               struct err *err)
{
    auto_pool struct pool *pool = pool_new();
    struct err problem;
    bool ends = progress->done || progress->problem.base != NULL;
    if (!hear(moves, id, ends))
        return err_set(err, ERR_NOT_FOUND, "import_not_found", "There is no such import any more.");
    const char *operation = text_c(pool, id);
    if (progress->step.base != NULL)
        operation_progress(moves->operations, operation, progress->percent, progress->step);
    if (!ends)
        return 0;
    if (progress->problem.base != NULL)
        err_set(&problem, ERR_UNPROCESSABLE, "import_incomplete", "%.*s",
                TEXT_ARG(progress->problem));
    operation_end(moves->operations, operation, progress->problem.base != NULL ? &problem : NULL);
    return 0;
}

void moves_look(struct moves *moves)
{
    char silent[MOVES_MAX][27];
    size_t n = 0;
    struct err problem;
    int64_t now = clock_mono_ms();
    pthread_mutex_lock(&moves->lock);
    for (size_t i = 0; i < MOVES_MAX; i++) {
        if (moves->all[i].id[0] == '\0' || now - moves->all[i].heard_ms < SILENT_MS)
            continue;
        memcpy(silent[n++], moves->all[i].id, sizeof silent[0]);
        moves->all[i].id[0] = '\0';
    }
    pthread_mutex_unlock(&moves->lock);
    err_set(&problem, ERR_TIMEOUT, "import_cut_short",
            "Whoever imported was not heard of for ten minutes. Run the import again: only what is "
            "missing is sent.");
    while (n > 0)
        operation_end(moves->operations, silent[--n], &problem);
}
