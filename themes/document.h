/* A theme as the API shows it. */
#pragma once

#include "themes/store.h"

struct json_writer;

/*
 * The layer that is asked for and, apart from it, what shines through where it says nothing:
 * {from, version, updated_at, theme, files, inherited: {from, theme, files}, tokens}. `from` names
 * the nearest layer that is there: tenant, platform, product. Whoever sends `theme` back sets
 * nothing that was inherited.
 */
void document_write(struct json_writer *w, const struct layers *layers, bool of_tenant);
