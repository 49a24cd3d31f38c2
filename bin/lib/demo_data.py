"""The demo's company, people and invoices; run in `odoo shell` before demo_job.py.

Reads from the environment: DEMO_SIMULATOR (the simulator's address), L10N_PL_KSEF_SCHEMAS (folder).
"""

import base64
import os
import sys
from pathlib import Path

import requests
from markupsafe import Markup

from odoo import Command

# ruff: noqa: F821 (env is the shell's)
NIP = "5795955811"
simulator = os.environ["DEMO_SIMULATOR"]


def set_up():
    """The template's Polish company, connected to the simulator with throw-away certificates."""
    company = env.company
    env["ir.config_parameter"].set_param("l10n_pl_ksef.simulator_url", simulator)
    company.l10n_pl_ksef_environment = "simulator"
    # a printed invoice names the seller's NIP; Odoo's placeholder for a logo does not belong there
    company.company_details = Markup("{}<br/>{}<br/>{} {}<br/>NIP {}").format(
        company.name, company.street, company.zip, company.city, NIP
    )
    company.logo = False
    company.l10n_pl_ksef_auth_certificate_id = certificate(company, "Authentication", "ksef_auth")
    company.l10n_pl_ksef_offline_certificate_id = certificate(company, "Offline", "ksef_offline")
    # the bench has the Ministry's schemas; Odoo would fetch them from the Internet
    folder = Path(os.environ["L10N_PL_KSEF_SCHEMAS"])
    schemas = {file.name: file.read_bytes() for file in folder.glob("*.xsd")}
    env["l10n_pl_ksef.schemas"]._store(schemas)
    env.ref("base.user_admin").group_ids |= env.ref("l10n_pl_ksef.group_l10n_pl_ksef_admin")
    connection = env["l10n_pl_ksef.connection"]._for_company(company, create=True)
    connection.with_user(env.ref("base.user_admin")).action_connect()
    if connection.state != "connected":
        sys.exit(f"The demo company could not connect: {connection.message}")
    add_accountant(company)
    env.cr.commit()
    return company


def certificate(company, kind, scope):
    made = requests.post(
        f"{simulator}/_sim/certificates", json={"nip": NIP, "kind": kind}, timeout=10
    ).json()
    key = env["certificate.key"].create(
        {
            "name": f"Klucz KSeF {kind} (demo)",
            "content": base64.b64encode(made["key"].encode()),
            "company_id": company.id,
        }
    )
    return env["certificate.certificate"].create(
        {
            "name": f"Certyfikat KSeF {kind} (demo)",
            "content": made["certificate"],
            "private_key_id": key.id,
            "scope": scope,
            "company_id": company.id,
        }
    )


def add_accountant(company):
    """A second person to log in as: sends invoices, cannot change settings."""
    groups = ("base.group_user", "base.group_partner_manager", "account.group_account_invoice")
    env["res.users"].create(
        {
            "name": "Anna Księgowa",
            "login": "accountant",
            "password": "accountant",
            "email": "ksiegowa@example.com",
            "company_id": company.id,
            "company_ids": [Command.set(company.ids)],
            "group_ids": [Command.set([env.ref(group).id for group in groups])],
        }
    )


def partner(name, **vals):
    return env["res.partner"].create(
        {"name": name, "country_id": env.ref("base.pl").id, "lang": "pl_PL", **vals}
    )


def tax(company, name):
    return env.ref(f"account.{company.id}_{name}")


def gross_tax(company):
    """23 %, included in the price, as a shop books it."""
    return tax(company, "vs_kraj_23").copy(
        {"name": "23% G (brutto)", "price_include_override": "tax_included"}
    )


def line(name, quantity, price, taxes, **vals):
    return Command.create(
        {
            "name": name,
            "quantity": quantity,
            "price_unit": price,
            "tax_ids": [Command.set(taxes.ids)],
            **vals,
        }
    )


def cases(company):
    """Seven invoices that differ in what FA(3) says about them: (buyer, payment term, lines)."""
    firm = partner(
        "F.H.U. Jan Kowalski",
        is_company=True,
        vat="PL1111111111",
        street="ul. Polna 1",
        zip="00-001",
        city="Warszawa",
        email="jan@example.com",
    )
    works = partner(
        "Zakład Mechaniczny Łódź S.A.",
        is_company=True,
        vat="PL5213017228",
        street="ul. Piotrkowska 100",
        zip="90-001",
        city="Łódź",
    )
    consumer = partner(
        "Anna Nowak", street="ul. Leśna 7", zip="30-002", city="Kraków", email="anna@example.com"
    )
    t23, t8, t5 = (tax(company, f"vs_kraj_{rate}") for rate in ("23", "8", "5"))
    zero, exempt = tax(company, "vs_kraj_0"), tax(company, "vs_kraj_zw")
    exempt.write(
        {
            "l10n_pl_ksef_exempt_basis_type": "A",
            "l10n_pl_ksef_exempt_basis": "art. 43 ust. 1 pkt 26 lit. a ustawy o VAT",
        }
    )
    hour = env.ref("uom.product_uom_hour")
    term = env.ref("account.account_payment_term_30days")
    return [
        (firm, term, [line("Konsultacje", 10, 100, t23, product_uom_id=hour.id)]),
        (
            works,
            term,
            [
                line("Tokarka", 10, 100, t23),
                line("Książki", 5, 100, t8),
                line("Chleb", 4, 25, t5),
                line("Usługa 0%", 2, 30, zero),
                line("Szkolenie", 1, 200, exempt),
            ],
        ),
        (works, None, [line("Sprzęt", 20, 1000, t23, discount=10)]),
        (consumer, None, [line("Artykuł A", 1, 9.99, gross_tax(company))]),
        (
            firm,
            term,
            [
                Command.create({"display_type": "line_section", "name": "Prace"}),
                line("Montaż", 3, 49.99, t23),
                Command.create({"display_type": "line_note", "name": "Prace odebrano bez uwag."}),
            ],
        ),
        (works, term, [line("Serwis tokarki", 6, 180, t23, product_uom_id=hour.id)]),
        (consumer, None, [line("Podręcznik", 2, 59.9, t5)]),
    ]
