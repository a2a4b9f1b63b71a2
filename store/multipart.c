/* A push parser: bytes go in as they come, parts come out.
 *
 *   PREAMBLE ─delimiter─▶ AFTER_DELIMITER ─CRLF─▶ HEAD ─blank line─▶ DATA ─delimiter─▶ AFTER_DELIMITER …
 *                              └─"--"─▶ EPILOGUE (ignored)
 *
 * `held` has the bytes that cannot be decided on yet: in DATA at most one byte less than a delimiter, in HEAD one
 * part's head (bounded). Each step looks at `held` once and hands on everything that is surely data, so the work is
 * linear in the length of the body, whatever its boundary or its line ends. */
#include "store/multipart.h"

#include <ctype.h>
#include <string.h>

#include "runtime/base/bounds.h"
#include "runtime/base/error.h"

enum { STATE_PREAMBLE, STATE_AFTER_DELIMITER, STATE_HEAD, STATE_DATA, STATE_EPILOGUE };

/* -- header values -- */

static struct text skip_blanks(struct text text)
{
    while (text.length > 0 && (text.data[0] == ' ' || text.data[0] == '\t' || text.data[0] == ';'))
        text = text_skip(text, 1);
    return text;
}

/* Cuts one value off: a token, or a quoted string whose only escape is \" (as browsers send it). */
static void cut_value(struct text *rest, struct buffer *out)
{
    bool quoted = text_starts(*rest, TEXT("\""));
    size_t index = quoted;
    for (; index < rest->length; index++) {
        char byte = rest->data[index];
        if (quoted ? byte == '"' : byte == ';')
            break;
        if (quoted && byte == '\\' && index + 1 < rest->length && rest->data[index + 1] == '"')
            byte = rest->data[++index];
        buffer_byte(out, byte);
    }
    *rest = text_skip(*rest, index + quoted);
}

int multipart_parameter(struct text value, const char *name, struct buffer *out)
{
    BUFFER_AUTO struct buffer found = BUFFER_EMPTY;
    text_cut(&value, ';');
    for (value = skip_blanks(value); value.length > 0; value = skip_blanks(value)) {
        struct text key = text_cut(&value, '=');
        buffer_clear(&found);
        cut_value(&value, &found);
        if (text_equal_ignore_case(text_trim(key), text_from(name))) {
            buffer_text(out, text_trim(buffer_view(&found)));
            return 0;
        }
    }
    return ERROR_NOT_FOUND;
}

int multipart_init(struct multipart *multipart, struct text content_type, const struct multipart_handler *handler,
                   void *context)
{
    *multipart = (struct multipart){.handler = handler, .context = context};
    struct text type = content_type;
    type = text_trim(text_cut(&type, ';'));
    buffer_string(&multipart->delimiter, "\r\n--");
    if (!text_equal_ignore_case(type, TEXT("multipart/form-data")) ||
        multipart_parameter(content_type, "boundary", &multipart->delimiter) != 0)
        return ERROR_INVALID;
    /* The first delimiter has no line end before it; pretend there was one. */
    buffer_string(&multipart->held, "\r\n");
    return multipart->delimiter.length > 4 && multipart->delimiter.length <= 74 ? 0 : ERROR_INVALID;
}

void multipart_release(struct multipart *multipart)
{
    buffer_release(&multipart->delimiter);
    buffer_release(&multipart->held);
}

/* -- the states: each takes what it can from `held`; 1 when it moved, 0 when it needs more, or an error -- */

static ptrdiff_t find(const struct buffer *held, struct text needle)
{
    const char *at = held->length ? memmem(held->data, held->length, needle.data, needle.length) : NULL;
    return at ? at - held->data : -1;
}

/* Everything before the next delimiter, to the handler when it belongs to a part. */
static int take_until_delimiter(struct multipart *multipart, bool part)
{
    struct buffer *held = &multipart->held;
    ptrdiff_t at = find(held, buffer_view(&multipart->delimiter));
    size_t keep = multipart->delimiter.length - 1;
    size_t length = at >= 0 ? (size_t)at : held->length > keep ? held->length - keep : 0;
    int result = part && length > 0 ? multipart->handler->on_data(multipart->context,
                                                                  text_head(buffer_view(held), length))
                                    : 0;
    if (result == 0 && at >= 0 && part)
        result = multipart->handler->on_end(multipart->context);
    if (result != 0)
        return result;
    buffer_consume(held, length + (at >= 0 ? multipart->delimiter.length : 0));
    if (at < 0)
        return 0;
    multipart->state = STATE_AFTER_DELIMITER;
    return 1;
}

/* "--" ends the body, a line end begins a part's head. */
static int take_after_delimiter(struct multipart *multipart)
{
    struct buffer *held = &multipart->held;
    if (held->length < 2)
        return 0;
    struct text next = text_head(buffer_view(held), 2);
    if (text_equal(next, TEXT("--")))
        multipart->state = STATE_EPILOGUE;
    else if (text_equal(next, TEXT("\r\n")))
        multipart->state = STATE_HEAD;
    else
        return ERROR_INVALID;
    if (multipart->state == STATE_EPILOGUE)
        buffer_consume(held, 2); /* the line end stays: a head without fields ends with it */
    return 1;
}

/* A part without a name is no form field at all, and the body is refused. Unknown header lines are ignored. */
static int begin_part(struct multipart *multipart, struct text head)
{
    BUFFER_AUTO struct buffer name = BUFFER_EMPTY;
    BUFFER_AUTO struct buffer file_name = BUFFER_EMPTY;
    struct text mime_type = TEXT("application/octet-stream");
    bool disposition = false;
    while (head.length > 0) {
        struct text line = text_trim(text_cut(&head, '\n'));
        struct text value = line;
        struct text key = text_trim(text_cut(&value, ':'));
        if (text_equal_ignore_case(key, TEXT("Content-Type")))
            mime_type = text_trim(value);
        if (!text_equal_ignore_case(key, TEXT("Content-Disposition")))
            continue;
        disposition = multipart_parameter(value, "name", &name) == 0;
        multipart_parameter(value, "filename", &file_name);
    }
    if (!disposition)
        return ERROR_INVALID;
    return multipart->handler->on_begin(multipart->context, buffer_view(&name), buffer_view(&file_name), mime_type);
}

static int take_head(struct multipart *multipart)
{
    struct buffer *held = &multipart->held;
    ptrdiff_t end = find(held, TEXT("\r\n\r\n"));
    if (end < 0)
        return held->length > BOUNDS_HTTP_FIELD_BYTES ? ERROR_LIMIT : 0;
    int result = begin_part(multipart, text_head(buffer_view(held), (size_t)end));
    if (result != 0)
        return result;
    buffer_consume(held, (size_t)end + 4);
    multipart->state = STATE_DATA;
    return 1;
}

static int step(struct multipart *multipart)
{
    switch (multipart->state) {
    case STATE_PREAMBLE:
        return take_until_delimiter(multipart, false);
    case STATE_AFTER_DELIMITER:
        return take_after_delimiter(multipart);
    case STATE_HEAD:
        return take_head(multipart);
    case STATE_DATA:
        return take_until_delimiter(multipart, true);
    default:
        buffer_clear(&multipart->held);
        return 0;
    }
}

int multipart_feed(struct multipart *multipart, struct text data)
{
    int result;
    buffer_text(&multipart->held, data);
    do
        result = step(multipart);
    while (result > 0);
    return result;
}

/* A body that ends before its closing delimiter was cut off on the way: none of its last part may count. */
int multipart_finish(const struct multipart *multipart)
{
    return multipart->state == STATE_EPILOGUE ? 0 : ERROR_INVALID;
}
