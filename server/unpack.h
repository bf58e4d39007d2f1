/*
 * `redhouse unpack`: the child that a sandbox runs to unpack the Node.js and npm that stacks are
 * made with. /job/in is one line of JSON, {"parts": [{"to", "bytes"}], "node": LINK}, then the
 * tarballs; /job/out gets the folders and bin/node.
 */
#pragma once

int unpack_main(void);
