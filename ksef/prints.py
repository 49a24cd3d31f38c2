"""What a print of an invoice is called and which codes it carries, in every state.

Regulation Dz.U. 2025 poz. 1815 par. 9; VAT act art. 106gb(4), 106nda, 106nf, 106ng, 106nh.
"""

from __future__ import annotations

from dataclasses import dataclass

from .deadlines import MODES

INVOICE = "invoice"
# What is neither: not issued in KSeF, or not to be handed over without its second code.
WORKING_COPY = "working_copy"
# "Potwierdzenie transakcji": what may be handed over while the invoice itself waits for KSeF.
CONFIRMATION = "confirmation"

KOD_I = "invoice"
KOD_II = "certificate"

# Prescribed, upper case, never translated.
LABEL_OFFLINE = "OFFLINE"
LABEL_CERTIFICATE = "CERTYFIKAT"


@dataclass(frozen=True)
class Code:
    """One QR code: ``kind`` is KOD_I or KOD_II, ``label`` the text directly under it."""

    kind: str
    label: str


@dataclass(frozen=True)
class Print:
    """``heading`` is INVOICE, CONFIRMATION or WORKING_COPY; ``codes`` in their order, or none."""

    heading: str
    codes: tuple[Code, ...]


def printed(
    mode: str | None, *, ksef_number: str | None, outside_ksef: bool, signed: bool = True
) -> Print:
    """The print of a posted invoice of legal ``mode``; None: it is not frozen yet.

    ``outside_ksef``: the buyer is one of art. 106gb(4), who gets the invoice in an agreed way (no
    NIP, a consumer, no seat in Poland, supply outside Poland). ``signed``: KOD II is there; without
    it nothing is handed over before the number. Raises ValueError for a mode that does not exist.
    """
    if mode is None:
        return Print(WORKING_COPY, ())
    if mode not in MODES:
        raise ValueError(f"There is no legal mode {mode!r}")
    if ksef_number:
        return Print(INVOICE, (Code(KOD_I, ksef_number),))
    if mode == "total_failure":
        return Print(INVOICE, ())
    if not signed:
        return Print(WORKING_COPY, (Code(KOD_I, LABEL_OFFLINE),))
    # An invoice of an announced failure may be handed to anyone; one sent online to nobody before
    # its number is known.
    is_invoice = mode == "emergency" or (outside_ksef and mode in ("offline24", "offline"))
    return Print(
        INVOICE if is_invoice else CONFIRMATION,
        (Code(KOD_I, LABEL_OFFLINE), Code(KOD_II, LABEL_CERTIFICATE)),
    )
