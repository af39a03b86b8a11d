"""SDK clients that keep the raw answers behind what they return."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from typing import Any

import oci
import pytest
from attrs import define, field, frozen

from ocisidecar.emulator import Emulator
from tests.emulator.contract.sdk import methods_of


@frozen(kw_only=True)
class Exchange:
    """One raw answer, and the SDK's method that asked for it.

    Args:
        client: the SDK's client, as module.Class below `oci`.
        name: its method.
        path_template: the path as the SDK knows it, with the version and the parameters' names.
        response_type: what the SDK makes of the answer's body; None for nothing.
        sent_headers: of the request; `headers` of the answer. Both with lower-case names.
    """

    client: str
    name: str
    method: str
    path_template: str
    response_type: str | None
    status: int
    sent_headers: Mapping[str, str]
    headers: Mapping[str, str]
    content: bytes

    @property
    def body(self) -> Any:
        """The JSON value of the body; None without a body."""
        return json.loads(self.content) if self.content and self.response_type != "stream" else None

    @property
    def items(self) -> list[Any] | None:
        """What a list holds; None for other answers."""
        body = self.body
        if isinstance(body, dict):
            body = next((body[name] for name in ("items", "results") if isinstance(body.get(name), list)), None)
        return body if isinstance(body, list) else None


@define
class CheckingClient:
    """A client without retries whose methods are the SDK's, and which checks on the way what all share.

    A create is sent twice with one retry token and must be answered twice alike.  A list of several items is
    read again page by page and must hold the same items in the same order, and none under a name that nothing has.
    What if-match protects is first asked for with a stale one and must refuse.

    Args:
        client: module.Class below `oci`.
        emulator: which one.
        exchanges: where to keep the answers.
        path: what follows the emulator's endpoint.
        changes: to the configuration that the emulator gives.
    """

    client: str
    emulator: Emulator
    exchanges: list[Exchange]
    path: str = ""
    changes: Mapping[str, str] = field(factory=dict)
    _sdk: Any = field(init=False)
    _asked: dict[str, Any] = field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        module, cls = self.client.split(".")
        self._sdk = getattr(getattr(oci, module), cls)(
            {**self.emulator.oci_config, **self.changes},
            service_endpoint=self.emulator.endpoint + self.path,
            retry_strategy=oci.retry.NoneRetryStrategy(),
            circuit_breaker_strategy=oci.circuit_breaker.NoCircuitBreakerStrategy(),
        )
        base = self._sdk.base_client
        base.session.hooks["response"].append(self._keep)
        call_api = base.call_api

        def noted(**facts: Any) -> Any:
            self._asked = facts
            return call_api(**facts)

        base.call_api = noted

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._sdk, name)

        @functools.wraps(method)
        def call(*arguments: Any, **options: Any) -> Any:
            possible = methods_of(self.client)[name].options
            if "if_match" in possible:
                self._refused(name, *arguments, **options, if_match="stale")
            if "opc_retry_token" in possible:
                options.setdefault("opc_retry_token", f"token-{len(self.exchanges)}")
                self._call(name, *arguments, **options)
                first = self.exchanges[-1]
                data = self._call(name, *arguments, **options)
                assert self.exchanges[-1].content == first.content, f"{name} answers its retry token otherwise"
                return data
            data = self._call(name, *arguments, **options)
            exchange = self.exchanges[-1]
            if {"page", "limit"} <= possible and "limit" not in options and len(exchange.items or ()) > 1:
                assert self._paged(name, *arguments, **options) == exchange.items, f"{name} pages otherwise"
            for selector in possible & {"display_name", "name"} if exchange.items else ():
                self._call(name, *arguments, **options | {selector: "no such name"})
                assert self.exchanges[-1].items == [], f"{name} does not select by {selector}"
            return data

        return call

    def _call(self, name: str, /, *arguments: Any, **options: Any) -> Any:
        return getattr(self._sdk, name)(*arguments, **options).data

    def _refused(self, name: str, /, *arguments: Any, **options: Any) -> None:
        with pytest.raises(oci.exceptions.ServiceError) as caught:
            self._call(name, *arguments, **options)
        assert (caught.value.status, caught.value.code) == (412, "NoEtagMatch"), f"{name} ignores if-match"

    def _paged(self, name: str, /, *arguments: Any, **options: Any) -> list[Any]:
        items: list[Any] = []
        page: dict[str, str] = {}
        while True:
            self._call(name, *arguments, **options, limit=1, **page)
            exchange = self.exchanges[-1]
            items += exchange.items or []
            if "opc-next-page" not in exchange.headers:
                return items
            page = {"page": exchange.headers["opc-next-page"]}

    def _keep(self, response: Any, **_: Any) -> None:
        version = self._sdk.base_client.endpoint.removeprefix(self.emulator.endpoint + self.path)
        self.exchanges.append(
            Exchange(
                client=self.client,
                name=self._asked["operation_name"],
                method=response.request.method,
                path_template=version + self._asked["resource_path"],
                response_type=self._asked.get("response_type"),
                status=response.status_code,
                sent_headers={name.lower(): value for name, value in response.request.headers.items()},
                headers={name.lower(): value for name, value in response.headers.items()},
                content=response.content,
            )
        )

    def made_by_work_request(self) -> str:
        """Return the OCID that the latest answer's work request names first."""
        request_id = self.exchanges[-1].headers["opc-work-request-id"]
        identifier: str = self.get_work_request(request_id).resources[0].identifier
        return identifier
