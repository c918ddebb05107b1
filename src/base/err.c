/* err - the one way to fail. */
#include "base/err.h"

#include <stdio.h>

#include "base/utf8.h"

int tg_err_vset(struct tg_err *err, enum tg_errcode code, const char *fmt, va_list ap)
{
    if (err == NULL)
        return -1;
    err->code = code;
    err->native = 0;
    if (vsnprintf(err->text, sizeof(err->text), fmt, ap) < 0)
        err->text[0] = '\0';
    tg_utf8_repair(err->text); /* it goes into rows and answers, and may hold what a rule has said, or be cut */
    return -1;
}

int tg_err_set(struct tg_err *err, enum tg_errcode code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    tg_err_vset(err, code, fmt, ap);
    va_end(ap);
    return -1;
}

const char *tg_errcode_name(enum tg_errcode code)
{
    switch (code) {
    case TG_ERR_NONE: return "none";
    case TG_ERR_INPUT: return "input";
    case TG_ERR_NOT_FOUND: return "not_found";
    case TG_ERR_DENIED: return "denied";
    case TG_ERR_CONFLICT: return "conflict";
    case TG_ERR_BUSY: return "busy";
    case TG_ERR_UPSTREAM: return "upstream";
    case TG_ERR_UNCERTAIN: return "uncertain";
    case TG_ERR_BUG: return "bug";
    }
    return "bug";
}
