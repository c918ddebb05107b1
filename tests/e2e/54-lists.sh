#!/bin/bash
# 54 - lists: sorted in every order, page by page, and counted; what is the same by name is told apart all the same.
. tests/e2e/lib.sh
fresh_server
cat >"$dir/deck.csv" <<END
prefix,name,per_minute,initial_s,increment_s
1,North America,0.0120,60,60
END
n=0
for name in delta alpha Charlie bravo alpha Alpha echo; do
    n=$((n + 1))
    make_company "$name" && company=$id
    post /v1/api-keys "{\"name\": \"$name\"}"
    post /v1/users "{\"name\": \"$name\", \"email\": \"person-$n@example.com\"}"
    post /v1/roles "{\"name\": \"$name\", \"company\": \"$company\", \"permissions\": [\"usage:read\"]}"
    make_deck "$name $n" "$dir/deck.csv"
    jq -nc --arg note "$name" --arg n "$n" '{base: "release", note: $note, files: [{path: "pricing/lib/house.lua", source: "return { n = \($n) }\n"}]}' |
        post /v1/rules/bundles @-
done
curl -sf -o "$dir/openapi.json" "http://127.0.0.1:$port/openapi.json"
run_node tests/contract/lists.mjs "$dir/openapi.json" "http://127.0.0.1:$port" "$dir/key"
api GET '/v1/companies?q=alpha&limit=1'
is "$status $(field .total)" "200 3" "total counts what the filters leave"
api GET '/v1/companies?q=%25&limit=1'
is "$status $(field .total)" "200 0" "a wildcard in a search is a letter"
done_testing
