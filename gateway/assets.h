/* The browser side as built into share/vitrine/kit: hashed names, precompressed, mapped once at start. */
#ifndef GATEWAY_ASSETS_H
#define GATEWAY_ASSETS_H

#include "runtime/http/exchange.h"

struct assets;

/* Maps every file that <folder>/manifest.json names, with its .br and .gz. Never fails: what is missing is logged, and
 * its pages go without it. Must run before the process gives up the right to open files. */
struct assets *assets_open(const char *folder, struct text headers);
void assets_free(struct assets *assets);

/* The hashed name of "kit.js", or NULL when the kit has none. */
const char *assets_name(const struct assets *assets, const char *logical);
/* All names' digest, so that composed pages know when the kit is another one. */
uint64_t assets_version(const struct assets *assets);

/* True when the client takes this content coding. */
bool assets_accepts(const struct http_exchange *exchange, const char *token);
/* Answers with the file of this hashed name, in the best encoding the client takes; immutable. false: there is none. */
bool assets_reply(struct assets *assets, struct http_exchange *exchange, struct text hashed);
/* The same for a stable address (embed.js): may be kept for a short time only. */
bool assets_reply_stable(struct assets *assets, struct http_exchange *exchange, const char *logical);

#endif
