#!/bin/bash
# 53 - strange requests: Ranges, multipart and form bodies at every operation; nothing knows them, nothing minds.
. tests/e2e/lib.sh
fresh_server
curl -sf -o "$dir/openapi.json" "http://127.0.0.1:$port/openapi.json"
rows() {
    sql "SELECT COUNT(*) FROM companies UNION ALL SELECT COUNT(*) FROM rate_decks UNION ALL SELECT COUNT(*) FROM users
        UNION ALL SELECT COUNT(*) FROM api_keys UNION ALL SELECT COUNT(*) FROM usage_events UNION ALL SELECT COUNT(*) FROM rule_bundles"
}
before=$(rows)
run_node tests/contract/strange.mjs "$dir/openapi.json" "http://127.0.0.1:$port" "$dir/key"
is "$(rows)" "$before" "nothing came of it"
is "$(grep -c '"level":"error"' "$dir/server.log")" 0 "nothing of it is an error in the server's log"
done_testing
