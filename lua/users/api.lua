--- What callers may rely on: people, roles and permissions.
local openapi = require("core.openapi")
local schema = require("users.schema")
local shapes = require("core.shapes")
local v = require("core.validate")

local assignment <const> = v.object({
  role = v.described(shapes.text, "a built-in role, or rol_…"),
  name = v.described(v.or_null(shapes.text), "of a role of the company's own"),
  company = v.described(shapes.id("co"), "where it holds: there and below"),
})

local user_fields <const> = {
  id = shapes.id("usr"), company = shapes.id("co"), email = shapes.text, name = shapes.text,
  status = shapes.one_of({ "invited", "active", "disabled" }), created_at = shapes.instant,
  updated_at = shapes.instant, last_login_at = v.or_null(shapes.instant),
  invited_at = v.described(v.or_null(shapes.instant), "when the last invitation was written; null also long after"),
  roles = v.optional(v.described(shapes.list(assignment), "not in lists")),
}
local user <const> = v.object(user_fields)

local role <const> = v.object({
  id = shapes.id("rol"), company = shapes.id("co"), name = shapes.text, permissions = shapes.list(shapes.text),
  created_at = shapes.instant, updated_at = shapes.instant,
})

local built_in <const> = v.object({ name = shapes.text, says = shapes.text, permissions = shapes.list(shapes.text) })

local cause <const> = v.object({
  role = v.optional(shapes.text), company = v.optional(shapes.id("co")), key = v.optional(shapes.id("key")),
  gives = shapes.flag,
})

local policy <const> = v.described(v.object({
  company = shapes.id("co"), allowed = shapes.flag, reason = v.or_null(shapes.text),
}), "what the policies of the actor's company say to it, as of now")

local ABOUT <const> = "People are invited by letter; roles say what they may do, in a company and below it."

return openapi.section("users", "People and roles", ABOUT, {
  create_user = {
    summary = "Invite somebody",
    description = "They get a letter with a code to choose a password with. Nobody gives a role that may do more than "
      .. "they may themselves.",
    body = schema.user_create, answers = { [201] = user }, once = true,
    refusals = { [409] = "Somebody has this e-mail address already" },
    example = {
      body = { email = "ada@example.com", name = "Ada Okafor", roles = tg.json.array({ { role = "analyst" } }) },
    },
  },
  users = {
    summary = "List people, own and below", query = schema.user_list, answers = { [200] = shapes.counted_page(user) },
  },
  user = { summary = "One person, and their roles", ids = { id = "usr" }, answers = { [200] = user }, etag = true },
  change_user = {
    etag = true,
    summary = "Change somebody: their name, their roles, whether they may sign in",
    description = "`roles` puts these in the place of all that they have in the caller's company and below. Who is "
      .. "disabled is signed out. Nobody changes themselves, or somebody who may do more.",
    ids = { id = "usr" }, body = schema.user_change, answers = { [200] = user },
    example = { body = { name = "Ada Okafor-Lee", roles = tg.json.array({ { role = "finance" } }) } },
  },
  end_sessions = {
    summary = "Sign somebody out, everywhere",
    description = "Not oneself, and nobody who may do more. They may sign in again.",
    ids = { id = "usr" }, answers = { [204] = false },
  },
  end_all_sessions = {
    summary = "Sign everybody out, of a company and those below",
    description = "But whoever asks. By who may do everything there (`*`), for the day when something was stolen.",
    ids = { id = "co" }, answers = { [204] = false },
  },
  invite = {
    summary = "Send the invitation, or another one",
    ids = { id = "usr" }, answers = { [202] = v.object({ message = shapes.text }) },
    refusals = { [409] = "This user has chosen a password, or was disabled" },
  },
  create_role = {
    summary = "Make a role",
    body = schema.role_create, answers = { [201] = role }, once = true,
    refusals = { [409] = "The company has a role of this name" },
    example = { body = { name = "night shift", permissions = tg.json.array({ "usage:read", "wallets:read" }) } },
  },
  roles = {
    summary = "List roles: the built-in ones, own and below",
    query = schema.role_list,
    answers = {
      [200] = v.object({
        data = shapes.list(role), next_cursor = shapes.next_cursor, total = shapes.total,
        built_in = shapes.list(built_in),
      }),
    },
  },
  role = { summary = "One role", ids = { id = "rol" }, answers = { [200] = role }, etag = true },
  change_role = {
    etag = true,
    summary = "Change a role, for all who have it", ids = { id = "rol" }, body = schema.role_change,
    answers = { [200] = role }, refusals = { [409] = "The company has a role of this name" },
    example = { body = { permissions = tg.json.array({ "usage:read" }) } },
  },
  delete_role = {
    summary = "Delete a role that nobody has", ids = { id = "rol" }, answers = { [204] = false },
    refusals = { [409] = "Somebody has this role" },
  },
  permissions = {
    summary = "Every permission there is",
    answers = { [200] = v.object({ data = shapes.list(v.object({ name = shapes.text, says = shapes.text })) }) },
  },
  check_permission = {
    summary = "May somebody do this, and why",
    description = "Without `actor` it is about the caller; about somebody else it needs `users:read`. With `amount` "
      .. "and `currency` it is about something that moves so much.",
    body = schema.permission_check,
    answers = {
      [200] = v.object({
        actor = shapes.text, company = shapes.id("co"), permission = shapes.text, allowed = shapes.flag,
        because = shapes.list(cause), policy = v.or_null(policy),
      }),
    },
    refusals = { [404] = "There is no such user or key" },
    example = { body = { permission = "usage:read" } },
  },
})
