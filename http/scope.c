#include "http/scope.h"
