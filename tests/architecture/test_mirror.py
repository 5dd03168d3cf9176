from tests.architecture.faults import listed
from tests.architecture.sources import PACKAGES, ROOT, files_of_tests, pure_modules, relative

MIRRORED_FOLDERS = tuple(ROOT / "tests" / package for package in PACKAGES)


def test_every_test_file_is_named_after_the_file_that_it_tests():
    strays = [
        f"{relative(path)} has no {relative(_tested_by(path))}"
        for path in files_of_tests()
        if path.name.startswith("test_") and path.is_relative_to(ROOT / "tests") and _is_mirror(path)
        if not _tested_by(path).is_file()
    ]

    assert not strays, listed(
        "tests/relay/store/test_leases.py tests relay/store/leases.py. Rename the one or the other.", strays
    )


def test_every_pure_module_has_a_test_file_of_its_own():
    untested = [
        f"{relative(path)} has no {relative(_test_of(path))}"
        for path in pure_modules().values()
        if not _test_of(path).is_file()
    ]

    assert not untested, listed("A pure module is fully covered by its own test file alone.", untested)


def _is_mirror(path):
    return any(path.is_relative_to(folder) for folder in MIRRORED_FOLDERS)


def _tested_by(path):
    return ROOT / path.relative_to(ROOT / "tests").with_name(path.name.removeprefix("test_"))


def _test_of(path):
    return ROOT / "tests" / path.relative_to(ROOT).with_name(f"test_{path.name}")
