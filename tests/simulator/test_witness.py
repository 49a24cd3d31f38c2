"""The third-party SDK ksef-client gets along with the simulator, unaided.

Where it fails because it is wrong, the test says so with the paragraph that proves it.
"""

from __future__ import annotations

import base64
import hashlib
import socket
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from typing import Any

import pytest
from batches import make_tar, make_zip
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from exporting import window
from harness import NIP, Api, adapted, key_pair, today
from ksef_client import KsefClient, KsefClientOptions, KsefHttpError
from ksef_client import models as m
from ksef_client.services.crypto import build_encryption_data
from ksef_client.services.csr import generate_csr_ec, generate_csr_rsa
from ksef_client.services.verification_link import VerificationLinkService
from ksef_client.services.workflows import (
    AuthCoordinator,
    BatchSessionWorkflow,
    ExportWorkflow,
    OnlineSessionWorkflow,
)
from lxml import etree

#: The SDK follows no link to a loopback address or to localhost, so it gets a name.
HOST = "ksef.simulator.test"
FORM = m.FormCode(system_code="FA (3)", schema_version="1-0E", value="FA")


@pytest.fixture
def options(api: Api, monkeypatch: pytest.MonkeyPatch) -> KsefClientOptions:
    """Options of an SDK that finds the simulator under :data:`HOST`."""
    resolve = socket.getaddrinfo

    def resolve_simulator(host: Any, *arguments: Any, **more: Any) -> Any:
        named = host in (HOST, HOST.encode())
        return resolve("127.0.0.1" if named else host, *arguments, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve_simulator)
    url = f"http://{HOST}:{api.url.rpartition(':')[2]}"
    return KsefClientOptions(
        base_url=url, base_qr_url=f"{url}/qr", strict_presigned_url_validation=False
    )


@pytest.fixture
def sdk(options: KsefClientOptions) -> Iterator[KsefClient]:
    with KsefClient(options) as client:
        yield client


@pytest.fixture
def xml(invoice_template: bytes) -> bytes:
    return adapted(invoice_template, P_1=today(), P_2="WITNESS/1")


def xades_login(sdk: KsefClient, pair: tuple[str, str]) -> str:
    certificate, key = pair
    result = AuthCoordinator(sdk.auth).authenticate_with_xades(
        context_identifier_type="nip",
        context_identifier_value=NIP,
        subject_identifier_type="certificateSubject",
        certificate_pem=certificate,
        private_key_pem=key,
        poll_interval_seconds=0,
    )
    return result.access_token


def key_for(sdk: KsefClient, usage: str) -> Any:
    keys = sdk.security.get_public_key_certificates()
    return next(
        key for key in keys if usage in [getattr(item, "value", item) for item in key.usage]
    )


def sha(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


@pytest.mark.parametrize("rsa", [False, True], ids=["ec", "rsa"])
def test_interactive_session(api: Api, sdk: KsefClient, xml: bytes, rsa: bool) -> None:
    token = xades_login(sdk, key_pair(api, NIP, rsa=rsa))
    chosen = key_for(sdk, "SymmetricKeyEncryption")
    session = OnlineSessionWorkflow(sdk.sessions).open_session(
        form_code=FORM,
        public_certificate=chosen.certificate,
        public_key_id=chosen.public_key_id,
        access_token=token,
    )
    sent = session.send_invoice(xml)
    status = session.get_invoice_status(sent.reference_number)
    assert (status.status.code, status.invoice_hash) == (200, sha(xml))
    document = etree.fromstring(session.get_invoice_upo_by_ref(sent.reference_number))
    number = document.findtext(".//{*}NumerKSeFDokumentu")
    assert (number, document.findtext(".//{*}SkrotDokumentu")) == (status.ksef_number, sha(xml))
    session.close()
    assert session.get_status().status.code in (170, 200)
    assert number is not None
    assert sdk.invoices.get_invoice_bytes(number, access_token=token).content == xml


def test_login_with_a_token(api: Api, sdk: KsefClient) -> None:
    secret = api.control("POST", "tokens", nip=NIP)["token"]
    chosen = key_for(sdk, "KsefTokenEncryption")
    result = AuthCoordinator(sdk.auth).authenticate_with_ksef_token(
        token=secret,
        public_certificate=chosen.certificate,
        public_key_id=chosen.public_key_id,
        context_identifier_type="nip",
        context_identifier_value=NIP,
        poll_interval_seconds=0,
    )
    assert sdk.limits.get_context_limits(result.access_token)


def send_batch(sdk: KsefClient, token: str, archive: bytes, kind: m.CompressionType) -> Any:
    chosen = key_for(sdk, "SymmetricKeyEncryption")
    session = BatchSessionWorkflow(sdk.sessions, sdk.http_client).open_session(
        form_code=FORM,
        archive_bytes=archive,
        compression_type=kind,
        public_certificate=chosen.certificate,
        public_key_id=chosen.public_key_id,
        access_token=token,
    )
    session.upload_parts()
    session.close()
    return session


def invoices(xml: bytes, count: int = 3) -> dict[str, bytes]:
    return {f"{i}.xml": xml.replace(b"WITNESS/1", b"WITNESS/%d" % i) for i in range(count)}


@pytest.mark.parametrize(
    ("kind", "pack"),
    [(m.CompressionType.ZIP, make_zip), (m.CompressionType.TARGZ, make_tar)],
    ids=["zip", "targz"],
)
def test_batch_session(
    api: Api,
    sdk: KsefClient,
    xml: bytes,
    kind: m.CompressionType,
    pack: Callable[[dict[str, bytes]], bytes],
) -> None:
    token = xades_login(sdk, key_pair(api))
    files = invoices(xml)
    session = send_batch(sdk, token, pack(files), kind)
    status = session.get_status()
    assert (status.status.code, status.successful_invoice_count) == (200, 3)
    rows = session.list_invoices().invoices
    assert [row.invoice_hash for row in rows] == [sha(content) for content in files.values()]
    [page] = status.upo.pages
    document = etree.fromstring(session.get_upo(page.reference_number))
    assert [item.text for item in document.iterfind(".//{*}NumerKSeFDokumentu")] == [
        row.ksef_number for row in rows
    ]
    assert session.list_failed_invoices().invoices == []


def test_the_packers_of_the_sdk(api: Api, sdk: KsefClient, xml: bytes) -> None:
    from ksef_client.utils.zip_utils import build_tar_gz, build_zip

    token = xades_login(sdk, key_pair(api))
    for index, (kind, pack) in enumerate(
        [(m.CompressionType.ZIP, build_zip), (m.CompressionType.TARGZ, build_tar_gz)]
    ):
        changed = xml.replace(b"WITNESS", b"PACKED%d" % index)
        session = send_batch(sdk, token, pack(invoices(changed)), kind)
        assert session.get_status().status.code == 200


def filters(**more: Any) -> m.InvoiceQueryFilters:
    begin = window()["from"]
    return m.InvoiceQueryFilters(
        subject_type=m.InvoiceQuerySubjectType.SUBJECT1,
        date_range=m.InvoiceQueryDateRange(
            date_type=m.InvoiceQueryDateType.PERMANENTSTORAGE, from_=begin
        ),
        **more,
    )


@pytest.mark.parametrize("kind", [m.CompressionType.ZIP, m.CompressionType.TARGZ])
def test_query_and_export(api: Api, sdk: KsefClient, xml: bytes, kind: m.CompressionType) -> None:
    api.control("POST", "settings", export_polls=0, export_part_size=1000)
    token = xades_login(sdk, key_pair(api))
    files = invoices(xml)
    send_batch(sdk, token, make_zip(files), m.CompressionType.ZIP).get_status()
    found = sdk.invoices.query_invoice_metadata(filters(), access_token=token)
    assert {row.invoice_hash for row in found.invoices} == {sha(item) for item in files.values()}
    one = sdk.invoices.query_invoice_metadata(
        filters(invoice_number="WITNESS/2"), access_token=token
    )
    assert [row.invoice_hash for row in one.invoices] == [sha(files["2.xml"])]
    chosen = key_for(sdk, "SymmetricKeyEncryption")
    encryption = build_encryption_data(chosen.certificate, public_key_id=chosen.public_key_id)
    assert encryption.encryption_info is not None
    started = sdk.invoices.export_invoices(
        m.InvoiceExportRequest(
            encryption=encryption.encryption_info, filters=filters(), compression_type=kind
        ),
        access_token=token,
    )
    done = sdk.invoices.get_export_status(started.reference_number, access_token=token)
    assert done.status.code == 200
    assert done.package is not None
    assert len(done.package.parts) > 1
    result = ExportWorkflow(sdk.invoices, sdk.http_client).download_and_process_package(
        done.package, encryption, compression_type=kind
    )
    numbers = {row.ksef_number: row.invoice_hash for row in found.invoices}
    assert {
        name.removesuffix(".xml"): sha(content.encode())
        for name, content in result.invoice_xml_files.items()
    } == numbers
    assert {row["ksefNumber"]: row["invoiceHash"] for row in result.metadata_summaries} == numbers


def test_wrong_the_sdk_allows_a_range_of_100_days(api: Api, sdk: KsefClient) -> None:
    """The SDK checks 100 days; the contract has 3 months.

    OpenAPI, InvoiceQueryFilters.dateRange: the longest period is 3 months in UTC or in Warsaw;
    ksef-api.md, section 11.
    """
    token = xades_login(sdk, key_pair(api))
    period = m.InvoiceQueryDateRange(
        date_type=m.InvoiceQueryDateType.ISSUE,
        from_="2026-07-01T00:00:00+02:00",
        to="2026-10-05T00:00:00+02:00",
    )
    with pytest.raises(KsefHttpError) as refused:
        sdk.invoices.query_invoice_metadata(
            replace(filters(), date_range=period), access_token=token
        )
    assert (refused.value.status_code, "21405" in str(refused.value.__dict__)) == (400, True)


def enrol(sdk: KsefClient, token: str, kind: str, *, rsa: bool) -> tuple[str, bytes, str]:
    """Serial, certificate and key (PEM) of a certificate that the SDK asked for."""
    data = sdk.certificates.get_enrollment_data(token)
    request = (generate_csr_rsa if rsa else generate_csr_ec)(asdict(data))
    started = sdk.certificates.send_enrollment(
        m.EnrollCertificateRequest(
            certificate_name=f"Witness {kind}",
            certificate_type=m.KsefCertificateType(kind),
            csr=request.csr_base64,
        ),
        access_token=token,
    )
    status = sdk.certificates.get_enrollment_status(started.reference_number, access_token=token)
    assert status.status.code == 200, status
    serial = status.certificate_serial_number
    assert serial is not None
    [item] = sdk.certificates.retrieve_certificate(
        m.RetrieveCertificatesRequest(certificate_serial_numbers=[serial]), access_token=token
    ).certificates
    key = serialization.load_der_private_key(base64.b64decode(request.private_key_base64), None)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return serial, base64.b64decode(item.certificate), pem.decode()


@pytest.mark.parametrize("rsa", [False, True], ids=["ec", "rsa"])
def test_certificates_and_both_codes(
    api: Api, sdk: KsefClient, options: KsefClientOptions, xml: bytes, rsa: bool
) -> None:
    # the NULL parameter of the test authority's signatures is one that cryptography 50 refuses
    api.control("POST", "speed", certificates=0, null_parameters=False)
    token = xades_login(sdk, key_pair(api))
    limits = sdk.certificates.get_limits(token)
    assert limits.can_request
    left = limits.enrollment.remaining
    _serial, der, key = enrol(sdk, token, "Authentication", rsa=rsa)
    pem = x509.load_der_x509_certificate(der).public_bytes(serialization.Encoding.PEM).decode()
    token = xades_login(sdk, (pem, key))
    serial, _der, key = enrol(sdk, token, "Offline", rsa=rsa)
    assert sdk.certificates.get_limits(token).enrollment.remaining == left - 2

    chosen = key_for(sdk, "SymmetricKeyEncryption")
    session = OnlineSessionWorkflow(sdk.sessions).open_session(
        form_code=FORM,
        public_certificate=chosen.certificate,
        public_key_id=chosen.public_key_id,
        access_token=token,
    )
    sent = session.send_invoice(xml)
    number = session.get_invoice_status(sent.reference_number).ksef_number
    links = VerificationLinkService(options)
    first = links.build_invoice_verification_url(NIP, today(), sha(xml))
    assert api.get(first + "?format=json").json()["ksefNumber"] == number
    second = links.build_certificate_verification_url(
        seller_nip=NIP,
        context_identifier_type="Nip",
        context_identifier_value=NIP,
        certificate_serial=serial,
        invoice_hash=sha(xml),
        private_key_pem=key,
    )
    assert scan(api, second)["result"] == "valid"
    sdk.certificates.revoke_certificate(
        serial,
        m.RevokeCertificateRequest(revocation_reason=m.CertificateRevocationReason.SUPERSEDED),
        access_token=token,
    )
    assert scan(api, second)["result"] != "valid"
    listed = sdk.certificates.query_certificates(
        m.QueryCertificatesRequest(certificate_serial_number=serial), access_token=token
    ).certificates
    # Blocked is what a certificate is between the two
    assert [item.status.value in ("Blocked", "Revoked") for item in listed] == [True]


def test_wrong_the_sdk_cannot_read_certificates_of_the_test_authority(
    api: Api, sdk: KsefClient
) -> None:
    """KSeF TE signs with ecdsa-with-SHA512 and an explicit NULL: real, if not clean, DER.

    ksef-api.md, section 12, parser hazard: cryptography 50, on which the SDK relies, refuses it.
    """
    api.control("POST", "speed", certificates=0, null_parameters=True)
    token = xades_login(sdk, key_pair(api))
    _serial, der, key = enrol(sdk, token, "Authentication", rsa=False)
    body = base64.encodebytes(der).decode()
    pem = f"-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n"
    with pytest.raises(ValueError, match="ExtraData"):
        xades_login(sdk, (pem, key))


def scan(api: Api, link: str) -> dict[str, Any]:
    """The JSON twin of a verification page."""
    answer = api.get(link + "?format=json")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body
