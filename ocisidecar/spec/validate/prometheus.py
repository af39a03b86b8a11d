"""Validation of containers that run Prometheus: their flags, and a configuration that the user wrote."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, Final

from ocisidecar.spec.instance import InstanceSpec
from ocisidecar.spec.scrape import PrometheusConfig
from ocisidecar.spec.sidecar import SidecarSpec
from ocisidecar.spec.third_party_images import PROMETHEUS
from ocisidecar.spec.validate.fields import Problem
from ocisidecar.spec.validate.paths import containers_of, joined
from ocisidecar.spec.validate.prometheus_config import Fault, Steps, Version, config_faults, rule_file_faults
from ocisidecar.spec.web_config import Place, flag_of, place_of
from ocisidecar.text_files import decoded

_CONFIG_FLAG: Final = "--config.file="
_STORAGE_FLAG: Final = "--storage.tsdb."
_REMOVED: Final[Mapping[str, str]] = {
    "--storage.tsdb.retention": "use --storage.tsdb.retention.time",
    "--storage.tsdb.allow-overlapping-blocks": "leave it out: overlapping blocks are always allowed",
    "--alertmanager.timeout": "give timeout to alertmanagers in the configuration",
}
"""Flags that Prometheus 3 does not know any more.  Source: its change log, 3.0.0."""
_VERSION: Final = re.compile(r"v?(\d+)\.(\d+)")
_FILE_KEY: Final = re.compile(r".*_file")
_LISTS_OF_FILES: Final = frozenset({"rule_files", "scrape_config_files", "files"})
_MADE_BY_IT: Final = frozenset({"query_log_file", "scrape_failure_log_file"})
_STEP: Final = re.compile(r"\d+")


def prometheus_problems(instance: InstanceSpec) -> Iterator[Problem]:
    """Yield what Prometheus would refuse at its start, with paths below the instance."""
    for path, container in containers_of(instance):
        words = [word for word in (*container.command, *container.arguments) if isinstance(word, str)]
        if any(word.startswith(_STORAGE_FLAG) for word in words):
            version = _version(container.image_url)
            if version is not None:
                yield from _flags(path, words, version)
                yield from _config(path, instance, container, version)


def _version(image_url: str) -> Version | None:
    """Return what is known of the version in an image; None for one before 3, which is not judged."""
    tag = image_url.partition("@")[0].rpartition("/")[2].partition(":")[2]
    found = _VERSION.match(tag)
    if found is not None and found[1] in {"1", "2"}:
        return None
    minor = int(found[2]) if found is not None and found[1] == "3" else None
    return Version(image_url == PROMETHEUS.url, minor)


def _flags(path: str, words: list[str], version: Version) -> Iterator[Problem]:
    for word in words if version.minor is not None else ():
        name = word.partition("=")[0]
        if name in _REMOVED:
            yield joined(path, "arguments"), f"Prometheus 3 does not know {name}: {_REMOVED[name]}"


def _config(path: str, instance: InstanceSpec, container: SidecarSpec, version: Version) -> Iterator[Problem]:
    file = flag_of(container, _CONFIG_FLAG)
    place = place_of(instance, container, file) if file else None
    if place is None:
        return
    where = _where(path, place)
    if isinstance(place.content, PrometheusConfig):
        document: Any = {"rule_files": [*place.content.rule_files]}
        yield from (
            (where, f"{_named(steps)}: {message}")
            for steps, message in _absent(document, instance, container, file)
        )
    else:
        document = yield from _judged(
            place, where, lambda found: (*config_faults(found, version), *_absent(found, instance, container, file))
        )
    rule_files = document.get("rule_files") if isinstance(document, Mapping) else None
    for name in rule_files if isinstance(rule_files, list) else ():
        found = place_of(instance, container, str(PurePosixPath(file).parent / str(name)))
        if found is not None:
            yield from _judged(found, _where(path, found), lambda one: rule_file_faults(one, version))


def _where(path: str, place: Place) -> str:
    return joined(path, f'mounts["{place.mount_path}"].files["{place.name}"]')


def _judged(place: Place, where: str, faults_of: Callable[[Any], Iterable[Fault]]) -> Generator[Problem, None, Any]:
    """Yield the faults of a file with their places in it; return what it holds, None if that is not known."""
    if not isinstance(place.content, bytes):
        return None
    from ocisidecar.spec.syntax import MalformedText, parse_yaml

    try:
        parsed = parse_yaml(decoded(place.content))
    except UnicodeDecodeError:
        yield where, "is no text"
        return None
    except MalformedText as error:
        yield where, f"{error.place}: {error.problem}" if error.place else error.problem
        return None
    for steps, message in faults_of(parsed.document):
        yield where, ": ".join(filter(None, (str(parsed.position.at(steps)), _named(steps), message)))
    return parsed.document


def _absent(document: Any, instance: InstanceSpec, container: SidecarSpec, config: str) -> Iterator[Fault]:
    """Yield the files that are not in the config-file volume where the configuration looks for them."""
    for steps, name in _files(document, ()):
        if not name or set(name) & {"*", "?", "["}:
            continue
        full = str(PurePosixPath(config).parent / name)
        place = place_of(instance, container, full)
        if place is not None and place.content is None:
            yield steps, f"there is no file {place.name!r} in the volume that is mounted at {place.mount_path}"


def _files(value: Any, steps: Steps) -> Iterator[tuple[Steps, str]]:
    items: list[tuple[str, Any]] = []
    if isinstance(value, Mapping):
        items = [(str(key), one) for key, one in value.items()]
    elif isinstance(value, list):
        items = [(str(index), one) for index, one in enumerate(value)]
    is_list_of_files = isinstance(value, list) and bool(_LISTS_OF_FILES & {*steps[-1:]})
    for key, one in items:
        if isinstance(one, str) and (is_list_of_files or (_FILE_KEY.fullmatch(key) and key not in _MADE_BY_IT)):
            yield (*steps, key), one
        else:
            yield from _files(one, (*steps, key))


def _named(steps: Steps) -> str:
    """Return the path of a part as people write it: `scrape_configs[0].job_name`."""
    text = "".join(f"[{step}]" if _STEP.fullmatch(step) else f".{step}" for step in steps)
    return text.removeprefix(".")
