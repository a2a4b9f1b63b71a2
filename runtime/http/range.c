/* Which part of a representation a request asks for, or whether it wants it at all.
 *
 * The order is that of RFC 9110 §13.2.2: If-Match, then If-None-Match, then Range under If-Range. Nothing here has a
 * date, so If-Modified-Since and If-Unmodified-Since are never evaluated, and an If-Range with a date never matches.
 * Whatever is unusual gets the whole: a server may always ignore Range, and a client that asked for several ranges
 * copes with one answer. */
#include "runtime/http/range.h"

static struct text without_weak(struct text tag)
{
    return text_starts(tag, TEXT("W/")) ? text_skip(tag, 2) : tag;
}

bool http_range_tag_matches(struct text list, struct text etag)
{
    while (list.data) {
        struct text tag = text_trim(text_cut(&list, ','));
        if (text_equal(tag, TEXT("*")) || (tag.length && text_equal(without_weak(tag), without_weak(etag))))
            return true;
    }
    return false;
}

/* If-Match compares strongly: a weak tag is equal to nothing. */
static bool strongly_matches(struct text list, struct text etag)
{
    while (list.data) {
        struct text tag = text_trim(text_cut(&list, ','));
        if (text_equal(tag, TEXT("*")) || (text_equal(tag, etag) && !text_starts(etag, TEXT("W/"))))
            return true;
    }
    return false;
}

/* "5-9", "5-" or "-3" of `length` bytes. 206, 416 when it lies outside, 200 when it is no valid range. */
static int parse_spec(struct text spec, uint64_t length, struct http_range *ret_range)
{
    struct text rest = spec;
    struct text first_text = text_trim(text_cut(&rest, '-'));
    uint64_t first, last = UINT64_MAX;
    if (!rest.data && text_find(spec, '-') < 0)
        return 200;
    rest = text_trim(rest);
    if (rest.length && text_to_u64(rest, &last) < 0)
        return 200;
    if (first_text.length == 0) {
        if (rest.length == 0)
            return 200;
        first = last < length ? length - last : 0;
        if (last == 0 || length == 0)
            return 416;
        last = length - 1;
    } else if (text_to_u64(first_text, &first) < 0 || last < first) {
        return 200;
    }
    if (first >= length)
        return 416;
    *ret_range = (struct http_range){first, (last < length - 1 ? last : length - 1) - first + 1};
    return 206;
}

int http_range_decide(const struct http_head *head, struct text etag, uint64_t length, struct http_range *ret_range)
{
    *ret_range = (struct http_range){0, length};
    struct text wanted = http_head_get(head, "if-match");
    if (wanted.data && !strongly_matches(wanted, etag))
        return 412;
    struct text match = http_head_get(head, "if-none-match");
    if (match.data && http_range_tag_matches(match, etag))
        return 304;
    struct text range = http_head_get(head, "range");
    struct text if_range = http_head_get(head, "if-range");
    if (head->method != HTTP_GET || !text_equal_ignore_case(text_head(range, 6), TEXT("bytes=")))
        return 200;
    if ((if_range.data && !text_equal(if_range, etag)) || text_find(range, ',') >= 0)
        return 200;
    return parse_spec(text_skip(range, 6), length, ret_range);
}
