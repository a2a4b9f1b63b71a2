/* The routes of the call path below a demo's base: queue/join, queue/data, run, call, cancel, reset, heartbeat, … Each
 * stands under /gradio_api and, for old clients and documentation, at the bare base. */
#ifndef GATEWAY_API_H
#define GATEWAY_API_H

#include "gateway/route.h"

enum { API_ROUTE_COUNT = 32 };
extern const struct route api_routes[API_ROUTE_COUNT];

#endif
