/* Request bodies that come compressed. Inside http/ only. */
#pragma once

struct call;
struct err;

/* Replaces a gzip body by what is in it, up to the route's max_body (ERR_TOO_LARGE). Another
 * Content-Encoding: ERR_UNSUPPORTED. Worker. */
int inflate_body(struct call *c, struct err *err);
