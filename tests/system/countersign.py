# SPDX-License-Identifier: Apache-2.0
#
# usage: countersign.py CMS COUNTERSIGNER OUT
# Puts the SignerInfo of a second CMS (DER, one signer) into the first one's as a countersignature (RFC 5652 11.4), and its certificates
# among the first one's. Without OUT: prints the first one's signature value, which is what is to be countersigned.

import sys

COUNTERSIGNATURE = bytes.fromhex("06092a864886f70d010906")


def children(octets):
    found = []
    while octets:
        length, head = octets[1], 2
        if length & 0x80:
            head += length & 0x7F
            length = int.from_bytes(octets[2:head], "big")
        found.append((octets[0], octets[head : head + length], octets[: head + length]))
        octets = octets[head + length :]
    return found


def element(tag, *contents):
    body = b"".join(contents)
    if len(body) < 0x80:
        return bytes([tag, len(body)]) + body
    size = (len(body).bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + len(body).to_bytes(size, "big") + body


def signed_data(path):
    with open(path, "rb") as file:
        kind, explicit = children(children(file.read())[0][1])
    return kind[2], children(children(explicit[1])[0][1])


kind, parts = signed_data(sys.argv[1])
signer = children(parts[-1][1])[0][1]
if len(sys.argv) == 2:
    sys.stdout.buffer.write(children(signer)[-1][1])
    sys.exit()
other = signed_data(sys.argv[2])[1]
attribute = element(0x30, COUNTERSIGNATURE, element(0x31, children(other[-1][1])[0][2]))
certificates = [contents for tag, contents, _ in other if tag == 0xA0]
body = [element(tag, contents, *certificates) if tag == 0xA0 else whole for tag, contents, whole in parts[:-1]]
body.append(element(0x31, element(0x30, signer, element(0xA1, attribute))))
with open(sys.argv[3], "wb") as file:
    file.write(element(0x30, kind, element(0xA0, element(0x30, *body))))
