# SPDX-License-Identifier: Apache-2.0
#
# The lying authority (tests/tools/lying_tsa.c) for a test file: liar_start in setup_file, liar_stop in teardown_file. Sets and exports
# DIR (its root.pem, signed.sys, dual.sys, expired.sys, big.sys, plain.sys), URL and LIAR_PID. The path behind URL names the lie.

liar_start() {
    export DIR="$BATS_FILE_TMPDIR/lies"
    mkdir -p "$DIR"
    # 3>&- : bats waits for whoever holds its descriptor 3.
    "$TSA_TOOLS/lying_tsa" "$DIR" > "$DIR/out" 2> "$DIR/err" 3>&- &
    export LIAR_PID=$!
    local tries=600
    until grep -q '^ready http' "$DIR/out"; do
        kill -0 "$LIAR_PID" 2> /dev/null && [ $((tries -= 1)) -gt 0 ] || { cat "$DIR/err"; return 1; }
        sleep 0.05
    done
    URL=$(sed -n '1s/^ready //p' "$DIR/out")
    export URL
}

# What it could not do it has said: then a test has shown nothing.
liar_stop() {
    kill "$LIAR_PID" 2> /dev/null || true
    [ ! -s "$DIR/err" ] || { cat "$DIR/err"; return 1; }
}

# stamp OPTION...: with the root that the good certificates have, and as much patience as PATIENCE says
stamp() { "$TSCLIENT" stamp --ca "$DIR/root.pem" --retry 0 --timeout "${PATIENCE:-20s}" "$@"; }
