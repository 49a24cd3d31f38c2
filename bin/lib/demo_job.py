"""The main job, run in `odoo shell` by bin/demo after demo_data.py: invoices go to KSeF.

Five go online. Then KSeF is away, as the simulator is told; two more are issued offline, with two
codes; KSeF comes back, and what waits goes there by itself.

Reads from the environment: DEMO_OUT (folder for files). Leaves there one PDF and one FA(3) file an
invoice, the PDFs that were handed over during the outage, table.txt for people, result.json for
programs, and what the simulator saw: invoices.json and log.json.
"""

import json
import time

from odoo import fields

# ruff: noqa: F821 (env is the shell's, the rest comes from demo_data.py)
out = Path(os.environ["DEMO_OUT"])
PATIENCE = 60  # seconds for KSeF to settle what it got


def post(company, what):
    """Posted invoices of today, one for each case."""
    moves = env["account.move"].create(
        [
            {
                "move_type": "out_invoice",
                "partner_id": buyer.id,
                "invoice_date": env["account.move"]._l10n_pl_ksef_today(),
                "invoice_payment_term_id": term and term.id,
                "partner_bank_id": company.partner_id.bank_ids[:1].id,
                "invoice_line_ids": lines,
            }
            for buyer, term, lines in what
        ]
    )
    moves.action_post()
    env.cr.commit()
    return moves


def send(moves):
    """The call that the button of Send & Print makes; a number that takes longer is no error."""
    env["account.move.send"]._generate_and_send_invoices(
        moves, sending_methods=["manual"], extra_edis={"l10n_pl_ksef"}, allow_fallback_pdf=True
    )
    env.cr.commit()


def wait_for_numbers(moves):
    """Do what the scheduled actions do in their minutes, until KSeF has settled all."""
    limit = time.monotonic() + PATIENCE
    while set(moves.mapped("l10n_pl_ksef_state")) != {"accepted"} and time.monotonic() < limit:
        env["l10n_pl_ksef.document"]._cron_flush()
        moves.action_l10n_pl_ksef_check()
        env.cr.commit()
        time.sleep(0.5)
    send(moves.filtered(lambda move: not move.invoice_pdf_report_id))  # now with their numbers


def weather(outage):
    requests.post(f"{simulator}/_sim/weather", json={"outage": outage}, timeout=10)


def switch(company, **vals):
    return env["l10n_pl_ksef.mode.wizard"].create({"company_id": company.id, **vals})


def through_an_outage(company, what):
    """Issue offline while KSeF answers nobody; deliver when it is back."""
    weather("refuse")
    switch(company, remark="KSeF nie odpowiada").action_offline()
    moves = post(company, what)
    send(moves)
    for move in moves:
        save(f"{stem(move)}_offline.pdf", move.invoice_pdf_report_id.raw or b"")
    weather(None)
    switch(company).action_online()
    env.cr.commit()
    wait_for_numbers(moves)
    return moves


def main():
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob("*.*"):
        old.unlink()
    company = set_up()
    *online, sixth, seventh = cases(company)
    moves = post(company, online)
    send(moves)
    wait_for_numbers(moves)
    moves |= through_an_outage(company, [sixth, seventh])
    rows = [keep_files(move) for move in moves]
    save("result.json", json.dumps(rows, indent=1, ensure_ascii=False))
    for witness in ("invoices", "log"):
        save(f"{witness}.json", requests.get(f"{simulator}/_sim/{witness}", timeout=10).text)
    save("table.txt", "".join(map(table_line, [HEADINGS, *rows])))
    if not_accepted := [row["invoice"] for row in rows if row["state"] != "accepted"]:
        sys.exit(f"Not accepted: {', '.join(not_accepted)}")


def stem(move):
    return move.name.replace("/", "_")


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
    name = stem(move)
    save(f"{name}.xml", document._xml())
    save(f"{name}.pdf", move.invoice_pdf_report_id.raw or b"")
    return {
        "invoice": move.name,
        "state": move.l10n_pl_ksef_state,
        "mode": move.l10n_pl_ksef_mode or "-",
        "number": move.l10n_pl_ksef_number or "",
        "deadline": fields.Date.to_string(document.deadline) or "",
        "url": move.l10n_pl_ksef_qr_invoice_url or "",
        "certificate_url": document.qr_certificate_url or "",
        "sha256": document.xml_sha256,
        "pdf": f"{name}.pdf",
        "xml": f"{name}.xml",
        "upo": bool(document.upo_file),
    }


main()
