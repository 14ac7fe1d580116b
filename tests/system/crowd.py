#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
Many connections to one server that behave badly, or do nothing, or ask; what becomes of them is printed as JSON.

  crowd.py slow URL     clients that are never done, some of each kind; how long the server bears each of them
  crowd.py watch URL    somebody else's clients: how long the server bears each
  crowd.py idle URL     connections that rest; what they cost in memory, and how soon a new one is answered
  crowd.py elbow URL    idle connections that come when there is no room; who gives way
  crowd.py cap URL      more connections than one address may have
  crowd.py ask URL      requests for timestamps at a steady rate, from one address or several
  crowd.py burst URL    requests as fast as they come, from one address: how many are granted, refused, told when to come back

One process and one event loop for a whole crowd. When a connection has ended is seen at the server's own end of it (/proc/net/tcp), not
at ours: a client that does not read is never told, and one that is told may stay. So the server must be on this machine, over IPv4.
"""
import argparse
import collections
import concurrent.futures
import json
import os
import re
import resource
import selectors
import socket
import sys
import time
from urllib.parse import urlsplit

PENDING_MAX = 200  # connections that are being opened at the same time
WATCH_EVERY = 0.25
CONNECT_WITHIN = 20
LOOK = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"


def query():
    """An RFC 3161 request over a random SHA-256 imprint, with a nonce, asking for the certificates."""
    nonce = bytes([os.urandom(1)[0] & 0x3F | 0x40]) + os.urandom(7)
    imprint = bytes.fromhex("3031300d060960864801650304020105000420") + os.urandom(32)
    inner = b"\x02\x01\x01" + imprint + b"\x02\x08" + nonce + b"\x01\x01\xff"
    return bytes([0x30, len(inner)]) + inner


def request(close=False):
    body = query()
    head = f"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/timestamp-query\r\nContent-Length: {len(body)}\r\n"
    return (head + ("Connection: close\r\n" if close else "") + "\r\n").encode() + body


def is_granted(body):
    """TimeStampResp: SEQUENCE (long form) of SEQUENCE of INTEGER 0 (granted)."""
    return body[:2] == b"\x30\x82" and body[4:9] == b"\x30\x03\x02\x01\x00"


def figures(seconds):
    """Of a list of seconds: their milliseconds."""
    if not seconds:
        return None
    s = sorted(seconds)
    return {name: round(s[min(len(s) - 1, int(len(s) * part))] * 1000, 2)
            for name, part in (("min", 0), ("p50", 0.5), ("p99", 0.99), ("max", 1))}


def raise_limit():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def address_of(url):
    where = urlsplit(url if "//" in url else "//" + url)
    return where.hostname, where.port


# ---- clients that are never done -----------------------------------------------------------------------
# A script yields what is sent at once, then what is sent at each further beat; None sends nothing.

def silent():
    while True:
        yield None


def slow_header():
    yield b"POST / HTTP/1.1\r\nHost: a\r\nX-Slow: "
    while True:
        yield b"a"


def slow_body():
    yield b"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/timestamp-query\r\nContent-Length: 9000\r\n\r\n"
    while True:
        yield b"\x30"


def slow_chunks():
    yield b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    while True:
        yield b"1\r\na\r\n"


def slow_both():
    """As slow as each deadline allows, one after the other."""
    yield b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9000\r\nX-Slow: "
    for _ in range(3):
        yield b"a"
    yield b"\r\n\r\n"
    while True:
        yield b"\x30"


def slow_read():
    """More answers than all buffers on the way hold, of which one octet is read at each beat."""
    yield b"GET /chain.pem HTTP/1.1\r\nHost: a\r\n\r\n" * 2000
    while True:
        yield None


def slow_greed():
    """The same with timestamps, each of which costs a signature."""
    yield request() * 1000
    while True:
        yield None


def many_ranges():
    ranges = ",".join(f"5-{i}" for i in range(1200))
    yield f"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nRange: bytes=0-,{ranges}\r\n\r\n".encode()
    while True:
        yield None


def asked_once():
    yield request()
    while True:
        yield None


def looked_once():
    yield LOOK
    while True:
        yield None


def half_head():
    yield b"POST / HTTP/1.1\r\nHost: a\r\nX-Half: " + b"a" * 100
    while True:
        yield None


def slow_handshake():
    """A TLS record that says it has 512 octets, and the begin of a ClientHello (RFC 8446 4.1.2)."""
    yield b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
    while True:
        yield b"a"


def slow_proxy():
    yield b"PROXY TCP4 192.0.2.1 "
    for _ in range(40):
        yield b"1"
    while True:
        yield None


KINDS = {
    "silent": silent, "header": slow_header, "body": slow_body, "chunks": slow_chunks, "both": slow_both, "read": slow_read, "greed": slow_greed,
    "range": many_ranges, "asked": asked_once, "looked": looked_once, "half": half_head, "handshake": slow_handshake, "proxy": slow_proxy,
}
ASKS = {"asked", "looked"}  # kinds that ask once, well
SIPS = {"read", "greed"}  # kinds that read an octet at a time


class Client:
    __slots__ = ("kind", "script", "socket", "port", "born", "answered", "told", "gone", "unsent", "head", "failed")

    def __init__(self, kind):
        self.kind, self.script = kind, KINDS[kind]()
        self.socket = self.port = self.answered = self.told = self.gone = self.failed = None
        self.unsent, self.head = b"", b""

    def connect(self, address, source):
        self.socket = socket.socket()
        self.socket.setblocking(False)
        if self.kind in SIPS:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
        if source:
            self.socket.bind((source, 0))
        self.born = time.monotonic()
        try:
            self.socket.connect(address)
        except BlockingIOError:
            pass

    def beat(self):
        """The next thing to send; what the socket does not take is kept for the next beat."""
        if self.kind in SIPS:
            try:
                self.socket.recv(1)
            except BlockingIOError:
                pass
        if not self.unsent:
            self.unsent = next(self.script) or b""
        if self.unsent:
            try:
                self.unsent = self.unsent[self.socket.send(self.unsent):]
            except BlockingIOError:
                pass


class Watch:
    """The server's own ends of its connections."""

    def __init__(self, address):
        self.row = re.compile(rb"^ *\d+: 0100007F:%04X [0-9A-F]{8}:([0-9A-F]{4}) (..) ([0-9A-F]{8}):\S+ \S+ \S+ +\d+ +\d+ (\d+)"
                              % address[1], re.M)

    def rows(self):
        """Port of the client and octets not sent, of the connections of which the server has not let go (one not yet accepted is one)."""
        with open("/proc/net/tcp", "rb") as rows:
            return {int(port, 16): int(unsent, 16) for port, state, unsent, inode in self.row.findall(rows.read())
                    if port != b"0000" and (state in (b"01", b"03", b"08") or inode != b"0")}


class Crowd:
    """Opens connections, beats each of them once in an interval, and notes when each was answered, told to go, and gone."""

    def __init__(self, address, interval=1.0, source=None):
        self.address, self.interval, self.source = address, interval, source
        self.selector = selectors.EpollSelector()
        self.clients, self.beats, self.by_port = [], collections.deque(), {}
        self.num_pending = 0
        self.next_watch = 0.0
        self.server = Watch(address)

    def open(self, client):
        self.clients.append(client)
        client.connect(self.address, self.source)
        self.selector.register(client.socket, selectors.EVENT_WRITE, client)
        self.num_pending += 1

    def turn(self, timeout):
        for key, _ in self.selector.select(timeout):
            if key.data.port is None:
                self.on_connected(key.data)
            else:
                self.on_readable(key.data)
        now = time.monotonic()
        while self.beats and self.beats[0][0] <= now:
            self.on_beat(self.beats.popleft()[1])
        if now >= self.next_watch:
            self.next_watch = now + WATCH_EVERY
            self.watch()

    def on_connected(self, client):
        self.num_pending -= 1
        error = client.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            client.failed = os.strerror(error)
            self.selector.unregister(client.socket)
            client.socket.close()
            return
        client.port = client.socket.getsockname()[1]
        self.by_port[client.port] = client
        if client.kind in SIPS:
            self.selector.unregister(client.socket)
        else:
            self.selector.modify(client.socket, selectors.EVENT_READ, client)
        self.on_beat(client)

    def on_beat(self, client):
        if client.gone is not None:
            return
        try:
            client.beat()
        except OSError:
            return  # reset; the watch sees when it is gone
        self.beats.append((time.monotonic() + self.interval, client))

    def on_readable(self, client):
        try:
            data = client.socket.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            client.told = time.monotonic() - client.born
            self.selector.unregister(client.socket)
            return
        if client.answered is None:
            client.answered = time.monotonic() - client.born
        if len(client.head) < 64:
            client.head += data[:64]

    def watch(self):
        held, now = self.server.rows(), time.monotonic()
        for port in [port for port in self.by_port if port not in held]:
            client = self.by_port.pop(port)
            client.gone = now - client.born

    def fill(self, kinds, num, until=None):
        """Opens num of each kind, mixed, some at a time; goes on for at most CONNECT_WITHIN seconds, or until a moment."""
        until = until or time.monotonic() + CONNECT_WITHIN
        for i in range(num):
            for kind in kinds:
                self.open(Client(kind))
                while self.num_pending >= PENDING_MAX and time.monotonic() < until:
                    self.turn(0.01)
            if i % 16 == 0:
                self.turn(0)
        while self.num_pending and time.monotonic() < until:
            self.turn(0.01)

    def hold(self, seconds):
        """Goes on until all are gone, or so many seconds."""
        end = time.monotonic() + seconds
        while self.by_port and time.monotonic() < end:
            self.turn(0.05)

    def close(self):
        for client in self.clients:
            client.socket.close()

    def tell(self):
        told = {}
        for kind in dict.fromkeys(c.kind for c in self.clients):
            some = [c for c in self.clients if c.kind == kind]
            told[kind] = {
                "tried": len(some),
                "failed": sum(c.port is None for c in some),
                "left": sum(c.port is not None and c.gone is None for c in some),
                "answers": collections.Counter(c.head[:12].decode("latin-1") for c in some if c.head),
                "answered": figures([c.answered for c in some if c.answered is not None]),
                "told": figures([c.told for c in some if c.told is not None]),
                "gone": figures([c.gone for c in some if c.gone is not None]),
                "rested": figures([c.told - c.answered for c in some if c.told is not None and c.answered is not None]),
            }
        return told


# ---- one request, and many ------------------------------------------------------------------------------

class Reply:
    def __init__(self, status, fields, body):
        self.status, self.fields, self.body = status, fields, body


def receive(connection):
    """Status, fields (lower case), and body of one answer with a Content-Length."""
    data = b""
    while b"\r\n\r\n" not in data:
        if not (piece := connection.recv(65536)):
            raise ConnectionError("closed without an answer" if not data else "closed within the head")
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    while len(body) < int(fields.get("content-length", 0)):
        if not (piece := connection.recv(65536)):
            raise ConnectionError("closed within the body")
        body += piece
    return Reply(int(lines[0].split()[1]), fields, body)


def dial(address, source=None, timeout=10):
    return socket.create_connection(address, timeout, (source, 0) if source else None)


def ask(address, source=None, timeout=10, what=None):
    """One request on a connection of its own."""
    with dial(address, source, timeout) as connection:
        connection.sendall(what or request(close=True))
        return receive(connection)


def ask_timed(address, source, timeout):
    start = time.monotonic()
    try:
        reply = ask(address, source, timeout)
    except OSError as e:
        return None, f"{type(e).__name__}: {e}"
    verdict = "granted" if reply.status == 200 and is_granted(reply.body) else str(reply.status)
    return time.monotonic() - start, verdict


def ask_steadily(address, args):
    start, asked = time.monotonic(), []
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        while time.monotonic() < start + args.seconds:
            source = args.sources[len(asked) % len(args.sources)] if args.sources else None
            asked.append(pool.submit(ask_timed, address, source, args.timeout))
            time.sleep(max(0, start + len(asked) / args.rate - time.monotonic()))
    done = [a.result() for a in asked]
    return {"sent": len(done), "granted": sum(verdict == "granted" for _, verdict in done),
            "verdicts": collections.Counter(verdict for _, verdict in done),
            "first_ms": round(done[0][0] * 1000, 2) if done and done[0][0] is not None else None,
            "ms": figures([seconds for seconds, verdict in done if verdict == "granted"])}


# ---- commands -------------------------------------------------------------------------------------------

def rss_kib(pids):
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/status") as status:
            total += int(re.search(r"^VmRSS:\s+(\d+)", status.read(), re.M)[1])
    return total


def cpu_seconds(pids):
    ticks = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def run_slow(args):
    """All kinds at the same time; ends when the server has let go of all of them."""
    crowd = Crowd(address_of(args.url), args.interval, args.source)
    start = time.monotonic()
    crowd.fill(args.kinds, args.number)
    opened = time.monotonic() - start
    crowd.hold(args.seconds)
    crowd.close()
    return {"opened_s": round(opened, 2), "kinds": crowd.tell()}


def run_watch(args):
    """Lives of the connections that begin from now on, until all have ended; those that have not after so many seconds are left."""
    server = Watch(address_of(args.url))
    start, others, born, lives, most = time.monotonic(), set(server.rows()), {}, [], [0, 0]
    while (now := time.monotonic()) < start + args.seconds:
        rows = server.rows()
        for port in rows.keys() - others:
            born.setdefault(port, now)
        for port in born.keys() - rows.keys():
            lives.append(now - born.pop(port))
        most = [max(most[0], len(rows)), max(most[1], sum(rows.values()))]
        if lives and not born and now > start + args.least:
            break
        time.sleep(WATCH_EVERY)
    return {"ended": len(lives), "left": len(born), "most": most[0], "most_unsent": most[1], "lived": figures(lives)}


def ask_again(crowd):
    """All connections ask at once, for what needs no signature; how many are answered, and when, within a minute."""
    start, took = time.monotonic(), []
    for client in crowd.clients:
        if client.port and client.gone is None:
            client.socket.send(LOOK)
            client.head = b""
    waiting = [c for c in crowd.clients if c.port]
    while waiting and time.monotonic() < start + 60:
        crowd.turn(0.05)
        took += [time.monotonic() - start for c in waiting if c.head]
        waiting = [c for c in waiting if not c.head and c.told is None]
    return {"answered": len(took), "ms": figures(took)}


def settle(crowd, seconds):
    """Until who has asked is answered, a minute at most; and some seconds more."""
    end = time.monotonic() + 60
    while time.monotonic() < end and any(c.kind in ASKS and c.port and c.answered is None for c in crowd.clients):
        crowd.turn(0.05)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        crowd.turn(0.05)


def run_idle(args):
    """Each connection does what its kind does at first; then all rest, and new ones come and go beside them."""
    address = address_of(args.url)
    # What the server keeps for later after many requests at once is no cost of the connections to come; nor must they get what is freed.
    first = Crowd(address, interval=3600)
    first.fill(["looked"], args.first)
    settle(first, args.rest)
    before, crowd = rss_kib(args.pid), Crowd(address, interval=3600)
    start = time.monotonic()
    crowd.fill(args.kinds, args.number)
    opened = time.monotonic() - start
    settle(crowd, args.rest)
    after, cpu, held = rss_kib(args.pid), cpu_seconds(args.pid), len(crowd.server.rows()) - len(first.clients)
    time.sleep(args.rest)
    cpu = cpu_seconds(args.pid) - cpu
    fresh, lost = [], 0
    for _ in range(args.fresh):
        begin = time.monotonic()
        try:
            ask(address, what=LOOK)
            fresh.append(time.monotonic() - begin)
        except OSError:
            lost += 1
    crowd.watch()
    left = len(crowd.by_port)
    again = ask_again(crowd) if args.again else None
    first.close()
    crowd.close()
    return {"opened_s": round(opened, 2), "held": held, "again": again, "left": left, "rss_kib_before": before, "rss_kib_after": after,
            "bytes_each": round((after - before) * 1024 / max(1, held)), "cpu_percent": round(100 * cpu / args.rest, 2),
            "fresh_lost": lost, "fresh_ms": figures(fresh), "kinds": crowd.tell()}


def run_elbow(args):
    """Idle connections come at a steady pace, more than there is room for, while one goes on asking: who has to give way?"""
    address = address_of(args.url)
    busy, crowd, answers, failed = dial(address), Crowd(address, interval=3600), 0, 0
    for i in range(args.number):
        crowd.open(Client("looked"))
        end = time.monotonic() + 0.008
        while time.monotonic() < end:
            crowd.turn(0.001)
        if i % 6 == 0 and not failed:
            try:
                busy.sendall(LOOK)
                answers += receive(busy).status == 200
            except OSError:
                failed += 1
    crowd.next_watch = 0
    crowd.turn(0.1)
    left = [i for i, c in enumerate(crowd.clients) if c.port and c.gone is None]
    busy.close()
    crowd.close()
    # Two that come at the same moment may be taken in either order.
    return {"busy_answers": answers, "busy_failed": failed, "left": len(left), "oldest_left": min(left, default=None),
            "kept_older": sum(i < args.number - len(left) - 10 for i in left), "kinds": crowd.tell()}


def run_cap(args):
    """As many connections from one address as it likes: how many are answered, how many told that they are too many."""
    address, crowd = address_of(args.url), Crowd(address_of(args.url), interval=3600)
    crowd.fill(["looked"], args.number)
    end = time.monotonic() + 10
    while time.monotonic() < end and any(c.port and not c.head and c.told is None for c in crowd.clients):
        crowd.turn(0.05)
    heads = collections.Counter(c.head[9:12] for c in crowd.clients)
    over, elsewhere = ask(address, what=LOOK), ask(address, source="127.0.0.31", what=LOOK)
    crowd.close()
    time.sleep(1)
    return {"answered": heads[b"200"], "refused": heads[b"429"], "other": args.number - heads[b"200"] - heads[b"429"],
            "one_more": over.status, "retry_after": over.fields.get("retry-after"), "elsewhere": elsewhere.status,
            "later": ask(address, what=LOOK).status}


def run_ask(args):
    """An open loop: no request waits for the answer to another."""
    return ask_steadily(address_of(args.url), args)


def run_burst(args):
    """number requests over one connection; when the server closes it, over the next."""
    verdicts, retry, start, connection = collections.Counter(), set(), time.monotonic(), None
    for _ in range(args.number):
        try:
            connection = connection or dial(address_of(args.url), args.source)
            connection.sendall(request())
            reply = receive(connection)
        except OSError as e:
            verdicts[type(e).__name__] += 1
            connection = None
            continue
        granted = reply.status == 200 and is_granted(reply.body)
        verdicts["granted" if granted else str(reply.status)] += 1
        if "retry-after" in reply.fields:
            retry.add(reply.fields["retry-after"])
        if args.fresh or reply.fields.get("connection") == "close":
            connection.close()
            connection = None
    return {"seconds": round(time.monotonic() - start, 3), "verdicts": verdicts, "retry_after": sorted(retry)}


def main():
    raise_limit()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)

    def command(name, run):
        sub = commands.add_parser(name, help=run.__doc__)
        sub.add_argument("url")
        sub.set_defaults(run=run)
        return sub

    def kinds(text):
        if unknown := set(text.split(",")) - set(KINDS):
            raise argparse.ArgumentTypeError(f"no kind of client: {', '.join(sorted(unknown))}")
        return text.split(",")

    sub = command("slow", run_slow)
    sub.add_argument("--kinds", type=kinds, default=["header", "body", "read", "range"], help=f"some of {','.join(KINDS)}")
    sub.add_argument("-n", "--number", type=int, default=100, help="of each kind")
    sub.add_argument("--seconds", type=float, default=25, help="to go on at most, once all are there")
    sub.add_argument("--interval", type=float, default=1, help="seconds between two beats of a client")
    sub.add_argument("--source", help="address of them all")
    sub = command("watch", run_watch)
    sub.add_argument("--seconds", type=float, default=20, help="to go on at most")
    sub.add_argument("--least", type=float, default=0, help="to go on at least")
    sub = command("idle", run_idle)
    sub.add_argument("--kinds", type=kinds, default=["looked"])
    sub.add_argument("-n", "--number", type=int, default=1000)
    sub.add_argument("--first", type=int, default=500, help="that ask before, and rest beside them")
    sub.add_argument("--pid", type=lambda text: [int(pid) for pid in text.split(",")], required=True, help="of the fronts")
    sub.add_argument("--rest", type=float, default=2)
    sub.add_argument("--fresh", type=int, default=200, help="new connections meanwhile")
    sub.add_argument("--again", action="store_true", help="then all ask once more, at the same time")
    command("elbow", run_elbow).add_argument("-n", "--number", type=int, default=600)
    command("cap", run_cap).add_argument("-n", "--number", type=int, default=100)
    sub = command("ask", run_ask)
    sub.add_argument("--rate", type=float, default=50)
    sub.add_argument("--seconds", type=float, default=3)
    sub.add_argument("--timeout", type=float, default=10)
    sub.add_argument("--sources", type=lambda text: text.split(","), help="addresses to ask from, in turn")
    sub = command("burst", run_burst)
    sub.add_argument("-n", "--number", type=int, default=100)
    sub.add_argument("--source", help="address to ask from")
    sub.add_argument("--fresh", action="store_true", help="each on a connection of its own")
    args = parser.parse_args()
    print(json.dumps(args.run(args)))


if __name__ == "__main__":
    sys.exit(main())
