# SPDX-License-Identifier: Apache-2.0
"""One check of deadlines and limits that were set small: usage: limits.py CHECK HOST:PORT [CA]. With CA, over TLS.

The settings are those of limits.bats. Times are bounded from below closely, since nobody may be cut off early, and from above with
plenty of room, since the machine may be busy.
"""
import ssl
import sys
import time

import probe_http
import probe_table

LATE = 8  # seconds that a busy machine may add
GET = probe_table.GET + b"\r\n"


class Client(probe_http.Connection):
    def __init__(self, where, ca):
        host, _, port = where.rpartition(":")
        super().__init__((host, int(port)), tls=ssl.create_default_context(cafile=ca) if ca else None)
        self.born = time.monotonic()

    def expect_answer(self, status, closes):
        answer = self.answer()
        assert answer is not None, "the end, and no answer"
        assert answer.status == status, f"{answer.status}, not {status}: {answer.body[:100]}"
        assert answer.closes() == closes, f"Connection: {answer.fields.get('connection')}"
        return answer

    def expect_end(self, since, seconds):
        assert self.is_at_end(), f"octets before the end: {self.buffer[:100]}"
        lasted = time.monotonic() - since
        assert seconds - 0.1 <= lasted <= seconds + LATE, f"the end after {lasted:.2f} s, not {seconds}"

    def drip(self, octets, seconds):
        """An octet every 100 ms until something comes back."""
        while self.is_quiet(0.1):
            self.send(octets)
            assert time.monotonic() - self.born <= seconds + LATE, "nothing comes back"
        lasted = time.monotonic() - self.born
        assert lasted >= seconds - 0.1, f"cut off after {lasted:.2f} s, not {seconds}"


def header(client):
    """A head that drips is over after its second, however lively it drips."""
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nX: ")
    client.drip(b"x", 1)
    client.expect_answer(408, True)


def header_of_second(client):
    """The next head of a connection has a second of its own, from its first octet."""
    client.send(GET)
    client.expect_answer(200, False)
    client.born = time.monotonic()
    client.send(b"GET / HT")
    client.drip(b"x", 1)
    client.expect_answer(408, True)


def body(client):
    client.send(probe_table.POST + b"Content-Length: 1000\r\n\r\n")
    client.drip(b"x", 2)
    client.expect_answer(408, True)


def chunks(client):
    client.send(probe_table.POST + probe_table.TE + b"\r\n3e8\r\n")
    client.drip(b"x", 2)
    client.expect_answer(408, True)


def silence(client):
    """Who says nothing is told nothing."""
    client.expect_end(client.born, 1)


def idle(client):
    """Between two requests there are 2 s, and then the end, without a word."""
    client.send(GET)
    client.expect_answer(200, False)
    client.expect_end(time.monotonic(), 2)


def life(client):
    """However busy, a connection is over after 5 s, and not much before; who asks steadily is told so in time."""
    heard = client.born
    while True:
        asked = time.monotonic()
        client.send(GET)
        answer = client.answer()
        if answer is None and asked - heard > 0.45:  # a busy machine has not let us ask steadily
            break
        assert answer is not None, "closed without a word"
        heard = time.monotonic()
        assert answer.status == 200
        assert heard - client.born <= 5 + LATE, "the connection is older than it may be"
        if answer.closes():
            break
        time.sleep(0.3)
    assert time.monotonic() - client.born >= 4.4, "closed before its time"
    assert client.is_at_end()


def requests(client):
    """The 20th request is the last one; what is sent behind it is not looked at."""
    queries = {}
    client.send(GET * 19 + probe_http.fill(probe_table.WHOLE + probe_table.HIDDEN, queries))
    for _ in range(19):
        client.expect_answer(200, False)
    answer = client.expect_answer(200, True)
    assert queries["A"].is_granted_by(answer.body), "no token"
    assert client.is_at_end()


def pipeline(client):
    """More than may wait at the same time are answered one after the other, in order."""
    queries = {}
    client.send(probe_http.fill(b"".join(probe_table.POST + probe_table.CL + b"\r\n<%c>" % letter for letter in b"ABCDEFGH"), queries))
    for query in queries.values():
        assert query.is_granted_by(client.expect_answer(200, False).body), "out of order"


def sizes(client):
    """Each limit at its edge, in this connection and in one more."""
    line = b"GET /healthz?%s HTTP/1.1\r\n"
    head = b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: %s\r\n\r\n"
    for octets in (
        line % (b"x" * (256 - len(line) + 4)) + b"Host: a\r\n\r\n", head % (b"y" * (1024 - len(head) + 2)),
        b"GET /healthz HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 7 + b"\r\n", probe_table.POST + b"Content-Length: 1024\r\n\r\n" + b"\0" * 1024,
    ):
        client.send(octets)
        client.expect_answer(200, False)
    sys.stdout.write("inside\n")


def beyond(client):
    """One more than allowed; the last argument says of what."""
    line = b"GET /healthz?%s HTTP/1.1\r\n"
    head = b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: %s\r\n\r\n"
    octets, status = {
        "line": (line % (b"x" * (257 - len(line) + 4)) + b"Host: a\r\n\r\n", 414),
        "head": (head % (b"y" * (1025 - len(head) + 2)), 431),
        "fields": (b"GET /healthz HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 8 + b"\r\n", 431),
        "body": (probe_table.POST + b"Content-Length: 1025\r\n\r\n", 413),
        "chunks": (probe_table.POST + probe_table.TE + b"\r\n401\r\n", 413),
    }[sys.argv[-1]]
    client.send(octets)
    client.expect_answer(status, True)
    assert client.is_at_end()


CHECKS = {check.__name__: check for check in (header, header_of_second, body, chunks, silence, idle, life, requests, pipeline, sizes, beyond)}

with Client(sys.argv[2], sys.argv[3] if len(sys.argv) > 3 and sys.argv[3].endswith(".pem") else None) as connection:
    CHECKS[sys.argv[1]](connection)
