"""What may be chosen: the environment played, the API's version, speeds, sizes and strictness."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import timedelta


@dataclass(frozen=True)
class Profile:
    """What differs between the Ministry's environments."""

    name: str
    accepts_self_signed: bool
    checks_checksum: bool
    strict_characters: bool
    upo_suffix: str


PROFILES = {
    "test": Profile("test", True, False, True, " - środowisko testowe (TE)"),
    "demo": Profile("demo", False, False, True, " - środowisko przedprodukcyjne (TR)"),
    "prod": Profile("prod", False, True, False, ""),
}
#: What answers may look like; 2.7 came to production with 2.8.
API_VERSIONS = {"2.6": (2, 6), "2.8": (2, 8), "2.9": (2, 9)}


@dataclass
class Options:
    """The control API sets them; a reset puts back what the command line said."""

    profile: Profile = PROFILES["test"]
    api_version: tuple[int, int] = API_VERSIONS["2.9"]
    #: unknown properties are strewn over the answers, as the contract allows
    leak_check: bool = False
    #: KSeF tokens end with the year 2026, as the regulation still says
    tokens_disabled: bool = False
    #: what KOD II signs before ``/certificate``; None = this server's own address and ``/qr``
    qr_host: str | None = None
    #: looks that see an invoice at 100 and at 150
    polls: tuple[int, int] = (1, 2)
    auth_polls: int = 1
    storage_polls: int = 1
    certificate_polls: int = 1
    export_polls: int = 1
    #: what nobody looks at is finished after this
    settle_after: timedelta = timedelta(seconds=60)
    high_water_lag: timedelta = timedelta(seconds=90)
    max_invoices: int = 10_000
    upo_page_size: int = 10_000
    #: UPOs bear a signature of the Ministry, for which their schema has no place
    signed_upo: bool = False
    export_part_size: int = 50_000_000
    #: most rows of one query or export
    query_cap: int = 10_000
    #: whether the limits of requests are enforced
    count_requests: bool = True
    #: a technical correction must name a hash that was really rejected
    strict_corrections: bool = True
    wrong_original_session: bool = False
    repeated_close_ok: bool = False
    #: KSeF certificates enrolled here have the NULL parameter of the test authority's
    null_parameters: bool = True

    def copy_options(self, source: Options) -> None:
        """Take every option of ``source``."""
        for item in fields(Options):
            setattr(self, item.name, getattr(source, item.name))
