/* api - see api.h. */
#include "cli/api.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <curl/curl.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/cli.h"

#define ANSWER_LEN_MAX (64u << 20)
#define REQUEST_TIMEOUT_S 120L

struct tg_api {
    CURL *curl;
    char *url, *ca_file, *authorization; /* "Authorization: Bearer …" */
    unsigned retry_seconds;
};

int tg_api_read_key(const char *key_file, char *key, size_t size, struct tg_err *err_r)
{
    const char *path = key_file != NULL ? key_file : getenv("TOLLGATE_KEY_FILE");
    if (path == NULL)
        path = "var/demo-key";
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return tg_err_set(err_r, TG_ERR_INPUT, "key file %s: %m", path);
    size_t len = fread(key, 1, size - 1, f);
    fclose(f);
    key[len] = '\0';
    key[strcspn(key, "\r\n")] = '\0';
    if (*key == '\0')
        return tg_err_set(err_r, TG_ERR_INPUT, "key file %s is empty", path);
    return 0;
}

int tg_api_open(const char *url, const char *key_file, const char *ca_file, unsigned retry_seconds,
                struct tg_api **api_r, struct tg_err *err_r)
{
    char key[256];
    size_t url_len = strlen(url);
    if (tg_api_read_key(key_file, key, sizeof(key), err_r) != 0)
        return -1;
    while (url_len > 0 && url[url_len - 1] == '/')
        --url_len;
    struct tg_api *api = TG_NEW(struct tg_api);
    struct tg_strbuf buf;
    tg_strbuf_init(&buf, 512);
    tg_strbuf_printf(&buf, "Authorization: Bearer %s", key);
    api->authorization = tg_strbuf_take(&buf, &(size_t){0});
    tg_strbuf_deinit(&buf);
    explicit_bzero(key, sizeof(key));
    api->url = tg_memdup(url, url_len);
    api->ca_file = ca_file != NULL ? tg_strdup(ca_file) : NULL;
    api->retry_seconds = retry_seconds;
    api->curl = curl_easy_init();
    *api_r = api;
    return 0;
}

void tg_api_close(struct tg_api **api)
{
    if (*api == NULL)
        return;
    curl_easy_cleanup((*api)->curl);
    explicit_bzero((*api)->authorization, strlen((*api)->authorization));
    free((*api)->authorization);
    free((*api)->url);
    free((*api)->ca_file);
    free(*api);
    *api = NULL;
}

static size_t on_bytes(char *bytes, size_t size, size_t n, void *arg)
{
    struct tg_strbuf *buf = arg;
    tg_strbuf_append(buf, bytes, size * n);
    return tg_strbuf_overflowed(buf) ? 0 : size * n;
}

static struct curl_slist *make_headers(const struct tg_api *api, const struct tg_api_request *req)
{
    char line[300];
    struct curl_slist *list = curl_slist_append(NULL, api->authorization);
    list = curl_slist_append(list, "Expect:");
    if (req->content_type != NULL) {
        snprintf(line, sizeof(line), "Content-Type: %s", req->content_type);
        list = curl_slist_append(list, line);
    }
    if (req->idempotency_key != NULL) {
        snprintf(line, sizeof(line), "Idempotency-Key: %s", req->idempotency_key);
        list = curl_slist_append(list, line);
    }
    return list;
}

static void set_request(struct tg_api *api, const struct tg_api_request *req, const char *url,
                        struct curl_slist *headers, struct tg_strbuf *out)
{
    CURL *curl = api->curl;
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, REQUEST_TIMEOUT_S);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, out);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "localhost,127.0.0.1,::1");
    if (api->ca_file != NULL)
        curl_easy_setopt(curl, CURLOPT_CAINFO, api->ca_file);
    if (req->content_type != NULL) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, req->body);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)req->body_len);
    }
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, req->method);
}

static int send_once(struct tg_api *api, const struct tg_api_request *req, struct tg_strbuf *out, long *status_r,
                     struct tg_err *err_r)
{
    struct tg_strbuf url;
    struct curl_slist *headers = make_headers(api, req);
    tg_strbuf_init(&url, 8192);
    tg_strbuf_printf(&url, "%s%s", api->url, req->path);
    tg_strbuf_reset(out);
    set_request(api, req, url.bytes, headers, out);
    CURLcode code = curl_easy_perform(api->curl);
    curl_easy_getinfo(api->curl, CURLINFO_RESPONSE_CODE, status_r);
    curl_slist_free_all(headers);
    if (code != CURLE_OK)
        tg_err_set(err_r, TG_ERR_UPSTREAM, "%s: %s", url.bytes, curl_easy_strerror(code));
    tg_strbuf_deinit(&url);
    return code == CURLE_OK ? 0 : -1;
}

/* Not now; or nobody knows whether it happened, and our requests may be sent twice. */
static bool is_worth_repeating(long status)
{
    return status == 503 || status == 429 || status == 504;
}

int tg_api_send(struct tg_api *api, const struct tg_api_request *req, struct tg_api_answer *answer_r,
                struct tg_err *err_r)
{
    uint64_t until = 0; /* counted from the first failure: what it took to fail is not the server's coming back */
    useconds_t pause_us = 50000;
    struct tg_strbuf out;
    long status = 0;
    int rc;
    tg_strbuf_init(&out, ANSWER_LEN_MAX);
    for (;;) {
        rc = send_once(api, req, &out, &status, err_r);
        if (until == 0)
            until = tg_clock_mono_us() + api->retry_seconds * UINT64_C(1000000);
        if ((rc == 0 && !is_worth_repeating(status)) || tg_clock_mono_us() + pause_us > until)
            break;
        usleep(pause_us);
        pause_us = pause_us < 1000000 ? pause_us * 2 : pause_us;
    }
    if (rc == 0) {
        answer_r->status = (int)status;
        answer_r->json = json_loadb(out.bytes, out.len, JSON_REJECT_DUPLICATES, NULL);
    }
    tg_strbuf_deinit(&out);
    return rc;
}

void tg_api_answer_free(struct tg_api_answer *answer)
{
    json_decref(answer->json);
    answer->json = NULL;
}

int tg_api_problem(const struct tg_api_answer *answer, struct tg_err *err_r)
{
    const json_t *first = json_array_get(json_object_get(answer->json, "errors"), 0);
    const char *pointer = json_string_value(json_object_get(first, "pointer"));
    const char *detail = json_string_value(json_object_get(first, "detail"));
    if (detail == NULL)
        detail = json_string_value(json_object_get(answer->json, "detail"));
    if (detail == NULL)
        detail = json_string_value(json_object_get(answer->json, "title"));
    return tg_err_set(err_r,
                      answer->status == 409  ? TG_ERR_CONFLICT
                      : answer->status < 500 ? TG_ERR_INPUT
                                             : TG_ERR_UPSTREAM,
                      "the server answers %d: %s%s%s", answer->status, pointer != NULL ? pointer : "",
                      pointer != NULL ? ": " : "", detail != NULL ? detail : "(no explanation)");
}

int tg_api_json(struct tg_api *api, const char *method, const char *path, json_t *body, json_t **json_r,
                struct tg_err *err_r)
{
    char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
    struct tg_api_request req = {
        method, path, text != NULL ? "application/json" : NULL, text, text != NULL ? strlen(text) : 0, NULL};
    struct tg_api_answer answer = {0, NULL};
    int rc = tg_api_send(api, &req, &answer, err_r);
    if (rc == 0 && answer.status >= 300)
        rc = tg_api_problem(&answer, err_r);
    if (rc == 0 && json_r != NULL)
        *json_r = json_incref(answer.json);
    tg_api_answer_free(&answer);
    free(text);
    json_decref(body);
    return rc;
}

struct tg_api *tg_api_open_by_args(const struct tg_args *args)
{
    struct tg_api *api = NULL;
    struct tg_err err;
    long retry_seconds;
    const char *url = tg_args_get(args, "url");
    if (tg_args_int(args, "retry-seconds", 0, 86400, 60, &retry_seconds) != 0)
        return NULL;
    if (tg_api_open(url != NULL ? url : "http://127.0.0.1:8080", tg_args_get(args, "key-file"),
                    tg_args_get(args, "ca-file"), (unsigned)retry_seconds, &api, &err) != 0) {
        tg_cli_fail(args, "%s", err.text);
        return NULL;
    }
    return api;
}
