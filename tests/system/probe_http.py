# SPDX-License-Identifier: Apache-2.0
"""Requests and answers as octets, for the programs that probe the server: queries of their own imprint, answers one by one.

Reads strictly: an answer that is not whole and well-framed is an error, so that a stray octet between two answers is seen.
"""
import os
import re
import socket
import ssl
import time


class Malformed(Exception):
    """What came back is no HTTP, or not whole."""


class Query:
    """An RFC 3161 request (RFC 3161 2.4.1) of 66 octets for an imprint that no other has. The last octet is no letter of any method."""

    HEAD = bytes.fromhex("30400201013031300d060960864801650304020105000420")

    def __init__(self):
        self.imprint = os.urandom(32)
        self.octets = self.HEAD + self.imprint + b"\x02\x08\x01" + os.urandom(6) + b"\x01"

    def is_granted_by(self, body):
        return is_grant(body) and self.imprint in body


def is_grant(body):
    """A TimeStampResp with the status granted, and a token."""
    return re.match(rb"\x30\x82..\x30\x03\x02\x01\x00\x30\x82", body, re.DOTALL) is not None


LEN = len(Query().octets)
HALF = LEN // 2


def fill(template, queries):
    """Puts queries in: <A> the query A, <A1> and <A2> its halves, <L> <X> the length in decimal and hex, <X1> <X2> of the halves in hex.

    New queries go into the dictionary, by letter, in the order in which they are met.
    """

    def put(match):
        word = match.group(1).decode()
        sizes = {"L": b"%d" % LEN, "X": b"%x" % LEN, "X1": b"%x" % HALF, "X2": b"%x" % (LEN - HALF)}
        if word in sizes:
            return sizes[word]
        octets = queries.setdefault(word[0], Query()).octets
        return {"": octets, "1": octets[:HALF], "2": octets[HALF:]}[word[1:]]

    return re.sub(rb"<([A-KYZ][12]?|L|X[12]?)>", put, template)


class Answer:
    """One answer: status, fields by lower-case name (the last of each), body."""

    def __init__(self, status, fields, body, version):
        self.status = status
        self.fields = fields
        self.body = body
        self.version = version

    def closes(self):
        return self.fields.get("connection", "").lower() == "close"


class Connection:
    """A client's connection; `seconds` is how long it waits for octets before it gives up."""

    def __init__(self, address, seconds=20, tls=None):
        self.seconds = seconds
        self.socket = self._connect(address)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost", suppress_ragged_eofs=False)
        self.buffer = b""
        self.ended = False

    def _connect(self, address):
        if isinstance(address, str):
            client = socket.socket(socket.AF_UNIX)
            client.settimeout(self.seconds)
            client.connect(address)
            return client
        client = socket.create_connection(address, self.seconds)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, octets):
        """What the other side has closed already takes no more; that is seen where answers are read."""
        try:
            self.socket.sendall(octets)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            pass

    def shut(self):
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def _more(self):
        """Reads what there is; False at the end. TimeoutError when nothing comes."""
        try:
            octets = self.socket.recv(65536)
        except ConnectionResetError:
            octets = b""
        except ssl.SSLEOFError as error:  # RFC 9112 9.8: an end without close_notify may be an attacker's
            raise Malformed("TLS ends without close_notify") from error
        self.buffer += octets
        self.ended = not octets
        return not self.ended

    def _take(self, num):
        while len(self.buffer) < num:
            if not self._more():
                raise Malformed(f"{num} octets wanted, {self.buffer[:200]!r} and the end came")
        octets, self.buffer = self.buffer[:num], self.buffer[num:]
        return octets

    def _take_head(self):
        while b"\r\n\r\n" not in self.buffer:
            if not self._more():
                if not self.buffer:
                    return None
                raise Malformed(f"a head is cut: {self.buffer[:200]!r}")
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        return head.decode("latin-1").split("\r\n")

    def _take_chunks(self):
        body = b""
        while True:
            while b"\r\n" not in self.buffer:
                if not self._more():
                    raise Malformed("a chunk is cut")
            size, self.buffer = self.buffer.split(b"\r\n", 1)
            octets = self._take(int(size, 16) + 2)[:-2]
            if not octets:
                return body
            body += octets

    def _take_rest(self):
        while self._more():
            pass
        octets, self.buffer = self.buffer, b""
        return octets

    def answer(self, is_head=False):
        """The next answer, interim ones too; None at the end of the connection."""
        lines = self._take_head()
        if lines is None:
            return None
        match = re.fullmatch(r"(HTTP/1\.[01]) (\d{3}) .*", lines[0])
        if not match:
            raise Malformed(f"no status line: {lines[0][:200]!r}")
        fields = {}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if not colon or name.lower() == "content-length" and "content-length" in fields:
                raise Malformed(f"a field that is none, or two lengths: {line!r}")
            fields[name.lower()] = value.strip()
        status = int(match.group(2))
        if is_head or status < 200 or status in (204, 304):
            body = b""
        elif "content-length" in fields:
            body = self._take(int(fields["content-length"]))
        elif fields.get("transfer-encoding") == "chunked":
            body = self._take_chunks()
        else:
            body = self._take_rest()
        return Answer(status, fields, body, match.group(1))

    def is_at_end(self):
        """Waits for the end; whatever comes before it makes it False."""
        if self.buffer:
            return False
        return not self._more()

    def is_quiet(self, seconds):
        """Whether nothing comes for so long, nor the end."""
        if self.buffer:
            return False
        self.socket.settimeout(seconds)
        try:
            self._more()
        except (TimeoutError, BlockingIOError):
            return True
        finally:
            self.socket.settimeout(self.seconds)
        return False


def send_parts(connection, parts, single=0.0):
    """Parts are octets, or seconds of a pause; single: each octet alone, with so many seconds between."""
    for part in parts:
        if isinstance(part, float):
            time.sleep(part)
        elif single:
            for at in range(len(part)):
                connection.send(part[at : at + 1])
                time.sleep(single)
        else:
            connection.send(part)
