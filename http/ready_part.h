/* A ready body that an answer holds. Inside http/ only. */
#pragma once

struct ready_entry;

void ready_entry_drop(struct ready_entry *entry); /* NULL is fine */
