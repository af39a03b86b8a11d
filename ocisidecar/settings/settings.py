"""A settings file as a value: the deployment that it describes, and the connection to its tenancy."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from attrs import field, frozen

from ocisidecar.errors import SettingProblem, SettingsError, SpecProblem
from ocisidecar.settings.deployment import (
    Remark,
    cautions,
    contradictions,
    deployment_spec,
    for_emulator,
    image_prefix,
    own_images,
)
from ocisidecar.settings.loading import Loaded, load
from ocisidecar.settings.table import Values, variables
from ocisidecar.spec.validate.spec import validate
from ocisidecar.text_files import decoded
from ocisidecar.tracebacks import without_locals_in_errors

if TYPE_CHECKING:
    from ocisidecar.clock import Clock
    from ocisidecar.events import Handler
    from ocisidecar.provisioner import Provisioner
    from ocisidecar.spec import DeploymentSpec

_MAX_BYTES = 8 * 2**20
_UNRESOLVED = (
    "is needed to find {}: push with scripts/build_all.py, which writes the URLs into this file, or give "
    "OCIR_NAMESPACE and OCIR_REGION where they are"
)
_INSTANCE = re.compile(r'^instances\["[^"]*"\]\.')
_ELEMENT = re.compile(r"\[[^\]]+\]")
_INDEX = re.compile(r'(ports)\[(?:\d+|"[^"]*")\]')


@without_locals_in_errors
@frozen
class Settings:
    """The settings in an environment file such as `oci-monitoring.env`; make one with `from_env_file`.

    Frozen; pickles, and a pickle holds the secrets in clear text.  A secret never shows in a repr, a message or a
    warning.

    Attributes:
        path: of the file.
        values: the value of each variable, by its name in lower case.
        warnings: unused, unknown and doubtful settings, each with file and line.
        is_local: whether they were read for an emulator.
    """

    path: Path
    values: Values
    warnings: tuple[SettingProblem, ...]
    is_local: bool
    _loaded: Loaded = field(eq=False, repr=False)

    @classmethod
    def from_env_file(
        cls,
        path: str | os.PathLike[str],
        *,
        local: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> Self:
        """Read a settings file; nothing in it is executed.

        Each variable comes from the process environment, else the file, else its default; region, profile,
        compartment and image prefix also from their `OCISIDECAR_…` and `OCI_CLI_…`.  An empty value is ignored.
        `scripts/oci-monitoring.env.template` lists all variables.

        Args:
            path: of the file, UTF-8, or UTF-16 with a byte order mark.
            local: read them for an emulator: what only a tenancy has (OCIDs, defined tags, vault secrets), what is
                not filled in, and secrets that are not where they should be count as not given.
            environment: by default the process's own.

        Raises:
            SettingsError: the file cannot be read or some of it cannot be understood; holds every problem.
        """
        place = Path(path)
        try:
            with place.open("rb") as file:
                content = file.read(_MAX_BYTES + 1)
            text = decoded(content).replace("\r\n", "\n")
        except OSError as error:
            raise SettingsError([SettingProblem(str(place), "", f"cannot be read: {error}")]) from error
        except UnicodeDecodeError:
            message = "cannot be read: it is neither UTF-8 text nor UTF-16 text with a byte order mark"
            raise SettingsError([SettingProblem(str(place), "", message)]) from None
        if len(content) > _MAX_BYTES:
            message = f"cannot be read: it is larger than {_MAX_BYTES // 2**20} MB"
            raise SettingsError([SettingProblem(str(place), "", message)])
        loaded = load(place, text, environment=os.environ if environment is None else environment)
        values = for_emulator(loaded.values) if local else loaded.values
        doubts = _placed(cautions(values), loaded.places, place.name)
        settings = cls(place, values, (*loaded.warnings, *doubts), local, loaded)
        if loaded.problems:
            problems = [*loaded.problems, *settings._problems(deployment_spec(values))]
            raise SettingsError(problems, warnings=settings.warnings)
        return settings

    @property
    def image_prefix(self) -> str | None:
        """Registry path of our own images; None if the settings do not determine it."""
        return image_prefix(self.values)

    @property
    def connection(self) -> dict[str, Any]:
        """Arguments of `Provisioner.from_config`, to which a caller can add others."""
        return {
            "profile": self.values.oci_cli_profile,
            "region": self.values.oci_region,
            "compartment_id": self.values.oci_compartment_ocid,
            "image_prefix": self.image_prefix,
            "wait_timeout_seconds": self.values.max_wait_time,
        }

    def deployment_spec(self) -> DeploymentSpec:
        """Return the deployment that they describe, ready to be planned.

        Raises:
            SettingsError: something is missing, not filled in, or wrong; holds every problem, each with file, line
                and variable.
        """
        spec = deployment_spec(self.values)
        problems = list(self._problems(spec))
        if problems:
            raise SettingsError(problems)
        return spec

    def require(self, *variables: str) -> None:
        """Check that the given ones of these variables can be used.

        Raises:
            SettingsError: one is not filled in, or names a secret that was not found.
        """
        problems = [problem for problem in self._loaded.unfilled if problem.variable in variables]
        if problems:
            raise SettingsError(problems)

    def provisioner(
        self,
        *,
        containers: str = "simulated",
        images: Mapping[str, str] | None = None,
        on_event: Handler | None = None,
        clock: Clock | None = None,
    ) -> Provisioner:
        """Return a provisioner for the compartment that they name, or with its own emulator if `is_local`.

        Args:
            containers: how that emulator runs containers, as for `Provisioner.local`.
            images: images to run there instead, as for `Provisioner.local`.
            on_event: receives the events of every call.
            clock: the source of time; the system's by default.

        Raises:
            SettingsError: no compartment is named, or the profile belongs to another tenancy.
            ConfigError: the credentials or the region cannot be used.
        """
        from ocisidecar.provisioner import Provisioner

        values = self.values
        if self.is_local:
            return Provisioner.local(
                containers=containers,
                images=images,
                on_event=on_event,
                clock=clock,
                wait_timeout_seconds=values.max_wait_time,
            )
        missing = [one for one in self._not_given() if one.variable == "OCI_COMPARTMENT_OCID"]
        if missing:
            raise SettingsError(missing)
        provisioner = Provisioner.from_config(**self.connection, on_event=on_event, clock=clock)
        self.check_tenancy(provisioner.session.credentials.tenancy_id)
        return provisioner

    def check_tenancy(self, tenancy_id: str) -> None:
        """Check that this is the tenancy that they name, if they name one.

        Raises:
            SettingsError: it is another.
        """
        wanted = self.values.oci_tenancy_ocid
        if wanted not in {None, tenancy_id}:
            message = f"is {wanted}, but the credentials belong to {tenancy_id}: use the right profile or tenancy"
            raise SettingsError(list(_placed([("OCI_TENANCY_OCID", message)], self._loaded.places, self.path.name)))

    def _problems(self, spec: DeploymentSpec) -> Iterator[SettingProblem]:
        places = self._loaded.places
        if not self.is_local:
            yield from self._not_given()
        if not self._loaded.problems:  # a value that cannot be read would look like one that is missing
            yield from _placed(contradictions(self.values), places, self.path.name)
        ours = () if self.is_local or self.image_prefix else own_images(spec)
        if ours:
            missing = "OCIR_REGION" if self.values.ocir_namespace else "OCIR_NAMESPACE"
            yield from _placed([(missing, _UNRESOLVED.format(" and ".join(ours)))], places, self.path.name)
        problems = validate(spec, image_prefix=self.image_prefix, accepts_symbolic_images=True)
        yield from _placed(dict.fromkeys(_remark(problem, places) for problem in problems), places, self.path.name)

    def _not_given(self) -> Iterator[SettingProblem]:
        """Yield what is required or named, and still as in the template, or not there at all."""
        yield from self._loaded.unfilled
        reported = {one.variable for one in self._loaded.unfilled}
        for name, variable in variables().items():
            if variable.is_required and name not in reported and getattr(self.values, variable.field) is None:
                place = self._loaded.places.get(name, self.path.name)
                yield SettingProblem(place, name, f"is required but not set: {variable.description}")


def _placed(remarks: Iterable[Remark], places: Mapping[str, str], file: str) -> Iterator[SettingProblem]:
    """Yield remarks with the place of their variable, or the file where the variable is not given."""
    yield from (SettingProblem(places.get(name, file), name, message) for name, message in remarks)


def _remark(problem: SpecProblem, places: Mapping[str, str]) -> Remark:
    """Return the variable that a part of the spec comes from, those that are given first, and the problem."""
    path = _INDEX.sub(r"\1[]", _INSTANCE.sub("", problem.path))
    found = [
        (target, name) for name, one in variables().items() for target in one.targets if path.startswith(target)
    ]
    if not found:
        return "", str(problem)
    target, name = max(found, key=lambda one: (len(one[0]), one[1] in places))
    element = path.removeprefix(target)
    return name, f"{element}: {problem.message}" if _ELEMENT.fullmatch(element) else problem.message
