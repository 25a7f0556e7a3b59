"""`orderbridge settings`: what a seller has set for an account, by the names of the manual."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from orderbridge.accounts import ConnectedAccount, find_account
from orderbridge.accounts.attentions import MAPPING_GONE, open_attentions
from orderbridge.accounts.change_settings import WrongSettings, change_settings
from orderbridge.accounts.setting_values import doubts
from orderbridge.accounts.store_options import Offered, kind_of, options_of
from orderbridge.cli.application import Json, app, console, done, errors, fail, print_json, show, unit_of_work
from orderbridge.cli.setting_lines import last_run_lines, setting_help, setting_lines
from orderbridge.database.models import AccountState
from orderbridge.database.unit_of_work import Work
from orderbridge.settings import load_settings
from schemas.accounts import PaymentType, StatusOption

settings_app = typer.Typer(no_args_is_help=True, help="What a seller has set for an account.")
app.add_typer(settings_app, name="settings")

OneAccount = Annotated[str, typer.Argument(help="The account.")]


@settings_app.command(name="show")
def show_settings(account: OneAccount = "main", as_json: Json = False) -> None:
    """All settings of an account by their names in the manual, with what it says of the last run.

    A star marks what is not the default. `--json` has the names that `settings set` takes.

    Example: `orderbridge settings show main`

    Next: `orderbridge settings set ACCOUNT NAME=VALUE` changes one, and its `--help` teaches each.
    """
    with unit_of_work() as work:
        found = _account(work, account)
        state = work.session.get(AccountState, account)
        troubles = [one for one in open_attentions(work, account) if one.trouble == MAPPING_GONE]
    last_order = state.last_order_id if state is not None else None
    last_run = state.last_run_at if state is not None else None
    if as_json:
        last = {"last_order_imported": last_order, "last_script_run": last_run}
        print_json({**found.settings.model_dump(mode="json"), **last})
        return
    show(setting_lines(found, mails=_mails()) + last_run_lines(last_order, last_run), False, "")
    for trouble in troubles:
        console.print(f"\n{trouble.message} {trouble.what_to_do}", markup=False, highlight=False, soft_wrap=True)


_SET_HELP = f"""Change settings of an account, all or none of them.

Example: `orderbridge settings set main enabled=true import_every_minutes=15 payment_types.CreditCard=14`

{setting_help()}

JSON is taken too: `'shipping_methods={{"EXPEDITED": "3", "STANDARD": "1"}}'` sets a whole mapping.

Next: `orderbridge settings show ACCOUNT`; `orderbridge import` asks Amazon at once, else the next slot does.
"""


@settings_app.command(name="set", help=_SET_HELP)
def set_settings(
    account: OneAccount,
    assignments: Annotated[list[str], typer.Argument(help="NAME=VALUE, as many as you like.")],
    as_json: Json = False,
) -> None:
    """Change settings of an account, all or none of them; its help is made of their own texts."""
    changes: dict[str, Any] = {}
    problems: list[str] = []
    for text in assignments:
        name, equals, value = text.partition("=")
        if not equals:
            problems.append(f"{text!r}: expected name=value")
        elif name in changes:
            problems.append(f"{name}: it stands there twice")
        else:
            changes[name] = _value(value)
    with unit_of_work() as work:
        _account(work, account)
        try:
            changed = change_settings(work, account, changes)
        except WrongSettings as error:
            problems += map(str, error.problems)
        if problems:
            raise typer.BadParameter("\n".join(problems))  # and what was changed is taken back
        slips = doubts(changed, {name.partition(".")[0] for name in changes}, work.now, mails=_mails())
    for slip in slips:
        errors.print(f"Note: {slip}", style="yellow", markup=False, highlight=False, soft_wrap=True)
    done("Saved.", as_json, **changed.model_dump(mode="json"))


@settings_app.command(name="options")
def show_options(account: OneAccount = "main", as_json: Json = False) -> None:
    """What the account's store offers to map to, and where that came from.

    Example: `orderbridge settings options main`

    Next: `orderbridge settings set main status_fba=Shipped shipping_methods.EXPEDITED=3`
    """
    with unit_of_work() as work:
        _account(work, account)
        offered = options_of(work, account)
    source = _source(offered)
    if as_json:
        lists = {
            name: [one.model_dump(mode="json") for one in getattr(offered, name)]
            for name in ("statuses", "payment_types", "shipping_methods")
        }
        print_json({"account": account, "source": source, "said_at": offered.said_at, **lists})
        return
    rows = [
        {"kind": kind, "id": one.id, "name": one.name, "what": what}
        for kind, options in (
            ("order queue", offered.statuses),
            ("payment option", offered.payment_types),
            ("shipping method", offered.shipping_methods),
        )
        for one in options
        for what in [_what(one)]
    ]
    said = {
        "store": f"The store said so at {offered.said_at:%Y-%m-%d %H:%M:%S} UTC." if offered.said_at else "",
        "manual": "The store has not said what it offers (`store.options`): these are the manual's queues; payment "
        "options and shipping methods are taken as you write them, ID or ID:NAME.",
    }
    show(rows, False, "")
    console.print(f"\n{said[source]}", markup=False, highlight=False, soft_wrap=True)


def _mails() -> bool:
    """Whether a mail server is set."""
    return load_settings().smtp_url is not None


def _source(offered: Offered) -> str:
    return "store" if offered.said_at is not None else "manual"


def _what(option: Any) -> str:
    if isinstance(option, StatusOption):
        return kind_of(option)
    return option.kind if isinstance(option, PaymentType) else ""


def _account(work: Work, account: str) -> ConnectedAccount:
    found = find_account(work, account)
    if found is None:
        fail(f"There is no account {account}. `orderbridge accounts list` shows which there are.")
    return found


def _value(text: str) -> Any:
    """The text as it stands, or what it is in JSON: an object, a list or a quoted string."""
    if not text.lstrip().startswith(("{", "[", '"')):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
