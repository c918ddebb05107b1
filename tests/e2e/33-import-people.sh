#!/bin/bash
# 33 - moving in: companies and people from files, told first, done then, repeated without harm, gone on with after a kill.
. tests/e2e/lib.sh
mail=$dir/mail
fresh_server TOLLGATE_MAIL_URL="dir:$mail"

run_import() { # WHAT FILE [OPTIONS…]: $code, $out, $err
    out=$(cli import "$@" 2>"$dir/err")
    code=$?
    err=$(cat "$dir/err")
}
companies() { sql "SELECT COUNT(*) FROM companies WHERE external_ref IS NOT NULL"; }

# --- companies: children before parents, and what is wrong with some
cat >"$dir/companies.csv" <<'END'
external_ref,name,parent_ref,currency,timezone,country
north-1,North One,north,USD,Europe/Berlin,DE
north,North,,USD,,
south,South,,EUR,,
moon,Moon,,USD,Moon/Base,
lost,Lost,nowhere,,,
a,A,b,,,
b,B,a,,,
north,North again,,,,
,No name,,,,
currency,Currency,,usd,,
"Broken "quote,x,,,,
END
run_import companies "$dir/companies.csv"
is "$code $(companies)" "3 0" "the report makes nothing, and says that something needs a look"
like "$err" '3 to make, 0 changed, 0 as they were, 8 refused.*--accept' "it counts"
like "$out" 'line 3: make north' "what would be made"
for said in 'line 5: refuse moon: timezone: there is no Moon/Base' 'line 6: refuse lost: parent_ref: nowhere is no company' \
    'line 7: refuse a: parent_ref: b ' 'line 9: refuse north: external_ref: stands in the file before' \
    'line 10: refuse .*: external_ref: is missing' 'line 11: refuse currency: currency: usd' 'line 12: refuse '; do
    like "$out" "$said" "the line and the reason: $said"
done
run_import companies "$dir/companies.csv" --accept
is "$code $(companies)" "3 3" "--accept makes the others"
is "$(sql "SELECT p.external_ref FROM companies c JOIN companies p ON p.id = c.parent_id WHERE c.external_ref = 'north-1'")" north \
    "a child below its parent, wherever it stood"
run_import companies "$dir/companies.csv" --accept --json
is "$(jq -c '[.done,.make,.change,.same,(.refused|length)]' <<<"$out")" '[true,0,0,3,8]' "a repeat changes nothing"
cat >"$dir/companies2.csv" <<'END'
external_ref,name,timezone,parent_ref,currency
north,North Calls,,,
south,South,Europe/Madrid,,
north-1,North One,,south,
END
run_import companies "$dir/companies2.csv"
like "$out" 'line 2: change north: name.*line 3: change south: timezone.*line 4: refuse north-1: external_ref: a company below another' \
    "what would change, and that companies do not move"
run_import companies "$dir/companies2.csv" --accept
is "$(sql "SELECT GROUP_CONCAT(name, '/', timezone ORDER BY external_ref) FROM companies WHERE external_ref IN ('north','south')")" \
    "North Calls/UTC,South/Europe/Madrid" "and it does"
printf 'external_ref,nmae\nx,y\n' >"$dir/misspelt.csv"
run_import companies "$dir/misspelt.csv"
is "$code" 1 "a missing column: $err"
printf 'external_ref,name,colour\nx,y,z\n' >"$dir/more.csv"
run_import companies "$dir/more.csv"
like "$code $err" '^1 .*colour' "a column that means nothing may be a misspelt one"

# --- users: nobody gets a letter who was not to get one
post /v1/roles '{"name": "night-shift", "permissions": ["usage:read"]}'
cat >"$dir/users.csv" <<'END'
email,name,company_ref,roles
ada@example.com,Ada Okafor,north,owner
Bob@Example.com,Bob,north,analyst;night-shift
carol@example.com,Carol,,
dan@example.com,Dan,nowhere,
eve@example.com,Eve,south,emperor
bob@example.com,Bob again,north,
no address,X,,
END
run_import users "$dir/users.csv"
is "$code $(sql 'SELECT COUNT(*) FROM users')" "3 0" "people: a report first"
like "$out" 'line 5: refuse dan@example.com: company_ref.*line 6: refuse eve@example.com: roles: there is no role emperor.*line 7: refuse bob@example.com: email: stands.*line 8: refuse no address: email' \
    "with what is wrong"
run_import users "$dir/users.csv" --accept
is "$code $(sql 'SELECT COUNT(*) FROM users') $(sql 'SELECT COUNT(*) FROM mails')" "3 3 0" "--accept makes them, without a letter"
is "$(sql "SELECT COUNT(*) FROM role_assignments a JOIN users u ON u.id = a.user_id WHERE u.email_folded = 'bob@example.com'")" 2 \
    "with their roles, the company's own among them"
run_import users "$dir/users.csv" --accept --invite --json
is "$(jq -c '[.make,.change,.same]' <<<"$out") $(sql 'SELECT COUNT(*) FROM mails')" "[0,3,0] 3" "--invite writes to those who have no letter"
run_import users "$dir/users.csv" --accept --invite --json
is "$(jq -c '[.make,.change,.same]' <<<"$out") $(sql 'SELECT COUNT(*) FROM mails')" "[0,0,3] 3" "once"
sed -i 's/Ada Okafor,north,owner/Ada Okafor-Lee,north,finance/; s/^carol.*/carol@example.com,Carol,south,/' "$dir/users.csv"
run_import users "$dir/users.csv" --accept
like "$out" 'line 2: change ada@example.com: name roles.*line 4: refuse carol@example.com: email: somebody in another company' "what has changed is changed"
is "$(sql "SELECT CONCAT(u.name, ' ', a.role) FROM users u JOIN role_assignments a ON a.user_id = u.id WHERE u.email_folded = 'ada@example.com'")" \
    "Ada Okafor-Lee finance" "name and roles"

# --- another letter, and none for who has chosen a password
api GET '/v1/users?q=bob'
bob=$(field '.data[0].id')
like "$(field '.data[0].invited_at')" '^20' "it is known when somebody was invited"
post "/v1/users/$bob/invitation" '{}'
is "$status $(sql 'SELECT COUNT(*) FROM mails')" "202 4" "another invitation"
sql "UPDATE users SET status = 'active' WHERE email_folded = 'bob@example.com'"
post "/v1/users/$bob/invitation" '{}'
problem 409 not_invited "none for who needs none"

# --- killed in the middle
{ echo external_ref,name && for n in $(seq 400); do echo "k$n,Company $n"; done; } >"$dir/many.csv"
cli import companies "$dir/many.csv" --accept >"$dir/many.out" 2>&1 &
import_pid=$!
some() { [ "$(companies)" -ge 40 ]; }
until_true 20 some
kill -KILL "$import_pid" $(pgrep -P "$import_pid") 2>/dev/null
wait "$import_pid" 2>/dev/null
made=$(companies)
ok $((made < 403 ? 0 : 1)) "killed after $made"
run_import companies "$dir/many.csv" --accept --json
is "$code $(companies) $(jq '.make + .same' <<<"$out")" "0 403 400" "the same command again ends where it would have"
stop_server
is "$server_code" 0 "the server ends with 0"
done_testing
