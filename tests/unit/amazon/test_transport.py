"""One call in, one answer or one error out: bounded, never repeated, except for a refused access token."""

from __future__ import annotations

import gzip
import socket
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orderbridge.amazon import (
    AccessDenied,
    AmazonError,
    BadAnswer,
    Connection,
    NoAnswer,
    NotFound,
    NotSent,
    Refused,
    Throttled,
    Unwell,
    wire,
)
from orderbridge.amazon.operations import CONFIRM_SHIPMENT, GET_ORDER, SEARCH_ORDERS
from orderbridge.amazon.transport import user_agent
from tests.unit.amazon.loopback import LOGIN_PATH, Loopback, Said, refused, said, then

DENIED = "Access to requested resource is denied."


def test_a_call_carries_the_token_and_the_user_agent(amazon: Loopback) -> None:
    amazon.connection().call(SEARCH_ORDERS, query={"a": "x,y z"})

    (call,) = amazon.api_calls
    assert (call.method, call.target) == ("GET", "/orders/2026-01-01/orders?a=x%2Cy%20z")
    assert call.headers["x-amz-access-token"] == "Atza|1"
    assert call.headers["User-Agent"].startswith("Orderbridge/0.1.0 (Language=Python/3.")
    assert "; Platform=" in call.headers["User-Agent"]
    assert call.body == b""


def test_a_body_is_sent_as_json(amazon: Loopback) -> None:
    amazon.api = then(Said(204, b""))
    answer = amazon.connection().call(CONFIRM_SHIPMENT, path_parameters={"orderId": "1-2"}, body={"a": ["é"]})

    (call,) = amazon.api_calls
    assert (call.method, call.target) == ("POST", "/orders/v0/orders/1-2/shipmentConfirmation")
    assert (call.headers["Content-Type"], call.body) == ("application/json", b'{"a": ["\\u00e9"]}')
    assert (answer.status, answer.body) == (204, b"")


def test_an_answer_tells_what_amazon_told(amazon: Loopback) -> None:
    headers = {"x-amzn-RateLimit-Limit": "0.0056", "x-amzn-RequestId": "r-1"}
    amazon.api = then(Said(200, b'{"buyerName": "Grace"}', headers))
    answer = amazon.connection().call(SEARCH_ORDERS)

    assert (answer.status, answer.rate_limit, answer.request_id) == (200, 0.0056, "r-1")
    assert answer.headers["X-AMZN-REQUESTID"] == "r-1"
    assert answer.server_date is not None
    assert abs((datetime.now(UTC) - answer.server_date).total_seconds()) < 60
    assert 0 < answer.seconds < 10
    assert "Grace" not in repr(answer)


@pytest.mark.parametrize("rate", ["", "quick", "nan", "inf", "-1", "0", "1e-25", "1e20", "1e999"])
def test_a_rate_limit_that_is_none_is_left_out(amazon: Loopback, rate: str) -> None:
    amazon.api = then(Said(200, b"{}", {"x-amzn-RateLimit-Limit": rate}))

    assert amazon.connection().call(SEARCH_ORDERS).rate_limit is None


@pytest.mark.parametrize(
    ("answer", "kind", "code", "unknown"),
    [
        (refused(400, "InvalidInput", "createdAfter is wrong"), Refused, "InvalidInput", False),
        (refused(403, "Unauthorized", DENIED, "The role is missing"), AccessDenied, "Unauthorized", False),
        (refused(404, "NotFound", "no such order"), NotFound, "NotFound", False),
        (refused(413, "RequestTooLarge", "too large"), Refused, "RequestTooLarge", False),
        (refused(415, "Unsupported", "no"), Refused, "Unsupported", False),
        (refused(429, "QuotaExceeded", "You exceeded your quota"), Throttled, "QuotaExceeded", False),
        (refused(500, "InternalFailure", "sorry"), Unwell, "InternalFailure", True),
        (Said(503, b"<html>"), Unwell, None, True),
        (Said(408, b""), Unwell, None, True),
        (Said(400, b"[" * 100_000), Refused, None, False),
        (said({"errors": ["x", {}]}, 400), Refused, None, False),
        (said({"errors": "x"}, 400), Refused, None, False),
        (Said(500, b" " * (wire.LARGEST_BODY + 1)), Unwell, None, True),
        (Said(302, b"", {"Location": "http://127.0.0.1:9/"}), BadAnswer, None, True),
        (Said(200, b" " * (wire.LARGEST_BODY + 1)), BadAnswer, None, True),
        (Said(200, gzip.compress(bytes(wire.LARGEST_BODY + 1)), {"Content-Encoding": "gzip"}), BadAnswer, None, True),
        (Said(200, b"no gzip", {"Content-Encoding": "gzip"}), BadAnswer, None, True),
        (Said(200, b"<!doctype html>"), BadAnswer, None, True),
        (Said(200, b"Welcome", {"Content-Type": "text/html"}), BadAnswer, None, True),
        (Said(fault="drop"), NoAnswer, None, True),
        (Said(fault="silent"), NoAnswer, None, True),
        (Said(200, b'{"orders": []}', fault="half"), NoAnswer, None, True),
    ],
)
def test_each_failure_has_its_class_and_is_not_repeated(
    amazon: Loopback, answer: Said, kind: type[AmazonError], code: str | None, unknown: bool
) -> None:
    amazon.api = then(answer)

    with pytest.raises(AmazonError) as caught:
        amazon.connection().call(SEARCH_ORDERS, query={"paginationToken": "t0ken"})

    error = caught.value
    assert (type(error), error.code, error.outcome_unknown) == (kind, code, unknown)
    assert error.operation == "searchOrders"
    assert "t0ken" not in str(error)
    assert len(amazon.api_calls) == 1


def test_an_error_has_amazons_words_and_request_id(amazon: Loopback) -> None:
    errors = [{"code": "A", "message": "One.", "details": "Because."}, {"code": "B", "message": "Two."}]
    amazon.api = then(said({"errors": errors}, 400, x_amzn_RequestId="r-9"))

    with pytest.raises(Refused) as caught:
        amazon.connection().call(SEARCH_ORDERS)

    assert (caught.value.code, caught.value.message, caught.value.status) == ("A", "One. Because.; Two.", 400)
    assert str(caught.value) == "searchOrders 400 A: One. Because.; Two. (request r-9)"


@pytest.mark.parametrize("status", [400, 403, 500])
def test_an_error_that_says_back_the_access_token_does_not_tell_it(amazon: Loopback, status: int) -> None:
    amazon.api = lambda call: said(
        {"errors": [{"code": "Bad", "message": f"not with {call.headers['x-amz-access-token']}, please"}]}, status
    )
    with pytest.raises(AmazonError) as caught:
        amazon.connection().call(SEARCH_ORDERS)
    assert "not with …, please" in str(caught.value)


def test_a_body_of_the_greatest_length_is_read(amazon: Loopback) -> None:
    body = bytes(wire.LARGEST_BODY)
    amazon.api = then(Said(200, gzip.compress(body), {"Content-Encoding": "gzip"}), Said(200, body))
    connection = amazon.connection()

    assert connection.call(SEARCH_ORDERS).body == body
    assert connection.call(SEARCH_ORDERS).body == body


@pytest.mark.timeout(20)
@pytest.mark.parametrize("status", [200, 302, 500])
def test_a_trickling_answer_is_given_up(amazon: Loopback, monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    monkeypatch.setattr(wire, "LONGEST_EXCHANGE", 0.3)
    amazon.api = then(Said(status, bytes(100_000), {"Location": "/elsewhere"}, fault="trickle"))

    with pytest.raises(NoAnswer, match="not complete"):
        amazon.connection().call(SEARCH_ORDERS)


def test_a_refused_connection_was_not_sent(amazon: Loopback) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]

    with pytest.raises(NotSent) as caught:
        amazon.connection(api_url=f"http://127.0.0.1:{port}").call(SEARCH_ORDERS)
    assert not caught.value.outcome_unknown


def test_a_name_that_is_not_resolved_was_not_sent(amazon: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo

    def resolve(host: str, *rest: object, **named: object) -> object:
        if host.endswith(".invalid"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(host, *rest, **named)  # type: ignore[arg-type]  # passed on as it came

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(NotSent):
        amazon.connection(api_url="http://api.invalid").call(SEARCH_ORDERS)


@pytest.mark.parametrize(
    "answer",
    [
        refused(403, "Unauthorized", DENIED, "The access token you provided has expired."),
        refused(403, "Unauthorized", DENIED, "Access token is missing in the request header."),
        refused(403, "Unauthorized", "The access token you provided is revoked, malformed or invalid."),
        Said(401, b""),
    ],
)
def test_a_refused_token_is_renewed_once(amazon: Loopback, answer: Said) -> None:
    amazon.api = then(answer, said({"orders": []}))

    assert amazon.connection().call(SEARCH_ORDERS, query={"a": "b"}).body == b'{"orders": []}'
    assert [call.headers["x-amz-access-token"] for call in amazon.api_calls] == ["Atza|1", "Atza|2"]
    assert amazon.api_calls[0].target == amazon.api_calls[1].target


@pytest.mark.parametrize(("status", "kind"), [(401, Refused), (403, AccessDenied)])
def test_a_token_that_stays_refused_is_an_error(amazon: Loopback, status: int, kind: type[AmazonError]) -> None:
    amazon.api = then(refused(status, "Unauthorized", "The access token you provided is invalid."))

    with pytest.raises(kind):
        amazon.connection().call(SEARCH_ORDERS)
    assert (len(amazon.api_calls), len(amazon.calls_to(LOGIN_PATH))) == (2, 2)


def test_a_missing_role_renews_nothing(amazon: Loopback) -> None:
    amazon.api = then(refused(403, "Unauthorized", DENIED, "The application is missing a role."))

    with pytest.raises(AccessDenied):
        amazon.connection().call(SEARCH_ORDERS)
    assert (len(amazon.api_calls), len(amazon.calls_to(LOGIN_PATH))) == (1, 1)


def test_the_guard_stands_before_every_use_of_the_network(amazon: Loopback) -> None:
    made: list[int] = []
    amazon.api = then(Said(401, b""), said({}))
    connection = amazon.connection(before_call=lambda: made.append(len(amazon.calls)))

    connection.call(SEARCH_ORDERS)
    assert made == [0, 1, 2, 3], "login, call, login, call"

    connection.call(SEARCH_ORDERS)
    assert made == [0, 1, 2, 3, 4]


def test_the_guard_stops_a_call(amazon: Loopback) -> None:
    closed = True

    def guard() -> None:
        if not closed:
            raise RuntimeError("a transaction is open")

    connection = amazon.connection(before_call=guard)
    connection.call(SEARCH_ORDERS)
    closed = False

    with pytest.raises(RuntimeError, match="a transaction is open"):
        connection.call(SEARCH_ORDERS)
    assert len(amazon.api_calls) == 1


def test_each_thread_keeps_a_session_of_its_own(amazon: Loopback) -> None:
    connection = amazon.connection()
    sessions: list[object] = []

    def work() -> None:
        sessions.append(wire.session())
        for _ in range(3):
            connection.call(SEARCH_ORDERS)

    work()
    thread = threading.Thread(target=work)
    thread.start()
    thread.join(10)

    assert sessions[0] is wire.session()
    assert sessions[1] is not sessions[0]
    ports = [call.port for call in amazon.api_calls]
    assert (len(set(ports[:3])), len(set(ports[3:])), len(set(ports))) == (1, 1, 2), "a connection for each thread"


def test_nothing_is_carried_from_call_to_call(
    amazon: Loopback, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login seller password p4ss\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    amazon.api = then(Said(200, b"{}", {"Set-Cookie": "session=1; Path=/"}))
    connection = amazon.connection()

    connection.call(SEARCH_ORDERS)
    connection.call(SEARCH_ORDERS)
    for call in amazon.calls:
        assert not {"Cookie", "Authorization"} & set(call.headers)


def test_a_path_parameter_cannot_leave_its_place(amazon: Loopback) -> None:
    connection = amazon.connection()
    connection.call(GET_ORDER, path_parameters={"orderId": "../a?b/c"})

    assert amazon.api_calls[0].target == "/orders/2026-01-01/orders/..%2Fa%3Fb%2Fc"
    for value in ("", ".", ".."):
        with pytest.raises(ValueError, match="orderId"):
            connection.call(GET_ORDER, path_parameters={"orderId": value})
    assert len(amazon.api_calls) == 1


@pytest.mark.parametrize("application", ["Orderbridge", "Order bridge/1", "Orderbridge/1\nX: y", "A/" + "1" * 500])
def test_another_form_of_user_agent_is_refused(amazon: Loopback, application: str) -> None:
    with pytest.raises(ValueError, match="name/version"):
        user_agent(application)
    with pytest.raises(ValueError, match="name/version"):
        Connection(
            amazon.url,
            amazon.new_login(),
            before_call=lambda: None,
            now=lambda: datetime.now(UTC),
            application=application,
        )
