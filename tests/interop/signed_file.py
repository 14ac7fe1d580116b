# SPDX-License-Identifier: Apache-2.0
"""Reads signed files for tests: DER elements, PE files, and the signatures in them.

An oracle for tsclient, so it shares no code with it: every length is read here, every digest is hashlib's. It reads what is well
formed and raises Malformed at everything else; indefinite lengths are not read. Of a PE file the layout is that of Microsoft's PE/COFF
specification, the digest that of "Windows Authenticode Portable Executable Signature Format".
"""
import array
import datetime
import hashlib
import sys

SIGNED_DATA = "1.2.840.113549.1.7.2"
DATA = "1.2.840.113549.1.7.1"
CTL = "1.3.6.1.4.1.311.10.1"
TST_INFO = "1.2.840.113549.1.9.16.1.4"
NESTED = "1.3.6.1.4.1.311.2.4.1"
COUNTER_SIGNATURE = "1.2.840.113549.1.9.6"
SPC_RFC3161 = "1.3.6.1.4.1.311.3.3.1"
CMS_TOKEN = "1.2.840.113549.1.9.16.2.14"
MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
SIGNING_TIME = "1.2.840.113549.1.9.5"
STAMPS = {COUNTER_SIGNATURE: "authenticode", SPC_RFC3161: "rfc3161", CMS_TOKEN: "rfc3161"}
DIGESTS = {
    "1.2.840.113549.2.5": "md5",
    "1.3.14.3.2.26": "sha1",
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
SEQUENCE, SET, OCTET_STRING, OID = 0x30, 0x31, 0x04, 0x06


class Malformed(Exception):
    pass


# ---- DER ----

class Node:
    """One element of data: tag at .at, contents from .body to .end."""

    def __init__(self, data, at, limit):
        self.data = data
        self.at = at
        if limit - at < 2:
            raise Malformed(f"no element at {at}")
        self.tag = data[at]
        first = data[at + 1]
        if self.tag & 0x1F == 0x1F or first == 0x80:
            raise Malformed(f"long tag or indefinite length at {at}")
        num = first & 0x7F if first & 0x80 else 0
        self.body = at + 2 + num
        self.len = int.from_bytes(data[at + 2:self.body], "big") if num else first
        self.end = self.body + self.len
        if self.end > limit:
            raise Malformed(f"the element at {at} reaches over its end")

    def bytes(self):
        return self.data[self.at:self.end]

    def contents(self):
        return self.data[self.body:self.end]

    def children(self):
        if not self.tag & 0x20:
            raise Malformed(f"the element at {self.at} is not constructed")
        found = []
        at = self.body
        while at < self.end:
            found.append(Node(self.data, at, self.end))
            at = found[-1].end
        return found

    def only(self, tag):
        """The only child, which has that tag."""
        found = self.children()
        if len(found) != 1 or found[0].tag != tag:
            raise Malformed(f"at {self.at} stands not one element of type {tag:#x}")
        return found[0]


def root_of(data):
    return Node(data, 0, len(data))


def length_octets(length, at_least=1):
    """A length as DER writes it; or in the long form with so many octets (with their number)."""
    if length < 0x80 and at_least == 1:
        return bytes([length])
    octets = length.to_bytes(max((length.bit_length() + 7) // 8, at_least - 1), "big")
    return bytes([0x80 | len(octets)]) + octets


def element(tag, *contents):
    body = b"".join(contents)
    return bytes([tag]) + length_octets(len(body)) + body


def oid_text(node):
    if node.tag != OID:
        raise Malformed(f"no OID at {node.at}")
    numbers = [0]
    for octet in node.contents():
        numbers[-1] = numbers[-1] << 7 | octet & 0x7F
        if not octet & 0x80:
            numbers.append(0)
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, [first, numbers[0] - 40 * first] + numbers[1:-1]))


def oid_bytes(text):
    numbers = list(map(int, text.split(".")))
    numbers[:2] = [40 * numbers[0] + numbers[1]]
    octets = b""
    for number in numbers:
        octet = [number & 0x7F]
        while number > 0x7F:
            number >>= 7
            octet.insert(0, number & 0x7F | 0x80)
        octets += bytes(octet)
    return element(OID, octets)


def seconds_of(node):
    """Seconds since 1970 of a UTCTime or GeneralizedTime; fractions are cut off."""
    text = node.contents().decode("ascii")
    if node.tag == 0x17:
        text = ("19" if text[0] >= "5" else "20") + text
    if not text.endswith("Z"):
        raise Malformed(f"no UTC time: {text}")
    time = datetime.datetime.strptime(text[:-1].split(".")[0], "%Y%m%d%H%M%S")
    return int(time.replace(tzinfo=datetime.timezone.utc).timestamp())


# ---- certificates ----

class Certificate:
    def __init__(self, node):
        self.der = node.bytes()
        parts = node.children()[0].children()
        if parts[0].tag == 0xA0:
            parts = parts[1:]
        self.serial = parts[0].contents()
        self.issuer = parts[2].bytes()
        self.from_, self.to = map(seconds_of, parts[3].children())
        self.subject = parts[4].bytes()


# ---- SignedData ----

class Attribute:
    def __init__(self, node):
        parts = node.children()
        if len(parts) != 2 or parts[1].tag != SET:
            raise Malformed(f"no attribute at {node.at}")
        self.node = node
        self.type = oid_text(parts[0])
        self.set = parts[1]

    def values(self):
        return self.set.children()


class Signer:
    """A SignerInfo. .unsigned is its [1], None where there is none."""

    def __init__(self, node):
        parts = node.children()
        self.node = node
        self.fixed = parts
        self.sid = parts[1]
        self.digest = DIGESTS[oid_text(parts[2].children()[0])]
        rest = parts[3:]
        self.signed = rest.pop(0) if rest[0].tag == 0xA0 else None
        self.signature = rest[1].contents()
        self.unsigned = rest[2] if len(rest) > 2 else None
        if self.unsigned:
            self.fixed = parts[:-1]
            if self.unsigned.tag != 0xA1 or len(rest) > 3:
                raise Malformed(f"the SignerInfo at {node.at} does not end with unsigned attributes")

    def attributes(self):
        return [Attribute(node) for node in self.unsigned.children()] if self.unsigned else []

    def stamps(self):
        return [attribute for attribute in self.attributes() if attribute.type in STAMPS]

    def signed_value(self, oid):
        for node in self.signed.children() if self.signed else []:
            attribute = Attribute(node)
            if attribute.type == oid:
                return attribute.values()[0]
        raise Malformed(f"the SignerInfo at {self.node.at} has no signed attribute {oid}")

    def is_by(self, certificate):
        """By issuer and serial number; a key identifier is not looked up here."""
        parts = self.sid.children() if self.sid.tag == SEQUENCE else []
        return bool(parts) and parts[0].bytes() == certificate.issuer and parts[1].contents() == certificate.serial


class SignedData:
    def __init__(self, content_info):
        oid, explicit = content_info.children()
        if oid_text(oid) != SIGNED_DATA:
            raise Malformed(f"no SignedData at {content_info.at}")
        self.content_info = content_info
        self.explicit = explicit
        self.node = explicit.only(SEQUENCE)
        parts = self.node.children()
        self.version, self.digests, self.encap = parts[:3]
        self.certificates = next((part for part in parts[3:-1] if part.tag == 0xA0), None)
        self.crls = next((part for part in parts[3:-1] if part.tag == 0xA1), None)
        self.signer_infos = parts[-1]
        if len(parts) != 4 + bool(self.certificates) + bool(self.crls) or self.signer_infos.tag != SET:
            raise Malformed(f"the SignedData at {self.node.at} has other parts than it may have")
        self.signers = [Signer(node) for node in self.signer_infos.children()]

    def certificate_nodes(self):
        return self.certificates.children() if self.certificates else []

    def all_certificates(self):
        """The plain ones: an attribute certificate is none."""
        return [Certificate(node) for node in self.certificate_nodes() if node.tag == SEQUENCE]

    def content_type(self):
        return oid_text(self.encap.children()[0])

    def content(self):
        """The element in [0], None where the signature is detached."""
        parts = self.encap.children()
        return parts[1].children()[0] if len(parts) > 1 else None


def signatures_of(content_info):
    """(SignedData, Signer) in the order in which signtool counts: the primary, then what is nested in it, depth first."""
    found = []
    signed = SignedData(content_info)
    for signer in signed.signers:
        found.append((signed, signer))
        for attribute in signer.attributes():
            if attribute.type == NESTED:
                for value in attribute.values():
                    found += signatures_of(value)
    return found


# ---- PE ----

class Entry:
    """A WIN_CERTIFICATE at .at; .room is what it takes with its padding."""

    def __init__(self, data, at, end):
        self.at = at
        self.counted = int.from_bytes(data[at:at + 4], "little")
        self.kind = data[at + 4:at + 8]
        if self.counted < 8 or at + self.counted > end:
            raise Malformed(f"the entry at {at} has an impossible length")
        self.room = min(self.counted + -self.counted % 8, end - at)
        self.is_pkcs7 = self.kind in (b"\0\2\2\0", b"\0\1\2\0")
        self.element = Node(data, at + 8, at + self.counted) if self.is_pkcs7 else None

    def tail(self, data):
        return data[self.element.end:self.at + self.room]

    def counts_padding(self):
        """None where there is none to count."""
        end = self.at + self.counted
        return None if self.element.end % 8 == 0 and end == self.element.end else end != self.element.end


class Pe:
    def __init__(self, data):
        self.data = data
        e = self.number(0x3C)
        if data[:2] != b"MZ" or data[e:e + 4] != b"PE\0\0":
            raise Malformed("no PE file")
        self.checksum_at = e + 88
        self.directory_at = e + 152 + (16 if self.number(e + 24, 2) == 0x20B else 0)
        self.table_at, self.table_len = self.number(self.directory_at), self.number(self.directory_at + 4)
        self.table_end = self.table_at + self.table_len
        if self.table_at % 8 or self.table_end != len(data):
            raise Malformed("the certificate table is not the file's last part, at a multiple of 8")
        self.entries = []
        at = self.table_at
        while self.table_end - at >= 8:
            self.entries.append(Entry(data, at, self.table_end))
            at += self.entries[-1].room

    def number(self, at, size=4):
        return int.from_bytes(self.data[at:at + size], "little")

    def checksum(self):
        return self.number(self.checksum_at)

    def right_checksum(self):
        """As imagehlp's CheckSumMappedFile counts: 16-bit words with end-around carry, the field as zero, then the length."""
        data = bytearray(self.data)
        data[self.checksum_at:self.checksum_at + 4] = bytes(4)
        if len(data) % 2:
            data.append(0)
        words = array.array("H", bytes(data))
        if sys.byteorder == "big":
            words.byteswap()
        total = sum(words)
        while total >> 16:
            total = (total & 0xFFFF) + (total >> 16)
        return total + len(self.data)

    def digest(self, name):
        hashed = hashlib.new(name)
        hashed.update(self.data[:self.checksum_at])
        hashed.update(self.data[self.checksum_at + 4:self.directory_at])
        hashed.update(self.data[self.directory_at + 8:self.table_at])
        return hashed.digest()


# ---- files ----

class SignedFile:
    """.kind is pe, cat or p7; .blobs are the ContentInfos."""

    def __init__(self, data):
        self.data = data
        self.pe = Pe(data) if data[:2] == b"MZ" else None
        if self.pe:
            self.kind = "pe"
            self.blobs = [entry.element for entry in self.pe.entries if entry.is_pkcs7]
        else:
            at = 4 if data[:4] == b"PKCX" else 0
            self.blobs = [Node(data, at, len(data))]
            if self.blobs[0].end != len(data):
                raise Malformed("octets stand behind the signature")
            self.kind = "cat" if SignedData(self.blobs[0]).content_type() == CTL else "p7"
        self.signatures = [pair for blob in self.blobs for pair in signatures_of(blob)]
        if not self.signatures:
            raise Malformed("no signature")

    def stamps(self):
        """Of each signature the kinds of its timestamps."""
        return [[STAMPS[stamp.type] for stamp in signer.stamps()] for _, signer in self.signatures]

    def check_digests(self):
        """Each signature's digest of what it signs, recomputed: returned as a list, or Malformed where one is not as signed."""
        found = []
        for signed, signer in self.signatures:
            content = signed.content() or SignedData(self.blobs[0]).content()
            octets = content.contents() if signed.content() else content.bytes()
            digest = hashlib.new(signer.digest, octets).digest()
            if digest != signer.signed_value(MESSAGE_DIGEST).contents():
                raise Malformed(f"the content signed at {signer.node.at} has another digest")
            if self.pe:
                algorithm, value = content.children()[1].children()
                name = DIGESTS[oid_text(algorithm.children()[0])]
                digest = self.pe.digest(name)
                if digest != value.contents():
                    raise Malformed(f"the file has another {name} than the signature at {signer.node.at} says")
            found.append(digest)
        return found
