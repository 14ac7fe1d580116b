# SPDX-License-Identifier: Apache-2.0
"""The page for people as a browser shows it, and what is to be said of it.

usage: page.py show URL FOLDER    drive headless Chromium: pictures in light and dark, on a phone, on paper, and what it tells of the page
       page.py looks FOLDER       light is light, dark is dark, every text stands out, nothing is wider than a phone, nothing else was loaded
       page.py facts FOLDER       the page shows what /status.json said before and after
       page.py banner FOLDER      lab time is not to be overlooked, in light and dark, on a desk and on a phone, wherever the page is scrolled to
       page.py box FOLDER CLASS TEXT    the box at the top is of that class and says that; below it is told what to do
       page.py form FOLDER        headings, tables and links as people who do not see the page need them

The browser is told what to do over its debugging pipe, with scripts disabled. It gets a profile of its own and asks for nothing but the page.
"""
import base64
import html.parser
import json
import os
import pathlib
import re
import select
import shutil
import struct
import subprocess
import sys
import time
import urllib.parse
import urllib.request
import zlib

PATIENCE = 60  # seconds for one word of the browser
SIZES = {"wide": (1000, 700), "phone": (360, 740)}
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run",
    "--no-default-browser-check", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-default-apps", "--disable-extensions", "--disable-domain-reliability", "--metrics-recording-only",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--remote-debugging-pipe", "about:blank",
]
MIN_CONTRAST = 4.5  # WCAG 2.1, 1.4.3


# ---- the browser -----------------------------------------------------------------------------------
class Browser:
    """Chromium behind a pair of pipes: JSON with a NUL at its end, both ways (the DevTools protocol)."""

    def __init__(self, folder):
        to_browser, from_us = os.pipe()
        from_browser, to_us = os.pipe()

        def place():
            # Away from 3 and 4 first, so that neither is lost to the other.
            first, second = os.dup(to_browser), os.dup(to_us)
            high = [os.dup2(first, 100), os.dup2(second, 101)]
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        self.profile = folder / "profile"
        with open(folder / "browser.log", "wb") as log:
            self.process = subprocess.Popen(
                [shutil.which("chromium"), f"--user-data-dir={self.profile}", *FLAGS], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, close_fds=False, preexec_fn=place, start_new_session=True)
        os.close(to_browser)
        os.close(to_us)
        self.out, self.into = from_us, from_browser
        self.number, self.rest, self.events, self.session = 0, b"", [], None

    def read(self):
        """The next message."""
        end = time.monotonic() + PATIENCE
        while b"\0" not in self.rest:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.into], [], [], left)[0]:
                sys.exit("the browser says nothing")
            octets = os.read(self.into, 1 << 20)
            if not octets:
                sys.exit("the browser has ended")
            self.rest += octets
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def ask(self, method, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.read()
            if answer.get("id") == self.number:
                if "error" in answer:
                    sys.exit(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def wait(self, method):
        while not any(event.get("method") == method for event in self.events):
            self.events.append(self.read())

    def open(self):
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "DOM", "CSS"):
            self.ask(f"{domain}.enable")
        self.ask("Emulation.setScriptExecutionDisabled", value=True)

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


# ---- show ------------------------------------------------------------------------------------------
def colours_of(browser):
    """Of each element that holds text of its own: its colour and the ground that it stands on."""
    root = browser.ask("DOM.getDocument", depth=-1)["root"]
    found = []

    def look(node, ground):
        if node["nodeType"] == 1:
            style = browser.ask("CSS.getComputedStyleForNode", nodeId=node["nodeId"])["computedStyle"]
            style = {entry["name"]: entry["value"] for entry in style}
            if style["background-color"] != "rgba(0, 0, 0, 0)":
                ground = style["background-color"]
            texts = [child["nodeValue"] for child in node.get("children", ()) if child["nodeType"] == 3]
            if style["display"] != "none" and any(text.strip() for text in texts):
                found.append([node["nodeName"], style["color"], ground])
        for child in node.get("children", ()):
            look(child, ground)

    look(root, None)
    return found


def show_as(browser, url, folder, name):
    scheme, size = name.split("-")
    width, height = SIZES[size]
    browser.events.clear()
    browser.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                mobile=size == "phone")
    browser.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    browser.ask("Page.navigate", url=url)
    browser.wait("Page.loadEventFired")
    picture = browser.ask("Page.captureScreenshot", format="png")
    (folder / f"{name}.png").write_bytes(base64.b64decode(picture["data"]))
    picture = browser.ask("Page.captureScreenshot", format="png", captureBeyondViewport=True)
    (folder / f"{name}-whole.png").write_bytes(base64.b64decode(picture["data"]))
    height = browser.ask("Page.getLayoutMetrics")["cssContentSize"]["height"]
    browser.ask("Input.synthesizeScrollGesture", x=width // 2, y=200, yDistance=-int(height), speed=100000)
    picture = browser.ask("Page.captureScreenshot", format="png")
    (folder / f"{name}-end.png").write_bytes(base64.b64decode(picture["data"]))
    told = {
        "width": width,
        "content": browser.ask("Page.getLayoutMetrics")["cssContentSize"],
        "colours": colours_of(browser),
        "requests": [e["params"]["request"]["url"] for e in browser.events if e.get("method") == "Network.requestWillBeSent"],
        "complaints": [e["params"]["entry"] for e in browser.events if e.get("method") == "Log.entryAdded"],
    }
    (folder / f"{name}.json").write_text(json.dumps(told))


def fetch(url):
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
        return answer.read()


def show(url, folder):
    folder.mkdir(parents=True, exist_ok=True)
    browser = Browser(folder)
    try:
        browser.open()
        for name in ("light-wide", "dark-wide", "light-phone"):
            show_as(browser, url, folder, name)
        pdf = browser.ask("Page.printToPDF")
        (folder / "print.pdf").write_bytes(base64.b64decode(pdf["data"]))
        (folder / "before.json").write_bytes(fetch(urllib.parse.urljoin(url, "status.json")))
        show_as(browser, url, folder, "dark-phone")
        root = browser.ask("DOM.getDocument", depth=-1)["root"]
        (folder / "dom.html").write_text(browser.ask("DOM.getOuterHTML", nodeId=root["nodeId"])["outerHTML"])
        (folder / "after.json").write_bytes(fetch(urllib.parse.urljoin(url, "status.json")))
        (folder / "url").write_text(url)
    finally:
        browser.close()


# ---- looks -----------------------------------------------------------------------------------------
def pixels(path):
    """Rows of a PNG without interlacing, 8 bits a channel (PNG specification, 9.2): the colours of each fourth row."""
    octets = path.read_bytes()
    assert octets[:8] == b"\x89PNG\r\n\x1a\n", f"{path} is no PNG"
    at, data = 8, b""
    while at < len(octets):
        length, kind = struct.unpack(">I4s", octets[at:at + 8])
        body = octets[at + 8:at + 8 + length]
        if kind == b"IHDR":
            width, height, depth, colour, _, _, interlace = struct.unpack(">IIBBBBB", body)
        data += body if kind == b"IDAT" else b""
        at += length + 12
    assert depth == 8 and colour in (2, 6) and interlace == 0, f"{path} is of another kind"
    size = 3 if colour == 2 else 4
    raw, stride = zlib.decompress(data), width * size
    above, rows = bytearray(stride), []
    for y in range(height):
        kind, line = raw[y * (stride + 1)], bytearray(raw[y * (stride + 1) + 1:(y + 1) * (stride + 1)])
        unfilter(kind, line, above, size)
        if y % 4 == 0:
            rows.append([tuple(line[x:x + 3]) for x in range(0, stride, size)])
        above = line
    return rows


def unfilter(kind, line, above, size):
    assert kind <= 4, "a filter that PNG does not have"
    for i in range(len(line) if kind else 0):
        left = line[i - size] if i >= size else 0
        corner = above[i - size] if i >= size else 0
        if kind == 4:
            estimate = left + above[i] - corner
            distances = abs(estimate - left), abs(estimate - above[i]), abs(estimate - corner)
            guess = (left, above[i], corner)[distances.index(min(distances))]
        else:
            guess = (0, left, above[i], (left + above[i]) // 2)[kind]
        line[i] = (line[i] + guess) & 255


def luminance(colour):
    parts = [c / 255 for c in colour]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def rgb(text):
    """rgb(27, 31, 36) -> numbers; a colour that shines through could not be judged so."""
    match = re.fullmatch(r"rgb\((\d+), (\d+), (\d+)\)", text)
    assert match, f"a colour that is not plain: {text}"
    return tuple(int(number) for number in match.groups())


def check_picture(folder, name, is_dark):
    counts = {}
    for row in pixels(folder / f"{name}.png"):
        for colour in row:
            counts[colour] = counts.get(colour, 0) + 1
    ground = max(counts, key=counts.get)
    assert counts[ground] > sum(counts.values()) / 2, f"{name}: no colour is the ground"
    assert (luminance(ground) < 0.05) if is_dark else (luminance(ground) > 0.9), f"{name}: the ground is {ground}"
    best = max(contrast(colour, ground) for colour in counts)
    assert best >= 7, f"{name}: no text stands out of the picture ({best:.1f})"


def looks(folder):
    url = (folder / "url").read_text()
    for name in ("light-wide", "dark-wide", "light-phone", "dark-phone"):
        told = json.loads((folder / f"{name}.json").read_text())
        check_picture(folder, name, name.startswith("dark"))
        assert len(told["colours"]) > 40, f"{name}: only {len(told['colours'])} texts"
        assert all(ground for _, _, ground in told["colours"]), f"{name}: a text without a ground"
        worst = min((contrast(rgb(colour), rgb(ground)), tag, colour, ground) for tag, colour, ground in told["colours"])
        assert worst[0] >= MIN_CONTRAST, f"{name}: too little contrast: {worst}"
        assert told["content"]["width"] <= told["width"], f"{name}: wider than its window: {told['content']}"
        assert told["requests"] and not set(told["requests"]) - {url, urllib.parse.urljoin(url, "favicon.ico")}, \
            f"{name}: loads {told['requests']}"
        complaints = [c for c in told["complaints"] if "favicon" not in c.get("url", "")]
        assert not complaints, f"{name}: the browser complains: {complaints}"
        print(f"{name}: {len(told['colours'])} texts, least contrast {worst[0]:.2f}, height {told['content']['height']}")
    pdf = (folder / "print.pdf").read_bytes()
    assert pdf.startswith(b"%PDF-") and len(pdf) > 10000, "nothing was printed"


BANNER = (255, 212, 0)  # its ground, in light and dark


def banner(folder):
    """A tenth of what is seen first, and of what is seen after scrolling to the end."""
    for name in ("light-wide", "dark-wide", "light-phone", "dark-phone"):
        for part in ("", "-end"):
            rows = pixels(folder / f"{name}{part}.png")
            share = sum(colour == BANNER for row in rows for colour in row) / sum(len(row) for row in rows)
            assert share >= 0.05, f"{name}{part}: the banner covers {share:.1%}"
            above = rows[:len(rows) // 3]
            assert any(colour == BANNER for row in above for colour in row), f"{name}{part}: it is not at the top"
            print(f"{name}{part}: the banner covers {share:.1%}")
    page = Page((folder / "dom.html").read_text())
    assert page.all("title")[0]["text"].startswith("LAB TIME"), "the title does not tell"
    assert "not the real time" in page.text("lab-time") and page.text("lab-clock")


BOXES = {"good": (230, 244, 234), "warn": (255, 239, 199), "bad": (253, 236, 234)}  # their grounds in light


def box(folder, kind, text):
    """What is seen first tells by its colour too."""
    page = Page((folder / "dom.html").read_text())
    assert page.by_id["state"]["attrs"]["class"] == kind, page.by_id["state"]
    assert text in page.text("state"), page.text("state")
    assert "tsa clock status" in page.text("advice"), page.text("advice")
    seen = {colour for row in pixels(folder / "light-wide.png") for colour in row}
    assert BOXES[kind] in seen, f"no {kind} is seen"
    assert BOXES["good"] not in seen, "green is seen"


# ---- facts, form -----------------------------------------------------------------------------------
class Page(html.parser.HTMLParser):
    """Text by id, and the elements in their order."""

    EMPTY = {"meta", "link", "br", "img", "hr", "input"}

    def __init__(self, text):
        super().__init__()
        self.open, self.by_id, self.elements, self.rows = [], {}, [], {}
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        element = {"tag": tag, "attrs": dict(attrs), "text": ""}
        self.elements.append(element)
        if tag not in self.EMPTY:
            self.open.append(element)
        if "id" in element["attrs"]:
            assert element["attrs"]["id"] not in self.by_id, f"two elements have the id {element['attrs']['id']}"
            self.by_id[element["attrs"]["id"]] = element

    def handle_endtag(self, tag):
        while self.open and self.open.pop()["tag"] != tag:
            pass

    def handle_data(self, data):
        for element in self.open:
            element["text"] += data

    def text(self, name):
        return self.by_id[name]["text"].strip()

    def all(self, *tags):
        return [element for element in self.elements if element["tag"] in tags]


def bound_text(ns):
    if ns is None:
        return "not known"
    scales = ((172800, 86400, "d"), (7200, 3600, "h"), (120, 60, "min"), (1, 1, "s"), (1e-3, 1e-3, "ms"), (1e-6, 1e-6, "us"))
    for least, scale, name in scales:
        if ns >= least * 1e9:
            value = ns / (scale * 1e9)
            return f"{value:.4g} {name}" if value < 1000 else f"{value:.0f} {name}"
    return f"{ns} ns"


def facts(folder):
    page = Page((folder / "dom.html").read_text())
    before, after = (json.loads((folder / f"{name}.json").read_text()) for name in ("before", "after"))
    unit, requests = after["units"][0], after["requests"]
    for name in ("ready", "ledger", "last_token", "requests", "fronts", "version"):
        assert before[name] == after[name], f"{name} has changed meanwhile"
    assert before["time"] <= page.text("time") <= after["time"]
    assert after["ready"] and page.by_id["state"]["attrs"]["class"] == "good"
    wanted = {
        "ledger": f"{after['ledger']['records']} records",
        "last": after["last_token"],
        "waiting": str(after["waiting"]),
        "fronts": str(after["fronts"]),
        "version": after["version"],
        "certificate": f"{unit['certificate']['not_after']} ({unit['certificate']['days_left']} days left)",
        "key": f"{unit['certificate']['key_not_after']} ({unit['certificate']['key_days_left']} days left)",
    }
    for name, text in wanted.items():
        assert page.text(name) == text, f"{name}: the page says {page.text(name)!r}, status.json {text!r}"
    # It grows from second to second.
    assert page.text("bound") in [bound_text(told["clock"]["bound_ns"]) for told in (before, after)]
    assert page.text("source").startswith(after["clock"]["reference"])
    assert ("not proven" in page.text("clock")) != after["clock"]["proven"]
    assert page.text("clock").startswith({"sync": "good;", "warn": "good, with a warning", "stop": "stopped", "unknown": "unknown"}[
        after["clock"]["state"]])
    assert page.text("since").startswith(after["clock"]["since"] or "not known")
    rows = {"rfc3161": "RFC 3161", "authenticode": "Authenticode"}
    for name, label in rows.items():
        expected = f"{label}{requests[name]['granted']}{requests[name]['refused']}"
        assert page.text(name) == expected, f"{name}: {page.text(name)!r} is not {expected!r}"
    assert page.text("neither").endswith(str(requests["neither"]["refused"]))
    assert page.text("turned-away").endswith(str(requests["turned_away"]))
    opened, accepted = (int(number) for number in re.findall(r"\d+", page.text("connections")))
    assert before["connections"]["accepted"] <= accepted <= after["connections"]["accepted"] and opened >= 1
    print(f"facts: {len(wanted) + 11} compared")


def form(folder):
    page = Page((folder / "dom.html").read_text())
    url = (folder / "url").read_text()
    assert page.all("html")[0]["attrs"].get("lang") == "en"
    assert any(meta["attrs"].get("name") == "viewport" for meta in page.all("meta"))
    assert page.all("title")[0]["text"] and len(page.all("main")) == 1
    levels = [int(heading["tag"][1]) for heading in page.all("h1", "h2", "h3", "h4", "h5", "h6")]
    assert levels[0] == 1 and levels.count(1) == 1, "not one heading of the first level"
    assert all(below <= above + 1 for above, below in zip(levels, levels[1:])), f"a level is left out: {levels}"
    assert page.all("th") and all(th["attrs"].get("scope") in ("row", "col") for th in page.all("th"))
    assert not page.all("script", "img", "iframe", "link", "object", "form"), "something that could be loaded"
    assert not [e for e in page.elements if any(a.startswith("on") or a in ("style", "src") for a in e["attrs"])]
    links = page.all("a")
    assert len(links) > 5 and all(a["text"].strip() and a["attrs"]["href"].startswith("/") for a in links)
    for link in links:
        if "readyz" not in link["attrs"]["href"]:
            assert fetch(urllib.parse.urljoin(url, link["attrs"]["href"])), f"nothing at {link['attrs']['href']}"
    print(f"form: {len(levels)} headings, {len(page.all('th'))} table headers, {len(links)} links that lead somewhere")


def main():
    actions = {"box": lambda: box(pathlib.Path(sys.argv[2]), *sys.argv[3:5]),
               "show": lambda: show(sys.argv[2], pathlib.Path(sys.argv[3])), "looks": lambda: looks(pathlib.Path(sys.argv[2])),
               "facts": lambda: facts(pathlib.Path(sys.argv[2])), "banner": lambda: banner(pathlib.Path(sys.argv[2])), "form": lambda: form(pathlib.Path(sys.argv[2]))}
    if len(sys.argv) < 3 or sys.argv[1] not in actions:
        sys.exit(__doc__)
    actions[sys.argv[1]]()


if __name__ == "__main__":
    main()
