/*
 * Doors and connections: a door is a listener on one loop and says what its requests are; each
 * accepted connection remembers its door. Inside http/ only; all calls on the loop's thread.
 */
#pragma once

#include "core/digest.h"
#include "http/account.h"
#include "http/loop.h"

struct lingering;
struct snapshot;

enum door_kind { DOOR_PUBLIC, DOOR_CARRIER, DOOR_ADMIN };

struct door {
    h2o_hostconf_t *hosts[2]; /* first: what a connection's hosts points at */
    h2o_accept_ctx_t accept;
    struct http_loop *loop;
    enum door_kind kind;
    struct tls *tls;        /* NULL: plain; a carrier takes plain HTTP beside it */
    char *instance;         /* of a carrier */
    h2o_socket_t *listener; /* NULL: closed */
    size_t n_conns;         /* the last one to go frees a closed door */
    h2o_timeout_entry_t pause;
    h2o_linklist_t link; /* loop->doors */
};

/* How far a connection's current request has come, as the sweep saw it. */
enum conn_phase { CONN_IDLE, CONN_HEAD, CONN_BODY, CONN_BUSY };

struct conn {
    struct door *door;
    h2o_socket_t *sock;
    char peer[48];
    unsigned peer_len;
    unsigned uid;             /* of the admin socket's peer */
    char touched[ACCOUNT_ID]; /* the credential whose use was told last, by its id, and when */
    uint64_t touched_at;
    char token[64]; /* the last one that it brought, whoever's, and its hash */
    size_t token_len;
    unsigned char token_hash[SHA256_BYTES];
    /* the sweep's */
    enum conn_phase phase;
    uint64_t since;         /* of the phase, ms */
    uint64_t n_requests;    /* so far; counted by the judge */
    uint64_t seen_requests; /* when since was set */
    uint64_t seen;          /* how far it was at the last progress */
    uint64_t seen_at;
    size_t max_body;          /* of the body that is coming in; 0: not judged yet */
    bool cut;                 /* shut down; the library will close it */
    struct lingering *linger; /* answered before its body was complete */
    h2o_timeout_entry_t handshake;
    h2o_linklist_t link;  /* loop->handshakes */
    struct snapshot *tls; /* certificates, for the handshake */
};

/* Takes over fd, which listens. */
struct door *door_open(struct http_loop *loop, enum door_kind kind, int fd, const char *instance);
/* Accepts no more; connections go on. */
void door_close(struct door *door);

static inline struct conn *conn_of(h2o_req_t *req)
{
    return req->conn->callbacks->get_socket(req->conn)->on_close.data;
}
/* Tears the connection down; the library notices and closes it. What arrived before is not done. */
void conn_cut(struct conn *conn);
/* The same for one between two requests, unless the next is there already. */
void conn_cut_idle(struct conn *conn);
