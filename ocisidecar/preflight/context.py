"""What the checks before an apply have in common: their input, and constructors for their results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from attrs import field, frozen

from ocisidecar.client.session import Caller
from ocisidecar.errors import ServiceCallError
from ocisidecar.observe.snapshot import RegionInfo
from ocisidecar.resources.kind import Site
from ocisidecar.spec import DeploymentSpec
from ocisidecar.spec.validate.place import Place
from ocisidecar.state.desired import Desired
from ocisidecar.verify.report import Check, Status
from ocisidecar.wire import Key


@frozen(kw_only=True)
class Context:
    """The input of the checks.

    Attributes:
        caller: makes the calls.
        site: of the deployment, as far as the facts about the region could be read.
        region: those facts.
        place: of the deployment, as OCIDs show it.
        spec: what is to be deployed; an ordinary deployment where none was given.
        has_spec: whether one was given.
        desired: the resources that the spec asks for.
        on_docker: whether containers run on a Docker engine.
    """

    caller: Caller
    site: Site
    region: RegionInfo
    place: Place
    spec: DeploymentSpec
    has_spec: bool
    desired: Mapping[Key, Desired] = field(repr=False)
    on_docker: bool = False


def passed(name: str, key: str, detail: str) -> Check:
    """Return that all is well, with the evidence."""
    return Check(name=name, key=key, status=Status.PASSED, detail=detail)


def warned(name: str, key: str, detail: str, remedy: str = "") -> Check:
    """Return what may be wrong, and what to do."""
    return Check(name=name, key=key, status=Status.WARNED, detail=detail, remedy=remedy)


def failed(name: str, key: str, detail: str, remedy: str = "") -> Check:
    """Return what is wrong, and what to do."""
    return Check(name=name, key=key, status=Status.FAILED, detail=detail, remedy=remedy)


def unknown(name: str, key: str, reason: str, remedy: str = "") -> Check:
    """Return that nothing is known, why, and what to do to know more."""
    return Check(name=name, key=key, status=Status.SKIPPED, reason=reason, remedy=remedy)


def each(name: str, checks: Iterable[tuple[str, Callable[[], Check]]]) -> Iterator[Check]:
    """Make checks of one name, given by key, one after the other: an error of the service ends only its own."""
    for key, check in checks:
        try:
            yield check()
        except ServiceCallError as error:
            yield failed(name, key, str(error))
