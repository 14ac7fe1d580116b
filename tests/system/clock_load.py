# SPDX-License-Identifier: Apache-2.0
"""Requests at a steady rate while the clock's source is led through everything that it can say, and every single reply judged.

usage: clock_load.py phases URL STATE RESULTS ACCURACY   lead a fake chronyd (by its file STATE) through the phases below; ACCURACY in seconds
       clock_load.py load URL RESULTS SECONDS            ask for so long, or until SIGTERM; judge nothing
       clock_load.py span RESULTS                        of those: tokens, refusals, seconds from the first refusal to the last, its reason

Half of the requests are RFC 3161, half Authenticode. RESULTS gets one JSON object for each reply: when it was sent and got, what it was. A token is
good when its time, and how wrong the source said the clock to be, lie together inside ACCURACY; a refusal when its reason is the phase's. What comes
while one phase passes into the next may be of either. $TSA_SOURCE/tsa/wire/rc.h has the reasons' words.
"""
import base64
import calendar
import http.client
import json
import os
import pathlib
import re
import signal
import sys
import threading
import time
import urllib.parse
import urllib.request

RATE = 200  # requests a second
CLIENTS = 10
PATIENCE = 40  # seconds for the authority to come into a state
HOLD = 0.4  # seconds in a state, once it has come
SLACK = 0.002  # seconds: the client's clock and the server's are one, read at other moments

SHA256 = bytes.fromhex("300d06096086480165030402010500")
QUERY = bytes.fromhex("3039020101") + b"\x30\x31" + SHA256 + b"\x04\x20" + bytes(32) + bytes.fromhex("0101ff")
BLOB = bytes(range(256))
SIGNING_TIME = bytes.fromhex("06092a864886f70d010905310f170d")
OID_AUTHENTICODE, OID_DATA = bytes.fromhex("060a2b060104018237030201"), bytes.fromhex("06092a864886f70d010701")

# What the fake says, the state that follows, its reason (None: good), what is granted. error: how wrong it says the clock is, seconds.
GOOD = {"poll": 1}
PHASES = [
    {"name": "good", "says": {}, "state": "sync"},
    {"name": "off by 0.2 s", "says": {"offset": 0.2}, "state": "sync", "error": 0.2},
    {"name": "off by 0.6 s", "says": {"offset": -0.6}, "state": "warn", "reason": "clock-bound", "error": 0.6},
    {"name": "off by 1.5 s", "says": {"offset": 1.5}, "state": "stop", "reason": "clock-bound"},
    {"name": "not synchronised", "says": {"leap": 3}, "state": "stop", "reason": "clock-unsynchronised"},
    {"name": "silent", "says": {"drop": True}, "state": "stop", "reason": "clock-unreachable"},
    {"name": "follows itself", "says": {"refid": "0x7f7f0101"}, "state": "stop", "reason": "clock-local"},
    {"name": "another sequence", "says": {"wrong_sequence": True}, "state": "stop", "reason": "clock-unreachable"},
    {"name": "old reference", "says": {"ref_age": 7200}, "state": "stop", "reason": "clock-old"},
    {"name": "cut off", "says": {"truncate": 103}, "state": "stop", "reason": "clock-unreachable"},
    {"name": "good again", "says": {}, "state": "sync"},
    {"name": "leap second announced", "says": {"leap": 1}, "state": "sync", "leap": "insert"},
    {"name": "good at the end", "says": {}, "state": "sync", "leap": "none"},
]


# ---- DER, as far as is needed --------------------------------------------------------------------------
def element(tag, *contents):
    body = b"".join(contents)
    size = b"" if len(body) < 128 else len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + body if size else bytes([tag, len(body)]) + body


def children(octets):
    found = []
    while octets:
        length, head = octets[1], 2
        if length & 0x80:
            head += length & 0x7F
            length = int.from_bytes(octets[2:head], "big")
        found.append((octets[0], octets[head:head + length]))
        octets = octets[head + length:]
    return found


def seconds_of(digits, fraction=""):
    return calendar.timegm(time.strptime(digits, "%Y%m%d%H%M%S")) + float(f"0.{fraction or 0}")


LEGACY = base64.b64encode(element(0x30, OID_AUTHENTICODE, element(0x30, OID_DATA, element(0xA0, element(0x04, BLOB)))))


# ---- one reply -----------------------------------------------------------------------------------------
def read_rfc3161(status, body, _headers):
    if status != 200:
        return {"is": "http", "status": status, "words": body.decode("latin1").strip()}
    parts = children(children(body)[0][1])
    info = children(parts[0][1])
    if info[0] != (0x02, b"\0"):
        words = children(info[1][1])[0][1].decode()
        return {"is": "refused", "words": words, "time_not_available": info[2] == (0x03, bytes.fromhex("010002"))}
    signed = children(children(children(parts[1][1])[1][1])[0][1])
    info = children(children(children(children(signed[2][1])[1][1])[0][1])[0][1])
    text = next(contents for tag, contents in info if tag == 0x18).decode()
    match = re.fullmatch(r"(\d{14})(?:\.(\d+))?Z", text)
    return {"is": "token", "time": seconds_of(match[1], match[2])}


def read_authenticode(status, body, headers):
    if status == 200:
        der = base64.b64decode(body, validate=True)
        at = der.index(SIGNING_TIME) + len(SIGNING_TIME)
        return {"is": "token", "time": seconds_of("20" + der[at:at + 12].decode())}
    words = body.decode("latin1").strip()
    if status == 503:
        return {"is": "refused", "words": words, "retry": int(headers["Retry-After"])}
    return {"is": "http", "status": status, "words": words}


KINDS = {
    "rfc3161": ("application/timestamp-query", QUERY, read_rfc3161),
    "authenticode": ("application/octet-stream", LEGACY, read_authenticode),
}


# ---- many --------------------------------------------------------------------------------------------
class Load:
    """Clients with a connection each, whose requests are due at fixed times."""

    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        self.host, self.port, self.replies, self.over = parts.hostname, parts.port, [], threading.Event()
        self.start = time.monotonic()
        self.threads = [threading.Thread(target=self.run, args=(number,)) for number in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def run(self, number):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=15)
        kind = ("rfc3161", "authenticode")[number % 2]
        turn = 0
        while not self.over.is_set():
            due = self.start + (turn * CLIENTS + number) / RATE
            self.over.wait(max(0, due - time.monotonic()))
            turn += 1
            self.replies.append(ask(connection, kind))
        connection.close()

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join()
        return sorted(self.replies, key=lambda reply: reply["sent"])


def ask(connection, kind):
    media_type, body, read = KINDS[kind]
    told = {"kind": kind, "sent": time.time()}
    try:
        connection.request("POST", "/", body, {"Content-Type": media_type})
        answer = connection.getresponse()
        octets = answer.read()
        told["got"] = time.time()
        told.update(read(answer.status, octets, answer.headers))
    except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError) as why:
        told.update({"is": "failed", "words": f"{type(why).__name__}: {why}", "got": time.time()})
        connection.close()
    return told


def write_results(path, replies):
    with open(path, "w", encoding="utf-8") as file:
        for reply in replies:
            file.write(json.dumps(reply) + "\n")


# ---- phases ------------------------------------------------------------------------------------------
def say(path, says):
    beside = pathlib.Path(f"{path}.new")
    beside.write_text(json.dumps({**GOOD, **says}), encoding="utf-8")
    beside.replace(path)


def clock_of(url):
    with urllib.request.urlopen(urllib.parse.urljoin(url, "status.json"), timeout=15) as answer:
        return json.loads(answer.read())["clock"]


def has_come(clock, phase):
    return clock and clock["state"] == phase["state"] and clock["reason"] == phase.get("reason") and \
        clock["leap"] == phase.get("leap", clock["leap"])


def go_through(url, state):
    """The phases, with when each began, when it had come, and when it was over."""
    gone = []
    for phase in PHASES * (10 if os.environ.get("TSA_LONG") else 1):
        phase = {**phase, "from": time.time()}
        say(state, phase["says"])
        end = time.monotonic() + PATIENCE
        while not has_come(clock := clock_of(url), phase):
            if time.monotonic() > end:
                sys.exit(f"phase {phase['name']}: the clock does not become {phase['state']} but is {clock}")
            time.sleep(0.05)
        phase["come"], phase["clock"] = time.time(), clock
        time.sleep(HOLD)
        phase["to"] = time.time()
        print(f"{phase['name']}: after {phase['come'] - phase['from']:.2f} s {clock['state']}: {clock['text']} (E {clock['bound_ns']})")
        gone.append(phase)
    return gone


def away_from_midnight():
    """A leap second that is announced stops the authority around the next midnight."""
    left = 86400 - time.time() % 86400
    if left < 90 or left > 86370:
        time.sleep(left % 86400 + 30 if left < 90 else 86400 - left)


# ---- the judge ---------------------------------------------------------------------------------------
def sentences():
    text = (pathlib.Path(os.environ["TSA_SOURCE"]) / "tsa/wire/rc.h").read_text(encoding="utf-8")
    return dict(re.findall(r'X\(\w+,\s*"([a-z0-9-]+)",[\s\\]*"([^"]+)"\)', text))


def fault_of_token(reply, error, accuracy):
    """A token's time may lie between the request and its answer; beside that stands what the source said."""
    away = max(reply["sent"] - reply["time"], reply["time"] - reply["got"], 0)
    rounding = 0.5 if reply["kind"] == "authenticode" else 0.0005
    if away + error > accuracy + (rounding if reply["kind"] == "authenticode" else 0) + SLACK:
        return f"a token {away:.4f} s away, where the clock is {error} s wrong"
    return f"a token {away:.4f} s away" if away > rounding + SLACK else None


def fault_of_refusal(reply, words):
    if reply["kind"] == "rfc3161" and not reply["time_not_available"]:
        return "it is not timeNotAvailable"
    if reply["kind"] == "authenticode" and not 1 <= reply["retry"] <= 30:
        return f"Retry-After {reply['retry']}"
    if not any(reply["words"].startswith(sentence) for sentence in words):
        return f"its words fit none of {words}"
    return None if reply["words"].endswith("; try again later") else "it does not say when to come again"


def is_granted(phase):
    return phase["state"] in ("sync", "warn")


def fault_of(reply, allowed, accuracy, texts):
    """allowed: the phases that it may belong to."""
    granting = [phase for phase in allowed if is_granted(phase)]
    if reply["is"] == "token":
        if not granting:
            return "a token where there should be none"
        return fault_of_token(reply, min(phase.get("error", 0) for phase in granting), accuracy)
    if reply["is"] == "refused":
        reasons = [phase["reason"] for phase in allowed if "reason" in phase]
        return fault_of_refusal(reply, [texts[reason] for reason in reasons]) if reasons else "refused where all is well"
    return "neither token nor refusal"


def judge(replies, phases, accuracy):
    texts, faults = sentences(), []
    for i, phase in enumerate(phases):
        before = phases[max(i - 1, 0)]
        counts = {}
        for reply in replies:
            if reply["got"] < phase["from"] or reply["sent"] >= phase["to"]:
                continue
            inside = reply["sent"] >= phase["come"] and reply["got"] <= phase["to"]
            after = [phases[i + 1]] if reply["got"] > phase["to"] and i + 1 < len(phases) else []
            why = fault_of(reply, [phase] if inside else [before, phase, *after], accuracy, texts)
            if why:
                faults.append(f"{phase['name']}{'' if inside else ' (coming)'}: {why}: {reply}")
            if inside:
                what = (reply["kind"], reply["is"])
                counts[what] = counts.get(what, 0) + 1
        for kind in KINDS:
            wanted = (kind, "token" if is_granted(phase) else "refused")
            if not counts.get(wanted):
                faults.append(f"{phase['name']}: no {wanted}")
        print(f"{phase['name']}: " + ", ".join(f"{num} {kind} {what}" for (kind, what), num in sorted(counts.items())))
    return faults


def run_phases(url, state, results, accuracy):
    away_from_midnight()
    load = Load(url)
    try:
        phases = go_through(url, state)
    finally:
        replies = load.stop()
        write_results(results, replies)
    faults = judge(replies, phases, accuracy)
    span = replies[-1]["got"] - replies[0]["sent"]
    print(f"{len(replies)} replies in {span:.1f} s, {len(replies) / span:.0f} a second, {len(faults)} faults")
    if faults:
        sys.exit("\n".join(faults[:20]))
    if len(replies) < 0.3 * RATE * span:
        sys.exit("too few requests: this machine is too slow for the test")


def run_load(url, results, seconds):
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    load = Load(url)
    over.wait(seconds)
    write_results(results, load.stop())


def run_span(results):
    with open(results, encoding="utf-8") as file:
        replies = [json.loads(line) for line in file]
    texts = {text: word for word, text in sentences().items()}
    bad = [reply for reply in replies if reply["is"] not in ("token", "refused")]
    if bad:
        sys.exit(f"{len(bad)} are neither: {bad[0]}")
    refused = [reply for reply in replies if reply["is"] == "refused"]
    words = sorted({word for text, word in texts.items() for reply in refused if reply["words"].startswith(text)})
    print(json.dumps({
        "tokens": len(replies) - len(refused), "refused": len(refused), "reasons": words,
        "first": min((reply["sent"] for reply in refused), default=None),
        "span": max((reply["got"] for reply in refused), default=0) - min((reply["sent"] for reply in refused), default=0),
        "ends": replies[-1]["is"],
    }))


def main():
    actions = {
        "phases": (6, lambda a: run_phases(a[0], a[1], a[2], float(a[3]))),
        "load": (5, lambda a: run_load(a[0], a[1], float(a[2]))),
        "span": (3, lambda a: run_span(a[0])),
    }
    if len(sys.argv) < 2 or sys.argv[1] not in actions or len(sys.argv) != actions[sys.argv[1]][0]:
        sys.exit(__doc__)
    actions[sys.argv[1]][1](sys.argv[2:])


if __name__ == "__main__":
    main()
