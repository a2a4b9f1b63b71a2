/* Asking the launcher for cages, and remembering who waits for which.
 *
 * The store cannot start processes: it sends a repository's id and descriptors, the launcher derives the path itself.
 * A cage that nobody waits for any more (cage_forget) stays in the map until it has ended, so that cage_count()
 * counts what really runs and the limit on git cages cannot be walked around by hanging up. */
#include "store/cage.h"

#include <stdlib.h>

#include "runtime/base/memory.h"
#include "store/store.h"

struct cage_wait {
    cage_exited *exited;
    void *context;
};

static uint32_t cage_remember(struct store *store, uint32_t request, cage_exited *exited, void *context)
{
    struct cage_wait *wait = MEMORY_NEW(struct cage_wait);
    *wait = (struct cage_wait){exited, context};
    map_set_u64(&store->cages, request, wait);
    return request;
}

/* The message carries a number of ours; the launcher's answer brings it back. It is remembered after sending, which
 * is safe because answers are read in a later turn of the loop. */
uint32_t cage_start_git(struct store *store, const struct cage_git *git, cage_exited *exited, void *context)
{
    BUFFER_AUTO struct buffer body = BUFFER_EMPTY;
    struct message_cage_git message = {
        .request = store_next_request(store), .repository_id = (uint64_t)git->repository_id, .receive = git->receive,
        .advertise = git->advertise, .protocol = git->protocol,
    };
    message_cage_git_pack(&body, &message);
    if (channel_send(store->control.channel, MESSAGE_cage_git, 0, buffer_view(&body), git->fds, 4) != 0)
        return 0;
    return cage_remember(store, message.request, exited, context);
}

uint32_t cage_start_describe(struct store *store, int64_t repository_id, bool model, const int fds[3],
                             cage_exited *exited, void *context)
{
    BUFFER_AUTO struct buffer body = BUFFER_EMPTY;
    struct message_cage_describe message = {
        .request = store_next_request(store), .repository_id = (uint64_t)repository_id, .model = model};
    message_cage_describe_pack(&body, &message);
    if (channel_send(store->control.channel, MESSAGE_cage_describe, 0, buffer_view(&body), fds, 3) != 0)
        return 0;
    return cage_remember(store, message.request, exited, context);
}

void cage_kill(struct store *store, uint32_t cage)
{
    if (cage != 0 && map_get_u64(&store->cages, cage) != NULL)
        channel_send_cage_kill(store->control.channel, 0, &(struct message_cage_kill){cage});
}

void cage_forget(struct store *store, uint32_t cage)
{
    struct cage_wait *wait = map_get_u64(&store->cages, cage);
    if (wait != NULL)
        wait->exited = NULL; /* still counted until it has ended */
}

size_t cage_count(const struct store *store)
{
    return store->cages.count;
}

/* The entry is taken out before its owner hears it: the callback may start the next cage. */
void cage_heard(struct store *store, struct text body)
{
    struct message_cage_exited message;
    if (message_cage_exited_unpack(&message, body) != 0)
        return;
    struct cage_wait *wait = map_remove_u64(&store->cages, message.request);
    struct cage_end end = {message.exit, message.reason, message.detail};
    if (wait != NULL && wait->exited != NULL)
        wait->exited(wait->context, &end);
    free(wait);
}

static int free_wait(void *context, struct text key, void *value)
{
    free(value);
    return 0;
}

void cage_release_all(struct store *store)
{
    map_each(&store->cages, free_wait, NULL);
    map_release(&store->cages);
}
