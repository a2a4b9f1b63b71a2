/* The one table of the store's addresses, for the site, the Hub API, git, files and the admin socket. */
#ifndef STORE_ROUTE_H
#define STORE_ROUTE_H

#include "store/request.h"

/* Finds the handler for what the gateway forwards, or for vitrine-ctl, and calls it; else answers 404 or 405. */
void route_dispatch(struct request *request);
void route_dispatch_admin(struct request *request);

#endif
