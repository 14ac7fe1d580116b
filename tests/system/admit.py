# SPDX-License-Identifier: Apache-2.0
"""Connects from addresses of this machine's loopback network, as so many clients.

usage: admit.py hold URL SOURCE NUM      opens so many connections at once; prints the status of GET /healthz on each; keeps them until its standard
                                         input ends
       admit.py asks URL SOURCE NUM      sends so many requests as fast as they are answered, each on a connection of its own; prints how many
                                         got which status, and the seconds
       admit.py octets URL SOURCE        sends standard input, then GET /healthz; prints the status, or "closed" when there is none
"""
import collections
import socket
import sys
import time
from urllib.parse import urlsplit

REQUEST = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"


def connect(url, source):
    where = urlsplit(url)
    client = socket.create_connection((where.hostname, where.port), 10, (source, 0))
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def status(client):
    """Three digits, or "closed" when the server closes without a word."""
    answer = b""
    try:
        while b"\r\n\r\n" not in answer:
            piece = client.recv(4096)
            if not piece:
                return "closed"
            answer += piece
    except ConnectionResetError:
        return "closed"
    return answer.split()[1].decode()


def ask(client, octets=b""):
    try:
        client.sendall(octets + REQUEST)
    except (ConnectionResetError, BrokenPipeError):
        pass  # what it said before it closed is still to be read
    return status(client)


def hold(url, source, num):
    clients = [connect(url, source) for _ in range(num)]
    print(" ".join(ask(client) for client in clients), flush=True)
    sys.stdin.read()


def asks(url, source, num):
    counts = collections.Counter()
    begin = time.monotonic()
    for _ in range(num):
        with connect(url, source) as client:
            counts[ask(client)] += 1
    seconds = time.monotonic() - begin
    print(*(f"{code}={counts[code]}" for code in sorted(counts)), f"seconds={seconds:.3f}")


def main():
    what, url, source = sys.argv[1:4]
    if what == "hold":
        hold(url, source, int(sys.argv[4]))
    elif what == "asks":
        asks(url, source, int(sys.argv[4]))
    elif what == "octets":
        print(ask(connect(url, source), sys.stdin.buffer.read()))
    else:
        sys.exit(__doc__)


main()
