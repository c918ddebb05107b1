/* sim_shape_test - a file of five-minute counts: where it begins, where it ends, and what is refused. */
#include "../../../src/cli/sim_shape.c"

#include "tap.h"

static char path[64];

static const char *write_file(const char *text)
{
    snprintf(path, sizeof(path), "/tmp/tg-shape-XXXXXX");
    int fd = mkstemp(path);
    ok(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), "a file");
    close(fd);
    return path;
}

static int read_text(const char *text, const char *start, struct tg_simshape *shape, struct tg_err *err)
{
    char arg[128];
    snprintf(arg, sizeof(arg), "%s%s%s", write_file(text), start != NULL ? "@" : "", start != NULL ? start : "");
    int rc = tg_simshape_read(arg, shape, err);
    unlink(path);
    return rc;
}

static const char day[] = "start,calls\n07:00,300\n07:05,0\n07:10,600\n";

TEST(each_five_minutes_have_their_rate_until_the_end)
{
    struct tg_simshape shape = {NULL, 0};
    struct tg_err err;
    is_int(read_text(day, NULL, &shape, &err), 0);
    is_uint(shape.n, 3);
    ok(tg_simshape_rate(&shape, 0) == 1 && tg_simshape_rate(&shape, 299.9) == 1, "a call a second");
    ok(tg_simshape_rate(&shape, 300) == 0 && tg_simshape_rate(&shape, 600) == 2, "nobody, then two");
    ok(tg_simshape_rate(&shape, 900) < 0, "then it is over");
    tg_simshape_free(&shape);
}

TEST(it_may_begin_at_a_label)
{
    struct tg_simshape shape = {NULL, 0};
    struct tg_err err;
    is_int(read_text(day, "07:10", &shape, &err), 0);
    is_uint(shape.n, 1);
    is_uint(shape.counts[0], 600);
    tg_simshape_free(&shape);
    is_int(read_text(day, "09:00", &shape, &err), -1);
    is_str(err.text, "no row is labelled 09:00");
}

TEST(what_is_no_count_is_refused_with_its_line)
{
    struct tg_simshape shape = {NULL, 0};
    struct tg_err err;
    is_int(read_text("a,b\n07:00,1\n07:05,x\n", NULL, &shape, &err), -1);
    is_str(err.text, "line 3: 'x' is not a count of calls");
    is_int(read_text("a,b\n07:00\n", NULL, &shape, &err), -1);
    is_str(err.text, "line 2: label,count is expected");
    is_int(read_text("a,b\n", NULL, &shape, &err), -1);
    is_str(err.text, "the file has no rows");
    ok(shape.counts == NULL, "nothing is left behind");
}

TAP_MAIN()
