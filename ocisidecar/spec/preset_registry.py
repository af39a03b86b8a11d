"""Registry of sidecar presets: every public module in `ocisidecar.spec.presets` is one.

A preset is a function of its module's name that returns a `SidecarSpec`.  The file alone registers it:
`SidecarSpec.<name>` and spec files look it up here, and its module is imported when it is first used.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, TypeAlias

from ocisidecar.spec import presets

Preset: TypeAlias = Callable[..., Any]
"""Returns a `SidecarSpec`; all arguments are optional and keyword-only."""


def preset_names() -> tuple[str, ...]:
    """Return the names of all presets, sorted; imports none of them."""
    import pkgutil

    return tuple(sorted(one.name for one in pkgutil.iter_modules(presets.__path__) if not one.name.startswith("_")))


def find_preset(name: str) -> Preset | None:
    """Return the preset of this name, or None for an unknown name."""
    if name.startswith("_") or not name.isidentifier():
        return None
    module = f"{presets.__name__}.{name}"
    try:
        preset: Preset = getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        return None
    return preset
