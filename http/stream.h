/*
 * A response body that is written over time by any thread: SSE, followed logs. Refcounted. What is
 * written waits in a bounded queue (256 KiB by default) that the loop empties; overflow closes the stream. A
 * comment heartbeat every 15 s notices clients that are gone. Ends with the session, token or role it was
 * opened by.
 */
#pragma once

#include "core/text.h"

struct stream;

bool stream_write(struct stream *s, struct text bytes); /* copies; false: closed */
/* "id: …\nevent: …\ndata: …\n\n"; id may be 0, event NULL. data is one line of JSON. */
bool stream_event(struct stream *s, uint64_t id, const char *event, struct text data);
bool stream_is_open(struct stream *s);
/* Called once, on a loop thread, when the client or the server ends it. Set right after call_stream. */
void stream_on_close(struct stream *s, void (*fn)(void *arg), void *arg);
void stream_end(struct stream *s);  /* closes politely */
void stream_hold(struct stream *s);
void stream_drop(struct stream *s);
