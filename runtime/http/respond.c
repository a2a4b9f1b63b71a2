/* The answer's side of an exchange.
 *
 * A head is put together in one piece: its parts are slices whose lengths are summed first, then copied
 * once. Nothing on this path goes through printf; at a hundred thousand answers a second its parsing of
 * formats would be the largest item of our own in a profile. */
#include "runtime/http/exchange.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/encode.h"
#include "runtime/base/json.h"
#include "runtime/http/connection.h"
#include "runtime/http/exchange_state.h"
#include "runtime/http/range.h"

/* Below this a copy into the socket is cheaper than the second system call. */
enum { SENDFILE_FROM = 32768 };

/* Writes `value` in decimal at the end of `digits` and returns where it begins. */
static struct text decimal(char digits[20], uint64_t value)
{
    char *place = digits + 20;
    do
        *--place = (char)('0' + value % 10);
    while (value /= 10);
    return (struct text){place, (size_t)(digits + 20 - place)};
}

static void put(char **place, struct text text)
{
    if (text.length)
        memcpy(*place, text.data, text.length);
    *place += text.length;
}

/* A connection is not kept when the client might go on sending a body that nobody will read. */
static void decide_keep_alive(struct http_exchange *exchange, int64_t length)
{
    struct http_connection *connection = exchange->connection;
    bool unframed = length < 0 && exchange->head.minor == 0 && !(exchange->state & EXCHANGE_BODILESS);
    if (unframed || exchange->server->stopping)
        connection->keep_alive = false;
    if (http_exchange_body_is_complete(exchange))
        return;
    if (exchange->body.kind == HTTP_BODY_CHUNKED || (exchange->state & EXCHANGE_EXPECTS) ||
        exchange->body.left > BOUNDS_HTTP_LINGER_BYTES)
        connection->keep_alive = false;
}

/* HTTP/1.1 keeps by default and HTTP/1.0 closes: only the exception is said. */
static struct text connection_line(const struct http_exchange *exchange)
{
    if (!exchange->connection->keep_alive)
        return TEXT("Connection: close\r\n");
    return exchange->head.minor == 0 ? TEXT("Connection: keep-alive\r\n") : (struct text){0};
}

/* What a head is made of. */
struct answer {
    int status;
    int64_t length;       /* of the body; -1: unknown */
    struct text headers;  /* finished lines of the handler */
    struct text etag;     /* empty: none, and no ranges either */
    struct text extra;    /* further finished lines */
    size_t copied;        /* bytes of the body that will be appended to the head: room is made for both at once */
};

static void queue_parts(struct http_output *output, const struct text *parts, size_t count, size_t copied)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += parts[i].length;
    http_output_make_room(output, total + copied);
    char *place = http_output_reserve(output, total);
    for (size_t i = 0; i < count; i++)
        put(&place, parts[i]);
}

/* Decides how the body is framed, then writes the head once. The answer to HEAD has the framing lines that GET would
 * have, 204 and 304 have none; HTTP/1.0 knows no chunks, so an unknown length ends there with the connection. A head
 * is written once: a second one is our bug and would be read by the client as the body of the first. */
static void write_head(struct http_exchange *exchange, const struct answer *answer)
{
    char status_digits[20], length_digits[20];
    const struct text none = {0};
    bool no_length = answer->status == 204 || answer->status == 304;
    bool tagged = answer->etag.length > 0;
    if (exchange->state & EXCHANGE_STARTED)
        abort();
    exchange->state |= EXCHANGE_STARTED;
    exchange->status = (uint16_t)answer->status;
    if (no_length || exchange->head.method == HTTP_HEAD)
        exchange->state |= EXCHANGE_BODILESS;
    if (answer->length < 0 && exchange->head.minor == 1 && !no_length)
        exchange->state |= EXCHANGE_CHUNKED;
    exchange->respond_left = exchange->state & EXCHANGE_BODILESS ? 0 : answer->length;
    decide_keep_alive(exchange, answer->length);
    bool sized = answer->length >= 0 && !no_length;
    const struct text parts[] = {
        TEXT("HTTP/1.1 "),
        decimal(status_digits, (uint64_t)answer->status),
        TEXT(" "),
        text_from(http_status_text(answer->status)),
        TEXT("\r\n"),
        http_server_stamp(exchange->server),
        answer->headers,
        exchange->decoration,
        tagged ? TEXT("ETag: ") : none,
        answer->etag,
        tagged ? TEXT("\r\nAccept-Ranges: bytes\r\n") : none,
        answer->extra,
        sized ? TEXT("Content-Length: ") : none,
        sized ? decimal(length_digits, (uint64_t)answer->length) : none,
        sized ? TEXT("\r\n") : none,
        exchange->state & EXCHANGE_CHUNKED ? TEXT("Transfer-Encoding: chunked\r\n") : none,
        connection_line(exchange),
        TEXT("\r\n"),
    };
    queue_parts(&exchange->connection->output, parts, sizeof(parts) / sizeof(parts[0]),
                exchange->state & EXCHANGE_BODILESS ? 0 : answer->copied);
    http_connection_touch(exchange->connection);
}

void http_reply(struct http_exchange *exchange, int status, struct text headers, struct text body)
{
    write_head(exchange, &(struct answer){.status = status,
                                          .length = (int64_t)body.length,
                                          .headers = headers,
                                          .copied = body.length});
    if (!(exchange->state & EXCHANGE_BODILESS)) {
        http_output_append(&exchange->connection->output, body);
        exchange->body_sent = body.length;
    }
    http_exchange_answered(exchange);
}

/* For those who have no page of their own (the store's errors, kit files): readable without style and script. */
static void error_page(struct buffer *out, int status, const char *sentence)
{
    buffer_format(out,
                  "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">"
                  "<meta name=\"viewport\" content=\"width=device-width\"><title>%d %s</title>"
                  "<h1>%s</h1><p>",
                  status, http_status_text(status), http_status_text(status));
    encode_html(out, text_from(sentence));
    buffer_string(out, "</p></html>\n");
}

void http_reply_error(struct http_exchange *exchange, int status, const char *sentence)
{
    struct buffer BUFFER_AUTO body = BUFFER_EMPTY;
    bool html = http_head_has_token(&exchange->head, "accept", "text/html");
    if (html) {
        error_page(&body, status, sentence);
    } else {
        buffer_string(&body, "{\"error\":");
        json_write_string(&body, text_from(sentence));
        buffer_string(&body, "}\n");
    }
    http_reply(exchange, status,
               html ? TEXT("Content-Type: text/html; charset=utf-8\r\nCache-Control: no-store\r\n")
                    : TEXT("Content-Type: application/json\r\nCache-Control: no-store\r\n"),
               buffer_view(&body));
}

/* ---- streamed ---- */

void http_respond_start(struct http_exchange *exchange, int status, struct text headers, int64_t length)
{
    write_head(exchange, &(struct answer){.status = status, .length = length, .headers = headers});
}

/* Every write becomes one chunk; merging them would delay events, and small ones share a segment anyway. */
static void write_chunk_head(struct http_output *output, size_t length)
{
    char line[20];
    char *place = line + sizeof(line);
    *--place = '\n';
    *--place = '\r';
    do
        *--place = "0123456789abcdef"[length & 15];
    while (length >>= 4);
    http_output_append(output, (struct text){place, (size_t)(line + sizeof(line) - place)});
}

int http_respond_write(struct http_exchange *exchange, struct text data)
{
    struct http_output *output = &exchange->connection->output;
    if (!(exchange->state & EXCHANGE_STARTED))
        abort();
    if (data.length == 0 || (exchange->state & EXCHANGE_BODILESS))
        return 0;
    if (exchange->respond_left >= 0) {
        if (data.length > (uint64_t)exchange->respond_left)
            abort();
        exchange->respond_left -= (int64_t)data.length;
    }
    if (exchange->state & EXCHANGE_CHUNKED)
        write_chunk_head(output, data.length);
    http_output_append(output, data);
    if (exchange->state & EXCHANGE_CHUNKED)
        http_output_append(output, TEXT("\r\n"));
    exchange->body_sent += data.length;
    http_connection_touch(exchange->connection);
    if (output->queued <= BOUNDS_HTTP_QUEUE_HIGH_BYTES)
        return 0;
    exchange->state |= EXCHANGE_FULL;
    return ERROR_AGAIN;
}

/* A promise that cannot be kept any more (fewer bytes than announced) must not look like a complete answer. */
void http_respond_end(struct http_exchange *exchange)
{
    if (!(exchange->state & EXCHANGE_STARTED))
        abort();
    if (exchange->respond_left > 0) {
        http_respond_abort(exchange);
        return;
    }
    if ((exchange->state & (EXCHANGE_CHUNKED | EXCHANGE_BODILESS)) == EXCHANGE_CHUNKED)
        http_output_append(&exchange->connection->output, TEXT("0\r\n\r\n"));
    http_connection_touch(exchange->connection);
    http_exchange_answered(exchange);
}

void http_respond_abort(struct http_exchange *exchange)
{
    struct http_connection *connection = exchange->connection;
    exchange->handler = NULL;
    http_exchange_abort(exchange, ERROR_CLOSED);
    http_connection_kill(connection);
}

size_t http_respond_queued(const struct http_exchange *exchange)
{
    return exchange->connection->output.queued;
}

/* ---- bytes that stay where they are ---- */

static void memory_done(const struct http_memory *memory)
{
    if (memory->release)
        memory->release(memory->owner);
}

/* Three ways out, by size: copied behind the head, referred to, or sent from the page cache. The owner is let go
 * when the bytes are sent, which for the first is at once. */
static void queue_memory(struct http_exchange *exchange, const struct http_memory *memory,
                         const struct http_range *range)
{
    struct http_output *output = &exchange->connection->output;
    exchange->body_sent = range->length;
    if (memory->file_fd > 0 && range->length >= SENDFILE_FROM) {
        const struct http_stretch stretch = {memory->file_fd, memory->file_offset + range->first, range->length};
        http_output_refer_file(output, &stretch, memory->release, memory->owner);
    } else {
        struct text body = {memory->body.data + range->first, (size_t)range->length};
        http_output_refer(output, body, memory->release, memory->owner);
    }
}

/* 206 says which part it is, 416 how long the whole would have been; nothing for other answers. */
static void write_content_range(int status, const struct http_range *range, size_t whole, struct buffer *lines)
{
    if (status == 206)
        buffer_format(lines, "Content-Range: bytes %llu-%llu/%zu\r\n", (unsigned long long)range->first,
                      (unsigned long long)(range->first + range->length - 1), whole);
    if (status == 416)
        buffer_format(lines, "Content-Range: bytes */%zu\r\n", whole);
}

void http_respond_memory(struct http_exchange *exchange, const struct http_memory *memory)
{
    struct buffer BUFFER_AUTO extra = BUFFER_EMPTY;
    struct http_range range = {0, memory->body.length};
    int status = 200;
    if (memory->etag.length)
        status = http_range_decide(&exchange->head, memory->etag, memory->body.length, &range);
    write_content_range(status, &range, memory->body.length, &extra);
    bool empty = status != 200 && status != 206;
    int64_t length = empty ? 0 : (int64_t)range.length;
    write_head(exchange, &(struct answer){.status = status,
                                          .length = length,
                                          .headers = memory->headers,
                                          .etag = memory->etag,
                                          .extra = buffer_view(&extra),
                                          .copied = length < HTTP_OUTPUT_COPY_BELOW ? (size_t)length : 0});
    if (empty || (exchange->state & EXCHANGE_BODILESS))
        memory_done(memory);
    else
        queue_memory(exchange, memory, &range);
    http_exchange_answered(exchange);
}

/* The one place where a value from outside becomes a line: what would end the line is an error, not repaired. */
int http_field_append(struct buffer *lines, const char *name, struct text value)
{
    for (size_t i = 0; i < value.length; i++)
        if (!http_head_is_value((unsigned char)value.data[i]))
            return ERROR_INVALID;
    buffer_string(lines, name);
    buffer_string(lines, ": ");
    buffer_text(lines, value);
    buffer_string(lines, "\r\n");
    return 0;
}
