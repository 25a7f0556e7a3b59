"""The pages on which a seller account is connected, looked at before its import is on, and disconnected."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from orderbridge.accounts import find_account
from orderbridge.accounts.consent import CannotBegin, NotConnected, begin, finish, redirect_uri
from orderbridge.accounts.disconnecting import disconnect_account, manage_apps_url
from orderbridge.accounts.facts import country
from orderbridge.accounts.onboarding import Connected, connect_account
from orderbridge.accounts.trial import ConnectRefused, explain
from orderbridge.amazon import AmazonError
from orderbridge.amazon.marketplaces import MARKETPLACES
from orderbridge.database.models import Account
from orderbridge.import_requests import InVain, ask_preview, find_preview
from orderbridge.settings import BadSettings
from orderbridge.skip_reasons import SKIP_REASONS
from services.console.visit import Stop, Visit

_FIELDS: Final = ("account", "marketplace", "own_account", "client_id")
_AMERICA: Final = "ATVPDKIKX0DER"


def show_connect(visit: Visit) -> Response:
    """Two ways: the seller's consent in Seller Central, or a private app's refresh token."""
    return _form(visit)


def ask_consent(visit: Visit) -> Response:
    """The page that leads to Seller Central, where the seller agrees. Asked for by nobody else, it is worth nothing."""
    settings = visit.site.settings
    account_id = visit.said("account").strip()
    try:
        link = begin(settings, visit.database, account_id, visit.said("marketplace"), visit.token)
    except CannotBegin as refusal:
        return _form(visit, 422, problem=str(refusal))
    visit.note("consent asked for", account=account_id)
    return visit.page("connect_go.html", link=link, account_id=account_id)


def come_back(visit: Visit) -> Response:
    """Where Amazon sends the seller's browser: connected, or not, and why."""
    try:
        outcome = finish(visit.site.settings, visit.database, visit.query, visit.token)
    except BadSettings as error:
        outcome = NotConnected("refused", "The seller has agreed, but this installation cannot keep it.", str(error))
    return _outcome(visit, outcome)


def connect_private(visit: Visit) -> Response:
    """A private app: its refresh token, and its client id and secret where they are not the installation's."""
    account_id = visit.said("own_account").strip()
    try:
        connected = connect_account(
            visit.site.settings,
            visit.database,
            account_id,
            visit.said("refresh_token").strip(),
            client_id=visit.said("client_id").strip() or None,
            client_secret=visit.said("client_secret").strip() or None,
            check_roles=True,
        )
    except AmazonError as error:
        return _form(visit, 422, problem=f"Amazon did not accept it: {str(error).rstrip('.')}. {explain(error)}")
    except (ConnectRefused, BadSettings) as refusal:
        return _form(visit, 422, problem=str(refusal))
    return _outcome(visit, connected)


def show_disconnect(visit: Visit) -> Response:
    """What it means to disconnect, before it is done."""
    account_id = visit.parameters["account_id"]
    with visit.database.unit_of_work() as work:
        account = find_account(work, account_id)
        if account is None or not account.connected:
            raise Stop(404, "This account is not connected", "The page Accounts shows which are.")
        grant_url = manage_apps_url(visit.site.settings, work.session.get_one(Account, account_id))
    return visit.page("disconnect.html", account_id=account_id, grant_url=grant_url, done=None)


def disconnect(visit: Visit) -> Response:
    """Disconnect it, if that was confirmed."""
    if visit.said("sure") != "yes":
        return show_disconnect(visit)
    account_id = visit.parameters["account_id"]
    done = disconnect_account(visit.site.settings, visit.database, account_id)
    if done is None:
        raise Stop(404, "This account is not connected", "The page Accounts shows which are.")
    visit.note("account disconnected", account=account_id)
    return visit.page("disconnect.html", account_id=account_id, grant_url=done.grant_url, done=done)


def begin_preview(visit: Visit) -> Response:
    """Have the importer look what the next import would bring."""
    account_id = visit.parameters["account_id"]
    try:
        with visit.database.unit_of_work() as work:
            asked = ask_preview(work, account_id)
    except InVain as vain:
        return visit.page(
            "preview.html", 422, account_id=account_id, asked=None, preview=None, vain=str(vain), reasons={}
        )
    return visit.redirect(f"{visit.path}/{asked}")


def show_preview(visit: Visit) -> Response:
    """What it found, mapped; until then, that it looks."""
    return _preview(visit, "preview.html")


def show_preview_live(visit: Visit) -> Response:
    """The part of it that is asked for again and again."""
    return _preview(visit, "preview_live.html")


def _preview(visit: Visit, template: str) -> Response:
    account_id, asked = visit.parameters["account_id"], visit.parameters["asked"]
    preview, vain = None, None
    try:
        with visit.database.unit_of_work() as work:
            preview = find_preview(work, account_id, asked)
    except InVain as error:
        vain = str(error)
    return visit.page(template, account_id=account_id, asked=asked, preview=preview, vain=vain, reasons=SKIP_REASONS)


def _form(visit: Visit, status: int = 200, *, problem: str | None = None) -> Response:
    settings = visit.site.settings
    has_application = settings.amazon_application_id is not None and settings.amazon_client_id is not None
    wanted = visit.query.get("account", "main")
    typed = {name: visit.said(name) for name in _FIELDS} if problem else {"account": wanted, "own_account": wanted}
    return visit.page(
        "connect.html",
        status,
        problem=problem,
        typed={**dict.fromkeys(_FIELDS, ""), "marketplace": _AMERICA, **{k: v for k, v in typed.items() if v}},
        marketplaces=[(one.id, f"{one.country}: {one.domain}") for one in MARKETPLACES.values()],
        has_application=has_application,
        redirect_uri=redirect_uri(settings),
    )


def _outcome(visit: Visit, outcome: Connected | NotConnected) -> Response:
    if isinstance(outcome, NotConnected):
        return visit.page("connected.html", 422, refusal=outcome, connected=None, places="")
    visit.note("account connected", account=outcome.account.account_id)
    places = ", ".join(map(country, outcome.account.marketplace_ids))
    return visit.page("connected.html", refusal=None, connected=outcome, places=places)
