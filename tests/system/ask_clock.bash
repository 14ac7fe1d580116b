# SPDX-License-Identifier: Apache-2.0
#
# What tests of the clock's sources ask of a lab in $LAB at $URL: its clock in the status, and tokens for q.tsq, whose answer is then in r.tsr and
# as text in `text`.

status() { "$TSA" status -c "$LAB/tsa.conf" --json; }

# await_clock EXPRESSION [SECONDS]: until it is true of the clock in the status.
await_clock() {
    local tries=$((${2:-20} * 10))
    until status 2> /dev/null | jq -e ".clock | $1" > /dev/null 2>&1; do
        [ $((tries -= 1)) -gt 0 ] || { echo "not so: $1"; status | jq .clock; tail -n 20 "$LAB.log/err"; return 1; }
        sleep 0.1
    done
}

ask() {
    curl -sS -m 20 --fail -H 'Content-Type: application/timestamp-query' --data-binary @q.tsq -o r.tsr "$URL"
    openssl ts -reply -in r.tsr -text > text 2> /dev/null
}

granted() { ask && { grep -F 'Status: Granted.' text || { cat text; return 1; }; }; }

# refused WORDS: with timeNotAvailable and these words in the reason
refused() {
    ask
    grep -F 'Status: Rejected.' text && grep -F "the TSA's time source is not available" text && tr -s '\n ' ' ' < text | grep -F "$1" || { cat text; return 1; }
}
