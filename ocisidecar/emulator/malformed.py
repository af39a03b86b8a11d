"""Malformed responses: what a proxy, a load balancer or a faulty service sends with the status of success."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from attrs import frozen
from werkzeug import Response

JSON: Final = "application/json"


@frozen(kw_only=True)
class Malform:
    """Send the response to an operation that succeeded, or one without running it, in another form.

    Args:
        text: instead of the body.
        content_type: of `text`.
        cut: whether only the first half of the body is sent, as a complete response.
        members: values that replace those of the object in the body, or of each object in its list.
        without: members that are left out likewise.
        headers: values that replace those of headers; None leaves a header out.
        is_committed: whether the operation runs.

    Raises:
        ValueError: nothing is changed; `text` is given with another change of the body; without `text` there is no
            response of an operation that does not run.
    """

    text: str | None
    content_type: str
    cut: bool
    members: Mapping[str, Any]
    without: frozenset[str]
    headers: Mapping[str, str | None]
    is_committed: bool

    def __attrs_post_init__(self) -> None:
        changes_body = self.cut or bool(self.members or self.without)
        if self.text is None and not changes_body and not self.headers:
            raise ValueError("a malformed response needs a text, cut, members, without or headers")
        if self.text is not None and changes_body:
            raise ValueError("a malformed response has either a text, or cut, members and without")
        if self.text is None and not self.is_committed:
            raise ValueError("a malformed response needs a text when the operation does not run")


def malform(response: Response, effect: Malform) -> Response:
    """Change a response as the effect says."""
    if effect.text is not None:
        response.set_data(effect.text)
        response.headers["content-type"] = effect.content_type
    elif response.content_type == JSON:
        body = response.get_data()
        if (effect.members or effect.without) and (document := _document(body)) is not None:
            body = json.dumps(_changed(document, effect)).encode()
        response.set_data(body[: len(body) // 2] if effect.cut else body)
    for name, value in effect.headers.items():
        response.headers.pop(name, None)
        if value is not None:
            response.headers[name] = value
    return response


def _document(body: bytes) -> Any:
    """Return what a body holds; None where an earlier fault of the same request has cut it."""
    try:
        return json.loads(body)
    except ValueError:
        return None


def _changed(value: Any, effect: Malform) -> Any:
    """Return the object with other members; of a list, or of an object that holds one in `items`, each entry."""
    if isinstance(value, list):
        return [_changed(one, effect) for one in value]
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("items"), list):
        return {**value, "items": _changed(value["items"], effect)}
    return {name: one for name, one in {**value, **effect.members}.items() if name not in effect.without}
