"""Validation of what OCI shows in clear text: no value may look like a secret, by its name or by its shape."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from ocisidecar.spec.secret_texts import is_secret, secret_arguments, secret_in
from ocisidecar.spec.validate.audience import Audience
from ocisidecar.spec.validate.fields import Problem
from ocisidecar.spec.validate.types import elements_of, parts_of

_LOOKS_LIKE: Final = "looks like a secret, and {} in clear text: {}"
_BY_SHAPE: Final = "looks like a secret ({}), and {} in clear text: {}"
_MOUNT: Final = "mount it as a file with {}"
_AS_FILE: Final = 'VolumeSpec.config_file("secrets", {"value": SecretRef("ocid1.vaultsecret…")})'
_AS_FILE_IN_FILES: Final = "the volume {config_file: {name: secrets, files: {value: {secret: ocid1.vaultsecret…}}}}"
_PLAIN: Final = ', or write Plain("…")'
_PLAIN_IN_FILES: Final = ", or write {plain: …}"
_IF_PUBLIC: Final = " if everyone who sees the container may read it"
_READ_IT: Final = "; the program must read it from there, and a preset has an argument for it"
_IN_VAULT: Final = 'put the URL into a vault secret and give SecretRef("ocid1.vaultsecret…")'
_IN_VAULT_IN_FILES: Final = "put the URL into a vault secret and give {secret: ocid1.vaultsecret…}"
_UNSEEN: Final = frozenset({"files", "problems", "warnings", "source_file"})
"""Fields that OCI does not return, or that others check."""


def secret_problems(part: object, audience: Audience, path: str = "") -> Iterator[Problem]:
    """Yield a problem for every value in `part`, and in the parts below it, that looks like a secret."""
    for attribute, value, field_path in parts_of(part, path):
        if attribute.repr is False:
            continue
        if attribute.name not in _UNSEEN:
            yield from _RULES.get(attribute.name, _text)(value, field_path, audience)
        yield from secret_problems(value, audience, field_path)
        for element, element_path in elements_of(value, field_path):
            yield from secret_problems(element, audience, element_path)


def _environment(value: object, path: str, audience: Audience) -> Iterator[Problem]:
    if isinstance(value, Mapping):
        plain = audience.words(python=_PLAIN, file=_PLAIN_IN_FILES) + _IF_PUBLIC
        yield from _pairs(value, path, "OCI shows environment variables", _mount(audience) + plain)


def _arguments(value: object, path: str, audience: Audience) -> Iterator[Problem]:
    if isinstance(value, Sequence) and all(isinstance(one, str) for one in value):
        for index, what in secret_arguments(value):
            yield (
                f"{path}[{index}]",
                _BY_SHAPE.format(what, "OCI shows commands and arguments", _mount(audience) + _READ_IT),
            )


def _headers(value: object, path: str, _: Audience) -> Iterator[Problem]:
    if isinstance(value, Mapping):
        yield from _pairs(value, path, "OCI shows health checks", "let the app answer a check without it")


def _client_headers(value: object, path: str, audience: Audience) -> Iterator[Problem]:
    if isinstance(value, Mapping):
        remedy = audience.words(
            python='give SecretRef("ocid1.vaultsecret…")', file="give {secret: ocid1.vaultsecret…}"
        )
        yield from _pairs(value, path, "Prometheus shows its configuration", remedy)


def _parameters(value: object, path: str, _: Audience) -> Iterator[Problem]:
    if isinstance(value, Mapping):
        yield from _pairs(value, path, "Prometheus shows its targets", "leave it out")


def _tags(value: object, path: str, audience: Audience) -> Iterator[Problem]:
    if not isinstance(value, Mapping):
        return
    for name, inner in value.items():
        yield from _tags(inner, f'{path}["{name}"]', audience)
    named = {name: one for name, one in value.items() if str(name).lower() != "key" and isinstance(one, str)}
    yield from _pairs(named, path, "OCI shows tags", "leave it out")


def _subscriptions(value: object, path: str, audience: Audience) -> Iterator[Problem]:
    remedy = audience.words(python=_IN_VAULT, file=_IN_VAULT_IN_FILES)
    for subscriber, subscriber_path in elements_of(value, path):
        what = secret_in(subscriber) if isinstance(subscriber, str) else None
        if what:
            yield subscriber_path, _BY_SHAPE.format(what, "specs are shown", remedy)


def _text(value: object, path: str, _: Audience) -> Iterator[Problem]:
    """Yield the problem of a text, or of the texts in a list or mapping, that holds a secret by its shape.

    Of addresses the query is read too.
    """
    texts = [(value, path)] if isinstance(value, str) else list(elements_of(value, path))
    for text, text_path in texts:
        if isinstance(text, str):
            what = secret_in(text) or (_secret_of(text) if "?" in text else None)
            if what:
                yield text_path, _BY_SHAPE.format(what, "OCI shows it", "leave it out")


def _secret_of(text: str) -> str | None:
    return next((what for _, what in secret_arguments([text])), None)


def _pairs(values: Mapping[str, object], path: str, place: str, remedy: str) -> Iterator[Problem]:
    for name, value in values.items():
        if not isinstance(value, str) or not isinstance(name, str):
            continue
        what = _secret_of(value)
        if is_secret(name, value):
            yield f'{path}["{name}"]', _LOOKS_LIKE.format(place, remedy)
        elif what:
            yield f'{path}["{name}"]', _BY_SHAPE.format(what, place, remedy)


def _mount(audience: Audience) -> str:
    return _MOUNT.format(audience.words(python=_AS_FILE, file=_AS_FILE_IN_FILES))


_RULES: Final[Mapping[str, Callable[[object, str, Audience], Iterator[Problem]]]] = {
    "environment_variables": _environment,
    "command": _arguments,
    "arguments": _arguments,
    "headers": _headers,
    "http_headers": _client_headers,
    "parameters": _parameters,
    "labels": _parameters,
    "subscriptions": _subscriptions,
    "freeform_tags": _tags,
    "defined_tags": _tags,
    "vnic_freeform_tags": _tags,
    "vnic_defined_tags": _tags,
}
"""What is searched in a field beside the shapes that are refused everywhere."""
