/* One HTTP request on its way through the store: who asks for what, and the ways to answer. */
#ifndef STORE_REQUEST_H
#define STORE_REQUEST_H

#include "runtime/http/exchange.h"
#include "store/repository.h"
#include "store/token.h"

struct store;

enum request_credential { CREDENTIAL_NONE, CREDENTIAL_BEARER, CREDENTIAL_BASIC, CREDENTIAL_COOKIE, CREDENTIAL_ADMIN };

struct request {
    struct store *store;
    struct http_exchange *exchange; /* NULL when it was answered or aborted */
    uint64_t handle;                /* of the exchange, for answers that come later */
    struct buffer path;             /* decoded */
    struct text owner, name, rest;  /* captured from the path; borrow it */
    bool model;                     /* the route is below /<owner>/<name>, not /spaces/… */
    bool api;                       /* errors are JSON, not a page */
    bool git;                       /* errors are plain text: git shows that (and nothing else) as "remote:" lines */
    enum request_credential credential;
    struct identity identity; /* account.id 0: a stranger */
    struct text cookie;       /* the session's secret; borrows the head */
    bool bad_credential;      /* something was shown, and it is not valid */
    struct buffer lines;      /* header lines that the exchange was decorated with */
    struct request *next;     /* answered, freed at the end of the turn */
};

/* Makes the request of a new exchange and hangs it on exchange->note. NULL when the path is malformed (already
 * answered). */
struct request *request_new(struct store *store, struct http_exchange *exchange, bool admin);
/* The exchange is over. The request lives on until the end of the turn, so that a handler may look at it after
 * answering. */
void request_finished(struct request *request);
/* Frees what is finished; at the end of a turn. */
void request_free_finished(struct store *store);

/* Answers; each is the last use of the exchange. */
void request_json(struct request *request, int status, const struct buffer *body);
void request_html(struct request *request, int status, const struct buffer *body);
void request_redirect(struct request *request, int status, const char *location);
/* A JSON error with X-Error-Message, or the error page; `code` is an X-Error-Code or NULL. */
void request_error(struct request *request, int status, const char *code, const char *sentence);
void request_not_found(struct request *request); /* the repository: 404, or 401 for strangers in the API */
/* A page of the site: template, style word, window title and the template's JSON object. */
struct request_page {
    int status;
    const char *template_name, *word;
    struct text title, description;
};
void request_page(struct request *request, const struct request_page *page, const struct buffer *context);

/* The repository that the path names, when the asker may see it: 0, else it was answered. */
int request_repository(struct request *request, struct repository *ret_repository);
/* … and may write it, with a credential that allows writing. */
int request_writable(struct request *request, struct repository *ret_repository);
/* Checks a state-changing request against cross-site forgery: 0, or it was answered 403. */
int request_same_site(struct request *request);
/* A decoded value of the query string appended to `out`; false when absent or malformed. */
bool request_query(const struct request *request, const char *name, struct buffer *out);
/* A cookie's value, or an empty slice. */
struct text request_cookie(const struct request *request, const char *name);
/* Whether the browser called us under an https address. */
bool request_is_secure(const struct request *request);
/* Lines that keep answers out of caches; constant. */
extern const struct text request_no_store;

#endif
