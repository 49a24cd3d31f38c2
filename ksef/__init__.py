"""Protocol and law of KSeF 2.0 without Odoo: no clock, no environment variables, no translations.

Import the module that is needed (``from .ksef import client``); nothing is loaded here, so that a
missing optional library (xmlsec) can never stop the add-on from loading.
"""
