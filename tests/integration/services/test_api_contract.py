"""The whole API as its own OpenAPI document has it: schemathesis sends what fits it and what does not.

Nothing breaks (no 5xx), each answer is one that the document names, and nothing is answered without a good token of the
right scope.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance
from sqlalchemy import update
from structlog.testing import capture_logs

from orderbridge.api_tokens import SCOPES, revoke_tokens
from orderbridge.database.models import ApiTokenRow
from orderbridge.orders.replaying import ReplayWish, ask_for_replay
from services.api import opening, replays
from services.api.web import create_api
from tests.parts.in_process import System
from tests.parts.open_call import OpenCalls
from tests.parts.sandbox_server import SandboxServer

PROBLEM = "application/problem+json"
DOCUMENT = "/api/v1/openapi.json"
NOT_TOLD = [positive_data_acceptance]
"""Some rules no JSON Schema tells: an id is one line, a time does not lie ahead."""
FUZZ = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


@dataclass(frozen=True)
class Api:
    """The API of a system with an order, a dead letter and a replay, and headers of all kinds."""

    url: str
    whole: dict[str, str]
    bad: dict[str, dict[str, str]]
    lesser: dict[str, dict[str, str]]
    """By scope: a token that has all others."""
    known: dict[str, str]
    secrets: tuple[str, ...]
    """What may be in no answer to a caller without a good token."""


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory, sandbox: SandboxServer) -> Iterator[Api]:
    folder: Path = tmp_path_factory.mktemp("contract")
    with closing(System(f"sqlite:///{folder / 'orderbridge.sqlite'}", folder, sandbox)) as system, capture_logs():
        (order_id,) = system.imported()
        system.produce("order.shipped", b'{"order_id": ', key=b"k")
        system.run_until_idle()
        with system.database.unit_of_work() as work:
            replay_id = ask_for_replay(work, ReplayWish()).replay_id
        with OpenCalls(system) as calls, pytest.MonkeyPatch.context() as patch:
            patch.setattr(opening, "SEALS_AT_ONCE", 10**6)
            patch.setattr(replays, "REPLAYS_AT_ONCE", 10**6)
            revoked, expired = calls.token("revoked", *SCOPES), calls.token("expired", *SCOPES)
            with system.database.unit_of_work() as work:
                revoke_tokens(work, "revoked")
                work.session.execute(
                    update(ApiTokenRow).where(ApiTokenRow.name == "expired").values(expires_at=system.now)
                )
            bad = {"missing": "", "unknown": "Bearer ob_x", "basic": "Basic eDp5"}
            bad |= {"revoked": f"Bearer {revoked}", "expired": f"Bearer {expired}"}
            whole = {"Authorization": f"Bearer {calls.token('all', *SCOPES)}"}
            letters = calls.request("GET", "/api/v1/dead-letters", headers=whole).json()["letters"]
            yield Api(
                calls.url,
                whole,
                {name: {"Authorization": value} if value else {} for name, value in bad.items()},
                {
                    scope: {"Authorization": f"Bearer {calls.token(f'no {scope}', *(SCOPES.keys() - {scope}))}"}
                    for scope in SCOPES
                },
                {"replay_id": replay_id, "event_id": letters[0]["id"]},
                (order_id, letters[0]["id"], replay_id),
            )


SCHEMA = schemathesis.openapi.from_dict(create_api(cast(Any, None), cast(Any, None)).openapi())
SCHEMA.config.generation.update(with_security_parameters=False)  # tokens are the tests' own
OPERATIONS: dict[str, Any] = {
    found.label: found for found in (cast(Any, one).ok() for one in SCHEMA.get_all_operations())
}
each = pytest.mark.parametrize("name", OPERATIONS)


def cases(name: str) -> st.SearchStrategy[Any]:
    """What fits the document, and what does not."""
    return st.one_of(*(OPERATIONS[name].as_strategy(generation_mode=mode) for mode in GenerationMode))


def fuzz(name: str, examples: int, check: Callable[[Any], None]) -> None:
    settings(FUZZ, max_examples=examples)(given(cases(name))(check))()


def send(api: Api, case: Any, headers: dict[str, str]) -> requests.Response:
    """The case with these headers."""
    prepared = case.as_transport_kwargs(base_url=api.url)
    return requests.request(**{**prepared, "headers": {**prepared["headers"], **headers}}, timeout=30)


def about_what_is_there(case: Any, api: Api) -> Any:
    case.path_parameters = {one: api.known[one] for one in case.path_parameters or {}}
    return case


def test_the_document_is_the_one_that_is_served(api: Api) -> None:
    assert requests.get(api.url + DOCUMENT, timeout=30).json() == create_api(cast(Any, None), cast(Any, None)).openapi()
    assert len(OPERATIONS) == 7


@each
def test_whatever_is_asked_is_answered_as_the_document_says(name: str, api: Api) -> None:
    def check(case: Any) -> None:
        answer = send(api, case, api.whole)
        assert answer.status_code < 500
        case.validate_response(answer, headers=api.whole, excluded_checks=NOT_TOLD)

    fuzz(name, 150, check)


@each
def test_so_it_is_about_what_is_there(name: str, api: Api) -> None:
    seen = set()

    def check(case: Any) -> None:
        answer = send(api, about_what_is_there(case, api), api.whole)
        seen.add(answer.status_code)
        assert answer.status_code < 500
        case.validate_response(answer, headers=api.whole, excluded_checks=[*NOT_TOLD, negative_data_rejection])

    fuzz(name, 20, check)
    assert seen & {200, 202, 409}  # 409: the test before has settled it


@each
def test_nothing_is_answered_without_a_good_token(name: str, api: Api) -> None:
    def check(case: Any) -> None:
        for why, headers in api.bad.items():
            answer = send(api, about_what_is_there(case, api), headers)
            assert (answer.status_code, answer.headers["content-type"]) == (401, PROBLEM), why
            assert answer.headers["www-authenticate"].startswith("Bearer"), why
            assert not [secret for secret in api.secrets if secret in answer.text], why

    fuzz(name, 15, check)


@each
def test_nothing_is_answered_without_the_scope(name: str, api: Api) -> None:
    ((scope,),) = (one["bearer"] for one in OPERATIONS[name].definition.raw["security"])

    def check(case: Any) -> None:
        answer = send(api, about_what_is_there(case, api), api.lesser[scope])
        assert (answer.status_code, answer.headers["content-type"]) == (403, PROBLEM)
        assert not [secret for secret in api.secrets if secret in answer.text]

    fuzz(name, 10, check)
