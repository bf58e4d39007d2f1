#include "core/blob.h"
