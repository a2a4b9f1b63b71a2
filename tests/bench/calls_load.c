/* Calls per second and round-trip times of one demo's function, as clients see them.
 *
 *   calls_load <port> <base> <fn_index> <sessions> <seconds> join|run [body]
 *
 * join: each session keeps its stream open and posts queue/join on a second connection; a call begins with the post and
 * is over when its process_completed was read. run: POST run/predict, one connection per session. One call per session
 * is under way at any time. Prints one line of JSON. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER_BYTES = 16384, SAMPLES = 8000000 };

struct end {
    int fd;
    bool is_stream;
    struct session *session;
    size_t length;
    char bytes[BUFFER_BYTES];
};

struct session {
    struct end post, stream;
    bool answered, completed; /* of the call under way */
    uint64_t began_ns;
    char request[1024];
    int request_length;
};

static uint32_t *samples;
static size_t sample_count;
static uint64_t failures, end_ns;
static bool join_mode;

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static int dial(int port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static void begin(struct session *session)
{
    session->answered = session->completed = false;
    session->began_ns = now_ns();
    if (write(session->post.fd, session->request, (size_t)session->request_length) != session->request_length)
        die("write");
}

static void note_end(struct session *session)
{
    uint64_t now = now_ns();
    if (sample_count < SAMPLES)
        samples[sample_count++] = (uint32_t)((now - session->began_ns) / 1000);
    if (now < end_ns)
        begin(session);
}

static void check_end(struct session *session)
{
    if (session->answered && (session->completed || !join_mode))
        note_end(session);
}

/* Complete replies with Content-Length at the front of the buffer. */
static void take_replies(struct end *end)
{
    for (;;) {
        char *head = memmem(end->bytes, end->length, "\r\n\r\n", 4), *field;
        if (!head)
            return;
        size_t head_length = (size_t)(head + 4 - end->bytes), body = 0;
        field = memmem(end->bytes, head_length, "Content-Length: ", 16);
        if (field)
            body = strtoul(field + 16, NULL, 10);
        if (end->length < head_length + body)
            return;
        if (memcmp(end->bytes, "HTTP/1.1 200", 12) != 0) {
            if (failures++ == 0)
                fprintf(stderr, "%.*s\n", (int)(head_length + body), end->bytes);
        }
        end->length -= head_length + body;
        memmove(end->bytes, end->bytes + head_length + body, end->length);
        end->session->answered = true;
        check_end(end->session);
    }
}

/* Frames are looked for, chunk borders fall between them: the server writes whole frames. */
static void take_frames(struct end *end)
{
    char *at = end->bytes, *stop = end->bytes + end->length, *line;
    while ((line = memmem(at, (size_t)(stop - at), "\n\n", 2))) {
        if (memmem(at, (size_t)(line - at), "\"process_completed\"", 19)) {
            if (!memmem(at, (size_t)(line - at), "\"success\":true", 14))
                failures++;
            end->session->completed = true;
            check_end(end->session);
        }
        at = line + 2;
    }
    end->length = (size_t)(stop - at);
    memmove(end->bytes, at, end->length);
}

static void on_readable(struct end *end)
{
    ssize_t count = recv(end->fd, end->bytes + end->length, sizeof end->bytes - end->length, MSG_DONTWAIT);
    if (count <= 0) {
        if (count < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        die(end->is_stream ? "the stream ended" : "the connection ended");
    }
    end->length += (size_t)count;
    (end->is_stream ? take_frames : take_replies)(end);
}

static void watch(int poll, struct end *end)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = end};
    if (epoll_ctl(poll, EPOLL_CTL_ADD, end->fd, &event) < 0)
        die("epoll_ctl");
}

static void open_session(int poll, struct session *session, int number, char **argv)
{
    char body[512], head[512];
    const char *data = argv[7] ? argv[7] : "[\"a\"]";
    int port = atoi(argv[1]);
    snprintf(body, sizeof body,
             "{\"data\":%s,\"event_data\":null,\"fn_index\":%s,\"trigger_id\":null,\"session_hash\":\"bench%d\"}", data,
             argv[3], number);
    session->request_length = snprintf(session->request, sizeof session->request,
                                       "POST %s/gradio_api/%s HTTP/1.1\r\nHost: localhost:%d\r\nContent-Type: "
                                       "application/json\r\nContent-Length: %zu\r\n\r\n%s",
                                       argv[2], join_mode ? "queue/join" : "run/predict", port, strlen(body), body);
    session->post.fd = dial(port);
    session->post.session = session->stream.session = session;
    session->stream.is_stream = true;
    watch(poll, &session->post);
    if (join_mode) {
        session->stream.fd = dial(port);
        int length =
            snprintf(head, sizeof head,
                     "GET %s/gradio_api/queue/data?session_hash=bench%d HTTP/1.1\r\nHost: localhost:%d\r\n\r\n",
                     argv[2], number, port);
        if (write(session->stream.fd, head, (size_t)length) != length)
            die("write");
        watch(poll, &session->stream);
    }
}

static int by_value(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

int main(int argc, char **argv)
{
    if (argc < 7)
        return fprintf(stderr, "usage: calls_load port base fn sessions seconds join|run [data]\n"), 2;
    int count = atoi(argv[4]), poll = epoll_create1(0);
    double seconds = atof(argv[5]);
    struct session *sessions = calloc((size_t)count, sizeof *sessions);
    struct epoll_event events[256];
    join_mode = strcmp(argv[6], "join") == 0;
    samples = malloc(SAMPLES * sizeof *samples);
    for (int i = 0; i < count; i++)
        open_session(poll, &sessions[i], i, argv);
    uint64_t start = now_ns();
    end_ns = start + (uint64_t)(seconds * 1e9);
    for (int i = 0; i < count; i++)
        begin(&sessions[i]);
    while (now_ns() < end_ns + 200000000) {
        int ready = epoll_wait(poll, events, 256, 100);
        for (int i = 0; i < ready; i++)
            on_readable(events[i].data.ptr);
    }
    qsort(samples, sample_count, sizeof *samples, by_value);
    printf("{\"calls\":%zu,\"per_second\":%.0f,\"failures\":%llu,\"p50_us\":%u,\"p99_us\":%u}\n", sample_count,
           (double)sample_count / seconds, (unsigned long long)failures, sample_count ? samples[sample_count / 2] : 0,
           sample_count ? samples[sample_count * 99 / 100] : 0);
    return 0;
}
