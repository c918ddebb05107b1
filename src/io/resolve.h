/* resolve - names to addresses without blocking the loop.
 *
 * getaddrinfo() waits as long as its name servers do (20 s with a dead one), and
 * hiredis, libmariadb and curl call it where they stand; so they are given
 * addresses. Numeric hosts are answered without a thread. The five promises of
 * io/loop.h hold; a lookup cannot be cancelled.
 */
#ifndef TG_IO_RESOLVE_H
#define TG_IO_RESOLVE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "base/err.h"
#include "io/loop.h"
#include "io/work.h"

#define TG_ADDRESSES_MAX 16
#define TG_ADDRESS_TEXT_SIZE INET6_ADDRSTRLEN

struct tg_addresses {
    size_t n;
    struct sockaddr_storage list[TG_ADDRESSES_MAX]; /* with the port */
};
/* addresses are borrowed for the call, NULL on failure (UPSTREAM; BUSY when the workers are). */
typedef void tg_resolve_fn(const struct tg_addresses *addresses, const struct tg_err *err, void *arg);

/* host is copied. work: NULL for a thread of its own, for the few lookups of a reconnect. */
void tg_resolve(struct tg_loop *loop, struct tg_work *work, const char *host, uint16_t port, tg_resolve_fn *fn,
                void *arg);
/* "127.0.0.1" or "::1" → true and the address. */
bool tg_address_parse(const char *host, uint16_t port, struct sockaddr_storage *address_r);
void tg_address_format(const struct sockaddr_storage *address, char out[static TG_ADDRESS_TEXT_SIZE]);
/* Not on the public internet: loopback, RFC 1918, link-local, carrier NAT, ULA, multicast, reserved, and IPv4 of
 * those kinds mapped into IPv6 (RFC 6890). */
bool tg_address_is_private(const struct sockaddr_storage *address);

#endif
