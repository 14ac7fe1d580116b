# SPDX-License-Identifier: Apache-2.0
"""What HAProxy 2.6 and nginx 1.22 make something well-formed of, although the authority itself would refuse it: names of cases by reason.

Each was looked at: what the proxy sends on has one reading, the proxy's own, and the authority shares it. A newer proxy may refuse what
stands here; one that lets through more than this has to be looked at.
"""

# Both take lines that end in LF alone, as RFC 9112 2.2 lets them, and send on whole ones.
_LF = (
    "all lines end in LF", "the request line ends in LF", "the head ends in CR LF LF", "the head ends in LF LF", "field: an LF at its end",
    "field: an LF inside", "an LF before it", "five empty lines before it", "chunks: an LF behind the size", "chunks: an LF behind the data",
    "chunks: two LF at the end", "chunks: an LF behind the last size", "chunks: a trailer that ends in LF",
    "chunks: an LF at the end", "chunks: an LF behind a trailer", "HEAD with an LF behind a field",
)

# Both take blanks and extensions behind a chunk's size, and send on none.
_CHUNKS = (
    "chunk size: a blank behind", "chunk size: a tab behind", "chunk size: a NUL in the extension", "chunk size: an extension without a name",
    "chunk size: a control character in the extension", "chunk size: a bracket in the extension", "chunks: a last size with a blank",
    # The octet too many is the CR, and the line ends in LF.
    "chunks: one octet less",
    # Many small chunks become few large ones.
    "a long body in chunks of an octet",
)

# Both keep the client's connection when the authority ends its own, and ask for what follows on another.
_KEPT = ("a pipeline with a 404 in it",)

# Both take a trailer that is folded, and send on none, or one line.
_FOLDED = ("chunks: a trailer that is folded", "chunks: a trailer that is folded to a length")

# Both take more than one blank in the request line, and later minor versions, and send on HTTP/1.1.
_LINE = ("line: two blanks behind the method", "line: two blanks behind the address", "line: HTTP/1.2", "line: HTTP/1.9")

_HAPROXY = (
    # One length that is said several times becomes one.
    "length: a list of equal ones", "length: a tight list", "two equal lengths",
    # Chunks win over a length, as RFC 9112 6.3 has it; the length is not sent on, and the client's connection ends.
    "length and coding", "coding and length", "length over the next request, and coding", "coding, and a length that ends in the chunk",
    "coding, and a length of 0", "coding, and a request hidden in the chunk", "coding, behind an LF, chunks", "HEAD with two lengths of a body",
    # Folded lines become one, as RFC 9112 5.2 lets a proxy.
    "coding: folded", "coding: folded by a tab", "coding, a blank before the name", "field: folded by a blank", "field: folded by a tab",
    "field: folded to a length", "field: a blank as its name", "the head ends in a line of blanks",
    # A tab is a blank, and every version is 1.1.
    "line: a tab behind the method", "line: a tab behind the address", "line: HTTP/2.0", "line: HTTP/3.0", "line: HTTP/9.9",
    "HEAD with another version",
    # Two that say the same become one.
    "two Hosts, equal", "two Hosts with 1.0", "an address with its host, and two Hosts",
    # No tunnel comes of it, so what follows are requests.
    "a CONNECT with a request behind it",
)

_NGINX = (
    # A field that is none is not sent on (ignore_invalid_headers).
    "coding, a high octet in the name", "coding, a quote in the name", "field: no colon", "field: a bracket in its name",
    "field: a slash in its name", "field: an at in its name", "field: a high octet in its name", "field: a quote in its name",
    # A CR more before the end of a line.
    "coding: a CR behind", "field: CR CR LF at its end",
    # Trailers are read to their end, whatever stands there, and never sent on; nor are extensions.
    "chunk size: two words", "chunks: other octets at the end", "chunks: no end", "chunks: a trailer without a colon",
    "chunks: a trailer without a name", "chunks: a trailer with a blank before its colon", "chunks: a NUL in a trailer",
    "chunks: a blank before the trailers", "chunks: a control character in a trailer", "chunks: a request in the trailers",
    "chunks: an extension of 64 KiB", "chunks: trailers of 32 KiB", "chunks: a trailer of 64 KiB",
    "line: a blank behind it", "line: two digits", "line: zeros behind",
    # An address with another scheme is sent on without it.
    "address: ftp://a/",
    # Expectations are nginx's own matter, and others than 100-continue are not sent on.
    "expectation: a miracle", "expectation: a list", "expectation: a parameter", "expectation: 200-ok", "expectation: empty",
    "HEAD with another expectation",
    # A port, and what else stands behind the host, is not sent on ($host).
    "Host: a:b", "Host: a:80x", "Host: a:-1", "Host: a:80:80", "Host: [::1]]", "Host: [::1]80", "Host: [::1]:x",
)

_BOTH = _LF + _CHUNKS + _KEPT + _FOLDED + _LINE
NAMES = {"haproxy": frozenset(_BOTH + _HAPROXY), "nginx": frozenset(_BOTH + _NGINX)}
