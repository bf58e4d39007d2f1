#include "core/seal.h"
