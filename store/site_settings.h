/* The pages where owners change things: a demo's Logs and Settings tabs, and the account page. */
#ifndef STORE_SITE_SETTINGS_H
#define STORE_SITE_SETTINGS_H

#include "store/request.h"

void site_settings_demo(struct request *request);    /* GET and POST /spaces/o/n/settings */
void site_settings_account(struct request *request); /* GET and POST /settings */

#endif
