# SPDX-License-Identifier: Apache-2.0
"""Sends what it reads from standard input to a server, as it is, and prints what comes back until the server closes.

usage: raw.py URL [--single] [--shut] [--wait SECONDS] [--slow SECONDS]
--single sends one octet in each packet, --shut closes the write end after it, --wait gives up listening after so
many seconds (default 3), --slow sends an x every so many seconds until the server closes.
Exit code: 0 the server closed, 2 it did not.
"""
import argparse
import select
import socket
import sys
import time
from urllib.parse import urlsplit


def main():
    args = argparse.ArgumentParser()
    args.add_argument("url")
    args.add_argument("--single", action="store_true")
    args.add_argument("--shut", action="store_true")
    args.add_argument("--wait", type=float, default=3)
    args.add_argument("--slow", type=float, default=0)
    args = args.parse_args()
    where = urlsplit(args.url)
    data = sys.stdin.buffer.read()
    client = socket.create_connection((where.hostname, where.port))
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for piece in [data[i:i + 1] for i in range(len(data))] if args.single else [data]:
        client.sendall(piece)
    if args.shut:
        client.shutdown(socket.SHUT_WR)
    end = time.monotonic() + args.wait
    while time.monotonic() < end:
        readable, _, _ = select.select([client], [], [], args.slow or end - time.monotonic())
        if readable:
            answer = client.recv(65536)
            if not answer:
                sys.exit(0)
            sys.stdout.buffer.write(answer)
            sys.stdout.flush()
        elif args.slow:
            client.send(b"x")
    sys.exit(2)


try:
    main()
except (ConnectionResetError, BrokenPipeError):
    sys.exit(0)
