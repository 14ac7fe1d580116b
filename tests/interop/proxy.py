# SPDX-License-Identifier: Apache-2.0
"""The table of tests/system/probe_table.py through a proxy, and what must hold whatever the proxy makes of a case.

usage: proxy.py URL CONFIGURATION NAME [--crowd NUM] [--only TEXT] [-v]
After each case, a second client asks through the same proxy, and so over the connections to the authority that the case has used. It holds:
- the second client gets the answer to its own request, and so does everybody else;
- the record has grown by the tokens that clients got, by none more: nothing was handled that nobody sent;
- the proxy refuses the case itself, or the authority judges what comes as it would have judged the case. Where more is answered than
  without the proxy, proxy_mends.py has the case: the proxy makes something well-formed of it and sends that on.
With --crowd, so many others ask all the time, each on a connection of its own that it keeps; then the record is not counted.
NAME is the proxy's, as proxy_mends.py has it. Exit code: 0 all of this holds, 1 not.
"""
import argparse
import json
import os
import subprocess
import sys
import threading
import time
from urllib.parse import urlsplit

import proxy_mends

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../system"))
import probe_http  # noqa: E402
import probe_table  # noqa: E402

VERDICTS = {
    "same": "as without the proxy",
    "kept": "as without the proxy, which however keeps the client's connection, so that the glued request may be answered too",
    "refused": "the proxy has refused it, or what follows, or closed before",
    "mended": "the proxy has made something well-formed of it, as proxy_mends.py knows of it",
    "wrong": "something does not hold",
}
QUIET = 0.5  # seconds after which a proxy is taken to wait for more octets


class Wrong(Exception):
    """Something does not hold."""


class Proxy:
    def __init__(self, url, configuration):
        where = urlsplit(url)
        self.address = (where.hostname, where.port)
        self.status = [os.environ["TSA"], "status", "--json", "-c", configuration]

    def connect(self):
        return probe_http.Connection(self.address)

    def records(self):
        answer = subprocess.run(self.status, check=True, capture_output=True)
        return json.loads(answer.stdout)["ledger"]["records"]


# Behind everything else, so that a connection that lives on ends.
LAST = b"GET /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


def read_all(connection, case):
    """Every final answer until the end, that to LAST left out. A proxy that waits for more gets the end of the input instead."""
    answers = []
    while True:
        if connection.is_quiet(QUIET):
            connection.shut()
        try:
            answer = connection.answer(is_head=len(answers) in case.heads)
        except probe_http.Malformed:
            if case.is_old:  # the proxy speaks HTTP/0.9
                return answers
            if answers and answers[-1].status >= 400 and len(answers) - 1 in case.heads:
                return answers  # HAProxy's own refusals have a body where a HEAD could not be read, and are its last words
            raise
        if answer is None or answer.body == b"ready\n":
            return answers
        if answer.status >= 200:
            answers.append(answer)


def send_case(proxy, case):
    """The answers to a case and its glued request, and the queries that were in them."""
    queries = {}
    parts = probe_table.parts_of(case, queries)
    with proxy.connect() as connection:
        probe_http.send_parts(connection, parts)
        if case.shut:
            connection.shut()
        else:
            connection.send(LAST)
        return read_all(connection, case), queries


def check_own(answers, queries):
    """Tokens are for queries of this client alone, in the order in which it asked. Returns the letters of those."""
    left = list(queries.items())
    won = ""
    for answer in answers:
        if not probe_http.is_grant(answer.body):
            continue
        while left and not left[0][1].is_granted_by(answer.body):
            left.pop(0)
        if not left:
            raise Wrong("a token for somebody else, or out of order")
        won += left.pop(0)[0]
    return won


def check_second(proxy):
    """Somebody else asks, and gets his own."""
    queries = {}
    with proxy.connect() as connection:
        connection.send(probe_http.fill(probe_table.WHOLE, queries))
        answer = connection.answer()
        if answer is None or answer.status != 200 or not queries["A"].is_granted_by(answer.body):
            raise Wrong(f"the second client got {answer and (answer.status, answer.body[:80])}")
        if not connection.is_quiet(0.0):
            raise Wrong("the second client got more than its answer")


def judge(case, statuses, won, name):
    """Whether the proxy has changed the verdict, and how: see VERDICTS."""
    own = len(case.statuses)
    if statuses == case.statuses and len(won) == case.tokens:
        return "same"
    if not case.stays and own and statuses[:own] == case.statuses and won in (case.own_tokens(), case.own_tokens() + "Z"):
        return "kept"
    ends_early = statuses == case.statuses[: len(statuses)] or max(statuses) >= 400
    if case.own_tokens().startswith(won.rstrip("Z")) and len(won) <= case.tokens and ends_early:
        return "refused"
    if case.name in proxy_mends.NAMES[name]:
        return "mended"
    raise Wrong(f"answers {statuses}, tokens for '{won}'; without the proxy {case.statuses} and {case.tokens}")


def run_case(proxy, case, name, counts=True):
    before = proxy.records() if counts else 0
    try:
        answers, queries = send_case(proxy, case)
        won = check_own(answers, queries)
        check_second(proxy)
    except (probe_http.Malformed, TimeoutError, OSError) as error:
        raise Wrong(repr(error)) from error
    grown = proxy.records() - before if counts else 0
    if counts and grown != len(won) + 1:
        raise Wrong(f"the record grew by {grown}, clients got {len(won)} and 1")
    statuses = tuple(answer.status for answer in answers)
    return judge(case, statuses, won, name), statuses


class Crowd:
    """Clients that ask without end, and want nothing but the answers to their own questions."""

    def __init__(self, proxy, num):
        self.proxy = proxy
        self.wrong = []
        self.num_answers = 0
        self.going = True
        self.threads = [threading.Thread(target=self._ask) for _ in range(num)]
        for thread in self.threads:
            thread.start()

    def _ask(self):
        try:
            with self.proxy.connect() as connection:
                while self.going:
                    queries = {}
                    connection.send(probe_http.fill(probe_table.WHOLE, queries))
                    answer = connection.answer()
                    if answer is None or answer.status != 200 or not queries["A"].is_granted_by(answer.body):
                        raise Wrong(f"one of the crowd got {answer and (answer.status, answer.body[:80])}")
                    self.num_answers += 1
                    time.sleep(0.005)
        except (Wrong, probe_http.Malformed, TimeoutError, OSError) as error:
            self.wrong.append(repr(error))

    def end(self):
        self.going = False
        for thread in self.threads:
            thread.join()


def main():
    args = argparse.ArgumentParser()
    args.add_argument("url")
    args.add_argument("configuration")
    args.add_argument("name")
    args.add_argument("--crowd", type=int, default=0)
    args.add_argument("--only", default="")
    args.add_argument("-v", action="store_true")
    args = args.parse_args()
    proxy = Proxy(args.url, args.configuration)
    unknown = proxy_mends.NAMES[args.name] - {case.name for case in probe_table.CASES}
    if unknown:
        sys.exit(f"proxy_mends.py names what is no case: {unknown}")
    counts = dict.fromkeys(VERDICTS, 0)
    crowd = Crowd(proxy, args.crowd)
    for case in probe_table.CASES:
        if args.only not in case.name:
            continue
        try:
            verdict, statuses = run_case(proxy, case, args.name, counts=not args.crowd)
        except Wrong as what:
            verdict, statuses = "wrong", what
        counts[verdict] += 1
        if args.v or verdict == "wrong":
            print(f"{verdict}: {case.name}: {statuses}", flush=True)
    crowd.end()
    for what in crowd.wrong:
        print(what)
    if args.crowd:
        print(f"{crowd.num_answers} answers to the crowd")
    print(", ".join(f"{num} {verdict}" for verdict, num in counts.items()))
    sys.exit(1 if counts["wrong"] or crowd.wrong or not counts["same"] else 0)


main()
