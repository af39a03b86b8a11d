"""Secrets of the vault: their content is read, and nothing else."""

from __future__ import annotations

import base64

from ocisidecar import InstanceSpec, SecretRef, VolumeSpec


def test_a_secret_has_versions(emulator, client, refused):
    """Without a number the current version is read; a version or a secret that is not there is 404."""
    secrets = client("secrets.SecretsClient")
    secret_id = emulator.store_secret(b"first", b"second")

    def content(**options):
        bundle = secrets.get_secret_bundle(secret_id, **options).data
        return bundle.version_number, base64.b64decode(bundle.secret_bundle_content.content)

    assert content() == (2, b"second")
    assert content(version_number=1) == (1, b"first")
    refused(404, "NotAuthorizedOrNotFound", secrets.get_secret_bundle, secret_id, version_number=3)
    refused(404, "NotAuthorizedOrNotFound", secrets.get_secret_bundle, secret_id.replace("vault", "other"))


def test_a_config_file_is_filled_from_the_vault(oci_provisioner):
    """The instance gets the secret's content; plan, tags and a later plan do not show or miss it."""
    secret_id = oci_provisioner.emulator.store_secret(b"pa55")
    volume = VolumeSpec.config_file("conf", {"password": SecretRef(secret_id, version=1)})
    spec = InstanceSpec("web", image_url="web:1").with_volume(volume, mount_path="/conf")
    plan = oci_provisioner.plan(spec)
    assert "pa55" not in plan.to_json() + str(plan) + repr(plan)
    oci_provisioner.apply(plan)
    assert not oci_provisioner.plan(spec).changes
