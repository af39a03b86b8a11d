"""What stack traces look like: Java and its relatives, Python, Go, Node.js, .NET, Ruby, PHP, Rust.

All patterns match at the beginning of a line, and are compared with bytes.  No text can be divided among repeated
parts in two ways, so that the time for a line grows with its length and no faster.
"""

from __future__ import annotations

import re
from typing import Final

_LINE: Final = rb"[^\n]*(?:\n|\Z)"
_BLANK: Final = rb"\r?\n"

RECORD: Final = (
    rb"[\[<(]?(?:\d{4}[-/]\d\d[-/]\d\d|\d\d?:\d\d:\d\d|\w{3} +\d+ \d\d:|\d+[.:]\d|\{|"
    rb"(?:TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|CRITICAL|FATAL)\b)"
)
"""The beginning of a line that a logger has written: a time, a level, JSON."""

_FRAME: Final = (
    rb"[ \t]+at (?!\d)(?:(?:async |new |get |set |function )?\S*[.(/:<$\[]|"
    rb"[^\n(]*\((?:[^\n)]*:\d+|<anonymous>|index \d+)\))"
)
_OMITTED: Final = rb"[ \t]*\.\.\. \d+ (?:more|common frames omitted|filtered)"
_INNER: Final = rb"[ \t]*(?:---> \S|--- End of [^\n]*---)"
_RUBY_FRAME: Final = (
    rb"(?:[ \t]+(?:\d+: )?from [^\s:]+:\d+|"
    rb"[./A-Za-z(<][^\s:]*\.(?:rb|erb|rake|ru|haml|slim):\d+:in [`'][^\n]*'\r?(?=\n|\Z))"
)
_CAUSE: Final = (
    rb"[ \t]*(?:Caused by|Suppressed|Wrapped by): (?:[\w$]+\.)*[\w$]*(?:Exception|Error|Throwable|\.[\w$]+)"
)
_DETAIL: Final = rb"[ \t]+(?:- (?:locked|waiting|parking|eliminated) |\[CIRCULAR REFERENCE)"

_THROWN_LINE: Final = (
    rb"(?:[ \t]+at [^\n]*\{\r?\n(?:[ \t][^\n]*\n){0,40}?[ \t]*\}" + _LINE + rb"|"
    rb"(?:" + rb"|".join((_FRAME, _OMITTED, _INNER, _RUBY_FRAME, _DETAIL)) + rb")" + _LINE + rb"|"
    rb"(?:"
    + _BLANK
    + rb")?[ \t]*(?:Caused by|Suppressed|Wrapped by): "
    + _LINE
    + rb"(?:(?!"
    + RECORD
    + rb"|"
    + _FRAME
    + rb")[^\n]+\n){0,5}?"
    rb"(?=" + _FRAME + rb"|" + _OMITTED + rb"|" + _INNER + rb"|" + _CAUSE + rb"|" + _DETAIL + rb"))"
)
_NODE_VERSION: Final = rb"(?:(?:" + _BLANK + rb")?Node\.js v\d" + _LINE + rb")?"
_THROWN: Final = rb"(?:" + _THROWN_LINE + rb")+" + _NODE_VERSION

_PYTHON_TRACE: Final = (
    rb"(?:Traceback|Stack) \(most recent call last\):" + _LINE + rb"(?:[ \t]{2,}\S" + _LINE + rb")*"
    rb"(?:[A-Za-z_][\w.<>]*(?::[^\n]*)?\r?(?:\n|\Z))?"
    rb"(?:(?:\[SQL: |\[parameters: |\(Background on this error at: )" + _LINE + rb")*"
)
_PYTHON_GROUP: Final = (
    rb"[ ]+\+ Exception Group Traceback " + _LINE + rb"(?:(?![ ]+\+ Exc)[ ]+[|+]" + _LINE + rb")*"
)
_PYTHON: Final = (
    rb"(?:%(any)s)(?:(?:%(blank)s)?"
    rb"(?:During handling of the above exception|The above exception was the direct cause)"
    rb"%(line)s(?:%(blank)s)?(?:%(any)s))*"
) % {
    b"any": rb"(?:" + _PYTHON_TRACE + rb"|" + _PYTHON_GROUP + rb')(?:"""' + _BLANK + rb")?",
    b"blank": _BLANK,
    b"line": _LINE,
}
_FAULT_HANDLER: Final = (
    rb"(?:Current thread|Thread) 0x[0-9a-f]+ [^\n]*\(most recent call first\):"
    + _LINE
    + rb"(?:  File"
    + _LINE
    + rb")*"
    rb"(?:" + _BLANK + rb"Thread 0x" + _LINE + rb"(?:  File" + _LINE + rb")*)*"
)

_GOROUTINE: Final = (
    rb"goroutine \d+ [^\n\[]*\[[^\n\]]*\]:"
    + _LINE
    + rb"(?:(?!panic: |fatal error: )[^\s][^\n]*\n\t[^\n]*:\d+"
    + _LINE
    + rb"|\.\.\."
    + _LINE
    + rb"|\tgoroutine running"
    + _LINE
    + rb")*"
)
_GO: Final = (
    _GOROUTINE + rb"(?:" + _BLANK + _GOROUTINE + rb")*(?:(?:" + _BLANK + rb")?exit status \d+" + _LINE + rb")?"
)

_PHP_FRAMES: Final = (
    rb"(?:(?:PHP )?Stack trace:|\[stacktrace\])"
    + _LINE
    + rb"(?:(?:#\d+ |PHP +\d+\. |[ \t]+\d+\. )"
    + _LINE
    + rb")+"
    rb"(?:(?:PHP)?[ \t]+thrown in " + _LINE + rb")?"
)
_PHP: Final = (
    _PHP_FRAMES
    + rb"(?:(?:"
    + _BLANK
    + rb")?(?:Next |\[previous exception\] )[^\n]*\n(?:[^\n]+\n){0,5}?"
    + _PHP_FRAMES
    + rb')*(?:"\}'
    + _LINE
    + rb")?"
)

_RUST_BACKTRACE: Final = (
    rb"(?:" + _BLANK + rb")?[Ss]tack backtrace:" + _LINE + rb"(?:[ ]+(?:\d+: |at )" + _LINE + rb")+"
)
_RUST_CAUSES: Final = rb"Caused by:\r?\n(?:[ ]{4,}\S" + _LINE + rb")+(?:" + _RUST_BACKTRACE + rb")?"
_RUST_PANIC: Final = (
    rb"thread '[^\n]*'(?: \(\d+\))? panicked at (?:[^\n]*:\r?\n[^\n]+(?:\n|\Z)|" + _LINE + rb")"
    rb"(?:[ ]+(?:left|right): " + _LINE + rb")*(?:" + _RUST_BACKTRACE + rb")?(?:note: " + _LINE + rb")*"
)

_NODE_SOURCE: Final = rb"(?:(?:file://)?/[^\n:]*\.[cm]?[jt]sx?|node:[\w/]+):\d+\r?(?=\n|\Z)"
_NODE: Final = (
    _NODE_SOURCE + rb"\n[^\n]*\n[ \t]*\^+[ \t]*\r?\n(?:" + _BLANK + rb")?(?:(?!" + RECORD + rb")[^\n]+\n){0,8}?"
    rb"(?:" + _THROWN + rb"|(?:" + _BLANK + rb")?Node\.js v\d" + _LINE + rb")"
)

_RUBY_HEAD: Final = rb"[./A-Za-z(<-][^\s:]*:\d+:in [`'][^\n]*\([A-Z][\w:]*\)\r?(?=\n|\Z)"
_RUBY: Final = (
    _RUBY_HEAD + rb"\n(?:" + _BLANK + rb"[^\n]+\n[ \t]*\^[\^~ ]*\r?(?:\n|\Z)(?:Did you mean\?" + _LINE + rb")?)?"
    rb"(?:[ \t]+(?:\d+: )?from " + _LINE + rb")*"
)

_DOTNET_HEAD: Final = rb"(?:trce|dbug|info|warn|fail|crit): [^\n]*\[\d+\]\r?(?=\n|\Z)"
_DOTNET: Final = _DOTNET_HEAD + rb"\n(?:      " + _LINE + rb")+"

SELF_CONTAINED: Final = (_NODE_SOURCE, rb"thread '[^\n]*' (?:\(\d+\) )?panicked at ", _RUBY_HEAD, _DOTNET_HEAD)
STARTS: Final = (
    rb"(?:Traceback|Stack) \(most recent call last\):",
    rb"[ ]+\+ Exception Group Traceback ",
    rb"(?:Current thread|Thread) 0x[0-9a-f]+ ",
    rb"goroutine \d+ [^\n\[]*\[[^\n\]]*\]:",
    rb"(?:PHP )?Stack trace:\r?(?=\n|\Z)|\[stacktrace\]",
    rb"Caused by:\r?\n[ ]{4,}\S",
)
FRAMES: Final = (_FRAME, _OMITTED, _INNER, _RUBY_FRAME, _CAUSE)

_FIRST_CHARACTERS: Final = rb"(?=[ \tTSgPcCdfnitw.\[/(<A-Za-z-])"
SIGN: Final = re.compile(_FIRST_CHARACTERS + rb"(?:" + rb"|".join((*FRAMES, *STARTS, *SELF_CONTAINED)) + rb")")
"""The beginning of the first line by which a trace is recognised."""

NEXT_SIGN: Final = re.compile(rb"\n(?=" + SIGN.pattern + rb")")

TRACE: Final = re.compile(
    rb"(?P<whole>" + rb"|".join((_NODE, _RUST_PANIC, _RUBY, _DOTNET)) + rb")|"
    rb"(?P<start>" + rb"|".join((_PYTHON, _FAULT_HANDLER, _GO, _PHP, _RUST_CAUSES)) + rb")|"
    rb"(?P<frames>" + _THROWN + rb")"
)
"""A trace from that line to its end.  Lines before it belong to it too, unless it is `whole`."""

HEADER: Final = re.compile(
    rb"(?:Uncaught )?(?:(?:[A-Za-z_$][\w$]*\.)+[A-Za-z_$][\w$]*(?:: |:?\r?(?:\n|\Z))|"
    rb"[A-Za-z_$][\w$]*(?:Error|Exception|Throwable|Fault|Failure|Exit|Interrupt|Warning)"
    rb"(?:: | \[|:?\r?(?:\n|\Z)))|"
    rb"Error: "
)
"""A line with an exception and its message, which may follow a logger's message."""

BEGINNING: Final = re.compile(
    rb"Exception in thread |Unhandled [Ee]xception|panic: |fatal error: |Fatal Python error: |"
    rb"(?:PHP )?(?:Fatal|Recoverable) |"
    rb"Uncaught |FATAL UNHANDLED|" + rb"|".join(SELF_CONTAINED)
)
"""A line with which a trace begins that is not a logger's: no message of a logger precedes it."""

RECORD_START: Final = re.compile(RECORD)

UNDECIDED: Final = re.compile(
    rb"During handling |The above exception |Next |\[previous |Node\.js|goroutine |exit status|[ \t]*Caused by|"
    rb"[Ss]tack backtrace|"
    rb'note: |"""|"\}|\(Background|\[SQL|\[parameters|Thread 0x|Did you'
)
"""A line after which a trace may go on."""
