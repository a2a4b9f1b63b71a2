/* What vitrine-ctl asks over the admin socket. Whoever can connect to it is the operator. */
#ifndef STORE_ADMIN_H
#define STORE_ADMIN_H

#include "store/request.h"

void admin_status(struct request *request);        /* GET /status: processes, demos */
void admin_users(struct request *request);         /* GET /users */
void admin_user_add(struct request *request);      /* POST /users {name, admin, password} */
void admin_user_link(struct request *request);     /* POST /users/link {name} → {url} */
void admin_user_password(struct request *request); /* POST /users/password {name, password} */
void admin_tokens(struct request *request);        /* GET /tokens?user=… */
void admin_token_add(struct request *request);     /* POST /tokens {user, name, role} → {token} */
void admin_token_revoke(struct request *request);  /* POST /tokens/revoke {user, name} */
void admin_rollback(struct request *request);      /* POST /rollback {repository, model, commit} */
void admin_events(struct request *request);        /* GET /events */

#endif
