"""The Ministry's environments and the addresses that belong to each."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from .errors import LocalError

# Upload and download links use hosts that no document lists; all are below this domain.
_MINISTRY_DOMAIN = ".ksef.mf.gov.pl"


@dataclass(frozen=True)
class Environment:
    """One environment. ``latarnia`` is the status beacon, None where there is none.

    ``believes_latarnia``: its announcements hold. TEST's has shown a made-up total failure since
    January 2026 and is never believed.
    ``accepts_self_signed``: an authentication certificate may be self-signed.
    ``checks_checksum``: check digits of NIP numbers are verified without asking for it.
    """

    key: str
    api: str
    qr: str
    latarnia: str | None
    accepts_self_signed: bool
    checks_checksum: bool
    believes_latarnia: bool

    def owns(self, url: str) -> bool:
        """Whether a link given by the API leads to this environment and may be followed."""
        try:
            target, api = urlsplit(url), urlsplit(self.api)
            target_port, api_port = target.port, api.port
        except ValueError:
            return False
        if target.username is not None or target.password is not None or not target.hostname:
            return False
        if self.key == "simulator":
            return (target.scheme, target.hostname, target_port) == (
                api.scheme,
                api.hostname,
                api_port,
            )
        return (
            target.scheme == "https"
            and target_port in (None, 443)
            and target.hostname.endswith(_MINISTRY_DOMAIN)
        )


TEST = Environment(
    key="test",
    api="https://api-test.ksef.mf.gov.pl/v2",
    qr="https://qr-test.ksef.mf.gov.pl",
    latarnia="https://api-latarnia-test.ksef.mf.gov.pl",
    accepts_self_signed=True,
    checks_checksum=False,
    believes_latarnia=False,
)
DEMO = Environment(
    key="demo",
    api="https://api-demo.ksef.mf.gov.pl/v2",
    qr="https://qr-demo.ksef.mf.gov.pl",
    latarnia=None,
    accepts_self_signed=False,
    checks_checksum=False,
    believes_latarnia=False,
)
PROD = Environment(
    key="prod",
    api="https://api.ksef.mf.gov.pl/v2",
    qr="https://qr.ksef.mf.gov.pl",
    latarnia="https://api-latarnia.ksef.mf.gov.pl",
    accepts_self_signed=False,
    checks_checksum=True,
    believes_latarnia=True,
)

_FIXED = {environment.key: environment for environment in (TEST, DEMO, PROD)}


def simulator(url: str) -> Environment:
    """The local stand-in at ``url`` (scheme, host and port). Raises LocalError on another shape."""
    base = url.strip().rstrip("/")
    try:
        parts = urlsplit(base)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or "@" in parts.netloc or parts.query or parts.fragment:
        raise LocalError("The address of the KSeF simulator must look like http://127.0.0.1:8899")
    return Environment(
        key="simulator",
        api=f"{base}/v2",
        qr=f"{base}/qr",
        latarnia=f"{base}/latarnia",
        accepts_self_signed=True,
        checks_checksum=False,
        believes_latarnia=True,
    )


def environment(key: str, simulator_url: str | None = None) -> Environment:
    """The environment called ``key`` (test, demo, prod, simulator). Raises LocalError."""
    if key == "simulator":
        if not simulator_url:
            raise LocalError("The KSeF simulator has no address")
        return simulator(simulator_url)
    try:
        return _FIXED[key]
    except KeyError:
        raise LocalError(f"There is no KSeF environment called {key!r}") from None
