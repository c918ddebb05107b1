/* replay - runs a fuzzer over files, without libFuzzer: `check` replays each corpus with it.
 *
 *   decimal_fuzz FILE|DIRECTORY…
 *
 * An input is given whole, and then cut short at each of its first 300 bytes: what ends too early is the fault that
 * parsers have. Every input is in memory of its own size, so that the sanitizer sees a byte read too many. A fuzzer
 * says no by abort(). Prints TAP; no input at all is a failure.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define INPUT_MAX (1u << 20)
#define CUTS_MAX 300

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static size_t n_inputs;

static void run_exactly(const char *bytes, size_t len)
{
    uint8_t *exact = malloc(len != 0 ? len : 1);
    if (exact == NULL)
        abort();
    memcpy(exact, bytes, len);
    LLVMFuzzerTestOneInput(exact, len);
    free(exact);
}

static int run_file(const char *path)
{
    static char bytes[INPUT_MAX];
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        printf("not ok - cannot read %s\n", path);
        return -1;
    }
    size_t len = fread(bytes, 1, sizeof(bytes), file);
    fclose(file);
    printf("# %s\n", path);
    fflush(stdout);
    run_exactly(bytes, len);
    for (size_t cut = 0; cut < len && cut < CUTS_MAX; cut++)
        run_exactly(bytes, cut);
    n_inputs++;
    return 0;
}

static int run_path(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
        return run_file(path);
    DIR *directory = opendir(path);
    int status = directory == NULL ? -1 : 0;
    for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;) {
        char name[4096];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
        if (run_file(name) != 0)
            status = -1;
    }
    if (directory != NULL)
        closedir(directory);
    return status;
}

int main(int argc, char **argv)
{
    int failed = 0;
    for (int i = 1; i < argc; i++)
        failed |= run_path(argv[i]);
    failed |= n_inputs == 0;
    printf("%sok 1 - %zu inputs, whole and cut short\n1..1\n", failed ? "not " : "", n_inputs);
    return failed ? 1 : 0;
}
