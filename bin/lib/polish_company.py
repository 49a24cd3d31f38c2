"""Run in ``odoo shell``: the only company becomes Polish and ready to invoice.

Afterwards the web client's bundles are made, once for all copies of the database: a browser
test would otherwise wait for them in each.
"""

# ruff: noqa: F821 (env is the shell's)
company = env.company
company.partner_id.write(
    {
        "name": "Przykładowa Sp. z o.o.",
        "street": "ul. Prosta 1",
        "zip": "00-001",
        "city": "Warszawa",
        "country_id": env.ref("base.pl").id,
        "vat": "PL5795955811",
        "email": "biuro@example.com",
        "phone": "+48 22 123 45 67",
    }
)
env["account.chart.template"].try_loading("pl", company, install_demo=False)
if (company.chart_template, company.currency_id.name) != ("pl", "PLN"):
    raise SystemExit("the Polish chart of accounts was not loaded")
env["res.partner.bank"].create(
    {"acc_number": "PL47109024022846836723239796", "partner_id": company.partner_id.id}
)
env.ref("base.user_admin").group_ids |= env.ref("account.group_account_manager")
# or the first print stops at the wizard for layouts
company.external_report_layout_id = env.ref("web.external_layout_standard")

qweb = env["ir.qweb"]
qweb._pregenerate_assets_bundles()
# loaded later on by the client or by a report
for script in ("bus.websocket_worker_assets", "web_tour.interactive", "web_tour.automatic"):
    qweb._get_asset_bundle(script, css=False, js=True).js()
for style in ("web.report_assets_common", "web.report_assets_pdf"):
    qweb._get_asset_bundle(style, css=True, js=False, autoprefix=True).css()
env.cr.commit()
