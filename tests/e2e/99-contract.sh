#!/bin/bash
# The API document: valid, true of every answer that the scripts before this one got, and proof against what a generator
# makes of it. Comes last.
. tests/e2e/lib.sh
fresh_server

curl -sf -o "$dir/openapi.json" "http://127.0.0.1:$port/openapi.json"
ok $? "the document is there without a key"
is "$(curl -s -o /dev/null -w '%{content_type}' "http://127.0.0.1:$port/openapi.json")" application/json "as JSON"

run_node() { # PROGRAM ARGUMENT…: its TAP becomes ours
    local line
    node "$@" 2>&1 | while IFS= read -r line; do
        case $line in
        "ok "* | "not ok "*)
            local status=0 name=${line#*- }
            [ "${line%% *}" = ok ] || status=1
            ok $status "$name"
            ;;
        1..*) ;;
        *) echo "$line" ;;
        esac
    done
}
for n in 1 2 3; do api GET /v1/hello; done
run_node tests/contract/transcript.mjs "$dir/openapi.json" "$E2E_DIR/transcript" $E2E_WHOLE
run_node tests/contract/generate.mjs "$dir/openapi.json" "http://127.0.0.1:$port" "$dir/key"
is "$(grep -c '"level":"error"' "$dir/server.log")" 0 "nothing of it is an error in the server's log"
done_testing
