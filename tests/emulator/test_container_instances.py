"""Container Instances: lifecycle, work requests, and creates that are refused."""

from __future__ import annotations

import base64

import oci
import pytest

from ocisidecar.emulator import Assumptions, ContainerScript, Fault, Latencies

BIG = "x" * (64 * 1024)
DATA = base64.b64encode(b"secret = 1").decode()


def container(**members):
    return {"imageUrl": "web:1.4", **members}


def check(**members):
    return container(healthChecks=[{"healthCheckType": "TCP", "port": 80, **members}])


@pytest.fixture
def parts_in(client_of):
    """Returns a function from an emulator to clients for instances and network, and what creates an instance."""

    def parts(emulator):
        network = client_of(emulator, "core.VirtualNetworkClient")
        identity = client_of(emulator, "identity.IdentityClient")
        place = {"compartmentId": emulator.compartment_id}
        vcn = network.create_vcn({**place, "cidrBlock": "10.0.0.0/16"}).data
        subnet = network.create_subnet({**place, "vcnId": vcn.id, "cidrBlock": "10.0.0.0/24"}).data
        details = {
            **place,
            "availabilityDomain": identity.list_availability_domains(emulator.compartment_id).data[0].name,
            "shape": "CI.Standard.E4.Flex",
            "shapeConfig": {"ocpus": 1},
            "containers": [{"imageUrl": "web:1.4"}],
            "vnics": [{"subnetId": subnet.id}],
        }
        return client_of(emulator, "container_instances.ContainerInstanceClient"), network, details

    return parts


class TestLifecycle:
    @pytest.fixture
    def slow(self, make_emulator, parts_in, clock):
        """An emulator in which an instance takes 20 s to create, 10 s to delete and 4 s to change, and a subnet."""
        latencies = Latencies(
            container_instance_create=20,
            container_instance_delete=10,
            container_instance_action=4,
            vnic_release=3,
            deleted_visible=60,
        )
        return *parts_in(make_emulator(latencies=latencies)), clock

    def test_an_instance_comes_up_in_steps(self, slow):
        """An instance has no VNIC at first, then one, then is ACTIVE together with work request and containers."""
        instances, network, details, clock = slow
        created = instances.create_container_instance(details)
        request_id = created.headers["opc-work-request-id"]
        assert (created.status, created.data.lifecycle_state) == (200, "CREATING")
        assert created.data.vnics[0].vnic_id is None
        clock.advance(10)
        coming = instances.get_container_instance(created.data.id).data
        assert coming.lifecycle_state == "CREATING"
        assert network.get_vnic(coming.vnics[0].vnic_id).data.lifecycle_state == "AVAILABLE"
        request = instances.get_work_request(request_id).data
        assert (request.status, request.resources[0].action_type) == ("IN_PROGRESS", "IN_PROGRESS")
        clock.advance(10)
        assert instances.get_container_instance(created.data.id).data.lifecycle_state == "ACTIVE"
        [running] = instances.list_containers(details["compartmentId"]).data.items
        assert running.lifecycle_state == "ACTIVE"
        request = instances.get_work_request(request_id).data
        assert (request.status, request.operation_type) == ("SUCCEEDED", "CREATE_CONTAINER_INSTANCE")
        assert (request.percent_complete, request.resources[0].identifier) == (100.0, created.data.id)
        assert request.time_finished >= request.time_started >= request.time_accepted

    def test_an_instance_goes_in_steps(self, slow, refusal):
        """An instance is DELETING, then DELETED and readable, then gone; its VNIC uses the subnet for longer."""
        instances, network, details, clock = slow
        made = instances.create_container_instance(details).data
        clock.advance(20)
        subnet_id = details["vnics"][0]["subnetId"]
        vnic_id = instances.get_container_instance(made.id).data.vnics[0].vnic_id
        deleted = instances.delete_container_instance(made.id)
        assert deleted.status == 202
        assert instances.get_container_instance(made.id).data.lifecycle_state == "DELETING"
        assert refusal(instances.delete_container_instance, made.id).code == "IncorrectState"
        clock.advance(10)
        assert instances.get_work_request(deleted.headers["opc-work-request-id"]).data.status == "SUCCEEDED"
        assert instances.get_container_instance(made.id).data.lifecycle_state == "DELETED"
        assert [item.id for item in instances.list_container_instances(details["compartmentId"]).data.items] == [
            made.id
        ]
        assert refusal(instances.delete_container_instance, made.id).status == 404
        assert refusal(network.delete_subnet, subnet_id).code == "Conflict"
        clock.advance(3)
        assert refusal(network.get_vnic, vnic_id).status == 404
        assert network.delete_subnet(subnet_id).status == 204
        clock.advance(57)
        assert refusal(instances.get_container_instance, made.id).status == 404
        assert instances.list_container_instances(details["compartmentId"]).data.items == []

    @pytest.mark.parametrize("when", ["CREATING", "UPDATING", "DELETING"])
    def test_a_busy_instance_refuses_changes(self, slow, refusal, when):
        """Every change during another change gets 409 IncorrectState."""
        instances, _, details, clock = slow
        made = instances.create_container_instance(details).data
        if when != "CREATING":
            clock.advance(20)
            act = {"UPDATING": instances.stop_container_instance, "DELETING": instances.delete_container_instance}
            act[when](made.id)
        assert instances.get_container_instance(made.id).data.lifecycle_state == when
        for act, *arguments in (
            (instances.update_container_instance, {"displayName": "x"}),
            (instances.start_container_instance,),
            (instances.stop_container_instance,),
            (instances.restart_container_instance,),
            (instances.delete_container_instance,),
            (instances.change_container_instance_compartment, {"compartmentId": details["compartmentId"]}),
        ):
            assert refusal(act, made.id, *arguments).code == "IncorrectState"

    def test_power_goes_off_and_on(self, slow, refusal):
        """Stop leads to INACTIVE and start back to ACTIVE, each through UPDATING; the VNIC stays."""
        instances, network, details, clock = slow
        made = instances.create_container_instance(details).data
        clock.advance(20)
        vnic_id = instances.get_container_instance(made.id).data.vnics[0].vnic_id
        container_id = made.containers[0].container_id
        for act, state in (
            (instances.stop_container_instance, "INACTIVE"),
            (instances.start_container_instance, "ACTIVE"),
            (instances.restart_container_instance, "ACTIVE"),
        ):
            response = act(made.id)
            assert response.status == 202
            assert instances.get_container_instance(made.id).data.lifecycle_state == "UPDATING"
            assert refusal(instances.retrieve_logs, container_id).code == "IncorrectState"
            clock.advance(4)
            assert instances.get_container_instance(made.id).data.lifecycle_state == state
            assert instances.get_container(container_id).data.lifecycle_state == state
            request = instances.get_work_request(response.headers["opc-work-request-id"]).data
            verb = act.__name__.split("_")[0].upper()
            assert (request.status, request.operation_type) == ("SUCCEEDED", f"{verb}_CONTAINER_INSTANCE")
        assert network.get_vnic(vnic_id).data.lifecycle_state == "AVAILABLE"

    def test_an_update_keeps_the_containers_running(self, slow):
        """Name and tags change; the instance is UPDATING for a while and its containers are not restarted."""
        instances, _, details, clock = slow
        made = instances.create_container_instance(details).data
        clock.advance(100)
        before = instances.retrieve_logs(made.containers[0].container_id).data.text
        changes = {"displayName": "renamed", "freeformTags": {"a": "b"}}
        response = instances.update_container_instance(made.id, changes)
        assert (response.status, response.data) == (202, None)
        assert instances.get_container_instance(made.id).data.lifecycle_state == "UPDATING"
        clock.advance(4)
        changed = instances.get_container_instance(made.id).data
        assert (changed.display_name, changed.freeform_tags, changed.lifecycle_state) == (
            "renamed",
            {"a": "b"},
            "ACTIVE",
        )
        assert instances.retrieve_logs(made.containers[0].container_id).data.text.startswith(before)


class TestWithoutLatency:
    @pytest.mark.parametrize(
        "tags", [{"freeformTags": {"a": "b"}}, {"freeformTags": {}}, {"definedTags": {"ops": {"role": "web"}}}]
    )
    def test_containers_have_the_tags_of_their_instance_or_none(self, instances, make_instance, refused, tags):
        """A container's tags that are not exactly its instance's are refused, in creates and in updates."""
        mine = {"freeformTags": {"team": "a"}}
        container = {"displayName": "app", "imageUrl": "web:1"}
        refused(400, "InvalidParameter", make_instance, **mine, containers=[{**container, **tags}])
        made = make_instance(**mine, containers=[{**container, **mine}]).data
        refused(400, "InvalidParameter", instances.update_container, made.containers[0].container_id, tags)
        assert make_instance(**mine, containers=[container]).status == 200

    def test_power_actions_out_of_place_are_refused(self, instances, make_instance, refused):
        """A start of an active instance, and a stop or restart of an inactive one, get 405."""
        made = make_instance().data
        refused(405, "MethodNotAllowed", instances.start_container_instance, made.id)
        instances.stop_container_instance(made.id)
        refused(405, "MethodNotAllowed", instances.stop_container_instance, made.id)
        refused(405, "MethodNotAllowed", instances.restart_container_instance, made.id)

    def test_power_actions_out_of_place_can_be_accepted(self, make_emulator, parts_in):
        """With `accepts_idle_actions` a start of an active instance and a stop of an inactive one do nothing."""
        emulator = make_emulator(assumptions=Assumptions(accepts_idle_actions=True))
        instances, _, details = parts_in(emulator)
        made = instances.create_container_instance(details).data
        assert instances.start_container_instance(made.id).status == 202
        assert instances.get_container_instance(made.id).data.lifecycle_state == "ACTIVE"
        for _ in range(2):
            assert instances.stop_container_instance(made.id).status == 202
            assert instances.get_container_instance(made.id).data.lifecycle_state == "INACTIVE"
        assert instances.restart_container_instance(made.id).status == 202
        assert instances.get_container_instance(made.id).data.lifecycle_state == "INACTIVE"

    def test_a_failed_action_leaves_the_state(self, emulator, instances, make_instance):
        """A stop that fails ends its work request FAILED, and the instance runs on."""
        made = make_instance().data
        emulator.inject(Fault.failed("stop_container_instance", message="no"))
        response = instances.stop_container_instance(made.id)
        assert instances.get_work_request(response.headers["opc-work-request-id"]).data.status == "FAILED"
        assert instances.get_container_instance(made.id).data.lifecycle_state == "ACTIVE"
        assert instances.retrieve_logs(made.containers[0].container_id).status == 200

    def test_a_failed_delete_can_be_repeated(self, emulator, instances, make_instance):
        """A delete that fails leaves a FAILED instance, which counts as live until it is deleted."""
        made = make_instance().data
        emulator.inject(Fault.failed("delete_container_instance", message="stuck host"))
        instances.delete_container_instance(made.id)
        failed = instances.get_container_instance(made.id).data
        assert (failed.lifecycle_state, failed.lifecycle_details) == ("FAILED", "stuck host")
        instances.delete_container_instance(made.id)
        assert "container-instance" not in emulator.live()

    def test_an_instance_moves_with_its_parts(self, identity, emulator, instances, network, make_instance):
        """A changed compartment of an instance is that of its containers and VNIC too."""
        place = {"compartmentId": emulator.tenancy_id, "name": "other", "description": "other"}
        other = identity.create_compartment(place).data.id
        made = make_instance().data
        instances.change_container_instance_compartment(made.id, {"compartmentId": other})
        moved = instances.get_container_instance(made.id).data
        assert moved.compartment_id == other
        assert network.get_vnic(moved.vnics[0].vnic_id).data.compartment_id == other
        assert len(instances.list_containers(other).data.items) == 1
        assert instances.list_container_instances(emulator.compartment_id).data.items == []

    def test_secrets_and_configuration_never_come_back(self, emulator, instances, make_instance):
        """Neither the create's answer nor any GET or list holds config data, user names or passwords."""
        secret = base64.b64encode(b"hunter2").decode()
        response = make_instance(
            containers=[container(volumeMounts=[{"mountPath": "/etc/app", "volumeName": "conf"}])],
            volumes=[
                {"name": "conf", "volumeType": "CONFIGFILE", "configs": [{"fileName": "app.toml", "data": DATA}]},
                {"name": "tmp", "volumeType": "EMPTYDIR", "backingStore": "MEMORY"},
            ],
            imagePullSecrets=[
                {"secretType": "BASIC", "registryEndpoint": "r.io", "username": secret, "password": secret},
                {"secretType": "VAULT", "registryEndpoint": "v.io", "secretId": "ocid1.vaultsecret.oc1..x"},
            ],
        )
        made = response.data
        answers = [
            made,
            instances.get_container_instance(made.id).data,
            instances.list_container_instances(emulator.compartment_id).data,
            instances.get_container(made.containers[0].container_id).data,
        ]
        for answer in answers:
            assert DATA not in str(answer)
            assert secret not in str(answer)
        assert made.volumes[0].configs[0].file_name == "app.toml"
        assert [volume.volume_type for volume in made.volumes] == ["CONFIGFILE", "EMPTYDIR"]
        assert made.image_pull_secrets[1].secret_id == "ocid1.vaultsecret.oc1..x"

    def test_defaults_are_filled_in(self, emulator, instances, instance_details):
        """A create without name, memory, restart policy, grace period and container names gets OCI's defaults."""
        details = instance_details(shapeConfig={"ocpus": 2}, containers=[container(), container()])
        del details["displayName"]
        made = instances.create_container_instance(details).data
        stamp = f"{made.time_created:%Y%m%d-%H%M}"
        assert made.display_name == f"container-instance-{stamp}"
        assert [entry.display_name for entry in made.containers] == [f"container-{stamp}-1", f"container-{stamp}-2"]
        assert (made.shape_config.memory_in_gbs, made.shape_config.networking_bandwidth_in_gbps) == (32.0, 2.0)
        assert (made.container_restart_policy, made.graceful_shutdown_timeout_in_seconds) == ("ALWAYS", 0)
        assert (made.container_count, made.volume_count, made.tenant_id) == (2, 0, emulator.tenancy_id)

    def test_a_list_holds_summaries(self, emulator, instances, make_instance):
        """Lists leave out containers, VNICs and volumes, and filter by name, state and domain."""
        first = make_instance(displayName="a").data
        make_instance(displayName="b")
        [item] = instances.list_container_instances(emulator.compartment_id, display_name="a").data.items
        assert item.id == first.id
        assert not {"containers", "vnics", "volumes"} & set(item.attribute_map)
        elsewhere = first.availability_domain.replace("AD-1", "AD-2")
        find = instances.list_container_instances
        assert find(emulator.compartment_id, availability_domain=elsewhere).data.items == []
        assert len(find(emulator.compartment_id, lifecycle_state="ACTIVE").data.items) == 2
        assert find(emulator.compartment_id, lifecycle_state="FAILED").data.items == []

    def test_work_requests_are_found_by_resource_and_status(self, emulator, instances, make_instance):
        """The list of work requests can be narrowed to one instance."""
        first, _ = make_instance(), make_instance(displayName="b")
        found = instances.list_work_requests(emulator.compartment_id, resource_id=first.data.id).data.items
        assert [item.id for item in found] == [first.headers["opc-work-request-id"]]
        assert len(instances.list_work_requests(emulator.compartment_id, status="SUCCEEDED").data.items) == 2

    def test_the_sdk_s_composite_operations_work(self, instances, instance_details):
        """The SDK's composite operations wait for the work request, and wait_until for the resource."""
        composite = oci.container_instances.ContainerInstanceClientCompositeOperations(instances)
        done = composite.create_container_instance_and_wait_for_state(instance_details(), ["SUCCEEDED"])
        created = done.data.resources[0].identifier
        response = instances.get_container_instance(created)
        assert oci.wait_until(instances, response, "lifecycle_state", "ACTIVE").data.id == created
        composite.delete_container_instance_and_wait_for_state(created, ["SUCCEEDED"])
        assert instances.get_container_instance(created).data.lifecycle_state == "DELETED"

    def test_bodies_may_be_models(self, instances, instance_details):
        """The SDK's model classes are accepted as well as plain JSON."""
        models = oci.container_instances.models
        plain = instance_details()
        details = models.CreateContainerInstanceDetails(
            compartment_id=plain["compartmentId"],
            availability_domain=plain["availabilityDomain"],
            shape="CI.Standard.A1.Flex",
            shape_config=models.CreateContainerInstanceShapeConfigDetails(ocpus=1, memory_in_gbs=6),
            containers=[
                models.CreateContainerDetails(
                    image_url="web:1.4",
                    resource_config=models.CreateContainerResourceConfigDetails(vcpus_limit=1),
                    health_checks=[models.CreateContainerHttpHealthCheckDetails(path="/", port=80)],
                    security_context=models.CreateLinuxSecurityContextDetails(run_as_user=1000),
                )
            ],
            vnics=[models.CreateContainerVnicDetails(subnet_id=plain["vnics"][0]["subnetId"])],
            volumes=[models.CreateContainerEmptyDirVolumeDetails(name="tmp")],
        )
        assert instances.create_container_instance(details).status == 200

    def test_shapes_are_listed(self, emulator, instances, domain):
        """Each listed shape has its ranges of OCPUs and memory."""
        shapes = instances.list_container_instance_shapes(emulator.compartment_id, availability_domain=domain)
        found = {shape.name: shape for shape in shapes.data.items}
        assert found["CI.Standard.A1.Flex"].ocpu_options.max == 76
        assert found["CI.Standard.E4.Flex"].memory_options.max_per_ocpu_in_gbs == 64

    def test_containers_are_found_by_what_they_do(self, emulator, instances, make_instance):
        """The list of containers filters by instance and by the state of the process."""
        emulator.script("ends", ContainerScript(exits_after_seconds=0))
        containers = [container(displayName="ends"), container(displayName="runs")]
        made = make_instance(containers=containers, containerRestartPolicy="NEVER").data
        make_instance(displayName="other")

        def names(**query):
            found = instances.list_containers(emulator.compartment_id, container_instance_id=made.id, **query)
            return sorted(item.display_name for item in found.data.items)

        assert names() == ["ends", "runs"]
        assert names(lifecycle_state="ACTIVE") == ["runs"]
        assert names(lifecycle_state="INACTIVE") == ["ends"]

    def test_a_container_of_a_busy_instance_refuses_changes(self, emulator, instances, make_instance, refusal):
        """update_container gets 409 while the instance is CREATING, and the container's health is UNKNOWN."""
        emulator.inject(Fault.stuck("create_container_instance"))
        container_id = make_instance(containers=[check()]).data.containers[0].container_id
        assert refusal(instances.update_container, container_id, {"displayName": "x"}).code == "IncorrectState"
        seen = instances.get_container(container_id).data
        assert (seen.lifecycle_state, seen.health_checks[0].status) == ("CREATING", "UNKNOWN")

    def test_a_container_can_be_renamed(self, instances, make_instance):
        """update_container changes name and tags of the container and the name in the instance."""
        made = make_instance().data
        container_id = made.containers[0].container_id
        assert instances.update_container(container_id, {"displayName": "new"}).status == 202
        assert instances.get_container(container_id).data.display_name == "new"
        assert instances.get_container_instance(made.id).data.containers[0].display_name == "new"


CONFIG = {"name": "v", "volumeType": "CONFIGFILE"}
REFUSED = {
    "no container": {"containers": []},
    "61 containers": {"containers": [container()] * 61},
    "no VNIC": {"vnics": []},
    "unknown shape": {"shape": "CI.Moon"},
    "too many OCPUs": {"shapeConfig": {"ocpus": 65}},
    "too few OCPUs": {"shapeConfig": {"ocpus": 0.5}},
    "too little memory": {"shapeConfig": {"ocpus": 4, "memoryInGBs": 2}},
    "too much memory": {"shapeConfig": {"ocpus": 1, "memoryInGBs": 65}},
    "more memory than the shape has": {"shapeConfig": {"ocpus": 20, "memoryInGBs": 1100}},
    "unknown domain": {"availabilityDomain": "AD-1"},
    "unknown fault domain": {"faultDomain": "FAULT-DOMAIN-9"},
    "unknown restart policy": {"containerRestartPolicy": "SOMETIMES"},
    "33 volumes": {"volumes": [{"name": f"v{n}", "volumeType": "EMPTYDIR"} for n in range(33)]},
    "two volumes of one name": {"volumes": [{"name": "v", "volumeType": "EMPTYDIR"}] * 2},
    "volume without type": {"volumes": [{"name": "v"}]},
    "volume of an unknown type": {"volumes": [{"name": "v", "volumeType": "TAPE"}]},
    "config data that is not base64": {"volumes": [{**CONFIG, "configs": [{"fileName": "a", "data": "ä"}]}]},
    "config file with a path": {"volumes": [{**CONFIG, "configs": [{"fileName": "a/b", "data": DATA}]}]},
    "mount of an unknown volume": {
        "containers": [container(volumeMounts=[{"mountPath": "/a", "volumeName": "nope"}])]
    },
    "relative mount": {
        "volumes": [{"name": "v", "volumeType": "EMPTYDIR"}],
        "containers": [container(volumeMounts=[{"mountPath": "a", "volumeName": "v"}])],
    },
    "too long arguments": {"containers": [container(arguments=[BIG, "y"])]},
    "too large environment": {"containers": [container(environmentVariables={"A": BIG})]},
    "environment as a list": {"containers": [container(environmentVariables=[{"name": "A", "value": "b"}])]},
    "image instead of imageUrl": {"containers": [{"image": "web"}]},
    "empty image": {"containers": [container(imageUrl=" ")]},
    "health check COMMAND": {"containers": [check(healthCheckType="COMMAND", command=["true"])]},
    "health check without type": {"containers": [container(healthChecks=[{"port": 80}])]},
    "health check port": {"containers": [check(port=70000)]},
    "health check interval": {"containers": [check(intervalInSeconds=0)]},
    "HTTP check without path": {"containers": [check(healthCheckType="HTTP")]},
    "more CPU than the instance": {"containers": [container(resourceConfig={"vcpusLimit": 2.5})]},
    "more memory than the instance": {"containers": [container(resourceConfig={"memoryLimitInGBs": 4.5})]},
    "no memory at all": {"containers": [container(resourceConfig={"memoryLimitInGBs": 0})]},
    "group without user": {
        "containers": [container(securityContext={"securityContextType": "LINUX", "runAsGroup": 1})]
    },
    "pull secret that is not base64": {
        "imagePullSecrets": [
            {"secretType": "BASIC", "registryEndpoint": "r", "username": "not base64", "password": DATA}
        ]
    },
    "grace period": {"gracefulShutdownTimeoutInSeconds": 301},
    "unknown subnet": {"vnics": [{"subnetId": "ocid1.subnet.oc1..none"}]},
    "compute's field name": {"vnics": [{"subnetId": "x", "assignPublicIp": True}]},
    "empty name": {"displayName": ""},
}


@pytest.mark.parametrize("wrong", REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_is_refused_and_leaves_nothing(emulator, make_instance, refusal, wrong):
    """An invalid create gets 400 at once, and no resource exists afterwards."""
    before = emulator.live()
    error = refusal(make_instance, **wrong)
    assert error.status == 400
    assert error.code in {
        "InvalidParameter",
        "MissingParameter",
        "CannotParseRequest",
        "RelatedResourceNotAuthorizedOrNotFound",
    }
    assert emulator.live() == before


def test_a_bad_ratio_has_oci_s_text(make_instance, refusal):
    """The refusal of a ratio of memory to OCPUs begins with OCI's text."""
    error = refusal(make_instance, shapeConfig={"ocpus": 1, "memoryInGBs": 100})
    assert error.message.startswith("Invalid ratio of memory in GB to OCPUs")


def test_the_largest_instance_is_accepted(make_instance):
    """An instance with 60 containers, 32 volumes and 64 KB of arguments is accepted."""
    volumes = [{"name": f"v{n}", "volumeType": "EMPTYDIR"} for n in range(32)]
    mounts = [{"mountPath": f"/{n}", "volumeName": f"v{n}"} for n in range(32)]
    containers = [container(arguments=[BIG], environmentVariables={}, volumeMounts=mounts)]
    made = make_instance(containers=containers + [container()] * 59, volumes=volumes).data
    assert (made.container_count, made.volume_count) == (60, 32)


def test_empty_capabilities_are_dropped(instances, make_instance):
    """A container's capabilities hold what is named and no empty string."""
    capabilities = {"addCapabilities": [""], "dropCapabilities": ["ALL", ""]}
    context = {"securityContextType": "LINUX", "capabilities": capabilities}
    made = make_instance(containers=[container(securityContext=context)]).data
    shown = instances.get_container(made.containers[0].container_id).data.security_context.capabilities
    assert (shown.add_capabilities, shown.drop_capabilities) == ([], ["ALL"])
