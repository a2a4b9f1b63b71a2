/* The Hub's HTTP API, as far as this server answers it. */
#ifndef STORE_API_H
#define STORE_API_H

#include "store/request.h"

void api_whoami(struct request *request);     /* GET /api/whoami-v2 */
void api_spaces(struct request *request);     /* GET /api/spaces */
void api_models(struct request *request);     /* GET /api/models */
void api_repository(struct request *request); /* GET /api/{spaces,models}/o/n[/revision/rev] */
void api_runtime(struct request *request);    /* GET /api/spaces/o/n/runtime */
void api_pause(struct request *request);      /* POST … */
void api_restart(struct request *request);    /* POST … */
void api_logs(struct request *request);       /* GET /api/spaces/o/n/logs/{run,build}, server-sent events */
void api_create(struct request *request);     /* POST /api/repos/create */
void api_delete(struct request *request);     /* DELETE /api/repos/delete */

#endif
