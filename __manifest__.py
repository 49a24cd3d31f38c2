{
    "name": "Poland - KSeF e-invoicing",
    "summary": "Issue invoices through KSeF, Poland's national e-invoicing system",
    "version": "19.0.0.1.0",
    "category": "Accounting/Localizations/EDI",
    "author": "l10n_pl_ksef contributors",
    "license": "LGPL-3",
    "countries": ["pl"],
    "depends": ["account", "l10n_pl", "certificate"],
    "external_dependencies": {
        "python": ["cryptography", "lxml", "python-dateutil", "qrcode", "requests", "xmlsec"],
    },
    "data": [
        "security/groups.xml",
        "security/ir.model.access.csv",
        "security/ir_rules.xml",
        "data/ir_cron.xml",
        "data/mail_activity_type.xml",
        "views/l10n_pl_ksef_document_views.xml",
        "views/l10n_pl_ksef_session_views.xml",
        "wizards/l10n_pl_ksef_certificate_wizard_views.xml",
        "wizards/l10n_pl_ksef_connect_wizard_views.xml",
        "wizards/l10n_pl_ksef_revoke_wizard_views.xml",
        "views/l10n_pl_ksef_certificate_views.xml",
        "views/l10n_pl_ksef_connection_views.xml",
        "views/account_move_views.xml",
        "views/account_move_data_views.xml",
        "views/account_tax_views.xml",
        "views/master_data_views.xml",
        "views/res_config_settings_views.xml",
        "views/menus.xml",
        "report/report_invoice.xml",
    ],
<<<<<<< HEAD
    "assets": {
        "web.assets_tests": ["l10n_pl_ksef/static/tests/tours/*.js"],
    },
=======
    "assets": {"web.assets_tests": ["l10n_pl_ksef/static/tests/tours/*.js"]},
>>>>>>> 7222cb8 ([ADD] tests: the wizards in the web client)
}
