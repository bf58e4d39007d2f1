/*
 * Packages that move here from another registry. Each version goes down the one funnel
 * (publish_check) and waits in a row of its own; then the package is shown, all of its versions,
 * tags, deprecations and owners in one transaction. So nothing half moved is ever seen, and who
 * begins again after a crash sends only what is missing. Who reads the other registry is the
 * command line (server/move/). Not for: publishing.
 */
#pragma once

#include "core/text.h"

#include <stdint.h>

struct err;
struct identity;
struct json;
struct json_writer;
struct operations;
struct pkgname;
struct pool;
struct registry;

struct move {
    struct registry *registry;
    struct pool *pool;
    const struct identity *who;
    const char *tenant; /* id; NULL: the platform's scope */
    struct pkgname *name;
};

/* Checks a publish document and keeps its version until the package is shown. doc.time[version] is
 * when it was published. *again: these bytes wait or are there already. ERR_CONFLICT
 * "version_exists", "version_removed" for other bytes, or for what was taken back here. */
int move_stage(const struct move *m, const struct json *doc, struct text *version, bool *again,
               struct err *err);
/* [{"version","integrity","state"}]: "there", "waiting" or "removed". */
int move_state(const struct move *m, struct json_writer *w, struct err *err);
/* Shows what waits. doc: {"tags":{TAG:VERSION},"deprecated":{VERSION:TEXT},"owners":[NAME],
 * "created":TIME}. As long as nobody published here, tags, deprecations and owners become those of
 * doc; later only tags that are not here yet are added. Writes what came of it. ERR_UNPROCESSABLE
 * "nothing_moved" when no version is there afterwards. */
int move_show(const struct move *m, const struct json *doc, struct json_writer *w, struct err *err);
/* Drops what waits since before that time. */
int move_forget(struct registry *registry, int64_t before_ms, struct err *err);

/* Imports under way, as operations. One whose command line is not heard of for ten minutes has
 * failed. */
struct moves;
struct moves *moves_new(struct operations *operations); /* NULL is fine */
void moves_free(struct moves *moves);
int moves_begin(struct moves *moves, struct text from, const struct identity *who, char id[27],
                struct err *err);
/* Says how far it is. ERR_NOT_FOUND "import_not_found" when it has ended. */
struct move_progress {
    int percent;
    struct text step;
    bool done;
    struct text problem; /* why it failed; absent: it did not */
};
int moves_tell(struct moves *moves, struct text id, const struct move_progress *progress,
               struct err *err);
/* Once a minute. */
void moves_look(struct moves *moves);
