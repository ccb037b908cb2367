/* TLS-like connections and their server, for the benchmarks of the gate; bench/testbed.py compiles and runs it.
 * Linux only.
 *
 *   connections serve ADDRESS PORT                             answers each first record with ANSWER, closes after EOF
 *   connections pour  ADDRESS PORT                             likewise, but streams once the client has said more,
 *                                                              as in TLS, until it is gone
 *   connections flood ADDRESS PORT HELLOS SECONDS SOURCE WINDOW   as many as are answered, WINDOW under way
 *   connections paced ADDRESS PORT HELLOS SECONDS SOURCE RATE     RATE connections a second, by the clock
 *   connections pull  ADDRESS PORT HELLOS SECONDS SOURCE 1        one connection that takes what a pouring server gives
 *
 * HELLOS: ClientHellos behind their length, two octets each, sent in turn.  A connection is: connect, the hello in
 * segments of SEGMENT octets, the server's first octets, close on both sides.  It has failed where it was refused, or
 * had no answer within PATIENCE; one that was reset after its hello is counted apart.  One JSON object is said.
 *
 * Connections come from SOURCE and the N_SOURCES - 1 addresses behind it in turn, as those of many subscribers, and
 * ports are taken in turn and not looked for: a connection costs the same with many others in TIME_WAIT.
 * paced spins: what it measures holds no wake-up of its own.  What it cannot begin in time it skips.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    EVENTS = 256,
    MAX_FDS = 20000,
    SEGMENT = 1448,             /* of a 1500-octet link with TCP timestamps */
    RECORD_HEAD = 5,
    BACKLOG = 4096,
    N_SOURCES = 250,
    FIRST_PORT = 2000,
    END_PORT = 62000,
    CHUNK = 256 << 10,
    LONGEST_US = 10000000,      /* the histogram's end */
};
static const int64_t SECOND = 1000000000, PATIENCE = 10000000000;
static const uint8_t ANSWER[] = {22, 3, 3, 0, 4, 2, 0, 0, 0};       /* a record with an empty ServerHello */

enum Stage { FREE, CONNECTING, ASKED, ANSWERED };
struct Connection {
    int64_t began;
    uint32_t expected, seen;    /* of a server: octets of the first record, and those that are there */
    uint8_t stage;
};

static struct Connection connections[MAX_FDS];
static struct epoll_event events[EVENTS];
static struct sockaddr_in target, source;
static uint32_t n_hellos, at_hello, n_under_way, first_source, at_source, port = FIRST_PORT, histogram[LONGEST_US + 1];
static uint8_t **hellos, chunk[CHUNK];
static uint16_t *lengths;
static uint64_t n_begun, n_answered, n_failed, n_reset, n_skipped;
static int poller;

static void fail(const char *where)
{
    perror(where);
    exit(1);
}

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * SECOND + t.tv_nsec;
}

static struct sockaddr_in address_of(const char *text, int at_port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)at_port)};
    if (inet_pton(AF_INET, text, &a.sin_addr) != 1)
        fail(text);
    return a;
}

static void read_hellos(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t length[2];
    if (file == NULL)
        fail(path);
    while (fread(length, 1, 2, file) == 2) {
        size_t n = (size_t)length[0] << 8 | length[1];
        hellos = realloc(hellos, (n_hellos + 1) * sizeof *hellos);
        lengths = realloc(lengths, (n_hellos + 1) * sizeof *lengths);
        hellos[n_hellos] = malloc(n);
        lengths[n_hellos] = (uint16_t)n;
        if (fread(hellos[n_hellos++], 1, n, file) != n)
            fail("a hello that is cut short");
    }
    fclose(file);
    if (n_hellos == 0)
        fail("no hellos");
}

static void watch(int fd, uint32_t what)
{
    struct epoll_event event = {.events = what, .data.fd = fd};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) < 0)
        fail("epoll_ctl");
}

static void set(int fd, int level, int name, int value)
{
    if (setsockopt(fd, level, name, &value, sizeof value) < 0)
        fail("setsockopt");
}

/* -- the server ---------------------------------------------------------------------------------------------------- */

static void accept_all(int listening)
{
    int fd;
    while ((fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        if (fd >= MAX_FDS)
            fail("too many connections");
        connections[fd] = (struct Connection){.expected = RECORD_HEAD};
        watch(fd, EPOLLIN | EPOLLRDHUP);
    }
}

/* Read what is there; whether the connection goes on. */
static int hear(int fd, struct Connection *c)
{
    ssize_t n = read(fd, chunk, sizeof chunk);
    if (n <= 0)
        return n < 0 && errno == EAGAIN;
    if (c->seen == 0 && n >= RECORD_HEAD)
        c->expected = RECORD_HEAD + (uint32_t)(chunk[3] << 8 | chunk[4]);
    c->seen += (uint32_t)n;
    return 1;
}

static int pour(int fd)
{
    ssize_t n = write(fd, chunk, sizeof chunk);
    return n > 0 || errno == EAGAIN;
}

static int answer(int fd, struct Connection *c)
{
    c->stage = ANSWERED;
    return write(fd, ANSWER, sizeof ANSWER) > 0;
}

static void begin_to_pour(int fd)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.fd = fd};
    epoll_ctl(poller, EPOLL_CTL_MOD, fd, &event);
}

static void serve(int is_pouring)
{
    int listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    set(listening, SOL_SOCKET, SO_REUSEADDR, 1);
    set(listening, IPPROTO_TCP, TCP_NODELAY, 1);
    if (bind(listening, (struct sockaddr *)&target, sizeof target) < 0 || listen(listening, BACKLOG) < 0)
        fail("listen");
    watch(listening, EPOLLIN);
    for (;;) {
        int n = epoll_wait(poller, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd, goes_on = 1;
            struct Connection *c = &connections[fd];
            if (fd == listening) {
                accept_all(fd);
                continue;
            }
            if (events[i].events & ~(uint32_t)EPOLLOUT)
                goes_on = hear(fd, c);
            if (goes_on && c->stage == FREE && c->seen >= c->expected)
                goes_on = answer(fd, c);
            else if (goes_on && is_pouring && c->stage == ANSWERED && c->seen > c->expected)
                begin_to_pour(fd);
            if (goes_on && events[i].events & EPOLLOUT)
                goes_on = pour(fd);
            if (!goes_on)
                close(fd);
        }
    }
}

/* -- the client ---------------------------------------------------------------------------------------------------- */

static int open_connection(int flags)
{
    int fd = socket(AF_INET, SOCK_STREAM | flags, 0);
    if (fd < 0 || fd >= MAX_FDS)
        fail("socket");
    set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    for (int tries = 0; tries < END_PORT - FIRST_PORT; tries++) {
        source.sin_addr.s_addr = htonl(first_source + at_source);
        source.sin_port = htons((uint16_t)port);
        at_source = (at_source + 1) % N_SOURCES;
        if (at_source == 0)
            port = port + 1 < END_PORT ? port + 1 : FIRST_PORT;
        if (bind(fd, (struct sockaddr *)&source, sizeof source) == 0)
            return fd;
    }
    fail("bind");
    return -1;
}

static void end(int fd, uint64_t *counted)
{
    connections[fd].stage = FREE;
    n_under_way--;
    *counted += 1;
    close(fd);
}

static void begin(int64_t at)
{
    int fd = open_connection(SOCK_NONBLOCK);
    connections[fd] = (struct Connection){.began = at, .stage = CONNECTING};
    n_begun++;
    n_under_way++;
    if (connect(fd, (struct sockaddr *)&target, sizeof target) < 0 && errno != EINPROGRESS) {
        end(fd, &n_failed);
        return;
    }
    watch(fd, EPOLLIN | EPOLLOUT | EPOLLET);
}

/* Send the next hello in segments; whether all of it went. */
static int say_hello(int fd)
{
    const uint8_t *hello = hellos[at_hello];
    uint32_t n = lengths[at_hello];
    at_hello = (at_hello + 1) % n_hellos;
    for (uint32_t at = 0; at < n; at += SEGMENT) {
        uint32_t part = n - at < SEGMENT ? n - at : SEGMENT;
        if (send(fd, hello + at, part, MSG_NOSIGNAL) != (ssize_t)part)
            return 0;
    }
    return 1;
}

static void go_on(int fd, uint32_t what)
{
    struct Connection *c = &connections[fd];
    int64_t us;
    ssize_t n;
    if (c->stage == CONNECTING && what & EPOLLOUT && !(what & (EPOLLERR | EPOLLHUP))) {
        c->stage = ASKED;
        if (!say_hello(fd)) {
            end(fd, errno == ECONNRESET || errno == EPIPE ? &n_reset : &n_failed);
            return;
        }
    }
    if (!(what & (EPOLLIN | EPOLLERR | EPOLLHUP)))
        return;
    n = read(fd, chunk, sizeof ANSWER);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        end(fd, c->stage == ASKED ? &n_reset : &n_failed);
        return;
    }
    us = (now() - c->began) / 1000;
    histogram[us < LONGEST_US ? us : LONGEST_US]++;
    end(fd, &n_answered);
}

static void give_up(int64_t at)
{
    for (int fd = 0; fd < MAX_FDS; fd++)
        if (connections[fd].stage != FREE && at - connections[fd].began > PATIENCE)
            end(fd, &n_failed);
}

static void hear_all(int timeout_ms)
{
    int n = epoll_wait(poller, events, EVENTS, timeout_ms);
    for (int i = 0; i < n; i++)
        go_on(events[i].data.fd, events[i].events);
}

static void finish(void)
{
    while (n_under_way) {
        hear_all(100);
        give_up(now());
    }
}

static double percentile(double share)
{
    uint64_t n = 0;
    for (int us = 0; us <= LONGEST_US; us++)
        if ((double)(n += histogram[us]) >= share * (double)n_answered)
            return us;
    return LONGEST_US;
}

static void say(double seconds, uint64_t n_in_time)
{
    printf("{\"begun\": %lu, \"answered\": %lu, \"failed\": %lu, \"reset\": %lu, \"skipped\": %lu, \"per_s\": %.1f, "
           "\"p50_us\": %.0f, \"p99_us\": %.0f, \"p999_us\": %.0f, \"longest_us\": %.0f}\n",
           n_begun, n_answered, n_failed, n_reset, n_skipped, (double)n_in_time / seconds,
           percentile(0.5), percentile(0.99), percentile(0.999), percentile(1.0));
}

static void flood(double seconds, uint32_t window)
{
    int64_t begun = now(), at = begun, until = begun + (int64_t)(seconds * 1e9);
    uint64_t n_in_time;
    while ((at = now()) < until) {
        while (n_under_way < window)
            begin(at);
        hear_all(100);
    }
    n_in_time = n_answered + n_reset;
    finish();
    say((double)(at - begun) / 1e9, n_in_time);
}

static void pace(double seconds, double rate)
{
    int64_t begun = now(), at = begun, until = begun + (int64_t)(seconds * 1e9);
    uint64_t n_in_time;
    while ((at = now()) < until) {
        uint64_t due = (uint64_t)((double)(at - begun) * rate / 1e9);
        if (n_begun + n_skipped < due) {
            n_skipped = due - 1 - n_begun;
            begin(at);
        }
        hear_all(0);
    }
    n_in_time = n_answered + n_reset;
    finish();
    say((double)(at - begun) / 1e9, n_in_time);
}

/* The client's second flight follows the server's first octets, as in TLS. */
static void pull(double seconds)
{
    static uint8_t finished[64] = {23, 3, 3, 0, sizeof finished - RECORD_HEAD};
    int64_t begun, at;
    double n_octets = 0;
    ssize_t n;
    int fd = open_connection(0);
    if (connect(fd, (struct sockaddr *)&target, sizeof target) < 0 || !say_hello(fd))
        fail("connect");
    if (read(fd, chunk, sizeof ANSWER) <= 0 || write(fd, finished, sizeof finished) < 0)
        fail("no answer");
    begun = at = now();
    while (at - begun < (int64_t)(seconds * 1e9) && (n = read(fd, chunk, sizeof chunk)) > 0) {
        n_octets += (double)n;
        at = now();
    }
    printf("{\"gbit_per_s\": %.3f}\n", n_octets * 8 / (double)(at - begun));
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";
    int is_server = !strcmp(mode, "serve") || !strcmp(mode, "pour");
    if (argc != (is_server ? 4 : 8)) {
        fputs("usage: connections serve|pour ADDRESS PORT, or flood|paced|pull ADDRESS PORT HELLOS SECONDS SOURCE "
              "WINDOW|RATE|1\n", stderr);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    target = address_of(argv[2], atoi(argv[3]));
    poller = epoll_create1(0);
    if (is_server)
        serve(!strcmp(mode, "pour"));
    read_hellos(argv[4]);
    source = address_of(argv[6], 0);
    first_source = ntohl(source.sin_addr.s_addr);
    port = FIRST_PORT + (uint32_t)(now() / 1000 % (END_PORT - FIRST_PORT));
    if (!strcmp(mode, "flood"))
        flood(atof(argv[5]), (uint32_t)atoi(argv[7]));
    else if (!strcmp(mode, "paced"))
        pace(atof(argv[5]), atof(argv[7]));
    else
        pull(atof(argv[5]));
    return 0;
}
