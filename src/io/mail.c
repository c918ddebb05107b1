/* mail - one letter to one person, as text, handed to a mail server or put into a folder.
 *
 * The text is RFC 5322 with everything beyond ASCII encoded (RFC 2045, 2047), so any server of the last thirty years
 * takes it: the body in base64, the subject in encoded words of whole characters.
 */
#include "io/mail.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/strbuf.h"

#define TIMEOUT_MS 8000 /* a job's step has ten seconds */
#define CONNECT_TIMEOUT_MS 4000
#define LETTER_BYTES_MAX (1 << 20)
#define WORD_BYTES 45 /* of a subject in one encoded word: 60 characters in base64, of 75 */
#define LINE_BYTES 57 /* of a body in one line: 76 characters in base64 */

struct tg_mailer {
    char *url, *from, *address; /* from as it is written, and the address in it */
    char *folder; /* NULL: url is a mail server's */
    char *ca_file;
    bool is_loopback;
};

/* --- the mailer ---------------------------------------------------------------------------------------------------- */

static bool has_control(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < ' ' || *text == 127)
            return true;
    return false;
}

/* "Name <address>" → "address"; the whole when there are no brackets. */
static char *address_of(const char *from)
{
    const char *open = strrchr(from, '<'), *close = strrchr(from, '>');
    if (open == NULL || close == NULL || close < open)
        return tg_strdup(from);
    char *address = tg_strdup(open + 1);
    address[close - open - 1] = '\0';
    return address;
}

static bool is_loopback(const char *url)
{
    char *host = NULL;
    CURLU *parsed = curl_url();
    bool loopback = curl_url_set(parsed, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
                    curl_url_get(parsed, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
                    (strcmp(host, "localhost") == 0 || strcmp(host, "127.0.0.1") == 0 || strcmp(host, "[::1]") == 0);
    curl_free(host);
    curl_url_cleanup(parsed);
    return loopback;
}

int tg_mailer_new(const char *url, const char *from, const char *ca_file, struct tg_mailer **mailer_r,
                  struct tg_err *err_r)
{
    const bool is_folder = strncmp(url, "dir:", 4) == 0;
    if (!is_folder && strncmp(url, "smtp://", 7) != 0 && strncmp(url, "smtps://", 8) != 0)
        return tg_err_set(err_r, TG_ERR_INPUT, "mail goes to smtp://HOST, smtps://HOST or dir:PATH");
    if (has_control(from) || strchr(from, '@') == NULL)
        return tg_err_set(err_r, TG_ERR_INPUT, "'%s' is no sender: Name <address>", from);
    struct tg_mailer *mailer = TG_NEW(struct tg_mailer);
    mailer->url = tg_strdup(url);
    mailer->from = tg_strdup(from);
    mailer->address = address_of(from);
    mailer->folder = is_folder ? tg_strdup(url + 4) : NULL;
    mailer->ca_file = ca_file == NULL ? NULL : tg_strdup(ca_file);
    mailer->is_loopback = !is_folder && is_loopback(url);
    *mailer_r = mailer;
    return 0;
}

void tg_mailer_free(struct tg_mailer **mailer_p)
{
    struct tg_mailer *mailer = *mailer_p;
    *mailer_p = NULL;
    if (mailer == NULL)
        return;
    free(mailer->url);
    free(mailer->from);
    free(mailer->address);
    free(mailer->folder);
    free(mailer->ca_file);
    free(mailer);
}

/* --- the text ------------------------------------------------------------------------------------------------------ */

static void append_base64(struct tg_strbuf *out, const char *bytes, size_t len)
{
    unsigned char text[4 * ((LINE_BYTES + 2) / 3) + 1];
    int n = EVP_EncodeBlock(text, (const unsigned char *)bytes, (int)len);
    tg_strbuf_append(out, text, (size_t)n);
}

/* The most bytes, up to max, that end with a whole character of UTF-8. */
static size_t whole_characters(const char *text, size_t len, size_t max)
{
    if (len <= max)
        return len;
    while (max > 0 && ((unsigned char)text[max] & 0xc0) == 0x80)
        max--;
    return max;
}

static void append_subject(struct tg_strbuf *out, const char *subject)
{
    size_t len = strlen(subject), n;
    tg_strbuf_append_str(out, "Subject:");
    for (; len > 0; subject += n, len -= n) {
        n = whole_characters(subject, len, WORD_BYTES);
        tg_strbuf_append_str(out, " =?UTF-8?B?");
        append_base64(out, subject, n);
        tg_strbuf_append_str(out, len > n ? "?=\r\n" : "?=");
    }
    tg_strbuf_append_str(out, "\r\n");
}

/* RFC 5322 has its own way to write a date; English in every locale. */
static void append_date(struct tg_strbuf *out, int64_t date_us)
{
    static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t seconds = (time_t)(date_us / 1000000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    tg_strbuf_printf(out, "Date: %.3s, %02d %.3s %04d %02d:%02d:%02d +0000\r\n", days + 3 * tm.tm_wday, tm.tm_mday,
                     months + 3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* Lines of a letter end with CR LF, also inside the encoding. */
static void append_body(struct tg_strbuf *out, const char *body)
{
    struct tg_strbuf text;
    tg_strbuf_init(&text, LETTER_BYTES_MAX);
    for (; *body != '\0'; body++) {
        if (*body == '\n')
            tg_strbuf_append_char(&text, '\r');
        tg_strbuf_append_char(&text, *body);
    }
    for (size_t at = 0; at < text.len; at += LINE_BYTES) {
        append_base64(out, text.bytes + at, text.len - at < LINE_BYTES ? text.len - at : LINE_BYTES);
        tg_strbuf_append_str(out, "\r\n");
    }
    out->overflowed = out->overflowed || tg_strbuf_overflowed(&text);
    tg_strbuf_deinit(&text);
}

static int write_letter(const struct tg_mailer *mailer, const struct tg_letter *letter, struct tg_strbuf *out,
                        struct tg_err *err_r)
{
    const char *at = strchr(mailer->address, '@');
    if (has_control(letter->to) || strpbrk(letter->to, " <>,") != NULL || strchr(letter->to, '@') == NULL)
        return tg_err_set(err_r, TG_ERR_INPUT, "the recipient is not one e-mail address");
    if (has_control(letter->subject) || has_control(letter->id) || strpbrk(letter->id, " <>") != NULL)
        return tg_err_set(err_r, TG_ERR_INPUT, "the subject and the id of a letter are one line");
    tg_strbuf_printf(out, "From: %s\r\nTo: %s\r\n", mailer->from, letter->to);
    append_subject(out, letter->subject);
    append_date(out, letter->date_us);
    tg_strbuf_printf(out, "Message-ID: <%s%s>\r\n", letter->id, at);
    tg_strbuf_append_str(out, "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
                              "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n");
    append_body(out, letter->body);
    return tg_strbuf_overflowed(out) ? tg_err_set(err_r, TG_ERR_INPUT, "a letter has at most 1 MiB") : 0;
}

/* --- sending ------------------------------------------------------------------------------------------------------- */

/* The file has its name once it is whole. */
static int put_into_folder(const struct tg_mailer *mailer, const struct tg_letter *letter, const struct tg_strbuf *text,
                           struct tg_err *err_r)
{
    char path[512], temporary[520];
    if (strchr(letter->id, '/') != NULL ||
        snprintf(path, sizeof(path), "%s/%s.eml", mailer->folder, letter->id) >= (int)sizeof(path))
        return tg_err_set(err_r, TG_ERR_INPUT, "the id of a letter is too long, or no file name");
    (void)snprintf(temporary, sizeof(temporary), "%s.part", path);
    if (mkdir(mailer->folder, 0700) != 0 && errno != EEXIST)
        return tg_err_set(err_r, TG_ERR_UPSTREAM, "%s: %m", mailer->folder);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd == -1)
        return tg_err_set(err_r, TG_ERR_UPSTREAM, "%s: %m", temporary);
    bool ok = write(fd, text->bytes, text->len) == (ssize_t)text->len && fsync(fd) == 0;
    ok = close(fd) == 0 && ok && rename(temporary, path) == 0;
    return ok ? 0 : tg_err_set(err_r, TG_ERR_UPSTREAM, "%s: %m", path);
}

struct upload {
    const struct tg_strbuf *text;
    size_t done;
};

static size_t read_upload(char *to, size_t size, size_t n, void *arg)
{
    struct upload *upload = arg;
    size_t left = upload->text->len - upload->done, len = left < size * n ? left : size * n;
    memcpy(to, upload->text->bytes + upload->done, len);
    upload->done += len;
    return len;
}

static int result_of(CURL *curl, CURLcode code, const struct upload *upload, const char *text, struct tg_err *err_r)
{
    long status = 0;
    if (code == CURLE_OK)
        return 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 500)
        return tg_err_set(err_r, TG_ERR_INPUT, "the mail server refuses it: %ld", status);
    if (upload->done == upload->text->len && status < 400)
        return tg_err_set(err_r, TG_ERR_UNCERTAIN, "the mail server did not say whether it took it");
    return tg_err_set(err_r, TG_ERR_UPSTREAM, "the mail server: %s", text[0] != '\0' ? text : curl_easy_strerror(code));
}

static int hand_to_server(const struct tg_mailer *mailer, const struct tg_letter *letter, const struct tg_strbuf *text,
                          struct tg_err *err_r)
{
    char error[CURL_ERROR_SIZE] = "";
    struct upload upload = {text, 0};
    struct curl_slist *to = curl_slist_append(NULL, letter->to);
    CURL *curl = curl_easy_init();
    curl_easy_setopt(curl, CURLOPT_URL, mailer->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(curl, CURLOPT_USE_SSL, mailer->is_loopback ? CURLUSESSL_TRY : CURLUSESSL_ALL);
    if (mailer->ca_file != NULL)
        curl_easy_setopt(curl, CURLOPT_CAINFO, mailer->ca_file);
    curl_easy_setopt(curl, CURLOPT_MAIL_FROM, mailer->address);
    curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, to);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, read_upload);
    curl_easy_setopt(curl, CURLOPT_READDATA, &upload);
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
    int status = result_of(curl, curl_easy_perform(curl), &upload, error, err_r);
    curl_easy_cleanup(curl);
    curl_slist_free_all(to);
    return status;
}

int tg_mailer_send(const struct tg_mailer *mailer, const struct tg_letter *letter, struct tg_err *err_r)
{
    struct tg_strbuf text;
    tg_strbuf_init(&text, 2 * LETTER_BYTES_MAX);
    int status = write_letter(mailer, letter, &text, err_r);
    if (status == 0)
        status = mailer->folder != NULL ? put_into_folder(mailer, letter, &text, err_r)
                                        : hand_to_server(mailer, letter, &text, err_r);
    tg_strbuf_deinit(&text);
    return status;
}
