/* conf - h2o.conf, read and checked: what a server process runs with. */
#include "web/conf.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <h2o/configurator.h>

#include "base/log.h"
#include "base/mem.h"
#include "web/accesslog.h"
#include "web/conn.h"
#include "web/directives.h"
#include "web/dispatch.h"
#include "web/yaml.h"

#define BODY_MAX_DEFAULT (1u << 20)
#define BODY_MAX_OF_ROUTES (16u << 20) /* the most that a route of the application asks for: decks */

#ifdef __SANITIZE_ADDRESS__
/* libh2o keeps what its configurators made until the process ends (we read one configuration a process), and what a
 * thread has for reuse until the thread ends, and longer. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_options(void);
const char *__lsan_default_options(void)
{
    return "print_suppressions=0";
}
const char *__lsan_default_suppressions(void)
{
    return "leak:h2o_configurator_define_headers_commands\nleak:h2o_headers_append_command\nleak:h2o_expires_register\n"
           "leak:lib/handler/configurator\nleak:lib/core/configurator\nleak:h2o_config_register_path\n"
           "leak:h2o_mem_alloc_recycle\n";
}
#endif

/* Takes "[file:MARK] in command NAME, reason" apart (h2o_configurator_errprintf wrote it; see TG_YAML_MARK). */
static void translate(const char *said, const char *path, struct tg_err *err_r)
{
    char file[256], command[80] = "";
    size_t mark;
    int at = 0, after = 0;
    const char *line = said;
    while (line != NULL && *line != '[')
        line = (line = strchr(line, '\n')) == NULL ? NULL : line + 1;
    if (line == NULL || sscanf(line, "[%255[^]:]:%zu] %n", file, &mark, &at) != 2 || at == 0) {
        tg_err_set(err_r, TG_ERR_INPUT, "%s:1:1: %.*s", path, (int)strcspn(said, "\n"), said);
        return;
    }
    line += at;
    if (sscanf(line, "in command %79[^,], %n", command, &after) == 1 && after != 0)
        line += after;
    mark--; /* libh2o counts lines from 1 when it prints */
    tg_err_set(err_r, TG_ERR_INPUT, "%s:%zu:%zu: %s%s%.*s", file, TG_YAML_LINE(mark), TG_YAML_COLUMN(mark), command,
               command[0] == '\0' ? "" : ": ", (int)strcspn(line, "\n"), line);
}

/* libh2o reports on stderr: a stream of ours stands there meanwhile. */
static int apply(struct tg_conf *conf, yoml_t *root, struct tg_err *err_r)
{
    char *said = NULL;
    size_t said_len = 0;
    FILE *saved = stderr, *catcher = open_memstream(&said, &said_len);
    if (catcher == NULL)
        abort();
    stderr = catcher;
    int ret = h2o_configurator_apply(&conf->global, root, 0);
    stderr = saved;
    fclose(catcher);
    if (ret != 0)
        translate(said, conf->path, err_r);
    else if (said_len != 0)
        TG_LOG_WARN("conf_warning", TG_LOG_STRN("text", said, strcspn(said, "\n")));
    free(said);
    return ret == 0 ? 0 : -1;
}

static void override(char **slot, const char *variable)
{
    const char *value = getenv(variable);
    if (value == NULL || value[0] == '\0')
        return;
    free(*slot);
    *slot = tg_strdup(value);
}

/* What only shows when all is read. */
static int finish(struct tg_conf *conf, struct tg_err *err_r)
{
    override(&conf->database_url, "TOLLGATE_DATABASE_URL");
    override(&conf->redis_url, "TOLLGATE_REDIS_URL");
    override(&conf->mail_url, "TOLLGATE_MAIL_URL");
    override(&conf->master_key_file, "TOLLGATE_MASTER_KEY_FILE");
    if (conf->n_listeners == 0)
        return tg_err_set(err_r, TG_ERR_INPUT, "%s:1:1: the directive `listen` is missing", conf->path);
    for (size_t i = 0; i < conf->n_listeners; i++)
        if (conf->listeners[i]->is_global)
            conf->listeners[i]->hosts = conf->global.hosts;
    if (tg_log_set_level(conf->log_level) != 0)
        return tg_err_set(err_r, TG_ERR_INPUT, "%s:1:1: tollgate.log-level: debug, info, warn or error, not %.40s",
                          conf->path, conf->log_level);
    if (conf->public_url != NULL && strncmp(conf->public_url, "https://", 8) != 0 &&
        strncmp(conf->public_url, "http://", 7) != 0)
        return tg_err_set(err_r, TG_ERR_INPUT, "%s:1:1: tollgate.public-url: a URL such as https://console.example.com",
                          conf->path);
    if (conf->burst_per_key == 0)
        conf->burst_per_key = 2 * conf->rate_per_key;
    if (conf->burst_per_address == 0)
        conf->burst_per_address = 2 * conf->rate_per_address;
    tg_conn_register(&conf->global);
    if (conf->access_log != NULL)
        tg_access_log_register(conf->access_log, &conf->global);
    conf->body_max = conf->global.max_request_entity_size;
#if TG_H2O_HARDENED
    conf->global.request_entity_limit_cb = tg_dispatch_body_limit;
    conf->global.request_entity_too_large_cb = tg_dispatch_body_too_large;
#else
    conf->global.http1.upgrade_to_http2 = 0; /* the packaged library must never face HTTP/2 */
    if (conf->body_max < BODY_MAX_OF_ROUTES)
        conf->global.max_request_entity_size = BODY_MAX_OF_ROUTES; /* it has one limit; ours by route come after it */
#endif
    return 0;
}

int tg_conf_load(const char *path, struct tg_conf **conf_r, struct tg_err *err_r)
{
    struct tg_conf *conf = TG_NEW(struct tg_conf);
    yoml_t *root = NULL;
    int ret = -1;
    conf->path = tg_strdup(path);
    h2o_config_init(&conf->global);
    conf->global.server_name = h2o_iovec_init(H2O_STRLIT("tollgate"));
    conf->global.max_request_entity_size = BODY_MAX_DEFAULT;
    tg_directives_init(conf);
    tg_directives_register(conf);
    if (tg_yaml_load(path, &root, err_r) != 0)
        goto Exit;
    if (apply(conf, root, err_r) != 0 || finish(conf, err_r) != 0)
        goto Exit;
    ret = 0;
Exit:
    tg_yaml_free(&root);
    if (ret == 0)
        *conf_r = conf;
    else
        tg_conf_free(&conf);
    return ret;
}

void tg_conf_free(struct tg_conf **conf_p)
{
    struct tg_conf *conf = *conf_p;
    *conf_p = NULL;
    if (conf == NULL)
        return;
    for (size_t i = 0; i < conf->n_listeners; i++)
        tg_listener_free(&conf->listeners[i]);
    h2o_config_dispose(&conf->global);
    tg_access_log_free(&conf->access_log);
    for (size_t i = 0; i < conf->n_cors_origins; i++)
        free(conf->cors_origins[i]);
    char *texts[] = {conf->path,         conf->pid_file,  conf->error_log,       conf->user,
                     conf->log_level,    conf->lua_dir,   conf->migrations_dir,  conf->control_socket,
                     conf->database_url, conf->redis_url, conf->ca_file,         conf->rules_cache,
                     conf->mail_url,     conf->mail_from, conf->master_key_file, conf->public_url};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        free(texts[i]);
    free(conf);
}
