/* bundle_test - rule files become a bundle under the hash of their content, or are refused fault by fault. */
#include "../../../src/rt/bundle.c"

#include "rt/vm_fixture.h"

#define FILE(path_, text_) ((struct tg_bundle_file){path_, text_, sizeof(text_) - 1})

static struct tg_bundle *bundle_of(const struct tg_bundle_file *files, size_t n)
{
    struct tg_faults faults = {0};
    struct tg_bundle *bundle = NULL;
    if (!ok(tg_bundle_new(files, n, &faults, &bundle) == 0, "%s", faults.n > 0 ? faults.list[0].message : ""))
        exit(1);
    is_int(faults.n, 0);
    tg_faults_deinit(&faults);
    return bundle;
}

/* "path:line what; …" of what is wrong with the files. */
static const char *faults_of(const struct tg_bundle_file *files, size_t n)
{
    static char out[4096];
    size_t len = 0;
    struct tg_faults faults = {0};
    struct tg_bundle *bundle = NULL;
    out[0] = '\0';
    is_int(tg_bundle_new(files, n, &faults, &bundle), -1);
    ok(bundle == NULL, "nothing is made");
    for (size_t i = 0; i < faults.n && len < sizeof(out) - 200; i++)
        len += (size_t)snprintf(out + len, sizeof(out) - len, "%s:%d %s; ", faults.list[i].path, faults.list[i].line,
                                faults.list[i].what);
    tg_faults_deinit(&faults);
    return out;
}

TEST(the_id_is_of_paths_and_texts_and_not_of_their_order)
{
    const struct tg_bundle_file files[] = {FILE("b/rules.lua", "return {}"), FILE("a/lib/x.lua", "return {} -- é")};
    const struct tg_bundle_file other_order[] = {files[1], files[0]};
    const struct tg_bundle_file moved[] = {FILE("b/rules.lua", "return {} -- é"), FILE("a/lib/x.lua", "return {}")};
    struct tg_bundle *one = bundle_of(files, 2), *two = bundle_of(other_order, 2), *three = bundle_of(moved, 2);
    is_str(tg_bundle_id(one), tg_bundle_id(two));
    is_int(strlen(tg_bundle_id(one)), 64);
    ok(strcmp(tg_bundle_id(one), tg_bundle_id(three)) != 0, "another content, another id");
    is_int(tg_bundle_n(one), 2);
    is_str(tg_bundle_file(one, 0)->path, "a/lib/x.lua");
    is_str(tg_bundle_find(one, "b/rules.lua")->text, "return {}");
    ok(tg_bundle_find(one, "c/rules.lua") == NULL, "not there");
    ok(tg_bundle_file(one, 0)->text != files[1].text, "copied");
    tg_bundle_unref(&one);
    tg_bundle_unref(&two);
    tg_bundle_unref(&three);
}

TEST(the_id_is_the_same_on_every_machine)
{
    const struct tg_bundle_file files[] = {FILE("a/rules.lua", "return {}")};
    struct tg_bundle *bundle = bundle_of(files, 1);
    uint8_t hash[TG_SHA256_LEN];
    char hex[TG_BUNDLE_ID_SIZE];
    tg_sha256("\x0b\0\0\0\0\0\0\0a/rules.lua\x09\0\0\0\0\0\0\0return {}", 8 + 11 + 8 + 9, hash);
    tg_hex(hash, sizeof(hash), hex);
    is_str(tg_bundle_id(bundle), hex);
    tg_bundle_unref(&bundle);
}

TEST(paths_are_exact)
{
    static const char *const right[] = {"a/rules.lua", "pricing_2/rules.lua", "a/lib/b.lua", "a/lib/b_2.lua"};
    static const char *const wrong[] = {"",
                                        "rules.lua",
                                        "/a/rules.lua",
                                        "a/rules.luac",
                                        "a//rules.lua",
                                        "a/../rules.lua",
                                        "../a/rules.lua",
                                        "A/rules.lua",
                                        "1a/rules.lua",
                                        "_a/rules.lua",
                                        "a/Rules.lua",
                                        "a/lib/.lua",
                                        "a/lib/b",
                                        "a/lib/b.lua/",
                                        "a/lib/b/c.lua",
                                        "a/lib/../rules.lua",
                                        "a/lib/b.c.lua",
                                        "a/lib/B.lua",
                                        "a/service.lua",
                                        "types/rules.lua",
                                        "types/lib/a.lua",
                                        "a/rules.lua ",
                                        "a\\rules.lua",
                                        "\xc3\xa4/rules.lua"};
    char longest[TG_BUNDLE_PATH_LEN_MAX + 2];
    for (size_t i = 0; i < sizeof(right) / sizeof(*right); i++)
        ok(tg_bundle_has_path(right[i]), "%s", right[i]);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        ok(!tg_bundle_has_path(wrong[i]), "'%s'", wrong[i]);
    memset(longest, 'a', sizeof(longest));
    strcpy(longest + TG_BUNDLE_PATH_LEN_MAX - 10, "/rules.lua");
    is_true(tg_bundle_has_path(longest));
    strcpy(longest + TG_BUNDLE_PATH_LEN_MAX - 9, "/rules.lua");
    is_false(tg_bundle_has_path(longest));
}

TEST(every_fault_is_named_with_file_and_line)
{
    char *big = tg_calloc(1, TG_BUNDLE_FILE_BYTES_MAX + 2);
    memset(big, 'x', TG_BUNDLE_FILE_BYTES_MAX + 1);
    const struct tg_bundle_file files[] = {FILE("../etc/passwd", "x"),
                                           FILE("b/rules.lua", "\x1bLua"),
                                           FILE("c/rules.lua", "\n\nx\0y"),
                                           FILE("d/rules.lua", "\nx = '\xff'"),
                                           FILE("e/rules.lua", "\xef\xbb\xbf"),
                                           FILE("f/rules.lua", "1"),
                                           FILE("f/rules.lua", "1"),
                                           {"g/rules.lua", big, TG_BUNDLE_FILE_BYTES_MAX + 1},
                                           FILE("h/rules.lua", "x = '\xe2\x82'")};
    is_str(faults_of(files, sizeof(files) / sizeof(*files)),
           "../etc/passwd:0 path; b/rules.lua:1 text; c/rules.lua:3 text; d/rules.lua:2 text; e/rules.lua:1 text; "
           "f/rules.lua:0 path; g/rules.lua:0 limit; h/rules.lua:1 text; ");
    is_str(faults_of(files, 0), ":0 limit; ");
    const struct tg_bundle_file largest = {"g/rules.lua", big, TG_BUNDLE_FILE_BYTES_MAX};
    struct tg_bundle *bundle = bundle_of(&largest, 1);
    tg_bundle_unref(&bundle);
    free(big);
}

TEST(there_are_at_most_200_files_and_100_faults)
{
    struct tg_bundle_file files[TG_BUNDLE_FILES_MAX + 1];
    char paths[TG_BUNDLE_FILES_MAX + 1][32];
    struct tg_faults faults = {0};
    struct tg_bundle *bundle;
    for (int i = 0; i <= TG_BUNDLE_FILES_MAX; i++) {
        snprintf(paths[i], sizeof(paths[i]), "a/lib/x%d.lua", i);
        files[i] = (struct tg_bundle_file){paths[i], "", 0};
    }
    bundle = bundle_of(files, TG_BUNDLE_FILES_MAX);
    tg_bundle_unref(&bundle);
    is_str(faults_of(files, TG_BUNDLE_FILES_MAX + 1), ":0 limit; ");
    for (int i = 0; i < TG_BUNDLE_FILES_MAX; i++)
        paths[i][0] = 'A';
    is_int(tg_bundle_new(files, TG_BUNDLE_FILES_MAX, &faults, &bundle), -1);
    is_int(faults.n, TG_FAULTS_MAX);
    is_int(faults.n_dropped, 100);
    is_int(tg_bundle_new(files, 1, &faults, &bundle), -1); /* also when there is no room for the fault */
    tg_faults_deinit(&faults);
}

TEST(the_release_s_rules_are_a_bundle_without_its_other_files)
{
    struct tg_err err;
    struct tg_bundle *bundle;
    struct tg_luasource *src = fixture_source("app.lua", "return 1", "a/service.lua", "x", "a/rules.lua", "return {}",
                                              "a/lib/b.lua", "b", "types/rules.lua", "x", "core/allow.lua", "x", NULL);
    is_int(tg_bundle_of_source(src, &bundle, &err), 0);
    is_int(tg_bundle_n(bundle), 2);
    tg_luasource_unref(&src);
    is_str(tg_bundle_file(bundle, 0)->text, "b");
    tg_bundle_unref(&bundle);
    src = fixture_source("app.lua", "return 1", NULL);
    is_int(tg_bundle_of_source(src, &bundle, &err), 0);
    is_int(tg_bundle_n(bundle), 0);
    ok(tg_bundle_find(bundle, "a/rules.lua") == NULL, "none");
    tg_bundle_unref(&bundle);
    tg_luasource_unref(&src);
}

TEST(json_and_back_is_the_same_bundle)
{
    const struct tg_bundle_file files[] = {FILE("b/rules.lua", "return 'é\\0\n'"), FILE("a/lib/x.lua", "")};
    struct tg_bundle *bundle = bundle_of(files, 2), *back = NULL;
    struct tg_faults faults = {0};
    json_t *json = tg_bundle_to_json(bundle);
    is_int(tg_bundle_from_json(json, &faults, &back), 0);
    is_str(tg_bundle_id(back), tg_bundle_id(bundle));
    tg_bundle_unref(&bundle);
    bundle = tg_bundle_ref(back);
    tg_bundle_unref(&back);
    is_int(tg_bundle_n(bundle), 2);
    tg_bundle_unref(&bundle);
    json_decref(json);
    tg_faults_deinit(&faults);
}

TEST(json_that_is_no_bundle_is_refused)
{
    static const struct {
        const char *json, *what;
    } cases[] = {{"[]", "limit"},
                 {"{}", "limit"},
                 {"{\"files\":7}", "limit"},
                 {"{\"files\":[7]}", "schema"},
                 {"{\"files\":[{\"path\":\"a/rules.lua\"}]}", "schema"},
                 {"{\"files\":[{\"path\":7,\"source\":\"\"}]}", "schema"},
                 {"{\"files\":[{\"path\":\"a/rules.lua\\u0000x\",\"source\":\"\"}]}", "schema"},
                 {"{\"files\":[{\"path\":\"a/rules.lua\",\"source\":\"a\\u0000b\"}]}", "text"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct tg_faults faults = {0};
        struct tg_bundle *bundle;
        tap_case("%s", cases[i].json);
        json_t *json = json_loads(cases[i].json, JSON_ALLOW_NUL, NULL);
        is_int(tg_bundle_from_json(json, &faults, &bundle), -1);
        is_int(faults.n, 1);
        is_str(faults.list[0].what, cases[i].what);
        json_decref(json);
        tg_faults_deinit(&faults);
    }
}

TEST(the_text_of_an_error_is_a_fault_with_its_file_and_line)
{
    static const struct {
        const char *text, *path;
        int line;
        const char *message;
    } cases[] = {{"pricing/rules.lua:41: no price", "pricing/rules.lua", 41, "no price"},
                 {"a/rules.lua: api must be 1", "a/rules.lua", 0, "api must be 1"},
                 {"a/rules.lua:x: y", "a/rules.lua", 0, "x: y"},
                 {"a/rules.lua:", "a/rules.lua", 0, ""},
                 {"the rule ran: longer.lua", "", 0, "the rule ran: longer.lua"},
                 {"with blank.lua:7: x", "", 0, "with blank.lua:7: x"},
                 {"", "", 0, ""}};
    struct tg_faults faults = {0};
    struct tg_err err;
    is_int(tg_faults_err(&faults, &err), -1);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        tap_case("%s", cases[i].text);
        tg_faults_add_text(&faults, "syntax", cases[i].text);
        is_str(faults.list[i].path, cases[i].path);
        is_int(faults.list[i].line, cases[i].line);
        is_str(faults.list[i].message, cases[i].message);
    }
    is_int(tg_faults_err(&faults, &err), -1);
    is_str(err.text, "pricing/rules.lua:41: no price");
    tg_faults_deinit(&faults);
}

TEST(a_long_message_is_cut_between_two_characters)
{
    struct tg_faults faults = {0};
    char text[1200];
    for (int i = 0; i < 1198; i += 2)
        memcpy(text + i, "\xc3\xa9", 3);
    tg_faults_add(&faults, "a/rules.lua", 1, "syntax", "%s", text);
    const char *message = faults.list[0].message;
    is_int(strlen(message), 510);
    is_int(tg_utf8_valid_len(message, strlen(message)), 510);
    tg_faults_deinit(&faults);
}

TEST(the_first_compiled_form_stays_with_the_bundle)
{
    struct tg_faults faults = {0};
    struct tg_bundle *bundle;
    const struct tg_bundle_file files[] = {{"b/rules.lua", "two", 3}, {"a/rules.lua", "one", 3}};
    is_int(tg_bundle_new(files, 2, &faults, &bundle), 0);
    const struct tg_bundle_file *file = tg_bundle_find(bundle, "b/rules.lua");
    ok(tg_bundle_code(bundle, file) == NULL, "nobody has compiled it");
    struct tg_bundle_code *code[2];
    for (int i = 0; i < 2; i++) {
        code[i] = malloc(sizeof(**code) + 1);
        code[i]->len = 1;
        code[i]->bytes[0] = (char)('x' + i);
    }
    tg_bundle_set_code(bundle, file, code[0]);
    tg_bundle_set_code(bundle, file, code[1]);
    ok(tg_bundle_code(bundle, file) == code[0] && code[0]->bytes[0] == 'x', "the first");
    ok(tg_bundle_code(bundle, tg_bundle_find(bundle, "a/rules.lua")) == NULL, "and of the other file still none");
    tg_bundle_unref(&bundle);
}

TAP_MAIN()
