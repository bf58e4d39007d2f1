#include "core/child.h"
