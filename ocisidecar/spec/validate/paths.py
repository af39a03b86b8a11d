"""Paths of problems, as a user would write them: `instances["web"].sidecars["prometheus"].image_url`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ocisidecar.spec.instance import InstanceSpec
from ocisidecar.spec.sidecar import SidecarSpec
from ocisidecar.spec.validate.fields import Problem


def joined(path: str, rest: str) -> str:
    """Return `rest`, a path below `path`, as a whole path."""
    return path + rest if rest.startswith("[") else f"{path}.{rest}".strip(".")


def below(path: str, problems: Iterable[Problem]) -> Iterator[Problem]:
    """Yield the problems, found below `path`, with whole paths."""
    return ((joined(path, rest), message) for rest, message in problems)


def containers_of(instance: InstanceSpec) -> Iterator[tuple[str, SidecarSpec]]:
    """Yield each container with its path below the instance; the app's fields are the instance's own."""
    yield "", instance.app
    for sidecar in instance.sidecars:
        yield f'sidecars["{sidecar.name}"]', sidecar
