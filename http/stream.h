/*
 * A response body that is written over time by any thread: SSE, followed logs. Refcounted. What is
 * written waits in a bounded queue (256 KiB by default) that the loop empties; overflow closes the
 * stream. A comment heartbeat every 15 s keeps what lies between open; clients that are gone are
 * noticed within a second. Ends with the session, token or role it was opened by.
 *
 * What call_stream returns belongs to the call: it is good until the handler returns. Whoever
 * writes later takes a reference of their own by stream_hold and drops it when done.
 */
#pragma once

#include "core/text.h"

struct stream;

bool stream_write(struct stream *s, struct text bytes); /* copies; false: closed */
/* "id: …\nevent: …\ndata: …\n\n"; id may be 0, event NULL. data is one line of JSON. */
bool stream_event(struct stream *s, uint64_t id, const char *event, struct text data);
bool stream_is_open(struct stream *s);
/* Called once, on a loop thread, when it has ended, whoever ended it. Must not block. Set right
 * after call_stream. */
void stream_on_close(struct stream *s, void (*fn)(void *arg), void *arg);
void stream_end(struct stream *s); /* closes politely */
void stream_hold(struct stream *s);
void stream_drop(struct stream *s);
