from relay.admin.episodes import EpisodePages as EpisodePages
from relay.admin.position import PositionPages as PositionPages
from relay.admin.processes import GapPages as GapPages
from relay.admin.processes import RelayProcessPages as RelayProcessPages
from relay.admin.rollups import HandshakePages as HandshakePages
from relay.admin.rollups import TrafficPages as TrafficPages
