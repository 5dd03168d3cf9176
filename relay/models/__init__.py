from relay.models.episodes import ThrottleEpisode as ThrottleEpisode
from relay.models.position import StreamPosition as StreamPosition
from relay.models.processes import Gap as Gap
from relay.models.processes import RelayProcess as RelayProcess
from relay.models.rollups import HandshakeRollup as HandshakeRollup
from relay.models.rollups import TrafficRollup as TrafficRollup
