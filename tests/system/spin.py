# SPDX-License-Identifier: Apache-2.0
"""Puts connections in place, and tells what they cost the fronts while nothing happens on them, and after their clients have left.

usage: spin.py PLAIN TLS METRICS FRONT-PIDS SECONDS KIND...
KIND is one of KINDS, or "rest" or "asking": all of them at the same time. Prints JSON: processor time in milliseconds, and how often a front
has woken, both of all fronts together. A front that turns in its loop is on a processor all the time; one that wakes and finds nothing to do
shows in the second number.
"""
import json
import os
import socket
import ssl
import struct
import sys
import time

import crowd

NUM = 3  # connections of a kind
PROXY_FROM = "127.0.0.8"  # from where a connection begins with a PROXY header
PROXY = b"PROXY TCP4 192.0.2.1 192.0.2.2 1024 443\r\n"
HALF_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"  # of the 512 octets that it announces
HALF_RECORD = b"\x17\x03\x03\x00\x40abc"  # of 64 octets
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/timestamp-query\r\n"
PAGE = b"GET /chain.pem HTTP/1.1\r\nHost: a\r\n\r\n"
UNREAD = PAGE * 1000  # more than the front takes in


def connect(where, source=None, small=False):
    client = socket.socket()
    if small:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    if source:
        client.bind((source, 0))
    host, _, port = where.rpartition(":")
    client.connect((host, int(port)))
    client.settimeout(10)
    return client


def fill(client, octets):
    """Sends until nobody takes any more."""
    client.settimeout(0.2)
    try:
        client.sendall(octets)
    except (TimeoutError, ssl.SSLWantWriteError):
        pass


def plain(octets, **more):
    def make(places):
        client = connect(places["plain"], **more)
        fill(client, octets)
        return client
    return make


def answered(places):
    client = connect(places["plain"])
    client.sendall(crowd.LOOK)
    assert client.recv(4096).startswith(b"HTTP/1.1 200")
    return client


def watched(places):
    return connect(places["metrics"])


def half_closed(make):
    def shut(places):
        client = make(places)
        socket.socket.shutdown(client, socket.SHUT_WR)  # of TCP; TLS is not told
        return client
    return shut


def secure(octets, raw=b"", **more):
    """A handshake, octets within it, and raw ones behind it."""
    def make(places):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        client = context.wrap_socket(connect(places["tls"], **more))
        fill(client, octets)
        if raw:
            os.write(client.fileno(), raw)
        return client
    return make


def raw_secure(octets, **more):
    def make(places):
        client = connect(places["tls"], **more)
        fill(client, octets)
        return client
    return make


HALF_BODY = POST + b"Content-Length: 100\r\n\r\nabc"
REST = {
    "silent": plain(b""),
    "half a head": plain(b"POST / HTTP/1.1\r\nHost: a"),
    "half a body": plain(HALF_BODY),
    "half a chunk": plain(POST + b"Transfer-Encoding: chunked\r\n\r\n40\r\nabc"),
    "100-continue": plain(POST + b"Expect: 100-continue\r\nContent-Length: 100\r\n\r\n"),
    "answered": answered,
    "a pipeline that nobody reads": plain(UNREAD, small=True),
    "pages that nobody reads, half closed": half_closed(plain(PAGE * 60, small=True)),
    "the watch": watched,
    "no PROXY header": plain(b"", source=PROXY_FROM),
    "half a PROXY header": plain(PROXY[:20], source=PROXY_FROM),
    "half a PROXY header of version 2": plain(b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0", source=PROXY_FROM),
    "a PROXY header and half a head": plain(PROXY + b"GET / HT", source=PROXY_FROM),
    "a PROXY header and half a ClientHello": raw_secure(PROXY + HALF_HELLO, source=PROXY_FROM),
    "no ClientHello": raw_secure(b""),
    "half a ClientHello": raw_secure(HALF_HELLO),
    "a handshake": secure(b""),
    "a handshake and half a record": secure(b"", HALF_RECORD),
    "half a head over TLS": secure(b"GET / HT"),
    "a pipeline over TLS that nobody reads": secure(UNREAD, small=True),
    "pages over TLS that nobody reads, half closed": half_closed(secure(PAGE * 60, small=True)),
}
# Who waits for an answer, as long as the issuer stands still.
ASKING = {
    "a question": plain(crowd.request()),
    "a question, half closed": half_closed(plain(crowd.request())),
    "a pipeline of questions": plain(crowd.request() * 1000),
    "a pipeline of questions, half closed": half_closed(plain(crowd.request() * 20)),
    "a question and half another": plain(crowd.request() + HALF_BODY),
    "a question over TLS": secure(crowd.request()),
    "a question over TLS, half closed": half_closed(secure(crowd.request())),
    "a pipeline of questions over TLS": secure(crowd.request() * 1000),
}
KINDS = {**REST, **ASKING}


def cost(pids):
    """Clock ticks and voluntary switches of all of them."""
    ticks = wakes = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            wakes += next(int(line.split()[1]) for line in file if line.startswith("voluntary_ctxt_switches"))
    return ticks, wakes


def measure(pids, seconds):
    before = cost(pids)
    time.sleep(seconds)
    after = cost(pids)
    return {"ms": (after[0] - before[0]) * 1000 // os.sysconf("SC_CLK_TCK"), "wakes": after[1] - before[1]}


def leave(clients):
    """In three ways: an end, a reset, half an end."""
    for number, client in enumerate(clients):
        if number % 3 == 2:
            socket.socket.shutdown(client, socket.SHUT_WR)
            continue
        if number % 3 == 1:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()


def main():
    places = dict(zip(("plain", "tls", "metrics"), sys.argv[1:4]))
    pids, seconds = sys.argv[4].split(","), float(sys.argv[5])
    kinds = {"rest": REST, "asking": ASKING}.get(sys.argv[6], sys.argv[6:])
    clients = [KINDS[kind](places) for kind in kinds for _ in range(NUM)]
    time.sleep(0.5)
    there = measure(pids, seconds)
    leave(clients)
    time.sleep(0.5)
    print(json.dumps({"clients": len(clients), "there": there, "left": measure(pids, seconds)}))


main()
