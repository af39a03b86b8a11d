"""Selection of the pull secret for an image."""

from __future__ import annotations

import base64

import pytest

from ocisidecar.engine.images import credentials_for


def secret(endpoint, user, kind="BASIC"):
    words = {"username": user, "password": "x"}
    return {
        "secretType": kind,
        "registryEndpoint": endpoint,
        **{name: base64.b64encode(word.encode()).decode() for name, word in words.items()},
    }


SECRETS = [
    secret("ghcr.io", "vault", kind="VAULT"),
    secret("ghcr.io", "github"),
    secret("docker.io", "hub"),
    secret("fra.ocir.io/acme", "oracle"),
    secret("localhost:5000", "local"),
]


@pytest.mark.parametrize(
    ("url", "user"),
    [
        ("ghcr.io/acme/web:1", "github"),
        ("ghcr.io.evil.example/acme/web:1", None),
        ("busybox", "hub"),
        ("acme/web@sha256:00", "hub"),
        ("docker.io/library/nginx:1", "hub"),
        ("fra.ocir.io/acme/web:1", "oracle"),
        ("fra.ocir.io/acmeother/web:1", None),
        ("localhost:5000/web", "local"),
    ],
)
def test_a_secret_is_used_for_images_of_its_registry_only(url, user):
    """An image without a registry belongs to Docker Hub, and a registry with the same prefix gets no password."""
    found = credentials_for(url, SECRETS)
    assert (found and found["username"]) == user
