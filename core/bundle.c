#include "core/bundle.h"
