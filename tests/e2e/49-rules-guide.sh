# 49 - the guide "Write a rule in ten minutes" of lua/README.md, done as it stands there.
. tests/e2e/lib.sh
fresh_server

section=$(sed -n '/^## Write a rule in ten minutes/,/^## [^W]/p' lua/README.md)
block() { # LANGUAGE N: the n-th block of that language
    awk -v begin="\`\`\`$1" -v n="$2" 'index($0, "```") == 1 { mine = !any && $0 == begin && ++k == n; any = !any; next }
        mine' <<<"$section"
}
work=$dir/work
rm -rf "$work" && mkdir -p "$work"
ln -s "$PWD/${lua_dir:-lua}" "$work/lua"
tollgate() {
    case "$1 $2" in
    "rules check" | "rules test") "$TOLLGATE" "$@" ;;
    *) cli "$@" ;;
    esac
}
step() { # N: what it prints in $out and $err, its exit code in $code; $bundle goes from step to step
    (
        cd "$work" || exit 1
        eval "$(block sh "$1")"
        last=$?
        echo "${bundle:-}" >"$dir/bundle"
        exit $last
    ) >"$dir/out" 2>"$dir/err"
    code=$?
    out=$(cat "$dir/out") err=$(cat "$dir/err") bundle=$(cat "$dir/bundle" 2>/dev/null)
    [ "$code" = 0 ] || printf '# step %s: %s\n' "$1" "$err"
}

printf 'prefix,name,per_minute,connect_fee,initial_s,increment_s,effective_from,effective_to\n1,North America,0.05,0,60,60,2026-01-01T00:00:00Z,\n' >"$dir/deck.csv"
make_deck "Guide deck" "$dir/deck.csv"
make_company "Guide" "\"currency\": \"USD\", \"rate_deck\": \"$deck\""
company=$id
sunday() { # EVENT_ID: an hour on a Sunday
    post /v1/usage "[$(event "$1" '{company: "'"$company"'", event_time: "2026-07-19T10:00:00Z", quantity: "3600"}')]"
}
charged() { # EVENT_ID
    sql "SELECT amount + 0 FROM usage_events WHERE event_id = '$1'"
}

step 1
is "$code $(ls "$work/my-rules/pricing")" "0 lib
rules.lua" "a folder of one's own"
block lua 1 >"$work/my-rules/pricing/lib/sunday.lua"
block diff 1 >"$dir/change.diff"
out=$(patch --batch "$work/my-rules/pricing/rules.lua" "$dir/change.diff" 2>&1)
is $? 0 "the change fits the rule as it is now"

step 2
is "$code" 0 "check and test need no server and find nothing"
like "$out" "ok [0-9]+ - pricing.rate_usage: an hour on Sunday costs half a dollar" "the golden case of the guide runs"
sed 's/0\.50/0.60/' "$work/my-rules/pricing/lib/sunday.lua" >"$dir/sunday.lua"
cp -r "$work/my-rules" "$dir/broken" && cp "$dir/sunday.lua" "$dir/broken/pricing/lib/sunday.lua"
out=$("$TOLLGATE" rules check "$dir/broken" 2>&1)
like "$? $out" "^1 .*pricing/rules.lua.*an hour on Sunday" "a rule that does not do what its case says is refused"

sunday before
equal "an hour on Sunday costs three dollars" "$(charged before)" 3
step 3
is "$code" 0 "pushed, compared and tried"
like "$out" "lib.sunday.plan" "the difference is shown"
is "$(tail -n 1 <<<"$out" | jq -r '.total')" "0.5" "the dry run says half a dollar"

step 4
is "$code" 0 "the shadow is on"
is_shadowing() { cli rules status | grep -q "pricing.rate_usage: .*[1-9][0-9]* different"; }
has_candidate() { [ "$(sql "SELECT MIN(candidate_revision) >= (SELECT revision FROM rule_slots WHERE role = 'candidate') FROM rule_nodes")" = 1 ]; }
until_true 10 has_candidate
sunday shadowed
until_true 10 is_shadowing
ok $? "a call on Sunday would have been different"
like "$(cli rules status)" "USD: 0.5 instead of 3," "and by how much, in money"
equal "the shadow charges nothing" "$(charged shadowed)" 3

step 5
is "$code" 0 "activated, since nobody pays more"
costs() { # AMOUNT: an hour on a Sunday that begins now
    n=$((${n:-0} + 1))
    sunday "after-$n"
    [ "$(shortest "$(charged "after-$n")")" = "$1" ]
}
until_true 10 costs 0.5
ok $? "then Sundays cost half a dollar"

step 6
is "$code" 0 "rolled back"
until_true 10 costs 3
ok $? "then they cost what they did"

# --- what differs from company to company is data
sed -i 's/max_charge = "0.50"/max_charge = (plan.parameters or {}).sunday_max or "0.50"/' "$work/my-rules/pricing/lib/sunday.lua"
bundle=$(cli rules push "$work/my-rules" --note "the company says how much")
cli rules activate "$bundle" >"$dir/out" 2>&1
until_true 10 costs 0.5
ok $? "a company without the parameter pays what the rule says"
api PATCH "/v1/companies/$company" -H 'Content-Type: application/json' -d '{"pricing": {"parameters": {"sunday_max": 0.25}}}'
problem 422 invalid_input "a fraction is no data for a rule" /pricing/parameters/sunday_max
api PATCH "/v1/companies/$company" -H 'Content-Type: application/json' -d '{"pricing": {"parameters": {"sunday_max": "0.25"}}}'
is "$status" 200 "a text is"
costs 0.25
ok $? "with it, the company pays what it says"
api GET "/v1/usage?event_id=after-$n&company=$company"
api GET "/v1/usage/$(field '.data[0].id')/explain"
is "$(json '[.agrees, .total.amount]')" '[true,"0.25"]' "and it can be explained later"
stop_server
done_testing
