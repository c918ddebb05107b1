/* rulesapi_test - which files of a folder are rules, and how the server's complaints are told. */
#include "../../../src/cli/rulesapi.c"

#include <sys/stat.h>
#include <unistd.h>

#include "tap.h"

static char dir[64];

static void put(const char *path, const char *text)
{
    char name[200];
    snprintf(name, sizeof(name), "%s/%s", dir, path);
    for (char *slash = strchr(name + strlen(dir) + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(name, 0700);
        *slash = '/';
    }
    FILE *file = fopen(name, "w");
    fputs(text, file);
    fclose(file);
}

static void make_dir(void)
{
    snprintf(dir, sizeof(dir), "/tmp/tollgate-rules-XXXXXX");
    ok(mkdtemp(dir) != NULL, "a folder");
}

static void remove_dir(void)
{
    char command[100];
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    ok(system(command) == 0, "the folder is gone");
}

/* What print_problem writes for a document. */
static const char *told(const char *problem, bool *names)
{
    static char text[1000];
    json_t *json = json_loads(problem, 0, NULL);
    FILE *file = tmpfile();
    fflush(stderr);
    int before = dup(2);
    dup2(fileno(file), 2);
    *names = tg_rulesapi_print_problem(json);
    fflush(stderr);
    dup2(before, 2);
    close(before);
    rewind(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    json_decref(json);
    return text;
}

TEST(only_rule_files_of_a_tree_are_taken_as_they_are)
{
    json_t *files;
    struct tg_err err;
    make_dir();
    put("app.lua", "return {}");
    put("alerts/rules.lua", "return {}\n-- \xc3\xa9\n");
    put("alerts/service.lua", "return {}");
    put("pricing/lib/tiers.lua", "return {}");
    put("pricing/lib/deep/tiers.lua", "return {}");
    put("types/rules.lua", "return {}");
    is_int(tg_rulesapi_files(dir, &files, &err), 0);
    is_int(json_array_size(files), 2);
    is_str(json_string_value(json_object_get(json_array_get(files, 0), "path")), "alerts/rules.lua");
    is_str(json_string_value(json_object_get(json_array_get(files, 0), "source")), "return {}\n-- \xc3\xa9\n");
    is_str(json_string_value(json_object_get(json_array_get(files, 1), "path")), "pricing/lib/tiers.lua");
    json_decref(files);
    remove_dir();
}

TEST(a_folder_without_rules_is_refused)
{
    json_t *files;
    struct tg_err err;
    make_dir();
    put("app.lua", "return {}");
    is_int(tg_rulesapi_files(dir, &files, &err), -1);
    contains(err.text, "there is no file like pricing/rules.lua below it");
    remove_dir();
    is_int(tg_rulesapi_files(dir, &files, &err), -1);
}

TEST(a_bundle_is_told_from_a_folder)
{
    static const char id[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    ok(tg_rulesapi_is_bundle(id), "64 hex digits");
    ok(tg_rulesapi_is_bundle("active") && tg_rulesapi_is_bundle("release"), "names");
    ok(!tg_rulesapi_is_bundle(id + 1) && !tg_rulesapi_is_bundle("rules") && !tg_rulesapi_is_bundle(""), "a folder");
    ok(!tg_rulesapi_is_bundle("0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef"), "capitals");
}

TEST(faults_are_told_with_file_and_line_where_they_have_them)
{
    bool names;
    is_str(told("{\"errors\":[{\"pointer\":\"/files/0/source\",\"path\":\"a/rules.lua\",\"line\":7,\"detail\":\"oh\"},"
                "{\"pointer\":\"/files\",\"path\":\"b/rules.lua\",\"detail\":\"hm\"},"
                "{\"pointer\":\"/files\",\"detail\":\"no rule decides a.b\"},"
                "{\"pointer\":\"/note\",\"detail\":\"must be a string\"}]}",
                &names),
           "a/rules.lua:7: oh\nb/rules.lua: hm\nno rule decides a.b\n/note: must be a string\n");
    ok(names, "something is named");
    is_str(told("{\"reasons\":[\"0 calls\",\"too dear\"]}", &names), "0 calls\ntoo dear\n");
    ok(names, "reasons too");
    is_str(told("{\"detail\":\"no\"}", &names), "");
    ok(!names, "nothing is");
}

TAP_MAIN()
