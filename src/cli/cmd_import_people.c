/* cmd_import_people - `tollgate import companies` and `import users`: a call center that exists already moves in. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "cli/commands.h"
#include "cli/roster.h"

#define ROLES_SEPARATORS " ;"

/* --- Companies -------------------------------------------------------------------------------------------------------- */

/* What a company has that a row may change. */
static const char *const company_fields[] = {"name", "timezone", "country", "rate_deck"};

/* Faults that can be told without the server. false: refused. */
static bool check_company(json_t *row)
{
    const char *currency = tg_roster_cell(row, "currency"), *country = tg_roster_cell(row, "country");
    const char *zone = tg_roster_cell(row, "timezone"), *deck = tg_roster_cell(row, "rate_deck");
    GTimeZone *found = zone == NULL ? NULL : g_time_zone_new_identifier(zone);
    if (zone != NULL && found == NULL)
        tg_roster_refuse(row, "timezone: there is no %s", zone);
    else if (currency != NULL && strspn(currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3)
        tg_roster_refuse(row, "currency: %s is not a code of three letters", currency);
    else if (country != NULL && (strlen(country) != 2 || strspn(country, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 2))
        tg_roster_refuse(row, "country: %s is not a code of two letters", country);
    else if (deck != NULL && strncmp(deck, "deck_", 5) != 0)
        tg_roster_refuse(row, "rate_deck: %s is not the id of a rate deck", deck);
    if (found != NULL)
        g_time_zone_unref(found);
    return !tg_roster_is(row, "refuse");
}

static void compare_company(json_t *row, const json_t *there, const char *parent)
{
    char changed[200] = "";
    json_t *body = json_object();
    const char *currency = tg_roster_cell(row, "currency");
    const char *its_parent = json_string_value(json_object_get(there, "parent"));
    if (parent == NULL || its_parent == NULL || strcmp(parent, its_parent) != 0)
        tg_roster_refuse(row, "external_ref: a company below another one has it, and companies do not move");
    else if (currency != NULL && strcmp(currency, json_string_value(json_object_get(there, "currency"))) != 0)
        tg_roster_refuse(row, "currency: the company has another one, and keeps it");
    for (size_t i = 0; i < sizeof(company_fields) / sizeof(company_fields[0]); i++) {
        const char *value = tg_roster_cell(row, company_fields[i]);
        const char *old = json_string_value(json_object_get(there, company_fields[i]));
        if (value == NULL || (old != NULL && strcmp(value, old) == 0))
            continue;
        json_object_set_new(body, company_fields[i], json_string(value));
        snprintf(changed + strlen(changed), sizeof(changed) - strlen(changed), "%s%s", *changed == '\0' ? "" : ", ",
                 company_fields[i]);
    }
    json_object_set(row, "id", json_object_get(there, "id"));
    if (!tg_roster_is(row, "refuse")) {
        tg_roster_say(row, json_object_size(body) == 0 ? "same" : "change");
        if (*changed != '\0')
            json_object_set_new(row, "why", json_string(changed));
    }
    json_object_set_new(row, "body", body);
}

/* The parent's id; NULL: it is one of the file's that is yet to be made. false: it is not known (yet). */
static bool find_parent(const struct tg_roster *roster, const json_t *row, const json_t *placed, const char **id_r)
{
    const char *ref = tg_roster_cell(row, "parent_ref");
    const json_t *there = ref == NULL ? json_object_get(roster->scratch, "own")
                                      : json_object_get(json_object_get(roster->scratch, "by_ref"), ref);
    *id_r = json_string_value(json_object_get(there, "id"));
    return *id_r != NULL || (ref != NULL && json_object_get(placed, ref) != NULL);
}

static void place(const struct tg_roster *roster, json_t *row, const char *parent)
{
    const char *ref = tg_roster_cell(row, "external_ref");
    const json_t *there = json_object_get(json_object_get(roster->scratch, "by_ref"), ref);
    if (json_is_null(there))
        tg_roster_refuse(row, "external_ref: several companies have it");
    else if (there != NULL)
        compare_company(row, there, parent);
    else
        tg_roster_say(row, "make");
}

/* Parents before their children, so a row waits until its parent has its place; what waits for ever is refused. */
static void place_all(struct tg_roster *roster)
{
    json_t *placed = json_object(), *order = json_array(), *seen = json_object(), *row;
    size_t i, n_before;
    do {
        n_before = json_array_size(order);
        json_array_foreach(roster->rows, i, row)
        {
            const char *ref = tg_roster_cell(row, "external_ref"), *parent;
            if (json_object_get(row, "what") != NULL || !find_parent(roster, row, placed, &parent))
                continue;
            if (json_object_get(seen, ref) != NULL)
                tg_roster_refuse(row, "external_ref: stands in the file before");
            else if (check_company(row))
                place(roster, row, parent);
            json_object_set_new(seen, ref, json_true());
            if (!tg_roster_is(row, "refuse")) {
                json_object_set_new(placed, ref, json_true());
                json_array_append(order, row);
            }
        }
    } while (json_array_size(order) != n_before);
    json_array_foreach(roster->rows, i, row)
    {
        if (json_object_get(row, "what") == NULL)
            tg_roster_refuse(row, "parent_ref: %s is no company, was refused, or is below this one",
                             tg_roster_cell(row, "parent_ref"));
        if (tg_roster_is(row, "refuse"))
            json_array_append(order, row);
    }
    json_decref(placed);
    json_decref(seen);
    json_decref(roster->rows);
    roster->rows = order;
}

/* The companies that the key sees, by external_ref, and its own. */
static int fetch_companies(struct tg_roster *roster, struct tg_err *err_r)
{
    json_t *me = NULL, *list = NULL;
    if (tg_api_json(roster->api, "GET", "/v1/me", NULL, &me, err_r) != 0)
        return -1;
    int rc = tg_roster_fetch(roster->api, "/v1/companies", &list, err_r);
    if (rc == 0) {
        json_object_set(roster->scratch, "own", json_object_get(me, "company"));
        json_object_set_new(roster->scratch, "by_ref", tg_roster_index(list, "external_ref", false));
    }
    json_decref(me);
    json_decref(list);
    return rc;
}

static int plan_companies(struct tg_roster *roster, struct tg_err *err_r)
{
    if (fetch_companies(roster, err_r) != 0)
        return -1;
    place_all(roster);
    return 0;
}

static int apply_company(struct tg_roster *roster, json_t *row, struct tg_err *err_r)
{
    static const char *const columns[] = {"external_ref", "name", "currency", "timezone", "country", "rate_deck"};
    char path[128];
    const char *parent;
    if (tg_roster_is(row, "change")) {
        snprintf(path, sizeof(path), "/v1/companies/%.64s", json_string_value(json_object_get(row, "id")));
        return tg_roster_send(roster, row, "PATCH", path, json_incref(json_object_get(row, "body")), err_r);
    }
    if (!find_parent(roster, row, NULL, &parent)) {
        tg_roster_refuse(row, "parent_ref: was refused");
        return 0;
    }
    json_t *body = json_pack("{s:s}", "parent", parent);
    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
        if (tg_roster_cell(row, columns[i]) != NULL)
            json_object_set_new(body, columns[i], json_string(tg_roster_cell(row, columns[i])));
    int rc = tg_roster_send(roster, row, "POST", "/v1/companies", body, err_r);
    if (rc == 0 && json_object_get(row, "id") != NULL) /* a parent for those that follow */
        json_object_set(json_object_get(roster->scratch, "by_ref"), tg_roster_cell(row, "external_ref"), row);
    return rc;
}

static int run_companies(const struct tg_args *args)
{
    static const char *const columns[] = {"external_ref", "name",    "parent_ref", "currency",
                                          "timezone",     "country", "rate_deck",  NULL};
    static const struct tg_roster_kind kind = {"companies", columns, 2, plan_companies, apply_company};
    return tg_roster_run(args, &kind);
}

/* --- Users ------------------------------------------------------------------------------------------------------------ */

/* The company of the row; NULL: refused. */
static const char *company_of(const struct tg_roster *roster, json_t *row)
{
    const char *ref = tg_roster_cell(row, "company_ref");
    const json_t *there = ref == NULL ? json_object_get(roster->scratch, "own")
                                      : json_object_get(json_object_get(roster->scratch, "by_ref"), ref);
    const char *id = json_string_value(json_object_get(there, "id"));
    if (id == NULL)
        tg_roster_refuse(row, "company_ref: %s is not the external_ref of one company", ref);
    return id;
}

/* [{role, company}] of the cell; NULL: refused. */
static json_t *roles_of(const struct tg_roster *roster, json_t *row, const char *company)
{
    const char *cell = tg_roster_cell(row, "roles");
    char *copy = strdup(cell == NULL ? "" : cell), *rest = NULL;
    json_t *list = json_array();
    for (char *name = strtok_r(copy, ROLES_SEPARATORS, &rest); name != NULL && list != NULL;
         name = strtok_r(NULL, ROLES_SEPARATORS, &rest)) {
        const char *role = json_string_value(json_object_get(json_object_get(roster->scratch, "roles"), name));
        if (role == NULL) {
            tg_roster_refuse(row, "roles: there is no role %s", name);
            json_decref(list);
            list = NULL;
        } else {
            json_array_append_new(list, json_pack("{s:s, s:s}", "role", role, "company", company));
        }
    }
    free(copy);
    return list;
}

static bool has_role(const json_t *list, const json_t *role)
{
    size_t i;
    const json_t *entry;
    json_array_foreach(list, i, entry)
    {
        if (json_equal(json_object_get(entry, "role"), json_object_get(role, "role")) &&
            json_equal(json_object_get(entry, "company"), json_object_get(role, "company")))
            return true;
    }
    return false;
}

static bool are_same_roles(const json_t *a, const json_t *b)
{
    size_t i;
    const json_t *role;
    bool same = json_array_size(a) == json_array_size(b);
    json_array_foreach(a, i, role) same = same && has_role(b, role);
    return same;
}

/* Lists do not have the roles: one more question for each user whose roles the file tells. */
static int compare_roles(struct tg_roster *roster, json_t *row, const json_t *there, json_t *roles, json_t *body,
                         struct tg_err *err_r)
{
    char path[128];
    json_t *user = NULL;
    if (tg_roster_cell(row, "roles") == NULL)
        return 0;
    snprintf(path, sizeof(path), "/v1/users/%.64s", json_string_value(json_object_get(there, "id")));
    if (tg_api_json(roster->api, "GET", path, NULL, &user, err_r) != 0)
        return -1;
    if (!are_same_roles(json_object_get(user, "roles"), roles))
        json_object_set(body, "roles", roles);
    json_decref(user);
    return 0;
}

static int compare_user(struct tg_roster *roster, json_t *row, const json_t *there, const char *company, json_t *roles,
                        struct tg_err *err_r)
{
    json_t *body = json_object();
    json_object_set_new(row, "body", body);
    json_object_set(row, "id", json_object_get(there, "id"));
    if (strcmp(company, json_string_value(json_object_get(there, "company"))) != 0) {
        tg_roster_refuse(row, "email: somebody in another company has it, and people do not move");
        return 0;
    }
    if (strcmp(tg_roster_cell(row, "name"), json_string_value(json_object_get(there, "name"))) != 0)
        json_object_set(body, "name", json_object_get(json_object_get(row, "cells"), "name"));
    if (compare_roles(roster, row, there, roles, body, err_r) != 0)
        return -1;
    const char *status = json_string_value(json_object_get(there, "status"));
    bool is_to_invite = tg_args_has(roster->args, "invite") && strcmp(status, "invited") == 0 &&
                        json_is_null(json_object_get(there, "invited_at"));
    json_object_set_new(row, "is_to_invite", json_boolean(is_to_invite));
    tg_roster_say(row, json_object_size(body) != 0 || is_to_invite ? "change" : "same");
    if (tg_roster_is(row, "change"))
        json_object_set_new(row, "why",
                            json_sprintf("%s%s%s", json_object_get(body, "name") != NULL ? "name " : "",
                                         json_object_get(body, "roles") != NULL ? "roles " : "",
                                         is_to_invite ? "invitation" : ""));
    return 0;
}

static char *fold(const char *email)
{
    char *folded = strdup(email);
    for (char *p = folded; *p != '\0'; p++)
        *p = (char)tolower((unsigned char)*p);
    return folded;
}

static int plan_user(struct tg_roster *roster, json_t *row, struct tg_err *err_r)
{
    char *email = fold(tg_roster_cell(row, "email"));
    json_t *seen = json_object_get(roster->scratch, "seen");
    const json_t *there = json_object_get(json_object_get(roster->scratch, "by_email"), email);
    const char *company = company_of(roster, row), *at = strchr(email, '@');
    json_t *roles = company == NULL ? NULL : roles_of(roster, row, company);
    int rc = 0;
    if (roles == NULL)
        ; /* refused */
    else if (at == NULL || at == email || strchr(at, '.') == NULL || strpbrk(email, " \t\r\n<>") != NULL)
        tg_roster_refuse(row, "email: %s is no e-mail address", email);
    else if (json_object_get(seen, email) != NULL)
        tg_roster_refuse(row, "email: stands in the file before");
    else if (there != NULL)
        rc = compare_user(roster, row, there, company, roles, err_r);
    else {
        tg_roster_say(row, "make");
        json_object_set_new(row, "body",
                            json_pack("{s:s, s:s, s:s, s:O, s:b}", "email", tg_roster_cell(row, "email"), "name",
                                      tg_roster_cell(row, "name"), "company", company, "roles", roles, "invite",
                                      tg_args_has(roster->args, "invite")));
    }
    json_object_set_new(seen, email, json_true());
    json_decref(roles);
    free(email);
    return rc;
}

/* name or id → what the API calls the role; a name that two companies use is nobody's. */
static int fetch_roles(struct tg_roster *roster, struct tg_err *err_r)
{
    json_t *built_in = NULL, *list = NULL, *role;
    size_t i;
    if (tg_api_json(roster->api, "GET", "/v1/roles?limit=1", NULL, &built_in, err_r) != 0)
        return -1;
    int rc = tg_roster_fetch(roster->api, "/v1/roles", &list, err_r);
    json_t *roles = json_object();
    json_array_foreach(list, i, role)
    {
        const char *name = json_string_value(json_object_get(role, "name"));
        json_t *id = json_object_get(role, "id");
        json_object_set(roles, json_string_value(id), id);
        if (json_object_get(roles, name) != NULL)
            json_object_set_new(roles, name, json_null());
        else
            json_object_set(roles, name, id);
    }
    json_array_foreach(json_object_get(built_in, "built_in"), i, role)
        json_object_set(roles, json_string_value(json_object_get(role, "name")), json_object_get(role, "name"));
    json_object_set_new(roster->scratch, "roles", roles);
    json_decref(built_in);
    json_decref(list);
    return rc;
}

static int plan_users(struct tg_roster *roster, struct tg_err *err_r)
{
    json_t *list = NULL, *row;
    size_t i;
    int rc = fetch_companies(roster, err_r);
    if (rc == 0)
        rc = fetch_roles(roster, err_r);
    if (rc == 0)
        rc = tg_roster_fetch(roster->api, "/v1/users", &list, err_r);
    if (rc != 0)
        return -1;
    json_object_set_new(roster->scratch, "by_email", tg_roster_index(list, "email", true));
    json_object_set_new(roster->scratch, "seen", json_object());
    json_array_foreach(roster->rows, i, row)
    {
        if (rc == 0 && json_object_get(row, "what") == NULL)
            rc = plan_user(roster, row, err_r);
    }
    json_decref(list);
    return rc;
}

static int apply_user(struct tg_roster *roster, json_t *row, struct tg_err *err_r)
{
    char path[128];
    json_t *body = json_object_get(row, "body");
    if (tg_roster_is(row, "make"))
        return tg_roster_send(roster, row, "POST", "/v1/users", json_incref(body), err_r);
    int rc = 0;
    snprintf(path, sizeof(path), "/v1/users/%.64s", json_string_value(json_object_get(row, "id")));
    if (json_object_size(body) != 0)
        rc = tg_roster_send(roster, row, "PATCH", path, json_incref(body), err_r);
    if (rc != 0 || !json_is_true(json_object_get(row, "is_to_invite")) || tg_roster_is(row, "refuse"))
        return rc;
    snprintf(path, sizeof(path), "/v1/users/%.64s/invitation", json_string_value(json_object_get(row, "id")));
    return tg_roster_send(roster, row, "POST", path, json_object(), err_r);
}

static int run_users(const struct tg_args *args)
{
    static const char *const columns[] = {"email", "name", "company_ref", "roles", NULL};
    static const struct tg_roster_kind kind = {"users", columns, 2, plan_users, apply_user};
    return tg_roster_run(args, &kind);
}

/* --- The commands ----------------------------------------------------------------------------------------------------- */

static const struct tg_option company_options[] = {
    {"accept", NULL, "do it; without, there is only the report"},
    {"json", NULL, "one line of JSON on stdout instead of a line a row"},
    TG_API_OPTIONS,
    {NULL, NULL, NULL},
};
const struct tg_command tg_cmd_import_companies = {
    "import companies",
    "FILE",
    1,
    1,
    "Makes and changes companies by a file (CSV): first a report, then --accept",
    "FILE has a header row with external_ref and name (also read: parent_ref, currency, timezone, country, rate_deck). "
    "parent_ref is the external_ref of the company above, which may stand in the same file; without one a company is "
    "made below the key's own. Each row that is not as it should be is listed: what would be made, changed (which "
    "fields), or is refused, and why.\n\n"
    "external_ref tells companies apart, so the command may be killed and run again: what is there already is only "
    "changed where the file says something else. An empty cell changes nothing.",
    company_options,
    run_companies};

static const struct tg_option user_options[] = {
    {"accept", NULL, "do it; without, there is only the report"},
    {"invite", NULL, "send invitations: to those who are made, and to those who have no letter yet"},
    {"json", NULL, "one line of JSON on stdout instead of a line a row"},
    TG_API_OPTIONS,
    {NULL, NULL, NULL},
};
const struct tg_command tg_cmd_import_users = {
    "import users",
    "FILE",
    1,
    1,
    "Makes and changes people by a file (CSV): first a report, then --accept",
    "FILE has a header row with email and name (also read: company_ref, roles). company_ref is the external_ref of "
    "their company; without one it is the key's own. roles are names of roles with spaces between them; where the cell "
    "is not empty, they become all the roles that somebody has.\n\n"
    "Nobody gets a letter without --invite. email tells people apart, so the command may be killed and run again.",
    user_options,
    run_users};
