"""The resource principal: where token and key come from, when they are reloaded, and what is signed."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from forwarding.principal import SIGNED_HEADERS, PrincipalError, ResourcePrincipal

VALUES = dict.fromkeys(SIGNED_HEADERS, "x")
TEXT = "\n".join(f"{name}: x" for name in SIGNED_HEADERS).encode()


@pytest.fixture(scope="module")
def key():
    return rsa.generate_private_key(65537, 2048)


def pem(key, passphrase=None):
    protection = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection).decode()


def token(**claims):
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{payload}.c2lnbmF0dXJl"


def environment(rpst, private_pem, **more):
    return {
        "OCI_RESOURCE_PRINCIPAL_VERSION": "2.2",
        "OCI_RESOURCE_PRINCIPAL_RPST": str(rpst),
        "OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM": str(private_pem),
        **more,
    }


def replace(path, text):
    """Replace a file by rename, as the platform does."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


def verify(authorization, key):
    """Check the signature; return the key id."""
    fields = dict(part.split("=", 1) for part in authorization.removeprefix("Signature ").split(","))
    signature = base64.b64decode(fields["signature"].strip('"'))
    key.public_key().verify(signature, TEXT, padding.PKCS1v15(), hashes.SHA256())
    assert fields["headers"].strip('"').split() == list(SIGNED_HEADERS)
    return fields["keyId"].strip('"')


def test_values_may_be_in_the_environment(key):
    """A variable that is not a path is the token or key itself, and the token's claims are readable."""
    rpst = token(res_id="ocid1.computecontainerinstance.oc1..a")
    principal = ResourcePrincipal(environment(rpst, pem(key)))
    assert verify(principal.authorization(VALUES), key) == f"ST${rpst}"
    assert principal.claim("res_id") == "ocid1.computecontainerinstance.oc1..a"
    assert not principal.claim("res_type")


def test_a_trailing_newline_is_not_part_of_the_token(key):
    """A newline after a token in the environment is not sent."""
    principal = ResourcePrincipal(environment(token() + "\n", pem(key)))
    assert verify(principal.authorization(VALUES), key) == f"ST${token()}"


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"half a\x00"])
def test_a_file_without_a_token_is_an_error_until_it_is_replaced(key, tmp_path, content):
    """An empty or binary token file raises PrincipalError until it is replaced by a token."""
    rpst = tmp_path / "rpst"
    replace(rpst, token(number=1))
    principal = ResourcePrincipal(environment(rpst, pem(key)))
    rpst.with_suffix(".new").write_bytes(content)
    rpst.with_suffix(".new").replace(rpst)
    with pytest.raises(PrincipalError, match="RPST does not contain a token"):
        principal.authorization(VALUES)
    replace(rpst, token(number=2))
    assert verify(principal.authorization(VALUES), key) == f"ST${token(number=2)}"


def test_a_key_may_have_a_passphrase(key):
    """A key with a passphrase signs when the passphrase is in the environment."""
    given = environment(token(), pem(key, b"secret"), OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM_PASSPHRASE="secret")
    verify(ResourcePrincipal(given).authorization(VALUES), key)


def test_replaced_files_are_used_for_the_next_signature(key, tmp_path):
    """The next signature uses a replaced token and key; a token file that is missing meanwhile changes nothing."""
    rpst, private_pem = tmp_path / "rpst", tmp_path / "pem"
    replace(rpst, token(number=1))
    replace(private_pem, pem(key))
    principal = ResourcePrincipal(environment(rpst, private_pem))
    verify(principal.authorization(VALUES), key)
    other = rsa.generate_private_key(65537, 2048)
    replace(private_pem, pem(other))
    replace(rpst, token(number=2))
    assert verify(principal.authorization(VALUES), other) == f"ST${token(number=2)}"
    rpst.unlink()
    verify(principal.authorization(VALUES), other)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"OCI_RESOURCE_PRINCIPAL_VERSION": "1.1"}, "OCI_RESOURCE_PRINCIPAL_VERSION must be 2.2"),
        ({"OCI_RESOURCE_PRINCIPAL_RPST": ""}, "OCI_RESOURCE_PRINCIPAL_RPST not set"),
        ({"OCI_RESOURCE_PRINCIPAL_RPST": "/nowhere/token"}, "cannot read /nowhere/token"),
        ({"OCI_RESOURCE_PRINCIPAL_RPST": " \n"}, "OCI_RESOURCE_PRINCIPAL_RPST does not contain a token"),
        ({"OCI_RESOURCE_PRINCIPAL_RPST": "hush\nhush"}, "OCI_RESOURCE_PRINCIPAL_RPST does not contain a token"),
        ({"OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM": "hush"}, "PRIVATE_PEM does not contain a usable key"),
        (
            {"OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM": pem(ec.generate_private_key(ec.SECP256R1()))},
            "does not contain an RSA key",
        ),
    ],
)
def test_errors_do_not_contain_the_secret(key, change, named):
    """An error names the variable or the file, and does not contain its content."""
    with pytest.raises(PrincipalError, match=named) as caught:
        ResourcePrincipal({**environment(token(), pem(key)), **change})
    assert "hush" not in str(caught.value)
