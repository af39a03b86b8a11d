"""Operations that OCI has and the emulator lacks are refused as such, whichever client calls them."""

from importlib.resources import files

import oci
import pytest

from ocisidecar.emulator import known_operations
from ocisidecar.emulator.known_operations import FILE
from ocisidecar.emulator.router import Router
from ocisidecar.emulator.services import SERVICES
from tests.emulator.contract.sdk_operations import HEAD, sdk_operations, text


def test_the_file_holds_the_operations_of_the_installed_sdk():
    """The file is what the SDK's source says, for the SDK that wrote it."""
    stored = files(known_operations.__package__).joinpath(FILE).read_text()
    if not stored.startswith(HEAD.format(version=oci.__version__)):
        pytest.skip(f"{FILE} is made from another SDK than {oci.__version__}")
    assert stored == text()


@pytest.mark.parametrize("has_prefix", [False, True], ids=["plain endpoint", "with the service's prefix"])
def test_no_operation_of_the_sdk_is_unknown(has_prefix):
    """Each of the SDK's operations is emulated or gets a 501 that names it, never a 404 or 405."""
    router = Router(SERVICES)
    known = known_operations.known_operations()
    wrong = {}
    for one in sdk_operations():
        prefix = f"/{one.host}" if has_prefix and one.host in known.hosts else ""
        path = prefix + "/" + one.path.lstrip("/").replace("*", "x")
        match = router.find(one.method, path)
        if match is not None and has_prefix and match.operation.name != one.name:
            wrong[f"{one.client}.{one.name}"] = f"is answered as {match.operation.name}"
        elif match is None:
            refusal = router.refusal(one.method, path)
            if refusal.status != 501 or one.name not in refusal.message:
                wrong[f"{one.client}.{one.name}"] = str(refusal)
    assert wrong == {}
