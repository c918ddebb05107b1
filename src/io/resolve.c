/* resolve - getaddrinfo() on a worker, and which addresses are nobody's business. */
#include "io/resolve.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct lookup {
    struct tg_loop *loop;
    char *host;
    uint16_t port;
    tg_resolve_fn *fn;
    void *arg;
    struct tg_addresses addresses;
    struct tg_err err; /* code NONE: found */
};

static void set_port(struct sockaddr_storage *address, uint16_t port)
{
    if (address->ss_family == AF_INET)
        ((struct sockaddr_in *)address)->sin_port = htons(port);
    else
        ((struct sockaddr_in6 *)address)->sin6_port = htons(port);
}

static void run_lookup(void *arg)
{
    struct lookup *l = arg;
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *list = NULL;
    int status = getaddrinfo(l->host, NULL, &hints, &list);
    for (const struct addrinfo *a = list; a != NULL && l->addresses.n < TG_ADDRESSES_MAX; a = a->ai_next) {
        if ((a->ai_family != AF_INET && a->ai_family != AF_INET6) || a->ai_addrlen > sizeof(struct sockaddr_storage))
            continue;
        struct sockaddr_storage *address = &l->addresses.list[l->addresses.n++];
        memcpy(address, a->ai_addr, a->ai_addrlen);
        set_port(address, l->port);
    }
    if (list != NULL)
        freeaddrinfo(list);
    if (l->addresses.n == 0)
        tg_err_set(&l->err, TG_ERR_UPSTREAM, "the name '%.100s' cannot be resolved: %s", l->host,
                   status != 0 ? gai_strerror(status) : "it has no address");
}

static void on_lookup_done(void *arg)
{
    struct lookup *l = arg;
    if (l->err.code == TG_ERR_NONE)
        l->fn(&l->addresses, NULL, l->arg);
    else
        l->fn(NULL, &l->err, l->arg);
    free(l->host);
    free(l);
}

static void *run_thread(void *arg)
{
    struct lookup *l = arg;
    run_lookup(l);
    tg_loop_post(l->loop, on_lookup_done, l);
    return NULL;
}

static void start_thread(struct lookup *l)
{
    pthread_t thread;
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old); /* signals are the main thread's business */
    int failed = pthread_create(&thread, NULL, run_thread, l);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (failed == 0) {
        pthread_detach(thread);
        return;
    }
    tg_err_set(&l->err, TG_ERR_BUSY, "no thread to resolve '%.100s': %s", l->host, strerror(failed));
    tg_loop_defer(l->loop, on_lookup_done, l);
}

void tg_resolve(struct tg_loop *loop, struct tg_work *work, const char *host, uint16_t port, tg_resolve_fn *fn,
                void *arg)
{
    struct lookup *l = TG_NEW(struct lookup);
    *l = (struct lookup){.loop = loop, .host = tg_strdup(host), .port = port, .fn = fn, .arg = arg};
    if (tg_address_parse(host, port, &l->addresses.list[0])) {
        l->addresses.n = 1;
        tg_loop_defer(loop, on_lookup_done, l);
    } else if (work == NULL) {
        start_thread(l);
    } else if (tg_work_submit(work, loop, run_lookup, on_lookup_done, l, &l->err) != 0) {
        tg_loop_defer(loop, on_lookup_done, l);
    }
}

bool tg_address_parse(const char *host, uint16_t port, struct sockaddr_storage *address_r)
{
    struct sockaddr_storage address = {0};
    if (inet_pton(AF_INET, host, &((struct sockaddr_in *)&address)->sin_addr) == 1)
        address.ss_family = AF_INET;
    else if (inet_pton(AF_INET6, host, &((struct sockaddr_in6 *)&address)->sin6_addr) == 1)
        address.ss_family = AF_INET6;
    else
        return false;
    set_port(&address, port);
    *address_r = address;
    return true;
}

void tg_address_format(const struct sockaddr_storage *address, char out[static TG_ADDRESS_TEXT_SIZE])
{
    const void *bytes = address->ss_family == AF_INET ? (const void *)&((const struct sockaddr_in *)address)->sin_addr
                                                      : &((const struct sockaddr_in6 *)address)->sin6_addr;
    const char *text = inet_ntop(address->ss_family, bytes, out, TG_ADDRESS_TEXT_SIZE);
    assert(text != NULL);
}

static bool is_private_v4(uint32_t ip)
{
    static const struct {
        uint32_t net;
        int bits;
    } nets[] = {
        {0x00000000, 8}, /* this network */
        {0x0a000000, 8}, /* RFC 1918 */
        {0x64400000, 10}, /* carrier NAT, RFC 6598 */
        {0x7f000000, 8}, /* loopback */
        {0xa9fe0000, 16}, /* link-local: also the clouds' metadata */
        {0xac100000, 12}, /* RFC 1918 */
        {0xc0000000, 24}, /* protocol assignments */
        {0xc0000200, 24}, /* documentation */
        {0xc0586300, 24}, /* 6to4 relays */
        {0xc0a80000, 16}, /* RFC 1918 */
        {0xc6120000, 15}, /* benchmarks */
        {0xc6336400, 24}, /* documentation */
        {0xcb007100, 24}, /* documentation */
        {0xe0000000, 3}, /* multicast, reserved, broadcast */
    };
    for (size_t i = 0; i < sizeof(nets) / sizeof(nets[0]); i++) {
        if (((ip ^ nets[i].net) >> (32 - nets[i].bits)) == 0)
            return true;
    }
    return false;
}

static uint32_t v4_at(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static bool is_private_v6(const uint8_t *b)
{
    static const uint8_t zeros[10], nat64[12] = {0, 0x64, 0xff, 0x9b};
    if (memcmp(b, zeros, 10) == 0 && ((b[10] == 0xff && b[11] == 0xff) || (b[10] == 0 && b[11] == 0)))
        return v4_at(b + 12) <= 0xffff || is_private_v4(v4_at(b + 12)); /* mapped, compatible, :: and ::1 */
    if (memcmp(b, nat64, 12) == 0)
        return is_private_v4(v4_at(b + 12));
    if (b[0] == 0x20 && b[1] == 0x02) /* 6to4 holds an IPv4 address */
        return is_private_v4(v4_at(b + 2));
    bool documentation = b[0] == 0x20 && b[1] == 0x01 && b[2] == 0x0d && b[3] == 0xb8;
    bool teredo = b[0] == 0x20 && b[1] == 0x01 && b[2] == 0 && b[3] == 0;
    return (b[0] & 0xe0) != 0x20 || documentation || teredo; /* 2000::/3 is what is public */
}

bool tg_address_is_private(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET)
        return is_private_v4(ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr));
    assert(address->ss_family == AF_INET6);
    return is_private_v6(((const struct sockaddr_in6 *)address)->sin6_addr.s6_addr);
}
