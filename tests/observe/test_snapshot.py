"""Reading what exists: the place, and everything that is ours."""

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
from ocisidecar.observe.snapshot import Reader, read_place, site_of
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
def reader(emulator: Emulator, credentials: Credentials, caller: Caller, pool: ThreadPoolExecutor) -> Reader:
    """Reads the deployment `web`."""
    place = read_place(caller, credentials, pool)
    identity = Identity(credentials.tenancy_id, credentials.region, emulator.compartment_id, "web")
    return Reader(caller, site_of(identity, place, None), pool)


class TestPlace:
    """Facts about tenancy and region."""

    def test_is_read_with_three_requests(
        self, emulator: Emulator, caller: Caller, credentials: Credentials, pool: ThreadPoolExecutor
    ) -> None:
        """Home region, domains in the service's order, and the catalogue's entry for all services."""
        place = read_place(caller, credentials, pool)
        assert place.home_region == credentials.region
        assert [name.rpartition("-AD-")[2] for name in place.availability_domains] == ["1", "2", "3"]
        assert place.services_cidr.startswith("all-")
        assert place.services_id.startswith("ocid1.service.")
        assert len(emulator.requests) == 3

    def test_a_region_without_a_subscription_is_told_with_the_nearest(
        self, caller: Caller, credentials: Credentials, pool: ThreadPoolExecutor
    ) -> None:
        """A region that exists but is not subscribed to is refused before anything is made in it."""
        elsewhere = evolve(credentials, region="us-langley-1")
        with pytest.raises(ConfigError, match=f"did you mean '.*'.*Subscribed are .*{credentials.region}"):
            read_place(caller, elsewhere, pool)

    def test_a_tenancy_that_shows_no_region_is_told(
        self, credentials: Credentials, pool: ThreadPoolExecutor, clock: VirtualClock
    ) -> None:
        """A user without the right to see subscriptions learns which tenancy shows none."""

        class Silent:
            cancel = Cancel(clock=clock)
            session = Session(credentials, clock)

            def call(self, *_: object) -> Response:
                return Response(200, [], {})

            def pages(self, *_: object) -> Iterator[Mapping[str, Json]]:
                return iter(())

        with pytest.raises(ConfigError, match=f"{credentials.tenancy_id} shows no region subscription"):
            read_place(Silent(), credentials, pool)


class TestSnapshot:
    """Everything that is ours in the region and compartment."""

    def test_costs_the_same_for_one_instance_and_for_many(
        self, provisioner: Provisioner, emulator: Emulator, reader: Reader, web: InstanceSpec
    ) -> None:
        """One list per kind and scope, however many there are."""

        def requests() -> int:
            before = len(emulator.requests)
            reader.snapshot()
            return len(emulator.requests) - before

        provisioner.apply(web)
        one = requests()
        provisioner.apply(evolve(web, replicas=6))
        assert requests() == one

    def test_only_reads(
        self, provisioner: Provisioner, emulator: Emulator, reader: Reader, web: InstanceSpec
    ) -> None:
        """Looking changes nothing."""
        provisioner.apply(web)
        before = len(emulator.requests)
        reader.snapshot()
        assert not [request for request in emulator.requests[before:] if request.is_write]

    def test_holds_other_deployments_and_nothing_foreign(
        self, provisioner: Provisioner, emulator: Emulator, caller: Caller, reader: Reader, web: InstanceSpec
    ) -> None:
        """What somebody else made in the compartment is not seen; our deployments are told apart."""
        provisioner.apply([web, InstanceSpec("api", image_url="docker.io/acme/api:1")])
        details = {"compartmentId": emulator.compartment_id, "cidrBlocks": ["10.9.0.0/16"]}
        caller.call("core.VirtualNetworkClient", "create_vcn", details)
        snapshot = reader.snapshot()
        assert set(snapshot.deployments()) == {"api", "web"}
        assert len([live for live in snapshot.resources if live.key.kind == "vcn"]) == 2

    def test_a_log_of_ours_in_a_group_of_others_is_seen(
        self, provisioner: Provisioner, emulator: Emulator, caller: Caller, reader: Reader, web: InstanceSpec
    ) -> None:
        """Every log group of the compartment is searched, so that a destroy by name finds all that is ours."""
        details = {"compartmentId": emulator.compartment_id, "displayName": "theirs"}
        caller.call("logging.LoggingManagementClient", "create_log_group", details)
        (group,) = emulator.live()["log-group"]
        logging = LoggingSpec.existing(log_group_id=group)
        provisioner.apply(DeploymentSpec("web", [web], access=AccessSpec.none(), logging=logging))
        (log,) = emulator.live()["log"]
        snapshot = reader.snapshot()
        assert [live.id for live in snapshot.resources if live.key.kind in {"log", "log-group"}] == [log]

    def test_a_list_that_is_refused_is_an_error_and_not_an_absence(
        self, emulator: Emulator, reader: Reader
    ) -> None:
        """What may not be read must not look as if it did not exist."""
        emulator.inject(Fault.error("list_subnets", "NotAuthorizedOrNotFound", times=None))
        with pytest.raises(NotAuthorizedOrNotFound, match="list_subnets"):
            reader.snapshot()


class TestAll:
    """Several requests at a time."""

    def test_results_keep_their_order(self, reader: Reader) -> None:
        """Whichever call ends first."""
        ended = threading.Event()

        def slow() -> int:
            ended.wait()
            return 1

        def fast() -> int:
            ended.set()
            return 2

        assert reader.all([slow, fast]) == [1, 2]

    def test_the_first_error_comes_out_after_all_have_ended(self, reader: Reader) -> None:
        """No request goes on behind the back of whoever handles the error."""
        done: list[str] = []

        def fail(text: str) -> None:
            done.append(text)
            raise ValueError(text)

        with pytest.raises(ValueError, match="one"):
            reader.all([lambda: fail("one"), lambda: fail("two"), lambda: done.append("three")])
        assert sorted(done) == ["one", "three", "two"]

    def test_ctrl_c_cancels_what_is_under_way(self, reader: Reader) -> None:
        """An interrupt while requests are handed out sets the caller's cancel, and goes on."""

        class Interrupted:
            def submit(self, _call: object) -> None:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            evolve(reader, pool=Interrupted()).all([threading.get_ident])
        assert reader.caller.cancel.reason == "interrupted by Ctrl-C"
