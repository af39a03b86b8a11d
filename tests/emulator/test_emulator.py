"""`Emulator`: its configuration, identifiers, records, and what `reset` and `close` leave."""

from __future__ import annotations

import configparser
import os
import signal
import subprocess
import sys
from pathlib import Path

import oci
import pytest

from ocisidecar.emulator import Emulator, Latencies


def test_its_configuration_is_valid(emulator):
    """The SDK accepts oci_config as it is."""
    oci.config.validate_config(emulator.oci_config)


def test_its_environment_points_programs_at_it(emulator):
    """`environment` names a configuration that works, is readable by its owner only, and is removed on close."""
    environment = emulator.environment
    assert environment == emulator.environment
    config = Path(environment["OCI_CONFIG_FILE"])
    settings = oci.config.from_file(str(config), environment["OCI_CLI_PROFILE"])
    identity = oci.identity.IdentityClient(settings, service_endpoint=environment["OCI_CLI_ENDPOINT"])
    found = identity.get_compartment(environment["OCISIDECAR_COMPARTMENT_ID"]).data
    assert found.id == emulator.compartment_id
    assert {path.stat().st_mode & 0o777 for path in config.parent.iterdir()} == {0o600}
    assert config.parent.stat().st_mode & 0o777 == 0o700
    emulator.close()
    assert not config.parent.exists()


def test_its_session_profile_signs_with_a_token(emulator):
    """The profile SESSION names a token that works as Oracle's tools use it, and no user."""
    file = emulator.environment["OCI_CONFIG_FILE"]
    session = oci.config.from_file(file, "SESSION")
    key = oci.signer.load_private_key_from_file(session["key_file"])
    signer = oci.auth.signers.SecurityTokenSigner(Path(session["security_token_file"]).read_text(), key)
    identity = oci.identity.IdentityClient(
        {"region": session["region"]}, signer=signer, service_endpoint=emulator.endpoint
    )
    assert identity.get_compartment(emulator.compartment_id).status == 200
    parser = configparser.ConfigParser(default_section="none")
    parser.read(file)
    assert "user" not in parser["SESSION"]


def test_the_same_seed_gives_the_same_ids(make_emulator, client_of):
    """Identifiers depend on the seed and the order of requests only."""

    def ids(seed):
        emulator = make_emulator(seed=seed)
        network = client_of(emulator, "core.VirtualNetworkClient")
        vcn = network.create_vcn({"compartmentId": emulator.compartment_id, "cidrBlock": "10.0.0.0/16"}).data
        return emulator.tenancy_id, emulator.compartment_id, vcn.id, vcn.default_route_table_id

    assert ids(1) == ids(1)
    assert not set(ids(1)) & set(ids(2))


def test_ocids_have_oci_s_shapes(emulator, vcn, make_instance, instances):
    """An OCID's unique part has sixty characters and its kind's prefix; identity's region slot is empty."""
    made = instances.get_container_instance(make_instance().data.id).data
    for ocid, kind, slot, start in (
        (emulator.tenancy_id, "tenancy", "", "aaaaaaaa"),
        (emulator.compartment_id, "compartment", "", "aaaaaaaa"),
        (vcn.id, "vcn", "eu-frankfurt-1", "amaaaaaa"),
        (vcn.default_route_table_id, "routetable", "eu-frankfurt-1", "aaaaaaaa"),
        (made.id, "computecontainerinstance", "eu-frankfurt-1", "antheljr"),
        (made.containers[0].container_id, "computecontainer", "eu-frankfurt-1", "antheljr"),
        (made.vnics[0].vnic_id, "vnic", "eu-frankfurt-1", "abtheljr"),
    ):
        prefix, found, realm, region, unique = ocid.split(".")
        assert (prefix, found, realm, region) == ("ocid1", kind, "oc1", slot)
        assert len(unique) == 60
        assert unique.startswith(start)


def test_old_regions_have_short_slots(client, compartment):
    """OCIDs in the oldest regions have the three-letter key as region slot."""
    network = client("core.VirtualNetworkClient", path="/us-ashburn-1/iaas")
    vcn = network.create_vcn({"compartmentId": compartment, "cidrBlock": "10.0.0.0/16"}).data
    assert vcn.id.startswith("ocid1.vcn.oc1.iad.")


def test_live_shows_what_clients_made_and_did_not_delete(emulator, network, vcn, subnet, make_instance, instances):
    """`live` counts neither defaults, containers and VNICs nor deleted resources that can still be read."""
    made = make_instance().data
    assert emulator.live() == {"vcn": [vcn.id], "subnet": [subnet.id], "container-instance": [made.id]}
    instances.delete_container_instance(made.id)
    network.delete_subnet(subnet.id)
    network.delete_vcn(vcn.id)
    assert instances.get_container_instance(made.id).data.lifecycle_state == "DELETED"
    assert emulator.live() == {}


def test_requests_are_recorded_in_order(emulator, clock, network, compartment, refusal):
    """A recorded request has its operation, status, region, query, time and whether it is a write."""
    network.list_vcns(compartment, limit=5)
    clock.advance(3)
    refusal(network.create_vcn, {"compartmentId": compartment})
    listed, created = emulator.requests
    assert (listed.method, listed.path, listed.operation) == ("GET", "/20160918/vcns", "list_vcns")
    assert (listed.service, listed.region, listed.status, listed.is_write) == ("core", "eu-frankfurt-1", 200, False)
    assert listed.query == {"compartmentId": compartment, "limit": "5"}
    assert (created.operation, created.status, created.is_write) == ("create_vcn", 400, True)
    assert created.time - listed.time == pytest.approx(3)


def test_posts_that_only_read_are_not_writes(emulator, make_instance, instances):
    """RetrieveLogs and the summaries and searches are POSTs but are not recorded as writes."""
    instances.retrieve_logs(make_instance().data.containers[0].container_id)
    assert emulator.requests[-1].is_write is False
    reading = {
        operation.name for operation in emulator.operations if operation.method == "POST" and not operation.is_write
    }
    assert {"retrieve_logs", "summarize_metrics_data", "list_metrics", "search_logs"} <= reading


@pytest.mark.usefixtures("vcn")
def test_reset_keeps_endpoint_and_identity(emulator, network):
    """Reset removes resources and requests; endpoint, tenancy, compartment and key still work."""
    before = (emulator.endpoint, emulator.tenancy_id, emulator.compartment_id)
    emulator.reset()
    assert emulator.live() == {}
    assert emulator.requests == ()
    assert (emulator.endpoint, emulator.tenancy_id, emulator.compartment_id) == before
    assert network.list_vcns(emulator.compartment_id).data == []


def test_lifetimes_match_what_clients_see(make_emulator, client_of, clock):
    """The times of ready and gone match what clients see, within the jitter, also for deleted resources."""
    emulator = make_emulator(latencies=Latencies(network=10, jitter=0.4), seed=3)
    network = client_of(emulator, "core.VirtualNetworkClient")
    vcn = network.create_vcn({"compartmentId": emulator.compartment_id, "cidrBlock": "10.0.0.0/16"}).data
    [lifetime] = emulator.lifetimes()
    assert 6 <= lifetime.ready - lifetime.created <= 14
    assert (lifetime.kind, lifetime.id, lifetime.deleting, lifetime.gone) == ("vcn", vcn.id, None, None)
    clock.advance(lifetime.ready - clock.time() - 0.001)
    assert network.get_vcn(vcn.id).data.lifecycle_state == "PROVISIONING"
    clock.advance(0.001)
    assert network.get_vcn(vcn.id).data.lifecycle_state == "AVAILABLE"
    network.delete_vcn(vcn.id)
    clock.advance(100)
    assert emulator.live() == {}
    [lifetime] = emulator.lifetimes()
    assert 6 <= lifetime.gone - lifetime.deleting <= 14


def test_operations_are_enumerable(emulator):
    """Each operation is declared once, with the SDK's client and method that call it."""
    names = [(operation.client, operation.name) for operation in emulator.operations]
    assert len(set(names)) == len(names)
    for client, name in names:
        module, cls = client.split(".")
        assert hasattr(getattr(getattr(oci, module), cls), name)


def test_serve_runs_until_interrupted(tmp_path):
    """The program writes a working configuration, prints where it listens, and ends with Ctrl-C."""
    code = "import sys; from ocisidecar.emulator import serve; serve(0, sys.argv[1])"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "oci")],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        printed = dict(process.stdout.readline().split() for _ in range(4))
        config = oci.config.from_file(printed["config"])
        identity = oci.identity.IdentityClient(config, service_endpoint=printed["endpoint"])
        assert identity.get_compartment(printed["compartment"]).data.name == "sandbox"
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
    parser = configparser.ConfigParser()
    parser.read(tmp_path / "oci" / "config")
    assert Path(parser["DEFAULT"]["key_file"]).stat().st_mode & 0o777 == 0o600


def test_two_emulators_are_independent(client_of):
    """Resources of one emulator are not visible in another one."""
    with Emulator(seed=1) as one, Emulator(seed=2) as two:
        networks = [client_of(emulator, "core.VirtualNetworkClient") for emulator in (one, two)]
        networks[0].create_vcn({"compartmentId": one.compartment_id, "cidrBlock": "10.0.0.0/16"})
        assert two.live() == {}
        assert one.tenancy_id != two.tenancy_id
