"""OCI's error responses: status and default text of each error code.

Source: Oracle, "API Errors"; the texts are those of Oracle's own service framework (com.oracle.helidon.oci,
enum ErrorCode), except where a comment says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

CODES: Final[Mapping[str, tuple[int, str]]] = {
    "CannotParseRequest": (
        400,
        "Incorrectly formatted request. Please refer to our documentation for help.",
    ),
    "InvalidParameter": (400, "Invalid Parameter"),
    "MissingParameter": (400, "Missing Parameter"),
    "LimitExceeded": (400, "The limit for this tenancy has been exceeded."),
    "QuotaExceeded": (400, "The quota for this compartment has been exceeded."),
    "RelatedResourceNotAuthorizedOrNotFound": (400, "Authorization failed or related resource not found."),
    "NotAuthenticated": (
        401,
        "The required information to complete authentication was not provided or was incorrect.",
    ),
    "NotAllowed": (403, "This operation must be directed at the home region."),
    "NotAuthorizedOrNotFound": (404, "Authorization failed or requested resource not found."),
    "NotFound": (404, "Not Found"),
    "MethodNotAllowed": (405, "Method Not Allowed"),
    "Conflict": (409, "Conflict"),
    "IncorrectState": (409, "Incorrect State"),
    "InvalidatedRetryToken": (
        409,
        (
            "The retry token you provided was used in an earlier request that resulted in a system update, "
            "but a subsequent operation has invalidated the token. This can happen, for example, in cases "
            "where an entity created with the same token has since been deleted. If the system state change "
            "associated with this request should be performed again, then retry with a different retry "
            "token."
        ),
    ),
    "NotAuthorizedOrResourceAlreadyExists": (
        409,
        "Authorization failed or requested resource already exists.",
    ),
    "NoEtagMatch": (412, "Precondition Failed"),
    "PreconditionFailed": (412, "Precondition Failed"),
    "TooManyRequests": (429, "User-rate limit exceeded."),
    "InternalError": (500, "Internal Server Error"),
    "MethodNotImplemented": (501, "Method Not Implemented"),
}


class ServiceError(Exception):
    """An error response; `status` and `message` default to those of OCI for `code`."""

    def __init__(
        self,
        code: str,
        message: str | None = None,
        *,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        default_status, default_message = CODES.get(code, (400, code))
        self.code = code
        self.status = default_status if status is None else status
        self.message = default_message if message is None else message
        self.headers = dict(headers or {})
        super().__init__(f"{self.status} {code}: {self.message}")


def not_found() -> ServiceError:
    """Return the 404 of a resource that is missing or hidden from the caller: OCI does not distinguish them."""
    return ServiceError("NotAuthorizedOrNotFound")


def invalid(message: str) -> ServiceError:
    """Return the 400 for an invalid parameter."""
    return ServiceError("InvalidParameter", message)
