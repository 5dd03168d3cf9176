"""Who takes part, in the order of the tables, and who can not because a program is missing."""

from collections.abc import Callable, Collection

from tests.bench.contestants.contestant import Contestant, NotInstalled, installed
from tests.bench.contestants.direct import direct
from tests.bench.contestants.haproxy import haproxy
from tests.bench.contestants.nginx import nginx
from tests.bench.contestants.ours import ours
from tests.bench.contestants.stock import stock_on_daphne, stock_on_uvicorn
from tests.bench.ground.ground import Ground

Build = Callable[[Ground], Contestant]
LINEUP: dict[str, Build] = {
    "direct": direct,
    "nginx": nginx,
    "haproxy": haproxy,
    "daphne": stock_on_daphne,
    "uvicorn": stock_on_uvicorn,
    "ours": ours,
}
_PROGRAMS = ("nginx", "haproxy")


def chosen(names: Collection[str]) -> tuple[dict[str, Build], list[str]]:
    """Those of ``names`` that can take part, and a sentence for each that can not."""
    builds, missing = {}, []
    for name, build in LINEUP.items():
        if name not in names:
            continue
        try:
            if name in _PROGRAMS:
                installed(name)
        except NotInstalled as reason:
            missing.append(str(reason))
        else:
            builds[name] = build
    return builds, missing
