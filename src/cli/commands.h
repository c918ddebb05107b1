/* commands - every command of the program, one file each. */
#ifndef TG_CLI_COMMANDS_H
#define TG_CLI_COMMANDS_H

#include "cli/cli.h"

extern const struct tg_command tg_cmd_audit_verify, tg_cmd_busted, tg_cmd_company_create, tg_cmd_completion,
    tg_cmd_config_check, tg_cmd_import_cdrs, tg_cmd_import_companies, tg_cmd_import_deck, tg_cmd_import_users,
    tg_cmd_ledger_verify, tg_cmd_lua, tg_cmd_manual, tg_cmd_migrate_status, tg_cmd_migrate_up, tg_cmd_rating_cases,
    tg_cmd_reload, tg_cmd_rules_activate, tg_cmd_rules_check, tg_cmd_rules_diff, tg_cmd_rules_dry_run,
    tg_cmd_rules_push, tg_cmd_rules_rollback, tg_cmd_rules_shadow, tg_cmd_rules_status, tg_cmd_rules_test,
    tg_cmd_secrets_new_key, tg_cmd_secrets_rotate, tg_cmd_serve, tg_cmd_sim_calls, tg_cmd_version;

#endif
