#!/bin/bash
# 52 - logins: how long a refusal takes tells nobody who is here, and a hundred at once hold up nobody else.
# alone: it compares times
. tests/e2e/lib.sh
mail=$dir/mail
proxy_port=$(free_port) port=$(free_port) tls_port=$(free_port)
write_conf </dev/null
sed -i "2i\\  - {host: 127.0.0.1, port: $proxy_port, proxy-protocol: ON}" "$dir/h2o.conf"
fresh_server TOLLGATE_MAIL_URL="dir:$mail"
platform_key=$key
make_person ada@example.com analyst "correct horse battery"
post /v1/users '{"email": "invited@example.com", "name": "Not yet here"}'
run_node tests/contract/logins.mjs "$proxy_port" "$port" ada@example.com "correct horse battery" "$dir/key"
done_testing
