/* main - the command line. */
#include <signal.h>

#include <curl/curl.h>

#include "cli/cli.h"

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN); /* a peer that has gone is an error of the write, not the end */
    curl_global_init(CURL_GLOBAL_DEFAULT); /* before any thread */
    return tg_cli_main(tg_commands, argc, argv);
}
