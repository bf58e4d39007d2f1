/*
 * After an answer that came before its body was complete: closing at once would reset the
 * connection, and the client would lose the answer. So a second descriptor of the socket takes in
 * and throws away what still comes, for two seconds at most. Inside http/ only; on the loop's
 * thread.
 */
#pragma once

struct conn;
struct lingering;

/* Before the answer is sent; the library reads no more. NULL: it has to do without. */
struct lingering *linger_new(struct conn *conn);
/* The library has closed its side. NULL is fine. */
void linger_begin(struct lingering *linger);
