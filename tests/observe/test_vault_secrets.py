"""Reading the content of vault secrets."""

from __future__ import annotations

import base64

import pytest

from ocisidecar.cancel import Cancel
from ocisidecar.client.session import Response
from ocisidecar.emulator import Emulator
from ocisidecar.errors import ConfigError
from ocisidecar.observe.vault_secrets import read_secret
from ocisidecar.provisioner import Provisioner
from ocisidecar.wire import Key, Ref


@pytest.mark.parametrize(("field", "content"), [("current", b"two"), ("1", b"one"), ("2", b"two")])
def test_the_version_that_is_named_is_read(
    emulator: Emulator, provisioner: Provisioner, field: str, content: bytes
) -> None:
    """A number pins a version; `current` means the current one."""
    ref = Ref(Key("vault-secret", emulator.store_secret(b"one", b"two")), field=field)
    assert base64.b64decode(read_secret(provisioner.session.caller(Cancel()), ref)) == content


def test_a_bundle_without_content_reads_as_empty() -> None:
    """A response without content is an empty secret."""

    class Silent:
        def call(self, *_: object) -> Response:
            return Response(200, {}, {})

    assert read_secret(Silent(), Ref(Key("vault-secret", "ocid1.secret"), field="current")) == ""


@pytest.mark.parametrize("content", ["%", "²", "YQ"])
def test_what_is_not_base64_is_refused(content: str) -> None:
    """A secret that cannot be decoded is an error that names it."""

    class Wrong:
        def call(self, *_: object) -> Response:
            return Response(200, {"secretBundleContent": {"content": content}}, {})

    with pytest.raises(ConfigError, match="vault secret ocid1.secret is not base64"):
        read_secret(Wrong(), Ref(Key("vault-secret", "ocid1.secret"), field="current"))
