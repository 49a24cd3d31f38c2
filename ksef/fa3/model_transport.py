"""Transport of the goods of an FA(3) document (within the terms of the transaction)."""

from __future__ import annotations

from datetime import datetime

from .lexical import (
    TDataCzas,
    TLadunek,
    TRodzajTransportu,
    TWybor1,
    TZnakowy,
    TZnakowy50,
)
from .model_parties import TAdres, TPodmiot2
from .structure import Choice, Group, element, many, one, opt


@element
class Przewoznik:
    """Carrier."""

    DaneIdentyfikacyjne: TPodmiot2 | None = one(TPodmiot2)
    AdresPrzewoznika: TAdres | None = one(TAdres)


@element
class Transport:
    """One transport: means, carrier, load, times and places."""

    RULES = (
        Choice("RodzajTransportu", Group("TransportInny", "OpisInnegoTransportu")),
        Choice("OpisLadunku", Group("LadunekInny", "OpisInnegoLadunku")),
    )

    RodzajTransportu: int | None = one(TRodzajTransportu)
    TransportInny: int | None = one(TWybor1)
    OpisInnegoTransportu: str | None = one(TZnakowy50)
    Przewoznik: Przewoznik | None = opt(Przewoznik)
    NrZleceniaTransportu: str | None = opt(TZnakowy)
    OpisLadunku: int | None = one(TLadunek)
    LadunekInny: int | None = one(TWybor1)
    OpisInnegoLadunku: str | None = one(TZnakowy50)
    JednostkaOpakowania: str | None = opt(TZnakowy)
    DataGodzRozpTransportu: datetime | None = opt(TDataCzas)
    DataGodzZakTransportu: datetime | None = opt(TDataCzas)
    WysylkaZ: TAdres | None = opt(TAdres)
    WysylkaPrzez: tuple[TAdres, ...] = many(TAdres, 0, 20)
    WysylkaDo: TAdres | None = opt(TAdres)
