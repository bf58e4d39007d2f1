#include "core/password.h"
