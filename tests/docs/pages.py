"""The pages of the documentation, and what stands fenced in them."""

import importlib.util
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.glob("*.md"), *DOCS.glob("decisions/*.md")])
SITE = frozenset({"README.md", "index.md", "changelog.md", "contributing.md"})
"""Pages that only lead to others, or take in what stands elsewhere."""

_FENCE = re.compile(r"(?ms)^( *)```([a-z]*)\n(.*?)^ *```$")


@dataclass(frozen=True, slots=True)
class Block:
    """What stands between two fences."""

    page: Path
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(*languages: str) -> list[Block]:
    """Every fenced block in one of these languages, on every page."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for match in _FENCE.finditer(text):
            if match[2] in languages:
                body = "".join(line[len(match[1]) :] for line in match[3].splitlines(keepends=True))
                found.append(Block(page, text.count("\n", 0, match.start()) + 1, body))
    return found


@cache
def generator() -> ModuleType:
    """``docs/generate.py``, which is no module of the package."""
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
