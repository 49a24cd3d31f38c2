"""Measures the way from a posted invoice to a frozen FA(3) file; run in `odoo shell` by bin/bench.

Reads from the environment: BENCH_ROUNDS (repetitions), BENCH_JSON and BENCH_TABLE (files to
write), L10N_PL_KSEF_SCHEMAS (folder of the Ministry's schemas).

Invoices are taken as both modules get them: a recordset, whose data the ORM fetches together.
Every step starts with an empty ORM cache and goes through the whole recordset; the CPU time of
this process is counted for each invoice, the first one of a recordset (which pays for the fetching)
also on its own. The steps take turns, so that a busy machine hits all of them.
"""

import gc
import json
import os
import statistics
import time
from pathlib import Path

from odoo import Command

from odoo.addons.l10n_pl_ksef.ksef.fa3.schema import SCHEMA_FILES, validate_xsd
from odoo.addons.l10n_pl_ksef.ksef.fa3.validate import check, check_bytes
from odoo.addons.l10n_pl_ksef.ksef.fa3.writer import write

#: (lines of an invoice, invoices of the recordset)
SIZES = ((5, 20), (100, 6))
# ruff: noqa: F821 (env is the shell's)
rounds = int(os.environ["BENCH_ROUNDS"])
schemas = os.environ["L10N_PL_KSEF_SCHEMAS"]
builder = env["l10n_pl_ksef.fa3"]


def set_up():
    """The template's Polish company, ready to freeze documents of the test environment."""
    company = env.company
    company.l10n_pl_ksef_environment = "test"
    env["l10n_pl_ksef.connection"]._for_company(company, create=True)
    files = {name: Path(schemas, name).read_bytes() for name in SCHEMA_FILES}
    env["l10n_pl_ksef.schemas"]._store(files)
    return env["res.partner"].create(
        {
            "name": "F.H.U. Jan Kowalski",
            "is_company": True,
            "vat": "PL1111111111",
            "street": "ul. Polna 1",
            "zip": "00-001",
            "city": "Warszawa",
            "country_id": env.ref("base.pl").id,
        }
    )


def invoice(buyer, lines):
    taxes = [env.ref(f"account.{env.company.id}_vs_kraj_{rate}") for rate in ("23", "8", "5")]
    products = env["product.product"].create(
        [{"name": f"Produkt {index}", "default_code": f"P-{index}"} for index in range(lines)]
    )
    move = env["account.move"].create(
        {
            "move_type": "out_invoice",
            "partner_id": buyer.id,
            "invoice_date": env["account.move"]._l10n_pl_ksef_today(),
            "invoice_line_ids": [
                Command.create(
                    {
                        "name": f"Pozycja numer {index}",
                        "product_id": product.id,
                        "quantity": index % 7 + 1,
                        "price_unit": 19.99 + index,
                        "discount": 10 if index % 3 else 0,
                        "tax_ids": [Command.set(taxes[index % 3].ids)],
                    }
                )
                for index, product in enumerate(products)
            ],
        }
    )
    move.action_post()
    return move


def timed(function, items):
    """Milliseconds of CPU of each call, the cache empty before the first one; and the results."""
    env.flush_all()
    env.invalidate_all()
    gc.collect()
    spent, results = [], []
    for item in items:
        start = time.process_time()
        results.append(function(item))
        spent.append((time.process_time() - start) * 1000)
    return spent, results


def document_of(move):
    builder._prefetch(move)
    return builder._document(builder._draft(move))


def freeze(moves):
    """Freeze them and take it back, so that the next round finds the invoices as they were."""
    with env.cr.savepoint() as savepoint:
        spent, _documents = timed(
            lambda move: (move._l10n_pl_ksef_freeze(), env.flush_all()), moves
        )
        savepoint.rollback()
        env.invalidate_all()
    return spent


def measure(moves):
    """Name of a step -> milliseconds of each invoice, in one round."""
    steps = {}
    steps["build"], documents = timed(document_of, moves)
    steps["write"], files = timed(write, documents)
    pairs = list(zip(documents, files, strict=True))
    steps["self-check"], found = timed(lambda pair: [*check(pair[0]), *check_bytes(pair[1])], pairs)
    steps["validation"], messages = timed(lambda xml: validate_xsd(xml, schemas, schemas), files)
    if any(found) or any(messages):
        raise SystemExit(f"The benchmark's invoices are not sound: {found} {messages}")
    steps["as sent"], _files = timed(lambda move: move._l10n_pl_ksef_build_fa3(), moves)
    steps["freeze"] = freeze(moves)
    steps["l10n_pl_edi"], _files = timed(lambda move: move._l10n_pl_edi_render_xml(), moves)
    steps["Odoo's base lines"], _lines = timed(
        lambda move: move._get_rounded_base_and_tax_lines(), moves
    )
    return steps


def medians(moves):
    measure(moves)  # the first round compiles templates and schemas
    measured = [measure(moves) for _round in range(rounds)]
    result, first = {}, {}
    for step in measured[0]:
        result[step] = statistics.median(value for r in measured for value in r[step])
        first[step] = statistics.median(r[step][0] for r in measured)
    result["times faster"] = result["l10n_pl_edi"] / result["as sent"]
    first["times faster"] = first["l10n_pl_edi"] / first["as sent"]
    return {
        "median": {step: round(value, 2) for step, value in result.items()},
        "first of the recordset": {step: round(value, 2) for step, value in first.items()},
    }


#: What the rows of the table are.
LEGEND = """\
CPU time of this process in milliseconds for one invoice, medians of {rounds} rounds; the recordsets
have {sizes}.
Compared, for the same posted invoices in the same process, turn by turn:
  ours     `as sent`      build, write, self-check, validation in one call: file and checks
  theirs   `l10n_pl_edi`  the renderer of Odoo's own module: the file, which it does not check
  times faster            l10n_pl_edi / as sent
Beside it: the parts of ours; `freeze`, which is `as sent` and the document row in the database; and
what Odoo itself takes to compute base lines (ours asks for them only where an invoice needs them).
`first` is the first invoice of a recordset with an empty cache, which pays for fetching the data of
the recordset, in both modules."""


def table(result, sizes):
    """The medians as text, and what they are."""
    columns = [(lines, kind) for lines in result for kind in ("median", "first of the recordset")]
    heads = [f"{lines} lines" + (", first" if "first" in kind else "") for lines, kind in columns]
    rows = [f"{'':20}" + "".join(f"{head:>18}" for head in heads)]
    for step in next(iter(result.values()))["median"]:
        values = [result[lines][kind][step] for lines, kind in columns]
        rows.append(f"{step:20}" + "".join(f"{value:>18.1f}" for value in values))
    invoices = " and ".join(f"{count} invoices of {lines} lines" for lines, count in sizes)
    rows.append(LEGEND.format(rounds=rounds, sizes=invoices))
    return "\n".join(rows) + "\n"


def main():
    buyer = set_up()
    result = {}
    for lines, count in SIZES:
        moves = env["account.move"].union(*(invoice(buyer, lines) for _number in range(count)))
        result[str(lines)] = medians(moves)
    report = {"rounds": rounds, "unit": "milliseconds of CPU for one invoice", "lines": result}
    Path(os.environ["BENCH_JSON"]).write_text(json.dumps(report, indent=1), "utf8")
    Path(os.environ["BENCH_TABLE"]).write_text(table(result, SIZES), "utf8")
    env.cr.rollback()


main()
