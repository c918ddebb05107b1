/* yaml_test - YAML into the tree that libh2o's configurators take. */
#include "../../../src/web/yaml.c"

#include "tap.h"

static char dir[] = "/tmp/tollgate-yaml-XXXXXX";

static const char *file(const char *name, const char *text)
{
    static char path[128];
    if (strstr(dir, "XXXXXX") != NULL && mkdtemp(dir) == NULL)
        abort();
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *fp = fopen(path, "w");
    if (fp == NULL || fputs(text, fp) < 0 || fclose(fp) != 0)
        abort();
    return path;
}

static yoml_t *read_text(const char *text)
{
    struct tg_err err;
    yoml_t *root = NULL;
    if (!ok(tg_yaml_load(file("a.conf", text), &root, &err) == 0, "it loads"))
        tap_note("%s", err.text);
    return root;
}

static void refuses(const char *text, const char *place, const char *part)
{
    struct tg_err err = {.text = ""};
    yoml_t *root;
    tap_case("%.60s", text);
    is_int(tg_yaml_load(file("a.conf", text), &root, &err), -1);
    contains(err.text, place);
    contains(err.text, part);
    is_int(err.code, TG_ERR_INPUT);
}

TEST(a_tree_has_the_librarys_shape_and_knows_its_places)
{
    yoml_t *root = read_text("a: 1\nb:\n  - x\n  - {c: \"d e\"}\n");
    is_int(root->type, YOML_TYPE_MAPPING);
    is_uint(root->data.mapping.size, 2);
    is_str(yoml_get(root, "a")->data.scalar, "1");
    yoml_t *b = yoml_get(root, "b");
    is_uint(b->data.sequence.size, 2);
    is_str(yoml_get(b->data.sequence.elements[1], "c")->data.scalar, "d e");
    is_uint(TG_YAML_LINE(b->data.sequence.elements[1]->line), 4);
    is_uint(TG_YAML_COLUMN(b->data.sequence.elements[1]->line), 5);
    tg_yaml_free(&root);
    is_null(root);
}

TEST(aliases_are_unfolded)
{
    yoml_t *root = read_text("a: &x {b: 1}\nc: *x\n");
    is_str(yoml_get(yoml_get(root, "c"), "b")->data.scalar, "1");
    tg_yaml_free(&root);
}

TEST(the_environment_can_be_asked)
{
    setenv("TOLLGATE_TEST_A", "from outside", 1);
    unsetenv("TOLLGATE_TEST_B");
    yoml_t *root = read_text("a: !env TOLLGATE_TEST_A=x\nb: !env TOLLGATE_TEST_B=1=2\n");
    is_str(yoml_get(root, "a")->data.scalar, "from outside");
    is_str(yoml_get(root, "b")->data.scalar, "1=2");
    tg_yaml_free(&root);
    refuses("a: !env TOLLGATE_TEST_B\n", "a.conf:1:4: ", "TOLLGATE_TEST_B is not set");
}

TEST(a_file_can_include_another)
{
    char text[256];
    snprintf(text, sizeof(text), "a: !file %s\n", file("b.conf", "c: [1, 2]\n"));
    yoml_t *root = read_text(text);
    is_uint(yoml_get(yoml_get(root, "a"), "c")->data.sequence.size, 2);
    tg_yaml_free(&root);
    snprintf(text, sizeof(text), "a: !file %s\n", file("a.conf", ""));
    refuses(text, "a.conf:1:4: ", "more than 4 deep");
    refuses("a: !file /nowhere/b\n", "/nowhere/b:1:1: ", "cannot be read");
}

TEST(what_is_wrong_is_told_with_its_place)
{
    refuses("a: [1\nb: 2\n", "a.conf:2:", "did not find");
    refuses("a: 1\nb: 2\na: 3\n", "a.conf:3:1: ", "'a' stands here twice");
    refuses("", "a.conf:1:1: ", "empty");
    refuses("a: !what 1\n", "a.conf:1:4: ", "unknown tag");
    refuses("a: \"x\\0y\"\n", "a.conf:1:4: ", "NUL");
}

TEST(a_small_file_cannot_unfold_into_a_large_tree)
{
    refuses(
        "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
        "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\n",
        "a.conf:", "too large");
    refuses("a: &a [*a]\n", "a.conf:", "deep");
}

TAP_MAIN()
