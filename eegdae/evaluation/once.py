"""What verdicts on the same rows have in common is computed once."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


class Once:
    """A memory of what was computed from which objects, for as long as one fold is judged.

    It keeps the objects too, so that another one cannot take the identity of one that is gone.
    """

    def __init__(self) -> None:
        self._found: dict[Hashable, Any] = {}
        self._kept: list[Any] = []

    def __call__(self, make: Callable[[], T], *key: Hashable, of: tuple[Any, ...] = ()) -> T:
        """Give what ``make`` gave for this key and these objects before, or call it.

        Parameters
        ----------
        make : callable
            Without arguments; a function of the key and the objects alone.
        *key : hashable
            What it depends on by value; the first one is its name.
        of : tuple
            What it depends on by identity.

        Returns
        -------
        object
            The same one every time.
        """
        whole = (key, tuple(map(id, of)))
        if whole not in self._found:
            self._kept.append(of)
            self._found[whole] = make()
        return self._found[whole]  # type: ignore[no-any-return]
