/*
 * Certificates from a folder: NAME.pem with NAME.key (or the key inside NAME.pem) for the server
 * name NAME, a leading "*." for one label, "default" for everybody else. TLS 1.2 and up, http/1.1
 * only.
 */
#pragma once

#include "core/snapshot.h"

#include <openssl/ssl.h>

struct err;
struct tls;

/* Lives as long as the process. ERR_INVALID "bad_tls" names the file and what is wrong with it. */
struct tls *tls_open(const char *dir, struct err *err);
/* Reads the folder again; keeps what is there when that fails. Any thread. */
int tls_reload(struct tls *tls, struct err *err);
/* The certificates for one handshake, held until it ends. Any thread. */
struct snapshot *tls_take(struct tls *tls);
/* What the handshake starts with; the server name may choose another. */
SSL_CTX *tls_ctx(struct snapshot *s);
