/* DNS load and its ceiling, for the benchmarks; bench/flood.py compiles and runs it.   Linux only.
 *
 *   flood flood PORT QUERIES SECONDS SOCKETS WINDOW   as many as are answered, WINDOW under way by each socket
 *   flood once  PORT QUERIES SECONDS SOCKETS WINDOW   likewise, until each was sent once
 *   flood paced PORT QUERIES SECONDS SOCKETS RATE     RATE queries a second, by the clock, whatever is answered
 *   flood first PORT QUERIES SECONDS SOCKETS RATE     likewise, before everything else on its core, which has the rest
 *   flood echo  PORT                                  answers every question for A with one record, else with none
 *
 * QUERIES: messages behind their length, two octets each, sent in turn from 127.0.0.1 to 127.0.0.1 under ids of our own.
 * An answer counts where its id is under way; what has none PATIENCE after it was sent is lost.  One JSON object is said.
 *
 * paced spins, and believes the kernel alone: an answer's time is the kernel's stamp of its arrival, so that a pause of
 * this program does not lengthen it.  What it cannot send in time it does not send later at once, which would be a load
 * of another kind: `skipped`.  Where the sending itself was held up nothing is timed: `spoiled`.
 * first sleeps between its turns, and is woken at once where it may have a real-time policy (root may).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum {
    BATCH = 64,
    OCTETS = 4096,
    IDS = 65536,
    MAX_SOCKETS = 64,
    BUFFER = 4 << 20,
    LATE_US = 10000,
    LONGEST_US = 1000000,       /* the histogram's end */
};
static const int64_t SECOND = 1000000000, PATIENCE = 1000000000, MILLISECOND = 1000000;
static const struct timespec BETWEEN_TURNS = {0, 50000};

struct Socket {
    int fd;
    uint16_t next, oldest;      /* ids: the next to be sent, the oldest that may be under way */
    uint32_t n_waiting;
    int64_t sent_at[IDS];       /* 0: not under way;  negative: under way, not to be timed */
};

static struct Socket *sockets;
static struct pollfd polled[MAX_SOCKETS];
static uint32_t n_sockets, n_queries, at_query;
static uint8_t **queries;
static uint16_t *lengths;

static uint64_t n_sent, n_answered, n_lost, n_spoiled, n_late, n_unasked, by_rcode[16];
static uint64_t histogram[LONGEST_US + 1];
static int64_t longest, longest_stall, last_answer;

static uint8_t buffers[BATCH][OCTETS];
static uint64_t controls[BATCH][8];
static struct iovec in_parts[BATCH], out_parts[BATCH][2];
static struct mmsghdr in[BATCH], out[BATCH];
static struct sockaddr_in peers[BATCH];
static uint16_t out_ids[BATCH];

static void fail(const char *where)
{
    perror(where);
    exit(1);
}

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);      /* the clock of the kernel's stamps */
    return t.tv_sec * SECOND + t.tv_nsec;
}

static uint32_t least(uint32_t a, uint64_t b)
{
    return a < b ? a : (uint32_t)b;
}

static int open_socket(uint16_t port, int is_server)
{
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int octets = BUFFER, yes = 1, fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd < 0 || (is_server ? bind : connect)(fd, (struct sockaddr *)&where, sizeof where) < 0)
        fail("socket");
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &octets, sizeof octets);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &octets, sizeof octets);
    if (!is_server)
        setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &yes, sizeof yes);
    return fd;
}

static void read_queries(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t length[2];
    size_t room = 0;
    if (file == NULL)
        fail(path);
    while (fread(length, 1, 2, file) == 2) {
        size_t n = (size_t)length[0] << 8 | length[1];
        if (n_queries == room) {
            room = room ? 2 * room : 1024;
            queries = realloc(queries, room * sizeof *queries);
            lengths = realloc(lengths, room * sizeof *lengths);
        }
        queries[n_queries] = malloc(n);
        lengths[n_queries] = (uint16_t)n;
        if (n < 12 || fread(queries[n_queries++], 1, n, file) != n)
            fail("a query that is cut short");
    }
    fclose(file);
    if (n_queries == 0)
        fail("no queries");
}

static void open_sockets(uint16_t port, uint32_t n)
{
    n_sockets = n;
    sockets = calloc(n, sizeof *sockets);
    if (n > MAX_SOCKETS || sockets == NULL)
        fail("sockets");
    for (uint32_t i = 0; i < n; i++) {
        sockets[i].fd = open_socket(port, 0);
        polled[i] = (struct pollfd){.fd = sockets[i].fd, .events = POLLIN};
    }
    for (int i = 0; i < BATCH; i++) {
        in_parts[i] = (struct iovec){buffers[i], OCTETS};
        out[i].msg_hdr.msg_iov = out_parts[i];
        out[i].msg_hdr.msg_iovlen = 2;
        out_parts[i][0] = (struct iovec){&out_ids[i], 2};
    }
}

/* Send up to `n` queries, as many as there are free ids; how many went. */
static uint32_t ask(struct Socket *s, uint32_t n, int64_t at)
{
    uint32_t ready = 0;
    int sent;
    n = least(n, BATCH);
    while (ready < n && (uint16_t)(s->next + ready + 1) != s->oldest) {
        uint32_t query = (at_query + ready) % n_queries;
        out_ids[ready] = htons((uint16_t)(s->next + ready));
        out_parts[ready][1] = (struct iovec){queries[query] + 2, lengths[query] - 2u};
        ready++;
    }
    sent = ready ? sendmmsg(s->fd, out, ready, MSG_DONTWAIT) : 0;
    if (sent < 0 && errno != EAGAIN && errno != ECONNREFUSED && errno != ENOBUFS)
        fail("sendmmsg");
    for (int i = 0; i < sent; i++)
        s->sent_at[s->next++] = at;
    sent = sent > 0 ? sent : 0;
    s->n_waiting += (uint32_t)sent;
    at_query = (at_query + (uint32_t)sent) % n_queries;
    n_sent += (uint32_t)sent;
    return (uint32_t)sent;
}

static int64_t stamp_of(struct msghdr *head)
{
    struct timespec t;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(head); c; c = CMSG_NXTHDR(head, c))
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMPNS) {
            memcpy(&t, CMSG_DATA(c), sizeof t);
            return t.tv_sec * SECOND + t.tv_nsec;
        }
    return now();
}

static void time_answer(int64_t sent_at, int64_t stamp)
{
    int64_t took = stamp - sent_at, us = took / 1000;
    int64_t stall = stamp - (last_answer > sent_at ? last_answer : sent_at);
    histogram[us < 0 ? 0 : us < LONGEST_US ? us : LONGEST_US]++;
    n_late += us > LATE_US;
    if (took > longest)
        longest = took;
    if (stall > longest_stall)
        longest_stall = stall;
}

/* Take what has arrived; how many. */
static int hear(struct Socket *s, int is_timed)
{
    int n;
    for (int i = 0; i < BATCH; i++) {
        in[i].msg_hdr = (struct msghdr){.msg_iov = &in_parts[i], .msg_iovlen = 1};
        if (is_timed) {
            in[i].msg_hdr.msg_control = controls[i];
            in[i].msg_hdr.msg_controllen = sizeof controls[i];
        }
    }
    n = recvmmsg(s->fd, in, BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < n; i++) {
        uint16_t id = (uint16_t)(buffers[i][0] << 8 | buffers[i][1]);
        if (in[i].msg_len < 12 || s->sent_at[id] == 0) {
            n_unasked++;
            continue;
        }
        if (is_timed) {
            int64_t stamp = stamp_of(&in[i].msg_hdr);
            if (s->sent_at[id] > 0)
                time_answer(s->sent_at[id], stamp);
            if (stamp > last_answer)
                last_answer = stamp;
        }
        by_rcode[buffers[i][3] & 15]++;
        s->sent_at[id] = 0;
        s->n_waiting--;
        n_answered++;
    }
    return n;
}

/* Give up what has waited too long. */
static void expire(struct Socket *s, int64_t at)
{
    while (s->oldest != s->next) {
        int64_t sent_at = llabs(s->sent_at[s->oldest]);
        if (sent_at && at - sent_at < PATIENCE)
            return;
        if (sent_at) {
            n_lost++;
            s->n_waiting--;
            s->sent_at[s->oldest] = 0;
        }
        s->oldest++;
    }
}

/* Hear what is still to come, for as long as anything is under way. */
static void finish(int is_timed)
{
    uint32_t n_waiting;
    do {
        n_waiting = 0;
        poll(polled, n_sockets, 1);
        for (uint32_t i = 0; i < n_sockets; i++) {
            hear(&sockets[i], is_timed);
            expire(&sockets[i], now());
            n_waiting += sockets[i].n_waiting;
        }
    } while (n_waiting);
}

static void say_counts(double seconds, uint64_t n_in_time)
{
    uint64_t n_other = n_answered - by_rcode[0] - by_rcode[3];
    printf("\"sent\": %lu, \"answered\": %lu, \"lost\": %lu, \"unasked\": %lu, \"noerror\": %lu, \"nxdomain\": %lu, "
           "\"other\": %lu, \"per_s\": %.1f", n_sent, n_answered, n_lost, n_unasked, by_rcode[0], by_rcode[3], n_other,
           (double)n_in_time / seconds);
}

static void flood(double seconds, uint32_t window, uint64_t most)
{
    int64_t begin = now(), at = begin, end = begin + (int64_t)(seconds * 1e9);
    uint64_t n_in_time;
    while (at < end && n_sent < most) {
        uint32_t n_done = 0;
        for (uint32_t i = 0; i < n_sockets; i++) {
            struct Socket *s = &sockets[i];
            int heard = hear(s, 0);
            n_done += heard > 0 ? (uint32_t)heard : 0;
            expire(s, at);
            if (s->n_waiting < window && n_sent < most)
                n_done += ask(s, least(window - s->n_waiting, most - n_sent), at);
        }
        if (n_done == 0)
            sched_yield();      /* to the upstream: who sleeps here has to be woken, and the server waits for that */
        at = now();
    }
    n_in_time = n_answered;
    finish(0);
    printf("{");
    say_counts((double)(at - begin) / 1e9, n_in_time);
    printf("}\n");
}

static double percentile(double share)
{
    uint64_t n_timed = 0, n = 0;
    for (int us = 0; us <= LONGEST_US; us++)
        n_timed += histogram[us];
    for (int us = 0; us <= LONGEST_US; us++)
        if ((n += histogram[us]) >= share * (double)n_timed)
            return us;
    return LONGEST_US;
}

/* Send `n` in one batch; where that was held up, they are not to be timed. */
static uint32_t ask_on_time(struct Socket *s, uint32_t n)
{
    int64_t at = now();
    uint16_t first = s->next;
    uint32_t sent = ask(s, n, at);
    if (now() - at > MILLISECOND) {
        n_spoiled += sent;
        for (uint32_t i = 0; i < sent; i++)
            s->sent_at[(uint16_t)(first + i)] = -at;
    }
    return sent;
}

static void come_first(void)
{
    struct sched_param least_urgent = {1};
    sched_setscheduler(0, SCHED_FIFO, &least_urgent);       /* refused: what it cannot send is `skipped` */
}

static void pace(double seconds, double rate, int is_first)
{
    int64_t begin = now(), at = begin, before = begin, end = begin + (int64_t)(seconds * 1e9), longest_pause = 0;
    uint64_t n_in_time, n_skipped = 0, allowed = (uint64_t)(rate / 1000) + 1;       /* a millisecond's */
    uint32_t turn = 0;
    for (; (at = now()) < end; before = at) {
        uint64_t due = (uint64_t)((double)(at - begin) * rate / 1e9) - n_sent - n_skipped;
        if (at - before > longest_pause)
            longest_pause = at - before;
        if (due > allowed) {
            n_skipped += due - allowed;
            due = allowed;
        }
        if (due)
            ask_on_time(&sockets[turn++ % n_sockets], (uint32_t)due);
        for (uint32_t i = 0; i < n_sockets; i++) {
            hear(&sockets[i], 1);
            expire(&sockets[i], at);
        }
        if (is_first)
            nanosleep(&BETWEEN_TURNS, NULL);
    }
    n_in_time = n_answered;
    finish(1);
    printf("{");
    say_counts((double)(at - begin) / 1e9, n_in_time);
    printf(", \"skipped\": %lu, \"spoiled\": %lu, \"late\": %lu, \"p50_us\": %.0f, \"p99_us\": %.0f, \"longest_ms\": %.3f, "
           "\"stall_ms\": %.3f, \"own_pause_ms\": %.3f}\n", n_skipped, n_spoiled, n_late, percentile(0.5),
           percentile(0.99), (double)longest / 1e6, (double)longest_stall / 1e6, (double)longest_pause / 1e6);
}

/* Make an answer of the query in `msg`; its length, 0: it is none. */
static uint32_t answer(uint8_t *msg, uint32_t n)
{
    static const uint8_t record[16] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 14, 16, 0, 4, 198, 51, 100, 10};    /* A, 1 hour */
    uint32_t at = 12;
    while (at < n && msg[at] != 0 && msg[at] < 64)
        at += msg[at] + 1u;
    if (n < 17 || at + 5 > n || msg[at] != 0 || msg[2] & 0x80)
        return 0;
    msg[2] |= 0x80;
    msg[3] = 0x80;
    memset(msg + 6, 0, 6);
    if (msg[at + 1] != 0 || msg[at + 2] != 1)
        return at + 5;
    msg[7] = 1;
    memcpy(msg + at + 5, record, sizeof record);
    return at + 5 + sizeof record;
}

static void echo(uint16_t port)
{
    int fd = open_socket(port, 1);
    for (;;) {
        int n, n_ready = 0, done = 0;
        for (int i = 0; i < BATCH; i++) {
            in_parts[i] = (struct iovec){buffers[i], OCTETS - 16};
            in[i].msg_hdr = (struct msghdr){&peers[i], sizeof peers[i], &in_parts[i], 1, NULL, 0, 0};
        }
        n = recvmmsg(fd, in, BATCH, MSG_WAITFORONE, NULL);
        for (int i = 0; i < n; i++) {
            in_parts[i].iov_len = answer(buffers[i], in[i].msg_len);
            if (in_parts[i].iov_len)
                out[n_ready++] = in[i];
        }
        while (done < n_ready) {
            int sent = sendmmsg(fd, out + done, (unsigned)(n_ready - done), 0);
            done += sent > 0 ? sent : 1;
        }
    }
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "echo") == 0)
        echo((uint16_t)atoi(argv[2]));
    if (argc != 7) {
        fputs("usage: flood flood|once|paced|first PORT QUERIES SECONDS SOCKETS WINDOW|RATE, or flood echo PORT\n", stderr);
        return 2;
    }
    read_queries(argv[3]);
    open_sockets((uint16_t)atoi(argv[2]), (uint32_t)atoi(argv[5]));
    if (strcmp(argv[1], "flood") == 0)
        flood(atof(argv[4]), (uint32_t)atoi(argv[6]), UINT64_MAX);
    else if (strcmp(argv[1], "once") == 0)
        flood(atof(argv[4]), (uint32_t)atoi(argv[6]), n_queries);
    else if (strcmp(argv[1], "paced") == 0)
        pace(atof(argv[4]), atof(argv[6]), 0);
    else {
        come_first();
        pace(atof(argv[4]), atof(argv[6]), 1);
    }
    return 0;
}
