"""Reading what exists: facts about the region, and every resource with our tags."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest
from attrs import evolve

from ocisidecar.cancel import Cancel
from ocisidecar.client.session import Caller, Response, Session
from ocisidecar.clock import VirtualClock
from ocisidecar.credentials import Credentials, load_credentials
from ocisidecar.emulator import Emulator, Fault
from ocisidecar.errors import ConfigError, NotAuthorizedOrNotFound
from ocisidecar.observe.snapshot import DeploymentReader, read_region_info, site_of
from ocisidecar.provisioner import Provisioner
from ocisidecar.spec import AccessSpec, DeploymentSpec, InstanceSpec, LoggingSpec
from ocisidecar.state.identity import Identity
from ocisidecar.wire import Json


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as running:
        yield running


@pytest.fixture
def credentials(emulator: Emulator, clock: VirtualClock) -> Credentials:
    return load_credentials(emulator.oci_config, environment={}, clock=clock)


@pytest.fixture
def caller(emulator: Emulator, credentials: Credentials, clock: VirtualClock) -> Iterator[Caller]:
    session = Session(credentials, clock, emulator.endpoint)
    yield session.caller(Cancel(clock=clock))
    session.close()


@pytest.fixture
def reader(
    emulator: Emulator, credentials: Credentials, caller: Caller, pool: ThreadPoolExecutor
) -> DeploymentReader:
    """Reads the deployment `web`."""
    region = read_region_info(caller, credentials, pool, emulator.compartment_id)
    identity = Identity(credentials.tenancy_id, credentials.region, emulator.compartment_id, "web")
    return DeploymentReader(caller, site_of(identity, region, None), pool)


class TestRegionInfo:
    """Facts about tenancy and region."""

    def test_is_read_with_five_requests(
        self, emulator: Emulator, caller: Caller, credentials: Credentials, pool: ThreadPoolExecutor
    ) -> None:
        """Five requests give home region, domains in the service's order, the services' entry, and shapes."""
        region = read_region_info(caller, credentials, pool, emulator.compartment_id)
        assert region.home_region == credentials.region
        assert [name.rpartition("-AD-")[2] for name in region.availability_domains] == ["1", "2", "3"]
        assert region.services_cidr.startswith("all-")
        assert region.services_id.startswith("ocid1.service.")
        assert "CI.Standard.E4.Flex" in [shape.name for shape in region.shapes]
        assert len(emulator.requests) == 5

    def test_a_region_without_a_subscription_is_an_error(
        self, caller: Caller, credentials: Credentials, pool: ThreadPoolExecutor
    ) -> None:
        """A region without a subscription raises ConfigError, which names the most similar region."""
        elsewhere = evolve(credentials, region="us-langley-1")
        with pytest.raises(ConfigError, match=f"did you mean '.*'.*Subscribed are .*{credentials.region}"):
            read_region_info(caller, elsewhere, pool, "ocid1.compartment.oc1..c")

    def test_what_is_refused_is_left_empty(
        self, emulator: Emulator, caller: Caller, credentials: Credentials, pool: ThreadPoolExecutor
    ) -> None:
        """A caller who may read nothing of the tenancy gets the credentials' region as home region."""
        emulator.inject(Fault.error("list_*", "NotAuthorizedOrNotFound", times=None))
        region = read_region_info(caller, credentials, pool, emulator.compartment_id)
        assert region.home_region == credentials.region
        assert not region.is_home_region_known
        assert not region.is_complete
        assert region.availability_domains == ()

    def test_a_tenancy_without_visible_regions_is_an_error(
        self, credentials: Credentials, pool: ThreadPoolExecutor, clock: VirtualClock
    ) -> None:
        """A user who sees no subscriptions gets a ConfigError that names the tenancy."""

        class Silent:
            cancel = Cancel(clock=clock)
            session = Session(credentials, clock)

            def call(self, *_: object) -> Response:
                return Response(200, [], {})

            def pages(self, *_: object) -> Iterator[Mapping[str, Json]]:
                return iter(())

        with pytest.raises(ConfigError, match=f"{credentials.tenancy_id} shows no region subscription"):
            read_region_info(Silent(), credentials, pool, credentials.tenancy_id)


class TestSnapshot:
    """All resources with our tags in the region and compartment."""

    def test_costs_the_same_for_one_instance_and_for_many(
        self, provisioner: Provisioner, emulator: Emulator, reader: DeploymentReader, web: InstanceSpec
    ) -> None:
        """A snapshot of six instances takes as many requests as one of one."""

        def requests() -> int:
            before = len(emulator.requests)
            reader.snapshot()
            return len(emulator.requests) - before

        provisioner.apply(web)
        one = requests()
        provisioner.apply(evolve(web, replicas=6))
        assert requests() == one

    def test_only_reads(
        self, provisioner: Provisioner, emulator: Emulator, reader: DeploymentReader, web: InstanceSpec
    ) -> None:
        """A snapshot sends no write."""
        provisioner.apply(web)
        before = len(emulator.requests)
        reader.snapshot()
        assert not [request for request in emulator.requests[before:] if request.is_write]

    def test_has_all_deployments_and_nothing_without_tags(
        self,
        provisioner: Provisioner,
        emulator: Emulator,
        caller: Caller,
        reader: DeploymentReader,
        web: InstanceSpec,
    ) -> None:
        """A snapshot has every deployment of the compartment, and no resource without our tags."""
        provisioner.apply([web, InstanceSpec("api", image_url="docker.io/acme/api:1")])
        details = {"compartmentId": emulator.compartment_id, "cidrBlocks": ["10.9.0.0/16"]}
        caller.call("core.VirtualNetworkClient", "create_vcn", details)
        snapshot = reader.snapshot()
        assert set(snapshot.deployments()) == {"api", "web"}
        assert len([live for live in snapshot.resources if live.key.kind == "vcn"]) == 2

    def test_a_log_in_a_log_group_of_others_is_found(
        self,
        provisioner: Provisioner,
        emulator: Emulator,
        caller: Caller,
        reader: DeploymentReader,
        web: InstanceSpec,
    ) -> None:
        """A log with our tags is found in a log group without them, and that group is not."""
        details = {"compartmentId": emulator.compartment_id, "displayName": "theirs"}
        caller.call("logging.LoggingManagementClient", "create_log_group", details)
        (group,) = emulator.live()["log-group"]
        logging = LoggingSpec.existing(log_group_id=group)
        provisioner.apply(DeploymentSpec("web", [web], access=AccessSpec.none(), logging=logging))
        (log,) = emulator.live()["log"]
        snapshot = reader.snapshot()
        assert [live.id for live in snapshot.resources if live.key.kind in {"log", "log-group"}] == [log]

    def test_a_kind_whose_list_is_refused_is_invisible(self, emulator: Emulator, reader: DeploymentReader) -> None:
        """A kind whose list the service refuses is invisible, and does not count as empty."""
        emulator.inject(Fault.error("list_subnets", "NotAuthorizedOrNotFound", times=None))
        assert set(reader.snapshot().invisible) == {"subnet"}

    def test_a_group_whose_rules_are_refused_is_invisible(
        self, provisioner: Provisioner, emulator: Emulator, reader: DeploymentReader, web: InstanceSpec
    ) -> None:
        """Security groups are invisible where their rules are, but one that is gone meanwhile is only missing."""
        provisioner.apply(DeploymentSpec("web", [web], access=AccessSpec.none()))
        rules = "list_network_security_group_security_rules"
        emulator.inject(Fault.error(rules, "NotAuthorizedOrNotFound", times=None))
        assert set(reader.snapshot().invisible) == {"network-security-group"}
        emulator.inject(Fault.error("get_network_security_group", "NotAuthorizedOrNotFound", times=None))
        snapshot = reader.snapshot()
        assert (snapshot.invisible, "network-security-group" in {live.key.kind for live in snapshot.resources}) == (
            {},
            False,
        )

    def test_a_compartment_without_any_list_is_an_error(self, emulator: Emulator, reader: DeploymentReader) -> None:
        """A caller who may list nothing gets the error, with the statement that may be missing."""
        emulator.inject(Fault.error("list_*", "NotAuthorizedOrNotFound", times=None))
        missing = f"Allow group <your group> to read all-resources in compartment id {emulator.compartment_id}"
        with pytest.raises(NotAuthorizedOrNotFound, match=missing):
            reader.snapshot()


class TestCallAll:
    """Concurrent requests."""

    def test_results_keep_their_order(self, reader: DeploymentReader) -> None:
        """Results are in the order of the calls, whichever ends first."""
        ended = threading.Event()

        def slow() -> int:
            ended.wait()
            return 1

        def fast() -> int:
            ended.set()
            return 2

        assert reader.call_all([slow, fast]) == [1, 2]

    def test_the_first_error_is_raised_after_all_calls(self, reader: DeploymentReader) -> None:
        """The first error is raised after all calls have completed."""
        done: list[str] = []

        def fail(text: str) -> None:
            done.append(text)
            raise ValueError(text)

        with pytest.raises(ValueError, match="one"):
            reader.call_all([lambda: fail("one"), lambda: fail("two"), lambda: done.append("three")])
        assert sorted(done) == ["one", "three", "two"]

    def test_ctrl_c_sets_the_cancel(self, reader: DeploymentReader) -> None:
        """A KeyboardInterrupt while calls are submitted sets the caller's cancel and is raised again."""

        class Interrupted:
            def submit(self, _call: object) -> None:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            evolve(reader, pool=Interrupted()).call_all([threading.get_ident])
        assert reader.caller.cancel.reason == "interrupted by Ctrl-C"
