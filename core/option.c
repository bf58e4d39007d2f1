#include "core/option.h"
