# 48 - what other rules would do to the money, known before: a day rated again, and live calls shadowed.
. tests/e2e/lib.sh
fresh_server

import_day() { # NAME DECK CDRS
    local deck
    deck=$(cli import deck "$2" --name "$1" 2>"$dir/deck.log")
    cli import cdrs "$3" --deck "$deck" --source "$1" --json >"$dir/import.json" 2>"$dir/import.log"
    is $? 0 "$1 is imported"
}
import_day fixture tests/fixtures/day/deck.csv tests/fixtures/day/cdrs.csv
if [ -d "$shared/data/cdr" ]; then
    import_day day "$shared/data/decks/az-deck-29k.csv" "$shared/data/cdr/cdr-2026-07-14.csv"
else
    skip "the day of 41,531 records" "$shared is not there"
fi
events=$(sql "SELECT COUNT(*) FROM usage_events")
charged=$(sql "SELECT SUM(amount) FROM usage_events")
priced=$(sql "SELECT COUNT(*) FROM usage_events WHERE amount <> 0")

publish() { # FILE of lua/pricing/rules.lua: the id in $bundle
    jq -n --rawfile source "$1" '{base: "release", files: [{path: "pricing/rules.lua", source: $source}]}' >"$dir/publish.json"
    post /v1/rules/bundles "@$dir/publish.json"
    bundle=$(field .id)
}
wrapped() { # LUA: rate_usage with `result` changed by it, before it is answered; without the golden cases it breaks
    sed -e "s/^    decide = rate_usage,/    decide = function(input, cap)\\n      local result = rate_usage(input, cap)\\n      $1\\n      return result\\n    end,/" \
        -e '/^    cases = rate_cases,/d' lua/pricing/rules.lua >"$dir/rules.lua"
}
is_over() {
    api GET "/v1/rules/backtests/$backtest"
    [[ $(field .state) = done || $(field .state) = failed ]]
}
backtest() { # BUNDLE [MEMBERS]: its answer is the body
    post /v1/rules/backtests "{\"bundle\": \"$1\", \"from\": \"2026-06-01T00:00:00Z\", \"to\": \"2026-09-01T00:00:00Z\"${2:+, $2}}"
    backtest=$(field .id)
    until_true 60 is_over || echo "# the backtest is not over: $body"
}
times() { # AMOUNT FACTOR
    python3 -c 'import sys; from decimal import Decimal as d; print((d(sys.argv[1]) * d(sys.argv[2])).normalize().__format__("f"))' "$@"
}

# --- the rules that decided change nothing
backtest release
is "$(json '[.state, .events, .report.same, .report.different, .report.errors]')" "[\"done\",$events,$events,0,0]" \
    "every event costs what it cost with the rules that rated it"
is "$(field '.report.totals[0] | "\(.difference) \(.percent) \(.p50) \(.p95) \(.max)"')" "0 0 0 0 0" "there is no difference"
equal "what was charged is what was stored" "$(field '.report.totals[0].stored')" "$charged"
is "$(sql "SELECT COUNT(*) FROM usage_events")" "$events" "nothing was written"

# --- rules that loop
wrapped 'while true do end'
publish "$dir/rules.lua"
backtest "$bundle"
like "$(json '[.state, .error]')" '^."failed","the bundle meets limits again and again: pricing/rules.lua:[0-9]+: the rule ran longer than 20 ms".$' \
    "a bundle that loops is given up, and the place is told"

# --- ten percent more
more='for _, line in ipairs(result.lines or {}) do line.amount = cap.decimal.mul(line.amount, "1.1", 12, "half_up") end
      if result.total then result.total = cap.decimal.mul(result.total, "1.1", 12, "half_up") end'
wrapped "${more//$'\n'/\\n}"
publish "$dir/rules.lua" && dearer=$bundle
is "$status" 201 "ten percent more is a bundle"
backtest "$dearer"
is "$(json '[.state, .report.different, .report.errors]')" "[\"done\",$priced,0]" "every event that cost something costs more"
equal "the sum is ten percent higher, to the last digit" "$(field '.report.totals[0].new')" "$(times "$charged" 1.1)"
is "$(field '.report.totals[0].percent')" 10 "which is ten percent"
is "$(json '[.report.companies[].percent] | unique')" '["10"]' "for each company"
one_company="\"company\": \"$(field '[.report.companies[] | {company, n: (.same + .different)}] | sort_by(.n)[length / 2 | floor].company')\""
equal "the companies' sums are the total" "$(sql "SELECT $(field '[.report.companies[].new] | join("+")')")" \
    "$(times "$charged" 1.1)"
sample=$(json '.report.samples[0]')
usage=$(jq -r .usage <<<"$sample")
api GET "/v1/usage/$usage/explain"
equal "a sample names an event and what it cost" "$(jq -r .stored <<<"$sample")" "$(field .total.amount)"
backtest "$dearer" "$one_company" && first=$(json .report) && backtest "$dearer" "$one_company"
is "$(json .report)" "$first" "again it is the same report, digit by digit"
is "$(jq '.companies | length' <<<"$first")" 1 "of one company, when it is asked for one"

# --- rules that fail are errors, not money
wrapped 'if string.sub(input.event.to, -1) == "7" then error("no sevens") end'
publish "$dir/rules.lua" && picky=$bundle
backtest "$picky" "$one_company"
errors=$(field .report.errors)
[ "${errors:-0}" -gt 0 ]
ok $? "an event whose rule fails is an error ($errors)"
equal "its money is in neither sum" "$(field '.report.totals[0].difference')" 0
like "$(json '[.report.samples[] | .error] | unique')" 'no sevens' "and samples say why"

# --- the shadow
put() {
    api PUT "$1" -H 'Content-Type: application/json' --data-binary "$2"
}
is_shadowing() { # the candidate of every node is the one that was set
    [ "$(sql "SELECT COUNT(*) FROM rule_nodes WHERE candidate_revision < (SELECT revision FROM rule_slots WHERE role = 'candidate')")" = 0 ]
}
shadow() { # BUNDLE
    put /v1/rules/shadow "{\"bundle\": \"$1\", \"share\": \"1\"}"
    until_true 10 is_shadowing
}
seen() { # N calls in the report
    api GET /v1/rules/shadow/report
    [ "$(json '[.hooks[] | select(.hook == "pricing.rate_usage") | .same + .different + .errors] | add')" = "$1" ]
}
make_company shadowed "\"currency\": \"USD\", \"rate_deck\": \"$(cli import deck tests/fixtures/day/deck.csv --name shadow 2>/dev/null)\""
company=$id
usage() { # PREFIX: twenty calls
    jq -nc --arg id "$1" --arg company "$company" '[range(20) | {event_id: "\($id)-\(.)", source: "gw-1", company: $company,
        meter: "call.seconds", event_time: "2026-07-15T10:00:00Z", quantity: "\(. + 1)",
        properties: {to: "+1212555\(1000 + .)"}}]' >"$dir/usage.json"
    post /v1/usage "@$dir/usage.json"
}
shadow "$dearer"
usage one
is "$status $(json .accepted)" "200 20" "twenty calls come in"
live=$(sql "SELECT SUM(amount) FROM usage_events WHERE event_id LIKE 'one-%'")
until_true 10 seen 20
ok $? "the candidate has seen each of them"
is "$(json '[.hooks[] | select(.hook == "pricing.rate_usage") | .same, .different, .errors]')" '[0,20,0]' "and answered otherwise"
of_company='.companies[] | select(.company == "'$company'")'
equal "live, they cost what was charged" "$(field "$of_company | .live // .stored")" "$live"
equal "with the candidate ten percent more, to the last digit" "$(field "$of_company | .candidate // .new")" "$(times "$live" 1.1)"
equal "and nothing but the live amount was taken" "$(sql "SELECT -SUM(balance) FROM wallets w JOIN companies c ON c.id = w.company_id
    WHERE c.name = 'shadowed'")" "$live"
is "$(json '.samples | length > 0 and all(.hook == "pricing.rate_usage" and .input.event != null)')" true "samples show what went in"
shadow "$picky"
usage two
until_true 10 seen 20
is "$(json '[.hooks[] | select(.hook == "pricing.rate_usage") | .same, .different, .errors]')" '[18,0,2]' \
    "another candidate begins anew; where it fails is an error"
is "$(sql "SELECT COUNT(*) FROM usage_events WHERE event_id LIKE 'two-%' AND status = 'rated'")" 20 "which nobody but the report notices"
usage three
stop_server
is "$server_code" 0 "the server ends with 0"
is "$(sql "SELECT SUM(same + different + errors) FROM rule_shadow_totals
    WHERE revision = (SELECT revision FROM rule_slots WHERE role = 'candidate')")" 40 "and what it saw last is stored, too"
grep -q '"rules_shadow_stored"\|"rules_report_written"' "$dir/server.log"
is $? 1 "every figure was stored"
done_testing
