/* Names of owners and repositories: what is allowed, what routes need for themselves, and the subdomain they make. */
#ifndef STORE_NAMES_H
#define STORE_NAMES_H

#include "runtime/base/buffer.h"

/* NULL when an account may have this name, else the sentence why not (static storage). */
const char *names_refuse_owner(struct text owner);
/* NULL when `owner` may have a repository `name` of this kind, else the sentence why not. */
const char *names_refuse_repository(struct text owner, struct text name, bool demo);
/* Appends the demo's subdomain: owner, '-', name, lower case, everything else '-'. */
void names_subdomain(struct buffer *out, struct text owner, struct text name);

#endif
