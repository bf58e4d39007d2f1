/* The `process` driver: wardens, started through the broker, spoken to on their own sockets. */
#pragma once

#include "tenants/driver.h"

struct broker_client;

struct process_config {
    const char *data_dir;
    struct broker_client *broker; /* the keeper's */
};
struct driver *process_driver_open(const struct process_config *config, struct loop *loop,
                                   const struct driver_events *events, struct err *err);
