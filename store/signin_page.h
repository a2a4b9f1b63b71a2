/* Signing in and out on the site: the form, the one-time link, the cookie. */
#ifndef STORE_SIGNIN_PAGE_H
#define STORE_SIGNIN_PAGE_H

#include "store/request.h"

void signin_page_form(struct request *request);   /* GET and POST /login */
void signin_page_link(struct request *request);   /* GET /login/link?token=… */
void signin_page_logout(struct request *request); /* POST /logout */
/* Forgets failed tries whose window has passed. */
void signin_page_forget_tries(struct store *store);

#endif
