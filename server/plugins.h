/*
 * What runs inside Node-RED, as embedded in the binary, unpacked once to DATA/plugins/HASH,
 * root-owned, for sandboxes to mount read-only. Folders of other versions stay as long as an
 * instance may still run on them.
 */
#pragma once

struct err;

#define PLUGINS_HASH 33

/* As root, before the broker is forked. */
int plugins_unpack(const char *data, char hash[PLUGINS_HASH], struct err *err);
