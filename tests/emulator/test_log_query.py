import pytest

from ocisidecar.emulator.log_query import Scope, parse
from ocisidecar.emulator.syntax import QueryError


def entry(moment: int, data: dict[str, object], **fields: object) -> dict[str, object]:
    return {"datetime": moment, "logContent": {"data": data, **fields}}


ENTRIES = (
    entry(1, {"message": "connection refused", "level": "ERROR", "status": 500}, type="app"),
    entry(3, {"message": "it's fine [ok]", "level": "INFO", "status": 200, "slow": False}, type="app"),
    entry(2, {"message": "started", "level": "INFO", "first name": "x"}, type="system"),
)


def found(stages: str) -> list[object]:
    return [each["datetime"] for each in parse(f'search "c" {stages}').select(ENTRIES)]


@pytest.mark.parametrize(
    ("text", "scopes"),
    [
        ('search "c"', (Scope("c"),)),
        ('search "c/g"', (Scope("c", "g"),)),
        ('search "c/g/l"', (Scope("c", "g", "l"),)),
        ('search "c/g/l", "d" "e/f"', (Scope("c", "g", "l"), Scope("d"), Scope("e", "f"))),
    ],
)
def test_scopes_narrow_from_compartment_to_log(text, scopes):
    """A scope names a compartment, and optionally a group and a log; several may be given."""
    assert parse(text).scopes == scopes


@pytest.mark.parametrize(
    ("stages", "moments"),
    [
        ("", [1, 3, 2]),
        ("| where data.level = 'ERROR'", [1]),
        ("| where data.level != 'ERROR'", [3, 2]),
        ("| where logContent.data.level = 'ERROR'", [1]),
        ("| where logContent = '*refused*'", [1]),
        ("| where data.message = '*it''s*'", [3]),
        ("| where data.message = '*[ok]'", [3]),
        ("| where data.\"first name\" = 'x'", [2]),
        ("| where data.status >= 500", [1]),
        ("| where data.status < 500", [3]),
        ("| where data.status = 200", [3]),
        ("| where data.slow = false", [3]),
        ("| where data.missing = 'x' or type = 'system'", [2]),
        ("| where type = 'app' and not (data.level = 'INFO' or data.status = 1)", [1]),
        ("| where type = 'app' | where data.level = 'INFO'", [3]),
        ("| sort by datetime", [1, 2, 3]),
        ("| sort by datetime desc", [3, 2, 1]),
        ("| sort by data.status desc | limit 2", [2, 1]),
        ("| limit 1", [1]),
    ],
)
def test_stages_filter_order_and_cut(stages, moments):
    """Each stage selects, sorts or limits the entries as Oracle's specification says."""
    assert found(stages) == moments


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "expected 'search'"),
        ("search c", 'expected "<compartment>/<log group>/<log>"'),
        ('search "a/b/c/d"', 'expected "<compartment>/<log group>/<log>"'),
        ('search "a" | summarize count()', "expected 'where' or 'sort' or 'limit'"),
        ('search "a" | where x = ', "expected 'true' or 'false'"),
        ("search \"a\" | where x > 'y'", "expected a number"),
        ('search "a" | sort by x up', "expected 'asc' or 'desc'"),
        ('search "a" where x', "expected"),
        ('search "a" | where x ~ 3', "unreadable at position 20"),
    ],
)
def test_an_invalid_query_is_refused_at_its_position(text, complaint):
    """The error names what was expected."""
    with pytest.raises(QueryError) as caught:
        parse(text)
    assert complaint in str(caught.value)
