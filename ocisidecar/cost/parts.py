"""Which parts of the price list a resource needs, and how much of each.  Pure.

Sources: Oracle, "Container Instances pricing": a container instance costs what Compute costs, and 15 GB of
ephemeral storage are included.  Oracle documentation, "Stopping and Starting a Container Instance": a stopped one
costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Final

from attrs import frozen

from ocisidecar.cost.prices import HOURS_PER_MONTH, LARGEST
from ocisidecar.spec.scrape import BUDGET_VARIABLES
from ocisidecar.wire import Body, Key

CONTAINER_INSTANCE: Final = "container-instance"
A1: Final = "CI.Standard.A1.Flex"
SHAPE_PARTS: Final[Mapping[str, tuple[str, str]]] = {
    "CI.Standard.E3.Flex": ("B92306", "B92307"),
    "CI.Standard.E4.Flex": ("B93113", "B93114"),
    "CI.Standard.E5.Flex": ("B97384", "B97385"),
    A1: ("B93297", "B93298"),
}
"""Shape → the parts of its OCPUs and its memory: those of the Compute shape of the same name."""

FREE_KINDS: Final = frozenset(
    {
        "alarm",
        "dynamic-group",
        "internet-gateway",
        "log-group",
        "management-agent-install-key",
        "nat-gateway",
        "network-security-group",
        "policy",
        "route-table",
        "security-list",
        "service-gateway",
        "subnet",
        "topic",
        "vcn",
    }
)
"""Kinds for which the price list has no part, so that they count as free."""

BY_USE_KINDS: Final = frozenset({"container-repository", "log", "management-agent", "subscription"})
"""Kinds that cost what is written, stored or sent with them."""

_DATAPOINTS: Final = "B90925"
LOG_LINES: Final = "B92593"
_TRAFFIC: Final[Mapping[str, str]] = {
    **dict.fromkeys(("us", "ca", "eu", "uk"), "B88327"),
    **dict.fromkeys(("ap", "sa"), "B93455"),
    **dict.fromkeys(("me", "af"), "B93456"),
}
"""First word of a region's name → the part of traffic to the internet."""
_NOTIFICATIONS: Final[Mapping[str, str]] = {"EMAIL": "B90941", "CUSTOM_HTTPS": "B90940"}
_SECONDS_PER_HOUR: Final = 3600


@frozen(kw_only=True)
class Resource:
    """A resource of a plan.

    Attributes:
        key: its key.
        before: what runs under the key now; several where one takes the place of another.
        wanted: the body that the spec asks for; None where it is deleted, stopped or not described by a spec.
        stays: what is live and stays; None for a new one.
        elsewhere: its body on other shapes that are tried where its own has no capacity.
    """

    key: Key
    before: tuple[Mapping[str, Body], ...] = ()
    wanted: Mapping[str, Body] | None = None
    stays: Mapping[str, Body] | None = None
    elsewhere: tuple[Mapping[str, Body], ...] = ()

    @property
    def after(self) -> Mapping[str, Body] | None:
        """Its body after the change; what stays has the size that it has, whatever place in the spec it got."""
        if self.wanted is None or self.stays is None:
            return self.wanted if self.stays is None else self.stays
        live = {name: self.stays[name] for name in ("shape", "shapeConfig") if name in self.stays}
        return {**self.wanted, **live}

    @property
    def size(self) -> Size | None:
        """Its size after the change, if it is a container instance; None where it does not exist then."""
        return None if self.after is None else Size.of(self.after)

    @property
    def sizes_before(self) -> tuple[Size, ...]:
        """The sizes of what runs now."""
        return tuple(map(Size.of, self.before))


@frozen(kw_only=True)
class Size:
    """A container instance's shape and size, as its body shows it; None is what it does not show."""

    shape: str
    ocpus: Decimal | None
    memory_in_gbs: Decimal | None

    @classmethod
    def of(cls, body: Mapping[str, Body]) -> Size:
        """Return the size in a request or an answer."""
        config = body.get("shapeConfig")
        given = config if isinstance(config, Mapping) else {}
        return cls(
            shape=str(body.get("shape") or ""),
            ocpus=_decimal(given.get("ocpus")),
            memory_in_gbs=_decimal(given.get("memoryInGBs")),
        )

    @property
    def per_hour(self) -> dict[str, Decimal] | None:
        """Part → quantity in an hour; None where shape or size is not known."""
        if self.shape not in SHAPE_PARTS or self.ocpus is None or self.memory_in_gbs is None:
            return None
        return dict(zip(SHAPE_PARTS[self.shape], (self.ocpus, self.memory_in_gbs), strict=True))

    @property
    def unknown(self) -> str:
        """Why it has no price; empty where the parts are known."""
        if self.shape not in SHAPE_PARTS:
            known = ", ".join(SHAPE_PARTS)
            return f"the price of the shape {self.shape or '–'} is not known (known: {known})"
        missing = [word for word, one in (("OCPUs", self.ocpus), ("memory", self.memory_in_gbs)) if one is None]
        return f"the service does not show its {' and '.join(missing)}" if missing else ""

    def __str__(self) -> str:
        amounts = ((self.ocpus, "OCPU"), (self.memory_in_gbs, "GB"))
        return ", ".join([self.shape or "–", *(f"{plain(one)} {unit}" for one, unit in amounts if one is not None)])


@frozen(kw_only=True)
class Use:
    """What a resource uses of a part; `quantity` is the most in a month, None where nothing limits it.

    An empty `part` is one whose number is not known; `what` then says what it would be for.
    """

    key: Key
    part: str
    what: str = ""
    quantity: Decimal | None = None
    basis: str = ""


def uses_of(resources: Iterable[Resource], region: str) -> Iterator[Use]:
    """Yield what the resources will use that depends on how much is written, sent or received."""
    for resource in resources:
        body = resource.after
        if body is None:
            continue
        if resource.key.kind == CONTAINER_INSTANCE:
            yield from _of_instance(resource.key, body, region)
        elif resource.key.kind == "management-agent":
            yield Use(key=resource.key, part=_DATAPOINTS, basis="what an agent posts has no limit")
        elif resource.key.kind == "log":
            yield _of_log(resource.key, body)
        elif resource.key.kind == "subscription":
            protocol = str(body.get("protocol") or "")
            part = _NOTIFICATIONS.get(protocol, "")
            yield Use(
                key=resource.key,
                part=part,
                what=f"notifications by {protocol}",
                basis="a message for each change of an alarm",
            )
        elif resource.key.kind == "container-repository":
            yield Use(key=resource.key, part="", what="stored images")


def retention_of(body: Mapping[str, Body]) -> Decimal | None:
    """Return for how many days a log keeps its lines."""
    return _decimal(body.get("retentionDuration"))


def containers_of(body: Mapping[str, Body]) -> list[Mapping[str, Body]]:
    """Return the containers in a request."""
    return _objects(body.get("containers"))


def has_public_address(body: Mapping[str, Body]) -> bool:
    """Return whether a request asks for a public address."""
    return any(vnic.get("isPublicIpAssigned") is True for vnic in _objects(body.get("vnics")))


def memory_limit_of(container: Mapping[str, Body]) -> Decimal:
    """Return the GB that a container may use at most; 0 where it has no limit."""
    limits = container.get("resourceConfig")
    return (_decimal(limits.get("memoryLimitInGBs")) if isinstance(limits, Mapping) else None) or Decimal(0)


def _of_instance(key: Key, body: Mapping[str, Body], region: str) -> Iterator[Use]:
    part = _TRAFFIC.get(region.partition("-")[0], "")
    basis = "" if part else f"its part in {region} is not known"
    yield Use(key=key, part=part, what="traffic to the internet", basis=basis)
    for container in containers_of(body):
        variables = container.get("environmentVariables")
        given = variables if isinstance(variables, Mapping) else {}
        streams, seconds = (_decimal(given.get(name)) for name in BUDGET_VARIABLES)
        if streams is not None and seconds is not None and seconds >= 1:
            yield Use(
                key=key,
                part=_DATAPOINTS,
                quantity=streams * _SECONDS_PER_HOUR * HOURS_PER_MONTH / seconds / 1_000_000,
                basis=f"at most {plain(streams)} streams every {plain(seconds)} s",
            )


def _of_log(key: Key, body: Mapping[str, Body]) -> Use:
    days = retention_of(body)
    kept = (
        "" if days is None else f"kept for {plain(days)} days: each GB written counts {plain(days / 30)} GB-months"
    )
    return Use(key=key, part=LOG_LINES, basis=kept)


def plain(number: Decimal) -> str:
    """Return a number without needless zeros."""
    return f"{number.normalize():f}"


def _objects(value: Body) -> list[Mapping[str, Body]]:
    listed = value if isinstance(value, Sequence) and not isinstance(value, str) else ()
    return [one for one in listed if isinstance(one, Mapping)]


def _decimal(value: Body) -> Decimal | None:
    """Return a number of a body, floats as they are written; None for what no size or budget is."""
    try:
        number = None if value is None or isinstance(value, bool) else Decimal(str(value))
    except (InvalidOperation, ValueError):
        return None
    return number if number is not None and number.is_finite() and 0 <= number < LARGEST else None
