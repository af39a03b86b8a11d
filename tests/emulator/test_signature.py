"""Request signatures: accepted ones, and the refusals with their recorded texts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import oci
import pytest
from cryptography.hazmat.primitives import serialization
from oci._vendor import requests
from oci._vendor.httpsig_cffi.sign import HeaderSigner

from ocisidecar.emulator.signature import make_key, pem

INCOMPLETE = "The required information to complete authentication was not provided or was incorrect."
WRONG = "Failed to verify the HTTP(S) Signature"


def signer_of(config):
    return oci.signer.Signer(
        config["tenancy"],
        config["user"],
        config["fingerprint"],
        private_key_file_location=None,
        private_key_content=config["key_content"],
    )


@pytest.fixture
def ask(emulator):
    """Sends a GET of the regions, prepared and changed by the test, over one connection."""
    with requests.Session() as session:

        def send(signer, change=None, method="GET", path="/20160918/regions", body=None):
            headers = {"content-type": "application/json"} if body is not None else {}
            request = requests.Request(method, emulator.endpoint + path, data=body, headers=headers, auth=signer)
            prepared = session.prepare_request(request)
            if change is not None:
                change(prepared)
            return session.send(prepared)

        yield send


def refusal_of(response):
    return response.status_code, response.json()["code"], response.json()["message"]


def test_a_signed_request_is_answered(emulator, ask):
    """The SDK's own signer with the emulator's configuration is accepted."""
    assert ask(signer_of(emulator.oci_config)).status_code == 200


def test_an_unsigned_request_is_refused(ask):
    """Without an Authorization header the answer is 401 NotAuthenticated."""
    assert refusal_of(ask(None)) == (401, "NotAuthenticated", INCOMPLETE)


def test_an_unknown_key_is_refused(emulator, ask):
    """A key that is not registered in the tenancy is refused."""
    config = {**emulator.oci_config, "fingerprint": ":".join(["00"] * 16)}
    assert refusal_of(ask(signer_of(config))) == (401, "NotAuthenticated", INCOMPLETE)


def test_a_key_without_its_fingerprint_is_refused(emulator, ask):
    """Signing with another private key fails the signature itself."""
    config = {**emulator.oci_config, "key_content": pem(make_key())}
    assert refusal_of(ask(signer_of(config))) == (401, "NotAuthenticated", WRONG)


@pytest.mark.parametrize("header", ["date", "host"])
def test_a_changed_header_is_refused(emulator, ask, header):
    """A signed header that changes on its way fails the signature."""
    other = {"date": format_datetime(datetime.now(UTC) + timedelta(seconds=7), usegmt=True), "host": "elsewhere"}

    def change(prepared):
        prepared.headers[header] = other[header]

    assert refusal_of(ask(signer_of(emulator.oci_config), change)) == (401, "NotAuthenticated", WRONG)


def test_a_changed_path_is_refused(emulator, ask):
    """The path and the query are signed too."""

    def change(prepared):
        prepared.url += "?more=1"

    assert refusal_of(ask(signer_of(emulator.oci_config), change))[2] == WRONG


def test_a_changed_body_is_refused(emulator, ask):
    """A body that does not have the signed digest is refused."""

    def change(prepared):
        prepared.body = b"[]"

    answer = ask(signer_of(emulator.oci_config), change, method="POST", path="/20160918/vcns", body=b"{}")
    assert refusal_of(answer) == (401, "NotAuthenticated", INCOMPLETE)


@pytest.mark.parametrize(("minutes", "status"), [(-6, 401), (-4, 200), (4, 200), (6, 401)])
def test_clocks_may_differ_by_five_minutes(emulator, ask, minutes, status):
    """A date more than five minutes from the server's clock is refused."""
    signer = signer_of(emulator.oci_config)

    def change(prepared):
        prepared.headers["date"] = format_datetime(datetime.now(UTC) + timedelta(minutes=minutes), usegmt=True)
        del prepared.headers["authorization"]
        signer(prepared)

    assert ask(signer, change).status_code == status


@pytest.mark.parametrize("text", ["", "yesterday", None])
def test_an_invalid_date_is_refused(emulator, ask, text):
    """A missing or unreadable date is refused before the signature is verified."""

    def change(prepared):
        prepared.headers.pop("date")
        if text is not None:
            prepared.headers["date"] = text

    answer = ask(signer_of(emulator.oci_config), change)
    assert refusal_of(answer) == (401, "NotAuthenticated", INCOMPLETE)


@pytest.mark.parametrize("missing", ["date", "(request-target)", "host"])
def test_a_header_that_is_not_signed_is_refused(emulator, ask, missing):
    """Each required header must be among the signed ones."""

    def change(prepared):
        text = prepared.headers["authorization"]
        prepared.headers["authorization"] = text.replace(f"{missing} ", "").replace(f" {missing}", "")

    answer = ask(signer_of(emulator.oci_config), change)
    assert refusal_of(answer) == (401, "NotAuthenticated", INCOMPLETE)


def test_a_write_must_sign_its_body(emulator, ask):
    """A POST signed like a GET is refused: its content headers are not covered."""
    short = signer_of(emulator.oci_config)
    short.body_headers = []
    short._body_signer = short._basic_signer
    answer = ask(short, method="POST", path="/20160918/vcns", body=b"{}")
    assert refusal_of(answer) == (401, "NotAuthenticated", INCOMPLETE)


def test_x_date_stands_in_for_date(emulator, ask):
    """Clients that cannot set Date sign x-date instead."""
    signer = signer_of(emulator.oci_config)

    def change(prepared):
        del prepared.headers["authorization"]
        prepared.headers["x-date"] = prepared.headers.pop("date")
        headers = {**prepared.headers, "host": prepared.url.split("/")[2]}
        basic = HeaderSigner(
            key_id=signer.api_key,
            secret=emulator.oci_config["key_content"],
            algorithm="rsa-sha256",
            headers=["x-date", "(request-target)", "host"],
        )
        prepared.headers.update(basic.sign(headers, method="get", path=prepared.path_url))

    assert ask(signer, change).status_code == 200


def test_a_session_token_is_accepted_until_it_expires(emulator, clock, ask):
    """A token that the emulator issued works with its key, and is refused when its time is over."""
    private = serialization.load_pem_private_key(emulator.oci_config["key_content"].encode(), None)
    signer = oci.auth.signers.SecurityTokenSigner(emulator.issue_token(seconds=60), private)
    assert ask(signer).status_code == 200
    clock.advance(61)
    assert refusal_of(ask(signer)) == (401, "NotAuthenticated", INCOMPLETE)


def test_a_token_with_another_key_is_refused(emulator, ask):
    """A token is refused with another private key than the one it was issued for."""
    signer = oci.auth.signers.SecurityTokenSigner(emulator.issue_token(), make_key())
    assert refusal_of(ask(signer)) == (401, "NotAuthenticated", WRONG)


def test_a_second_user_signs_with_a_key_of_its_own(emulator, ask):
    """An added user's requests are accepted, and so are the first one's."""
    assert ask(signer_of(emulator.add_user("second"))).status_code == 200


def test_two_content_types_get_an_empty_refusal(emulator, ask):
    """Two Content-Type headers are answered with 400 and no body, as by OCI's front end."""
    signer = signer_of(emulator.oci_config)

    def change(prepared):
        prepared.headers["content-type"] = "application/json, application/json"
        del prepared.headers["authorization"]
        signer(prepared)

    answer = ask(signer, change, method="POST", path="/20160918/vcns", body=b"{}")
    assert (answer.status_code, answer.content) == (400, b"")
