/* Gathered output: order, short writes, borrowed bytes and their release. */
#include "runtime/http/output.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/buffer.h"
#include "runtime/base/error.h"
#include "runtime/base/fd.h"

static int released;

static void count_release(void *owner)
{
    assert_ptr_equal(owner, &released);
    released++;
}

static void read_all(int fd, struct buffer *out)
{
    char bytes[65536];
    ssize_t count;
    while ((count = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
        buffer_append(out, bytes, (size_t)count);
}

static void test_order_and_release(void **state)
{
    (void)state;
    int pair[2];
    assert_int_equal(fd_socket_pair(SOCK_STREAM, 1, pair), 0);
    struct http_output output;
    struct buffer BUFFER_AUTO expected = BUFFER_EMPTY, got = BUFFER_EMPTY;
    char *large = malloc(1 << 20);
    for (size_t i = 0; i < 1 << 20; i++)
        large[i] = (char)(i * 7);
    http_output_init(&output);
    released = 0;
    for (int i = 0; i < 40; i++) {
        http_output_append(&output, TEXT("head "));
        http_output_refer(&output, (struct text){large, 30000}, count_release, &released);
        http_output_refer(&output, TEXT("short"), count_release, &released);
        buffer_string(&expected, "head ");
        buffer_append(&expected, large, 30000);
        buffer_string(&expected, "short");
    }
    assert_int_equal(released, 40); /* short ones were copied and let go at once */
    assert_int_equal(output.queued, expected.length);
    while (output.queued) {
        assert_true(http_output_flush(&output, pair[0]) >= 0);
        read_all(pair[1], &got);
    }
    read_all(pair[1], &got);
    assert_int_equal(released, 80);
    assert_int_equal(got.length, expected.length);
    assert_memory_equal(got.data, expected.data, got.length);
    assert_null(output.first);
    free(large);
    close(pair[0]);
    close(pair[1]);
}

static void test_dropped_bytes_are_released(void **state)
{
    (void)state;
    static char bytes[5000];
    struct http_output output;
    http_output_init(&output);
    released = 0;
    http_output_refer(&output, (struct text){bytes, sizeof(bytes)}, count_release, &released);
    assert_int_equal(released, 0);
    http_output_release(&output);
    assert_int_equal(released, 1);
    assert_int_equal(output.queued, 0);
}

static void test_closed_peer(void **state)
{
    (void)state;
    int pair[2];
    assert_int_equal(fd_socket_pair(SOCK_STREAM, 1, pair), 0);
    close(pair[1]);
    struct http_output output;
    http_output_init(&output);
    http_output_append(&output, TEXT("x"));
    assert_int_equal(http_output_flush(&output, pair[0]), ERROR_CLOSED);
    http_output_release(&output);
    close(pair[0]);
}

/* A head and its small body leave as one piece: one vector, one system call. */
static void test_room_for_both(void **state)
{
    (void)state;
    int pair[2];
    char body[2000] = {0};
    assert_int_equal(fd_socket_pair(SOCK_DGRAM, 1, pair), 0);
    struct http_output output;
    http_output_init(&output);
    /* Twice, so that the second time the segment is one that was used before. */
    for (int i = 0; i < 2; i++) {
        http_output_make_room(&output, 5 + sizeof(body));
        char *head = http_output_reserve(&output, 5);
        memcpy(head, "head ", 5);
        http_output_append(&output, (struct text){body, sizeof(body)});
        assert_int_equal(output.queued, 5 + sizeof(body));
        char *behind = http_output_reserve(&output, 1);
        assert_ptr_equal(behind, head + 5 + sizeof(body));
        *behind = '.';
        assert_int_equal(http_output_flush(&output, pair[0]), 6 + sizeof(body));
        assert_int_equal(output.queued, 0);
        assert_int_equal(recv(pair[1], body, sizeof(body), MSG_DONTWAIT | MSG_TRUNC), 6 + sizeof(body));
    }
    close(pair[0]);
    close(pair[1]);
}

/* More outputs at once than segments are kept, each answer larger than the usual one in between. */
static void test_many_at_once(void **state)
{
    (void)state;
    enum { COUNT = 200 };
    static struct http_output outputs[COUNT];
    char large[9000];
    memset(large, 'x', sizeof(large));
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < COUNT; i++) {
            http_output_init(&outputs[i]);
            http_output_append(&outputs[i], (struct text){large, i % 3 ? 100 : sizeof(large)});
            assert_int_equal(outputs[i].queued, i % 3 ? 100 : sizeof(large));
        }
        for (int i = 0; i < COUNT; i++)
            http_output_release(&outputs[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_room_for_both),
        cmocka_unit_test(test_many_at_once),
        cmocka_unit_test(test_order_and_release),
        cmocka_unit_test(test_dropped_bytes_are_released),
        cmocka_unit_test(test_closed_peer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
