# SPDX-License-Identifier: Apache-2.0
"""Sends every case of probe_table.py to a running authority and holds what happens to the table.

usage: probe.py URL CONFIGURATION [--tls CA] [--cut] [--only TEXT]
The number of tokens in the record is what `tsa status --json` of that configuration tells ($TSA is the program). --cut sends some cases
in all ways of two pieces, and octet by octet, instead of all cases once. Exit code: 0 all is as the table says, 1 not.
"""
import argparse
import json
import os
import ssl
import subprocess
import sys
from urllib.parse import urlsplit

import probe_http
import probe_table


class Wrong(Exception):
    """Something is not as the table says."""


def expect(condition, what):
    if not condition:
        raise Wrong(what)


class Server:
    def __init__(self, url, configuration, ca=None):
        where = urlsplit(url)
        self.address = (where.hostname, where.port)
        self.status = [os.environ["TSA"], "status", "--json", "-c", configuration]
        self.tls = ssl.create_default_context(cafile=ca) if ca else None

    def connect(self):
        return probe_http.Connection(self.address, tls=self.tls)

    def records(self):
        answer = subprocess.run(self.status, check=True, capture_output=True)
        return json.loads(answer.stdout)["ledger"]["records"]


def cut(parts, at):
    """All in two pieces, the second a moment later."""
    octets = b"".join(part for part in parts if not isinstance(part, float))
    return [octets[:at], 0.001, octets[at:]]


def check_refusal(answer):
    """A refusal says that the connection ends, and in one line what to change."""
    expect(answer.closes(), f"{answer.status} without Connection: close")
    expect(answer.fields.get("content-type", "").startswith("text/plain"), f"{answer.status} is no text")
    text = answer.body.decode("ascii")
    if text or "content-length" not in answer.fields:
        expect(text.endswith("\n") and text.count("\n") == 1 and len(text) > 15, f"{answer.status} is not one line: {text!r}")


def check_fields(case, answer):
    for line in case.fields:
        name, _, value = line.partition(": ")
        expect(answer.fields.get(name.lower()) == value, f"no '{line}' but {answer.fields}")


def read_answers(connection, case):
    """All final answers that the table names, and how many interim ones came."""
    answers, num_interim = [], 0
    while len(answers) < len(case.statuses):
        answer = connection.answer(is_head=len(answers) in case.heads)
        if answer is None:
            break
        if answer.status == 100:
            num_interim += 1
        else:
            answers.append(answer)
    return answers, num_interim


def check_answers(case, answers, queries):
    statuses = tuple(answer.status for answer in answers)
    expect(statuses == case.statuses, f"answers {statuses}, not {case.statuses}: {[a.body[:100] for a in answers]}")
    for number, answer in enumerate(answers):
        is_last = not case.stays and number == len(answers) - 1
        expect(answer.version == "HTTP/1.1", f"version {answer.version}")
        if answer.status >= 400:
            check_refusal(answer)
        elif is_last and not case.shut:
            expect(answer.closes(), "the last answer does not say Connection: close")
    if answers:
        check_fields(case, answers[0])
    check_tokens(case, answers, queries)


def check_tokens(case, answers, queries):
    """Each token is for its own request, in their order, and there are as many as the table says."""
    replies = [a.body for a in answers if a.fields.get("content-type") == "application/timestamp-reply"]
    granted = [body for body in replies if probe_http.is_grant(body)]
    expect(len(granted) == case.tokens, f"{len(granted)} tokens, not {case.tokens}")
    asked = [query for letter, query in queries.items() if letter != "Y"]
    asked = asked[-len(granted) :] if case.stays else asked[: len(granted)]
    for query, body in zip(asked, granted):
        expect(query.is_granted_by(body), "an answer is for another request")


def check_end(connection, case):
    """Nothing more comes. Where the connection stays, it answers the next request, and that alone."""
    if not case.stays:
        expect(connection.is_at_end(), f"more than the answer: {connection.buffer[:200]!r}")
        return
    connection.send(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    answer = connection.answer()
    expect(answer is not None and answer.body == b"alive\n", "the connection is not open for the next request")
    expect(connection.is_at_end(), "octets after the last answer")


def run_case(server, case, pieces=None, single=0.0):
    queries = {}
    parts = probe_table.parts_of(case, queries)
    if pieces:
        parts = cut(parts, pieces)
    with server.connect() as connection:
        probe_http.send_parts(connection, parts, single)
        if case.shut:
            connection.shut()
        answers, num_interim = read_answers(connection, case)
        check_answers(case, answers, queries)
        expect(pieces or single or num_interim == case.interim, f"{num_interim} interim answers")
        check_end(connection, case)


def counted(server, case, runs):
    """Runs, and counts the record: it has grown by the tokens that were seen, by none more."""
    before = server.records()
    try:
        num = runs()
    except (probe_http.Malformed, TimeoutError, OSError) as error:
        raise Wrong(repr(error)) from error
    grown = server.records() - before
    expect(grown == num * case.tokens, f"the record grew by {grown}, not {num * case.tokens}")


def once(server, case):
    run_case(server, case)
    return 1


def in_pieces(server, case):
    size = sum(len(part) for part in probe_table.parts_of(case, {}) if not isinstance(part, float))
    for at in range(1, size):
        run_case(server, case, pieces=at)
    run_case(server, case, single=0.002)
    return size


def main():
    args = argparse.ArgumentParser()
    args.add_argument("url")
    args.add_argument("configuration")
    args.add_argument("--tls")
    args.add_argument("--cut", action="store_true")
    args.add_argument("--only", default="")
    args = args.parse_args()
    server = Server(args.url, args.configuration, args.tls)
    cases = [case for case in probe_table.CASES if args.only in case.name]
    if args.cut:
        names = probe_table.CUT + (probe_table.CUT_LONG if os.environ.get("TSA_LONG") else ())
        cases = [case for case in cases if case.name in names]
    if args.tls:  # a TLS client that half-closes is another matter
        cases = [case for case in cases if not case.shut]
    wrong = 0
    for case in cases:
        try:
            counted(server, case, lambda case=case: (in_pieces if args.cut else once)(server, case))
        except Wrong as what:
            wrong += 1
            print(f"{case.name}: {what}")
    print(f"{len(cases)} cases, {wrong} wrong")
    sys.exit(1 if wrong or not cases else 0)


main()
