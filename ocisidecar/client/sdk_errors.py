"""What the SDK and its HTTP library raise where no response arrived, or no request was sent."""

from __future__ import annotations

import re

_CONNECTION = re.compile(r"^(<[^>]*>|\w+\([^)]*\)): ")
"""The representation of a connection object with which urllib3 begins its messages."""


def describe(error: Exception) -> str:
    """Return the cause, without the SDK's wrapping and the page of advice that it appends."""
    from urllib3.exceptions import MaxRetryError

    cause = next((one for one in error.args if isinstance(one, Exception)), error)
    said = cause.args[0] if cause.args else ""
    tried = cause.__context__
    if isinstance(tried, MaxRetryError):
        said = f"{tried.pool.host}:{tried.pool.port}: {_CONNECTION.sub('', str(tried.reason))}"
    return f"{type(cause).__name__}: {said}"


def unsent_errors() -> tuple[type[Exception], ...]:
    """Return what the SDK raises before it sends a request: an argument is invalid, or its signer gets no token.

    Source: oci.auth.federation_client, oci.auth.certificate_retriever and oci.base_client; the breaker is that of
    token requests, which a signer made by the user may have.
    """
    import jwt
    from circuitbreaker import CircuitBreakerError
    from oci.auth.certificate_retriever import InvalidCertificateFromInstanceMetadataError
    from oci.exceptions import ClientError

    return (
        ClientError,
        ValueError,
        RuntimeError,
        jwt.PyJWTError,
        InvalidCertificateFromInstanceMetadataError,
        CircuitBreakerError,
    )
