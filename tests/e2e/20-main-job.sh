# 20 - the main job: a day of calls comes in, is rated to the last digit, and moves money; again changes nothing.
. tests/e2e/lib.sh
fresh_server

import_day() { # NAME DECK CDRS EXPECTED
    local deck want got
    deck=$(cli import deck "$2" --name "$1" 2>"$dir/deck.log")
    like "$deck" '^[a-z]+_[0-9a-z]{26}$' "$1: the deck is loaded and its id printed"
    cli import cdrs "$3" --deck "$deck" --source "$1" --json >"$dir/first.json" 2>"$dir/import.log"
    is $? 0 "$1: the import ends with 0"
    got=$(jq -cS '{rows, counts, billed_seconds, total, by_company}' "$dir/first.json")
    want=$(jq -cS '{rows, counts, billed_seconds, total, by_company: .by_tenant}' "$4")
    is "$(jq -cS '.counts, .rows, .billed_seconds' <<<"$got")" "$(jq -cS '.counts, .rows, .billed_seconds' <<<"$want")" \
        "$1: rows, counts and billed seconds"
    is "$(amounts "$got")" "$(amounts "$want")" "$1: the total and each company's, to the last digit"

    cli import cdrs "$3" --deck "$deck" --source "$1" --json >"$dir/again.json" 2>>"$dir/import.log"
    is "$(jq -cS '.total, .by_company, .billed_seconds' "$dir/again.json")" \
        "$(jq -cS '.total, .by_company, .billed_seconds' "$dir/first.json")" "$1: importing it again changes nothing"
    is "$(jq '.counts.rated + .counts.not_billable + .counts.no_rate' "$dir/again.json")" 0 "$1: … and says so"
    verify_ledger "$1"
}
# Amounts are written shortest and compared as decimals: no digits lost, zeros at the end are nothing.
amounts() {
    jq -r '.total, (.by_company | to_entries | sort_by(.key)[] | "\(.key) \(.value)")' <<<"$1" |
        sed -E 's/(\.[0-9]*[1-9])0+$/\1/; s/\.0+$//'
}

fixture=tests/fixtures/day
import_day fixture $fixture/deck.csv $fixture/cdrs.csv $fixture/expected.json
if [ -d "$shared/data/cdr" ]; then
    import_day day "$shared/data/decks/az-deck-29k.csv" "$shared/data/cdr/cdr-2026-07-14.csv" \
        "$shared/data/cdr/cdr-2026-07-14.expected.json"
    is "$(sql "SELECT SUM(amount) = 0 FROM ledger_postings")" 1 "all postings sum to zero"
else
    skip "the day of 41,531 records" "$shared is not there"
fi
stop_server
is "$server_code" 0 "the server ends with 0"
done_testing
