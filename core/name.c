#include "core/name.h"
