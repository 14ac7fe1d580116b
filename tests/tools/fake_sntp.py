#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Several time servers in one process, each as right or as wrong as a small JSON file says (RFC 5905).

    fake_sntp.py FILE READY

FILE is read again at each request, so a test changes it (by a rename) while the servers run:

    {"servers": [{"address": "127.0.0.11", "port": 0, "offset": 3600.0}, ...]}

address and port hold from the start (port 0: any free one). All else may change, in seconds where it is a time:
    offset 0           of its clock to this machine's
    drift 0            parts per million that its clock gains since the start of this program
    jitter 0           offset changes by up to so much, at random, from answer to answer
    root_delay 0.001   root_dispersion 0.0005   stratum 2   precision -20   leap 0   refid "192.0.2.123"
    drop false         no answer at all; a number: that share of the questions is not answered
    kiss ""            a kiss code ("RATE", "DENY") instead of the time
    origin true        false: the answer is to a question that nobody asked
    version 4, mode 4, length 48   of the answer; more than 48: zeros follow
    delay 0            the answer waits so long; back_delay 0: the same, after its clock was read
    port_shift 0       1: the answer comes from another port

READY is there once all listen, and has a line "ADDRESS:PORT" for each server. One line on standard output for each question: number of the
server, and what was done.
"""
import heapq
import json
import os
import random
import select
import socket
import struct
import sys
import time

NTP_1970 = 2208988800
UNIT = 1 << 32


def ntp(seconds_ns):
    """64 bits of the current era."""
    whole, rest = divmod(seconds_ns, 10**9)
    return ((whole + NTP_1970) % UNIT) << 32 | rest * UNIT // 10**9


def short(seconds):
    return max(0, min(UNIT - 1, round(seconds * 65536)))


def refid(text, stratum):
    if stratum <= 1:
        return text.encode()[:4].ljust(4, b"\0")
    return socket.inet_aton(text)


class Server:
    def __init__(self, config):
        family = socket.AF_INET6 if ":" in config["address"] else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.bind((config["address"], config.get("port", 0)))
        self.other = socket.socket(family, socket.SOCK_DGRAM)
        self.other.bind((config["address"], 0))
        self.address = config["address"]
        self.port = self.socket.getsockname()[1]

    def name(self):
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


def clock_ns(config, start):
    now = time.time_ns()
    wrong = config.get("offset", 0) + (time.monotonic() - start) * config.get("drift", 0) / 1e6
    return now + round((wrong + random.uniform(-1, 1) * config.get("jitter", 0)) * 1e9)


def answer(question, config, received, sent):
    kiss = config.get("kiss", "")
    stratum = 0 if kiss else config.get("stratum", 2)
    origin = struct.unpack_from("!Q", question, 40)[0]
    if not config.get("origin", True):
        origin ^= 1 << 17
    reply = struct.pack(
        "!BBbbII4sQQQQ",
        config.get("leap", 0) << 6 | config.get("version", 4) << 3 | config.get("mode", 4),
        stratum, 6, config.get("precision", -20),
        short(config.get("root_delay", 0.001)), short(config.get("root_dispersion", 0.0005)),
        refid(kiss or config.get("refid", "GPS" if stratum == 1 else "192.0.2.123"), stratum),
        ntp(received - 30 * 10**9), origin, ntp(received), ntp(sent))
    return reply.ljust(config.get("length", 48), b"\0")[:config.get("length", 48)]


class Town:
    def __init__(self, path):
        self.path = path
        self.start = time.monotonic()
        self.servers = [Server(config) for config in self.read()]
        self.waiting = []  # (when, number, socket, reply, to)
        self.number = 0

    def read(self):
        with open(self.path, encoding="utf-8") as file:
            return json.load(file)["servers"]

    def later(self, seconds, action):
        self.number += 1
        heapq.heappush(self.waiting, (time.monotonic() + seconds, self.number, action))

    def take(self, index):
        server = self.servers[index]
        question, to = server.socket.recvfrom(2048)
        config = self.read()[index]
        if len(question) < 48 or random.random() < float(config.get("drop", False)):
            print(index, "dropped", flush=True)
            return
        received = clock_ns(config, self.start)
        out = server.other if config.get("port_shift", 0) else server.socket

        def send():
            reply = answer(question, config, received, clock_ns(config, self.start))
            self.later(config.get("back_delay", 0), lambda: out.sendto(reply, to))

        print(index, "answered", flush=True)
        self.later(config.get("delay", 0), send)

    def run(self):
        sockets = {server.socket: index for index, server in enumerate(self.servers)}
        while True:
            wait = max(0, self.waiting[0][0] - time.monotonic()) if self.waiting else None
            for ready in select.select(list(sockets), [], [], wait)[0]:
                self.take(sockets[ready])
            while self.waiting and self.waiting[0][0] <= time.monotonic():
                heapq.heappop(self.waiting)[2]()


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    town = Town(sys.argv[1])
    with open(sys.argv[2] + ".part", "w", encoding="utf-8") as file:
        file.writelines(server.name() + "\n" for server in town.servers)
    os.rename(sys.argv[2] + ".part", sys.argv[2])
    town.run()


main()
