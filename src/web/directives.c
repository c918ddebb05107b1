/* directives - every directive of h2o.conf that is ours: its name, place, default and what it is for. */
#include "web/directives.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <strings.h>
#include <sys/stat.h>

#include <h2o/configurator.h>

#include "base/mem.h"
#include "web/accesslog.h"
#include "web/dispatch.h"
#include "web/health.h"
#include "web/yaml.h"

enum kind { COUNT, SECONDS, TEXT, SWITCH, OWN };

/* What the parser needs to know beyond the documentation. */
struct rule {
    enum kind kind;
    int flags; /* H2O_CONFIGURATOR_FLAG_* */
    size_t offset; /* of the member of struct tg_conf */
    uint64_t min, max; /* of a number; seconds are kept as milliseconds */
    h2o_configurator_command_cb cb;
};

#define GLOBAL (H2O_CONFIGURATOR_FLAG_GLOBAL | H2O_CONFIGURATOR_FLAG_EXPECT_SCALAR)
#define AT(member) offsetof(struct tg_conf, member)
#define PATH (H2O_CONFIGURATOR_FLAG_PATH | H2O_CONFIGURATOR_FLAG_EXPECT_SCALAR)

static int on_database(h2o_configurator_command_t *cmd, h2o_configurator_context_t *ctx, yoml_t *node);
static int on_redis(h2o_configurator_command_t *cmd, h2o_configurator_context_t *ctx, yoml_t *node);
static int on_mail(h2o_configurator_command_t *cmd, h2o_configurator_context_t *ctx, yoml_t *node);
static int on_user(h2o_configurator_command_t *cmd, h2o_configurator_context_t *ctx, yoml_t *node);
static int on_cors_origins(h2o_configurator_command_t *cmd, h2o_configurator_context_t *ctx, yoml_t *node);
static int on_metrics(h2o_configurator_command_t *cmd, h2o_configurator_context_t *ctx, yoml_t *node);
static int on_access_log(h2o_configurator_command_t *cmd, h2o_configurator_context_t *ctx, yoml_t *node);
static int on_log_level(h2o_configurator_command_t *cmd, h2o_configurator_context_t *ctx, yoml_t *node);
static int on_app(h2o_configurator_command_t *cmd, h2o_configurator_context_t *ctx, yoml_t *node);
static int on_status(h2o_configurator_command_t *cmd, h2o_configurator_context_t *ctx, yoml_t *node);

static const struct {
    struct tg_directive public;
    struct rule rule;
} table[] = {
    {{"listen", "global, host", "port | mapping", "-",
      "Where connections are accepted, as in H2O: `port`, or a mapping of port, host, type (tcp, unix), permission, "
      "proxy-protocol, http2 (ON, OFF), backlog and ssl (certificate-file, key-file, min-version, max-version, "
      "cipher-suite, "
      "cipher-suite-tls1.3, cipher-preference). A sequence gives several."},
     {OWN, H2O_CONFIGURATOR_FLAG_GLOBAL | H2O_CONFIGURATOR_FLAG_HOST, 0, 0, 0, tg_listen_on_directive}},
    {{"num-threads", "global", "number", "number of CPUs", "Event-loop threads."},
     {COUNT, GLOBAL, AT(num_threads), 1, 256, NULL}},
    {{"max-connections", "global", "number", "10000", "Connections open at one time; more wait to be accepted."},
     {COUNT, GLOBAL, AT(max_connections), 1, 1000000, NULL}},
    {{"user", "global", "name", "-", "The user to become once the listeners are open."},
     {OWN, GLOBAL, 0, 0, 0, on_user}},
    {{"pid-file", "global", "path", "-", "Holds the process id while the server runs."},
     {TEXT, GLOBAL, AT(pid_file), 0, 0, NULL}},
    {{"error-log", "global", "path", "stderr", "Where log events go; opened again on SIGHUP."},
     {TEXT, GLOBAL, AT(error_log), 0, 0, NULL}},
    {{"tollgate.log-level", "global", "debug | info | warn | error", "info", "Log events below this are dropped."},
     {OWN, GLOBAL, 0, 0, 0, on_log_level}},
    {{"tollgate.access-log", "global", "path", "-",
      "One JSON line a request, written in batches; `-` is stdout; opened again on SIGHUP."},
     {OWN, GLOBAL, 0, 0, 0, on_access_log}},
    {{"tollgate.lua-dir", "global", "path", "lua", "The Lua application: app.lua and what it requires."},
     {TEXT, GLOBAL, AT(lua_dir), 0, 0, NULL}},
    {{"tollgate.rules-cache", "global", "path", "-",
      "Folder for a copy of the active rules: what a start without the database decides with."},
     {TEXT, GLOBAL, AT(rules_cache), 0, 0, NULL}},
    {{"tollgate.migrations-dir", "global", "path", "migrations", "The database's migrations, for `tollgate migrate`."},
     {TEXT, GLOBAL, AT(migrations_dir), 0, 0, NULL}},
    {{"tollgate.database", "global", "URL without a password | {file: path}", "-",
      "mysql://user@host/database?socket=path. One with a password stands in a file of mode 0600, or in "
      "TOLLGATE_DATABASE_URL, which wins."},
     {OWN, H2O_CONFIGURATOR_FLAG_GLOBAL, 0, 0, 0, on_database}},
    {{"tollgate.database-connections", "global", "number", "8",
      "Connections to the database of each event-loop thread."},
     {COUNT, GLOBAL, AT(database_connections), 1, 256, NULL}},
    {{"tollgate.redis", "global", "URL without a password | {file: path}", "-",
      "unix:///path or redis://host:port/db; TOLLGATE_REDIS_URL wins. Without it everything works, slower."},
     {OWN, H2O_CONFIGURATOR_FLAG_GLOBAL, 0, 0, 0, on_redis}},
    {{"tollgate.mail", "global", "URL without a password | {file: path}", "-",
      "Where letters go: smtp://host:587, smtps://host, or dir:PATH, a folder for development; TOLLGATE_MAIL_URL "
      "wins."},
     {OWN, H2O_CONFIGURATOR_FLAG_GLOBAL, 0, 0, 0, on_mail}},
    {{"tollgate.mail-from", "global", "Name <address>", "Tollgate <tollgate@localhost>", "The sender of letters."},
     {TEXT, GLOBAL, AT(mail_from), 0, 0, NULL}},
    {{"tollgate.public-url", "global", "URL", "-",
      "Where people find the console, such as https://console.example.com: letters with a code have a link to it, "
      "too."},
     {TEXT, GLOBAL, AT(public_url), 0, 0, NULL}},
    {{"tollgate.master-key", "global", "path", "-",
      "The key ring (mode 0600) under which secrets in the database are sealed: `tollgate secrets new-key` makes it. "
      "TOLLGATE_MASTER_KEY_FILE names another, TOLLGATE_MASTER_KEY holds the keys themselves. Without one what needs a "
      "secret is refused, the rest serves."},
     {TEXT, GLOBAL, AT(master_key_file), 0, 0, NULL}},
    {{"tollgate.core-dumps", "global", "ON | OFF", "OFF",
      "Whether a crash may leave the process's memory, with the secrets in it, in a file, and a debugger may attach."},
     {SWITCH, GLOBAL, AT(core_dumps), 0, 0, NULL}},
    {{"tollgate.worker-threads", "global", "number", "2",
      "Threads for what burns or blocks: password hashes, bulk bodies."},
     {COUNT, GLOBAL, AT(worker_threads), 1, 64, NULL}},
    {{"tollgate.control-socket", "global", "path", "-", "Unix socket (mode 0600) for `tollgate reload`."},
     {TEXT, GLOBAL, AT(control_socket), 0, 0, NULL}},
    {{"tollgate.request-timeout", "global", "seconds", "10",
      "A handler that has not answered by then is answered for: 503 for a read, 504 (it may have happened) for a "
      "write."},
     {SECONDS, GLOBAL, AT(request_timeout_ms), 1, 3600, NULL}},
    {{"tollgate.bulk-timeout", "global", "seconds", "60", "The same for routes that the application marks `bulk`."},
     {SECONDS, GLOBAL, AT(bulk_timeout_ms), 1, 3600, NULL}},
    {{"tollgate.drain-timeout", "global", "seconds", "30", "At a shutdown requests in work get so long to finish."},
     {SECONDS, GLOBAL, AT(drain_timeout_ms), 1, 3600, NULL}},
    {{"tollgate.idle-timeout", "global", "seconds", "30",
      "A connection that completes no request for so long, and moves less than 8 kB a second, is closed."},
     {SECONDS, GLOBAL, AT(idle_timeout_ms), 1, 3600, NULL}},
    {{"tollgate.max-connections-per-address", "global", "number", "1000",
      "Connections from one address (IPv6: one /64) at one time; more are closed at once. 0: no limit."},
     {COUNT, GLOBAL, AT(max_connections_per_address), 0, 65000, NULL}},
    {{"tollgate.max-requests", "global", "number", "10000", "Requests in work in one thread; more get 503."},
     {COUNT, GLOBAL, AT(max_requests), 1, 1000000, NULL}},
    {{"tollgate.max-requests-per-key", "global", "number", "1000",
      "Requests of one API key in work in one thread; more get 429. 0: no limit."},
     {COUNT, GLOBAL, AT(max_requests_per_key), 0, 1000000, NULL}},
    {{"tollgate.max-body-memory", "global", "bytes", "268435456", "All request bodies in work together; more get 503."},
     {COUNT, GLOBAL, AT(max_body_memory), 1 << 20, UINT64_C(1) << 40, NULL}},
    {{"tollgate.rate-per-key", "global", "requests a second", "0", "What an API key may do on average. 0: no limit."},
     {COUNT, GLOBAL, AT(rate_per_key), 0, 1000000, NULL}},
    {{"tollgate.burst-per-key", "global", "requests", "twice the rate", "What it may do at once."},
     {COUNT, GLOBAL, AT(burst_per_key), 0, 1000000, NULL}},
    {{"tollgate.rate-per-address", "global", "requests a second", "0",
      "What an address may do on average without a valid API key. 0: no limit."},
     {COUNT, GLOBAL, AT(rate_per_address), 0, 1000000, NULL}},
    {{"tollgate.burst-per-address", "global", "requests", "twice the rate", "What it may do at once."},
     {COUNT, GLOBAL, AT(burst_per_address), 0, 1000000, NULL}},
    {{"tollgate.cors-origins", "global", "sequence of origins", "-",
      "Browsers' pages of these origins may call the API; \"*\" is any (never with cookies)."},
     {OWN, H2O_CONFIGURATOR_FLAG_GLOBAL | H2O_CONFIGURATOR_FLAG_EXPECT_SEQUENCE, 0, 0, 0, on_cors_origins}},
    {{"tollgate.hsts-subdomains", "global", "ON | OFF", "OFF",
      "Whether the year of TLS only (HSTS) holds for all names below the server's own, too."},
     {SWITCH, GLOBAL, AT(hsts_subdomains), 0, 0, NULL}},
    {{"tollgate.metrics", "global", "NOBODY | LOOPBACK | ALL", "LOOPBACK", "Who may read /metrics."},
     {OWN, GLOBAL, 0, 0, 0, on_metrics}},
    {{"tollgate.allow-private-addresses", "global", "ON | OFF", "OFF",
      "Whether outgoing HTTP may reach loopback and private addresses."},
     {SWITCH, GLOBAL, AT(allow_private_addresses), 0, 0, NULL}},
    {{"tollgate.ca-file", "global", "path", "the system's", "Authorities that outgoing TLS trusts."},
     {TEXT, GLOBAL, AT(ca_file), 0, 0, NULL}},
    {{"tollgate.app", "path", "ON | OFF", "OFF", "Requests below this path go to the Lua application's routes."},
     {OWN, PATH, 0, 0, 0, on_app}},
    {{"tollgate.status", "path", "ON | OFF", "OFF", "Answers /healthz, /readyz and /metrics below this path."},
     {OWN, PATH, 0, 0, 0, on_status}},
};
#define N_DIRECTIVES (sizeof(table) / sizeof(table[0]))

struct configurator {
    h2o_configurator_t super;
    struct tg_conf *conf;
};

struct tg_conf *tg_directives_conf(h2o_configurator_command_t *cmd)
{
    return ((struct configurator *)(void *)cmd->configurator)->conf;
}

const struct tg_directive *tg_directives(size_t *n_r)
{
    static struct tg_directive all[N_DIRECTIVES];
    for (size_t i = 0; i < N_DIRECTIVES; i++)
        all[i] = table[i].public;
    *n_r = N_DIRECTIVES;
    return all;
}

/* --- Values --------------------------------------------------------------------------------------------------------- */

static int parse_count(const char *text, uint64_t *n_r)
{
    char *end;
    if (!isdigit((unsigned char)text[0]))
        return -1;
    errno = 0;
    *n_r = strtoull(text, &end, 10);
    return errno != 0 || *end != '\0' ? -1 : 0;
}

static int parse_switch(h2o_configurator_command_t *cmd, yoml_t *node, bool *on_r)
{
    ssize_t on = h2o_configurator_get_one_of(cmd, node, "OFF,ON");
    if (on == -1)
        return -1;
    *on_r = on == 1;
    return 0;
}

static void set_text(char **slot, const char *text)
{
    free(*slot);
    *slot = tg_strdup(text);
}

static int on_number(h2o_configurator_command_t *cmd, const struct rule *rule, void *slot, yoml_t *node)
{
    uint64_t n;
    if (parse_count(node->data.scalar, &n) != 0 || n < rule->min || n > rule->max) {
        h2o_configurator_errprintf(cmd, node, "must be a whole number between %" PRIu64 " and %" PRIu64, rule->min,
                                   rule->max);
        return -1;
    }
    *(uint64_t *)slot = rule->kind == SECONDS ? n * 1000 : n;
    return 0;
}

/* Every directive that needs no code of its own. */
static int on_plain(h2o_configurator_command_t *cmd, h2o_configurator_context_t *ctx, yoml_t *node)
{
    (void)ctx;
    for (size_t i = 0; i < N_DIRECTIVES; i++) {
        const struct rule *rule = &table[i].rule;
        void *slot = (char *)tg_directives_conf(cmd) + rule->offset;
        if (strcmp(table[i].public.name, cmd->name) != 0)
            continue;
        if (rule->kind == COUNT || rule->kind == SECONDS)
            return on_number(cmd, rule, slot, node);
        if (rule->kind == SWITCH)
            return parse_switch(cmd, node, slot);
        if (node->data.scalar[0] == '\0') {
            h2o_configurator_errprintf(cmd, node, "must not be empty");
            return -1;
        }
        set_text(slot, node->data.scalar);
        return 0;
    }
    assert(!"a directive that is not in the table");
    return -1;
}

/* --- Directives with code of their own ------------------------------------------------------------------------------ */

/* The first line of a file that nobody but its owner can read. */
static int read_secret(h2o_configurator_command_t *cmd, yoml_t *node, char **text_r)
{
    char line[2048];
    struct stat st;
    FILE *fp = fopen(node->data.scalar, "re");
    if (fp == NULL || fstat(fileno(fp), &st) != 0) {
        h2o_configurator_errprintf(cmd, node, "%s cannot be read: %s", node->data.scalar, strerror(errno));
        goto Fail;
    }
    if ((st.st_mode & 077) != 0) {
        h2o_configurator_errprintf(cmd, node, "%s can be read by others: chmod 600 it", node->data.scalar);
        goto Fail;
    }
    if (fgets(line, sizeof(line), fp) == NULL) {
        h2o_configurator_errprintf(cmd, node, "%s is empty", node->data.scalar);
        goto Fail;
    }
    fclose(fp);
    line[strcspn(line, "\r\n")] = '\0';
    set_text(text_r, line);
    explicit_bzero(line, sizeof(line));
    return 0;
Fail:
    if (fp != NULL)
        fclose(fp);
    return -1;
}

/* scheme://user:password@… */
static bool has_password(const char *url)
{
    const char *at = strchr(url, '@'), *colon = strstr(url, "://");
    return at != NULL && colon != NULL && memchr(colon + 3, ':', at > colon + 3 ? (size_t)(at - colon - 3) : 0) != NULL;
}

static int on_url(h2o_configurator_command_t *cmd, yoml_t *node, char **slot)
{
    if (node->type == YOML_TYPE_MAPPING) {
        yoml_t *file = yoml_get(node, "file");
        if (file != NULL && file->type == YOML_TYPE_SCALAR && node->data.mapping.size == 1)
            return read_secret(cmd, file, slot);
    }
    if (node->type != YOML_TYPE_SCALAR) {
        h2o_configurator_errprintf(cmd, node, "must be a URL, or a mapping with the key `file`");
        return -1;
    }
    if (has_password(node->data.scalar)) {
        h2o_configurator_errprintf(cmd, node, "a URL with a password belongs into a file of mode 0600: {file: path}");
        return -1;
    }
    set_text(slot, node->data.scalar);
    return 0;
}

static int on_database(h2o_configurator_command_t *cmd, h2o_configurator_context_t *ctx, yoml_t *node)
{
    (void)ctx;
    return on_url(cmd, node, &tg_directives_conf(cmd)->database_url);
}

static int on_redis(h2o_configurator_command_t *cmd, h2o_configurator_context_t *ctx, yoml_t *node)
{
    (void)ctx;
    return on_url(cmd, node, &tg_directives_conf(cmd)->redis_url);
}

static int on_mail(h2o_configurator_command_t *cmd, h2o_configurator_context_t *ctx, yoml_t *node)
{
    (void)ctx;
    return on_url(cmd, node, &tg_directives_conf(cmd)->mail_url);
}

static int on_user(h2o_configurator_command_t *cmd, h2o_configurator_context_t *ctx, yoml_t *node)
{
    (void)ctx;
    if (getpwnam(node->data.scalar) == NULL) {
        h2o_configurator_errprintf(cmd, node, "the user %s does not exist", node->data.scalar);
        return -1;
    }
    set_text(&tg_directives_conf(cmd)->user, node->data.scalar);
    return 0;
}

static int on_cors_origins(h2o_configurator_command_t *cmd, h2o_configurator_context_t *ctx, yoml_t *node)
{
    struct tg_conf *conf = tg_directives_conf(cmd);
    (void)ctx;
    for (size_t i = 0; i < node->data.sequence.size; i++) {
        yoml_t *origin = node->data.sequence.elements[i];
        if (conf->n_cors_origins == TG_CORS_ORIGINS_MAX) {
            h2o_configurator_errprintf(cmd, node, "more than %d origins", TG_CORS_ORIGINS_MAX);
            return -1;
        }
        if (origin->type != YOML_TYPE_SCALAR ||
            (strcmp(origin->data.scalar, "*") != 0 && (strstr(origin->data.scalar, "://") == NULL ||
                                                       strchr(strstr(origin->data.scalar, "://") + 3, '/') != NULL))) {
            h2o_configurator_errprintf(cmd, origin, "an origin is scheme://host[:port], or \"*\"");
            return -1;
        }
        conf->cors_origins[conf->n_cors_origins++] = tg_strdup(origin->data.scalar);
    }
    return 0;
}

static int on_metrics(h2o_configurator_command_t *cmd, h2o_configurator_context_t *ctx, yoml_t *node)
{
    (void)ctx;
    ssize_t who = h2o_configurator_get_one_of(cmd, node, "NOBODY,LOOPBACK,ALL");
    if (who == -1)
        return -1;
    tg_directives_conf(cmd)->metrics_audience = (enum tg_conf_audience)who;
    return 0;
}

static int on_log_level(h2o_configurator_command_t *cmd, h2o_configurator_context_t *ctx, yoml_t *node)
{
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    (void)ctx;
    ssize_t level = h2o_configurator_get_one_of(cmd, node, "debug,info,warn,error");
    if (level == -1)
        return -1;
    set_text(&tg_directives_conf(cmd)->log_level, levels[level]);
    return 0;
}

static int on_access_log(h2o_configurator_command_t *cmd, h2o_configurator_context_t *ctx, yoml_t *node)
{
    (void)ctx;
    struct tg_conf *conf = tg_directives_conf(cmd);
    if (conf->access_log != NULL)
        tg_access_log_free(&conf->access_log);
    conf->access_log = tg_access_log_new(node->data.scalar);
    return 0;
}

static int on_app(h2o_configurator_command_t *cmd, h2o_configurator_context_t *ctx, yoml_t *node)
{
    bool on;
    if (parse_switch(cmd, node, &on) != 0)
        return -1;
    if (on) {
        tg_dispatch_register(ctx->pathconf);
        tg_directives_conf(cmd)->has_app = true;
    }
    return 0;
}

static int on_status(h2o_configurator_command_t *cmd, h2o_configurator_context_t *ctx, yoml_t *node)
{
    bool on;
    if (parse_switch(cmd, node, &on) != 0)
        return -1;
    if (on)
        tg_health_register(ctx->pathconf);
    return 0;
}

/* --- Public --------------------------------------------------------------------------------------------------------- */

void tg_directives_init(struct tg_conf *conf)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    conf->num_threads = cpus < 1 ? 1 : cpus > 256 ? 256 : (uint64_t)cpus;
    conf->worker_threads = 2;
    conf->database_connections = 8;
    conf->max_connections = 10000;
    conf->max_connections_per_address = 1000;
    conf->max_requests = 10000;
    conf->max_requests_per_key = 1000;
    conf->max_body_memory = 256u << 20;
    conf->request_timeout_ms = 10000;
    conf->bulk_timeout_ms = 60000;
    conf->drain_timeout_ms = 30000;
    conf->idle_timeout_ms = 30000;
    conf->metrics_audience = TG_AUDIENCE_LOOPBACK;
    set_text(&conf->lua_dir, "lua");
    set_text(&conf->migrations_dir, "migrations");
    set_text(&conf->log_level, "info");
}

void tg_directives_register(struct tg_conf *conf)
{
    struct configurator *own = (void *)h2o_configurator_create(&conf->global, sizeof(*own));
    own->conf = conf;
    for (size_t i = 0; i < N_DIRECTIVES; i++)
        h2o_configurator_define_command(&own->super, table[i].public.name, table[i].rule.flags,
                                        table[i].rule.cb != NULL ? table[i].rule.cb : on_plain);
    h2o_access_log_register_configurator(&conf->global);
    h2o_compress_register_configurator(&conf->global);
    h2o_expires_register_configurator(&conf->global);
    h2o_errordoc_register_configurator(&conf->global);
    h2o_file_register_configurator(&conf->global);
    h2o_headers_register_configurator(&conf->global);
    h2o_redirect_register_configurator(&conf->global);
    h2o_status_register_configurator(&conf->global);
    h2o_throttle_resp_register_configurator(&conf->global);
}
