"""A deployment: the unit that is applied and destroyed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

from attrs import evolve, field, frozen

from ocisidecar.errors import SpecError, SpecProblem
from ocisidecar.spec.access import AccessSpec
from ocisidecar.spec.alarm import AlarmSpec, Destination
from ocisidecar.spec.converters import as_tuple, same, text_map
from ocisidecar.spec.instance import InstanceSpec
from ocisidecar.spec.logs import LoggingSpec
from ocisidecar.spec.named_items import with_item, without_item
from ocisidecar.spec.network import NetworkSpec
from ocisidecar.spec.positions import Origin
from ocisidecar.spec.ready_alarms import RECOMMENDED
from ocisidecar.spec.repr import ShortRepr
from ocisidecar.spec.tags import DEFINED, FREEFORM, as_defined_tags
from ocisidecar.spec.topic import DEFAULT_TOPIC, TopicSpec
from ocisidecar.spec.validate.fields import RESOURCE_NAME, length, matches, validated
from ocisidecar.wire import Ref


def _not_immutable(value: object) -> str | None:
    """Demand False.

    Source: live use by github.com/harrisonoconnorhover/dander, commit f902e3f.
    """
    return (
        'must be False: OCI answers "Setting isImmutable is not currently supported"; refer to images by digest '
        "instead, as ocisidecar.images.pinned does"
        if value
        else None
    )


@frozen(repr=False)
class RepositorySpec(ShortRepr):
    """A repository for images in the tenancy's container registry.

    Attributes:
        name: without registry and namespace, e.g. `acme/web`; unique in the tenancy.
        is_public: whether anyone may pull from it without logging in.
        is_immutable: must be False, because OCI refuses to make repositories immutable.

    Source: oci.artifacts.models.CreateContainerRepositoryDetails.
    """

    name: str = field(
        metadata=validated(
            matches(r"[a-z0-9]+([._/-][a-z0-9]+)*", "lower-case words joined by '/', '-', '_' or '.'"),
            length(1, 235),  # with the kind before it, it is the value of a tag: 256 characters
        )
    )
    is_public: bool = field(default=False, kw_only=True)
    is_immutable: bool = field(default=False, kw_only=True, metadata=validated(_not_immutable))


def _instances(value: Iterable[InstanceSpec]) -> tuple[InstanceSpec, ...]:
    return as_tuple(value, same)


Recommended: TypeAlias = Literal["recommended"]
"""Stands for the alarms that fit the deployment, see `AlarmSpec.recommended`."""


def _alarms(value: Recommended | Iterable[AlarmSpec | Recommended]) -> tuple[AlarmSpec | Recommended, ...]:
    return (RECOMMENDED,) if value == RECOMMENDED else as_tuple(value, same)


def _repositories(value: Iterable[RepositorySpec]) -> tuple[RepositorySpec, ...]:
    return as_tuple(value, same)


@frozen(repr=False)
class DeploymentSpec(ShortRepr):
    """A deployment: everything that is tagged, applied and destroyed together.

    It may hold no instances: then it is a network, access or logging that others share with `.of(name)`.

    Attributes:
        name: unique in the compartment and region.
        instances: by unique name.
        network: None means `NetworkSpec.private()`.
        access: None means `AccessSpec.deployment()`.
        logging: None means `LoggingSpec.deployment()` where a container refers to a log, else none.
        alarms: by unique name; the word `"recommended"`, alone or in the list, stands for those that fit the
            deployment, see `AlarmSpec.recommended`, but for those whose name another one in the list has.
        topic: where alarms without destinations notify; None means a topic `alarms`, if there are such alarms.
        repositories: by unique name; made before anything else.
        freeform_tags, defined_tags: of every resource that can have tags.
        source_file, origin: the file that `load_spec` read it from, and where its parts are in it, for messages;
            two specs that differ only in these are equal.
    """

    name: str = field(metadata=validated(RESOURCE_NAME))
    instances: tuple[InstanceSpec, ...] = field(default=(), converter=_instances)
    network: NetworkSpec | None = field(default=None, kw_only=True)
    access: AccessSpec | None = field(default=None, kw_only=True)
    logging: LoggingSpec | None = field(default=None, kw_only=True)
    alarms: tuple[AlarmSpec | Recommended, ...] = field(default=(), kw_only=True, converter=_alarms)
    topic: TopicSpec | None = field(default=None, kw_only=True)
    repositories: tuple[RepositorySpec, ...] = field(default=(), kw_only=True, converter=_repositories)
    freeform_tags: Mapping[str, str] = field(factory=dict, kw_only=True, converter=text_map, metadata=FREEFORM)
    defined_tags: Mapping[str, Mapping[str, str]] = field(
        factory=dict, kw_only=True, converter=as_defined_tags, metadata=DEFINED
    )
    source_file: str | None = field(default=None, kw_only=True, eq=False, repr=False)
    origin: Origin | None = field(default=None, kw_only=True, eq=False, repr=False)

    def with_instance(self, instance: InstanceSpec) -> DeploymentSpec:
        """Return a copy with the instance added, or replaced by name."""
        return evolve(self, instances=with_item(self.instances, instance))

    def without_instance(self, name: str) -> DeploymentSpec:
        """Return a copy without the instance of this name; without such an instance, an equal copy."""
        return evolve(self, instances=without_item(self.instances, name))

    def with_images(self, images: Mapping[str, str]) -> DeploymentSpec:
        """Return a copy whose containers run `images[x]` where their `image_url` is x; the others stay."""
        return evolve(self, instances=[instance.with_images(images) for instance in self.instances])

    def instance(self, name: str) -> InstanceSpec:
        """Return the instance of this name.

        Raises:
            KeyError: there is no such instance.
        """
        for instance in self.instances:
            if instance.name == name:
                return instance
        raise KeyError(name)

    @property
    def effective_network(self) -> NetworkSpec:
        """The network, default included."""
        return self.network or NetworkSpec.private()

    @property
    def effective_access(self) -> AccessSpec:
        """The access, default included."""
        return self.access or AccessSpec.deployment()

    @property
    def effective_logging(self) -> LoggingSpec:
        """The logging, default included."""
        if self.logging is not None:
            return self.logging
        refers_to_log = any(
            isinstance(value, Ref) and value.key.kind == "log"
            for instance in self.instances
            for container in instance.containers
            for value in container.environment_variables.values()
        )
        return LoggingSpec.deployment() if refers_to_log else LoggingSpec.none()

    @property
    def effective_alarms(self) -> tuple[AlarmSpec, ...]:
        """The alarms, with the recommended ones in place of the word."""
        given = [one for one in self.alarms if isinstance(one, AlarmSpec)]
        if len(given) == len(self.alarms):
            return tuple(given)
        names = {one.name for one in given}
        return (*given, *(one for one in AlarmSpec.recommended(self.instances) if one.name not in names))

    @property
    def topics(self) -> tuple[TopicSpec, ...]:
        """Its own topic, and those that the alarms bring along, each once, in order."""
        found = (
            one
            for alarm in self.effective_alarms
            for one in self.destinations_of(alarm)
            if isinstance(one, TopicSpec)
        )
        return tuple(dict.fromkeys([*([self.topic] if self.topic else ()), *found]))

    def destinations_of(self, alarm: AlarmSpec) -> tuple[Destination, ...]:
        """Return the destinations of an alarm, or the deployment's own topic where it names none."""
        return alarm.destinations or (self.topic or DEFAULT_TOPIC,)


def as_deployment(what: object) -> DeploymentSpec:
    """Return the deployment that `what` means: an instance alone is a deployment of its name.

    Raises:
        SpecError: it is neither.
    """
    if isinstance(what, DeploymentSpec):
        return what
    if isinstance(what, InstanceSpec):
        return DeploymentSpec(what.name, (what,))
    must = "must be an InstanceSpec or a DeploymentSpec"
    raise SpecError([SpecProblem("spec", f"{must}, got {type(what).__name__}; load_spec(path) reads a file")])
