/*
 * The storage folder of a Verdaccio, read with suspicion: names are checked before they become
 * paths, every step is opened beneath the one before and follows no link, what is read is a regular
 * file and has a ceiling. Inside server/move/ only.
 */
#pragma once

#include "core/json.h"
#include "server/move/mover.h"

struct verdaccio {
    int dir; /* its storage */
    const struct text *names;
    size_t n_names;            /* its own packages; what it keeps of others' is not among them */
    struct text secret;        /* of its legacy tokens; absent: none */
    const struct json *tokens; /* .token-db.json; NULL: none */
    struct text htpasswd;      /* the file; absent: none is there */
};

/* dir: the storage folder, or the one that holds storage/. Close it by verdaccio_close. ERR_INVALID
 * "no_storage" when .verdaccio-db.json is not there. */
int verdaccio_open(struct verdaccio *v, struct pool *pool, const char *dir, struct err *err);
void verdaccio_close(struct verdaccio *v);
extern const struct mover_source verdaccio_source; /* its arg is the verdaccio */
