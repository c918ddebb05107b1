/* mail_test - what a letter looks like, what is refused, and what a folder gets; SMTP is tried end to end. */
#include "../../../src/io/mail.c"
#include "tap.h"

#include <dirent.h>

static char folder[64];

static struct tg_mailer *open_folder(void)
{
    struct tg_err err;
    struct tg_mailer *mailer = NULL;
    char url[80];
    snprintf(folder, sizeof(folder), "/tmp/tollgate-mail-XXXXXX");
    if (mkdtemp(folder) == NULL)
        abort();
    snprintf(url, sizeof(url), "dir:%s", folder);
    ok(tg_mailer_new(url, "Tollgate <toll@example.com>", NULL, &mailer, &err) == 0, "a folder is a mailer");
    return mailer;
}

static void remove_folder(void)
{
    DIR *dir = opendir(folder);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (entry->d_name[0] != '.')
            unlinkat(dirfd(dir), entry->d_name, 0);
    closedir(dir);
    rmdir(folder);
}

static const struct tg_letter hello = {"mail_1", "ada@example.com", "Grüße", "Hello,\nworld\n", 1784109600000000};

TEST(a_letter_is_plain_ascii_with_everything_else_encoded)
{
    struct tg_err err;
    struct tg_strbuf text;
    struct tg_mailer *mailer = open_folder();
    tg_strbuf_init(&text, LETTER_BYTES_MAX);
    is_int(write_letter(mailer, &hello, &text, &err), 0);
    is_str(text.bytes, "From: Tollgate <toll@example.com>\r\n"
                       "To: ada@example.com\r\n"
                       "Subject: =?UTF-8?B?R3LDvMOfZQ==?=\r\n"
                       "Date: Wed, 15 Jul 2026 10:00:00 +0000\r\n"
                       "Message-ID: <mail_1@example.com>\r\n"
                       "Auto-Submitted: auto-generated\r\n"
                       "MIME-Version: 1.0\r\n"
                       "Content-Type: text/plain; charset=utf-8\r\n"
                       "Content-Transfer-Encoding: base64\r\n"
                       "\r\n"
                       "SGVsbG8sDQp3b3JsZA0K\r\n");
    tg_strbuf_deinit(&text);
    tg_mailer_free(&mailer);
    remove_folder();
}

TEST(a_long_subject_is_cut_between_characters)
{
    struct tg_strbuf text;
    char subject[121] = "";
    for (int i = 0; i < 60; i++)
        strcat(subject, "\xc3\xbc"); /* 45 bytes would end inside one */
    tg_strbuf_init(&text, 1000);
    append_subject(&text, subject);
    int n_words = 0;
    for (const char *at = text.bytes; (at = strstr(at, "=?UTF-8?B?")) != NULL; at++)
        n_words++;
    is_int(n_words, 3);
    ok(strstr(text.bytes, "w7zDvMO8w7zDvMO8w7zDvMO8w7zDvMO8w7zDvMO8w7zDvMO8w7zDvMO8w7w=?=") != NULL,
       "the first word has 22 whole characters");
    tg_strbuf_deinit(&text);
}

TEST(what_would_add_a_header_or_a_recipient_is_refused)
{
    struct tg_err err;
    struct tg_mailer *mailer = open_folder();
    static const char *const recipients[] = {"a@b.c\r\nBcc: x@y.z", "a@b.c, x@y.z", "<a@b.c>", "nobody", "a@b.c x"};
    for (size_t i = 0; i < sizeof(recipients) / sizeof(recipients[0]); i++) {
        struct tg_letter letter = hello;
        letter.to = recipients[i];
        ok(tg_mailer_send(mailer, &letter, &err) != 0 && err.code == TG_ERR_INPUT, recipients[i]);
    }
    struct tg_letter letter = hello;
    letter.subject = "x\nBcc: x@y.z";
    ok(tg_mailer_send(mailer, &letter, &err) != 0, "a subject of two lines");
    letter = hello;
    letter.id = "../../etc/passwd";
    ok(tg_mailer_send(mailer, &letter, &err) != 0, "an id that is a path");
    tg_mailer_free(&mailer);
    remove_folder();
}

TEST(a_folder_gets_a_file_that_only_its_owner_reads)
{
    struct tg_err err;
    struct stat st;
    char path[128];
    struct tg_mailer *mailer = open_folder();
    is_int(tg_mailer_send(mailer, &hello, &err), 0);
    snprintf(path, sizeof(path), "%s/mail_1.eml", folder);
    ok(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600 && st.st_size > 100, "it is there, mode 0600");
    is_int(tg_mailer_send(mailer, &hello, &err), 0); /* the same again is one file */
    tg_mailer_free(&mailer);
    remove_folder();
    rmdir(folder);
}

TEST(a_url_of_another_kind_and_a_sender_without_an_address_are_refused)
{
    struct tg_err err;
    struct tg_mailer *mailer = NULL;
    ok(tg_mailer_new("http://x", "a@b.c", NULL, &mailer, &err) != 0, "http");
    ok(tg_mailer_new("smtp://x", "nobody", NULL, &mailer, &err) != 0, "no @");
    ok(tg_mailer_new("smtp://x", "a@b.c\r\nBcc: d@e.f", NULL, &mailer, &err) != 0, "two lines");
    ok(is_loopback("smtp://127.0.0.1:25") && is_loopback("smtp://u:p@localhost") && !is_loopback("smtp://mail.example"),
       "only loopback may go without TLS");
}

TEST(a_mail_server_that_is_away_is_upstream)
{
    struct tg_err err;
    struct tg_mailer *mailer = NULL;
    is_int(tg_mailer_new("smtp://127.0.0.1:1", "a@b.c", NULL, &mailer, &err), 0);
    ok(tg_mailer_send(mailer, &hello, &err) != 0 && err.code == TG_ERR_UPSTREAM, err.text);
    tg_mailer_free(&mailer);
}

TAP_MAIN()
