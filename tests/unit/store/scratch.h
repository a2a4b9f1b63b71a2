/* What the store's tests share: a folder that is gone afterwards, a database with its schema, an account, a bundle. */
#ifndef TESTS_UNIT_STORE_SCRATCH_H
#define TESTS_UNIT_STORE_SCRATCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/account.h"
#include "store/database.h"
#include "store/repository.h"
#include "store/vault.h"

struct scratch {
    char path[64];
    struct database database;
    struct vault vault;
    struct account ann, bob;
};

/* Opens everything; aborts when it cannot. */
void scratch_open(struct scratch *scratch);
void scratch_close(struct scratch *scratch);
/* As cmocka's set-up and tear-down: *state is a struct scratch. */
int scratch_setup(void **state);
int scratch_teardown(void **state);

/* Makes a repository of ann's. */
struct repository scratch_repository(struct scratch *scratch, const char *name, bool model);
/* A file with these contents; its descriptor, open for reading and writing. */
int scratch_file(const struct scratch *scratch, const char *name, const void *data, size_t length);
/* Puts a bundle with one file into the vault; its digest. */
void scratch_bundle(struct scratch *scratch, const char *content, char ret_digest[65]);
/* Adds a release row and makes it live; its id. */
int64_t scratch_release(struct scratch *scratch, int64_t repository_id, const char *commit, const char *digest);
int scratch_exists(const struct scratch *scratch, const char *name);

/* One row of a table of inputs that are tried one after the other. */
struct scratch_case {
    const char *input, *expected;
};

#endif
