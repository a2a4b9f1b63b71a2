/* multipart/form-data, however its bytes are cut into pieces. */
#include "scratch.h"

#include <string.h>

#include "runtime/base/bounds.h"
#include "runtime/base/memory.h"
#include "store/multipart.h"

/* Everything heard, as one text: "<name|file|type>data;". */
struct heard {
    struct buffer text;
    int refuse_at; /* fail at this event, 0 for never */
    int events;
};

static int count(struct heard *heard)
{
    return ++heard->events == heard->refuse_at ? ERROR_FORBIDDEN : 0;
}

static int on_begin(void *context, struct text name, struct text file_name, struct text mime_type)
{
    struct heard *heard = context;
    buffer_format(&heard->text, "<" TEXT_FORMAT "|" TEXT_FORMAT "|" TEXT_FORMAT ">", TEXT_ARGUMENT(name),
                  TEXT_ARGUMENT(file_name), TEXT_ARGUMENT(mime_type));
    return count(heard);
}

static int on_data(void *context, struct text data)
{
    struct heard *heard = context;
    buffer_text(&heard->text, data);
    return 0;
}

static int on_end(void *context)
{
    struct heard *heard = context;
    buffer_byte(&heard->text, ';');
    return count(heard);
}

static const struct multipart_handler handler = {on_begin, on_data, on_end};

/* Feeds the body in pieces of `step` bytes; the result of the last step, and what was heard. */
static int parse(struct text body, size_t step, struct heard *heard)
{
    struct multipart multipart;
    int result = multipart_init(&multipart, TEXT("multipart/form-data; boundary=XX"), &handler, heard);
    while (result == 0 && body.length > 0) {
        struct text piece = text_head(body, step);
        result = multipart_feed(&multipart, piece);
        body = text_skip(body, piece.length);
    }
    if (result == 0)
        result = multipart_finish(&multipart);
    multipart_release(&multipart);
    return result;
}

static void bodies(void **state)
{
    static const struct {
        const char *body, *heard;
        int result;
    } cases[] = {
        {"--XX\r\nContent-Disposition: form-data; name=\"files\"; filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\nhello\r\n"
         "--XX--\r\n", "<files|a.txt|text/plain>hello;", 0},
        {"preamble\r\n--XX\r\ncontent-disposition: form-data; name=a\r\n\r\n1\r\n--XX\r\nContent-Disposition: form-data; "
         "name=\"b\"\r\n\r\n\r\n--XX--epilogue --XX\r\n", "<a||application/octet-stream>1;<b||application/octet-stream>;", 0},
        {"--XX\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a\\\"b;c.txt\"\r\n\r\n\r\n--X\r\n--XY\r\n\r\n--XX--",
         "<f|a\"b;c.txt|application/octet-stream>\r\n--X\r\n--XY\r\n;", 0},
        {"--XX--\r\n", "", 0},
        {"", "", ERROR_INVALID},
        {"--XX\r\nContent-Disposition: form-data; name=\"f\"\r\n\r\nhalf", "<f||application/octet-stream>", ERROR_INVALID},
        {"--XX\r\nX: y\r\n\r\n1\r\n--XX--", "", ERROR_INVALID},
        {"--XX\r\n\r\n1\r\n--XX--", "", ERROR_INVALID},
        {"--XXgarbage", "", ERROR_INVALID},
        {"\0\0\0", "", ERROR_INVALID},
    };
    for (size_t index = 0; index < MEMORY_COUNT(cases); index++) {
        for (size_t step = 1; step < 64; step += step < 8 ? 1 : 19) {
            struct heard heard = {0};
            assert_int_equal(parse(text_from(cases[index].body), step, &heard), cases[index].result);
            if (cases[index].result == 0)
                assert_string_equal(heard.text.data ? heard.text.data : "", cases[index].heard);
            buffer_release(&heard.text);
        }
    }
}

static void what_is_kept_is_bounded(void **state)
{
    struct heard heard = {0};
    struct multipart multipart;
    char noise[4096];
    memset(noise, '\r', sizeof noise);
    assert_int_equal(multipart_init(&multipart, TEXT("multipart/form-data; boundary=XX"), &handler, &heard), 0);
    for (int index = 0; index < 1000; index++) {
        assert_int_equal(multipart_feed(&multipart, (struct text){noise, sizeof noise}), 0);
        assert_true(multipart.held.length < 16);
    }
    assert_int_equal(multipart_feed(&multipart, TEXT("\r\n--XX\r\n")), 0);
    int result = 0;
    for (int index = 0; index < 1000 && result == 0; index++)
        result = multipart_feed(&multipart, (struct text){noise, sizeof noise});
    assert_int_equal(result, ERROR_LIMIT); /* a part's head that never ends */
    assert_true(multipart.held.length < BOUNDS_HTTP_FIELD_BYTES + 2 * sizeof noise);
    multipart_release(&multipart);
    buffer_release(&heard.text);
}

static void a_handler_stops_it(void **state)
{
    static const char body[] = "--XX\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--XX\r\nContent-Disposition: form-data; "
                               "name=b\r\n\r\n2\r\n--XX--";
    for (int at = 1; at <= 4; at++) {
        struct heard heard = {.refuse_at = at};
        assert_int_equal(parse(text_from(body), sizeof body, &heard), ERROR_FORBIDDEN);
        assert_int_equal(heard.events, at);
        buffer_release(&heard.text);
    }
}

static void content_types(void **state)
{
    static const struct {
        const char *type;
        int result;
    } cases[] = {
        {"multipart/form-data; boundary=x", 0}, {"Multipart/Form-Data; charset=x; boundary=\"a b\"", 0},
        {"multipart/form-data", ERROR_INVALID}, {"multipart/form-data; boundary=", ERROR_INVALID}, {"", ERROR_INVALID},
        {"multipart/mixed; boundary=x", ERROR_INVALID}, {"text/plain; boundary=x", ERROR_INVALID},
        {"multipart/form-data; boundary=0123456789012345678901234567890123456789012345678901234567890123456789", 0},
        {"multipart/form-data; boundary=01234567890123456789012345678901234567890123456789012345678901234567890", ERROR_INVALID},
    };
    for (size_t index = 0; index < MEMORY_COUNT(cases); index++) {
        struct multipart multipart;
        assert_int_equal(multipart_init(&multipart, text_from(cases[index].type), &handler, NULL), cases[index].result);
        multipart_release(&multipart);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies), cmocka_unit_test(what_is_kept_is_bounded), cmocka_unit_test(a_handler_stops_it),
        cmocka_unit_test(content_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
