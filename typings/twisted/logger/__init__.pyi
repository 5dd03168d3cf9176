from collections.abc import Callable, Sequence

class LogBeginner:
    def beginLoggingTo(
        self, observers: Sequence[Callable[[dict[str, object]], None]], *, redirectStandardIO: bool, discardBuffer: bool
    ) -> None: ...

globalLogBeginner: LogBeginner
