/*
 * WebSockets between a client and an instance: bytes both ways with one block in flight each way,
 * idle ones closed, listed so that an instance's or a person's can be closed. Frames are not read
 * but for their heads, to tell a person from a heartbeat.
 */
#pragma once

struct exchange;
struct h1_head;
struct proxy_loop;

/* The instance answered 101: takes its connection, then the client's. */
void tunnel_begin(struct exchange *x, const struct h1_head *head);
/* Closes those of an instance (NULL: all). */
void tunnel_close_instance(struct proxy_loop *proxy, const char *instance);
/* Closes those that a user (NULL: anybody) opened and has no right to any more. */
void tunnel_close_ended(struct proxy_loop *proxy, const char *user);
/* For proxy_loop_new. */
void tunnel_init(struct proxy_loop *proxy);
