"""What all pictures share: the card they lie on, colours for dark and light, accessible names.

A drawing tool (matplotlib, Graphviz) draws with the light colours of ROLES. `card` takes its
SVG apart and gives back one of our own: the question as title, the notes under it, a
description for those who cannot see it, colours of a role as CSS classes that follow the
reader's theme, ids that are unique to the picture, generic fonts. No date and no version of a
tool remains, so the bytes depend on the drawing alone.
"""

from __future__ import annotations

import re
import unicodedata
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field

SVG = "http://www.w3.org/2000/svg"
XLINK = "{http://www.w3.org/1999/xlink}"
FONT = "Helvetica, Arial, 'DejaVu Sans', sans-serif"

# Role: colour on light, colour on dark. Pictures use the first.
ROLES = {
    "paper": ("#fefefe", "#17191e"),
    "ink": ("#1d1f23", "#e8e8ea"),
    "soft": ("#5c636e", "#a3abb8"),
    "faint": ("#d6dae0", "#3b414c"),
    "lane": ("#f2f3f5", "#22262e"),
}
INK, SOFT, FAINT, LANE, PAPER = (ROLES[r][0] for r in ("ink", "soft", "faint", "lane", "paper"))
ON_COLOR = "#101010"  # text on a coloured bar, in both themes

# Okabe and Ito's colours, told apart by people with any colour vision.
GREEN, ORANGE, GREY, SKY = "#009e73", "#e69f00", "#999999", "#56b4e9"
BLUE, VERMILION = "#0072b2", "#d55e00"

MARGIN = 20
TITLE_SIZE, NOTE_SIZE, NOTE_LINE = 17, 12, 17


@dataclass
class Card:
    """A picture without its drawing."""

    name: str  # unique on a page; begins every id
    title: str  # the question it answers
    description: str  # the same in words, from the trace
    notes: list[str] = field(default_factory=list)  # how to read it; what was left out
    interactive: bool = False  # whether it holds links


def text_width(text: str, size: float) -> float:
    """An upper guess, since the reader's font is not ours."""
    return size * sum(letter_width(c) for c in text)


def letter_width(letter: str) -> float:
    if letter in "ijl.,:;|!'() tfr-":
        return 0.39
    if letter in "mwMW@%" or unicodedata.east_asian_width(letter) in "WF":
        return 1.02
    return 0.64


def fit(text: str, width: float, size: float) -> str:
    """`text`, shortened in the middle to `width`; "" when not even three letters fit."""
    if text_width(text, size) <= width:
        return text
    keep = len(text)
    while keep > 3:
        keep -= 1
        short = text[: keep - keep // 3] + "\N{HORIZONTAL ELLIPSIS}" + text[len(text) - keep // 3 :]
        if text_width(short, size) <= width:
            return short
    return ""


def wrap(text: str, width: float, size: float) -> list[str]:
    lines, line = [], ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if line and text_width(longer, size) > width:
            lines.append(line)
            longer = word
        line = longer
    return [*lines, line]


# ---- the tool's drawing, cleaned ----


def clean(element: ET.Element, name: str) -> None:
    """Colours to classes, ids to our own, and nothing that only the tool needs."""
    for child in list(element):
        if child.tag in (f"{{{SVG}}}metadata", f"{{{SVG}}}style", f"{{{SVG}}}title"):
            element.remove(child)
            continue
        clean(child, name)
    join_paths(element)
    element.tail = None
    if element.text and not element.text.strip():
        element.text = None
    attributes = dict(element.attrib)
    element.attrib.clear()
    attributes.pop("class", None)
    properties = style_of(attributes)
    classes = take_roles(attributes) + take_roles(properties)
    if classes:
        element.set("class", " ".join(classes))
    for key, value in [*attributes.items(), *properties.items()]:
        set_attribute(element, key, value, name)


def join_paths(element: ET.Element) -> None:
    """Paths that look the same, one after the other, as one path."""
    last: ET.Element | None = None
    for child in list(element):
        if last is not None and child.tag == last.tag == f"{{{SVG}}}path" and {
                **child.attrib, "d": ""} == {**last.attrib, "d": ""}:
            last.set("d", last.get("d", "") + child.get("d", ""))
            element.remove(child)
        else:
            last = child
            if child.tag == f"{{{SVG}}}path":
                child.set("d", " ".join(child.get("d", "").split()) + " ")


def style_of(attributes: dict[str, str]) -> dict[str, str]:
    """The style attribute as properties, fonts reduced to size and weight."""
    properties = {}
    for part in attributes.pop("style", "").split(";"):
        key, colon, value = part.partition(":")
        if not colon:
            continue
        key, value = key.strip(), value.strip()
        if key == "font":
            properties["font-size"] = re.search(r"([\d.]+)px", value).group(1)
            if weight := re.match(r"(bold|[6-9]00)\b", value):
                properties["font-weight"] = weight.group(1)
        else:
            properties[key] = value
    return properties


def take_roles(properties: dict[str, str]) -> list[str]:
    classes = []
    for key in ("fill", "stroke"):
        for role, (light, _) in ROLES.items():
            if properties.get(key) == light:
                classes.append(f"{key[0]}-{role}")
                del properties[key]
    return classes


def set_attribute(element: ET.Element, key: str, value: str, name: str) -> None:
    if key == XLINK + "title":
        ET.SubElement(element, f"{{{SVG}}}title").text = value
        return
    if key.startswith("{http://www.w3.org/XML") or key == "font-family":
        return
    if key == "id":
        value = f"{name}-{value}"
    elif key == XLINK + "href" or key == "href":
        key = "href"
        value = f"#{name}-{value[1:]}" if value.startswith("#") else value
    elif value == "transparent":
        value = "none"
    element.set(key, value.replace("url(#", f"url(#{name}-"))


# ---- the card ----


def stylesheet(name: str) -> str:
    scope = f"#{name}"

    def rules(which: int) -> str:
        return "".join(
            f"{scope} .{key[0]}-{role}{{{key}:{colors[which]}}}"
            for role, colors in ROLES.items() for key in ("fill", "stroke"))

    return (f"{scope}{{font-family:{FONT}}}{scope} a[href]{{cursor:pointer}}" + rules(0)
            + f"@media (prefers-color-scheme:dark){{{rules(1)}}}")


def element(parent: ET.Element, tag: str, text: str | None = None, **attributes) -> ET.Element:
    child = ET.SubElement(parent, f"{{{SVG}}}{tag}")
    for key, value in attributes.items():
        child.set(key.rstrip("_").replace("_", "-"), str(value))
    child.text = text
    return child


def heading(root: ET.Element, card: Card, width: float) -> float:
    """Title and notes; returns the height they take."""
    top = MARGIN + 14
    room = width - 2 * MARGIN
    for line in wrap(card.title, room, TITLE_SIZE):
        element(root, "text", line, class_="f-ink", x=MARGIN, y=top, font_size=TITLE_SIZE,
                font_weight="bold")
        top += 24
    for note in card.notes:
        for line in wrap(note, room, NOTE_SIZE):
            element(root, "text", line, class_="f-soft", x=MARGIN, y=top - 2,
                    font_size=NOTE_SIZE)
            top += NOTE_LINE
    return top


def card(about: Card, drawing: bytes, width: float, height: float) -> bytes:
    """The finished picture: `drawing`, `width` by `height`, under its title and notes."""
    ET.register_namespace("", SVG)
    inner = ET.fromstring(drawing)
    clean(inner, about.name)
    root = ET.Element(f"{{{SVG}}}svg")
    element(root, "title", about.title, id=f"{about.name}-title")
    element(root, "desc", about.description, id=f"{about.name}-desc")
    element(root, "style", stylesheet(about.name))
    paper = element(root, "rect", class_="f-paper s-faint", x=0.5, y=0.5, rx=8)
    top = heading(root, about, width)
    body = element(root, "g", transform=f"translate(0 {top:g})")
    body.extend(list(inner))
    total = top + height
    paper.set("width", f"{width - 1:g}")
    paper.set("height", f"{total - 1:g}")
    root.attrib.update({
        "id": about.name, "width": f"{width:g}", "height": f"{total:g}",
        "viewBox": f"0 0 {width:g} {total:g}",
        "role": "group" if about.interactive else "img", "aria-label": about.title,
        "aria-describedby": f"{about.name}-desc",
    })
    return ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"
