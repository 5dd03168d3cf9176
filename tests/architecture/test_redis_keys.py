import re

from tests.architecture.faults import listed
from tests.architecture.sources import ROOT, modules, parsed, relative, strings

KEYS = "relay.store.keys"
LITERAL_KEY_IN_LUA = re.compile(r"""redis\.p?call\(\s*["']\w+["']\s*,\s*["']""")


def test_key_strings_stand_in_one_file():
    pieces = {text for text, _ in strings(parsed(modules()[KEYS])) if ":" in text}

    faults = [
        f"{relative(path)}:{line} writes {text!r}"
        for module, path in modules().items()
        for text, line in strings(parsed(path))
        if module != KEYS and any(piece in text for piece in pieces)
    ]

    assert pieces, "relay/store/keys.py names no key: has it moved?"
    assert not faults, listed("Take the key from a function of relay/store/keys.py.", faults)


def test_scripts_get_their_keys_handed_in():
    faults = [
        f"{relative(path)}:{number}"
        for path in sorted((ROOT / "relay").rglob("*.lua"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if LITERAL_KEY_IN_LUA.search(line) and '"TIME"' not in line
    ]

    assert not faults, listed("Redis Cluster must see every key: use KEYS[...].", faults)


def test_scripts_say_what_their_keys_and_arguments_are():
    faults = [
        relative(path)
        for path in sorted((ROOT / "relay").rglob("*.lua"))
        if not all(word in path.read_text(encoding="utf-8") for word in ("-- KEYS", "-- ARGV", "-- Returns"))
    ]

    assert not faults, listed("A script's header is its signature: purpose, KEYS, ARGV with units, Returns.", faults)
