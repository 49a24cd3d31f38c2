"""The third-party SDK ksef-client gets along with the simulator, unaided."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime, timedelta, timezone

import pytest
from harness import Api, adapted, key_pair
from ksef_client import KsefClient, KsefClientOptions
from ksef_client import models as m
from ksef_client.services.workflows import AuthCoordinator, OnlineSessionWorkflow
from lxml import etree

NIP = "5265877635"


@pytest.mark.parametrize("rsa", [False, True], ids=["ec", "rsa"])
def test_sdk_from_login_to_upo(api: Api, invoice_template: bytes, rsa: bool) -> None:
    certificate, key = key_pair(api, NIP, rsa=rsa)
    with KsefClient(KsefClientOptions(base_url=api.url)) as sdk:
        auth = AuthCoordinator(sdk.auth).authenticate_with_xades(
            context_identifier_type="nip",
            context_identifier_value=NIP,
            subject_identifier_type="certificateSubject",
            certificate_pem=certificate,
            private_key_pem=key,
            poll_interval_seconds=0,
        )
        keys = sdk.security.get_public_key_certificates()
        usages = [[str(getattr(usage, "value", usage)) for usage in key.usage] for key in keys]
        chosen = keys[usages.index(["SymmetricKeyEncryption"])]
        session = OnlineSessionWorkflow(sdk.sessions).open_session(
            form_code=m.FormCode(system_code="FA (3)", schema_version="1-0E", value="FA"),
            public_certificate=chosen.certificate,
            public_key_id=chosen.public_key_id,
            access_token=auth.access_token,
        )
        day = (datetime.now(timezone.utc) - timedelta(hours=12)).date()
        xml = adapted(invoice_template, P_1=day.isoformat(), P_2=f"WITNESS/{rsa}")
        sent = session.send_invoice(xml)
        status = session.get_invoice_status(sent.reference_number)
        assert status.status.code == 200, status.status
        digest = base64.b64encode(hashlib.sha256(xml).digest()).decode()
        assert status.invoice_hash == digest
        assert status.ksef_number
        upo = session.get_invoice_upo_by_ref(sent.reference_number)
        document = etree.fromstring(upo)
        number = document.findtext(".//{*}NumerKSeFDokumentu")
        assert number == status.ksef_number
        assert document.findtext(".//{*}SkrotDokumentu") == digest
        session.close()
        assert session.get_status().status.code in (170, 200)
        stored = sdk.invoices.get_invoice_bytes(number, access_token=auth.access_token)
        assert stored.content == xml
