"""References to secrets, and values that may be shown in clear text."""

from __future__ import annotations

from typing import Literal

from attrs import field, frozen

from ocisidecar.spec.repr import ShortRepr
from ocisidecar.spec.validate.fields import length, matches, ocid, validated


@frozen(repr=False)
class SecretRef(ShortRepr):
    """A secret in OCI Vault; its content is read when a deployment is applied, and enters no plan, tag or log.

    Attributes:
        secret_id: OCID of the secret.
        version: version number; None means the current one, and then a new version alone changes no plan.
    """

    secret_id: str = field(metadata=validated(ocid("vaultsecret", "vaultsecretversion")))
    version: int | None = field(default=None, kw_only=True)


@frozen(repr=False)
class Plain(ShortRepr):
    """An environment value that may be shown in clear text although its variable is named like a secret.

    OCI returns environment variables to everyone who may read the container.
    """

    value: str = field(repr=False)


@frozen(repr=False)
class ImagePullSecret(ShortRepr):
    """Credentials with which OCI pulls images from a private registry other than the tenancy's own.

    Attributes:
        registry_endpoint: the registry as written in front of the image's name, e.g. `ghcr.io`.
        version: of a basic secret: change it together with the password, because the password itself enters no
            digest and a changed one would go unnoticed.

    Source: oci.container_instances.models.CreateBasicImagePullSecretDetails, CreateVaultImagePullSecretDetails.
    """

    registry_endpoint: str = field(metadata=validated(matches(r"[^\s/]+(/[^\s/]+)*", "a registry such as ghcr.io")))
    kind: Literal["basic", "vault"] = field(kw_only=True)
    secret_id: str | None = field(default=None, kw_only=True, metadata=validated(ocid("vaultsecret")))
    username: str | None = field(default=None, kw_only=True, repr=False, metadata=validated(length(1, 1024)))
    password: str | None = field(default=None, kw_only=True, repr=False, metadata=validated(length(1, 4096)))
    version: str = field(default="1", kw_only=True)

    @classmethod
    def vault(cls, registry_endpoint: str, *, secret_id: str) -> ImagePullSecret:
        """Name a vault secret that holds `{"username": …, "password": …}`; OCI reads it at each pull.

        The deployment's policy lets its instances read this secret and no other.  It reaches secrets in the
        deployment's compartment and below; for one elsewhere give the right yourself.

        Source: Oracle documentation, "Using Vault Secrets for Image Authorization".
        """
        return cls(registry_endpoint, kind="vault", secret_id=secret_id)

    @classmethod
    def basic(cls, registry_endpoint: str, *, username: str, password: str, version: str = "1") -> ImagePullSecret:
        """Give user name and password as they are; they travel in base64 and are never shown."""
        return cls(registry_endpoint, kind="basic", username=username, password=password, version=version)
