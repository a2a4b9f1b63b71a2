/* The request's side of an exchange: its body on the way to the handler, and its end.
 *
 * The handler decides when the body is read. Until it asks, bytes stay with the connection, which stops
 * reading the socket when it holds enough: back-pressure reaches the client without anybody counting.
 *
 * An exchange ends in exactly one of two ways, and both end in exchange_free():
 *   answered   the last byte of the answer is queued (http_exchange_answered); what the client still sends is dropped
 *   aborted    the client left, broke the rules or was too slow (http_exchange_abort, fail) */
#include "runtime/http/exchange.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/memory.h"
#include "runtime/http/connection.h"
#include "runtime/http/exchange_state.h"

/* One block of memory for the exchange and its head: it is made and freed with every request. */
struct http_exchange *http_exchange_new(struct http_connection *connection, const struct http_head *head)
{
    struct http_exchange *exchange = malloc(sizeof(*exchange) + http_head_copy_size(head));
    if (!exchange)
        abort();
    *exchange = (struct http_exchange){
        .peer = &connection->peer,
        .server = connection->server,
        .connection = connection,
        .started_us = clock_now_us(),
        .state = head->expect_continue ? EXCHANGE_EXPECTS : 0,
    };
    http_head_copy(head, &exchange->head, exchange + 1);
    http_body_init_request(&exchange->body, head);
    connection->server->counts.exchanges++;
    return exchange;
}

static void exchange_free(struct http_exchange *exchange)
{
    exchange->server->counts.exchanges--;
    if (exchange->handle_index)
        http_server_drop_handle(exchange->server, exchange);
    buffer_release(&exchange->collected);
    free(exchange);
}

struct text http_exchange_header(const struct http_exchange *exchange, const char *name)
{
    return http_head_get(&exchange->head, name);
}

void http_exchange_attach(struct http_exchange *exchange, const struct http_handler *handler, void *context)
{
    exchange->handler = handler;
    exchange->context = context;
}

/* Only the slice is kept: lines of a surface or a demo live longer than any request, and their holder sees to that. */
void http_exchange_decorate(struct http_exchange *exchange, struct text headers)
{
    exchange->decoration = headers;
}

/* ---- the request's body ---- */

bool http_exchange_body_is_complete(const struct http_exchange *exchange)
{
    if (exchange->state & EXCHANGE_COMPLETE)
        return true;
    return exchange->body.kind == HTTP_BODY_LENGTH && exchange->body.left == 0;
}

/* Asks for the body. An announced size beyond the limit is refused before 100 Continue, so that a client which waits
 * for it sends nothing in vain; a chunked one is counted as it comes (take_piece). */
bool http_exchange_receive(struct http_exchange *exchange, uint64_t limit)
{
    exchange->body_limit = limit;
    if (exchange->head.content_length > 0 && (uint64_t)exchange->head.content_length > limit) {
        exchange->handler = NULL;
        http_reply_error(exchange, 413, "the request is larger than this address accepts");
        return false;
    }
    exchange->state |= EXCHANGE_RECEIVING;
    exchange->window_start = exchange->body_received;
    if ((exchange->state & EXCHANGE_EXPECTS) && !http_exchange_body_is_complete(exchange)) {
        exchange->state &= (uint16_t)~EXCHANGE_EXPECTS;
        http_output_append(&exchange->connection->output, TEXT("HTTP/1.1 100 Continue\r\n\r\n"));
    }
    http_connection_touch(exchange->connection);
    return true;
}

bool http_exchange_collect(struct http_exchange *exchange, uint64_t limit,
                           void (*on_body)(void *context, struct http_exchange *exchange, struct text body),
                           void *context)
{
    exchange->on_body = on_body;
    exchange->context = context;
    return http_exchange_receive(exchange, limit);
}

void http_exchange_pause(struct http_exchange *exchange)
{
    exchange->state |= EXCHANGE_PAUSED;
}

void http_exchange_resume(struct http_exchange *exchange)
{
    exchange->state &= (uint16_t)~EXCHANGE_PAUSED;
    exchange->window_start = exchange->body_received;
    http_connection_touch(exchange->connection);
}

/* What is answered already still has its body drained here: the next request stands behind it. */
bool http_exchange_wants_data(const struct http_exchange *exchange)
{
    if (exchange->state & EXCHANGE_COMPLETE)
        return false;
    if (exchange->state & EXCHANGE_ANSWERED)
        return true;
    return (exchange->state & (EXCHANGE_RECEIVING | EXCHANGE_PAUSED)) == EXCHANGE_RECEIVING;
}

bool http_exchange_is_receiving(const struct http_exchange *exchange)
{
    return !http_exchange_body_is_complete(exchange) && http_exchange_wants_data(exchange);
}

/* For the clock: what came since the last look. Counted in contents, so that framing and trickery earn nothing. */
uint64_t http_exchange_take_window(struct http_exchange *exchange)
{
    uint64_t received = exchange->body_received - exchange->window_start;
    exchange->window_start = exchange->body_received;
    return received;
}

/* The handler is told that it is over and gives no answer; the client gets ours when none has begun. */
static void fail(struct http_exchange *exchange, int code, int status, const char *reason)
{
    struct http_connection *connection = exchange->connection;
    if (exchange->state & (EXCHANGE_STARTED | EXCHANGE_ANSWERED)) {
        http_exchange_abort(exchange, code);
        http_connection_kill(connection);
        return;
    }
    const struct http_handler *handler = exchange->handler;
    exchange->handler = NULL;
    if (handler && handler->on_abort)
        handler->on_abort(exchange->context, exchange, code);
    exchange->server->counts.refused++;
    connection->keep_alive = false;
    http_reply_error(exchange, status, reason);
}

void http_exchange_time_out(struct http_exchange *exchange)
{
    fail(exchange, ERROR_TIMEOUT, 408, "the request's body came too slowly");
}

/* The body is complete: whoever collects gets all of it, a streaming handler only the word. Either may answer at
 * once and so end the exchange: nothing may touch it after this. */
static void tell_end(struct http_exchange *exchange)
{
    exchange->state |= EXCHANGE_END_TOLD;
    if (exchange->on_body)
        exchange->on_body(exchange->context, exchange, buffer_view(&exchange->collected));
    else if (exchange->handler && exchange->handler->on_end)
        exchange->handler->on_end(exchange->context, exchange);
}

/* A piece for the handler, or for nobody when the answer is out already: then only its size counts, because a client
 * that goes on sending what nobody reads is cut off after BOUNDS_HTTP_LINGER_BYTES. */
static void take_piece(struct http_exchange *exchange, struct text piece)
{
    exchange->body_received += piece.length;
    if (exchange->state & EXCHANGE_ANSWERED) {
        if (exchange->body_received > exchange->body_limit)
            http_connection_kill(exchange->connection);
        return;
    }
    if (exchange->body_received > exchange->body_limit)
        fail(exchange, ERROR_LIMIT, 413, "the request is larger than this address accepts");
    else if (exchange->on_body)
        buffer_append(&exchange->collected, piece.data, piece.length);
    else if (exchange->handler && exchange->handler->on_data)
        exchange->handler->on_data(exchange->context, exchange, piece);
}

/* A collected body that is here as a whole needs no copy: the usual case of a call. */
static bool collect_at_once(struct http_exchange *exchange, struct text data, size_t *ret_used)
{
    uint64_t left = exchange->body.left;
    if (!exchange->on_body || exchange->body.kind != HTTP_BODY_LENGTH || left == 0 || left > data.length ||
        exchange->body_received || (exchange->state & EXCHANGE_ANSWERED))
        return false;
    exchange->body.left = 0;
    exchange->body_received = left;
    exchange->state |= EXCHANGE_COMPLETE | EXCHANGE_END_TOLD;
    *ret_used = (size_t)left;
    exchange->on_body(exchange->context, exchange, text_head(data, (size_t)left));
    return true;
}

/* The end of the body is the end of the exchange only when the answer was faster. */
static void complete(struct http_exchange *exchange)
{
    exchange->state |= EXCHANGE_COMPLETE;
    if (!(exchange->state & EXCHANGE_ANSWERED)) {
        tell_end(exchange);
        return;
    }
    struct http_connection *connection = exchange->connection;
    exchange_free(exchange);
    http_connection_finish(connection);
}

/* One step: the connection calls again with the rest while something was used, so that a handler that pauses,
 * answers or fails in a callback is noticed before the next piece. The exchange may be gone when this returns. */
ssize_t http_exchange_feed(struct http_exchange *exchange, struct text data)
{
    if (!http_exchange_wants_data(exchange))
        return ERROR_AGAIN;
    size_t used = 0;
    if (collect_at_once(exchange, data, &used))
        return (ssize_t)used;
    struct text rest = data, piece = {0};
    int result = http_body_next(&exchange->body, &rest, &piece);
    used = data.length - rest.length;
    if (result == HTTP_BODY_PIECE)
        take_piece(exchange, piece);
    else if (result == HTTP_BODY_END)
        complete(exchange);
    else if (result < 0)
        fail(exchange, ERROR_INVALID, 400, "the chunked body is malformed");
    else if (used == 0)
        return ERROR_AGAIN;
    return (ssize_t)used;
}

/* ---- the end ---- */

/* The answer is queued in full. What is left of the request's body is read and dropped, or the connection ends. */
void http_exchange_answered(struct http_exchange *exchange)
{
    struct http_connection *connection = exchange->connection;
    const struct http_server_callbacks *callbacks = exchange->server->callbacks;
    exchange->state |= EXCHANGE_ANSWERED;
    exchange->handler = NULL;
    if (callbacks->on_finished)
        callbacks->on_finished(exchange->server->context, exchange, ERROR_NONE);
    if (!http_exchange_body_is_complete(exchange) && connection->keep_alive) {
        exchange->body_limit = exchange->body_received + BOUNDS_HTTP_LINGER_BYTES;
        http_connection_touch(connection);
        return;
    }
    connection->unread |= !http_exchange_body_is_complete(exchange);
    exchange_free(exchange);
    http_connection_finish(connection);
}

void http_exchange_abort(struct http_exchange *exchange, int code)
{
    struct http_connection *connection = exchange->connection;
    const struct http_server_callbacks *callbacks = exchange->server->callbacks;
    const struct http_handler *handler = exchange->handler;
    connection->exchange = NULL;
    connection->keep_alive = false;
    if (!(exchange->state & EXCHANGE_ANSWERED)) {
        exchange->server->counts.aborted++;
        if (handler && handler->on_abort)
            handler->on_abort(exchange->context, exchange, code);
        if (callbacks->on_finished)
            callbacks->on_finished(exchange->server->context, exchange, code);
    }
    exchange_free(exchange);
}

void http_exchange_drained(struct http_exchange *exchange)
{
    if (!(exchange->state & EXCHANGE_FULL))
        return;
    exchange->state &= (uint16_t)~EXCHANGE_FULL;
    if (exchange->handler && exchange->handler->on_drain)
        exchange->handler->on_drain(exchange->context, exchange);
}

/* Slots are reused, their generation is not: an answer that comes too late finds nobody instead of a stranger. */
uint64_t http_exchange_handle(struct http_exchange *exchange)
{
    struct http_server *server = exchange->server;
    if (!exchange->handle_index) {
        if (!server->slot_free) {
            server->slots = memory_resize(server->slots, server->slot_count + 1, sizeof(*server->slots));
            server->slots[server->slot_count] = (struct http_slot){.generation = 1};
            server->slot_free = ++server->slot_count;
        }
        exchange->handle_index = server->slot_free;
        struct http_slot *slot = &server->slots[exchange->handle_index - 1];
        server->slot_free = slot->next_free;
        slot->exchange = exchange;
    }
    return (uint64_t)server->slots[exchange->handle_index - 1].generation << 32 | exchange->handle_index;
}
