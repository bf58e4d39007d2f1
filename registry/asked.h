/* What the handlers share: which package is asked for, whose it is, and whether the asker may. */
#pragma once

#include "registry/change.h"
#include "registry/origin.h"

struct call;

struct asked {
    struct registry *registry;
    struct pkgname name;
    struct origin origin;
};

/* Each answers the call and returns false when the package is not to be read, written, or given a
 * version that waits for approval. Who writes is asked for a code of their second factor (otp.h).
 */
bool asked_to_read(struct call *c, struct asked *asked);
bool asked_to_read_name(struct call *c, struct text name, struct asked *asked);
bool asked_to_write(struct call *c, struct asked *asked);
/* For what is not visible yet, or changes nothing: as asked_to_write without the code. */
bool asked_to_prepare(struct call *c, struct asked *asked);
bool asked_to_stage(struct call *c, struct asked *asked);
/* Of the package that the asker was let write. */
struct change asked_change(struct call *c, const struct asked *asked);
/* As asked_to_read without an answer: for handlers on a loop. */
bool asked_may_read(struct call *c, struct asked *asked);
/* Answers with err unless failed is 0. True: go on. */
bool asked_went_well(struct call *c, int failed, const struct err *err);
