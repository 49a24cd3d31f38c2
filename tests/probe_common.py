"""The clock, the simulator and the checks of KSeF, together."""

from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from unittest.mock import patch
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from odoo import fields
from odoo.tests.common import _super_send as send

from .common import SELLER_NIP, KsefCommon

STATUS = "odoo.addons.l10n_pl_ksef.models.l10n_pl_ksef_status"
PROBE = "odoo.addons.l10n_pl_ksef.ksef.probe"
KEYS = "GET /security/public-key-certificates"
ACTIVITY = "l10n_pl_ksef.mail_activity_type_outage"
WARSAW = ZoneInfo("Europe/Warsaw")
MONDAY = datetime(2026, 7, 20, 10, 0, tzinfo=WARSAW)


class ProbeCommon(KsefCommon):
    """The add-on's clock and the simulator's go together, from Monday morning."""

    def setUp(self):
        super().setUp()
        # the Ministry's own environments are not for tests
        self.startPatcher(patch(f"{STATUS}.ALWAYS", ()))
        self.startPatcher(patch(f"{PROBE}.TIMEOUT", (0.5, 0.5)))
        self.startPatcher(patch.object(fields.Datetime, "now", lambda *_args: self.clock))
        self.startPatcher(patch.object(self.env.cr, "now", lambda: self.clock))
        self.set_clock(MONDAY)
        self.give_certificate()
        self.company.sudo().l10n_pl_ksef_offline_certificate_id = self.certificate_of(
            self.simulator.post("certificates", nip=SELLER_NIP, kind="Offline"), "ksef_offline"
        )

    @classmethod
    def _request_handler(cls, session, request, /, **kw):
        # the time-outs are what is tested: the suite's own guard would make them ten seconds
        host = urlsplit(request.url).hostname
        if host in ("127.0.0.1", "ksef.invalid") and isinstance(kw.get("timeout"), tuple):
            return send(session, request, **kw)
        return super()._request_handler(session, request, **kw)

    def set_clock(self, moment):
        self.clock = moment.astimezone(timezone.utc).replace(tzinfo=None)
        self.simulator.post("clock", set=moment.isoformat(), freeze=True)

    def tick(self, checks=1, minutes=5):
        """One check after the other, each five minutes after the last; the status then."""
        for _check in range(checks):
            self.set_clock(self.moment() + timedelta(minutes=minutes))
            self.env["l10n_pl_ksef.connection"].sudo()._cron_probe()
        return self.status()

    def moment(self):
        return self.clock.replace(tzinfo=timezone.utc).astimezone(WARSAW)

    def status(self):
        self.env.invalidate_all()
        return (
            self.env["l10n_pl_ksef.status"]
            .sudo()
            .search([("environment", "=", "simulator")])
            .with_context(lang="en_US")
        )

    def outages(self, kind="trouble"):
        return (
            self.env["l10n_pl_ksef.outage"]
            .sudo()
            .search([("environment", "=", "simulator"), ("kind", "=", kind)])
        )

    def down(self, **how):
        self.simulator.post("weather", **{"outage": "unavailable", **how})

    def up(self):
        self.simulator.post("weather", outage=None)

    def activities(self):
        return self.connection.activity_search([ACTIVITY])

    def assert_says(self, online, mode="offline24", whose="nobody", proposal=False):
        status = self.status()
        self.assertEqual(
            (status.online, status.legal_mode, status.whose, self.company.l10n_pl_ksef_proposal),
            (online, mode, whose, proposal),
            status.sentence,
        )
        return status

    def use_door(self, kind):
        url = self.simulator.post("doors", kind=kind)["url"]
        self.env["ir.config_parameter"].sudo().set_param("l10n_pl_ksef.simulator_url", url)

    @contextmanager
    def new_day(self):
        with self.env.cr.savepoint(flush=True) as savepoint:
            yield
            savepoint.rollback()
        self.env.invalidate_all()

    def message(self, **facts):
        """A failure's start as the beacon tells it; None leaves a field out."""
        told = {
            "id": "K/2026/AWR/01",
            "eventId": 77,
            "category": "FAILURE",
            "type": "FAILURE_START",
            "title": "Awaria",
            "text": "Awaria KSeF",
            "start": "2026-07-20T09:00:00+02:00",
            "version": 1,
            "published": "2026-07-20T09:05:00+02:00",
            **facts,
        }
        return {name: value for name, value in told.items() if value is not None}


class FaultCommon(ProbeCommon):
    def tell(self, *messages):
        """The beacon has these messages, and is read."""
        self.simulator.post("latarnia", action="raw", messages=list(messages))
        return self.tick()

    def enter(self, number="K/2026/AWR/01", kind="failure", **vals):
        """A person enters an announcement."""
        vals = {"start": self.clock - timedelta(minutes=30), **vals}
        return (
            self.env["l10n_pl_ksef.outage"]
            .sudo()
            ._announce("simulator", kind=kind, number=number, user_id=self.accountant.id, **vals)
        )

    def end_message(self, **facts):
        return self.message(
            **{
                "type": "FAILURE_END",
                "id": "K/2026/AWR/02",
                "end": "2026-07-20T10:00:00+02:00",
                "published": "2026-07-20T10:05:00+02:00",
                **facts,
            }
        )

    def in_force(self, kind="failure"):
        return self.outages(kind).filtered(lambda outage: not outage.mistaken)
