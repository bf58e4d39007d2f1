/*
 * A network namespace with nothing but a loopback.
 */
#pragma once

struct err;

/* Enters a new one and brings its loopback up. address: a literal that shall be local as well, or
 * any other text, which is passed over. */
int netns_enter(const char *address, struct err *err);
