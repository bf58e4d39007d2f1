#include "core/db.h"
