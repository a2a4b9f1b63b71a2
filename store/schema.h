/* The database's tables: one list of migrations, only ever appended to. */
#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

#include "store/database.h"

/* In order; the number of those that a file has seen is its user_version. */
extern const struct database_migration schema_migrations[];
extern const size_t schema_migration_count;

#endif
