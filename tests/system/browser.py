"""Debian's chromium without a window, driven over its DevTools pipe: no driver, no library, no open port.

Source: https://chromedevtools.github.io/devtools-protocol/ ; ``--remote-debugging-pipe`` reads JSON
messages that end in a NUL byte from file descriptor 3 and writes them to 4.
"""

import base64
import itertools
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1", "--window-size=1280,900",
)  # fmt: skip
ON_3_AND_4 = "import os, sys; r, w = map(int, sys.argv[1:3]); os.dup2(w, 9); os.dup2(r, 3); os.dup2(9, 4); os.execvp(sys.argv[3], sys.argv[3:])"
PATIENCE_SECONDS = 20


class RefusedError(Exception):
    """The browser cannot do that, for instance because the page is just changing."""


class Browser:
    """One tab.

    Attributes:
        complaints: what the browser has logged as wrong with the pages: refused scripts and styles,
            errors.
    """

    def __init__(self, write: int, read: int) -> None:
        self._write, self._read = write, read
        self._numbers = itertools.count(1)
        self._rest = b""
        self._tab: dict[str, str] = {}
        self.complaints: list[str] = []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._tab = {
            "sessionId": self.ask("Target.attachToTarget", targetId=target, flatten=True)[
                "sessionId"
            ]
        }
        self.ask("Log.enable")

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command and wait for its result."""
        number = next(self._numbers)
        os.write(
            self._write,
            json.dumps({"id": number, "method": method, "params": params} | self._tab).encode()
            + b"\0",
        )
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            message = self._next(deadline)
            if message.get("id") == number:
                if "result" not in message:
                    raise RefusedError(message)
                return message["result"]

    def _next(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._read], [], [], max(0, deadline - time.monotonic()))
            assert ready, "the browser does not answer"
            self._rest += os.read(self._read, 1 << 20)
        text, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        if message.get("method") == "Log.entryAdded":
            entry = message["params"]["entry"]
            if entry["level"] not in ("warning", "error"):
                return message  # as when a test has clicked before the page could focus a field
            self.complaints.append(f"{entry['level']}: {entry['text']} {entry.get('url', '')}")
        return message

    # -- what a person does
    def open(self, url: str) -> None:
        self.ask("Page.navigate", url=url)

    def type(self, selector: str, text: str) -> None:
        """Click into a field and type."""
        self.click(selector)
        self.ask("Input.insertText", text=text)

    def click(self, selector: str) -> None:
        """Move the mouse onto the middle of the first such element, and press."""
        self.wait_for(f"document.querySelector({json.dumps(selector)})")
        place = self.tell(
            f"(box => ({{x: box.x + box.width / 2, y: box.y + box.height / 2}}))"
            f"(document.querySelector({json.dumps(selector)}).getBoundingClientRect())"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.ask("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **place)

    # -- what a person sees
    def tell(self, expression: str) -> Any:
        """What a JavaScript expression gives in the page."""
        told = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        return told["result"].get("value")

    def wait_for(self, condition: str) -> None:
        """Until a JavaScript expression holds, over any number of pages."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._holds(condition):
            assert time.monotonic() < deadline, f"{condition} never came true in:\n{self.text}"
            select.select(
                [self._read], [], [], 0.02
            )  # something happens in the page, or a moment passes

    def _holds(self, condition: str) -> bool:
        with suppress(RefusedError):
            return self.tell(f"Boolean({condition})") is True
        return False

    def wait_for_title(self, title: str) -> None:
        self.wait_for(
            f"document.readyState === 'complete' && document.title === {json.dumps(title)}"
        )

    @property
    def text(self) -> str:
        return str(self.tell("document.body.innerText"))

    def screenshot(self, file: Path) -> Path:
        file.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot")["data"]))
        return file


@contextmanager
def open_browser(chromium: str, folder: Path) -> Iterator[Browser]:
    """A browser with a profile of its own in ``folder``."""
    to_browser, ours_out = os.pipe()
    ours_in, from_browser = os.pipe()
    command = [chromium, *FLAGS, f"--user-data-dir={folder}", "--remote-debugging-pipe"]
    launcher = [sys.executable, "-c", ON_3_AND_4, str(to_browser), str(from_browser)]
    with subprocess.Popen(
        [*launcher, *command], pass_fds=(to_browser, from_browser),
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        os.close(to_browser)
        os.close(from_browser)
        try:
            browser = Browser(ours_out, ours_in)
            yield browser
            browser._tab = {}
            browser.ask("Browser.close")
            process.wait(PATIENCE_SECONDS)
        finally:
            os.close(ours_out)  # a browser whose pipe is closed ends
            os.close(ours_in)
            process.kill()
