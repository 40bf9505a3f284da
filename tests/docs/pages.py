"""The pages of the documentation, and what stands fenced in them."""

import importlib.util
import re
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from textwrap import dedent
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.glob("*.md"), *DOCS.glob("decisions/*.md")])
SITE = frozenset({"README.md", "index.md", "changelog.md", "contributing.md"})
"""Pages that only lead to others, or take in what stands elsewhere."""

_FENCE = re.compile(
    r"(?ms)^(?: *<!-- not run: (?P<reason>[^\n]+) -->\n+)? *```(?P<language>[^\n`]*)\n(?P<body>.*?)^ *```$"
)


@dataclass(frozen=True, slots=True)
class Block:
    """What stands between two fences.

    Attributes:
        reason: why it is not run, as the comment before it says; empty without one.
    """

    page: Path
    line: int
    language: str
    text: str
    reason: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


@cache
def all_blocks() -> list[Block]:
    """Every fenced block on every page."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for match in _FENCE.finditer(text):
            line = text.count("\n", 0, match.start("language")) + 1
            reason = match["reason"] or ""
            found.append(
                Block(page, line, match["language"].strip(), dedent(match["body"]), reason)
            )
    return found


def blocks(*languages: str) -> list[Block]:
    """Every fenced block in one of these languages."""
    return [block for block in all_blocks() if block.language in languages]


@cache
def generator() -> ModuleType:
    """``docs/generate.py``, which is no module of the package, and finds its own beside it."""
    if str(DOCS) not in sys.path:
        sys.path.append(str(DOCS))
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
