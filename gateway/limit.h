/* How much one client address may ask: open connections, and token buckets for requests and for what costs more.
 *
 * An address is a whole IPv4 address or an IPv6 /64. State is bounded: the least recently seen address is forgotten,
 * which at worst gives it fresh buckets. */
#ifndef GATEWAY_LIMIT_H
#define GATEWAY_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/text.h"
#include "runtime/http/exchange.h"

struct limit_table;

/* What can be limited; the table in limit.c has rates, bursts and the VITRINE_LIMIT_* that raises them (0: no limit).
 */
enum limit_kind {
    LIMIT_REQUEST,
    LIMIT_JOIN,
    LIMIT_UPLOAD,
    LIMIT_SIGN_IN,
    LIMIT_PUSH,
    LIMIT_KIND_COUNT
};

struct limit_table *limit_new(void); /* reads the environment */
void limit_free(struct limit_table *table);

/* Connections: false when this address has too many. limit_leave() for each true. */
bool limit_enter(struct limit_table *table, const unsigned char address[16]);
void limit_leave(struct limit_table *table, const unsigned char address[16]);
/* Takes one token; `scope` separates buckets of one kind (a demo's id; 0 when there is one). 0, or the seconds after
 * which trying again makes sense. */
unsigned limit_take(struct limit_table *table, enum limit_kind kind, const unsigned char address[16], uint64_t scope,
                    uint64_t now_ms);

/* Whose request it is: the peer, or what a trusted proxy says in X-Forwarded-For (the rightmost entry; `trusted` may be
 * NULL). */
void limit_address(const struct http_exchange *exchange, const unsigned char *trusted, unsigned char ret_address[16]);
/* Reads an address as text; IPv4 is stored mapped. 0 or ERROR_INVALID. */
int limit_parse_address(struct text text, unsigned char ret_address[16]);
/* Writes it as text, at most 46 bytes with the NUL; "local" for all zeros. */
void limit_format_address(const unsigned char address[16], char ret_text[48]);
/* A number from the environment: VITRINE_LIMIT_<name>, or `fallback`. */
uint64_t limit_environment(const char *name, uint64_t fallback);

#endif
