"""index.html: one file that stands alone, with the pictures, the texts and the source.

It is XHTML in HTML's clothes: well-formed for a strict parser, plain for a browser. No script,
nothing fetched from anywhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from . import source, svg
from .model import Model, count, printable
from .reader import Site


@dataclass
class Picture:
    name: str
    question: str
    svg: bytes | None
    missing: str = ""  # why there is none


@dataclass
class Content:
    title: str
    model: Model
    pictures: list[Picture]
    texts: list[tuple[str, str, str]] = field(default_factory=list)  # anchor, heading, text
    chapter: str = ""
    root: Path | None = None


PARAGRAPH = (
    "This page shows one run of a program. While it ran it recorded what its fibers did: each "
    "record is a step, and steps are numbered in the order in which they happened, which is not "
    "always the order of the clock. Each picture answers the question above it. Point at a box "
    "or an arrow to learn which function recorded it; follow it to the source at the end of "
    "this page.")


def style() -> str:
    def variables(which: int) -> str:
        return "".join(f"--{role}:{colors[which]};" for role, colors in svg.ROLES.items())

    return f"""
:root{{color-scheme:light dark;{variables(0)}--mark:#fff0c2}}
@media (prefers-color-scheme:dark){{:root{{{variables(1)}--mark:#4a3d12}}}}
body{{background:var(--paper);color:var(--ink);font:16px/1.5 {svg.FONT};margin:0 auto;
max-width:1000px;padding:1.5rem}}
h1{{line-height:1.2;margin:.5rem 0}} h2{{margin:2.5rem 0 .5rem}}
h3{{font-size:1rem;margin:1.5rem 0 .5rem}}
a{{color:inherit}} nav a{{margin-right:1rem}} .soft{{color:var(--soft)}}
figure{{margin:0;overflow-x:auto}} figure svg{{height:auto;max-width:100%}}
figure.wide svg{{max-width:none}}
pre{{background:var(--lane);border-radius:8px;font:13px/1.45 ui-monospace,Menlo,Consolas,
'DejaVu Sans Mono',monospace;overflow-x:auto;padding:1rem;tab-size:8}}
pre .number{{color:var(--soft);user-select:none}}
pre .site{{background:var(--mark);display:inline-block;min-width:100%}}
:target{{outline:2px solid {svg.ORANGE};outline-offset:2px}}
"""


def html(content: Content) -> str:
    excerpts = source.excerpts(content.model.trace.sites, content.root)
    parts = [
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
        "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"/>\n"
        f"<title>{text(content.title)}</title>\n<style>{style()}</style>\n</head>\n<body>\n",
        header(content, bool(excerpts)), "<main>\n",
        *(figure(p) for p in content.pictures),
        *(block(anchor, heading, told(body, excerpts)) for anchor, heading, body in content.texts),
        source_section(excerpts, content.model), "</main>\n</body>\n</html>\n",
    ]
    return "".join(parts)


def text(words: str) -> str:
    return escape(printable_lines(words), quote=True)


def printable_lines(words: str) -> str:
    """Without what XML cannot hold, colours of a terminal among it."""
    words = re.sub(r"\x1b\[[0-9;]*m", "", words)
    return re.sub(r"[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", words)


def header(content: Content, has_source: bool) -> str:
    model = content.model
    chapter = f"<p class=\"soft\">Chapter {text(content.chapter)}</p>\n" if content.chapter else ""
    links = [(p.name, p.question) for p in content.pictures]
    links += [(anchor, heading) for anchor, heading, _ in content.texts]
    links += [("source", "The source")] if has_source else []
    nav = " ".join(f'<a href="#{anchor}-part">{text(label)}</a>' for anchor, label in links)
    facts = ", ".join([count(model.steps, "step"), count(len(model.switches), "switch"),
                       count(len(model.people()), "fiber"), count(len(model.workers), "worker")])
    warnings = "".join(f"<p><strong>{text(line)}</strong></p>\n" for line in model.warnings())
    return (f"<header>\n{chapter}<h1>{text(content.title)}</h1>\n"
            f"<p>{text(PARAGRAPH)}</p>\n<p class=\"soft\">In this trace: {facts}.</p>\n"
            f"{warnings}<nav aria-label=\"On this page\">{nav}</nav>\n</header>\n")


def figure(picture: Picture) -> str:
    start = (f'<section id="{picture.name}-part">\n<h2>{text(picture.question)}</h2>\n')
    if picture.svg is None:
        return start + f"<p>This picture was not drawn: {text(picture.missing)}.</p>\n</section>\n"
    body = inline(picture.svg)
    width = re.search(r'width="(\d+)', body)
    wide = ' class="wide"' if width and int(width.group(1)) > 1000 else ""
    return f"{start}<figure{wide}>{body}</figure>\n</section>\n"


def inline(picture: bytes) -> str:
    """An SVG as part of a page: without its declaration, its links within this page."""
    body = picture.decode("utf-8").split("?>", 1)[1].strip()
    body = body.replace(f' xmlns="{svg.SVG}"', "", 1)
    return re.sub(r'href="[^"#]*index\.html#', 'href="#', body)


def block(anchor: str, heading: str, body: str) -> str:
    return (f'<section id="{anchor}-part">\n<h2>{text(heading)}</h2>\n<pre>{body}</pre>\n'
            "</section>\n")


# ---- text and source ----


def told(body: str, excerpts: list[source.Excerpt]) -> str:
    """The text, each "in function" linked to that function."""
    names = {e.function: f"source-{i}" for i, e in enumerate(excerpts) if e.function}
    result = text(body)
    if not names:
        return result
    choice = "|".join(sorted((re.escape(text(n)) for n in names), key=len, reverse=True))
    anchors = {text(name): anchor for name, anchor in names.items()}
    return re.sub(rf"\bin ({choice})\b",
                  lambda m: f'in <a href="#{anchors[m.group(1)]}">{m.group(1)}</a>', result)


def source_section(excerpts: list[source.Excerpt], model: Model) -> str:
    if not excerpts:
        return ""
    return ('<section id="source-part">\n<h2>The source</h2>\n<p>The functions that recorded '
            "this trace. A marked line writes a record each time it is reached.</p>\n"
            + "".join(listing(i, e) for i, e in enumerate(excerpts)) + "</section>\n")


def listing(index: int, excerpt: source.Excerpt) -> str:
    head = (f'<h3 id="source-{index}"><code>{text(printable(excerpt.function))}</code> in '
            f"<code>{text(printable(excerpt.file))}</code></h3>\n")
    if not excerpt.lines:
        marks = ", ".join(f'<span id="site-{s.number}">line {s.line}</span>'
                          for s in excerpt.sites)
        return f"{head}<p>{marks}. The source is not shown: {text(excerpt.missing)}.</p>\n"
    sites: dict[int, list[Site]] = {}
    for site in excerpt.sites:
        sites.setdefault(site.line, []).append(site)
    digits = len(str(excerpt.first + len(excerpt.lines)))
    lines = "".join(source_line(n, line, digits, sites.get(n, []))
                    for n, line in enumerate(excerpt.lines, excerpt.first))
    return f"{head}<pre>{lines}</pre>\n"


def source_line(number: int, line: str, digits: int, sites: list[Site]) -> str:
    body = f'<span class="number">{number:>{digits}}</span>  {text(line)}'
    if not sites:
        return body + "\n"
    ids = "".join(f'<span id="site-{s.number}"></span>' for s in sites)
    return f'{ids}<span class="site">{body}</span>\n'
