# SPDX-License-Identifier: Apache-2.0
"""The table of requests that parsers have disagreed about, or may: RFC 9112 and 9110 line by line, and what is known of request smuggling.

Every case is sent with one more good request glued to its end, so that the framing itself is judged: where the case is good, exactly the
one behind it is answered next; where it is bad, nothing behind it may ever be looked at.
"""
import dataclasses

import probe_http


@dataclasses.dataclass
class Case:
    name: str
    octets: object  # octets with places for queries (probe_http.fill), or a tuple of octets and pauses
    statuses: tuple  # of all final answers, the glued request's included
    tokens: int  # how many tokens come of it, the glued one's included
    stays: bool  # the connection is open afterwards
    glue: bool = True
    shut: bool = False  # the client sends no more: half-close
    heads: tuple = ()  # numbers of the answers without a body (HEAD)
    interim: int = 0  # answers 100 Continue
    is_old: bool = False  # HTTP/0.9: who speaks it answers without a head
    fields: tuple = ()  # what stands in the first answer's fields

    def own_tokens(self):
        """Letters of the queries that are granted, without the glued one's."""
        queries = {}
        parts_of(self, queries)
        return "".join(letter for letter in queries if letter not in "YZ")[: self.tokens - (self.stays and self.glue)]


CASES = []


def case(name, octets, statuses, tokens, stays, **more):
    CASES.append(Case(name, octets, tuple(statuses), tokens, stays, **more))


def good(name, octets, **more):
    """A token for it, and one for what follows."""
    case(name, octets, (200, 200), 2, True, **more)


def view(name, octets, **more):
    """Answered, without a token; what follows gets its own."""
    case(name, octets, (200, 200), 1, True, **more)


def last(name, octets, **more):
    """A token, and the connection ends: what follows is never looked at."""
    case(name, octets, (200,), 1, False, **more)


def bad(name, status, octets, **more):
    """Refused; what follows is never looked at."""
    case(name, octets, (status,), 0, False, **more)


HOST = b"Host: a\r\n"
TYPE = b"Content-Type: application/timestamp-query\r\n"
CL = b"Content-Length: <L>\r\n"
TE = b"Transfer-Encoding: chunked\r\n"
POST = b"POST / HTTP/1.1\r\n" + HOST + TYPE
OLD = b"POST / HTTP/1.0\r\n" + TYPE
GET = b"GET /healthz HTTP/1.1\r\n" + HOST
WHOLE = POST + CL + b"\r\n<A>"
HIDDEN = POST + CL + b"\r\n<Y>"  # a request inside what is the body of another
HIDDEN_LEN = len(POST + b"Content-Length: 66\r\n\r\n") + 66
END = b"0\r\n\r\n"
CHUNK = b"<X>\r\n<A>\r\n"
GLUE = POST + CL + b"\r\n<Z>"


def posted(*lines):
    """A POST with these lines after its own, and the query as its body."""
    return POST + b"".join(line + b"\r\n" for line in lines) + b"\r\n<A>"


def chunked(body, lines=TE):
    return POST + lines + b"\r\n" + body


def lengths():
    good("a length", WHOLE)
    good("a length with blanks and tabs around it", posted(b"Content-Length: \t <L>  "))
    good("a length without a blank", posted(b"Content-Length:<L>"))
    good("a length in capitals", posted(b"CONTENT-LENGTH: <L>"))
    good("a length with zeros before it", posted(b"Content-Length: 000<L>"))
    for name, value in (
        ("a sign", b"+<L>"), ("a minus", b"-<L>"), ("minus nothing", b"-0"), ("hexadecimal", b"0x42"), ("two numbers", b"6 6"),
        ("a list of equal ones", b"<L>, <L>"), ("a tight list", b"<L>,<L>"), ("a list of different ones", b"<L>, 0"),
        ("a list that begins empty", b", <L>"), ("a list that ends empty", b"<L>,"), ("empty", b""), ("blank", b"  "),
        ("an underscore", b"6_6"), ("a fraction", b"66.0"), ("an exponent", b"66e0"), ("a letter behind", b"<L>x"),
        ("a semicolon behind", b"<L>;"), ("in quotes", b'"<L>"'), ("a no-break space", b"\xa0<L>"), ("Arabic digits", "٦٦".encode()),
        ("2^64", b"18446744073709551616"), ("2^64 and the true one", b"18446744073709551682"),
        ("thirty digits", b"9" * 30), ("a vertical tab", b"\x0b<L>"), ("a form feed behind", b"<L>\x0c"), ("a NUL behind", b"<L>\0"),
    ):
        bad("length: " + name, 400, posted(b"Content-Length: " + value))
    for name, value in (
        ("one too many", b"16385"), ("2^31 and the true one", b"2147483714"), ("2^32 and the true one", b"4294967362"),
        ("2^63", b"9223372036854775808"), ("2^64 - 1", b"18446744073709551615"), ("a billion", b"999999999"),
    ):
        bad("length: " + name, 413, posted(b"Content-Length: " + value))
    both = lambda a, b: posted(b"Content-Length: " + a, b"Content-Length: " + b)  # noqa: E731
    bad("two equal lengths", 400, both(b"<L>", b"<L>"))
    bad("two lengths, the second longer", 400, both(b"<L>", b"300"))
    bad("two lengths, the first longer", 400, both(b"300", b"<L>"))
    bad("two lengths, the first none", 400, both(b"0", b"<L>"))
    bad("two lengths, the second none", 400, both(b"<L>", b"0"))
    bad("two lengths in different letters", 400, posted(b"Content-Length: <L>", b"content-length: 0"))
    bad("a length that only looks so", 411, posted(b"Content_Length: <L>"))
    bad("a length of another name", 411, posted(b"X-Content-Length: <L>"))
    bad("a POST without length", 411, POST + b"\r\n")
    bad("a POST of 1.0 without length", 411, OLD + b"\r\n")
    bad("a POST of 1.0 without length, kept alive", 411, OLD + b"Connection: keep-alive\r\n\r\n")
    case("a length of 0 is a body that is no request", POST + b"Content-Length: 0\r\n\r\n", (200, 200), 1, True)
    case("a length of 0, and octets that are no request", POST + b"Content-Length: 0\r\n\r\n<A>", (200, 400), 0, False)
    case("a length that is one short", posted(b"Content-Length: 65"), (200, 400), 0, False)
    case("a length that is one long", posted(b"Content-Length: 67"), (200, 501), 0, False)
    case("a length that takes POST", posted(b"Content-Length: 70"), (200, 400), 0, False)
    bad("a length, and less than that", 400, POST + b"Content-Length: 70\r\n\r\n<A>", glue=False, shut=True)


def bodies_of_others():
    """A body of a method that has no use for one, or of a request that is refused: never taken for the next request."""
    for method in (b"GET", b"HEAD"):
        heads = (0,) if method == b"HEAD" else ()
        start = method + b" /healthz HTTP/1.1\r\n" + HOST
        name = method.decode()
        view(name + " with a body", start + b"Content-Length: 3\r\n\r\nabc", heads=heads)
        view(name + " with a request as its body", start + b"Content-Length: %d\r\n\r\n" % HIDDEN_LEN + HIDDEN, heads=heads)
        view(name + " with a chunked body", start + TE + b"\r\n3\r\nabc\r\n" + END, heads=heads)
        view(name + " with a chunked request", start + TE + b"\r\n%x\r\n" % HIDDEN_LEN + HIDDEN + b"\r\n" + END, heads=heads)
    start = b"HEAD /healthz HTTP/1.1\r\n"
    for name, status, octets in (
        ("two lengths of a body", 400, start + HOST + b"Content-Length: 4\r\n" + TE + b"\r\n" + END), ("a blank before a colon", 400, start + HOST + b"X : b\r\n\r\n"),
        ("no Host", 400, start + b"\r\n"), ("an LF behind a field", 400, start + b"Host: a\n\r\n"), ("a length too large", 413, start + HOST + b"Content-Length: 16385\r\n\r\n"),
        ("an octet in its address", 400, b"HEAD /\x01"), ("another version", 505, b"HEAD / HTTP/2.0\r\n" + HOST + b"\r\n"), ("an address of 100 KiB", 414, b"HEAD /" + b"x" * 102400),
        ("another coding", 501, start + HOST + b"Transfer-Encoding: gzip\r\n\r\n"), ("another expectation", 417, start + HOST + b"Expect: x\r\n\r\n"),
        ("an empty line before it, and no Host", 400, b"\r\n" + start + b"\r\n"),
    ):
        bad("HEAD with " + name, status, octets, heads=(0,))
    bad("HEAD that is cut", 400, start + b"Ho", glue=False, shut=True, heads=(0,))
    bad("HEAD whose body is cut", 400, start + HOST + b"Content-Length: 4\r\n\r\nabc", glue=False, shut=True, heads=(0,))
    for method in (b"OPTIONS", b"PUT", b"DELETE", b"PATCH", b"PROPFIND", b"TRACE"):
        start = method + b" / HTTP/1.1\r\n" + HOST
        name = method.decode()
        allow = ("Allow: GET, HEAD, POST",)
        bad(name, 405, start + b"\r\n", fields=allow)
        bad(name + " with a request as its body", 405, start + b"Content-Length: %d\r\n\r\n" % HIDDEN_LEN + HIDDEN, fields=allow)
        bad(name + " with a chunked request", 405, start + TE + b"\r\n%x\r\n" % HIDDEN_LEN + HIDDEN + b"\r\n" + END, fields=allow)
    hidden = b"Content-Length: %d\r\n\r\n" % HIDDEN_LEN + HIDDEN
    bad("nothing there, with a request as its body", 404, b"POST /nothing HTTP/1.1\r\n" + HOST + hidden)
    bad("an unknown type, with a request as its body", 415, b"POST / HTTP/1.1\r\n" + HOST + b"Content-Type: a/b\r\n" + hidden)
    bad("a view that takes no POST", 405, b"POST /healthz HTTP/1.1\r\n" + HOST + hidden, fields=("Allow: GET, HEAD",))
    case("a body that is no query but a request", POST + hidden, (200, 200), 1, True)
    bad("an address for POST alone", 405, b"GET /rfc3161 HTTP/1.1\r\n" + HOST + b"\r\n", fields=("Allow: POST",))
    bad("a CONNECT", 404, b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n")
    bad("a CONNECT with a request behind it", 404, b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n" + HIDDEN)


def codings():
    end = b"\r\n" + CHUNK + END
    good("chunked", chunked(CHUNK + END))
    for name, line in (
        ("in capitals", b"TRANSFER-ENCODING: CHUNKED"), ("mixed", b"transfer-Encoding: Chunked"), ("a tab", b"Transfer-Encoding:\tchunked"),
        ("no blank", b"Transfer-Encoding:chunked"), ("blanks behind", b"Transfer-Encoding: chunked  "),
    ):
        good("coding: " + name, POST + line + b"\r\n" + end)
    for name, value in (
        ("xchunked", b"xchunked"), ("chunkedx", b"chunkedx"), ("chunk", b"chunk"), ("twice", b"chunked, chunked"), ("identity", b"identity"),
        ("chunked, identity", b"chunked, identity"), ("identity, chunked", b"identity, chunked"), ("gzip, chunked", b"gzip, chunked"),
        ("chunked, gzip", b"chunked, gzip"), ("a parameter", b"chunked;q=1"), ("a comma before", b", chunked"), ("a comma behind", b"chunked,"),
        ("in quotes", b'"chunked"'), ("in half quotes", b"'chunked'"), ("brackets", b"[chunked]"), ("two words", b"chunked x"),
        ("a word before", b"x chunked"), ("a blank inside", b"chun ked"), ("empty", b""), ("a letter that is none", "chun\u212aed".encode()),
        ("a no-break space", b"\xa0chunked"), ("a high octet behind", b"chunked\xff"), ("a backslash", b"\\chunked"), ("a colon", b": chunked"),
    ):
        bad("coding: " + name, 501, POST + b"Transfer-Encoding: " + value + b"\r\n" + end)
    for name, value in (
        ("a vertical tab", b"\x0bchunked"), ("a form feed", b"\x0cchunked"), ("a NUL behind", b"chunked\0"), ("a NUL before", b"\0chunked"),
        ("a CR before", b"\rchunked"), ("an LF before", b"\nchunked"), ("a CR behind", b"chunked\r"), ("folded", b"\r\n chunked"),
        ("folded by a tab", b"\r\n\tchunked"), ("folded behind", b"chunked\r\n , identity"), ("DEL", b"\x7fchunked"),
    ):
        bad("coding: " + name, 400, POST + b"Transfer-Encoding: " + value + b"\r\n" + end)
    for name, field in (
        ("a blank before the colon", b"Transfer-Encoding : chunked"), ("a tab before the colon", b"Transfer-Encoding\t: chunked"),
        ("a NUL in the name", b"Transfer-Encoding\0: chunked"), ("a blank before the name", b" Transfer-Encoding: chunked"),
        ("behind an LF", b"X: y\nTransfer-Encoding: chunked"), ("behind a CR", b"X: y\rTransfer-Encoding: chunked"),
        ("behind LF CR", b"X: y\n\rTransfer-Encoding: chunked"), ("a vertical tab before the colon", b"Transfer-Encoding\x0b: chunked"),
        ("a high octet in the name", b"Transfer-Encoding\xa0: chunked"), ("a blank in the name", b"Transfer Encoding: chunked"),
        ("no colon", b"Transfer-Encoding chunked"), ("a quote in the name", b'"Transfer-Encoding": chunked'),
    ):
        bad("coding, " + name, 400, POST + field + b"\r\n" + CL + b"\r\n<A>")
        bad("coding, " + name + ", chunks", 400, POST + field + b"\r\nContent-Length: 4\r\n" + end)
    good("a field that only looks like a coding", POST + b"Transfer_Encoding: chunked\r\n" + CL + b"\r\n<A>")
    good("a TE field", POST + b"TE: trailers, chunked\r\n" + CL + b"\r\n<A>")
    bad("two codings, both chunked", 501, POST + TE + TE + end)
    bad("two codings, identity first", 400, POST + b"Transfer-Encoding: identity\r\n" + TE + end)
    bad("two codings, identity last", 501, POST + TE + b"Transfer-Encoding: identity\r\n" + end)
    bad("two codings, an unknown one first", 400, POST + b"Transfer-Encoding: x\r\n" + TE + end)
    bad("two codings, an empty one last", 400, POST + TE + b"Transfer-Encoding:\r\n" + end)
    both_kinds(end)


def both_kinds(end):
    """Content-Length and Transfer-Encoding, each believed by somebody (RFC 9112 6.1)."""
    bad("length and coding", 400, POST + b"Content-Length: 5\r\n" + TE + b"\r\n" + END)
    bad("coding and length", 400, POST + TE + b"Content-Length: 5\r\n\r\n" + END)
    bad("length over the next request, and coding", 400, POST + b"Content-Length: %d\r\n" % (5 + HIDDEN_LEN) + TE + b"\r\n" + END)
    bad("coding, and a length that ends in the chunk", 400, POST + TE + b"Content-Length: 4\r\n" + end)
    bad("coding, and a length of 0", 400, POST + TE + b"Content-Length: 0\r\n" + end)
    bad("coding, and a request hidden in the chunk", 400,
        POST + TE + b"Content-Length: 4\r\n\r\n%x\r\n" % HIDDEN_LEN + HIDDEN + b"\r\n" + END)
    bad("an unknown coding and a length", 400, POST + b"Transfer-Encoding: x\r\n" + CL + b"\r\n<A>")
    bad("identity and a length", 400, POST + b"Transfer-Encoding: identity\r\n" + CL + b"\r\n<A>")
    bad("a length and an unknown coding", 400, POST + CL + b"Transfer-Encoding: x\r\n\r\n<A>")
    bad("an empty coding and a length", 501, POST + b"Transfer-Encoding:\r\n" + CL + b"\r\n<A>")
    bad("a coding with 1.0", 400, OLD + TE + end)
    bad("a coding with 1.0, kept alive", 400, OLD + b"Connection: keep-alive\r\n" + TE + end)
    bad("a coding with 1.0 and a length", 400, OLD + b"Connection: keep-alive\r\n" + TE + CL + end)
    good("a length that Connection names", POST + b"Connection: Content-Length\r\n" + CL + b"\r\n<A>")
    good("a coding that Connection names", POST + b"Connection: Transfer-Encoding\r\n" + TE + end)
    good("a Host that Connection names", POST + b"Connection: Host\r\n" + CL + b"\r\n<A>")


def chunks():
    good("two chunks", chunked(b"<X1>\r\n<A1>\r\n<X2>\r\n<A2>\r\n" + END))
    good("chunk: zeros before the size", chunked(b"000<X>\r\n<A>\r\n000\r\n\r\n"))
    good("chunk: sixteen zeros before the size", chunked(b"0" * 16 + CHUNK + END))
    good("chunk: an extension", chunked(b"<X>;a=b\r\n<A>\r\n0;c\r\n\r\n"))
    good("chunk: an extension in quotes", chunked(b'<X>;a="b;c, d"\r\n<A>\r\n' + END))
    good("chunk: many extensions", chunked(b"<X>" + b";a" * 100 + b"\r\n<A>\r\n" + END))
    good("chunk: trailers", chunked(CHUNK + b"0\r\nA: b\r\nC: d\r\n\r\n"))
    good("chunk: trailers with a name that is forbidden there", chunked(
        CHUNK + b"0\r\nContent-Length: 300\r\nHost: b\r\nContent-Type: text/plain\r\nExpect: 100-continue\r\n\r\n"))
    good("chunk: trailers of other framing", chunked(CHUNK + b"0\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
    for name, size in (
        ("0x", b"0x<X>"), ("a sign", b"+<X>"), ("a minus", b"-<X>"), ("minus one", b"-1"), ("a blank before", b" <X>"), ("a blank behind", b"<X> "),
        ("a tab behind", b"<X>\t"), ("an underscore", b"4_2"), ("none", b""), ("no digit", b"g"), ("an h", b"<X>h"), ("a NUL behind", b"<X>\0"),
        ("a comma", b"<X>,<X>"), ("two words", b"<X> <X>"), ("a CR before", b"\r<X>"), ("an LF before", b"\n<X>"), ("a line before", b"\r\n<X>"),
        ("a vertical tab", b"\x0b<X>"), ("a high octet", b"\xa0<X>"), ("a point", b"42.0"), ("in quotes", b'"<X>"'),
        ("17 digits that wrap", b"10000000000000042"), ("17 digits", b"f" * 17), ("200 digits", b"1" * 200), ("0X", b"0X<X>"),
        ("an LF in the extension", b"<X>;\na"), ("a CR in the extension", b"<X>;\ra"), ("a CR CR", b"<X>\r"), ("a NUL in the extension", b"<X>;a\0"),
        ("an LF in the quotes", b'<X>;a="\n"'), ("a CR LF in the quotes", b'<X>;a="\r\n"'), ("an extension without a name", b"<X>;"),
        ("a control character in the extension", b"<X>;a\x01=b"), ("a bracket in the extension", b"<X>;[a]=b"),
    ):
        bad("chunk size: " + name, 400, chunked(size + b"\r\n<A>\r\n" + END))
    for name, size in (("2^32 and the true one", b"100000042"), ("2^63", b"8000000000000042"), ("2^64 - 1", b"f" * 16), ("one too many", b"4001")):
        bad("chunk size: " + name, 413, chunked(size + b"\r\n<A>\r\n" + END))
    for name, body in (
        ("an LF behind the size", b"<X>\n<A>\r\n" + END), ("a CR behind the size", b"<X>\r<A>\r\n" + END), ("an LF behind the data", b"<X>\r\n<A>\n" + END),
        ("a CR behind the data", b"<X>\r\n<A>\r" + END), ("nothing behind the data", b"<X>\r\n<A>" + END), ("other octets behind the data", b"<X>\r\n<A>xx" + END),
        ("a blank behind the data", b"<X>\r\n<A> \r\n" + END), ("LF CR behind the data", b"<X>\r\n<A>\n\r" + END), ("one octet more", b"<X>\r\n<A>x\r\n" + END),
        ("one octet less", b"43\r\n<A>\r\n" + END), ("two LF at the end", CHUNK + b"0\n\n"), ("an LF at the end", CHUNK + b"0\r\n\n"),
        ("an LF behind a trailer", CHUNK + b"0\r\nA: b\r\n\n"),
        ("an LF behind the last size", CHUNK + b"0\n\r\n"), ("a CR at the end", CHUNK + b"0\r\n\rX"), ("CR CR LF at the end", CHUNK + b"0\r\n\r\r\n"),
        ("other octets at the end", CHUNK + b"0\r\nxx"), ("a last size with a sign", CHUNK + b"+0\r\n\r\n"), ("a last size below 0", CHUNK + b"-0\r\n\r\n"),
        ("a last size with 0x", CHUNK + b"0x0\r\n\r\n"), ("a last size with a blank", CHUNK + b"0 \r\n\r\n"), ("no end", CHUNK + b"0\r\n"), ("no last chunk", CHUNK),
        ("a trailer without a colon", CHUNK + b"0\r\nA\r\n\r\n"), ("a trailer without a name", CHUNK + b"0\r\n: b\r\n\r\n"),
        ("a trailer with a blank before its colon", CHUNK + b"0\r\nA : b\r\n\r\n"), ("a trailer that ends in LF", CHUNK + b"0\r\nA: b\n\r\n"),
        ("a trailer that ends in CR", CHUNK + b"0\r\nA: b\rC: d\r\n\r\n"), ("a NUL in a trailer", CHUNK + b"0\r\nA: \0\r\n\r\n"),
 ("a blank before the trailers", CHUNK + b"0\r\n A: b\r\n\r\n"),
        ("a trailer that is folded", CHUNK + b"0\r\nA: b\r\n c\r\n\r\n"), ("a trailer that is folded to a length", CHUNK + b"0\r\nA:\r\n Content-Length: 3\r\n\r\n"),
        ("a control character in a trailer", CHUNK + b"0\r\nA: \x01\r\n\r\n"), ("a request in the trailers", CHUNK + b"0\r\n" + HIDDEN),
    ):
        bad("chunks: " + name, 400, chunked(body))
    bad("chunks: an extension of 64 KiB", 413, chunked(b"<X>;a=" + b"b" * 65536 + b"\r\n<A>\r\n" + END))
    bad("chunks: trailers of 32 KiB", 431, chunked(CHUNK + b"0\r\n" + b"A: bcdefghijklm\r\n" * 2048 + b"\r\n"))
    bad("chunks: a trailer of 64 KiB", 431, chunked(CHUNK + b"0\r\nA: " + b"b" * 65536 + b"\r\n\r\n"))
    bad("chunks: cut in the data", 400, chunked(b"<X>\r\n<A1>"), glue=False, shut=True)
    bad("chunks: cut before the end", 400, chunked(CHUNK), glue=False, shut=True)
    bad("chunks: cut in the end", 400, chunked(CHUNK + b"0\r\n"), glue=False, shut=True)
    case("chunks: octets behind the end", chunked(CHUNK + END + b"x\r\n"), (200, 400), 1, False)
    case("chunks: a second end", chunked(CHUNK + END + END), (200, 400), 1, False)


def lines():
    whole = WHOLE
    bad("all lines end in LF", 400, whole.replace(b"\r\n", b"\n"))
    bad("all lines end in CR", 400, whole.replace(b"\r\n", b"\r"))
    bad("the request line ends in LF", 400, whole.replace(b"1.1\r\n", b"1.1\n"))
    bad("the request line ends in CR", 400, whole.replace(b"1.1\r\n", b"1.1\r"))
    bad("the request line ends in CR CR LF", 400, whole.replace(b"1.1\r\n", b"1.1\r\r\n"))
    bad("the request line ends in LF CR", 400, whole.replace(b"1.1\r\n", b"1.1\n\r"))
    bad("the head ends in CR LF LF", 400, POST + CL + b"\n<A>")
    bad("the head ends in LF LF", 400, POST + b"Content-Length: <L>\n\n<A>")
    bad("the head ends in CR LF CR", 400, POST + CL + b"\r<A>")
    bad("the head ends in a line of blanks", 400, POST + CL + b"  \r\n\r\n<A>")
    for name, line in (
        ("an LF at its end", b"X: y\n"), ("a CR inside", b"X: a\rb\r\n"), ("CR CR LF at its end", b"X: y\r\r\n"), ("an LF inside", b"X: a\nb: c\r\n"),
        ("a NUL in its value", b"X: a\0b\r\n"), ("a NUL in its name", b"X\0: a\r\n"), ("a NUL at its start", b"\0X: a\r\n"),
        ("folded by a blank", b"X: a\r\n b\r\n"), ("folded by a tab", b"X: a\r\n\tb\r\n"), ("folded to a length", b"X: a\r\n Content-Length: 0\r\n"),
        ("a blank before the colon", b"X : a\r\n"), ("a tab before the colon", b"X\t: a\r\n"), ("no name", b": a\r\n"), ("no colon", b"X\r\n"),
        ("a blank as its name", b" : a\r\n"), ("a bracket in its name", b"X[0]: a\r\n"), ("a slash in its name", b"X/y: a\r\n"), ("an at in its name", b"X@y: a\r\n"),
        ("a high octet in its name", b"X\xe9: a\r\n"), ("a control character in its name", b"X\x01: a\r\n"), ("a quote in its name", b'X": a\r\n'),
        ("BEL in its value", b"X: \x07\r\n"), ("a vertical tab in its value", b"X: \x0b\r\n"), ("a form feed in its value", b"X: \x0c\r\n"),
        ("ESC in its value", b"X: \x1b[2J\r\n"), ("DEL in its value", b"X: \x7f\r\n"), ("a backspace in its value", b"X: \x08\r\n"),
    ):
        bad("field: " + name, 400, POST + line + CL + b"\r\n<A>")
    bad("a blank before the first field", 400, b"POST / HTTP/1.1\r\n " + HOST + TYPE + CL + b"\r\n<A>")
    bad("a tab before the first field", 400, b"POST / HTTP/1.1\r\n\t" + HOST + TYPE + CL + b"\r\n<A>")
    bad("a blank line before the first field", 400, b"POST / HTTP/1.1\r\n \r\n" + HOST + TYPE + CL + b"\r\n<A>")
    good("field: high octets in its value", posted(b"X: \x80\xff", b"Content-Length: <L>"))
    good("field: UTF-8 in its value", posted("X: é中".encode(), b"Content-Length: <L>"))
    good("field: empty", posted(b"X:", b"Content-Length: <L>"))
    good("field: a colon in its value", posted(b"X: a:b: c", b"Content-Length: <L>"))
    good("field: every character that a name may have", posted(b"!#$%&'*+-.^_`|~09azAZ: a", b"Content-Length: <L>"))
    good("field: twice", posted(b"X: a", b"X: b", b"Content-Length: <L>"))


def first_lines():
    rest = HOST + TYPE + CL + b"\r\n<A>"
    for name, line in (
        ("two blanks behind the method", b"POST  / HTTP/1.1"), ("two blanks behind the address", b"POST /  HTTP/1.1"), ("a blank before it", b" POST / HTTP/1.1"),
        ("a blank behind it", b"POST / HTTP/1.1 "), ("a tab behind it", b"POST / HTTP/1.1\t"), ("a tab behind the method", b"POST\t/ HTTP/1.1"),
        ("a tab behind the address", b"POST /\tHTTP/1.1"), ("a vertical tab behind the method", b"POST\x0b/ HTTP/1.1"), ("a form feed", b"POST /\x0cHTTP/1.1"),
        ("a blank in the address", b"POST /a b HTTP/1.1"), ("a word behind it", b"POST / HTTP/1.1 x"), ("a NUL behind the method", b"POST\0 / HTTP/1.1"),
        ("a NUL in the address", b"POST /\0 HTTP/1.1"), ("a NUL behind it", b"POST / HTTP/1.1\0"), ("a control character", b"POST /\x01 HTTP/1.1"),
        ("DEL in the address", b"POST /\x7f HTTP/1.1"), ("a high octet in the address", b"POST /\xff HTTP/1.1"), ("UTF-8 in the address", b"POST /\xc3\xa9 HTTP/1.1"),
        ("overlong UTF-8", b"POST /\xc0\xaf HTTP/1.1"), ("no version", b"POST /"), ("no version, a blank", b"POST / "), ("no address", b"POST HTTP/1.1"),
        ("no address, two blanks", b"POST  HTTP/1.1"), ("a method alone", b"POST"), ("a path that is none", b"POST x HTTP/1.1"), ("a host as address", b"POST a:80 HTTP/1.1"),
        ("no method", b"/ HTTP/1.1"), ("a bracket in the method", b"P(ST / HTTP/1.1"), ("a control character in the method", b"P\x01ST / HTTP/1.1"),
        ("http in small letters", b"POST / http/1.1"), ("Http", b"POST / Http/1.1"), ("another protocol", b"POST / ICE/1.1"), ("RTSP", b"POST / RTSP/1.0"),
        ("HTTPS", b"POST / HTTPS/1.1"), ("one digit", b"POST / HTTP/1"), ("no point", b"POST / HTTP/11"), ("a point alone", b"POST / HTTP/1."),
        ("two digits", b"POST / HTTP/1.10"), ("zeros before", b"POST / HTTP/01.1"), ("zeros behind", b"POST / HTTP/1.01"), ("a comma", b"POST / HTTP/1,1"),
        ("a blank in the version", b"POST / HTTP/ 1.1"), ("a letter behind the version", b"POST / HTTP/1.1x"), ("a sign in the version", b"POST / HTTP/+1.1"),
        ("no protocol", b"POST / 1.1"), ("a brace in the address", b"POST /{x} HTTP/1.1\r\nX: {"),
    ):
        status = 404 if b"{" in line else 400
        bad("line: " + name, status, line + b"\r\n" + rest, is_old=name.startswith("no version"))
    for version in (b"0.9", b"1.2", b"1.9", b"2.0", b"3.0", b"9.9", b"0.0"):
        bad("line: HTTP/" + version.decode(), 505, b"POST / HTTP/" + version + b"\r\n" + rest)
    bad("HTTP/0.9 as it was", 400, b"GET /healthz\r\n", is_old=True)
    bad("the first octets of HTTP/2", 505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
    bad("the first octets of TLS", 400, b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03")
    bad("random octets", 400, bytes(range(128, 256)) * 2)
    bad("a line of blanks before it", 400, b"  \r\n" + WHOLE)
    bad("an LF before it", 400, b"\n" + WHOLE)
    bad("five empty lines before it", 400, b"\r\n" * 5 + WHOLE)
    good("an empty line before it", b"\r\n" + WHOLE)
    good("four empty lines before it", b"\r\n" * 4 + WHOLE)
    good("empty lines behind it", WHOLE + b"\r\n\r\n")
    for name, method in (("an unknown one", b"BREW"), ("small letters", b"post"), ("one letter", b"P"), ("a letter more", b"POSTT"), ("dashes", b"X-POST")):
        bad("method: " + name, 501, method + b" / HTTP/1.1\r\n" + rest)
    bad("method: 100 KiB", 414, b"P" * 102400 + b" / HTTP/1.1\r\n" + rest)


def addresses():
    rest = b" HTTP/1.1\r\n" + HOST + TYPE + CL + b"\r\n<A>"
    for target in (b"http://a/", b"http://b/", b"HTTP://a/", b"http://a:80/rfc3161", b"https://a/", b"http://a", b"/?x=/&y=%00", b"/?", b"//", b"http://a?x"):
        good("address: " + target.decode(), b"POST " + target + rest)
    for target in (b"/%2e", b"/%00", b"/%0d%0aX:%20y", b"/%zz", b"/%", b"//a/", b"/./", b"/../", b"/rfc3161/..", b"/#x", b"/\\", b"/;x", b"/%2f"):
        bad("address: " + target.decode(), 404, b"POST " + target + rest)
    for target in (b"ftp://a/", b"http://a/nothing"):
        bad("address: " + target.decode(), 404, b"POST " + target + rest)
    for target in (b"http:///", b"http://u@a/", b"http://u:p@a/rfc3161", b"http://?x", b"http://:80/", b"http://a:b/", b"http://[::1/", b"http://a:80:80/"):
        bad("address: " + target.decode(), 400, b"POST " + target + rest)
    bad("address: *", 404, b"POST *" + rest)
    bad("OPTIONS *", 404, b"OPTIONS *" + rest)
    bad("an address with its host, and no Host", 400, b"POST http://a/ HTTP/1.1\r\n" + TYPE + CL + b"\r\n<A>")
    bad("an address with its host, and two Hosts", 400, b"POST http://a/ HTTP/1.1\r\n" + HOST + HOST + TYPE + CL + b"\r\n<A>")


def hosts():
    rest = TYPE + CL + b"\r\n<A>"
    bad("no Host", 400, b"POST / HTTP/1.1\r\n" + rest)
    bad("two Hosts, equal", 400, b"POST / HTTP/1.1\r\n" + HOST + HOST + rest)
    bad("two Hosts, different", 400, b"POST / HTTP/1.1\r\n" + HOST + b"Host: b\r\n" + rest)
    bad("two Hosts, one in small letters", 400, b"POST / HTTP/1.1\r\nhost: b\r\n" + HOST + rest)
    bad("two Hosts, one with a blank", 400, b"POST / HTTP/1.1\r\n" + HOST + b"Host : b\r\n" + rest)
    bad("two Hosts with 1.0", 400, b"POST / HTTP/1.0\r\nConnection: keep-alive\r\n" + HOST + HOST + rest)
    for value in (b"a b", b"a/b", b"u@a", b"<a>", b"a?b", b"a#b", b"a\\b", b'"a"', b"a\tb", b"\xc3\xa9", b"{a}", b"a^b", b"a|b", b":80", b":", b"a:b", b"a:80x", b"a:-1",
                  b"a:80:80", b"::1", b"[::1", b"::1]", b"[]", b"[a]", b"[::1]]", b"[::1]80", b"[::1]:x", b"[1.2.3.4]", b"[::1%25lo]", b"[v1.a]", b"a[::1]",
                  b"a%", b"a%4", b"%4g"):
        bad("Host: " + value.decode(), 400, b"POST / HTTP/1.1\r\nHost: " + value + b"\r\n" + rest)
    for value in (b"", b"a:80", b"[::1]:80", b"192.0.2.1", b"a.example.", b"A-b_c", b"a%41", b"a:", b"[::ffff:192.0.2.1]", b"[2001:db8::1]:"):
        good("Host: " + (value.decode() or "(empty)"), b"POST / HTTP/1.1\r\nHost: " + value + b"\r\n" + rest)


def sizes():
    used = len(b"POST / HTTP/1.1\r\n" + HOST + TYPE + b"Content-Length: 66\r\nX: \r\n\r\n")
    good("a head of 8,192 octets", POST + CL + b"X: " + b"y" * (8192 - used) + b"\r\n\r\n<A>")
    bad("a head of 8,193 octets", 431, POST + CL + b"X: " + b"y" * (8193 - used) + b"\r\n\r\n<A>")
    bad("a value of 100 KiB", 431, POST + CL + b"X: " + b"y" * 102400 + b"\r\n\r\n<A>")
    bad("a name of 100 KiB", 431, POST + CL + b"X" * 102400 + b": y\r\n\r\n<A>")
    good("64 fields", POST + CL + b"X: y\r\n" * 61 + b"\r\n<A>")
    bad("65 fields", 431, POST + CL + b"X: y\r\n" * 62 + b"\r\n<A>")
    bad("10,000 fields", 431, POST + CL + b"X: y\r\n" * 10000 + b"\r\n<A>")
    line = len(b"POST /? HTTP/1.1")
    good("a request line of 2,048 octets", b"POST /?" + b"x" * (2048 - line) + b" HTTP/1.1\r\n" + HOST + TYPE + CL + b"\r\n<A>")
    bad("a request line of 2,049 octets", 414, b"POST /?" + b"x" * (2049 - line) + b" HTTP/1.1\r\n" + HOST + TYPE + CL + b"\r\n<A>")
    bad("an address of 100 KiB", 414, b"POST /?" + b"x" * 102400 + b" HTTP/1.1\r\n" + HOST + TYPE + CL + b"\r\n<A>")
    zeros = b"\0" * 16383
    case("a body of 16 KiB", POST + b"Content-Length: 16384\r\n\r\n0" + zeros, (200, 200), 1, True)
    bad("a body of 16 KiB and an octet", 413, POST + b"Content-Length: 16385\r\n\r\n00" + zeros)
    case("a chunked body of 16 KiB", chunked(b"2000\r\n0" + zeros[:8191] + b"\r\n2000\r\n" + zeros[:8192] + b"\r\n" + END), (200, 200), 1, True)
    bad("a chunked body of 16 KiB and an octet", 413, chunked(b"2000\r\n0" + zeros[:8191] + b"\r\n2001\r\n" + zeros[:8193] + b"\r\n" + END))
    case("a body in chunks of an octet", chunked(b"1\r\n0\r\n" * 1024 + END), (200, 200), 1, True)
    bad("a long body in chunks of an octet", 413, chunked(b"1\r\n0\r\n" * 6000 + END))


def keeping():
    last("Connection: close", posted(b"Connection: close", b"Content-Length: <L>"))
    last("Connection: CLOSE among others", posted(b"Connection: x, CLOSE ,y", b"Content-Length: <L>"))
    last("Connection: close and keep-alive", posted(b"Connection: keep-alive, close", b"Content-Length: <L>"))
    good("Connection: keep-alive", posted(b"Connection: keep-alive", b"Content-Length: <L>"))
    good("Keep-Alive", posted(b"Keep-Alive: timeout=99", b"Content-Length: <L>"))
    last("1.0", OLD + CL + b"\r\n<A>", fields=("Connection: close",))
    last("1.0 with a Host", OLD + HOST + CL + b"\r\n<A>")
    good("1.0, kept alive", OLD + b"Connection: keep-alive\r\n" + CL + b"\r\n<A>", fields=("Connection: keep-alive",))
    last("1.0 with an expectation", OLD + b"Expect: 100-continue\r\n" + CL + b"\r\n<A>")
    for name, line in (
        ("websocket", b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"),
        ("h2c", b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n"),
        ("TLS", b"Connection: upgrade\r\nUpgrade: TLS/1.2, HTTP/1.1\r\n"), ("without Connection", b"Upgrade: websocket\r\n"),
        ("unknown", b"Connection: Upgrade\r\nUpgrade: x/1\r\n"),
    ):
        good("upgrade: " + name, POST + line + CL + b"\r\n<A>")
        good("upgrade with chunks: " + name, POST + line + TE + b"\r\n" + CHUNK + END)
        view("upgrade of a GET: " + name, GET + line + b"\r\n")
    good("upgrade with 1.0", OLD + b"Connection: upgrade, keep-alive\r\nUpgrade: websocket\r\n" + CL + b"\r\n<A>")


def expectations():
    expect = b"Expect: 100-continue\r\n"
    good("100-continue, and the body at once", POST + expect + CL + b"\r\n<A>")
    good("100-continue, and the body later", (POST + expect + CL + b"\r\n", 0.3, b"<A>"), interim=1)
    good("100-Continue, chunked, and the body later", (POST + b"Expect: 100-Continue\r\n" + TE + b"\r\n", 0.3, CHUNK + END), interim=1)
    good("100-continue, and a part of the body", POST + expect + CL + b"\r\n<A1>" + b"<A2>")
    bad("100-continue for too much", 413, POST + expect + b"Content-Length: 16385\r\n\r\n")
    bad("100-continue without length", 411, POST + expect + b"\r\n")
    for name, value in (("a miracle", b"a miracle"), ("a list", b"100-continue, x"), ("a parameter", b"100-continue;q=1"), ("200-ok", b"200-ok"), ("empty", b"")):
        bad("expectation: " + name, 417, POST + b"Expect: " + value + b"\r\n" + CL + b"\r\n<A>")
    bad("two expectations", 417, POST + expect + b"Expect: x\r\n" + CL + b"\r\n<A>")
    view("100-continue of a GET", GET + expect + b"\r\n")


def sequences():
    eight = b"".join(POST + CL + b"\r\n<%c>" % letter for letter in b"ABCDEFGH")
    case("a pipeline of 9, in order", eight, (200,) * 9, 9, True)
    case("a pipeline of both kinds of framing", (WHOLE + POST + TE + b"\r\n<X>\r\n<B>\r\n" + END) + POST + CL + b"\r\n<C>", (200,) * 4, 4, True)
    case("a pipeline with an error in it", WHOLE + b"GARBAGE\r\n\r\n" + HIDDEN, (200, 400), 1, False)
    case("a pipeline with a 404 in it", WHOLE + b"GET /nothing HTTP/1.1\r\n" + HOST + b"\r\n" + HIDDEN, (200, 404), 1, False)
    case("a pipeline with a close in it", WHOLE + POST + b"Connection: close\r\n" + CL + b"\r\n<B>" + HIDDEN, (200, 200), 2, False)
    case("a pipeline that ends after a whole request", WHOLE + POST + CL + b"\r\n<B>", (200, 200), 2, False, glue=False, shut=True)
    case("half-closed after the request", WHOLE, (200,), 1, False, glue=False, shut=True)
    bad("half-closed in the request line", 400, b"POST / HT", glue=False, shut=True)
    bad("half-closed in the head", 400, POST + b"Content-Le", glue=False, shut=True)
    bad("half-closed in the body", 400, POST + CL + b"\r\n<A1>", glue=False, shut=True)
    case("nothing at all", b"", (), 0, False, glue=False, shut=True)
    case("an empty line and nothing else", b"\r\n", (), 0, False, glue=False, shut=True)
    view("slowly, in few pieces", (GET[:9], 0.2, GET[9:20], 0.2, GET[20:] + b"\r", 0.2, b"\n"))
    good("a body that comes later", (POST + CL + b"\r\n", 0.2, b"<A1>", 0.2, b"<A2>"))


for part in (lengths, bodies_of_others, codings, chunks, lines, first_lines, addresses, hosts, sizes, keeping, expectations, sequences):
    part()


def parts_of(case, queries):
    """The octets of a case, with the one more request behind them."""
    parts = case.octets if isinstance(case.octets, tuple) else (case.octets,)
    parts = list(parts) + ([GLUE] if case.glue else [])
    parts = [part if isinstance(part, float) else probe_http.fill(part, queries) for part in parts]
    if case.glue:  # one packet
        parts[-2:] = [parts[-2] + parts[-1]]
    return parts


# Framing that is sent once more in other pieces: each cut in two, and octet by octet; and what is so sent in the long form only.
CUT = ("two chunks", "length and coding", "chunks: an LF behind the data", "field: folded by a blank")
CUT_LONG = ("a length", "chunk: trailers", "chunk size: an LF in the extension", "100-continue, and the body at once", "chunks: a trailer that is folded")
