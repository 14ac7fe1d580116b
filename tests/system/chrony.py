# SPDX-License-Identifier: Apache-2.0
"""What chrony.bats needs of UDP.

chrony.py ports N            prints N ports of 127.0.0.1 that nobody uses now
chrony.py compare A B        sends the same requests, good and bad, to the command ports A and B, and prints where the answers' heads or lengths differ
"""
import socket
import struct
import sys

PATIENCE = 0.5
TRACKING_LEN = 104


def free_ports(number):
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(number)]
    for sock in sockets:
        sock.bind(("127.0.0.1", 0))
    print(*(sock.getsockname()[1] for sock in sockets))


def request(version=6, kind=1, res=0, command=33, length=TRACKING_LEN, sequence=0x11223344):
    head = struct.pack(">BBBBHHIII", version, kind, res, 0, command, 0, sequence, 0, 0)
    return (head + bytes(length))[:length]


REQUESTS = {
    "as it should be": request(),
    "the head alone": request(length=20),
    "one less than a reply's head": request(length=27),
    "a reply's head": request(length=28),
    "one octet less": request(length=TRACKING_LEN - 1),
    "one octet more": request(length=TRACKING_LEN + 1),
    "far more": request(length=400),
    "version 5": request(version=5),
    "version 7": request(version=7),
    "a reply": request(kind=2),
    "reserved octet": request(res=1),
    "no such command": request(command=900),
    "nothing": b"",
}


def answer(port, octets):
    """Length, version, type, command, reply, status and sequence of the answer; "" = there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(PATIENCE)
        sock.connect(("127.0.0.1", port))
        sock.send(octets)
        try:
            reply = sock.recv(2048)
        except socket.timeout:
            return ""
        return (len(reply), *struct.unpack_from(">BBxxHHHxxxxxxI", reply))


def compare(one, other):
    same = True
    for what, octets in REQUESTS.items():
        answers = answer(one, octets), answer(other, octets)
        print(what, *answers)
        same = same and answers[0] == answers[1]
    sys.exit(0 if same else 1)


if __name__ == "__main__":
    if sys.argv[1] == "ports":
        free_ports(int(sys.argv[2]))
    else:
        compare(int(sys.argv[2]), int(sys.argv[3]))
