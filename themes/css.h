/* Tokens as CSS. Only checked values get here. */
#pragma once

#include "core/buf.h"
#include "themes/store.h"

/* ":root{--rh-primary:…}" and the dark ones: for portal, login and waiting pages. */
void css_look(struct buf *out, const struct layers *layers);
/* Overrides of the Node-RED editor's variables, its header height and logo. Works for 4.x and 5.x:
 * variables that a version does not know do nothing. */
void css_editor(struct buf *out, const struct layers *layers);
