"""Service limits: what the Limits API says about them, and that creates beyond them are refused."""

import pytest

from ocisidecar.emulator import TRIAL_LIMITS, Assumptions, Emulator, Fault

E4, A1 = "standard-e4-core-count", "standard-a1-core-count"
EXCEEDED = (
    "The following service limits were exceeded: {}. Request a service limit increase from the "
    "service limits page in the console. "
)


@pytest.fixture
def limits(client):
    """The limits client."""
    return client("limits.LimitsClient")


@pytest.fixture
def tenancy(emulator):
    return emulator.tenancy_id


@pytest.fixture
def make_cloud(make_emulator, client_of):
    """Makes an emulator with other settings; returns the makers of its clients and of instances in it."""

    def make(**settings):
        emulator = make_emulator(**settings)
        network = client_of(emulator, "core.VirtualNetworkClient")
        home = emulator.compartment_id
        vcn = network.create_vcn({"compartmentId": home, "cidrBlock": "10.0.0.0/16"}).data
        details = {"compartmentId": home, "vcnId": vcn.id, "cidrBlock": "10.0.0.0/24"}
        subnet = network.create_subnet(details).data
        domains = client_of(emulator, "identity.IdentityClient").list_availability_domains(home).data

        def make_instance(shape="CI.Standard.E4.Flex", ocpus=1, memory=4, domain=0):
            return (
                client_of(emulator, "container_instances.ContainerInstanceClient")
                .create_container_instance(
                    {
                        "compartmentId": home,
                        "availabilityDomain": domains[domain].name,
                        "shape": shape,
                        "shapeConfig": {"ocpus": ocpus, "memoryInGBs": memory},
                        "containers": [{"imageUrl": "web:1.4"}],
                        "vnics": [{"subnetId": subnet.id}],
                    }
                )
                .data
            )

        return emulator, make_instance

    return make


class TestLists:
    def test_the_services_have_names(self, limits, tenancy):
        """Compute and VCN are services that have limits."""
        assert [one.name for one in limits.list_services(tenancy).data] == ["compute", "vcn"]

    def test_definitions_can_be_selected(self, limits, tenancy):
        """Service and name select; what an instance draws on belongs to compute and counts per domain."""
        (found,) = limits.list_limit_definitions(tenancy, service_name="compute", name=E4).data
        assert (found.scope_type, found.is_resource_availability_supported) == ("AD", True)
        assert limits.list_limit_definitions(tenancy, service_name="vcn", name=E4).data == []

    def test_values_are_given_per_availability_domain(self, limits, tenancy):
        """A limit of the scope AD has one value for each domain, one of the scope REGION has one."""
        assert len(limits.list_limit_values(tenancy, "compute", name=E4).data) == 3
        (regional,) = limits.list_limit_values(tenancy, "vcn").data
        assert (regional.scope_type, regional.availability_domain) == ("REGION", None)

    def test_values_can_be_selected(self, limits, tenancy, domain):
        """A domain excludes regional limits, and so does the scope AD."""
        of_domain = limits.list_limit_values(tenancy, "compute", availability_domain=domain).data
        assert {one.availability_domain for one in of_domain} == {domain}
        regional = limits.list_limit_values(tenancy, "compute", scope_type="REGION").data
        assert {one.scope_type for one in regional} == {"REGION"}

    def test_they_come_in_pages_and_in_both_orders(self, limits, tenancy):
        """Two pages hold what one holds; the descending order is the reverse."""
        names = [one.name for one in limits.list_limit_definitions(tenancy).data]
        first = limits.list_limit_definitions(tenancy, limit=4)
        rest = limits.list_limit_definitions(tenancy, page=first.headers["opc-next-page"])
        assert [one.name for one in [*first.data, *rest.data]] == names == sorted(names)
        descending = limits.list_limit_definitions(tenancy, sort_order="DESC").data
        assert [one.name for one in descending] == names[::-1]

    def test_they_are_for_the_tenancy_only(self, limits, refused, compartment):
        """A compartment below the tenancy is refused."""
        for arguments in ((limits.list_services,), (limits.list_limit_definitions,)):
            refused(400, "InvalidParameter", *arguments, compartment)
        refused(400, "InvalidParameter", limits.list_limit_values, compartment, "compute")

    def test_an_unknown_service_is_not_found(self, limits, refused, tenancy):
        """A name that is not that of a service is a 404."""
        refused(404, "NotAuthorizedOrNotFound", limits.list_limit_values, tenancy, "bakery")

    def test_unknown_words_are_refused(self, raw, tenancy):
        """A scope, an order or an availability domain that does not exist is a 400."""
        for query in ("scopeType=PLANET", "sortOrder=UP", "availabilityDomain=AD-9"):
            path = f"/20190729/limitValues?compartmentId={tenancy}&serviceName=compute&{query}"
            assert raw("GET", path).status_code == 400


class TestAvailability:
    def test_it_counts_what_is_there(self, limits, tenancy, domain, make_instance):
        """The cores of an instance are used in its domain and nowhere else."""
        before = limits.get_resource_availability("compute", E4, tenancy, availability_domain=domain).data
        make_instance(shapeConfig={"ocpus": 1.5, "memoryInGBs": 4})
        after = limits.get_resource_availability("compute", E4, tenancy, availability_domain=domain).data
        assert (before.used, after.used, after.fractional_usage) == (0, 2, 1.5)
        assert before.fractional_availability - after.fractional_availability == 1.5
        assert after.effective_quota_value is None
        other = limits.get_resource_availability(
            "compute", E4, tenancy, availability_domain=domain.replace("AD-1", "AD-2")
        ).data
        assert other.used == 0

    def test_a_compartment_uses_less_than_the_tenancy(self, limits, identity, tenancy, vcn):
        """The usage is that of the compartment, the rest that of the tenancy."""
        details = {"compartmentId": tenancy, "name": "other", "description": "other"}
        other = identity.create_compartment(details).data
        here, there, everywhere = (
            limits.get_resource_availability("vcn", "vcn-count", one).data
            for one in (vcn.compartment_id, other.id, tenancy)
        )
        assert (here.used, there.used, everywhere.used) == (1, 0, 1)
        assert here.available == there.available == everywhere.available

    def test_the_domain_must_fit_the_scope(self, limits, refused, tenancy, domain):
        """A domain is required for the scope AD and refused for others, with the recorded text."""
        call = limits.get_resource_availability
        refused(400, "InvalidParameter", call, "compute", E4, tenancy)
        refused(400, "InvalidParameter", call, "compute", E4, tenancy, availability_domain="AD-9")
        error = refused(400, "InvalidParameter", call, "vcn", "vcn-count", tenancy, availability_domain=domain)
        assert error.message == "Parameter 'availabilityDomain' should be null for this limit's scope type"

    def test_an_unknown_limit_is_not_found(self, limits, refused, tenancy):
        """A limit that does not exist, or belongs to another service, is a 404."""
        for service, name in (("compute", "cake-count"), ("compute", "vcn-count")):
            refused(404, "NotAuthorizedOrNotFound", limits.get_resource_availability, service, name, tenancy)

    def test_it_may_be_unknown(self, make_emulator, client_of, refused):
        """Where it is not supported the answer is a 404 or has no numbers, as `Assumptions` says."""
        for choice in ("null", "missing"):
            emulator = make_emulator(assumptions=Assumptions(availability_of_limits=choice))
            limits = client_of(emulator, "limits.LimitsClient")
            place = ("vcn", "vcn-count", emulator.tenancy_id)
            (definition,) = limits.list_limit_definitions(emulator.tenancy_id, name="vcn-count").data
            assert definition.is_resource_availability_supported is (choice == "null")
            if choice == "missing":
                refused(404, "NotAuthorizedOrNotFound", limits.get_resource_availability, *place)
            else:
                answer = limits.get_resource_availability(*place).data
                assert (answer.used, answer.available) == (None, None)

    def test_users_need_both_rights(self, emulator, client_of, refused, tenancy):
        """Lists need `inspect limits`, the availability `inspect resource-availability`."""
        config = emulator.add_user("kim", groups=("watchers",))
        limits = client_of(emulator, "limits.LimitsClient", config=config)
        calls = (
            (limits.list_services, tenancy),
            (limits.list_limit_definitions, tenancy),
            (limits.list_limit_values, tenancy, "vcn"),
            (limits.get_resource_availability, "vcn", "vcn-count", tenancy),
        )
        for call in calls:
            refused(404, "NotAuthorizedOrNotFound", *call)
        emulator.add_policy("Allow group watchers to inspect limits in tenancy")
        refused(404, "NotAuthorizedOrNotFound", *calls[-1])
        emulator.add_policy("Allow group watchers to inspect resource-availability in tenancy")
        for call, *arguments in calls:
            assert call(*arguments).status == 200


class TestRefusals:
    def test_a_shape_without_limit_is_refused_at_once(self, make_cloud, refusal):
        """A trial tenancy has no cores of E4, but some of A1."""
        emulator, make_instance = make_cloud(limits=TRIAL_LIMITS)
        error = refusal(make_instance)
        assert (error.status, error.code) == (400, "LimitExceeded")
        assert error.message == EXCEEDED.format(E4)
        make_instance(shape="CI.Standard.A1.Flex")
        assert len(emulator.live()["container-instance"]) == 1

    def test_domains_have_their_own_limits(self, make_cloud, refusal):
        """What is used in one availability domain is not used in another, but in the region it is."""
        _, make_instance = make_cloud(limits={E4: 2})
        make_instance(ocpus=2)
        assert refusal(make_instance).message == EXCEEDED.format(E4)
        make_instance(domain=1)
        _, make_instance = make_cloud(limits={"standard-a1-core-regional-count": 1})
        make_instance(shape="CI.Standard.A1.Flex")
        refused = refusal(make_instance, shape="CI.Standard.A1.Flex", domain=1)
        assert refused.message == EXCEEDED.format("standard-a1-core-regional-count")

    def test_stopped_and_failed_instances_count(self, make_cloud, client_of, refusal):
        """Only deletion releases what an instance has of a limit."""
        emulator, make_instance = make_cloud(limits={E4: 2}, faults=[Fault.failed()])
        failed, stopped = make_instance(), make_instance()
        instances = client_of(emulator, "container_instances.ContainerInstanceClient")
        instances.stop_container_instance(stopped.id)
        assert instances.get_container_instance(failed.id).data.lifecycle_state == "FAILED"
        assert instances.get_container_instance(stopped.id).data.lifecycle_state == "INACTIVE"
        assert refusal(make_instance).code == "LimitExceeded"
        instances.delete_container_instance(failed.id)
        make_instance()

    def test_a_refused_create_uses_nothing(self, make_cloud, refusal):
        """After a refusal a smaller instance still fits."""
        emulator, make_instance = make_cloud(limits={E4: 2})
        assert refusal(make_instance, ocpus=3).code == "LimitExceeded"
        make_instance(ocpus=2)
        assert len(emulator.live()["container-instance"]) == 1

    def test_the_list_of_shapes_may_leave_out_what_has_no_limit(self, make_emulator, client_of):
        """By default all shapes are listed, since no source says that the list knows the limits."""
        for is_listed, expected in ((True, 4), (False, 1)):
            assumptions = Assumptions(lists_shapes_without_limit=is_listed)
            emulator = make_emulator(limits=TRIAL_LIMITS, assumptions=assumptions)
            instances = client_of(emulator, "container_instances.ContainerInstanceClient")
            assert len(instances.list_container_instance_shapes(emulator.compartment_id).data.items) == expected


def test_wrong_limits_are_refused_all_at_once():
    """Unknown names and values that are not whole numbers from 0 are one ValueError."""
    with pytest.raises(ValueError, match=r"cake-count is none of .*; vcn-count must be .*-1") as caught:
        Emulator(limits={"cake-count": 1, "vcn-count": -1, E4: True, A1: 0})
    assert f"{E4} must be a whole number from 0: True" in str(caught.value)
    assert f"{A1} must" not in str(caught.value)


def test_an_unknown_answer_about_availability_is_refused():
    """`Assumptions` knows three answers."""
    with pytest.raises(ValueError, match="availability_of_limits"):
        Assumptions(availability_of_limits="perhaps")
