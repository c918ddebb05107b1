/* roster_test - a file of companies or people as rows: what is read, and what is refused where. */
#include "../../../src/cli/roster.c"

#include "tap.h"

static const char *const columns[] = {"ref", "name", "zone", NULL};
static const struct tg_roster_kind kind = {"things", columns, 2, NULL, NULL};

static struct tg_roster read_text(const char *text, size_t len, int rc, const char *says)
{
    struct tg_roster roster = {.rows = json_array()};
    const struct tg_mapfile file = {text, len};
    struct tg_err err = {0};
    is_int(read_file(&roster, &kind, &file, &err), rc);
    if (says != NULL)
        is_str(err.text, says);
    return roster;
}

static const char *why(const struct tg_roster *roster, size_t i)
{
    return json_string_value(json_object_get(json_array_get(roster->rows, i), "why"));
}

TEST(rows_know_their_line_and_columns_their_name)
{
    static const char text[] = "\xef\xbb\xbfname,zone,ref\r\n\"A, B\",,a\r\n\r\nC,UTC,c\r\n";
    struct tg_roster roster = read_text(text, sizeof(text) - 1, 0, NULL);
    is_uint(json_array_size(roster.rows), 2);
    const json_t *row = json_array_get(roster.rows, 1);
    is_str(tg_roster_cell(json_array_get(roster.rows, 0), "name"), "A, B");
    ok(tg_roster_cell(json_array_get(roster.rows, 0), "zone") == NULL, "an empty cell is none");
    is_str(tg_roster_cell(row, "zone"), "UTC");
    is_int(json_integer_value(json_object_get(row, "line")), 4);
    json_decref(roster.rows);
}

TEST(a_row_that_cannot_be_used_is_refused_and_the_others_are_not)
{
    static const char text[] = "ref,name,zone\n,x,\na,\n\xff,x,\nb\0"
                               "c,x,\n\"d\"e,x,\nf,x,UTC\ng,x,\n";
    struct tg_roster roster = read_text(text, sizeof(text) - 1, 0, NULL);
    is_uint(json_array_size(roster.rows), 7);
    is_str(why(&roster, 0), "ref: is missing");
    is_str(why(&roster, 1), "name: is missing");
    is_str(why(&roster, 2), "ref: not valid UTF-8");
    is_str(why(&roster, 3), "ref: not valid UTF-8");
    ok(why(&roster, 4) != NULL, "a quote that does not end");
    ok(why(&roster, 5) == NULL && why(&roster, 6) == NULL, "what follows is read");
    is_uint(count(&roster, "refuse"), 5);
    json_decref(roster.rows);
}

TEST(a_file_with_the_wrong_columns_is_refused_as_a_whole)
{
    static const struct {
        const char *text, *says;
    } cases[] = {{"", "the file has no header row"},
                 {"ref,nmae\n", "the file has no column name"},
                 {"ref,name,colour\n", "column 3 is not known, or there twice: colour"},
                 {"ref,name,name\n", "column 3 is not known, or there twice: name"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tg_roster roster = read_text(cases[i].text, strlen(cases[i].text), -1, cases[i].says);
        json_decref(roster.rows);
    }
}

TEST(what_two_have_is_nobodys)
{
    json_t *list = json_pack("[{s:s}, {s:s}, {s:s}, {s:n}]", "email", "A@x", "email", "b@x", "email", "a@X", "email");
    json_t *exact = tg_roster_index(list, "email", false), *folded = tg_roster_index(list, "email", true);
    is_uint(json_object_size(exact), 3);
    is_uint(json_object_size(folded), 2);
    is_true(json_is_null(json_object_get(folded, "a@x")));
    is_true(json_object_get(folded, "b@x") == json_array_get(list, 1));
    json_decref(exact);
    json_decref(folded);
    json_decref(list);
}

TAP_MAIN()
