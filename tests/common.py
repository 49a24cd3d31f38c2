"""Odoo tests talk to the simulator, a process of its own, over a real socket."""

import base64
import os
import subprocess
from datetime import datetime, timezone
from pathlib import Path
from unittest.mock import patch

import requests

from odoo import Command, fields
from odoo.tests import new_test_user

from odoo.addons.account.tests.common import AccountTestInvoicingCommon

from .schemas import schema_files, schema_folder

ROOT = Path(__file__).resolve().parent.parent
#: the Ministry's OpenAPI file, where the shared data has it
SHARED = Path(os.environ.get("L10N_PL_KSEF_SHARED", ROOT.parent / "shared"))
CONTRACT = SHARED / "ksef" / "open-api.json"
SELLER_NIP = "5265877635"
BUYER_NIP = "1111111111"
SETTLE = "odoo.addons.l10n_pl_ksef.models.l10n_pl_ksef_sender_settle"
SEND = "POST /sessions/online/{ref}/invoices"


class Simulator:
    """A simulator process on a free port of the loopback, and its control API."""

    def __init__(self):
        bench = Path(os.environ.get("L10N_PL_KSEF_BENCH", ROOT / ".bench"))
        python = os.environ.get("L10N_PL_KSEF_SIMULATOR_PYTHON", str(bench / "venv-sim/bin/python"))
        schemas = str(schema_folder())
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        # the leak check, always: the Ministry may add unknown properties to answers any day
        options = ["--port", "0", "--profile", "test", "--leak-check", "--schemas", schemas]
        if CONTRACT.is_file():
            options += ["--contract", str(CONTRACT)]
        self.process = subprocess.Popen(  # noqa: S603
            [python, "-m", "simulator", *options],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        line = self.process.stdout.readline()
        if "http://" not in line:
            self.process.kill()
            raise RuntimeError(f"The simulator did not start with {python}: run bin/setup.")
        self.url = line.split()[-1].strip()

    def stop(self):
        broken = self.get("contract")["faults"] if self.process.poll() is None else []
        self.process.terminate()
        self.process.wait(10)
        self.process.stdout.close()
        # what it took and answered during all tests of the class, held against the OpenAPI file
        assert not broken, "\n".join(broken)

    def post(self, path, **body):
        reply = requests.post(f"{self.url}/_sim/{path}", json=body, timeout=10)
        reply.raise_for_status()
        return reply.json() if reply.content else None

    def get(self, path):
        reply = requests.get(f"{self.url}/_sim/{path}", timeout=10)
        reply.raise_for_status()
        return reply.json()

    def fault(self, endpoint, kind, when="before", times=1, **more):
        self.post("faults", endpoint=endpoint, kind=kind, when=when, times=times, **more)

    def calls(self, route):
        """The logged requests of one route, written like 'POST /auth/challenge'."""
        return [
            entry for entry in self.get("log") if f"{entry['method']} {entry['route']}" == route
        ]

    def invoices(self):
        return self.get("invoices")


class KsefCommon(AccountTestInvoicingCommon):
    """A Polish company connected to a simulator, and an accountant without system rights."""

    @classmethod
    @AccountTestInvoicingCommon.setup_country("pl")
    def setUpClass(cls):
        super().setUpClass()
        cls.simulator = Simulator()
        cls.addClassCleanup(cls.simulator.stop)
        cls.env["ir.config_parameter"].set_param("l10n_pl_ksef.simulator_url", cls.simulator.url)
        # every file that a test freezes is checked against the Ministry's own schema
        cls.env["l10n_pl_ksef.schemas"]._store(schema_files())
        cls.company = cls.company_data["company"]
        cls.company.partner_id.write(
            {
                "name": "ACME Polska sp. z o.o.",
                "street": "ul. Kwiatowa 1",
                "zip": "00-001",
                "city": "Warszawa",
                "country_id": cls.env.ref("base.pl").id,
                "vat": f"PL{SELLER_NIP}",
            }
        )
        cls.company.sudo().write(
            {"l10n_pl_ksef_environment": "simulator", "l10n_pl_ksef_start_date": "2026-02-01"}
        )
        cls.buyer = cls.env["res.partner"].create(
            {
                "name": "F.H.U. Jan Kowalski",
                "is_company": True,
                "street": "ul. Polna 1",
                "zip": "00-001",
                "city": "Warszawa",
                "country_id": cls.env.ref("base.pl").id,
                "vat": f"PL{BUYER_NIP}",
                "email": "jan@example.com",
            }
        )
        cls.connection = cls.env["l10n_pl_ksef.connection"]._for_company(cls.company, create=True)
        cls.accountant = new_test_user(
            cls.env,
            login="ksef_accountant",
            groups="account.group_account_invoice",
            company_id=cls.company.id,
            company_ids=[Command.set(cls.company.ids)],
        )
        cls.administrator = new_test_user(
            cls.env,
            login="ksef_administrator",
            groups="account.group_account_manager,l10n_pl_ksef.group_l10n_pl_ksef_admin",
            company_id=cls.company.id,
            company_ids=[Command.set(cls.company.ids)],
        )
        cls.tax_23 = cls.env.ref(f"account.{cls.company.id}_vs_kraj_23")

    @classmethod
    def _request_handler(cls, session, request, /, **kw):
        # Odoo's guard of the test suite compares the time-out with a number; ours are two
        if isinstance(kw.get("timeout"), tuple):
            kw["timeout"] = kw["timeout"][1]
        return super()._request_handler(session, request, **kw)

    def setUp(self):
        super().setUp()
        self.simulator.post("reset")
        self.simulator.post("speed", polls=[0, 0])
        self.startPatcher(patch(f"{SETTLE}.SETTLE_WAITS", (0.05, 0.1)))
        self.connection._forget_tokens()
        self.connection._unblock()
        self.give_certificate()

    def give_certificate(self):
        """A throw-away KSeF certificate from the simulator's own authority."""
        made = self.simulator.post("certificates", nip=SELLER_NIP, kind="Authentication")
        certificate = self.certificate_of(made)
        self.company.sudo().l10n_pl_ksef_auth_certificate_id = certificate
        return certificate

    def certificate_of(self, made, scope="ksef_auth"):
        """The record of a certificate that the simulator's control API made."""
        key = self.env["certificate.key"].create(
            {
                "name": "KSeF test key",
                "content": base64.b64encode(made["key"].encode()),
                "company_id": self.company.id,
            }
        )
        return self.env["certificate.certificate"].create(
            {
                "name": "KSeF test",
                "content": made["certificate"],
                "private_key_id": key.id,
                "scope": scope,
                "company_id": self.company.id,
            }
        )

    @classmethod
    def today(cls):
        return cls.env["account.move"]._l10n_pl_ksef_today()

    def invoice(self, price=100.0, user=None, **vals):
        """A posted invoice over one line at 23 %."""
        moves = self.env["account.move"].with_user(user or self.accountant)
        move = moves.create(
            {
                "move_type": "out_invoice",
                "partner_id": self.buyer.id,
                "invoice_date": self.today(),
                "invoice_line_ids": [
                    Command.create(
                        {
                            "name": "Usługa",
                            "quantity": 1,
                            "price_unit": price,
                            "tax_ids": [Command.set(self.tax_23.ids)],
                        }
                    )
                ],
                **vals,
            }
        )
        move.action_post()
        return move

    def send(self, move, **settings):
        """What the wizard does when the user presses Send."""
        return (
            self.env["account.move.send"]
            .with_user(self.accountant)
            ._generate_and_send_invoices(
                move, sending_methods=["manual"], extra_edis={"l10n_pl_ksef"}, **settings
            )
        )

    def freeze(self, move):
        return move.with_user(self.accountant)._l10n_pl_ksef_freeze()

    def run_cron(self, name):
        """Run a scheduled action as Odoo does: with commits, which the test makes savepoints."""
        with self.enter_registry_test_mode():
            xmlid = name if "." in name else f"l10n_pl_ksef.{name}"
            self.env.ref(xmlid).sudo().method_direct_trigger()
        self.env.invalidate_all()

    @staticmethod
    def expire_lease(documents):
        documents.sudo().write({"lease_until": fields.Datetime.now()})

    @staticmethod
    def make_due(documents):
        documents.sudo().write({"next_attempt_at": False})
        documents.sudo().connection_id.blocked_until = False

    @staticmethod
    def now():
        return datetime.now(timezone.utc)
