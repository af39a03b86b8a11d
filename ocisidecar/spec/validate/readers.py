"""Validation of what reads a Prometheus that asks for a password or speaks HTTPS."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from ocisidecar.spec.instance import InstanceSpec
from ocisidecar.spec.sidecar import SidecarSpec
from ocisidecar.spec.validate.audience import Audience
from ocisidecar.spec.validate.fields import Problem
from ocisidecar.spec.validate.paths import containers_of
from ocisidecar.spec.volume import response_file_in
from ocisidecar.spec.web_config import (
    READER_URL_VARIABLE,
    READER_USER_VARIABLE,
    Protection,
    is_read_at,
    protection_of,
)

_AGENT_VARIABLE, _API_VARIABLE = "OCISIDECAR_SCRAPE_URL", "OCISIDECAR_DATA_SOURCE"
_EXPORTER = "http://127.0.0.1:9100/metrics"
_GRAFANA_VARIABLE = "OCISIDECAR_SCRAPE_INTERVAL"
_AGENT = (
    "cannot read {}, which asks for {}: Oracle's scraper takes plain http URLs and has no property for a user.  "
    "Let it read an exporter, as in {}, or leave Prometheus without protection and its port out of `ports`"
)


def reader_problems(instance: InstanceSpec, audience: Audience) -> Iterator[Problem]:
    """Yield the containers that could not read the protected Prometheus beside them."""
    protection = protection_of(instance)
    if protection is None or not protection.is_known:
        return
    file = response_file_in(instance.all_volumes)
    for path, container in containers_of(instance):
        variables = container.environment_variables
        url = file.scrape_url if file and _API_VARIABLE in variables else variables.get(_AGENT_VARIABLE)
        if is_read_at(url, protection.port):
            yield (
                path,
                _AGENT.format(protection.container, _asked(protection), _given("scrape_url", _EXPORTER, audience)),
            )
        elif _GRAFANA_VARIABLE in variables:
            yield from ((path, problem) for problem in _of_grafana(container, protection, audience))


def _of_grafana(container: SidecarSpec, protection: Protection, audience: Audience) -> Iterator[str]:
    url = container.environment_variables.get(READER_URL_VARIABLE, "http://127.0.0.1:9090")
    if not isinstance(url, str) or not is_read_at(url, protection.port):
        return
    scheme = "https" if protection.has_tls else "http"
    if urlsplit(url).scheme != scheme:
        wanted = f"{scheme}://127.0.0.1:{protection.port}"
        given = _given("prometheus_url", wanted, audience)
        yield f"reads {protection.container} at {url}, which answers at {wanted}: give {given}"
    user = container.environment_variables.get(READER_USER_VARIABLE)
    if protection.users and user is None:
        names = ", ".join(sorted(protection.users))
        yield (
            f"cannot read {protection.container}, which asks for a password: give prometheus_user, one of {names}, "
            "and prometheus_password"
        )
    elif protection.users and user not in protection.users:
        yield f"prometheus_user {user!r} is none of the users of {protection.container}"


def _given(name: str, value: str, audience: Audience) -> str:
    return audience.words(python=f"{name}={value!r}", file=f"{name}: {value}")


def _asked(protection: Protection) -> str:
    words = ("a password", bool(protection.users)), ("HTTPS", protection.has_tls)
    return " and ".join(word for word, is_asked in words if is_asked)
