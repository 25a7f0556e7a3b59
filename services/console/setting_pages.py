"""The page of an account's settings: shown, and saved by the rules of `orderbridge.accounts`."""

from __future__ import annotations

import re
from typing import Any
from zoneinfo import available_timezones

from starlette.datastructures import FormData
from starlette.responses import Response

from orderbridge.access.users import may
from orderbridge.accounts import find_account
from orderbridge.accounts.attentions import open_attentions
from orderbridge.accounts.change_settings import MAPPINGS, WrongSettings, change_settings
from orderbridge.accounts.setting_values import Circumstances, doubts
from orderbridge.accounts.setting_words import changes_between
from orderbridge.accounts.settings import AccountSettings
from orderbridge.accounts.store_options import options_of
from orderbridge.carriers import TABLE
from orderbridge.database.models import AccountState
from orderbridge.database.unit_of_work import Work
from orderbridge.mail.addresses import addresses_of
from orderbridge.mail.trial import NO_SERVER, CannotMail, Tried, TriedTooOften, send_test_mail
from orderbridge.settings import BadSettings
from services.console.setting_fields import Filled, setting_fields
from services.console.visit import Stop, Visit

_NEW_LINE = re.compile(r"new\.([a-z_]+)\.([0-9]{1,3})\.key")
_MOST_TESTS = 5
"""Test mails of an account within ten minutes: enough to mend an address, too few to annoy whoever has it."""
_ZONES = sorted(name for name in available_timezones() if "/" in name and not name.startswith("Etc/"))


def show_settings(visit: Visit) -> Response:
    """All settings of an account."""
    with visit.database.unit_of_work() as work:
        context = _context(visit, work, Filled())
    return visit.page("settings.html", **context)


def save_settings(visit: Visit) -> Response:
    """Change what somebody changed on the form, all or nothing, and say what it was."""
    account_id = visit.parameters["account_id"]
    filled = read_form(visit.form)
    changes = {name: text for name, text in filled.texts.items() if text != filled.was.get(name, "")}
    problems = {}
    for name, lines in filled.new_lines.items():
        for key, text in lines:
            if not key:
                problems[f"{name}."] = "A line needs both: what is mapped, and to what."
            changes[f"{name}.{key}"] = text
    changes = {name: text for name, text in changes.items() if name not in problems}
    with visit.database.unit_of_work() as work:
        before = _circumstances(work, account_id)
        changed = before.account.settings
        try:
            changed = change_settings(work, account_id, changes)
        except WrongSettings as wrong:
            problems |= {one.setting: one.message for one in wrong.problems}
        if problems:
            work.rollback()
            kept = Filled(filled.texts, filled.was, filled.new_lines, problems)
            context = _context(visit, work, kept)
        else:
            context = _context(visit, work, Filled())
            context["saved"] = changes_between(before.account, context["account"])
            names, mails = {name.partition(".")[0] for name in changes}, visit.site.settings.smtp_url is not None
            context["notes"] = doubts(changed, names, work.now, mails=mails)
    if changes and not problems:
        visit.note("settings changed", account=account_id, settings=sorted(changes))
    return visit.page("settings.html", 422 if problems else 200, **context)


def send_mail_to_test(visit: Visit) -> Response:
    """Send a mail to each address of the account now, and show what the mail server said."""
    account_id = visit.parameters["account_id"]
    with visit.database.unit_of_work() as work:
        _circumstances(work, account_id)
    tried: tuple[Tried, ...] = ()
    refused, status = None, 200
    try:
        tried = send_test_mail(visit.site.settings, visit.database, account_id, most_lately=_MOST_TESTS)
    except TriedTooOften as error:
        refused, status = str(error), 429
    except (CannotMail, BadSettings) as error:
        refused, status = str(error), 422
    with visit.database.unit_of_work() as work:
        context = _context(visit, work, Filled())
    return visit.page("settings.html", status, **{**context, "tried": tried, "mail_refused": refused})


def read_form(form: FormData) -> Filled:
    """What the form showed and what was made of it; a field that it did not show is left out."""
    texts: dict[str, str] = {}
    was: dict[str, str] = {}
    for shown in [name.removeprefix("was.") for name in form if name.startswith("was.")]:
        setting = shown.partition(".")[0]
        if setting not in AccountSettings.model_fields or (setting in MAPPINGS) is not ("." in shown):
            continue
        was[shown] = str(form[f"was.{shown}"])
        if isinstance(AccountSettings.model_fields[setting].default, bool):
            texts[shown] = "true" if shown in form else "false"
        elif setting.startswith("skip_") and not setting.endswith("_before"):
            texts[shown] = _ticked(was[shown].split(","), [str(one).strip() for one in form.getlist(shown)])
        else:
            texts[shown] = str(form.get(shown, was[shown])).strip()
    new_lines: dict[str, tuple[tuple[str, str], ...]] = {}
    for name in form:
        found = _NEW_LINE.fullmatch(name)
        if found is None or found[1] not in MAPPINGS:
            continue
        key, text = str(form[name]).strip(), str(form.get(f"new.{found[1]}.{found[2]}.value", "")).strip()
        if text:
            new_lines[found[1]] = (*new_lines.get(found[1], ()), (key, text))
    return Filled(texts, was, new_lines)


def _ticked(before: list[str], ticks: list[str]) -> str:
    """The list with what is ticked, in the order that it had: that of the boxes is another, and no change."""
    return ",".join([one for one in before if one in ticks] + [one for one in ticks if one not in before])


def _circumstances(work: Work, account_id: str) -> Circumstances:
    account = find_account(work, account_id)
    if account is None:
        raise Stop(404, "There is no such account", "Perhaps it has another name: the page Accounts lists them.")
    state = work.session.get(AccountState, account_id, populate_existing=True)
    return Circumstances(account, options_of(work, account_id), state, work.now)


def _context(visit: Visit, work: Work, filled: Filled) -> dict[str, Any]:
    at = _circumstances(work, visit.parameters["account_id"])
    return {
        "account": at.account,
        "state": at.state,
        "offered": at.offered,
        "sections": setting_fields(at, filled),
        "troubles": open_attentions(work, at.account.account_id),
        "problems": len(filled.problems),
        "saved": None,
        "notes": (),
        "may_save": visit.user is not None and may(visit.user.role, "operator"),
        "zones": _ZONES,
        "carriers": sorted(TABLE.by_code),
        "no_mail_server": NO_SERVER if visit.site.settings.smtp_url is None else None,
        "addresses": addresses_of(at.account),
        "tried": (),
        "mail_refused": None,
    }
