#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# A chronyd that says what it is told to: answers the tracking request of chrony's command protocol 6 on a UDP port of this machine, and nothing
# else. What it says stands in a JSON file that is read again at each request (replace it by rename; while it can not be read, the last one holds).
# Requests are checked as chronyd 4.3 checks them.
#
#     fake_chronyd.py STATE.json [--port N] [--address 127.0.0.1]      prints its port on a line, then serves until it is ended
#
# Members of the file, all optional; seconds and parts per million; a text "0x..." in place of a number is the field as it travels:
#   offset 0.0 delay 0.0002 dispersion 0.0001 skew 0.5 resid 0.01 freq 0.0        the clock's correction, root delay and dispersion
#   leap 0 (1 insert, 2 delete, 3 not synchronised)   stratum 2
#   refid "192.0.2.1"    an address, or up to four letters as of a reference clock ("GPS"), or "0x7f7f0101"
#   ip                   the address beside it; absent: refid where that is one, else none
#   poll 4               the reference was last measured at the latest multiple of so many seconds; or
#   ref_age N            that long ago, anew with each reply; or
#   ref_time N           at that time (seconds since 1970), however long that is ago
#   drop false           no answer (a number: that part of the requests at random)
#   wait 0.0             before each answer
#   refuse false         an error reply: status 1 ... without a body
#   version 6 type 2 command 33 reply 5 status 0 sequence_xor 0   what stands in the head
#   wrong_sequence false the sequence of another request
#   stale false          a reply with another sequence comes before the right one
#   twice false          the right one comes twice
#   truncate N           only the first N octets;    append N   so many more
"""A fake chronyd for tests."""

import argparse
import ipaddress
import json
import random
import signal
import socket
import struct
import sys
import time

REQUEST_LEN = 104  # as long as the reply: chronyd amplifies nothing
REPLY_HEAD = struct.Struct('>BBBBHHHHHHIII')
FLOAT_COEF_BITS = 25
PRESET = {
    'offset': 0.0, 'delay': 0.0002, 'dispersion': 0.0001, 'skew': 0.5, 'resid': 0.01, 'freq': 0.0, 'leap': 0, 'stratum': 2,
    'refid': '192.0.2.1', 'poll': 4, 'drop': False, 'wait': 0.0, 'refuse': False, 'version': 6, 'type': 2, 'command': 33, 'reply': 5,
    'status': 0, 'sequence_xor': 0, 'wrong_sequence': False, 'stale': False, 'twice': False, 'append': 0,
}


def float_word(value):
    """A number in the protocol's own form: exponent of 7 bits, coefficient of 25, both signed."""
    if isinstance(value, str):
        return int(value, 16)
    if value == 0:
        return 0
    exponent = 0
    while abs(value) >= 0.5 and exponent < 63:
        value /= 2
        exponent += 1
    while abs(value) < 0.25 and exponent > -64:
        value *= 2
        exponent -= 1
    # Now a quarter to a half: times 2^25 that is a coefficient of 24 bits and a sign.
    coefficient = round(value * (1 << FLOAT_COEF_BITS))
    coefficient = max(-(1 << 24), min((1 << 24) - 1, coefficient))
    return (exponent & 0x7F) << FLOAT_COEF_BITS | (coefficient & ((1 << FLOAT_COEF_BITS) - 1))


def address_or_none(text):
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def reference(state):
    """The reference's number, and its address as it travels."""
    refid = str(state['refid'])
    address = address_or_none(state.get('ip', refid))
    if refid.startswith('0x'):
        number = int(refid, 16)
    elif address_or_none(refid):
        number = int.from_bytes(address_or_none(refid).packed[:4], 'big')
    else:
        number = int.from_bytes(refid.encode()[:4].ljust(4, b'\0'), 'big')
    packed, family = (address.packed, 1 if address.version == 4 else 2) if address else (b'', 0)
    return struct.pack('>I16sHH', number, packed, family, 0)


def ref_time(state):
    """When the reference was measured, as three words."""
    now = time.time()
    if 'ref_time' in state:
        at = float(state['ref_time'])
    elif 'ref_age' in state:
        at = now - float(state['ref_age'])
    else:
        at = now - now % float(state['poll'])
    nanoseconds = round((at - int(at)) * 1e9) % 1000000000
    return struct.pack('>III', int(at) >> 32, int(at) & 0xFFFFFFFF, nanoseconds)


def reply_to(state, sequence):
    """The octets of a reply."""
    head = REPLY_HEAD.pack(state['version'], state['type'], 0, 0, state['command'], 1 if state['refuse'] else state['reply'],
                           state['status'] or (1 if state['refuse'] else 0), 0, 0, 0, sequence, 0, 0)
    if state['refuse']:
        return head
    body = reference(state) + struct.pack('>HH', state['stratum'], state['leap']) + ref_time(state)
    for name in ('offset', 'last_offset', 'rms_offset', 'freq', 'resid', 'skew', 'delay', 'dispersion', 'interval'):
        body += struct.pack('>I', float_word(state.get(name, 0)))
    reply = head + body + bytes(state['append'])
    return reply[:state.get('truncate', len(reply))]


def error_of(request):
    """What chronyd does with a request that it does not like: None = it is fine, b'' = silence, else the reply."""
    if len(request) < 28 or request[1] != 1 or request[2:4] != b'\0\0':
        return b''
    version, command, sequence = request[0], *struct.unpack_from('>HxxI', request, 4)
    if version != 6:
        return REPLY_HEAD.pack(6, 2, 0, 0, command, 1, 18, 0, 0, 0, sequence, 0, 0)
    if command != 33:
        return REPLY_HEAD.pack(6, 2, 0, 0, command, 1, 3, 0, 0, 0, sequence, 0, 0)
    if len(request) < REQUEST_LEN:
        return REPLY_HEAD.pack(6, 2, 0, 0, command, 1, 19, 0, 0, 0, sequence, 0, 0)
    return None


def is_dropped(drop):
    return drop if isinstance(drop, bool) else random.random() < drop


def replies_to(request, state):
    """All that is sent for a request."""
    error = error_of(request)
    if error is not None:
        return [error] if error else []
    if is_dropped(state['drop']):
        return []
    time.sleep(state['wait'])
    sequence = struct.unpack_from('>I', request, 8)[0] ^ state['sequence_xor']
    if state['wrong_sequence']:
        sequence = (sequence + 1) & 0xFFFFFFFF
    reply = reply_to(state, sequence)
    stale = [reply_to({**state, 'offset': 100.0}, sequence ^ 1)] if state['stale'] else []
    return stale + [reply] * (2 if state['twice'] else 1)


class State:
    """The file, or what it held when it could last be read."""

    def __init__(self, path):
        self.path, self.last = path, dict(PRESET)

    def read(self):
        try:
            with open(self.path, encoding='utf-8') as file:
                self.last = {**PRESET, **json.load(file)}
        except (OSError, ValueError) as why:
            print(f'{self.path}: {why}', file=sys.stderr, flush=True)
        return self.last


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('state')
    parser.add_argument('--port', type=int, default=0)
    parser.add_argument('--address', default='127.0.0.1')
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    state = State(args.state)
    family = socket.AF_INET6 if ':' in args.address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.bind((args.address, args.port))
        print(sock.getsockname()[1], flush=True)
        while True:
            request, sender = sock.recvfrom(2048)
            for reply in replies_to(request, state.read()):
                sock.sendto(reply, sender)


if __name__ == '__main__':
    main()
