"""Every page of the console, and the least role it takes: the one place that says who may what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, NamedTuple

from starlette.responses import Response

from orderbridge.access.users import Role
from services.console import (
    accounts,
    connecting,
    dead_letters,
    first_steps,
    joining,
    order_page,
    order_search,
    overview,
    own_account,
    replaying,
    run_pages,
    setting_pages,
    shipment_pages,
    signing_in,
    tokens,
    users,
)
from services.console.visit import Visit


class Page(NamedTuple):
    """A route. `role` is the least that it takes; None is for anyone, signed in or not."""

    method: Literal["GET", "POST"]
    path: str
    role: Role | None
    handler: Callable[[Visit], Response]
    polled: bool = False
    """Whether a script asks for it by itself again and again, which does not keep a session from ending idle."""


PAGES: Final = (
    Page("GET", "/", "viewer", overview.show_overview),
    Page("GET", "/live", "viewer", overview.show_live, polled=True),
    Page("GET", "/first-steps", "viewer", first_steps.show_first_steps),
    Page("GET", "/dead-letters", "viewer", dead_letters.list_letters),
    Page("POST", "/dead-letters", "operator", dead_letters.settle_all),
    Page("GET", "/dead-letters/{event_id}", "viewer", dead_letters.show_letter),
    Page("POST", "/dead-letters/{event_id}/replay", "operator", dead_letters.replay_letter),
    Page("POST", "/dead-letters/{event_id}/discard", "operator", dead_letters.discard_letter),
    Page("GET", "/login", None, signing_in.show_login),
    Page("POST", "/login", None, signing_in.log_in),
    Page("POST", "/logout", None, signing_in.log_out),
    Page("GET", "/join/{token}", None, joining.show_link),
    Page("POST", "/join/{token}", None, joining.use_the_link),
    Page("GET", "/me", "viewer", own_account.show_me),
    Page("POST", "/me/password", "viewer", own_account.change_my_password),
    Page("POST", "/me/sessions/end", "viewer", own_account.sign_out_everywhere),
    Page("GET", "/connect", "operator", connecting.show_connect),
    Page("POST", "/connect", "operator", connecting.ask_consent),
    Page("GET", "/connect/callback", "operator", connecting.come_back),
    Page("POST", "/connect/private", "operator", connecting.connect_private),
    Page("GET", "/accounts", "viewer", accounts.list_accounts),
    Page("GET", "/accounts/{account_id}/disconnect", "operator", connecting.show_disconnect),
    Page("POST", "/accounts/{account_id}/disconnect", "operator", connecting.disconnect),
    Page("POST", "/accounts/{account_id}/preview", "operator", connecting.begin_preview),
    Page("GET", "/accounts/{account_id}/preview/{asked}", "operator", connecting.show_preview),
    Page("GET", "/accounts/{account_id}/preview/{asked}/live", "operator", connecting.show_preview_live, polled=True),
    Page("GET", "/accounts/{account_id:path}/settings", "viewer", setting_pages.show_settings),
    Page("POST", "/accounts/{account_id:path}/settings", "operator", setting_pages.save_settings),
    Page("POST", "/accounts/{account_id:path}/test-mail", "operator", setting_pages.send_mail_to_test),
    Page("GET", "/orders", "viewer", order_search.list_orders),
    Page("POST", "/orders/fetch", "operator", order_search.fetch_by_number),
    Page("POST", "/orders/{order_id:path}/fetch", "operator", order_page.fetch_order),
    Page("POST", "/orders/{order_id:path}/replay", "operator", replaying.replay_order),
    Page("POST", "/orders/{order_id:path}/send-again", "operator", order_page.send_package_again),
    Page("POST", "/orders/{order_id:path}/personal-data", "operator", order_page.open_personal_data),
    Page("GET", "/orders/{order_id:path}", "viewer", order_page.show_order),
    Page("GET", "/replays", "operator", replaying.show_replay),
    Page("POST", "/replays", "operator", replaying.ask_replay),
    Page("GET", "/runs", "viewer", run_pages.list_runs),
    Page("POST", "/runs/import", "operator", run_pages.import_now),
    Page("GET", "/runs/{run_id}", "viewer", run_pages.show_run),
    Page("GET", "/shipments", "viewer", shipment_pages.list_shipments),
    Page("GET", "/tokens", "operator", tokens.list_tokens),
    Page("POST", "/tokens", "operator", tokens.make_token),
    Page("POST", "/tokens/{token_id}/revoke", "operator", tokens.revoke_token),
    Page("GET", "/users", "owner", users.list_users),
    Page("POST", "/users", "owner", users.invite_user),
    Page("POST", "/users/{name}/link", "owner", users.make_link),
    Page("POST", "/users/{name}/link/revoke", "owner", users.end_link),
    Page("POST", "/users/{name}/role", "owner", users.change_role),
    Page("POST", "/users/{name}/unlock", "owner", users.unlock_user),
    Page("POST", "/users/{name}/remove", "owner", users.remove_one_user),
)
