/* Compares folders. */
#pragma once

/* The first path below `is` that is not the same below `rebuilt` (to be freed), or NULL. What is
 * only below `rebuilt` is not looked for. */
const char *same_tree(const char *is, const char *rebuilt);
