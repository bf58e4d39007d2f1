/*
 * Which headers pass between a client and an instance: what is ours stays on our side, what belongs
 * to one connection stays on it, and an instance cannot speak for the platform. Pure decisions over
 * views.
 */
#pragma once

#include "core/text.h"

/* Towards an instance: true for headers of one connection, those the proxy writes itself,
 * x-forwarded-* and x-redhouse-*. name is lower case. Cookie and Authorization are judged by the
 * calls below. */
bool relay_request_drops(struct text name);
/* Writes a Cookie value without our cookies to out (room for value.len bytes): those whose name
 * begins with ours, with or without a "__Host-" or "__Secure-" in front. Returns the length; 0:
 * send no Cookie. */
size_t relay_cookies(struct text value, struct text ours, char *out);
/* A bearer token of ours ("PREFIX_…"), or Basic credentials that carry one. */
bool relay_authorization_is_ours(struct text value, struct text prefix);

/* From an instance: true for headers of one connection, those the proxy writes itself, and those
 * that would change more than this answer. name in any case. Set-Cookie is judged by the call
 * below. */
bool relay_response_drops(struct text name);
/* Refused: a Domain attribute, or a name that begins with ours (as a browser would send it back).
 */
bool relay_set_cookie_passes(struct text value, struct text ours);
