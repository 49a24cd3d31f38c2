"""The main job, run in `odoo shell` by bin/demo: a company sends five different invoices to KSeF.

Reads from the environment: DEMO_SIMULATOR (the simulator's address), DEMO_OUT (folder for files).
Leaves there one PDF and one FA(3) file per invoice, table.txt for people, result.json for
programs, and what the simulator saw: invoices.json and log.json.
"""

import base64
import json
import os
import sys
from pathlib import Path

import requests
from markupsafe import Markup

from odoo import Command, fields

# ruff: noqa: F821 (env is the shell's)
NIP = "5795955811"
simulator = os.environ["DEMO_SIMULATOR"]
out = Path(os.environ["DEMO_OUT"])


def set_up():
    """The template's Polish company, connected to the simulator with a throw-away certificate."""
    company = env.company
    env["ir.config_parameter"].set_param("l10n_pl_ksef.simulator_url", simulator)
    company.l10n_pl_ksef_environment = "simulator"
    # a printed invoice names the seller's NIP; Odoo's placeholder for a logo does not belong there
    company.company_details = Markup("{}<br/>{}<br/>{} {}<br/>NIP {}").format(
        company.name, company.street, company.zip, company.city, NIP
    )
    company.logo = False
    made = requests.post(
        f"{simulator}/_sim/certificates", json={"nip": NIP, "kind": "Authentication"}, timeout=10
    ).json()
    key = env["certificate.key"].create(
        {
            "name": "Klucz KSeF (demo)",
            "content": base64.b64encode(made["key"].encode()),
            "company_id": company.id,
        }
    )
    company.l10n_pl_ksef_auth_certificate_id = env["certificate.certificate"].create(
        {
            "name": "Certyfikat KSeF (demo)",
            "content": made["certificate"],
            "private_key_id": key.id,
            "scope": "ksef_auth",
            "company_id": company.id,
        }
    )
    env.ref("base.user_admin").group_ids |= env.ref("l10n_pl_ksef.group_l10n_pl_ksef_admin")
    connection = env["l10n_pl_ksef.connection"]._for_company(company, create=True)
    connection.with_user(env.ref("base.user_admin")).action_connect()
    if connection.state != "connected":
        sys.exit(f"The demo company could not connect: {connection.message}")
    add_accountant(company)
    env.cr.commit()
    return company


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


def invoices(company):
    """Five invoices that differ in what FA(3) says about them."""
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
    cases = [
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
    ]
    today = env["account.move"]._l10n_pl_ksef_today()
    moves = env["account.move"].create(
        [
            {
                "move_type": "out_invoice",
                "partner_id": buyer.id,
                "invoice_date": today,
                "invoice_payment_term_id": term and term.id,
                "partner_bank_id": company.partner_id.bank_ids[:1].id,
                "invoice_line_ids": lines,
            }
            for buyer, term, lines in cases
        ]
    )
    moves.action_post()
    env.cr.commit()
    return moves


def main():
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob("*.*"):
        old.unlink()
    moves = invoices(set_up())
    # the same call that the button of Send & Print makes
    env["account.move.send"]._generate_and_send_invoices(
        moves, sending_methods=["manual"], extra_edis={"l10n_pl_ksef"}
    )
    env.cr.commit()
    rows = [keep_files(move) for move in moves]
    save("result.json", json.dumps(rows, indent=1, ensure_ascii=False))
    for witness in ("invoices", "log"):
        save(f"{witness}.json", requests.get(f"{simulator}/_sim/{witness}", timeout=10).text)
    save("table.txt", "".join(map(table_line, [HEADINGS, *rows])))
    if not_accepted := [row["invoice"] for row in rows if row["state"] != "accepted"]:
        sys.exit(f"Not accepted: {', '.join(not_accepted)}")


HEADINGS = {"invoice": "invoice", "mode": "mode", "number": "KSeF number", "deadline": "deadline"}


def table_line(row):
    number = row["number"] or row["state"]
    return f"{row['invoice']:<18} {row['mode']:<10} {number:<36} {row['deadline'] or '-'}\n"


def save(name, content):
    if isinstance(content, str):
        content = content.encode()
    (out / name).write_bytes(content)


def keep_files(move):
    """Write the invoice's files; return its row of result.json."""
    document = move.l10n_pl_ksef_document_ids.with_context(bin_size=False)
    stem = move.name.replace("/", "_")
    save(f"{stem}.xml", document._xml())
    save(f"{stem}.pdf", move.invoice_pdf_report_id.raw or b"")
    return {
        "invoice": move.name,
        "state": move.l10n_pl_ksef_state,
        "mode": move.l10n_pl_ksef_mode or "-",
        "number": move.l10n_pl_ksef_number or "",
        "deadline": fields.Date.to_string(move.l10n_pl_ksef_deadline) or "",
        "url": move.l10n_pl_ksef_qr_invoice_url or "",
        "sha256": document.xml_sha256,
        "pdf": f"{stem}.pdf",
        "xml": f"{stem}.xml",
        "upo": bool(document.upo_file),
    }


main()
