"""Which handler answers which method and path, and what it demands of the caller."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .messages import MethodNotAllowed, NotFound

Handler = Callable[..., Any]


@dataclass(frozen=True)
class Route:
    """One operation.

    ``token`` is None or the kinds of bearer tokens accepted (access, authentication, refresh);
    ``rights`` means any one of them; ``media`` is the content type of its body, None without one.
    """

    method: str
    template: str
    handler: Handler
    token: tuple[str, ...] = ()
    rights: tuple[str, ...] = ()
    media: str | None = None
    #: the API version that brought it
    since: tuple[int, int] = (2, 0)

    @property
    def prefix_free(self) -> str:
        """``POST /sessions/online``: how faults and the log name it (without ``/v2``)."""
        return f"{self.method} {self.template.removeprefix('/v2')}"

    @property
    def blank(self) -> str:
        """The same with ``{}`` for every placeholder, whatever it is called."""
        return blank(self.prefix_free)


def blank(operation: str) -> str:
    """An operation without the names of its placeholders: ``{ref}`` and ``{id}`` are ``{}``."""
    return re.sub(r"\{\w+\}", "{}", operation)


class Router:
    """A table of routes; templates have ``{name}`` for one path segment."""

    def __init__(self) -> None:
        self._routes: list[tuple[re.Pattern[str], Route]] = []

    def add(self, route: Route) -> None:
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(route.template))
        self._routes.append((re.compile(pattern), route))

    def routes(self) -> list[Route]:
        return [route for _pattern, route in self._routes]

    def match(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """The route and its path parameters; raises NotFound or MethodNotAllowed.

        Literal segments win over parameters because they are registered first.
        """
        allowed: list[str] = []
        for pattern, route in self._routes:
            found = pattern.fullmatch(path)
            if found is None:
                continue
            if route.method == method:
                return route, found.groupdict()
            allowed.append(route.method)
        if allowed:
            raise MethodNotAllowed("Metoda niedozwolona.", {"Allow": ", ".join(allowed)})
        raise NotFound("Nie znaleziono zasobu.")
