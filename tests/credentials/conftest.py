"""Keys, and a temporary home directory with profiles; the real ~/.oci is not read."""

from __future__ import annotations

import base64
import json
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import oci
import pytest
from attrs import field, frozen
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from ocisidecar.credentials import Credentials, load_credentials
from ocisidecar.emulator import Emulator
from ocisidecar.emulator.signature import Principal, fingerprint
from ocisidecar.errors import ConfigError
from tests.credentials.metadata_service import MetadataService

PASS_PHRASE = "open-sesame-42"
TENANCY = "ocid1.tenancy.oc1..aaaatenancy"
USER = "ocid1.user.oc1..aaaauser"
UNREACHABLE = "http://127.0.0.1:9/opc/v2"


def pem_of(key: Any, pass_phrase: str | None = None) -> str:
    """Return a private key as PEM text."""
    algorithm = (
        serialization.BestAvailableEncryption(pass_phrase.encode()) if pass_phrase else serialization.NoEncryption()
    )
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, algorithm).decode()


def jwt_of(claims: Mapping[str, object]) -> str:
    """Return a token with these claims and without a valid signature."""
    parts = ({"alg": "RS256", "typ": "JWT"}, claims)
    encoded = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    return ".".join((*encoded, "c2VjcmV0LXNlYWw"))


@frozen
class KeyPair:
    """A user's key pair; made once, since making one costs 100 ms."""

    private: rsa.RSAPrivateKey = field(factory=lambda: rsa.generate_private_key(65537, 2048))

    @property
    def public(self) -> rsa.RSAPublicKey:
        return self.private.public_key()

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.public)

    @property
    def pem(self) -> str:
        return pem_of(self.private)

    @property
    def encrypted_pem(self) -> str:
        return pem_of(self.private, PASS_PHRASE)


@pytest.fixture(scope="session")
def pair() -> KeyPair:
    """The key pair of the user."""
    return KeyPair()


@pytest.fixture(scope="session")
def other_pair() -> KeyPair:
    """A second key pair."""
    return KeyPair()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home directory without ~/.oci, also for the SDK, which reads HOME itself."""
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def environment(home: Path) -> dict[str, str]:
    """The variables that loading reads, with a metadata service that cannot be reached."""
    return {"HOME": str(home), "OCI_METADATA_BASE_URL": UNREACHABLE}


@pytest.fixture
def entries(home: Path, pair: KeyPair) -> dict[str, str]:
    """A valid profile for an API key, whose key file exists."""
    key_file = home / ".oci" / "key.pem"
    key_file.parent.mkdir()
    key_file.write_text(pair.pem)
    return {
        "user": USER,
        "tenancy": TENANCY,
        "fingerprint": pair.fingerprint,
        "key_file": "~/.oci/key.pem",
        "region": "eu-frankfurt-1",
    }


@pytest.fixture
def write_config(home: Path) -> Callable[..., Path]:
    """Writes profiles to a configuration file, by default ~/.oci/config."""

    def write(path: Path | None = None, **profiles: Mapping[str, str]) -> Path:
        file = path or home / ".oci" / "config"
        file.parent.mkdir(exist_ok=True)
        sections = (
            "\n".join([f"[{name}]", *(f"{entry}={value}" for entry, value in profile.items())])
            for name, profile in profiles.items()
        )
        file.write_text("\n".join((*sections, "")))
        return file

    return write


@pytest.fixture
def refusal(environment: dict[str, str], pair: KeyPair) -> Callable[..., str]:
    """Loads invalid credentials and returns the message, after searching the whole error for secrets."""
    body = pair.pem.splitlines()
    secrets = (PASS_PHRASE, body[1], body[-2], "c2VjcmV0LXNlYWw")

    def refuse(config: Any = None, **options: Any) -> str:
        with pytest.raises(ConfigError) as info:
            load_credentials(config, environment=environment, **options)
        error = info.value
        # The first frame is this one, which holds the secrets.
        trace = traceback.TracebackException.from_exception(
            error.with_traceback(error.__traceback__ and error.__traceback__.tb_next), capture_locals=True
        )
        shown = "".join(trace.format())
        assert not [secret for secret in secrets if secret in shown]
        return str(error)

    return refuse


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """An emulator that verifies signatures."""
    with Emulator(seed=1) as running:
        yield running


@pytest.fixture
def registered_key(emulator: Emulator, pair: KeyPair) -> None:
    """Registers the user's public key with the emulator."""
    emulator.app.cloud.keys.add_api_key(Principal(id=USER, tenancy_id=TENANCY), pair.public)


@pytest.fixture
def metadata(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[MetadataService]:
    """A metadata and an auth service, whose tokens the emulator accepts."""
    with MetadataService(TENANCY, region="iad", token=lambda public: issue_token(emulator, public)) as service:
        # The SDK's signer reads it from the process's environment.
        monkeypatch.setenv("OCI_METADATA_BASE_URL", service.metadata_url)
        yield service


def call(credentials: Credentials, emulator: Emulator) -> int:
    """Make one signed call with the SDK as a session would; returns the status."""
    client = oci.core.VirtualNetworkClient(
        credentials.client_config,
        signer=credentials.signer,
        service_endpoint=emulator.endpoint,
        retry_strategy=oci.retry.NoneRetryStrategy(),
        circuit_breaker_strategy=oci.circuit_breaker.NoCircuitBreakerStrategy(),
    )
    return client.list_vcns(emulator.compartment_id).status


def issue_token(emulator: Emulator, public: rsa.RSAPublicKey, *, seconds: float = 3600, **claims: str) -> str:
    """Have the emulator issue a token for this key."""
    principal = Principal(id="ocid1.computecontainerinstance.oc1..a", tenancy_id=TENANCY)
    return emulator.app.cloud.keys.issue_token(principal, public, seconds=seconds, claims=claims)
