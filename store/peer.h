/* The channels to gateway, inference backend and launcher: their questions answered, ours asked. */
#ifndef STORE_PEER_H
#define STORE_PEER_H

#include "runtime/wire/channel.h"

struct publish;
struct store;

/* A (new) channel to the peer of that role; the old one is dropped. Owns `fd`. */
void peer_attach(struct store *store, enum message_role role, int fd);
/* A message on the control channel that control.h does not know. */
void peer_launcher_message(void *context, struct message_in *in);

/* Asks the inference backend to run a bundle once; publish_tried() follows. Its number, or 0 when it is away. */
uint32_t peer_try_model(struct store *store, struct text name, int bundle_fd, struct publish *publish);
/* Asks the launcher how the processes are; `answered` gets its JSON, once. The number, or 0. */
uint32_t peer_ask_status(struct store *store, void (*answered)(void *context, struct text json), void *context);
/* Nobody waits for that answer any more. 0 does nothing. */
void peer_forget(struct store *store, uint32_t question);
void peer_release_all(struct store *store);

#endif
