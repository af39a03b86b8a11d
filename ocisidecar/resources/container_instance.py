"""Container instances, for which all other kinds exist.

Only names, tags and the VNIC's attributes can be changed in place; whatever else differs is a replacement.  No
list shows the VNIC's attributes, so they are compared by hash.

Source: oci.container_instances.models (API 20210415); oci.core.models.UpdateVnicDetails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from itertools import product

from attrs import evolve

from ocisidecar.client.retry import ACTION, READ_NEW, UPDATE
from ocisidecar.client.session import Caller
from ocisidecar.errors import PlanError, ServiceCallError
from ocisidecar.resources.addresses import Holder, find_holder
from ocisidecar.resources.capabilities import (
    HasDetails,
    HasHiddenPlace,
    HasWorkRequests,
    HealthChecked,
    Startable,
    TakesAddresses,
)
from ocisidecar.resources.container_environment import Place
from ocisidecar.resources.container_health import Health, is_running, judge
from ocisidecar.resources.facts import Fact, objects_in
from ocisidecar.resources.instance_request import CONTAINER_SECTIONS, INSTANCE_SECTIONS, Composed, compose
from ocisidecar.resources.kind import Accepted, Site
from ocisidecar.resources.phases import ACTIVE_PHASES
from ocisidecar.resources.update import check_removed, tags_in_doubt
from ocisidecar.spec import DeploymentSpec, InstanceSpec, PlacementSpec
from ocisidecar.spec.scrape import BUDGET_VARIABLES
from ocisidecar.state.desired import INSTALL_KEY, Desired, HealthCriteria, Placement, Rollout
from ocisidecar.state.identity import was_set
from ocisidecar.state.observed import Live, Phase
from ocisidecar.state.tags import PART_WITH_TAGS, TAG_FIELDS, WasSet, merge_tags, of_part
from ocisidecar.wire import Body, Json, Key, Ref, objects, resolve, tags_of, text

_VNICS = PART_WITH_TAGS
_VNIC_UNASKED: Mapping[str, Json] = {
    "nsgIds": [],
    "hostnameLabel": None,
    "skipSourceDestCheck": False,
    **{name: {} for name in TAG_FIELDS},
}
"""Fields of a VNIC that the spec does not set.  Source: oci.core.models.UpdateVnicDetails; null is UNCONFIRMED."""
_SECTIONS_WITH_VALUES = frozenset({"image", "resources"})
"""Sections of containers whose values a plan shows; those of the others are long, and their names suffice."""
_RIGHTS = Key("policy", "main")
"""OCI pulls the images with the rights that the policy gives."""
_PHASES: Mapping[str, Phase] = {**ACTIVE_PHASES, "INACTIVE": Phase.STOPPED}
_STATES_AFTER = {"start": {"ACTIVE", "UPDATING"}, "stop": {"INACTIVE", "UPDATING"}}
"""States in which an instance is or will be as a start or stop leaves it."""
_NETWORK_CLIENT = "core.VirtualNetworkClient"
_EMULATOR_TAG = "ocisidecar-emulator"


class ContainerInstance(HasWorkRequests, Startable, HealthChecked, HasDetails, HasHiddenPlace, TakesAddresses):
    """A container instance.  API: container_instances/20210415, ContainerInstance."""

    name = "container-instance"
    heading = "Instances"
    purpose = "runs the app and its sidecars side by side"
    client = "container_instances.ContainerInstanceClient"
    noun = "container_instance"
    resource_types = ("compute-container-family",)
    used_types = ("virtual-network-family",)
    needs = (
        "subnet",
        "network-security-group",
        "policy",
        "log",
        "container-repository",
        "management-agent-install-key",
    )
    phases = _PHASES
    mutable = frozenset({"displayName"})
    hidden = frozenset({_VNICS})

    def desire(self, spec: DeploymentSpec, site: Site) -> Iterable[Desired]:
        """Yield every replica of every instance."""
        for instance in spec.instances:
            for replica in range(instance.replicas):
                yield self._replica(spec, instance, replica, site)

    def _replica(self, spec: DeploymentSpec, instance: InstanceSpec, replica: int, site: Site) -> Desired:
        placements = placement_order(instance.placement, instance.shape, replica, site.availability_domains)
        shapes = dict.fromkeys((instance.shape, *(placement.shape for placement in placements)))
        composed, *others = (compose_at(site, spec, instance, replica, shape) for shape in shapes)
        has_address = instance.private_ip is not None or instance.hostname_label is not None
        return Desired(
            key=composed.key,
            body={"compartmentId": site.identity.compartment_id, **composed.body},
            mutable=self.mutable | frozenset(TAG_FIELDS),
            hidden=composed.in_place,
            sections=composed.sections,
            former_sections=composed.former_sections,
            relies_on=_shared_rights(spec),
            after=frozenset(
                {
                    _RIGHTS,
                    INSTALL_KEY,
                    *(Key("container-repository", repository.name) for repository in spec.repositories),
                }
            ),
            placements=placements,
            fields_on={str(other.body["shape"]): _differing(other.body, composed.body) for other in others},
            rollout=Rollout(
                instance.name,
                instance.rollout.replace == "overlap" and not has_address,
                instance.rollout.max_unavailable,
                is_rolled_back=instance.rollout.on_failure == "roll_back",
                has_fixed_address=has_address,
            ),
            health=_health_criteria(instance),
        )

    def facts(self, body: Mapping[str, Body]) -> Iterator[Fact]:
        """Yield shape and size, the image of each container, and what those keep that are not restricted."""
        config = body.get("shapeConfig")
        size = config if isinstance(config, Mapping) else {}
        amounts = (_amount(size.get("ocpus"), "OCPU"), _amount(size.get("memoryInGBs"), "GB"))
        yield "shape", ", ".join(filter(None, (str(body.get("shape")), *amounts)))
        for container in objects_in(body, "containers"):
            yield str(container.get("displayName")), str(container.get("imageUrl"))
            yield from _budget(container)
        free = [str(one.get("displayName")) for one in objects_in(body, "containers") if not _has_user(one)]
        if free:
            yield (
                "privileges",
                (
                    f"{', '.join(free)} runs as the image's user, with a writable root file system and all default "
                    "capabilities but NET_RAW"
                ),
            )
            fields = "run_as_user, is_root_file_system_readonly, drop_capabilities"
            yield "narrowed by", f"container_security_context: {fields}"

    def update(self, caller: Caller, site: Site, live: Live, fields: Mapping[str, Json]) -> Accepted:
        """Change the VNIC first, then names and tags, whose hashes say that it is as wanted.

        Before all that the hash is marked as unknown, so that after an interrupted update neither the new spec nor
        the old one is taken for applied.
        """
        if _VNICS in fields:
            now = caller.call(self.client, "get_container_instance", live.id).body
            self.updates_of(caller, site, live).change_as_read(tags_in_doubt(now, {_VNICS}, fields))
            recorded = partial(was_set, tags_of(now.get("freeformTags")))
            self._update_vnic(caller, live, now, _fields(fields[_VNICS]), of_part(recorded, _VNICS))
        plain = {name: value for name, value in fields.items() if name not in self.hidden}
        return super().update(caller, site, live, plain)

    def act(self, caller: Caller, live: Live, action: str) -> str:
        """Request `start`, `stop` or `restart`; return the work request, empty if there was nothing to do.

        OCI answers 405 to a stop of an INACTIVE instance, e.g. to one that is sent again because the answer was
        lost.  Source: live use by github.com/harrisonoconnorhover/dander, commit 9bc3fcc.
        """
        intent = ACTION if action == "restart" else UPDATE
        try:
            return caller.call(self.client, f"{action}_{self.noun}", live.id, intent=intent).work_request_id
        except ServiceCallError as error:
            if error.status != HTTPStatus.METHOD_NOT_ALLOWED or action not in _STATES_AFTER:
                raise
            state = text(caller.call(self.client, "get_container_instance", live.id).body, "lifecycleState")
            if state not in _STATES_AFTER[action]:
                raise
            return ""

    def with_details(self, caller: Caller, site: Site, lives: Sequence[Live]) -> tuple[Live, ...]:
        """Return the instances with the images and limits of their containers, which take one list for all."""
        containers: dict[str, list[Mapping[str, Json]]] = {}
        for entry in caller.pages(self.client, "list_containers", site.identity.compartment_id):
            containers.setdefault(text(entry, "containerInstanceId"), []).append(entry)
        return tuple(evolve(live, known=_known(live, containers.get(live.id, []))) for live in lives)

    def with_place(self, caller: Caller, live: Live) -> Live:
        """Return an instance with its VNICs, which show its subnet and its security groups."""
        found = caller.call(self.client, "get_container_instance", live.id).body
        ids = [text(vnic, "vnicId") for vnic in objects(found.get(_VNICS)) if vnic.get("vnicId")]
        vnics = [caller.call(_NETWORK_CLIENT, "get_vnic", one).body for one in ids]
        return evolve(live, body={**live.body, _VNICS: vnics})

    def health(self, caller: Caller, site: Site, criteria: Mapping[str, HealthCriteria]) -> Mapping[str, Health]:
        """Return how the containers of instances work.

        Takes one list, and a GET for each container that has health checks or does not run: the list shows neither
        results of checks nor exit codes.
        """
        entries = list(caller.pages(self.client, "list_containers", site.identity.compartment_id))
        found: dict[str, list[Mapping[str, Json]]] = {instance_id: [] for instance_id in criteria}
        for entry in entries:
            instance_id = text(entry, "containerInstanceId")
            if instance_id in criteria and text(entry, "lifecycleState") != "DELETED":
                is_shown = text(entry, "displayName") not in criteria[instance_id].checked and is_running(entry)
                found[instance_id].append(entry if is_shown else self._container(caller, text(entry, "id")))
        not_listed = Health(pending=("its containers are not listed yet",))
        return {
            instance_id: judge(containers, criteria[instance_id]) if containers else not_listed
            for instance_id, containers in found.items()
        }

    def address(self, caller: Caller, live: Live) -> str:
        """Return its public address, else its private one; for an emulated pod the real pod's on this machine."""
        # no list shows the VNIC
        instance = caller.call(self.client, "get_container_instance", live.id, intent=READ_NEW).body
        for vnic in objects(instance.get(_VNICS)):
            if vnic.get("vnicId"):
                shown = caller.call(_NETWORK_CLIENT, "get_vnic", text(vnic, "vnicId"), intent=READ_NEW).body
                return emulation(instance).get("address") or text(shown, "publicIp") or text(shown, "privateIp")
        return ""

    def holder(
        self, caller: Caller, want: Desired, lookup: Callable[[Ref], str], lives: Sequence[Live], asking: str
    ) -> Holder | None:
        """Return what holds the address or host name that an instance asks for."""
        found = (find_holder(caller, one, lives, asking) for one in objects(resolve(want.body.get(_VNICS), lookup)))
        return next((one for one in found if one is not None), None)

    def _container(self, caller: Caller, container_id: str) -> Mapping[str, Json]:
        return caller.call(self.client, "get_container", container_id, intent=READ_NEW).body

    def failed_work_requests(self, caller: Caller, site: Site, live: Live) -> list[str]:
        """Return the OCIDs of the instance's work requests that failed."""
        entries = caller.pages(self.client, "list_work_requests", site.identity.compartment_id, resource_id=live.id)
        return [text(entry, "id") for entry in entries if text(entry, "status") == "FAILED"]

    def _update_vnic(
        self, caller: Caller, live: Live, now: Mapping[str, Json], wanted: Mapping[str, Json], recorded: WasSet
    ) -> None:
        vnic_ids = [text(vnic, "vnicId") for vnic in objects(now.get(_VNICS)) if vnic.get("vnicId")]
        if not vnic_ids:
            raise PlanError(f"{live.key} ({live.id}) has no VNIC yet: apply again when it is ready.")
        for vnic_id in vnic_ids:
            vnic = caller.call(_NETWORK_CLIENT, "get_vnic", vnic_id).body
            fields = {
                name: value
                for name, value in {**_VNIC_UNASKED, **wanted}.items()
                if name in TAG_FIELDS or (vnic.get(name) or None) != (value or None)
            }
            fields = merge_tags(vnic, fields, recorded)
            shown = caller.call(_NETWORK_CLIENT, "update_vnic", vnic_id, fields, intent=UPDATE).body
            check_removed(live.key, shown, [name for name, value in fields.items() if value is None])


def compose_at(
    site: Site, spec: DeploymentSpec, instance: InstanceSpec, replica: int, shape: str | None = None
) -> Composed:
    """Return a container instance of a spec at a site, as `compose` does."""
    identity = site.identity
    place = Place(domain=site.domain, region=identity.region, compartment_id=identity.compartment_id)
    return compose(spec, instance, replica=replica, image_prefix=site.image_prefix, shape=shape, place=place)


def _has_user(container: Mapping[str, Body]) -> bool:
    context = container.get("securityContext")
    return isinstance(context, Mapping) and "runAsUser" in context


def _budget(container: Mapping[str, Body]) -> Iterator[Fact]:
    """Yield how much a container sends to OCI Monitoring at most."""
    variables = container.get("environmentVariables")
    if isinstance(variables, Mapping) and all(name in variables for name in BUDGET_VARIABLES):
        streams, seconds = (int(str(variables[name])) for name in BUDGET_VARIABLES)
        yield "sends at most", f"{streams} metric streams, {round(streams * 60 / seconds)} datapoints a minute"


def _amount(value: Body, unit: str) -> str:
    return f"{value:g} {unit}" if isinstance(value, int | float) else ""


def _fields(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {}


def _differing(body: Mapping[str, Body], other: Mapping[str, Body]) -> Mapping[str, Body]:
    """Return the fields of `body` that are not the same in `other`."""
    return {name: value for name, value in body.items() if value != other.get(name)}


def _health_criteria(instance: InstanceSpec) -> HealthCriteria:
    checked = frozenset(container.name for container in instance.containers if container.health_checks)
    optional = frozenset(sidecar.name for sidecar in instance.sidecars if not sidecar.is_essential)
    needed = frozenset(container.name for container in instance.containers) - optional
    policy = instance.container_restart_policy
    return HealthCriteria(
        timeout_seconds=float(instance.rollout.healthy_timeout_in_seconds),
        probe=instance.rollout.probe,
        checked=checked,
        optional=optional,
        restarts_always=policy == "ALWAYS",
        restarts_on_failure=policy != "NEVER",
        is_verified=instance.rollout.probe is not None or needed <= checked,
    )


def _shared_rights(spec: DeploymentSpec) -> frozenset[Ref]:
    access = spec.effective_access
    return frozenset({Ref(_RIGHTS, deployment=access.name)} if access.kind == "of" and access.name else ())


def _known(live: Live, containers: Sequence[Mapping[str, Json]]) -> dict[str, Json]:
    """Return the sections as far as instance and containers show them, in the form that `compose` gives them."""
    known: dict[str, dict[str, Json]] = {}
    for name, section in INSTANCE_SECTIONS.items():
        if live.body.get(name) is not None:
            known.setdefault(section, {})[name] = live.body[name]
    for container in containers:
        for name, section in CONTAINER_SECTIONS.items():
            if section in _SECTIONS_WITH_VALUES and container.get(name) is not None:
                known.setdefault(section, {})[f"{text(container, 'displayName')}.{name}"] = container[name]
    return dict(known)


def placement_order(
    placement: PlacementSpec, shape: str, replica: int, availability_domains: Sequence[str]
) -> tuple[Placement, ...]:
    """Return the placements in the order in which they are tried: all domains per shape, the first shape first.

    With `spread` replicas begin in different availability domains.
    """
    domains = [_full_name(one, availability_domains) for one in placement.availability_domains]
    domains = domains or list(availability_domains)
    if placement.spread and domains:
        shift = replica % len(domains)
        domains = domains[shift:] + domains[:shift]
    shapes = dict.fromkeys((shape, *placement.shapes))
    faults = placement.fault_domains or ("",)
    return tuple(Placement(domain, fault, one) for one, domain, fault in product(shapes, domains, faults))


def _full_name(domain: str, availability_domains: Sequence[str]) -> str:
    """Return the tenancy's full name of `AD-2`; an unknown name stays as it is; plans refuse it."""
    return next((name for name in availability_domains if name == domain or name.endswith(f"-{domain}")), domain)


def emulation(instance: Mapping[str, Json]) -> Mapping[str, str]:
    """Return what our emulator reports about an instance in a system tag; empty in the cloud.

    `containers` is `simulated` or `docker`; `address` is that of a real pod on this machine, while it runs.
    """
    tags = instance.get("systemTags")
    return tags_of(tags.get(_EMULATOR_TAG)) if isinstance(tags, Mapping) else {}
