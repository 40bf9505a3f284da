"""The documentation as HTML and as a man page: `make html`, `make man`. Nothing is fetched."""

import tomllib
from pathlib import Path

from docutils import nodes
from pygments.lexers.data import JsonLexer
from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

_PROJECT = tomllib.loads(
    Path(__file__).parent.parent.joinpath("pyproject.toml").read_text(encoding="utf-8")
)["project"]

project = "sfsync"
author = "The sfsync authors"
copyright = author  # noqa: A001  Sphinx's own name
release = version = _PROJECT["version"]

extensions = ["myst_parser"]
exclude_patterns = [
    "_build",
    "README.md",
]  # that page is this index, for who reads the files as they are
nitpicky = True

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4

html_theme = "furo"
html_title = f"sfsync {release}"
html_show_sphinx = False
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["tables.css"]
pygments_style = "tango"
pygments_dark_style = "github-dark"

man_pages = [("cli", "sfsync", _PROJECT["description"], author, 1)]
man_show_urls = False


def _without_links(app: Sphinx, page: nodes.document, _: str) -> None:
    """A manual page cannot lead to the other pages: the words stay, an empty address behind them goes."""
    if app.builder.name == "man":
        for link in list(page.findall(nodes.reference)):
            if not link.get("refuri", "").startswith("http"):
                link.replace_self(link.children)


def setup(app: Sphinx) -> None:
    """Teach the colouring two names that our pages use; and the manual page to do without links."""
    app.connect("doctree-resolved", _without_links)
    app.add_lexer("jsonl", JsonLexer)
    app.add_lexer("csv", TextLexer)
