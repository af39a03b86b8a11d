"""Vault secrets: their content, and the pull secrets that refer to it."""

from __future__ import annotations

import base64

import pytest

from ocisidecar import InstanceSpec, SecretRef, VolumeSpec
from ocisidecar.emulator.simulated_pods import SimulatedPods


def test_a_secret_has_versions(emulator, client, refused):
    """Without a number the current version is read; a missing version or secret gets 404."""
    secrets = client("secrets.SecretsClient")
    secret_id = emulator.store_secret(b"first", b"second")

    def content(**options):
        bundle = secrets.get_secret_bundle(secret_id, **options).data
        return bundle.version_number, base64.b64decode(bundle.secret_bundle_content.content)

    assert content() == (2, b"second")
    assert content(version_number=1) == (1, b"first")
    listed = secrets.list_secret_bundle_versions(secret_id).data
    assert [(one.version_number, one.stages[0]) for one in listed] == [(2, "CURRENT"), (1, "DEPRECATED")]
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


class NotedPods(SimulatedPods):
    """Simulated pods that record what is launched."""

    def __init__(self, scripts):
        super().__init__(scripts)
        self.noted = []

    def launch(self, pod, at, host):
        self.noted.append(pod)
        super().launch(pod, at, host)


class TestPullSecrets:
    """The pull secrets of a pod."""

    LOGIN = b'{"username": "ann", "password": "pa55"}'

    @pytest.fixture
    def given(self, emulator, make_instance):
        """Creates an instance with a pull secret in the vault; returns the one that its pod gets."""
        emulator.app.cloud.pods = pods = NotedPods({})

        def given(content):
            secret_id = emulator.store_secret(content)
            secret = {"secretType": "VAULT", "registryEndpoint": "fra.ocir.io", "secretId": secret_id}
            make_instance(imagePullSecrets=[secret])
            (opened,) = pods.noted.pop().details["imagePullSecrets"]
            return opened

        return given

    @pytest.fixture
    def allowed(self, emulator, identity):
        """A policy that permits instances to read secrets."""
        described = {"compartmentId": emulator.tenancy_id, "name": "web", "description": "web"}
        rule = (
            f"ALL {{resource.type='computecontainerinstance', resource.compartment.id='{emulator.compartment_id}'}}"
        )
        identity.create_dynamic_group({**described, "matchingRule": rule})
        statement = f"Allow dynamic-group web to read secret-bundles in compartment id {emulator.compartment_id}"
        identity.create_policy({**described, "statements": [statement]})

    @pytest.mark.usefixtures("allowed")
    def test_it_is_the_one_that_the_vault_holds(self, given):
        """User name and password are those of the secret's current version, in base64."""
        opened = given(self.LOGIN)
        assert (opened["secretType"], opened["registryEndpoint"]) == ("BASIC", "fra.ocir.io")
        assert [base64.b64decode(opened[name]) for name in ("username", "password")] == [b"ann", b"pa55"]

    def test_without_the_right_it_stays_closed(self, given):
        """Without the permission `read secret-bundles` the pull secret stays unresolved."""
        assert given(self.LOGIN)["secretType"] == "VAULT"

    @pytest.mark.usefixtures("allowed")
    @pytest.mark.parametrize("content", [b"pa55", b"[]", b'{"username": "ann"}', b'{"username": 1, "password": 2}'])
    def test_another_content_is_of_no_use(self, given, content):
        """A secret that is not a JSON object with username and password stays unresolved."""
        assert given(content)["secretType"] == "VAULT"
