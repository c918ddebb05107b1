/* main - the command line. */
#include <curl/curl.h>

#include "cli/cli.h"

int main(int argc, char **argv)
{
    curl_global_init(CURL_GLOBAL_DEFAULT); /* before any thread */
    return tg_cli_main(tg_commands, argc, argv);
}
