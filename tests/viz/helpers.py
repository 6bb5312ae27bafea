"""What the tests of viz/ share."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ET
from pathlib import Path

from trace_writer import REPOSITORY, Writer

from weft_viz import model, reader, window

HAS_MATPLOTLIB = importlib.util.find_spec("matplotlib") is not None
HAS_NEATO = shutil.which("neato") is not None and shutil.which("dot") is not None
needs_matplotlib = unittest.skipUnless(HAS_MATPLOTLIB, "matplotlib is not installed")
needs_neato = unittest.skipUnless(HAS_NEATO, "Graphviz is not installed")
SVG = "{http://www.w3.org/2000/svg}"


def build(writer: Writer) -> model.Model:
    return model.build(reader.decode("a.weft", writer.bytes()))


def whole(built: model.Model) -> window.Window:
    return window.window(built, (None, None))


def viz(*words: str | Path, **environment: str) -> subprocess.CompletedProcess:
    variables = {**os.environ, "PYTHONPATH": str(REPOSITORY / "viz"), **environment}
    return subprocess.run([sys.executable, "-m", "weft_viz", *map(str, words)], env=variables,
                          capture_output=True, text=True, timeout=120, check=False)


def texts(svg: bytes) -> str:
    """Everything a reader can see, one text a line."""
    return "\n".join(e.text or "" for e in ET.fromstring(svg).iter(SVG + "text"))


def ids(document: str) -> list[str]:
    return re.findall(r'\sid="([^"]*)"', document)


class Files(unittest.TestCase):
    """A test with a directory of its own."""

    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)

    def trace(self, writer: Writer, name: str = "a.weft") -> Path:
        path = self.directory / name
        path.write_bytes(writer.bytes())
        return path

    def assert_one_line(self, run: subprocess.CompletedProcess, code: int, *parts: str) -> None:
        self.assertEqual(run.returncode, code, run.stderr)
        self.assertEqual(run.stderr.count("\n"), 1, run.stderr)
        self.assertNotIn("Traceback", run.stderr)
        for part in parts:
            self.assertIn(part, run.stderr)
