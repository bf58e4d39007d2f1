/*
 * WebSockets between a client and an instance: bytes both ways with one block in flight each way,
 * idle ones closed, listed so that an instance's or a person's can be closed. Frames are not read
 * but for their heads, to tell a person from a heartbeat.
 */
#pragma once

#include "core/text.h"

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

/* Follows the frames of one direction; zeroed to begin. */
struct tunnel_frames {
    unsigned char head[14];
    unsigned n_head;
    uint64_t left;
};
/* True when the bytes begin a frame that a person's doing sends: data of more than a few bytes, not
 * a ping, pong or the short beats of common libraries. */
bool tunnel_frames_person(struct tunnel_frames *frames, struct text bytes);
