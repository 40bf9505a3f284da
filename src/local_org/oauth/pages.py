"""The pages a person sees while logging in: password, Allow or Deny, and what went wrong.

Everything that comes from outside is escaped; styles stand in the page under a nonce, nothing is
loaded from anywhere and no script runs.
"""

import html
import secrets
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from starlette.responses import HTMLResponse

from local_org.oauth.apps import SCOPES

_STYLE = """
:root{color-scheme:light dark;--ink:#14213d;--soft:#5b6782;--line:#d9e0ec;--card:#fff;--field:#f7f9fc;
--accent:#0b5cab;--accent-ink:#fff;--tint:#e8f1fb;--warn:#b3261e;--warn-tint:#fdecea;
--back:linear-gradient(160deg,#e6f0fb 0%,#f6f8fc 45%,#eaf5f2 100%)}
@media (prefers-color-scheme:dark){:root{--ink:#e8edf7;--soft:#a3afc7;--line:#33405c;--card:#1a2337;
--field:#121a2b;--accent:#7ab8ff;--accent-ink:#0b1526;--tint:#1d3150;--warn:#ffb4ab;--warn-tint:#442423;
--back:linear-gradient(160deg,#0d1526 0%,#101a2c 60%,#0c1f22 100%)}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:flex;flex-direction:column;align-items:center;justify-content:center;
gap:20px;padding:32px 16px;background:var(--back);background-attachment:fixed;color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{width:100%;max-width:420px;background:var(--card);border:1px solid var(--line);border-radius:16px;
padding:32px;box-shadow:0 1px 2px rgba(20,33,61,.06),0 18px 40px -18px rgba(20,33,61,.28)}
header{display:flex;align-items:center;gap:12px;margin-bottom:24px}
header svg{flex:none;width:44px;height:44px}
header strong{display:block;font-size:15px}header span{color:var(--soft);font-size:13px}
h1{font-size:23px;line-height:1.25;margin:0 0 8px;letter-spacing:-.01em}
p{margin:0 0 18px;color:var(--soft)}p b{color:var(--ink);font-weight:600}
label{display:block;font-size:14px;font-weight:600;margin:0 0 6px}
input{width:100%;font:inherit;color:inherit;background:var(--field);border:1px solid var(--line);
border-radius:10px;padding:11px 13px;margin:0 0 16px}
input:focus-visible,button:focus-visible,summary:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
button{font:inherit;font-weight:600;border-radius:10px;padding:11px 18px;border:1px solid transparent;
cursor:pointer;width:100%;background:var(--accent);color:var(--accent-ink)}
button:hover{filter:brightness(1.08)}
button.quiet{background:transparent;border-color:var(--line);color:var(--ink)}
.pair{display:flex;flex-direction:row-reverse;gap:12px;margin-top:24px}
.bad{background:var(--warn-tint);color:var(--warn);border-radius:10px;padding:10px 13px;margin:0 0 18px;
font-size:14px}
.hint{margin-top:22px;border-top:1px solid var(--line);padding-top:16px;font-size:14px;color:var(--soft)}
.hint summary{cursor:pointer}.hint ul{margin:10px 0 0;padding-left:20px}
ul.scopes{list-style:none;margin:0;padding:6px 16px;background:var(--field);border:1px solid var(--line);
border-radius:12px}
ul.scopes li{display:flex;gap:12px;align-items:baseline;padding:9px 0}
ul.scopes li+li{border-top:1px solid var(--line)}
ul.scopes li::before{content:"";flex:none;width:9px;height:9px;border-radius:50%;background:var(--accent)}
ul.scopes code{color:var(--soft);margin-left:auto;white-space:nowrap}
code{font:13px/1.5 ui-monospace,"SFMono-Regular",Menlo,Consolas,monospace;overflow-wrap:anywhere}
pre{background:var(--field);border:1px solid var(--line);border-radius:10px;padding:12px 14px;margin:0 0 18px;
white-space:pre-wrap}
.who{font-size:14px;margin:18px 0 0}
@media (max-width:480px){main{padding:24px}ul.scopes li{flex-wrap:wrap;column-gap:12px;row-gap:0}
ul.scopes li span{flex:1}ul.scopes code{flex-basis:100%;margin-left:21px}}
footer{text-wrap:balance;color:var(--soft);font-size:13px;text-align:center;max-width:420px}
"""
_PENGUIN = """<svg viewBox="0 0 44 44" aria-hidden="true"><rect width="44" height="44" rx="12" fill="#0b5cab"/>
<path d="M22 7c-6 0-9 5-9 12 0 9 3 18 9 18s9-9 9-18c0-7-3-12-9-12z" fill="#14213d"/>
<path d="M22 16c-4 0-6 4-6 9 0 7 3 11 6 11s6-4 6-11c0-5-2-9-6-9z" fill="#fff"/>
<circle cx="19" cy="14" r="1.5" fill="#fff"/><circle cx="25" cy="14" r="1.5" fill="#fff"/>
<path d="M20 17h4l-2 3z" fill="#ffb454"/><path d="M16 37h5l-2 2h-4zM23 37h5l1 2h-4z" fill="#ffb454"/></svg>"""


def login_page(
    *,
    app: str,
    hidden: Mapping[str, str],
    username: str,
    problem: str | None,
    people: Iterable[str],
    password_hint: str | None,
    callback: str,
) -> HTMLResponse:
    """Ask for username and password.

    Args:
        app: the name of the app that wants in.
        hidden: the form's hidden fields.
        username: what to fill in already.
        problem: what was wrong with the last try.
        people: the usernames that may log in, to choose from; none to keep them to oneself.
        password_hint: the password to show; None to keep it.
        callback: where the person goes afterwards.
    """
    names = list(people)
    choices = "".join(f'<option value="{_safe(name)}">' for name in names)
    warning = f'<div class="bad" role="alert">{_safe(problem)}</div>' if problem else ""
    body = f"""<h1>Log in</h1>
<p><b>{_safe(app)}</b> asks you to log in to this org.</p>{warning}
<form method="post" action="/services/oauth2/authorize/login">{_hidden(hidden)}
<label for="username">Username</label>
<input id="username" name="username" type="text" autocomplete="username" autocapitalize="none"
 spellcheck="false" list="people" required value="{_safe(username)}"{"" if username else " autofocus"}>
<datalist id="people">{choices}</datalist>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password"
 required{" autofocus" if username else ""}>
<button type="submit">Log in</button></form>{_who_may_log_in(names, password_hint)}"""
    return _page("Log in", body, status=200, callback=callback)


def approve_page(
    *,
    app: str,
    person: str,
    username: str,
    scopes: Iterable[str],
    hidden: Mapping[str, str],
    callback: str,
) -> HTMLResponse:
    """Ask whether the app may have what it asks for."""
    asked = "".join(
        f"<li><span>{_safe(SCOPES.get(scope, 'Something this org has no words for'))}</span>"
        f"<code>{_safe(scope)}</code></li>"
        for scope in scopes
    )
    body = f"""<h1>Allow access?</h1>
<p><b>{_safe(app)}</b> asks to:</p>
<ul class="scopes">{asked}</ul>
<p class="who">You are <b>{_safe(person)}</b> (<code>{_safe(username)}</code>). You can take this back at any
time with <code>sfsync logout</code>.</p>
<form method="post" action="/services/oauth2/authorize/approve">{_hidden(hidden)}
<div class="pair"><button type="submit" name="decision" value="allow">Allow</button>
<button type="submit" name="decision" value="deny" class="quiet">Deny</button></div></form>"""
    return _page("Allow access?", body, status=200, callback=callback)


def error_page(
    error: str, description: str, *, advice: str = "", listed: Iterable[str] = ()
) -> HTMLResponse:
    """Say what is wrong with a login that must not go back to the app.

    Args:
        error: OAuth's code; with the description it stands in the page as Salesforce shows it.
        description: the text beside it.
        advice: what to do about it.
        listed: lines that help, such as the callbacks that are registered.
    """
    lines = "\n".join(_safe(line) for line in listed)
    advice_html = f"<p>{_safe(advice)}</p>" if advice else ""
    help_lines = f"<pre><code>{lines}</code></pre>" if lines else ""
    body = f"""<h1>This login cannot go on</h1>
<pre><code>error={_safe(error)}&amp;error_description={_safe(description)}</code></pre>{advice_html}{help_lines}"""
    return _page("Login error", body, status=400, callback=None)


def _who_may_log_in(names: list[str], password: str | None) -> str:
    if not names:
        return ""
    people = "".join(f"<li><code>{_safe(name)}</code></li>" for name in names)
    hint = f"; their password is <code>{_safe(password)}</code>" if password else ""
    return f"""<details class="hint"><summary>Who can log in here?</summary>
<ul>{people}</ul>These are made-up people{hint}.</details>"""


def _hidden(values: Mapping[str, str]) -> str:
    return "".join(
        f'<input type="hidden" name="{_safe(name)}" value="{_safe(value)}">'
        for name, value in values.items()
    )


def _safe(text: str | None) -> str:
    return html.escape(text or "", quote=True)


def _page(title: str, body: str, *, status: int, callback: str | None) -> HTMLResponse:
    nonce = secrets.token_urlsafe(16)
    text = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="robots" content="noindex"><title>{_safe(title)} - local org</title>
<style nonce="{nonce}">{_STYLE}</style></head>
<body><main><header>{_PENGUIN}<div><strong>Local org</strong><span>a practice org on this computer</span></div>
</header>{body}</main><footer>Nothing you type here leaves this computer. This is not Salesforce.</footer>
</body></html>"""
    return HTMLResponse(text, status_code=status, headers=_guard_headers(nonce, callback))


def _guard_headers(nonce: str, callback: str | None) -> dict[str, str]:
    return {
        "Content-Security-Policy": (
            f"default-src 'none'; style-src 'nonce-{nonce}'; base-uri 'none'; frame-ancestors 'none'; "
            f"form-action 'self' {_form_target(callback)}".rstrip()
        ),
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cache-Control": "no-store",
    }


def _form_target(callback: str | None) -> str:
    """Where the form's redirect may lead: browsers hold ``form-action`` against the whole chain."""
    if not callback:
        return ""
    parts = urlsplit(callback)
    return (
        f"{parts.scheme}://{parts.netloc}"
        if parts.scheme in {"http", "https"}
        else f"{parts.scheme}:"
    )
