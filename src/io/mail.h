/* mail - one letter to one person, as text, handed to a mail server by SMTP (libcurl) or put into a folder.
 *
 * Blocking: for worker threads. A mail server is given eight seconds. What it took is its business from then on; when
 * its answer is lost the letter may have been taken (UNCERTAIN), and who sends it again may have sent it twice.
 */
#ifndef TG_IO_MAIL_H
#define TG_IO_MAIL_H

#include <stdint.h>

#include "base/err.h"

struct tg_mailer; /* immutable, any thread */

/* url: "smtp://[user:password@]host[:port]" (STARTTLS is demanded of all but loopback), "smtps://…", or "dir:PATH", a
 * folder that gets a file for each letter (mode 0600): for development. from: "Name <address>" or an address. */
int tg_mailer_new(const char *url, const char *from, const char *ca_file, struct tg_mailer **mailer_r,
                  struct tg_err *err_r) TG_MUST_CHECK;
void tg_mailer_free(struct tg_mailer **mailer);

struct tg_letter { /* borrowed; UTF-8 */
    const char *id; /* becomes the Message-ID: the same letter again has the same one */
    const char *to; /* an address and nothing else */
    const char *subject; /* one line */
    const char *body; /* lines end with \n */
    int64_t date_us;
};
/* INPUT: the letter, or the mail server refuses it for good; UPSTREAM: not now; UNCERTAIN: no answer. */
int tg_mailer_send(const struct tg_mailer *mailer, const struct tg_letter *letter, struct tg_err *err_r) TG_MUST_CHECK;

#endif
