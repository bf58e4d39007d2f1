/* `redhouse registry import …` */
#include "server/move/people.h"

#include <stdio.h>

int import_verdaccio(struct ask *ask, struct err *err)
{
    struct verdaccio v;
    struct mover m = {.source = &verdaccio_source,
                      .arg = &v,
                      .from = pool_printf(ask->pool, "Verdaccio, %s", ask->args.words[0])};
    bool users = args_flag(&ask->args, "--users") != NULL;
    struct err end;

    if (verdaccio_open(&v, ask->pool, ask->args.words[0], err) != 0)
        return -1;
    int rc = mover_open(&m, ask, err);
    if (rc != 0) {
        verdaccio_close(&v);
        return -1;
    }
    /* owners are users */
    if (users)
        rc = people_import(&m, &v, err);
    if (rc == 0 && args_flag(&ask->args, "--tokens") != NULL)
        rc = people_import_tokens(&m, &v, err);
    if (rc == 0)
        rc = mover_run(&m, v.names, v.n_names, err);
    verdaccio_close(&v);
    if (mover_close(&m, rc != 0 ? &end : err) != 0)
        rc = -1;
    return rc;
}

int import_end_tokens(struct ask *ask, struct err *err)
{
    if (ask_delete(ask, "/api/v1/imports/tokens", err) != 0)
        return -1;
    puts(ask->client.config.json
             ? "{\"ended\":true}"
             : "Legacy tokens that were not used so far do not count any more.");
    return 0;
}
