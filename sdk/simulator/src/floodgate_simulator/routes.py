"""Every path of the simulator, by subject; of several that fit, the first answers."""

from itertools import chain

from aiohttp import web

from floodgate_simulator.control import books, credentials, faults, sockets
from floodgate_simulator.cxone import api as cxone_api
from floodgate_simulator.cxone import discovery
from floodgate_simulator.cxone import tokens as cxone_tokens
from floodgate_simulator.genesys import api as genesys_api
from floodgate_simulator.genesys import tokens as genesys_tokens
from floodgate_simulator.guide import sockets as guide_sockets

# Unknown paths of an API come last: they fit whatever the known ones left.
SUBJECTS = (
    books,
    credentials,
    faults,
    sockets,
    guide_sockets,
    genesys_tokens,
    discovery,
    cxone_tokens,
    genesys_api,
    cxone_api,
)


def all_routes() -> list[web.RouteDef]:
    """The paths of all subjects."""
    return list(chain.from_iterable(subject.routes() for subject in SUBJECTS))
