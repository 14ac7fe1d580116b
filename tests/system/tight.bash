# SPDX-License-Identifier: Apache-2.0
#
# An authority of two units whose clock can be wrong by what the test says: good enough for the second unit, "wide" (1 s), and not always for the first,
# "lab" (50 ms), behind POST /. `load lab` first.

# tight_start OFFSET: the clock is off by so many seconds. Sets and exports TIGHT_PID beside what lab_start does.
tight_start() {
    local says="$LAB.says.json" port="$LAB.port" tries=200
    export TIGHT_PID
    echo "{\"poll\": 1, \"offset\": $1}" > "$says"
    python3 -B "$TSA_SOURCE/tests/tools/fake_chronyd.py" "$says" > "$port" 2> "$LAB.fake" 3>&- &
    TIGHT_PID=$!
    until [ -s "$port" ]; do
        [ $((tries -= 1)) -gt 0 ] || { cat "$LAB.fake"; return 1; }
        sleep 0.05
    done
    lab_start || return 1
    lab_stop || return 1
    sed -i "s/^clock = .*/clock = { source = \"chrony\"; chrony = \"127.0.0.1:$(cat "$port")\"; };/
        s/^\( *\)name = \"lab\";/&\n\1accuracy = \"50 ms\";\n\1time_digits = 3;/
        s/^    }\$/    }, { name = \"wide\"; key = \"tsa.key\"; chain = \"chain.pem\"; root = \"root.pem\"; policy = \"2.999.3161.1\"; accuracy = \"1 s\"; time_digits = 3; }/" "$LAB/tsa.conf"
    grep -F 'source = "chrony"' "$LAB/tsa.conf" && grep -F '"50 ms"' "$LAB/tsa.conf" && grep -F '"wide"' "$LAB/tsa.conf" || return 1
    : > "$LAB.log/err"
    lab_start
}

# tight_says OFFSET
tight_says() { echo "{\"poll\": 1, \"offset\": $1}" > "$LAB.says.new" && mv "$LAB.says.new" "$LAB.says.json"; }

# tight_await EXPRESSION: until it is true of /status.json.
tight_await() {
    local tries=300
    until curl -sS -m 10 "${URL}status.json" 2> /dev/null | jq -e "$1" > "$LAB.seen" 2> /dev/null; do
        [ $((tries -= 1)) -gt 0 ] || { echo "not so: $1"; curl -sS "${URL}status.json"; return 1; }
        sleep 0.05
    done
}

tight_stop() {
    local ended=0
    lab_stop || ended=1
    kill "$TIGHT_PID" || ended=1
    return $ended
}
