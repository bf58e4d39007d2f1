/* Compresses a finished body. Inside http/ only. */
#pragma once

#include "http/negotiate.h"

/* On the heap; absent when it would not save a tenth. CPU-bound: on a worker. */
struct text encode(struct text bytes, enum coding coding);
