# SPDX-License-Identifier: Apache-2.0
"""Explains every octet by which a stamped file differs from the file before it was stamped.

explain(before, after, wanted) walks both files side by side and gives a list of ranges, each of one kind; whatever differs and has no
kind raises Unexplained. The kinds: table size (of the security directory), checksum, entry length (of a WIN_CERTIFICATE), padding,
attribute (the timestamp), wrapper (the [1] of a SignerInfo that had no unsigned attributes), length (of an element above), certificates.
"""
from signed_file import (CMS_TOKEN, COUNTER_SIGNATURE, DATA, NESTED, SPC_RFC3161, STAMPS, SignedData, SignedFile, Signer,
                         length_octets)


class Unexplained(Exception):
    pass


class Wanted:
    """What a file is expected to have more than before.

    kinds: the kind of the timestamp by signature number; signatures without one there must be as before.
    check(signer, attribute, signed_data): raises where that timestamp is not the right one for that signature.
    foreign: somebody else put it there: several, in any order, certificates at any place.
    detour: other timestamps came and went in between: a nested one moves the sorted place of what stands beside it.
    may_round: dwLength may count the padding though it did not before, since it needed none in between.
    """

    def __init__(self, kinds, check, foreign=False, detour=False, may_round=False):
        self.kinds = kinds
        self.check = check
        self.foreign = foreign
        self.detour = detour
        self.may_round = may_round


class Range:
    def __init__(self, kind, before, after):
        self.kind = kind
        self.before = before
        self.after = after


def issuers_upward(certificates, leaves):
    """leaves, and those of certificates that issued them, by name, and so on."""
    found = list(leaves)
    for certificate in found:
        if certificate.issuer != certificate.subject:
            found += [other for other in certificates if other.subject == certificate.issuer and other not in found]
    return found


class Walk:
    def __init__(self, before, after, wanted):
        self.before = before
        self.after = after
        self.wanted = wanted
        self.ranges = []
        self.index = 0

    # -- ranges --

    def add(self, kind, before, after):
        """before and after are (from, to); a range that does not differ is none."""
        if self.before[slice(*before)] != self.after[slice(*after)]:
            self.ranges.append(Range(kind, before, after))

    def fail(self, what, before, after):
        raise Unexplained(f"{what}; before at {before}: {self.before[before:before + 24].hex(' ')}, "
                          f"after at {after}: {self.after[after:after + 24].hex(' ')}")

    def demand(self, condition, what, before, after):
        if not condition:
            self.fail(what, before, after)

    def same(self, b, a, what):
        self.demand((b is None) == (a is None), f"{what}: gone or come", b.at if b else 0, a.at if a else 0)
        if b and b.bytes() != a.bytes():
            self.fail(f"{what} differs", b.at, a.at)

    def check_cover(self):
        """Between the ranges both files are equal, octet for octet."""
        b = a = 0
        for r in sorted(self.ranges, key=lambda r: (r.before, r.after)) + [
                Range("end", (len(self.before),) * 2, (len(self.after),) * 2)]:
            self.demand(r.before[0] >= b and r.after[0] >= a, f"{r.kind}: stands in another range", b, a)
            if self.before[b:r.before[0]] != self.after[a:r.after[0]]:
                gap = next((i for i, (x, y) in enumerate(zip(self.before[b:r.before[0]], self.after[a:r.after[0]])) if x != y), 0)
                self.fail("octets differ and nothing explains it", b + gap, a + gap)
            b, a = r.before[1], r.after[1]

    # -- elements --

    def header(self, b, a):
        """Tag and length of an element that stands above the change: the shortest, or as long as it was where it was not the shortest."""
        self.demand(b.tag == a.tag, "another tag", b.at, a.at)
        old, made = (a, b) if self.wanted.foreign else (b, a)
        old_form, form = old.data[old.at + 1:old.body], length_octets(made.len)
        if old_form != length_octets(old.len) and len(form) < len(old_form):
            form = length_octets(made.len, len(old_form))
        self.demand(made.data[made.at + 1:made.body] == form, "the length is not in its form", b.at, a.at)
        self.add("length", (b.at + 1, b.body), (a.at + 1, a.body))

    def content_info(self, b, a):
        before, after = SignedData(b), SignedData(a)
        pairs = ((b, a), (before.explicit, after.explicit), (before.node, after.node), (before.signer_infos, after.signer_infos))
        for old, new in pairs:
            self.header(old, new)
        self.same(b.children()[0], a.children()[0], "content type")
        for name in ("version", "digests", "encap", "crls"):
            self.same(getattr(before, name), getattr(after, name), name)
        first = self.index
        self.demand(len(before.signers) == len(after.signers), "another number of signers", b.at, a.at)
        stamps = []
        for old, new in zip(before.signers, after.signers):
            stamps += self.signer(before, old, after, new)
        self.demand(self.index > first, "no signer", b.at, a.at)
        self.certificates(before, after, [stamp for stamp in stamps if stamp.type == COUNTER_SIGNATURE])

    def signer(self, before, old, after, new):
        """The timestamps that came."""
        index = self.index
        self.index += 1
        self.header(old.node, new.node)
        for b, a in zip(old.fixed, new.fixed):
            self.same(b, a, "signed part of a SignerInfo")
        self.demand(len(old.fixed) == len(new.fixed), "another number of parts", old.node.at, new.node.at)
        kept = new.attributes()
        came = []
        if index in self.wanted.kinds:
            self.demand(not old.stamps(), "there was a timestamp before", old.node.at, new.node.at)
            came = self.stamps(before, old, new, self.wanted.kinds[index])
            kept = [attribute for attribute in kept if attribute.type not in STAMPS]
        self.attributes(old, new, kept)
        for stamp in came:
            self.wanted.check(index, new, stamp, after)
        return came

    def stamps(self, before, old, new, kind):
        found = new.stamps()
        place = old.unsigned.end if old.unsigned else old.node.end
        self.demand(found, "no timestamp came", old.node.at, new.node.at)
        if not self.wanted.foreign:
            self.demand(len(found) == 1 and len(found[0].values()) == 1, "not one timestamp", place, found[0].node.at)
            self.demand(found[0].type == self.type_for(kind, before), "not the attribute for it", place, found[0].node.at)
            if not self.wanted.detour:
                self.sorted_place(old, new, found[0])
        if not old.unsigned:
            self.add("wrapper", (place, place), (new.unsigned.at, new.unsigned.body))
        for stamp in found:
            at = self.place_before(old, new, stamp)
            self.add("attribute", (at, at), (stamp.node.at, stamp.node.end))
        return found

    def type_for(self, kind, before):
        """Plain CMS takes the attribute of RFC 3161's appendix A, everything else Microsoft's."""
        if kind == "authenticode":
            return COUNTER_SIGNATURE
        return CMS_TOKEN if before.content_type() == DATA and before.content_info.at == 0 else SPC_RFC3161

    @staticmethod
    def place_before(old, new, stamp):
        """Where a timestamp of the new attributes came into the old ones."""
        others = [a.node.at for a in new.attributes() if a.type not in STAMPS]
        rank = sum(at < stamp.node.at for at in others)
        old_attributes = old.attributes()
        if rank < len(old_attributes):
            return old_attributes[rank].node.at
        return old.unsigned.end if old.unsigned else old.node.end

    def sorted_place(self, old, new, stamp):
        """Before the first attribute that sorts behind it, as DER sorts a SET OF."""
        ours = stamp.node.bytes()
        others = [a for a in new.attributes() if a.type not in STAMPS]
        rank = sum(a.node.at < stamp.node.at for a in others)
        first = next((i for i, a in enumerate(others) if a.node.bytes() > ours), len(others))
        self.demand(rank == first, "the timestamp does not stand at its sorted place", old.node.at, stamp.node.at)

    def attributes(self, old, new, kept):
        """All that are no timestamp that came: the same, or a nested signature in which one came."""
        before = old.attributes()
        self.demand(len(before) == len(kept), "another number of unsigned attributes", old.node.at, new.node.at)
        if old.unsigned:
            self.demand(new.unsigned is not None, "the unsigned attributes are gone", old.unsigned.at, new.node.at)
            self.header(old.unsigned, new.unsigned)
        for b, a in zip(before, kept):
            if b.type != NESTED:
                self.same(b.node, a.node, "an unsigned attribute")
                continue
            self.same(b.node.children()[0], a.node.children()[0], "an unsigned attribute's type")
            self.header(b.node, a.node)
            self.header(b.set, a.set)
            self.demand(len(b.values()) == len(a.values()), "another number of nested signatures", b.node.at, a.node.at)
            for value_b, value_a in zip(b.values(), a.values()):
                self.content_info(value_b, value_a)

    # -- certificates --

    def certificates(self, before, after, stamps):
        """What came is what the timestamps need and was not there: their signers' certificates, and issuers upward."""
        b, a = before.certificates, after.certificates
        if not stamps:
            self.same(b, a, "the certificates")
            return
        if not a and not b:
            self.demand(not stamps, "a timestamp without certificates", before.node.at, after.node.at)
            return
        self.demand(a is not None, "the certificates are gone", before.node.at, after.node.at)
        old = [node.bytes() for node in before.certificate_nodes()]
        if b:
            self.header(b, a)
            came = self.came(old, after.certificate_nodes(), before)
        else:
            self.add("certificates", (before.encap.end,) * 2, (a.at, a.end))
            came = after.certificate_nodes()
        everything = after.all_certificates()
        signers = [Signer(stamp.values()[0]) for stamp in stamps]
        leaves = [c for c in everything if any(s.is_by(c) for s in signers)]
        self.demand(len(leaves) >= len({s.sid.bytes() for s in signers}) or self.wanted.foreign,
                    "the timestamp's certificate is missing", before.node.at, after.node.at)
        needed = {c.der for c in issuers_upward(everything, leaves)}
        for node in came:
            self.demand(node.bytes() in needed, "a certificate came that nothing needs", before.node.at, node.at)
            self.demand(node.bytes() not in old, "a certificate came that was there", before.node.at, node.at)
        if self.wanted.foreign:
            self.nothing_useless(after, came, needed)

    def came(self, old, nodes, before):
        """The nodes that came; behind the others, where they are ours."""
        came = []
        starts = [node.at for node in before.certificate_nodes()] + [before.certificates.end]
        matched = 0
        for node in nodes:
            if matched < len(old) and node.bytes() == old[matched]:
                matched += 1
                continue
            self.demand(matched == len(old) or self.wanted.foreign, "a certificate came before the end", starts[matched], node.at)
            came.append(node)
            self.add("certificates", (starts[matched],) * 2, (node.at, node.end))
        self.demand(matched == len(old), "a certificate is gone", starts[matched], nodes[0].at)
        self.demand(len({node.bytes() for node in came}) == len(came), "a certificate came twice", starts[-1], nodes[-1].at)
        return came

    def nothing_useless(self, after, came, needed):
        """Where somebody else's timestamp was taken off: what nothing else needs went, what something else needs stayed."""
        everything = after.all_certificates()
        roots = [c for c in everything if c.der not in needed or any(s.is_by(c) for s in after.signers)]
        stays = {c.der for c in issuers_upward(everything, roots)}
        went = {node.bytes() for node in came}
        for der in needed:
            self.demand((der in went) != (der in stays), "a certificate of the timestamp went or stayed wrongly",
                        self.before.find(der), self.after.find(der))


# ---- files ----

def explain_pe(walk, before, after):
    b, a = before.pe, after.pe
    walk.demand((b.checksum_at, b.directory_at, b.table_at) == (a.checksum_at, a.directory_at, a.table_at), "another layout", 0, 0)
    walk.demand(len(b.entries) == len(a.entries), "another number of entries", b.table_at, a.table_at)
    walk.add("table size", (b.directory_at + 4, b.directory_at + 8), (a.directory_at + 4, a.directory_at + 8))
    if b.checksum() == 0 or (a.data == b.data):
        walk.demand(a.checksum() == b.checksum(), "a checksum came", b.checksum_at, a.checksum_at)
    else:
        explain_checksum(walk, b, a)
    for old, new in zip(b.entries, a.entries):
        explain_entry(walk, old, new)


def explain_checksum(walk, b, a):
    """Ours is right. Of a file that somebody else stamped, the one without the timestamp is."""
    made = b if walk.wanted.foreign else a
    walk.demand(made.checksum() == made.right_checksum(), "the checksum is wrong", b.checksum_at, a.checksum_at)
    walk.add("checksum", (b.checksum_at, b.checksum_at + 4), (a.checksum_at, a.checksum_at + 4))


def explain_entry(walk, old, new):
    walk.demand(old.kind == new.kind, "another kind of entry", old.at, new.at)
    if not old.is_pkcs7:
        walk.demand(walk.before[old.at:old.at + old.room] == walk.after[new.at:new.at + new.room], "another's entry differs",
                    old.at, new.at)
        return
    walk.content_info(old.element, new.element)
    old_counts, new_counts = old.counts_padding(), new.counts_padding()
    same = old_counts == new_counts or None in (old_counts, new_counts)
    walk.demand(same or (new_counts and walk.wanted.may_round), "dwLength counts otherwise", old.at, new.at)
    walk.add("entry length", (old.at, old.at + 4), (new.at, new.at + 4))
    for walked, entry in ((walk.before, old), (walk.after, new)):
        tail = entry.tail(walked)
        walk.demand(tail == bytes(-entry.element.end % 8), "the padding is not the zeros up to a multiple of 8", entry.at, entry.at)
    walk.add("padding", (old.element.end, old.at + old.room), (new.element.end, new.at + new.room))


def explain(before, after, wanted):
    """The ranges by which after differs from before; Unexplained (or Malformed) where one is not as it must be."""
    old, new = SignedFile(before), SignedFile(after)
    walk = Walk(before, after, wanted)
    if old.kind != new.kind or len(old.blobs) != len(new.blobs):
        raise Unexplained("another kind of file, or number of signatures")
    if old.pe:
        explain_pe(walk, old, new)
    else:
        walk.content_info(old.blobs[0], new.blobs[0])
    if walk.index != len(old.signatures) or not set(wanted.kinds) <= set(range(walk.index)):
        raise Unexplained("not every signature was met")
    walk.check_cover()
    if old.check_digests() != new.check_digests():
        raise Unexplained("another digest")
    return walk.ranges
