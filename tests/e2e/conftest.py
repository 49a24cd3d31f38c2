"""What the tests of crashes share: a simulator, and a company in Odoo that is connected to it."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator

import pytest
from bench import Database, Server, Session, succeed
from simulator_process import SimulatorProcess

NIP = "5795955811"


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorProcess]:
    process = SimulatorProcess()
    yield process
    process.stop()


@pytest.fixture(scope="module")
def database(simulator: SimulatorProcess, request: pytest.FixtureRequest) -> Iterator[Database]:
    """A company that is connected to the simulator, and an accountant."""
    name = f"e2e_{request.module.__name__.removeprefix('test_')}_{os.getpid()}"
    succeed("odoo", "copy", "tpl_pl", name)
    succeed("odoo", "server", "-d", name, "-i", "l10n_pl_ksef", "--stop-after-init", "--no-http")
    server = Server(name, "--max-cron-threads", "0")
    try:
        connect(server.login("admin"), simulator)
    finally:
        server.kill()
    yield Database(name)
    succeed("odoo", "drop", name)


def connect(admin: Session, simulator: SimulatorProcess) -> None:
    made = simulator.control("certificates", {"nip": NIP, "kind": "Authentication"})
    url = ("l10n_pl_ksef.simulator_url", simulator.url)
    admin.call("ir.config_parameter", "set_param", *url)
    company = admin.ref("base.main_company")
    key = admin.create(
        "certificate.key",
        name="crash",
        content=base64.b64encode(made["key"].encode()).decode(),
        company_id=company,
    )
    certificate = admin.create(
        "certificate.certificate",
        name="crash",
        content=made["certificate"],
        private_key_id=key,
        scope="ksef_auth",
        company_id=company,
    )
    admin.call(
        "res.company",
        "write",
        [company],
        {
            "l10n_pl_ksef_environment": "simulator",
            "l10n_pl_ksef_auth_certificate_id": certificate,
        },
    )
    groups = ("base.group_user", "base.group_partner_manager", "account.group_account_invoice")
    admin.create(
        "res.users",
        name="Accountant",
        login="accountant",
        password="accountant",
        group_ids=[(6, 0, [admin.ref(group) for group in groups])],
    )
