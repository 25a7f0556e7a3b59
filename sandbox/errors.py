"""Refusals, worded as Amazon words them (Error and ErrorList of the models)."""

from __future__ import annotations

from typing import Any


class AmazonError(Exception):
    """A call that is refused: an HTTP status and the one error of its ErrorList."""

    def __init__(self, status: int, code: str, message: str, details: str = "") -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.details = details

    def body(self) -> dict[str, Any]:
        """The ErrorList."""
        return {"errors": [{"code": self.code, "message": self.message, "details": self.details}]}


class LoginError(Exception):
    """Login with Amazon refuses: the error answer of RFC 6749, section 5.2."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(f"{status} {error}: {description}")
        self.status = status
        self.error = error
        self.description = description

    def body(self) -> dict[str, str]:
        """The JSON object of the error answer."""
        return {"error": self.error, "error_description": self.description}


class Impossible(Exception):
    """A wish at the back door that cannot be granted; `status` is its HTTP status, the text says why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


def invalid_input(message: str, details: str = "") -> AmazonError:
    """400 InvalidInput."""
    return AmazonError(400, "InvalidInput", message, details)


def order_not_found(order_id: str) -> AmazonError:
    """404: no such order, or not one of this seller's."""
    return AmazonError(404, "NotFound", f"The requested order {order_id} was not found.")


def unauthorized(details: str, status: int = 403) -> AmazonError:
    """403 (for confirmShipment also 401): who calls may not."""
    return AmazonError(status, "Unauthorized", "Access to requested resource is denied.", details)


def quota_exceeded() -> AmazonError:
    """429."""
    return AmazonError(429, "QuotaExceeded", "You exceeded your quota for the requested resource.")
