"""The registry to which build_all.py pushes images, with its credentials and repositories."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable

from attrs import frozen

from ocisidecar import images
from ocisidecar.cancel import Cancel
from ocisidecar.cli import connection
from ocisidecar.cli.arguments import Options
from ocisidecar.cli.common import say
from ocisidecar.errors import ConfigError
from ocisidecar.observe.vault_secrets import read_secret
from ocisidecar.provisioner import Provisioner
from ocisidecar.settings import Settings
from ocisidecar.settings.deployment import registry, registry_username, token
from ocisidecar.settings.secret import Secret, trimmed
from ocisidecar.spec.ocir import is_ocir, ocir_host
from ocisidecar.wire import Key, Ref


@frozen
class PushTarget:
    """A registry; for OCI's own registry also the connection that creates its repositories.

    Attributes:
        registry: the destination of pushes.
        connect: opens a provisioner; None for other registries, which create repositories by themselves.
    """

    registry: images.Registry
    connect: Callable[[], Provisioner] | None

    def create_repositories(self, names: Iterable[str]) -> None:
        """Create the repositories of these images where they do not exist; reports to standard error."""
        if self.connect is None:
            return
        with self.connect() as provisioner:
            names = [self.registry.repository_name(name) for name in names]
            for repository in images.ensure_repositories(provisioner, names):
                if repository.is_new:
                    say(f"created repository {repository.name}")
                elif repository.is_public:
                    say(f"warning: repository {repository.name} is public: anyone can pull from it")


def push_target(options: Options, settings: Settings) -> PushTarget:
    """Return the registry to push to, according to options, settings and account.

    Raises:
        ConfigError: user name or auth token is missing, or the registry is unknown.
    """
    settings.require("OCIR_AUTH_TOKEN", "OCIR_PASSWORD")
    values = settings.values
    auth_token, username = token(values), values.ocir_username
    if username is None or auth_token is None:
        raise ConfigError(
            "pushing needs OCIR_USERNAME and OCIR_AUTH_TOKEN, in the settings file or the environment; "
            "--skip-push needs neither"
        )

    def connect() -> Provisioner:
        return connection.connect(options, settings)

    prefix = settings.image_prefix or _looked_up_prefix(settings, connect)
    host, _, path = prefix.partition("/")
    password = auth_token.text if auth_token.text is not None else _password(auth_token, connect)
    name = registry_username(username, values.ocir_namespace or path.partition("/")[0])
    return PushTarget(images.Registry(host, path, name, password), connect if is_ocir(host) else None)


def _looked_up_prefix(settings: Settings, connect: Callable[[], Provisioner]) -> str:
    """Return the default image prefix: the account's namespace in its region's registry."""
    values = settings.values
    with connect() as provisioner:
        host = registry(values) or ocir_host(provisioner.region)
        namespace = values.ocir_namespace or images.namespace(provisioner)
    if host is None:
        raise ConfigError("the registry of this region is unknown: set OCIR_ENDPOINT")
    return f"{host}/{namespace}/{values.ocir_repository}"


def _password(secret: Secret, connect: Callable[[], Provisioner]) -> str:
    """Return the auth token in a vault secret: the token alone, or the JSON object that OCI pulls images with.

    Raises:
        ConfigError: the secret is a JSON object without a password.
    """
    with connect() as provisioner:
        ref = Ref(Key("secret", secret.word), "current")
        content = read_secret(provisioner.session.caller(Cancel()), ref)
    try:
        text = base64.b64decode(content).decode()
    except ValueError:
        raise ConfigError(f"the vault secret {secret.word} holds no text, but it must hold an auth token") from None
    try:
        held = json.loads(text)
    except ValueError:
        held = text
    if not isinstance(held, dict):
        return trimmed(text)
    if not isinstance(held.get("password"), str):
        raise ConfigError(
            f"the vault secret {secret.word} contains no auth token: it must be the token alone, or a JSON object "
            "with `username` and `password`"
        )
    return trimmed(str(held["password"]))
