/*
 * Requests for an instance that is not up yet: they wait on their loop until the host map says that
 * it runs, a browser's page request gets a page that follows the progress, everybody else an answer
 * of 503 once the wait is over.
 */
#pragma once

struct exchange;
struct host_entry;
struct proxy_loop;

/* Holds the request, or goes on holding it. entry says the state now: starting, asleep, or running
 * but out of reach. May answer at once. */
void waiting_enter(struct exchange *x, const struct host_entry *entry);
/* Takes it off the list; not being on it is fine. */
void waiting_leave(struct exchange *x);
/* Judges all that wait by the current host map. */
void waiting_judge(struct proxy_loop *proxy);
/* Answers 503 to those that wait for an instance (NULL: to all). */
void waiting_end(struct proxy_loop *proxy, const char *instance);
/* For proxy_loop_new. */
void waiting_init(struct proxy_loop *proxy);
