/*
 * What the registry does on its own, beside requests: one thread that wakes once in a while. It
 * signs versions that were published unsigned, and ends imports that nobody goes on with.
 */
#pragma once

struct registry;
struct upkeep;

struct upkeep *upkeep_start(struct registry *registry);
/* Waits for the step under way; NULL is fine. */
void upkeep_stop(struct upkeep *upkeep);
