/* cmd_serve - `tollgate serve`, `tollgate config check` and `tollgate reload`: wiring of the server.
 *
 * Order: configuration → listeners (signals are blocked before any thread begins) → rules, ledger engine → event loops.
 * The end comes in reverse: the loops have drained when tg_server_run() returns, then the engine answers what is left.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/log.h"
#include "charge/engine.h"
#include "charge/rulekeeper.h"
#include "cli/commands.h"
#include "cli/masterkey.h"
#include "io/mail.h"
#include "rt/api_mail.h"
#include "rt/api_secrets.h"
#include "rt/luabugs.h"
#include "rt/metrics.h"
#include "web/conf.h"
#include "web/directives.h"
#include "web/server.h"

static const char *conf_path(const struct tg_args *args)
{
    const char *path = tg_args_get(args, "conf");
    return path != NULL ? path : "h2o.conf";
}

/* --- serve */

/* A new generation brings its rules, and hosts those that are active: what does not load refuses it. */
static int on_generation(struct tg_luasource *src, void *arg, struct tg_err *err_r)
{
    return tg_rulekeeper_set_host(arg, src, err_r);
}

static void on_ready(void *arg)
{
    (void)arg;
    TG_LOG_INFO("server_ready", TG_LOG_STR("version", TG_VERSION));
}

static int parse_database(const struct tg_conf *conf, struct tg_dburl *url_r, struct tg_err *err_r)
{
    if (conf->database_url == NULL)
        return tg_err_set(err_r, TG_ERR_INPUT, "no database: set TOLLGATE_DATABASE_URL, or tollgate.database in %s",
                          conf->path);
    return tg_dburl_parse(conf->database_url, url_r, err_r);
}

/* Without a mail server there is no mailer, and letters wait. */
static int open_mailer(const struct tg_conf *conf, struct tg_mailer **mailer_r, struct tg_err *err_r)
{
    const char *from = conf->mail_from != NULL ? conf->mail_from : "Tollgate <tollgate@localhost>";
    *mailer_r = NULL;
    return conf->mail_url == NULL ? 0 : tg_mailer_new(conf->mail_url, from, conf->ca_file, mailer_r, err_r);
}

/* After the change of user, which would allow them again. Children (the checks of rules) inherit the limit. */
static int forbid_core_dumps(struct tg_err *err_r)
{
    if (setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}) == 0 && prctl(PR_SET_DUMPABLE, 0) == 0)
        return 0;
    return tg_err_set(err_r, TG_ERR_UPSTREAM, "core dumps cannot be forbidden: %m");
}

/* tg.site: what the application knows of where it is. */
static int open_site(lua_State *L)
{
    const struct tg_conf *conf = lua_touserdata(L, 1);
    lua_createtable(L, 0, 1);
    lua_pushstring(L, conf->public_url);
    lua_setfield(L, -2, "public_url");
    return 1;
}

static int serve(struct tg_conf *conf, struct tg_err *err_r)
{
    struct tg_dburl url;
    static struct tg_mailer *mailer; /* of the process: when somebody is cut off nobody frees them */
    static struct tg_keyring *keys;
    if (tg_masterkey_open(conf->master_key_file, &keys, err_r) != 0 || tg_server_open(conf, err_r) != 0 ||
        (!conf->core_dumps && forbid_core_dumps(err_r) != 0) || open_mailer(conf, &mailer, err_r) != 0 ||
        parse_database(conf, &url, err_r) != 0)
        return -1;
    struct tg_rulebook *book = tg_rulebook_new();
    struct tg_rulekeeper *keeper = tg_rulekeeper_new(&url, book, conf->rules_cache);
    struct tg_engine *engine = tg_engine_new(&url, book, &(struct tg_engine_settings){0});
    struct tg_vm_lib libs[] = {{"usage", tg_charge_open_usage, engine},
                               {"calls", tg_charge_open_calls, engine},
                               {"decks", tg_charge_open_decks, engine},
                               {"backtests", tg_charge_open_backtests, engine},
                               {"mail", tg_api_open_mail, mailer},
                               {"secrets", tg_api_open_secrets, keys},
                               {"site", open_site, conf},
                               {NULL, NULL, NULL}};
    struct tg_server_hooks hooks = {on_generation, on_ready, keeper, book};
    int rc = tg_server_run(conf, libs, &hooks, err_r);
    tg_engine_free(&engine);
    tg_rulekeeper_stop(keeper);
    tg_dburl_deinit(&url);
    if (rc == 1)
        return rc; /* somebody who was cut off may still ask them: the process ends now */
    tg_rulekeeper_free(&keeper);
    tg_rulebook_free(&book);
    tg_mailer_free(&mailer);
    tg_keyring_free(&keys);
    return rc;
}

static int run_serve(const struct tg_args *args)
{
    struct tg_conf *conf = NULL;
    struct tg_err err;
#ifdef TG_FAULTS
    if (tg_fault_arm_from_environment(&err) != 0)
        return tg_cli_fail(args, "TOLLGATE_FAULTS: %s", err.text);
#endif
    if (tg_conf_load(conf_path(args), &conf, &err) != 0)
        return tg_cli_fail(args, "%s", err.text);
    tg_log_set_listener(tg_metrics_on_log, NULL); /* what is logged is counted, before any thread begins */
    tg_luabugs_log();
    int rc = serve(conf, &err);
    tg_conf_free(&conf);
    if (rc < 0)
        return tg_cli_fail(args, "%s", err.text);
    return rc == 0 ? TG_EXIT_OK : TG_EXIT_PARTLY;
}

static const struct tg_option serve_options[] = {
    {"conf", "FILE", "the configuration (h2o.conf)"},
    {NULL, NULL, NULL},
};
const struct tg_command tg_cmd_serve = {
    "serve",
    "",
    0,
    0,
    "Serves until it gets SIGTERM or SIGINT",
    "SIGHUP (or `tollgate reload`) swaps the Lua application, the rules and the certificates and opens the logs again; "
    "a changed configuration takes a new process. On SIGTERM requests in work finish first; exit code 3 when some were "
    "cut off.",
    serve_options,
    run_serve};

/* --- config check */

static void list_directives(void)
{
    size_t n;
    const struct tg_directive *all = tg_directives(&n);
    for (size_t i = 0; i != n; ++i)
        printf("%s (%s): %s; default %s\n    %s\n", all[i].name, all[i].level, all[i].value, all[i].standard,
               all[i].doc);
}

static int run_config_check(const struct tg_args *args)
{
    struct tg_conf *conf = NULL;
    struct tg_err err;
    if (tg_args_has(args, "list")) {
        list_directives();
        return TG_EXIT_OK;
    }
    if (tg_conf_load(conf_path(args), &conf, &err) != 0)
        return tg_cli_fail(args, "%s", err.text);
    printf("%s is fine: %zu listeners\n", conf_path(args), conf->n_listeners);
    tg_conf_free(&conf);
    return TG_EXIT_OK;
}

static const struct tg_option config_options[] = {
    {"conf", "FILE", "the configuration (h2o.conf)"},
    {"list", NULL, "print every directive of ours: where it stands, what it takes, its default, what it is for"},
    {NULL, NULL, NULL},
};
const struct tg_command tg_cmd_config_check = {
    "config check",
    "",
    0,
    0,
    "Reads the configuration and says what is wrong with it",
    "Opens nothing and changes nothing. A fault is told as file:line:column and a sentence.",
    config_options,
    run_config_check};

/* --- reload */

static int control_socket(const struct tg_args *args, char *path, size_t size, struct tg_err *err_r)
{
    const char *given = tg_args_get(args, "control-socket");
    struct tg_conf *conf = NULL;
    if (given != NULL) {
        snprintf(path, size, "%s", given);
        return 0;
    }
    if (tg_conf_load(conf_path(args), &conf, err_r) != 0)
        return -1;
    int rc = 0;
    if (conf->control_socket != NULL)
        snprintf(path, size, "%s", conf->control_socket);
    else
        rc = tg_err_set(err_r, TG_ERR_INPUT, "%s has no tollgate.control-socket", conf_path(args));
    tg_conf_free(&conf);
    return rc;
}

/* One line there, one line back. */
static int converse(const char *path, const char *request, char *answer, size_t size, struct tg_err *err_r)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    size_t len = 0;
    ssize_t n;
    if (strlen(path) >= sizeof(addr.sun_path))
        return tg_err_set(err_r, TG_ERR_INPUT, "the control socket's path is too long");
    memcpy(addr.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd == -1 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0 ||
        write(fd, request, strlen(request)) != (ssize_t)strlen(request)) {
        tg_err_set(err_r, TG_ERR_UPSTREAM, "%s: %m (is the server running?)", path);
        if (fd != -1)
            close(fd);
        return -1;
    }
    while (len + 1 < size && (n = read(fd, answer + len, size - 1 - len)) > 0)
        len += (size_t)n;
    close(fd);
    answer[len] = '\0';
    answer[strcspn(answer, "\n")] = '\0';
    return len > 0 ? 0 : tg_err_set(err_r, TG_ERR_UPSTREAM, "%s: the server hung up without an answer", path);
}

static int run_reload(const struct tg_args *args)
{
    char path[512], answer[2048];
    struct tg_err err;
    if (control_socket(args, path, sizeof(path), &err) != 0 ||
        converse(path, "reload\n", answer, sizeof(answer), &err) != 0)
        return tg_cli_fail(args, "%s", err.text);
    if (strncmp(answer, "ok ", 3) != 0)
        return tg_cli_fail(args, "refused, the running release goes on: %s",
                           strncmp(answer, "error ", 6) == 0 ? answer + 6 : answer);
    printf("generation %s serves\n", answer + 3);
    return TG_EXIT_OK;
}

static const struct tg_option reload_options[] = {
    {"conf", "FILE", "the configuration of the running server (h2o.conf)"},
    {"control-socket", "PATH", "its control socket, instead of asking the configuration"},
    {NULL, NULL, NULL},
};
const struct tg_command tg_cmd_reload = {
    "reload",
    "",
    0,
    0,
    "Swaps the Lua application, the rules and the certificates of a running server",
    "The next generation is built aside and checked; a broken one is refused with file and line and the old one goes "
    "on. No request fails.",
    reload_options,
    run_reload};
