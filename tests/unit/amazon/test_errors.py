"""Errors told apart: what is refused, and what a caller may do about it."""

from __future__ import annotations

import json

import pytest

from orderbridge.amazon import (
    AccessDenied,
    AmazonError,
    BadAnswer,
    ConsentRevoked,
    LoginRefused,
    NotFound,
    Refused,
    Unwell,
    names_no_parameter,
    refuses_included_data,
    refuses_token,
    search_orders,
)
from orderbridge.amazon.errors import error_for
from tests.unit.amazon.loopback import LOGIN_PATH, START, Loopback, refused, said, then

MISMATCH = "The paginationToken you have submitted is not valid. All parameters must match the original request."
REVOKED = "The access token you provided is revoked, malformed or invalid."


def error(message: str | None, *, status: int = 400, code: str = "InvalidInput", details: str = "") -> AmazonError:
    body = {"errors": [{"code": code, "message": message, "details": details}]}
    return error_for("searchOrders", status, json.dumps(body).encode(), None)


@pytest.mark.parametrize(
    ("wrong", "about"),
    [
        (error(MISMATCH), "token"),
        (error("We could not decode your NextToken. Possible reasons include: a transmission error."), "token"),
        (error("Invalid Input", details="paginationToken has expired"), "token"),
        (error("Invalid value for parameter includedData: [PACKAGES]"), "data"),
        (error("Value 'FULFILLMENT_ORDERS' failed to satisfy constraint"), "data"),
        (error("Invalid Input"), "nothing"),
        (error("Invalid Input", details="Invalid Input"), "nothing"),
        (error("The input you have submitted is not valid. Please check your input and try again."), "nothing"),
        (error(None), "nothing"),
        (error("Invalid date-time field(s) [lastUpdatedAfter, createdAfter]."), "else"),
        (error("The fulfillment of this order is not possible"), "else"),
        (error(MISMATCH, status=403), "else"),
        (error("includedData", status=500), "else"),
        (error("Invalid Input", status=404), "else"),
        (error_for("searchOrders", 400, b"<html>", None), "else"),
        (BadAnswer("searchOrders", "paginationToken: Field required", status=200), "else"),
    ],
)
def test_what_a_bad_request_is_about(wrong: AmazonError, about: str) -> None:
    found = {
        "token": refuses_token(wrong),
        "data": refuses_included_data(wrong),
        "nothing": names_no_parameter(wrong),
    }
    assert [name for name, yes in found.items() if yes] == ([] if about == "else" else [about])


@pytest.mark.parametrize(
    ("message", "details", "about"),
    [
        ("Access to requested resource is denied.", "", "role"),
        ("Access to requested resource is denied.", "The application is missing a role.", "role"),
        ("Access to requested resource is denied.", "Seller is not registered in marketplace A2Q", "marketplace"),
        ("Unauthorized", "The access token you provided has expired.", "token"),
    ],
)
def test_what_a_403_is_about(message: str, details: str, about: str) -> None:
    denied = error(message, status=403, code="Unauthorized", details=details)

    assert isinstance(denied, AccessDenied)
    assert denied.about == about


def test_a_consent_that_is_revoked_is_one_error_wherever_it_shows(amazon: Loopback) -> None:
    amazon.api = then(refused(403, "Unauthorized", REVOKED))
    with pytest.raises(ConsentRevoked) as by_the_api:
        search_orders(amazon.connection(), created_after=START)
    assert (by_the_api.value.operation, by_the_api.value.status) == ("searchOrders", 403)
    assert (len(amazon.api_calls), len(amazon.calls_to(LOGIN_PATH))) == (2, 2)

    amazon.login = then(said({"error": "invalid_grant"}, 400))
    with pytest.raises(ConsentRevoked) as by_the_login:
        search_orders(amazon.connection(), created_after=START)
    assert (by_the_login.value.operation, by_the_login.value.code) == ("login", "invalid_grant")

    amazon.login = then(said({"error": "invalid_client"}, 401))
    with pytest.raises(LoginRefused) as wrong_secret:
        search_orders(amazon.connection(), created_after=START)
    assert wrong_secret.value.code == "invalid_client"


def test_maintenance_is_a_fault_of_the_moment_and_a_missing_thing_is_none() -> None:
    assert type(error("Service Unavailable", status=503, code="ServiceUnavailable")) is Unwell
    assert type(error("no such order", status=404)) is NotFound
    assert type(error("no", status=413)) is Refused
