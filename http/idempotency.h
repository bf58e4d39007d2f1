/*
 * Idempotency-Key: a POST of the API that is sent again with the same key within a day gets the
 * first one's answer instead of being done twice. The server asks it for every POST below /api/v1/
 * whose route is not `secret`; handlers need not know.
 *
 * Only successes are kept: what failed has made nothing and may be tried again. The row is on disk
 * before the answer goes out; after a crash between the handler's commit and this row a repeated
 * request is done again, and then fails where names are unique.
 */
#pragma once

struct call;
struct db;
struct idempotency;

struct idempotency *idempotency_new(struct db *control);
void idempotency_free(struct idempotency *idempotency);
/* Runs the route's handler, on its worker, or answers in its stead: as the first request with this
 * key was; 409 "in_progress" while that one runs; 422 "idempotency_key_reused" for another request.
 */
void idempotency_run(struct idempotency *idempotency, struct call *c);
