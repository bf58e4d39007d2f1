/*
 * Text encodings: hex, base64 (RFC 4648), percent (RFC 3986), HTML escapes. Strict in, canonical
 * out.
 */
#pragma once

#include "core/text.h"

struct buf;
struct pool;

struct text hex_encode(struct pool *pool, const void *p, size_t n);
/* Exactly 2*n lower- or upper-case digits. */
bool hex_decode(struct text t, void *out, size_t n);
struct text b64_encode(struct pool *pool, const void *p, size_t n);
struct text b64url_encode(struct pool *pool, const void *p, size_t n); /* no padding */
/* Decodes into out, which has room for b64_decoded_max(t.len); false on any byte that is not
 * base64, wrong padding or non-zero left-over bits. Line breaks are refused. */
size_t b64_decoded_max(size_t encoded);
bool b64_decode(struct text t, void *out, size_t *n);
bool b64url_decode(struct text t, void *out, size_t *n);
/* Percent-decoding of one path segment or query value, once. '+' is a space only with plus set.
 * False on a bad escape, NUL, or invalid UTF-8. */
bool percent_decode(struct pool *pool, struct text t, bool plus, struct text *out);
/* Escapes all but unreserved characters. */
struct text percent_encode(struct pool *pool, struct text t);
void html_escape(struct buf *out, struct text t); /* & < > " ' */
