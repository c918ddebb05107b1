/* csv_test - RFC 4180, and what spreadsheets and broken exports do to it. */
#include "../../../src/base/csv.c"

#include "tap.h"

/* Rows as "[a|b][c]", a broken one as "!". */
static const char *read_all(const char *text)
{
    static char out[4096];
    struct tg_csv csv;
    struct tg_err err;
    size_t n = 0;
    int rc;
    tg_csv_init(&csv, text, strlen(text));
    while ((rc = tg_csv_next(&csv, &err)) != 0) {
        if (rc < 0) {
            out[n++] = '!';
            continue;
        }
        out[n++] = '[';
        for (size_t i = 0; i != csv.n_fields; ++i)
            n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%.*s", i ? "|" : "", (int)csv.fields[i].len,
                                  csv.fields[i].str);
        out[n++] = ']';
    }
    out[n] = '\0';
    tg_csv_deinit(&csv);
    return out;
}

TEST(reads_rows_of_plain_and_quoted_fields)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"", ""},
        {"a", "[a]"},
        {"a,b\n", "[a|b]"},
        {"a,b\r\nc,\r\n", "[a|b][c|]"},
        {",\n", "[|]"},
        {"\n\n\r\na\n\n", "[a]"},
        {"\xef\xbb\xbfprefix,name\n1,US\n", "[prefix|name][1|US]"},
        {"\"a,b\",c\n", "[a,b|c]"},
        {"\"two\nlines\",x\ny\n", "[two\nlines|x][y]"},
        {"\"say \"\"hi\"\"\",\"\"\"\",\"plain\"\n", "[say \"hi\"|\"|plain]"},
        {"\"\"\n", "[]"},
        {"a\rb\n", "[a\rb]"},
    };
    for (size_t i = 0; i != sizeof(cases) / sizeof(cases[0]); ++i)
        is_str(read_all(cases[i].text), cases[i].want);
}

TEST(a_broken_row_costs_no_other)
{
    is_str(read_all("a\nb\"c\nd\n"), "[a]![d]");
    is_str(read_all("a\n\"never closed\nd\n"), "[a]![d]");
    is_str(read_all("a\n\"x\"y,z\nd\n"), "[a]![d]");
    is_str(read_all("\"p\nq\"r\nd\n"), "![d]");
}

TEST(the_line_of_a_broken_row_is_named_behind_rows_of_several_lines)
{
    struct tg_csv csv;
    struct tg_err err;
    const char *text = "\"a\nb\"\nbad\"\n";
    tg_csv_init(&csv, text, strlen(text));
    is_int(tg_csv_next(&csv, &err), 1);
    is_int((long)csv.line, 1);
    is_int(tg_csv_next(&csv, &err), -1);
    is_str(err.text, "line 3: field 1: a quote inside an unquoted field");
    is_int(tg_csv_next(&csv, &err), 0);
    is_int((long)tg_csv_offset(&csv), (long)strlen(text));
    tg_csv_deinit(&csv);
}

TEST(limits_on_fields_hold)
{
    char text[200];
    struct tg_csv csv;
    struct tg_err err;
    memset(text, ',', sizeof(text));
    tg_csv_init(&csv, text, TG_CSV_FIELDS_MAX - 1);
    is_int(tg_csv_next(&csv, &err), 1);
    is_int((long)csv.n_fields, TG_CSV_FIELDS_MAX);
    tg_csv_deinit(&csv);
    tg_csv_init(&csv, text, TG_CSV_FIELDS_MAX);
    is_int(tg_csv_next(&csv, &err), -1);
    tg_csv_deinit(&csv);
    char *wide = malloc(TG_CSV_FIELD_LEN_MAX + 1);
    memset(wide, 'x', TG_CSV_FIELD_LEN_MAX + 1);
    tg_csv_init(&csv, wide, TG_CSV_FIELD_LEN_MAX);
    is_int(tg_csv_next(&csv, &err), 1);
    tg_csv_deinit(&csv);
    tg_csv_init(&csv, wide, TG_CSV_FIELD_LEN_MAX + 1);
    is_int(tg_csv_next(&csv, &err), -1);
    tg_csv_deinit(&csv);
    free(wide);
}

TEST(finds_columns_of_the_header_by_name)
{
    struct tg_csv csv;
    struct tg_err err;
    tg_csv_init(&csv, "prefix,name\n", 12);
    is_int(tg_csv_next(&csv, &err), 1);
    is_int(tg_csv_column(&csv, "name"), 1);
    is_int(tg_csv_column(&csv, "nam"), -1);
    tg_csv_deinit(&csv);
}

TAP_MAIN()
