"""QR symbols: error correction M, quiet zone of four modules, one byte-mode segment."""

from __future__ import annotations

import io

import qrcode
from qrcode.constants import ERROR_CORRECT_M

_QUIET_ZONE = 4
# As told to Odoo's PDF engine, which draws a CSS millimetre as 0.85 mm on its A4 page: 0.6 mm on
# paper. Any telephone reads half a millimetre; a printer that takes off a tenth keeps above it.
MODULE_MM = 0.7


def _symbol(text: str, scale: int) -> qrcode.QRCode:
    symbol = qrcode.QRCode(error_correction=ERROR_CORRECT_M, box_size=scale, border=_QUIET_ZONE)
    # No splitting into numeric and alphanumeric runs: it saves nothing in these links and makes
    # the size of the symbol depend on the digits in a hash.
    symbol.add_data(text, optimize=0)
    symbol.make(fit=True)
    return symbol


def png(text: str, *, scale: int = 5) -> bytes:
    """A PNG of the symbol; ``scale`` is the width of a module in pixels."""
    output = io.BytesIO()
    _symbol(text, scale).make_image().save(output, "PNG")
    return output.getvalue()


def module_count(text: str) -> int:
    """Modules along one side, without the quiet zone (to choose a printed size)."""
    return _symbol(text, 1).modules_count


def side_mm(text: str, module_mm: float = MODULE_MM) -> float:
    """Side of the symbol in CSS millimetres, quiet zone included, rounded to 0.1."""
    return round((module_count(text) + 2 * _QUIET_ZONE) * module_mm, 1)
