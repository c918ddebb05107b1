/* err - the one way to fail.
 *
 * A function that can fail because of the world returns 0 or -1 (a lookup: 1
 * found, 0 absent, -1 failed) and fills a struct tg_err that its caller passes
 * in. On success the tg_err is untouched. Bugs are assertions, not errors.
 * Running out of memory ends the process, as in libh2o.
 */
#ifndef TG_BASE_ERR_H
#define TG_BASE_ERR_H

#include <stdarg.h>

#define TG_MUST_CHECK __attribute__((warn_unused_result))
#define TG_PRINTF(f, a) __attribute__((format(printf, f, a)))

enum tg_errcode {
    TG_ERR_NONE = 0,
    TG_ERR_INPUT, /* the caller's data is wrong; the text says what and where */
    TG_ERR_NOT_FOUND, /* it does not exist, or not for this caller */
    TG_ERR_DENIED, /* who asks may not do that */
    TG_ERR_CONFLICT, /* it is right, but not in the present state */
    TG_ERR_BUSY, /* a limit is reached: nothing was done, try later */
    TG_ERR_UPSTREAM, /* a server we depend on failed: nothing was done */
    TG_ERR_UNCERTAIN, /* sent, and no answer: it may have happened */
    TG_ERR_BUG /* ours */
};

struct tg_err {
    enum tg_errcode code;
    int native; /* the library's own number (MariaDB errno, CURLcode), 0 when none */
    char text[240];
};

/* Sets *err; text is cut at its size. err may be NULL. Returns -1, so that
 * `return tg_err_set(err, TG_ERR_INPUT, "…")` reads as it should. */
int tg_err_set(struct tg_err *err, enum tg_errcode code, const char *fmt, ...) TG_PRINTF(3, 4);
int tg_err_vset(struct tg_err *err, enum tg_errcode code, const char *fmt, va_list ap);
/* The code's stable lower-case name: "input", "not_found", "uncertain", … */
const char *tg_errcode_name(enum tg_errcode code);

#endif
