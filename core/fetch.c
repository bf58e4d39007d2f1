#include "core/fetch.h"
