"""Polish symbols of Odoo's units of measure, by the XML id of the unit.

By XML id and not by name: names are translated and users rename them.
"""

from __future__ import annotations

#: What stands in P_8A where a line has no unit at all.
DEFAULT_UNIT = "szt."

#: Name of the unit's XML id in the module ``uom`` -> symbol on a Polish invoice.
UNITS = {
    "product_uom_unit": "szt.",
    "product_uom_dozen": "tuzin",
    "product_uom_pack_6": "opak.",
    "product_uom_hour": "godz.",
    "product_uom_day": "dzień",
    "product_uom_minute": "min",
    "product_uom_kgm": "kg",
    "product_uom_gram": "g",
    "product_uom_ton": "t",
    "product_uom_meter": "m",
    "product_uom_km": "km",
    "product_uom_cm": "cm",
    "product_uom_millimeter": "mm",
    "product_uom_square_meter": "m²",
    "product_uom_cubic_meter": "m³",
    "product_uom_litre": "l",
    "product_uom_milliliter": "ml",
    "product_uom_kwh": "kWh",
}
