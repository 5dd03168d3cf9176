"""Makes one of our own functions fail once: it raises, or the task that runs it is cancelled at one of its awaits."""

import asyncio
import functools
import inspect
import sys
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, TypeAlias

Unchecked: TypeAlias = Any  # what passes through a function that is none of ours to type


OUR_PACKAGES = ("relay", "tenants")


class Injected(Exception):
    """Something that nobody expected."""


class Fault:
    """Waits for the ``nth`` call or await since it was armed.

    Attributes:
        has_struck: it failed once, and does so no more.
        spared: ids of clients whose sessions never fail.
    """

    def __init__(self, nth: int, *, cancels: bool = False) -> None:
        """Strike the ``nth`` time, by an exception or by cancelling the task."""
        self._left, self._cancels = nth, cancels
        self.is_armed = self.has_struck = False
        self.spared: set[str] = set()

    def is_due(self, *arguments: Unchecked) -> bool:
        """Count one more call or await; tell whether it is the one that fails. Calls of the spared do not count."""
        if not self.is_armed or self.has_struck or _client_of(*arguments[:1]) in self.spared:
            return False
        self._left -= 1
        self.has_struck = self._left == 0
        return self.has_struck

    def strikes_within(self, file: str) -> bool:
        """Tell whether it may fail there: a library's own awaits are cancelled, but raise nothing unexpected."""
        return self._cancels or any(f"/{package}/" in file for package in OUR_PACKAGES)

    def strike(self) -> None:
        """Fail.

        Raises:
            Injected: unless it cancels.
        """
        if not self._cancels:
            raise Injected
        task = asyncio.current_task()
        assert task is not None
        task.cancel()


class Interrupted:
    """Awaits a coroutine of ours, and fails at one of the awaits in it, however deep that is."""

    def __init__(self, coroutine: Coroutine[Unchecked, Unchecked, Unchecked], fault: Fault) -> None:
        """Fail as ``fault`` says."""
        self._coroutine, self._fault = coroutine, fault

    def __await__(self) -> Generator[Unchecked, Unchecked, Unchecked]:
        """Drive the coroutine as a task does."""
        step: Callable[[], Unchecked] = functools.partial(self._coroutine.send, None)
        while True:
            try:
                awaited = step()
            except StopIteration as stop:
                return stop.value
            try:
                if self._fault.strikes_within(_innermost_file(self._coroutine)) and self._fault.is_due():
                    self._fault.strike()
                answer = yield awaited
                step = functools.partial(self._coroutine.send, answer)
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is the coroutine's
                if awaited is not None:
                    awaited._asyncio_future_blocking = False  # noqa: SLF001 - the task will not wait for it
                step = functools.partial(self._coroutine.throw, error)


def functions_of(*modules: str) -> list[str]:
    """Paths of all functions and methods of these modules, as ``module:Class.method``."""
    return [path for module in modules for path in _paths(import_module(module))]


@contextmanager
def failing(path: str, fault: Fault) -> Iterator[None]:
    """Have the function at ``path`` fail when it is called, or at an await in it where the fault cancels."""
    module, _, name = path.partition(":")
    *owners, last = name.split(".")
    owner = functools.reduce(getattr, owners, import_module(module))
    original = inspect.getattr_static(owner, last)
    holders = [owner] if owners else [one for one in _own_modules() if vars(one).get(last) is original]
    stand_in = _failing_kind(original, fault)
    for holder in holders:
        setattr(holder, last, stand_in)
    try:
        yield
    finally:
        for holder in holders:
            setattr(holder, last, original)


def _own_modules() -> list[Unchecked]:
    """Those that may have imported a function by its name."""
    return [module for name, module in list(sys.modules.items()) if name.partition(".")[0] in OUR_PACKAGES]


def _innermost_file(coroutine: Unchecked) -> str:
    """The file of the function that waits, at the end of those that wait for one another."""
    file = ""
    while coroutine is not None:
        frame = getattr(coroutine, "cr_frame", None) or getattr(coroutine, "gi_frame", None)
        file = frame.f_code.co_filename if frame is not None else file
        coroutine = getattr(coroutine, "cr_await", None) or getattr(coroutine, "gi_yieldfrom", None)
    return file


def _client_of(owner: Unchecked = None) -> str:
    """Whose session or side of a session it is; nobody's, where it is none."""
    flow = getattr(getattr(owner, "_session", owner), "_flow", None)
    return getattr(flow, "client_id", "")


def _failing_kind(original: Unchecked, fault: Fault) -> Unchecked:
    if isinstance(original, classmethod | staticmethod):
        return type(original)(_failing_function(original.__func__, fault))
    return _failing_function(original, fault)


def _failing_function(function: Callable[..., Unchecked], fault: Fault) -> Callable[..., Unchecked]:
    @functools.wraps(function)
    def called(*arguments: Unchecked, **options: Unchecked) -> Unchecked:
        if fault.is_due(*arguments):
            fault.strike()
        return function(*arguments, **options)

    @functools.wraps(function)
    async def awaited(*arguments: Unchecked, **options: Unchecked) -> Unchecked:
        return await Interrupted(function(*arguments, **options), fault)

    return awaited if inspect.iscoroutinefunction(function) else called


def _paths(module: Unchecked) -> Iterator[str]:
    for name, found in vars(module).items():
        if inspect.isfunction(found) and found.__module__ == module.__name__ and not hasattr(found, "__wrapped__"):
            yield f"{module.__name__}:{name}"
        elif inspect.isclass(found) and found.__module__ == module.__name__:
            yield from (f"{module.__name__}:{name}.{method}" for method in _methods(found))


def _methods(owner: type) -> Iterator[str]:
    for name, found in vars(owner).items():
        plain = found.__func__ if isinstance(found, classmethod | staticmethod) else found
        is_ours = (
            inspect.isfunction(plain) and plain.__module__ == owner.__module__ and not hasattr(plain, "__wrapped__")
        )
        if is_ours and (not name.startswith("__") or name == "__init__"):
            yield name
