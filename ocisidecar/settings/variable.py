"""A variable of a settings file, as metadata of the field that holds its value."""

from __future__ import annotations

from typing import Any, Final

from attrs import field, frozen

from ocisidecar.settings.value_types import PAIRS, ValueType

VARIABLE: Final = "ocisidecar.variable"
"""Key of the metadata; `settings.table.variables` turns them into `Variable`s."""


@frozen(kw_only=True)
class Variable:
    """The properties of a variable.

    Attributes:
        name: in the file.
        field: of `Values`.
        description: its meaning; shown in the template.
        value_type: how its text is read.
        example: text of the value in the template; None means the default of `Values`.
        targets: paths of the fields of the spec that it sets, below the instance or the deployment.
        connection: its connection setting, whose `OCISIDECAR_…` and `OCI_CLI_…` variables are read too.
        is_of_account: it names something in a tenancy, which an emulator does not have.
        is_required: without it nothing can be deployed to a tenancy.
    """

    name: str
    field: str
    description: str
    value_type: ValueType
    example: str | None = None
    targets: tuple[str, ...] = ()
    connection: str | None = None
    is_of_account: bool = False
    is_required: bool = False


def metadata(description: str, value_type: ValueType, **more: object) -> dict[str, object]:
    """Return the metadata of a variable's field; `more` are the other attributes of `Variable`."""
    return {VARIABLE: {"description": description, "value_type": value_type, **more}}


def variable(description: str, value_type: ValueType, default: object = None, **more: object) -> Any:
    """Return the field of a variable; `more` as for `metadata`."""
    return field(default=default, repr=value_type is not PAIRS, metadata=metadata(description, value_type, **more))
