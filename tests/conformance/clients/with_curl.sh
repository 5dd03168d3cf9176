# curl for tokens, and for handshakes by hand: the one of Debian knows no WebSocket.
set -eu
ask() {  # address, user, options: a token
    address=$1 user=$2
    shift 2
    curl --silent --show-error --fail --noproxy '*' --user "$user" --data grant_type=client_credentials "$@" \
        "$address/oauth/token" | sed 's/.*"access_token": *"\([^"]*\)".*/\1/'
}
handshake() {  # token: status and Retry-After
    curl --silent --noproxy '*' --http1.1 --max-time 1 --output /dev/null --dump-header - \
        --header "Authorization: Bearer $1" --header "Connection: Upgrade" --header "Upgrade: websocket" \
        --header "Sec-WebSocket-Version: 13" --header "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==" "$RELAY_HTTP/v2/websocket/echo" || true
}
ask "$WEB" "$CLIENT_ID:$CLIENT_SECRET" --header "Transfer-Encoding: chunked" >/dev/null
ask "$WEB" "$CLIENT_ID:$CLIENT_SECRET" --header "Expect: 100-continue" >/dev/null
ask "$WEB" "$CLIENT_ID:$CLIENT_SECRET" --http1.0 >/dev/null
ask "$WEB" "$CLIENT_ID:$CLIENT_SECRET" >/dev/null
echo '["token of web", "issued"]'
ask "$RELAY_HTTP" "$CLIENT_ID:$CLIENT_SECRET" --header "Transfer-Encoding: chunked" >/dev/null
ask "$RELAY_HTTP" "$CLIENT_ID:$CLIENT_SECRET" --header "Expect: 100-continue" >/dev/null
ask "$RELAY_HTTP" "$CLIENT_ID:$CLIENT_SECRET" --http1.0 >/dev/null
ask "$RELAY_HTTP" "$CLIENT_ID:$CLIENT_SECRET" --http2 >/dev/null
echo '["token of relay", "issued"]'
limited=$(ask "$RELAY_HTTP" "$LIMITED_ID:$LIMITED_SECRET")
handshake "$limited" | head -1 | grep -q "101"
handshake "$limited" | awk 'NR == 1 { status = $2 } tolower($1) == "retry-after:" { printf "[\"refused\", [%s, \"%d\"]]\n", status, $2 }'
echo '["waits", "yes"]'
