"""The two pages a person sees at the end of a login in the browser: it worked, or it did not.

Fixed text: nothing of the request is echoed, nothing is loaded, no script runs. The style sheet is
allowed by its hash, so the policy holds even against markup that might yet get into the page.
"""

from __future__ import annotations

import base64
import hashlib

_STYLE = """
:root{color-scheme:light dark;--ink:#14213d;--soft:#5b6782;--line:#d9e0ec;--card:#fff;--field:#f3f6fb;
--good:#12805c;--good-tint:#e3f5ee;--bad:#b3261e;--bad-tint:#fdecea;
--back:linear-gradient(160deg,#e6f0fb 0%,#f6f8fc 45%,#eaf5f2 100%)}
@media (prefers-color-scheme:dark){:root{--ink:#e8edf7;--soft:#a3afc7;--line:#33405c;--card:#1a2337;
--field:#121a2b;--good:#6fdcb0;--good-tint:#17382f;--bad:#ffb4ab;--bad-tint:#442423;
--back:linear-gradient(160deg,#0d1526 0%,#101a2c 60%,#0c1f22 100%)}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:32px 16px;
background:var(--back);background-attachment:fixed;color:var(--ink);
font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{width:100%;max-width:440px;background:var(--card);border:1px solid var(--line);border-radius:16px;
padding:40px 36px 32px;text-align:center;
box-shadow:0 1px 2px rgba(20,33,61,.06),0 18px 40px -18px rgba(20,33,61,.28)}
.mark{width:64px;height:64px;border-radius:50%;margin:0 auto 20px;display:grid;place-items:center}
.mark svg{width:32px;height:32px;fill:none;stroke:currentColor;stroke-width:3;stroke-linecap:round;
stroke-linejoin:round}
.good{background:var(--good-tint);color:var(--good)}.bad{background:var(--bad-tint);color:var(--bad)}
h1{font-size:24px;line-height:1.25;margin:0 0 8px;letter-spacing:-.01em}
p{margin:0 0 14px;color:var(--soft);text-wrap:balance}
code{font:14px/1.5 ui-monospace,"SFMono-Regular",Menlo,Consolas,monospace;background:var(--field);
border:1px solid var(--line);border-radius:7px;padding:2px 7px;color:var(--ink);white-space:nowrap}
footer{margin-top:26px;padding-top:18px;border-top:1px solid var(--line);color:var(--soft);font-size:13px}
"""
_TICK = '<div class="mark good"><svg viewBox="0 0 32 32" aria-hidden="true"><path d="M6 17l7 7L26 9"/></svg></div>'
_CROSS = '<div class="mark bad"><svg viewBox="0 0 32 32" aria-hidden="true"><path d="M9 9l14 14M23 9L9 23"/></svg></div>'


def _page(title: str, body: str) -> str:
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta name="robots" content="noindex"><title>{title} - sfsync</title><style>{_STYLE}</style></head>\n'
        f"<body><main>{body}<footer>sfsync &middot; this page comes from your own "
        "computer</footer></main></body></html>\n"
    )


LOGGED_IN = _page(
    "Logged in",
    f"""{_TICK}<h1>You are logged in</h1>
<p>sfsync may now work with your Salesforce org. Close this tab and go back to the terminal.</p>
<p>To end the login at any time: <code>sfsync logout</code></p>""",
)
NOT_LOGGED_IN = _page(
    "Not logged in",
    f"""{_CROSS}<h1>You are not logged in</h1>
<p>Nothing was changed. The terminal says what happened and what to do next.</p>
<p>To start over: <code>sfsync login</code></p>""",
)

HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": (
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        f"style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
