"""Sidecar presets, one module each: a function of the module's name that returns a `SidecarSpec`.

A file here is a preset; nothing else in the package names it, because everything that a sidecar contributes is data
on its spec.  (`SidecarSpec` repeats the names under `TYPE_CHECKING`, for type checkers and editors only.)
"""
