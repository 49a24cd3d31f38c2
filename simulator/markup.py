"""Pages for people: plain HTML with its style inside, nothing fetched from anywhere."""

from __future__ import annotations

import html
from collections.abc import Iterable

from .messages import Response

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;margin:0;color:#1c2430;background:#f4f6f9}
header{background:#1b3a5b;color:#fff;padding:.8rem 1.5rem}
header p{margin:0;opacity:.85} h1{font-size:1.3rem;margin:0}
main{max-width:72rem;margin:1.5rem auto;padding:0 1.5rem}
section{background:#fff;border:1px solid #d8dee6;border-radius:6px;padding:1rem 1.25rem;
margin-bottom:1.25rem;overflow-x:auto}
h2{font-size:1.05rem;margin:0 0 .6rem}
h3{font-size:1rem;font-weight:600;margin:.7rem 0 .2rem;color:#51606f}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.3rem .8rem .3rem 0;border-bottom:1px solid #e8ecf1;
vertical-align:top} td:first-child{white-space:nowrap}
th{font-weight:600;color:#51606f} tr:last-child td{border-bottom:0}
code{font-size:.9em;overflow-wrap:anywhere} button{font:inherit;padding:.4rem .9rem;margin:.2rem
.4rem .2rem 0;border:1px solid #1b3a5b;border-radius:4px;background:#fff;color:#1b3a5b;
cursor:pointer} button:hover,button:focus-visible{background:#1b3a5b;color:#fff}
.good{color:#146c2e} .bad{color:#a01818} .note{color:#51606f}
.banner{padding:.6rem 1rem;border-radius:6px;margin-bottom:1.25rem;border:1px solid;background:#fff}
"""


def page(
    title: str, subtitle: str, body: str, *, language: str = "pl", status: int = 200
) -> Response:
    """A whole page; ``title`` and ``subtitle`` are text, ``body`` is markup."""
    text = (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>"
        f"<header><h1>{escape(title)}</h1><p>{escape(subtitle)}</p></header>"
        f"<main>{body}</main></body></html>"
    )
    return Response(status, text.encode("utf-8"), "text/html; charset=utf-8")


def escape(value: object) -> str:
    return html.escape(str(value))


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A table of escaped texts; a cell that is :class:`Raw` stays as it is."""
    first = "".join(f'<th scope="col">{escape(text)}</th>' for text in head)
    lines = "".join(
        "<tr>" + "".join(f"<td>{cell(value)}</td>" for value in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{first}</tr></thead><tbody>{lines}</tbody></table>"


class Raw(str):
    """Markup that needs no escaping."""


def cell(value: object) -> str:
    return value if isinstance(value, Raw) else escape("" if value is None else value)


def section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{body}</section>"
