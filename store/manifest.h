/* What the store believes of a bundle that came out of a describe cage: nothing, before it was checked here.
 *
 * The cage ran a stranger's code, so every part that gateway, browser or site will read is checked again: index,
 * checksums, the presence and size of the pushed files, and the types of the manifest's members. */
#ifndef STORE_MANIFEST_H
#define STORE_MANIFEST_H

#include "runtime/base/bundle.h"
#include "store/tree.h"

/* Checks the bundle in `fd` against the tree it was made from. 0 and the card (JSON object: title, emoji, colorFrom,
 * colorTo, sdk, short_description, pinned, license, tags, models …) appended to `ret_card`; ERROR_CORRUPT with what
 * is wrong in `reason`; or ERROR_UNSUPPORTED when the repository may be stored but not run here, `reason` says why.
 * For a job thread. */
int manifest_check(int fd, const struct tree *tree, bool model, struct buffer *ret_card, struct buffer *reason);

#endif
