"""The pages of the sandbox's Seller Central: plain HTML, which works without scripts."""

from __future__ import annotations

from html import escape

from starlette.responses import HTMLResponse

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",  # as Amazon asks of an application's pages: addresses here carry state and code
}
_STYLE = """
:root { color-scheme: light dark; font-family: system-ui, sans-serif; line-height: 1.5; }
body { margin: 0; }
header { background: #7a1f00; color: #fff; padding: .6rem 1rem; }
header p { max-width: 34rem; margin: 0 auto; }
main { max-width: 34rem; margin: 2rem auto; padding: 0 1rem; }
form { margin: 1rem 0; }
input:not([type=checkbox]) { display: block; box-sizing: border-box; width: 100%; font: inherit; padding: .4rem; }
label { display: block; margin: .8rem 0; }
button { font: inherit; padding: .5rem 1.2rem; margin: .4rem .6rem .4rem 0; }
[role=alert] { border-left: .3rem solid #c40000; padding-left: .8rem; }
"""


def page(title: str, content: str, *, status: int = 200, alert: str | None = None) -> HTMLResponse:
    """A page; `content` is HTML, `alert` a sentence about what was wrong."""
    told = f'<p role="alert">{escape(alert)}</p>' if alert else ""
    return HTMLResponse(
        f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)} (sandbox, not Amazon)</title><style>{_STYLE}</style></head>
<body>
<header><p><strong>SANDBOX.</strong> This is not Amazon: its sellers are made up. Type no real password.</p></header>
<main>
<h1>{escape(title)}</h1>
{told}
{content}
</main>
</body></html>
""",
        status,
        _HEADERS,
    )


def sign_in(email: str = "", *, wrong: bool = False) -> HTMLResponse:
    """E-mail address and password."""
    return page(
        "Sign in to Seller Central",
        f"""<form method="post">
<label>E-mail <input type="email" name="email" autocomplete="off" required value="{escape(email)}"></label>
<label>Password <input type="password" name="password" autocomplete="off" required></label>
<button type="submit">Sign in</button>
</form>
<p>The sandbox comes with <code>main@sandbox.example</code>, who has 2-step verification (code <code>123456</code>), and
<code>newcomer@sandbox.example</code>, who has not. The password of both is <code>sandbox-password</code>.</p>""",
        status=403 if wrong else 200,
        alert="There is no seller with this e-mail address and password. Try again." if wrong else None,
    )


def one_time_code(*, wrong: bool = False) -> HTMLResponse:
    """The code of 2-step verification."""
    return page(
        "2-step verification",
        """<p>Enter the 6-digit code that your authenticator app shows.</p>
<form method="post">
<label>Code <input name="code" inputmode="numeric" pattern="[0-9]{6}" autocomplete="one-time-code" required></label>
<button type="submit">Sign in</button>
</form>""",
        status=403 if wrong else 200,
        alert="That is not the code. Look at it again, and enter its six digits." if wrong else None,
    )


def consent(email: str, application: str, roles: list[str], sign_out: str, *, unchecked: bool = False) -> HTMLResponse:
    """What the application may do, and the seller's answer."""
    listed = "".join(f"<li>{escape(role)}</li>" for role in roles) or "<li>No role at all</li>"
    return page(
        "Authorize an application",
        f"""<p>You are signed in as {escape(email)}.</p>
<p>The application <code>{escape(application)}</code> asks for access to your account, with these roles:</p>
<ul>{listed}</ul>
<form method="post">
<label><input type="checkbox" name="agree" value="yes" required>
I authorize this third party to access my Amazon selling account.</label>
<button type="submit" name="answer" value="confirm">Confirm</button>
<button type="submit" name="answer" value="cancel" formnovalidate>Cancel</button>
</form>
<form method="post" action="{escape(sign_out)}"><button type="submit">Sign in as somebody else</button></form>""",
        status=400 if unchecked else 200,
        alert="Tick the checkbox to authorize the application, or choose Cancel." if unchecked else None,
    )


def almost_done(request: str) -> HTMLResponse:
    """The last page before the application's own."""
    return page(
        "You are almost done authorizing",
        f"""<p>Choose Continue to go back to the application, which finishes the rest.</p>
<form method="post" action="/apps/authorize/continue">
<input type="hidden" name="request" value="{escape(request)}">
<button type="submit">Continue</button>
</form>""",
    )


def manage(email: str, application: str | None, *, ended: bool = False) -> HTMLResponse:
    """The applications that the seller has authorised, each with a button that ends it."""
    if application is None:
        content = "<p>You have authorized no application.</p>"
    else:
        content = f"""<p>You have authorized <code>{escape(application)}</code>.</p>
<form method="post"><button type="submit">Disable app</button></form>"""
    told = '<p role="status">The application has no access to your account any more.</p>' if ended else ""
    return page("Manage your apps", f"<p>You are signed in as {escape(email)}.</p>{told}{content}")
