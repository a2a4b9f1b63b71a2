/* Written with plain appends: two or three of these texts make up every call, and their shapes are fixed by what
 * clients of several generations read (a missing member that is null elsewhere breaks some of them). */
#include "gateway/output.h"

#include <string.h>

#include "runtime/base/json.h"

/* A line break would end the frame that the value stands in. */
static bool is_line(struct text text, char first)
{
    return text.length > 0 && text.data[0] == first && text_find(text, '\n') < 0 && text_find(text, '\r') < 0
           && json_is_valid(text);
}

bool output_is_data(struct text data)
{
    return is_line(data, '[');
}

bool output_is_object(struct text object)
{
    return is_line(object, '{');
}

/* {"msg":"…","event_id":"…" — ids are hex, names are ours: nothing to escape. */
static void begin_message(struct buffer *out, const char *name, const char *id)
{
    buffer_text(out, TEXT("{\"msg\":\""));
    buffer_string(out, name);
    buffer_text(out, TEXT("\",\"event_id\":\""));
    buffer_string(out, id);
    buffer_byte(out, '"');
}

/* `name` and the seconds with six decimals; every answer has two of these, and printf is slow at fractions. */
static void write_seconds(struct buffer *out, struct text name, double seconds)
{
    char digits[28], *at = digits + sizeof digits;
    uint64_t left = seconds > 0 ? (uint64_t)(seconds * 1e6 + 0.5) : 0;
    for (int i = 0; i < 7 || left > 0; i++, left /= 10) {
        if (i == 6)
            *--at = '.';
        *--at = (char)('0' + left % 10);
    }
    buffer_text(out, name);
    buffer_append(out, at, (size_t)(digits + sizeof digits - at));
}

void output_write_estimation(struct buffer *out, const char *id, uint32_t rank, uint32_t size)
{
    begin_message(out, "estimation", id);
    buffer_format(out, ",\"rank\":%u,\"queue_size\":%u,\"rank_eta\":null}", rank, size);
}

void output_write_starts(struct buffer *out, const char *id, double eta_seconds)
{
    begin_message(out, "process_starts", id);
    if (eta_seconds > 0)
        write_seconds(out, TEXT(",\"eta\":"), eta_seconds);
    else
        buffer_string(out, ",\"eta\":null");
    buffer_byte(out, '}');
}

void output_write_progress(struct buffer *out, const char *id, struct text progress_data)
{
    begin_message(out, "progress", id);
    buffer_string(out, ",\"progress_data\":");
    buffer_text(out, progress_data);
    buffer_byte(out, '}');
}

/* The worker's object is opened up: its members stand beside ours, as the protocol has them. */
void output_write_log(struct buffer *out, const char *id, struct text log)
{
    struct text members = text_trim(text_skip(text_trim(log), 1));
    begin_message(out, "log", id);
    if (members.length > 1)
        buffer_byte(out, ',');
    buffer_text(out, members);
}

void output_write_generating(struct buffer *out, const char *id, struct text data)
{
    begin_message(out, "process_generating", id);
    buffer_string(out, ",\"output\":{\"data\":");
    buffer_text(out, data);
    buffer_string(out, ",\"is_generating\":true,\"render_config\":null,\"changed_state_ids\":[]},\"success\":true,"
                       "\"time_limit\":null}");
}

void output_write_result(struct buffer *out, struct text data, const struct output_times *times)
{
    buffer_text(out, TEXT("{\"data\":"));
    buffer_text(out, data);
    write_seconds(out, TEXT(",\"is_generating\":false,\"duration\":"), times->seconds);
    write_seconds(out, TEXT(",\"average_duration\":"), times->average_seconds);
    buffer_text(out, TEXT(",\"render_config\":null,\"changed_state_ids\":[]}"));
}

void output_write_completed(struct buffer *out, const char *id, struct text data, const struct output_times *times)
{
    begin_message(out, "process_completed", id);
    buffer_string(out, ",\"output\":");
    output_write_result(out, data, times);
    buffer_string(out, ",\"success\":true,\"title\":null}");
}

void output_write_failed(struct buffer *out, const char *id, struct text error)
{
    struct json json = {0};
    const struct json_node *title =
        json_parse(&json, error, NULL) == 0 ? json_get(&json, &json.nodes[0], "title") : NULL;
    begin_message(out, "process_completed", id);
    buffer_string(out, ",\"output\":");
    buffer_text(out, error);
    buffer_string(out, ",\"success\":false,\"title\":");
    buffer_text(out, title && title->type == JSON_STRING ? title->raw : TEXT("\"Error\""));
    buffer_byte(out, '}');
    json_release(&json);
}

void output_write_error(struct buffer *out, const char *sentence, const char *title, bool visible)
{
    buffer_string(out, "{\"error\":");
    if (sentence)
        json_write_string(out, text_from(sentence));
    else
        buffer_string(out, "null");
    buffer_string(out, ",\"title\":");
    json_write_string(out, text_from(title));
    buffer_string(out, visible ? ",\"visible\":true,\"duration\":10}" : ",\"visible\":false,\"duration\":null}");
}

void output_write_frame(struct buffer *out, const char *event, struct text data)
{
    buffer_string(out, "event: ");
    buffer_string(out, event);
    buffer_string(out, "\ndata: ");
    buffer_text(out, data);
    buffer_string(out, "\n\n");
}

void output_write_detail(struct buffer *out, const char *sentence)
{
    buffer_string(out, "{\"detail\":");
    json_write_string(out, text_from(sentence));
    buffer_byte(out, '}');
}

static bool is_update(const struct json *json, const struct json_node *node)
{
    const struct json_node *type = json_get(json, node, "__type__");
    return type && text_equal(type->raw, TEXT("\"update\""));
}

void output_write_plain(struct buffer *out, struct text data)
{
    struct json json = {0};
    const struct json_node *child;
    if (!memmem(data.data, data.length, "__type__", 8) || json_parse(&json, data, NULL) < 0) {
        buffer_text(out, data);
        json_release(&json);
        return;
    }
    buffer_byte(out, '[');
    for (child = json_first(&json, &json.nodes[0]); child; child = json_next(&json, &json.nodes[0], child)) {
        const struct json_node *value = is_update(&json, child) ? json_get(&json, child, "value") : NULL;
        json_write_comma(out);
        buffer_text(out, value ? value->raw : child->raw);
    }
    buffer_byte(out, ']');
    json_release(&json);
}
