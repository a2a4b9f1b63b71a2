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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_release),
        cmocka_unit_test(test_dropped_bytes_are_released),
        cmocka_unit_test(test_closed_peer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
