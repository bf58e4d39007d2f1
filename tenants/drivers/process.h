/* The `process` driver: wardens, started through the broker, spoken to on their own sockets. */
#pragma once

#include "tenants/driver.h"

struct process_config {
    const char *data_dir;
    int broker_fd;
};
struct driver *process_driver_open(const struct process_config *config, struct loop *loop,
                                   const struct driver_events *events, struct err *err);
