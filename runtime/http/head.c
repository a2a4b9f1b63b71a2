/* How a head is read.
 *
 * A head is parsed from its first byte whenever new bytes complete a line; no state is kept in between, so a connection
 * that waits for the rest of a head holds nothing but its bytes. A partial last line is looked at too, because a client
 * that speaks another protocol (TLS to a plain port, say) would otherwise sit there until the clock runs out.
 *
 * Strictness is what keeps two servers in a row from disagreeing about where a request ends. Whenever RFC 9110 or 9112
 * lets a server choose between repairing and refusing, this one refuses: a repaired message is one that somebody else
 * may have repaired differently. */
#include "runtime/http/head.h"

#include <string.h>

/* What a byte may be part of. One table look-up per byte is the whole cost of being strict. */
enum {
    BYTE_TOKEN = 1,  /* method, field name */
    BYTE_VALUE = 2,  /* field value: HTAB, SP, visible ASCII, obs-text */
    BYTE_TARGET = 4, /* request target: RFC 3986 and what browsers send unescaped in queries: \ ^ ` { | } [ ] */
    BYTE_HOST = 8,   /* registered name or address, outside brackets */
};

static const unsigned char byte_class[256] = {
    ['\t'] = BYTE_VALUE,
    [' '] = BYTE_VALUE,
    ['!'] = BYTE_TOKEN | BYTE_VALUE | BYTE_TARGET,
    ['"'] = BYTE_VALUE,
    ['#'] = BYTE_TOKEN | BYTE_VALUE,
    ['$'... '\''] = BYTE_TOKEN | BYTE_VALUE | BYTE_TARGET,
    ['('... ')'] = BYTE_VALUE | BYTE_TARGET,
    ['*'... '+'] = BYTE_TOKEN | BYTE_VALUE | BYTE_TARGET,
    [','] = BYTE_VALUE | BYTE_TARGET,
    ['-'... '.'] = BYTE_TOKEN | BYTE_VALUE | BYTE_TARGET | BYTE_HOST,
    ['/'] = BYTE_VALUE | BYTE_TARGET,
    ['0'... '9'] = BYTE_TOKEN | BYTE_VALUE | BYTE_TARGET | BYTE_HOST,
    [':'... ';'] = BYTE_VALUE | BYTE_TARGET,
    ['<'] = BYTE_VALUE,
    ['='] = BYTE_VALUE | BYTE_TARGET,
    ['>'] = BYTE_VALUE,
    ['?'... '@'] = BYTE_VALUE | BYTE_TARGET,
    ['A'... 'Z'] = BYTE_TOKEN | BYTE_VALUE | BYTE_TARGET | BYTE_HOST,
    ['['... ']'] = BYTE_VALUE | BYTE_TARGET,
    ['^'] = BYTE_TOKEN | BYTE_VALUE | BYTE_TARGET,
    ['_'] = BYTE_TOKEN | BYTE_VALUE | BYTE_TARGET | BYTE_HOST,
    ['`'] = BYTE_TOKEN | BYTE_VALUE | BYTE_TARGET,
    ['a'... 'z'] = BYTE_TOKEN | BYTE_VALUE | BYTE_TARGET | BYTE_HOST,
    ['{'] = BYTE_VALUE | BYTE_TARGET,
    ['|'] = BYTE_TOKEN | BYTE_VALUE | BYTE_TARGET,
    ['}'] = BYTE_VALUE | BYTE_TARGET,
    ['~'] = BYTE_TOKEN | BYTE_VALUE | BYTE_TARGET,
    [0x80 ... 0xff] = BYTE_VALUE,
};

/* Names by their number; HTTP_METHOD_TABLE is the only list of methods that there is. */
static const char *const method_names[HTTP_METHOD_COUNT] = {
#define X(name) [HTTP_##name] = #name,
    HTTP_METHOD_TABLE(X)
#undef X
};

static const struct {
    uint16_t status;
    const char *text;
} status_texts[] = {
    {100, "Continue"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {423, "Locked"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
};

const char *http_method_name(enum http_method method)
{
    return method < HTTP_METHOD_COUNT ? method_names[method] : "?";
}

const char *http_status_text(int status)
{
    for (size_t i = 0; i < sizeof(status_texts) / sizeof(status_texts[0]); i++)
        if (status_texts[i].status == status)
            return status_texts[i].text;
    return "Unknown";
}

bool http_head_is_token(unsigned char byte)
{
    return byte_class[byte] & BYTE_TOKEN;
}

bool http_head_is_value(unsigned char byte)
{
    return byte_class[byte] & BYTE_VALUE;
}

/* An empty slice has all of everything: who needs at least one byte asks for that too. */
static bool all_of(struct text text, unsigned char class)
{
    for (size_t i = 0; i < text.length; i++)
        if (!(byte_class[(unsigned char)text.data[i]] & class))
            return false;
    return true;
}

/* Results below zero are the status to answer with: the parser is the layer that knows whether 400, 414 or 431 is
 * meant, and the reason is a sentence that the client reads. */
static int refuse(struct http_head_parser *parser, int status, const char *reason)
{
    parser->reason = reason;
    return -status;
}

/* name[:port] or [address][:port]; an empty port is legal, an empty name is not. */
static bool host_is_valid(struct text host)
{
    size_t end = 0;
    if (host.length && host.data[0] == '[') {
        ptrdiff_t close = text_find(host, ']');
        if (close < 3)
            return false;
        for (ptrdiff_t i = 1; i < close; i++)
            if (!strchr("0123456789abcdefABCDEF:.", host.data[i]) || !host.data[i])
                return false;
        end = (size_t)close + 1;
    } else {
        while (end < host.length && (byte_class[(unsigned char)host.data[end]] & BYTE_HOST))
            end++;
        if (end == 0)
            return false;
    }
    if (end == host.length)
        return true;
    if (host.data[end] != ':' || host.length - end > 6)
        return false;
    uint64_t port = 0;
    for (size_t i = end + 1; i < host.length; i++) {
        if (host.data[i] < '0' || host.data[i] > '9')
            return false;
        port = port * 10 + (uint64_t)(host.data[i] - '0');
    }
    return port <= 65535;
}

static bool find_method(struct text name, uint8_t *ret_method)
{
    for (uint8_t i = 0; i < HTTP_METHOD_COUNT; i++) {
        if (text_equal(name, text_from(method_names[i]))) {
            *ret_method = i;
            return true;
        }
    }
    return false;
}

/* Any HTTP/1.x above 1.0 is treated as 1.1, as RFC 9112 §2.3 wants it; another major version is another protocol, which
 * includes the first line of an HTTP/2 client that was told nothing. */
static int parse_version(struct http_head_parser *parser, struct text version)
{
    if (version.length != 8 || memcmp(version.data, "HTTP/", 5) != 0 || version.data[6] != '.')
        return refuse(parser, 400, "the version is not HTTP/1.1");
    char major = version.data[5], minor = version.data[7];
    if (major < '0' || major > '9' || minor < '0' || minor > '9')
        return refuse(parser, 400, "the version is not HTTP/1.1");
    if (major != '1')
        return refuse(parser, 505, "this server speaks HTTP/1.1 and HTTP/1.0");
    parser->head.minor = minor == '0' ? 0 : 1;
    parser->head.keep_alive = parser->head.minor == 1;
    return 0;
}

/* Splits path and query; `rest` begins at the path. */
static void take_path(struct http_head *head, struct text rest)
{
    head->path = text_cut(&rest, '?');
    head->query = rest;
    if (head->path.length == 0)
        head->path = TEXT("/");
}

/* http://authority/path: the authority goes to `host` and must later agree with the Host field. */
static int parse_absolute(struct http_head_parser *parser, struct text target)
{
    struct text rest = target;
    if (text_equal_ignore_case(text_head(rest, 7), TEXT("http://")))
        rest = text_skip(rest, 7);
    else if (text_equal_ignore_case(text_head(rest, 8), TEXT("https://")))
        rest = text_skip(rest, 8);
    else
        return refuse(parser, 400, "the request target must be a path");
    size_t end = 0;
    while (end < rest.length && rest.data[end] != '/' && rest.data[end] != '?')
        end++;
    parser->head.host = text_head(rest, end);
    if (!host_is_valid(parser->head.host))
        return refuse(parser, 400, "the request target has no valid host");
    take_path(&parser->head, text_skip(rest, end));
    return 0;
}

/* The four forms of RFC 9112 §3.2: a path, an absolute address, and "*" for OPTIONS. The fourth, an authority, belongs
 * to CONNECT, which is no method here. Nothing is decoded yet: what a path means is the routes' matter. */
static int parse_target(struct http_head_parser *parser, struct text target)
{
    struct http_head *head = &parser->head;
    if (target.length > BOUNDS_HTTP_TARGET_BYTES)
        return refuse(parser, 414, "the address is too long");
    if (target.length == 0 || !all_of(target, BYTE_TARGET))
        return refuse(parser, 400, "the request target has a character that must be percent-encoded");
    head->target = target;
    if (target.data[0] == '/') {
        take_path(head, target);
        return 0;
    }
    if (text_equal(target, TEXT("*"))) {
        head->path = target;
        return head->method == HTTP_OPTIONS ? 0 : refuse(parser, 400, "the target * is for OPTIONS only");
    }
    return parse_absolute(parser, target);
}

/* Exactly two single blanks. The version is judged before the method, so that a client of another protocol reads about
 * the version, and a method that does not exist is 501 only in a line that is otherwise sound. */
static int parse_request_line(struct http_head_parser *parser, struct text line)
{
    struct text rest = line;
    struct text method = text_cut(&rest, ' ');
    if (method.length == 0 || !all_of(method, BYTE_TOKEN))
        return refuse(parser, 400, "the request line does not begin with a method");
    if (text_find(rest, ' ') < 0)
        return refuse(parser, 400, "the request line must be: method, target, HTTP/1.1");
    struct text target = text_cut(&rest, ' ');
    int result = parse_version(parser, rest);
    if (result == 0 && !find_method(method, &parser->head.method))
        result = refuse(parser, 501, "this server does not know that method");
    return result ? result : parse_target(parser, target);
}

static int parse_status_line(struct http_head_parser *parser, struct text line)
{
    if (line.length < 12 || line.data[8] != ' ' || (line.length > 12 && line.data[12] != ' '))
        return refuse(parser, 400, "malformed status line");
    int status = 0;
    for (int i = 9; i < 12; i++) {
        if (line.data[i] < '0' || line.data[i] > '9')
            return refuse(parser, 400, "malformed status line");
        status = status * 10 + (line.data[i] - '0');
    }
    if (status < 100 || status > 599 || !all_of(line, BYTE_VALUE))
        return refuse(parser, 400, "malformed status line");
    parser->head.status = (uint16_t)status;
    return parse_version(parser, text_head(line, 8));
}

/* ---- fields that decide about framing; each may stand once ---- */

static int take_host(struct http_head_parser *parser, struct text value)
{
    struct http_head *head = &parser->head;
    if (head->has_host)
        return refuse(parser, 400, "more than one Host");
    if (!host_is_valid(value))
        return refuse(parser, 400, "Host is not a valid name");
    if (head->host.data && !text_equal_ignore_case(head->host, value))
        return refuse(parser, 400, "Host and request target name different hosts");
    head->host = value;
    head->has_host = true;
    return 0;
}

static int take_content_length(struct http_head_parser *parser, struct text value)
{
    if (parser->head.content_length >= 0)
        return refuse(parser, 400, "more than one Content-Length");
    if (value.length == 0 || value.length > 18)
        return refuse(parser, 400, "Content-Length is not a number");
    /* 1*DIGIT allows it, but somebody on the way may read 010 as eight. */
    if (value.length > 1 && value.data[0] == '0')
        return refuse(parser, 400, "Content-Length begins with zero");
    int64_t length = 0;
    for (size_t i = 0; i < value.length; i++) {
        if (value.data[i] < '0' || value.data[i] > '9')
            return refuse(parser, 400, "Content-Length is not a number");
        length = length * 10 + (value.data[i] - '0');
    }
    parser->head.content_length = length;
    return 0;
}

/* RFC 9112 §6.1 would like 501 for a coding that is not known. Here every Transfer-Encoding but the one is answered
 * like every other framing that is not understood, because from outside "gzip, chunked" and an attempt to hide
 * "chunked" from somebody look the same. */
static int take_transfer_encoding(struct http_head_parser *parser, struct text value)
{
    if (parser->head.chunked)
        return refuse(parser, 400, "more than one Transfer-Encoding");
    if (!text_equal_ignore_case(value, TEXT("chunked")))
        return refuse(parser, 400, "Transfer-Encoding must be exactly: chunked");
    if (parser->head.minor == 0)
        return refuse(parser, 400, "Transfer-Encoding needs HTTP/1.1");
    parser->head.chunked = true;
    return 0;
}

/* "close" wins over "keep-alive" when both are sent, in whatever order and on however many lines. */
static int take_connection(struct http_head_parser *parser, struct text value)
{
    struct http_head *head = &parser->head;
    while (value.data) {
        struct text token = text_trim(text_cut(&value, ','));
        if (text_equal_ignore_case(token, TEXT("close")))
            head->closes = true;
        else if (head->minor == 0 && text_equal_ignore_case(token, TEXT("keep-alive")))
            head->keep_alive = true;
    }
    head->keep_alive &= !head->closes;
    return 0;
}

/* An old client cannot read an interim answer: its expectation is heard and ignored (RFC 9110 §10.1.1). */
static int take_expect(struct http_head_parser *parser, struct text value)
{
    if (!text_equal_ignore_case(value, TEXT("100-continue")))
        return refuse(parser, 417, "only Expect: 100-continue is understood");
    parser->head.expect_continue = parser->head.minor == 1;
    return 0;
}

static const struct {
    struct text name;
    int (*take)(struct http_head_parser *parser, struct text value);
} framing_fields[] = {
    {{"host", 4}, take_host},
    {{"content-length", 14}, take_content_length},
    {{"transfer-encoding", 17}, take_transfer_encoding},
    {{"connection", 10}, take_connection},
    {{"expect", 6}, take_expect},
};

static struct text trim_blanks(struct text value)
{
    while (value.length && (value.data[0] == ' ' || value.data[0] == '\t'))
        value = text_skip(value, 1);
    while (value.length && (value.data[value.length - 1] == ' ' || value.data[value.length - 1] == '\t'))
        value.length--;
    return value;
}

_Static_assert(BOUNDS_HTTP_HEAD_BYTES + BOUNDS_HTTP_ADDED_BYTES <= UINT16_MAX, "offsets in a head fit 16 bits");

/* One line of the head. Offsets are stored instead of slices, so that the head can be copied as two blocks of
 * memory; they fit 16 bits because the whole head does (its limit is checked for each line before this is
 * called). */
static int parse_field(struct http_head_parser *parser, struct text line)
{
    struct http_head *head = &parser->head;
    if (line.length > BOUNDS_HTTP_FIELD_BYTES)
        return refuse(parser, 431, "a header field is too long");
    if (head->field_count == BOUNDS_HTTP_FIELDS + (parser->behind_gateway ? BOUNDS_HTTP_ADDED_FIELDS : 0))
        return refuse(parser, 431, "too many header fields");
    if (line.data[0] == ' ' || line.data[0] == '\t')
        return refuse(parser, 400, "folded header lines are not accepted");
    ptrdiff_t colon = text_find(line, ':');
    struct text name = text_head(line, colon < 0 ? 0 : (size_t)colon);
    if (name.length == 0 || !all_of(name, BYTE_TOKEN))
        return refuse(parser, 400, "a header line is not: name, colon, value");
    struct text value = trim_blanks(text_skip(line, name.length + 1));
    if (!all_of(value, BYTE_VALUE))
        return refuse(parser, 400, "a header value has a control character");
    parser->fields[head->field_count++] = (struct http_field){
        .name = (uint16_t)(name.data - head->data),
        .name_length = (uint16_t)name.length,
        .value = (uint16_t)(line.data - head->data + (value.data - line.data)),
        .value_length = (uint16_t)value.length,
    };
    for (size_t i = 0; i < sizeof(framing_fields) / sizeof(framing_fields[0]); i++)
        if (text_equal_ignore_case(name, framing_fields[i].name))
            return framing_fields[i].take(parser, value);
    return 0;
}

/* The last, unfinished line: refuse what no continuation could mend, so that binary noise is answered at once. */
static int check_partial(struct http_head_parser *parser, struct text rest, bool first_line)
{
    if (first_line && rest.length > BOUNDS_HTTP_TARGET_BYTES + 64)
        return refuse(parser, 414, "the address is too long");
    if (rest.length > BOUNDS_HTTP_FIELD_BYTES + 2)
        return refuse(parser, 431, "a header field is too long");
    size_t length = rest.length;
    if (length && rest.data[length - 1] == '\r')
        length--;
    if (!all_of(text_head(rest, length), BYTE_VALUE))
        return refuse(parser, 400, "a control character in the head");
    if (!first_line && length && (rest.data[0] == ' ' || rest.data[0] == '\t'))
        return refuse(parser, 400, "folded header lines are not accepted");
    if (first_line && length && !(byte_class[(unsigned char)rest.data[0]] & BYTE_TOKEN))
        return refuse(parser, 400, "the request line does not begin with a method");
    return 0;
}

/* What only the whole head can tell. Two framings in one message are the classic of request smuggling: the RFC lets a
 * server prefer Transfer-Encoding, and then the hop in front that preferred the other has lost count. */
static int finish_head(struct http_head_parser *parser, bool is_request)
{
    struct http_head *head = &parser->head;
    if (head->chunked && head->content_length >= 0)
        return refuse(parser, 400, "Content-Length and Transfer-Encoding together");
    if (is_request && head->minor == 1 && !head->has_host)
        return refuse(parser, 400, "Host is missing");
    return 0;
}

typedef int parse_line(struct http_head_parser *parser, struct text line);

/* Parses line by line. An empty line in front of a request is skipped (RFC 9112 2.2), two at most. */
static int parse_head(struct http_head_parser *parser, struct text data, parse_line *start_line)
{
    bool is_request = start_line == parse_request_line;
    size_t start = 0;
    while (is_request && start < 4 && data.length >= start + 2 && memcmp(data.data + start, "\r\n", 2) == 0)
        start += 2;
    parser->head = (struct http_head){
        .data = data.data + start, .content_length = -1, .fields = parser->fields};
    parser->reason = NULL;
    const size_t limit = BOUNDS_HTTP_HEAD_BYTES + (parser->behind_gateway ? BOUNDS_HTTP_ADDED_BYTES : 0);
    for (size_t position = start; position < data.length;) {
        struct text rest = text_skip(data, position);
        const char *end = memchr(rest.data, '\n', rest.length);
        size_t line_end = end ? (size_t)(end - data.data) + 1 : data.length;
        if (line_end - start > limit)
            return position == start ? refuse(parser, 414, "the address is too long")
                                     : refuse(parser, 431, "the header is too long");
        if (!end)
            return check_partial(parser, rest, position == start);
        struct text line = text_head(rest, line_end - position - 1);
        if (line.length == 0 || line.data[line.length - 1] != '\r')
            return refuse(parser, 400, "a line does not end in CR LF");
        line.length--;
        if (line.length == 0 && position > start) {
            parser->head.length = (uint32_t)(line_end - start);
            int result = finish_head(parser, is_request);
            return result ? result : (int)line_end;
        }
        int result = position == start ? start_line(parser, line) : parse_field(parser, line);
        if (result)
            return result;
        position = line_end;
    }
    return 0;
}

int http_head_parse_request(struct http_head_parser *parser, struct text data)
{
    return parse_head(parser, data, parse_request_line);
}

int http_head_parse_response(struct http_head_parser *parser, struct text data)
{
    return parse_head(parser, data, parse_status_line);
}

struct text http_head_name(const struct http_head *head, size_t index)
{
    return (struct text){head->data + head->fields[index].name, head->fields[index].name_length};
}

struct text http_head_value(const struct http_head *head, size_t index)
{
    return (struct text){head->data + head->fields[index].value, head->fields[index].value_length};
}

struct text http_head_get(const struct http_head *head, const char *name)
{
    struct text wanted = text_from(name);
    for (size_t i = 0; i < head->field_count; i++)
        if (head->fields[i].name_length == wanted.length && text_equal_ignore_case(http_head_name(head, i), wanted))
            return http_head_value(head, i);
    return (struct text){0};
}

bool http_head_lists(const struct http_head *head, const char *name, struct text token)
{
    struct text wanted = text_from(name);
    for (size_t i = 0; i < head->field_count; i++) {
        if (!text_equal_ignore_case(http_head_name(head, i), wanted))
            continue;
        struct text value = http_head_value(head, i);
        while (value.data)
            if (text_equal_ignore_case(text_trim(text_cut(&value, ',')), token))
                return true;
    }
    return false;
}

bool http_head_has_token(const struct http_head *head, const char *name, const char *token)
{
    return http_head_lists(head, name, text_from(token));
}

/* ---- copies: a request outlives the bytes it came in ---- */

/* The fields first, which need their alignment, then the bytes. */
size_t http_head_copy_size(const struct http_head *head)
{
    return head->field_count * sizeof(struct http_field) + head->length;
}

/* A slice of the old bytes as a slice of the new ones; static slices ("/") stay. */
static struct text moved(const struct http_head *head, const char *data, struct text slice)
{
    if (slice.data >= head->data && slice.data <= head->data + head->length)
        slice.data = data + (slice.data - head->data);
    return slice;
}

void http_head_copy(const struct http_head *head, struct http_head *copy, void *memory)
{
    struct http_field *fields = memory;
    char *data = (char *)(fields + head->field_count);
    if (head->field_count)
        memcpy(fields, head->fields, head->field_count * sizeof(*fields));
    memcpy(data, head->data, head->length);
    *copy = *head;
    copy->fields = fields;
    copy->data = data;
    copy->target = moved(head, data, head->target);
    copy->path = moved(head, data, head->path);
    copy->query = moved(head, data, head->query);
    copy->host = moved(head, data, head->host);
}
