/* import_state_test - an import that was killed goes on; one that ended begins anew. */
#include "../../../src/cli/import_state.c"

#include "tap.h"

TEST(a_killed_import_goes_on_and_a_finished_one_begins_anew)
{
    char dir[] = "/tmp/tgstateXXXXXX", command[64];
    struct tg_import_state first, second, other;
    struct tg_err err;
    bool is_resumed = true;
    ok(mkdtemp(dir) != NULL, "a directory");
    setenv("XDG_STATE_HOME", dir, 1);

    is_int(tg_import_state_open("a file", &first, &is_resumed, &err), 0);
    ok(!is_resumed, "nothing to resume");
    first.batches_done = 7;
    first.counts.rows = 14000;
    first.counts.conflict = 3;
    first.counts.other = 1;
    is_int(tg_import_state_save(&first, &err), 0);

    is_int(tg_import_state_open("a file", &second, &is_resumed, &err), 0);
    ok(is_resumed, "resumed");
    is_str(second.import_id, first.import_id);
    is_int((long)second.batches_done, 7);
    is_int((long)second.counts.rows, 14000);
    is_int((long)second.counts.conflict, 3);
    is_int((long)second.counts.other, 1);

    is_int(tg_import_state_open("another file", &other, &is_resumed, &err), 0);
    ok(!is_resumed, "another file is another import");

    tg_import_state_remove(&second);
    is_int(tg_import_state_open("a file", &second, &is_resumed, &err), 0);
    ok(!is_resumed, "finished");
    ok(strcmp(second.import_id, first.import_id) != 0, "with a new id, so that its keys are new");
    snprintf(command, sizeof(command), "rm -r %s", dir);
    is_int(system(command), 0);
}

TEST(a_place_that_cannot_be_written_is_named)
{
    struct tg_import_state state;
    struct tg_err err;
    bool is_resumed;
    setenv("XDG_STATE_HOME", "/dev/null/x", 1);
    is_int(tg_import_state_open("a file", &state, &is_resumed, &err), -1);
    ok(strstr(err.text, "/dev/null") != NULL, "%s", err.text);
}

TAP_MAIN()
