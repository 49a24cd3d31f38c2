"""What KSeF tells about an accepted invoice without handing out its content."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from lxml import etree

from .clock import stamp
from .fa3 import NAMESPACE, Facts

if TYPE_CHECKING:
    from .store import Invoice

_N = f"{{{NAMESPACE}}}"
#: RodzajFaktury -> InvoiceType
TYPES = {
    "VAT": "Vat",
    "KOR": "Kor",
    "ZAL": "Zal",
    "ROZ": "Roz",
    "UPR": "Upr",
    "KOR_ZAL": "KorZal",
    "KOR_ROZ": "KorRoz",
}
SUBJECTS = {
    "Subject1": "Podmiot1",
    "Subject2": "Podmiot2",
    "Subject3": "Podmiot3",
    "SubjectAuthorized": "PodmiotUpowazniony",
}


@dataclass(frozen=True)
class Summary:
    """Read once from the file when it is accepted.

    ``parties``: subject type -> identifiers (NIP, internal identifier) of those who see it so.
    ``fixed``: the part of InvoiceMetadata that comes from the file. Amounts in the invoice's
    currency, VAT in PLN.
    """

    parties: dict[str, frozenset[str]]
    fixed: dict[str, Any]


def summarize(facts: Facts) -> Summary:
    """The summary of a file that passed all checks."""
    net, vat = _sums(facts)
    fixed: dict[str, Any] = {
        "invoiceNumber": facts.number,
        "issueDate": facts.issue_date,
        "seller": {
            "nip": facts.seller_nip,
            "name": facts.text("Podmiot1/DaneIdentyfikacyjne/Nazwa"),
        },
        "buyer": _buyer(facts),
        "netAmount": float(net),
        "grossAmount": float(facts.text("Fa/P_15") or 0),
        "vatAmount": float(vat),
        "currency": facts.text("Fa/KodWaluty"),
        "invoiceType": TYPES[facts.kind],
        "formCode": {"systemCode": "FA (3)", "schemaVersion": "1-0E", "value": "FA"},
        "isSelfInvoicing": facts.text("Fa/Adnotacje/P_17") == "1",
        "hasAttachment": facts.has_attachment,
        "thirdSubjects": [_third(item) for item in facts.root.iterfind(f"{_N}Podmiot3")] or None,
        "authorizedSubject": _authorized(facts),
    }
    parties = {name: _identifiers(facts, tag) for name, tag in SUBJECTS.items()}
    return Summary(parties, fixed)


def describe(invoice: Invoice) -> dict[str, Any]:
    """The InvoiceMetadata of an accepted invoice."""
    if invoice.summary is None:
        raise ValueError("only accepted invoices have metadata")
    return {
        "ksefNumber": invoice.ksef_number,
        **invoice.summary.fixed,
        "invoicingDate": stamp(invoice.invoicing_date),
        "acquisitionDate": stamp(invoice.acquired_at),
        "permanentStorageDate": stamp(invoice.stored_at),
        "invoicingMode": invoice.mode,
        "invoiceHash": invoice.invoice_hash,
        "hashOfCorrectedInvoice": invoice.corrected_hash,
    }


def _sums(facts: Facts) -> tuple[Decimal, Decimal]:
    """Net in the invoice's currency; VAT in PLN: P_14_xW where it is given."""
    values = {
        item.tag.rpartition("}")[2]: Decimal(item.text or 0)
        for item in facts.root.iterfind(f"{_N}Fa/*")
        if isinstance(item.tag, str) and item.tag.startswith((f"{_N}P_13_", f"{_N}P_14_"))
    }
    net = sum((value for name, value in values.items() if name.startswith("P_13_")), Decimal(0))
    vat = sum(
        (
            value
            for name, value in values.items()
            if name.startswith("P_14_") and (name.endswith("W") or f"{name}W" not in values)
        ),
        Decimal(0),
    )
    return net, vat


def _identifiers(facts: Facts, tag: str) -> frozenset[str]:
    found: set[str] = set()
    for party in facts.root.iterfind(f"{_N}{tag}/{_N}DaneIdentyfikacyjne"):
        values = (party.findtext(f"{_N}{name}") for name in ("NIP", "IDWew"))
        found.update(value for value in values if value)
    return frozenset(found)


def _identity(party: etree._Element, kinds: dict[str, str]) -> dict[str, Any]:
    """Identifier and name; ``kinds``: identifier type -> element."""
    data = party.find(f"{_N}DaneIdentyfikacyjne")
    name = None if data is None else data.findtext(f"{_N}Nazwa")
    for kind, tag in kinds.items():
        value = None if data is None else data.findtext(f"{_N}{tag}")
        if value:
            return {"identifier": {"type": kind, "value": value}, "name": name}
    return {"identifier": {"type": "None"}, "name": name}


def _buyer(facts: Facts) -> dict[str, Any]:
    party = facts.root.find(f"{_N}Podmiot2")
    if party is None:
        return {"identifier": {"type": "None"}}
    return _identity(party, {"Nip": "NIP", "VatUe": "NrVatUE", "Other": "NrID"})


def _third(party: etree._Element) -> dict[str, Any]:
    kinds = {"Nip": "NIP", "InternalId": "IDWew", "VatUe": "NrVatUE", "Other": "NrID"}
    role = party.findtext(f"{_N}Rola")
    return {**_identity(party, kinds), "role": int(role) if role else 0}


def _authorized(facts: Facts) -> dict[str, Any] | None:
    party = facts.root.find(f"{_N}PodmiotUpowazniony")
    if party is None:
        return None
    data = f"{_N}DaneIdentyfikacyjne/{_N}"
    return {
        "nip": party.findtext(f"{data}NIP"),
        "name": party.findtext(f"{data}Nazwa"),
        "role": int(party.findtext(f"{_N}RolaPU") or 0),
    }
