"""Validation of a spec: all problems at once, before any call.

First the types of all values; then the validators of each field, contradictions within a part, and each instance
alone; then how the parts of the deployment fit together.  A part with a value of the wrong type is left out of the
later steps.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from attrs import Attribute, evolve, has

from ocisidecar.errors import SpecError, SpecProblem
from ocisidecar.spec.deployment import DeploymentSpec
from ocisidecar.spec.instance import InstanceSpec
from ocisidecar.spec.positions import Origin
from ocisidecar.spec.secret_texts import masked
from ocisidecar.spec.validate.audience import Audience
from ocisidecar.spec.validate.capacity import capacity_problems
from ocisidecar.spec.validate.deployment import deployment_problems, membership_problems
from ocisidecar.spec.validate.fields import (
    ELEMENT_VALIDATORS,
    FIELD_VALIDATORS,
    NAME_VALIDATORS,
    Problem,
    Validator,
)
from ocisidecar.spec.validate.fields import (
    image_prefix as valid_image_prefix,
)
from ocisidecar.spec.validate.instance import image_problems, instance_problems
from ocisidecar.spec.validate.paths import below
from ocisidecar.spec.validate.place import Place, place_problems
from ocisidecar.spec.validate.prometheus import prometheus_problems
from ocisidecar.spec.validate.readers import reader_problems
from ocisidecar.spec.validate.scrape import scrape_problems
from ocisidecar.spec.validate.secrets import secret_problems
from ocisidecar.spec.validate.types import REPORTED, elements_of, parts_of, type_problems


def validate(
    spec: DeploymentSpec,
    *,
    image_prefix: str | None = None,
    accepts_symbolic_images: bool = False,
    place: Place | None = None,
) -> tuple[SpecProblem, ...]:
    """Return every problem of the spec.  Pure.

    Args:
        spec: to be validated.
        image_prefix: registry and path below which our own images are.
        accepts_symbolic_images: whether our own images may go without it, as in the emulator.
        place: where it is deployed, if that is known.
    """
    problems = list(_problems(spec, need_prefix=image_prefix is None and not accepts_symbolic_images))
    if place is not None:
        problems += place_problems(spec, place)
    if image_prefix is not None:
        problems += _failed((valid_image_prefix,), image_prefix, "image_prefix")
    found = [SpecProblem(path, masked(message)) for path, message in dict.fromkeys(problems) if message != REPORTED]
    return tuple(_placed(spec, problem) for problem in found)


def check(
    *specs: DeploymentSpec,
    image_prefix: str | None = None,
    accepts_symbolic_images: bool = False,
    place: Place | None = None,
) -> None:
    """Raise when a spec has any problem.

    The other arguments are those of `validate`.

    Raises:
        SpecError: holds every problem of all of them.
    """
    raise_problems(
        specs,
        lambda spec: validate(
            spec,
            image_prefix=image_prefix,
            accepts_symbolic_images=accepts_symbolic_images,
            place=place,
        ),
    )


def raise_problems(
    specs: Sequence[DeploymentSpec], problems_of: Callable[[DeploymentSpec], Iterable[SpecProblem]]
) -> None:
    """Raise when a spec has any problem; of several specs, the paths begin with the deployment's name.

    Raises:
        SpecError: holds every problem of all of them.
    """
    found = [(spec, _placed(spec, problem)) for spec in specs for problem in problems_of(spec)]
    if found:
        is_one = len(specs) == 1
        raise SpecError(
            [problem if is_one else _of_several(spec, problem) for spec, problem in found],
            source=specs[0].source_file if is_one else None,
        )


def _placed(spec: DeploymentSpec, problem: SpecProblem) -> SpecProblem:
    """Return the problem with its place in the file; a wrong value for `origin` itself has none."""
    return spec.origin.placed(problem) if isinstance(spec.origin, Origin) and not problem.place else problem


def _of_several(spec: DeploymentSpec, problem: SpecProblem) -> SpecProblem:
    place = f"{spec.source_file}, {problem.place}" if problem.place else ""
    return evolve(problem, path=f"{spec.name}: {problem.path}", place=place)


def _problems(spec: DeploymentSpec, *, need_prefix: bool) -> Iterator[Problem]:
    audience = Audience.PYTHON if spec.source_file is None else Audience.FILE
    mistyped = tuple(type_problems(spec, audience))
    wrong = {path for path, _ in mistyped}
    yield from mistyped
    yield from _part_problems(spec, "", wrong)
    yield from secret_problems(spec, audience)
    for instance, path in elements_of(spec.instances, "instances"):
        if isinstance(instance, InstanceSpec) and not _holds(wrong, path):
            yield from below(path, instance_problems(instance, audience))
            yield from below(path, capacity_problems(instance))
            yield from below(path, prometheus_problems(instance))
            yield from below(path, scrape_problems(instance))
            yield from below(path, reader_problems(instance, audience))
            yield from below(path, image_problems(instance, audience) if need_prefix else ())
            yield from below(path, () if wrong else membership_problems(instance, spec, audience))
    if not wrong:
        yield from deployment_problems(spec, audience)


def _part_problems(part: object, path: str, wrong: Collection[str]) -> Iterator[Problem]:
    """Yield problems of the fields' validators, and contradictions, in a part and all parts below it."""
    for attribute, value, field_path in parts_of(part, path):
        if field_path in wrong:
            continue
        yield from _field_problems(attribute, value, field_path, wrong)
        yield from _part_problems(value, field_path, wrong)
        for element, element_path in elements_of(value, field_path):
            if element_path not in wrong:
                yield from _part_problems(element, element_path, wrong)
    if hasattr(part, "contradictions") and not _holds(wrong, path):
        yield from below(path, part.contradictions())


def _field_problems(
    attribute: Attribute[Any], value: object, path: str, wrong: Collection[str]
) -> Iterator[Problem]:
    if value is None:
        return
    metadata = attribute.metadata
    yield from _failed(metadata.get(FIELD_VALIDATORS, ()), value, path)
    for element, element_path in elements_of(value, path):
        if element_path not in wrong and not has(type(element)):
            yield from _failed(metadata.get(ELEMENT_VALIDATORS, ()), element, element_path)
    if isinstance(value, Mapping):
        for name in value:
            yield from _failed(metadata.get(NAME_VALIDATORS, ()), name, f'{path}["{name}"]')


def _failed(validators: Iterable[Validator], value: object, path: str) -> Iterator[Problem]:
    found = (validator(value) for validator in validators)
    yield from ((path, message) for message in found if message is not None)


def _holds(wrong: Iterable[str], path: str) -> bool:
    """Return whether there is a problem at or below `path`."""
    return any(one == path or one.startswith((f"{path}.", f"{path}[")) for one in wrong)
