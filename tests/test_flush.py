"""The queue empties itself: one package for many, one look for all, within KSeF's limits."""

from collections import Counter
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import tagged

from ..ksef.batch import BatchSession
from ..ksef.client import Client
from ..ksef.sessions import OnlineSession
from .common import SEND
from .queue_common import BATCH, LIST, MODELS, OPEN, OPEN_ONLINE, UPO, KsefQueueCommon

FOREVER = 10_000  # more documents than a test has: all of them go one by one


@tagged("post_install", "-at_install", "post_install_l10n", "ksef_browser")
class TestFlushAtLength(KsefQueueCommon):
    """Minutes of work: it runs with the slow part."""

    def test_every_fiftieth_is_spoiled(self):
        self.give_offline_certificate()
        moves = self.invoices(1000)
        moves.action_l10n_pl_ksef_issue_offline()
        documents = moves.sudo().l10n_pl_ksef_document_ids
        spoiled = documents[49::50]
        self.spoil(spoiled)
        self.env.invalidate_all()

        self.run_cron("ir_cron_flush")
        self.assertEqual(set(documents.mapped("state")), {"sent"}, "one flush was enough")
        self.poll(documents)

        states = Counter(moves.mapped("l10n_pl_ksef_state"))
        self.assertEqual(states, {"accepted": 980, "rejected": 20})
        self.assertEqual(
            documents.filtered(lambda d: d.state == "rejected").ids, spoiled.ids, "and no others"
        )
        for document in spoiled:
            self.assertEqual(document.error_code, "430")
            self.assertTrue(document.error_text)
            self.assertEqual(len(document.move_id.activity_ids), 1, "somebody is told")
        good = documents - spoiled
        self.assertTrue(all(good.mapped("upo_file")))
        self.assert_each_once(documents)
        asked = Counter(self.requests())
        writing = sum(n for (call, _), n in asked.items() if not call.startswith("GET "))
        self.assertLessEqual(writing, 10, asked)
        self.assertFalse([call for call in asked if call[1] == 429])
        self.assertLessEqual(asked[LIST, 200], 10)

    def test_interactive_sending_keeps_within_the_limits(self):
        """300 documents that all go by interactive sessions: 10 a second, 30 a minute, 180 an hour.

        The threshold above which packages are used is a constant of the sender; it is raised here,
        nothing else differs from production. The simulator counts for itself and answers 429.
        """
        self.startPatcher(patch(f"{BATCH}.BATCH_ABOVE", FOREVER))
        self.without_waiting()
        _moves, documents = self.queue(300)
        runs = 0
        while any(d.state == "queued" for d in documents):
            wait = self.run_as_asked("ir_cron_flush")
            runs += 1
            if wait is None:
                break
            self.assertLess(runs, 20, "it does not spin")
            self.assertGreater(wait, 30, "it does not spin")
            self.pass_time(wait + 1)
            self.run_cron("ir_cron_poll")
        self.poll(documents)
        self.assertEqual(set(documents.mapped("state")), {"accepted"})
        self.assert_each_once(documents)
        asked = Counter(self.requests())
        self.assertFalse([call for call in asked if call[1] == 429], asked)
        self.assertEqual(asked[SEND, 202], 300)
        self.assertLessEqual(asked[OPEN_ONLINE, 201], runs)
        self.assertLessEqual(sum(asked.values()), 300 + 15 * runs + 300, asked)


@tagged("post_install", "-at_install", "post_install_l10n")
class TestFlush(KsefQueueCommon):
    # -- limits ----------------------------------------------------------------------------------

    def test_used_up_limit_of_one_question_stops_no_other_document(self):
        """A duplicate needs the metadata, 20 an hour; the others have their numbers at once."""
        self.startPatcher(patch(f"{BATCH}.BATCH_ABOVE", FOREVER))
        _moves, documents = self.queue(5)
        self.simulator.fault("invoice", "outcome", code=440)
        self.flush(documents)
        self.env["l10n_pl_ksef.request"].sudo().create(
            [
                {
                    "connection_id": self.connection.id,
                    "counter": "invoiceMetadata",
                    "at": fields.Datetime.now(),
                }
                for _number in range(20)
            ]
        )
        self.make_due(documents)
        self.run_cron("ir_cron_poll")
        self.assertEqual(Counter(documents.mapped("state")), {"accepted": 4, "sent": 1})
        waiting = documents.filtered(lambda d: d.state == "sent")
        self.assertGreater(
            waiting.next_attempt_at, fields.Datetime.add(fields.Datetime.now(), minutes=50)
        )
        self.assertEqual(waiting.failures, 0)

    def test_nothing_is_asked_while_ksef_is_left_alone(self):
        """The circuit is open: no request, and no run before it may close."""
        self.startPatcher(patch(f"{BATCH}.BATCH_ABOVE", 3))
        _moves, sent = self.queue(4)
        self.flush(sent)
        _moves, queued = self.queue(4)
        documents = sent | queued
        self.make_due(documents)
        self.env["ir.cron.trigger"].sudo().search([]).unlink()
        self.connection.blocked_until = fields.Datetime.add(fields.Datetime.now(), minutes=20)
        before = len(self.requests())
        for _round in range(3):
            for name in ("ir_cron_flush", "ir_cron_poll"):
                wait = self.run_as_asked(name)
                self.assertGreater(wait, 19 * 60)
        self.assertEqual(len(self.requests()), before)
        self.assertEqual(Counter(documents.mapped("state")), {"sent": 4, "queued": 4})
        self.poll(documents)
        self.flush(documents)
        self.poll(documents)
        self.assertEqual(set(documents.mapped("state")), {"accepted"})

    # -- many at once ----------------------------------------------------------------------------

    def test_duplicates_of_one_session_read_its_list_once(self):
        """As after a restored backup: KSeF has all of them, from a session that we know."""
        self.startPatcher(patch(f"{BATCH}.BATCH_ABOVE", 3))
        moves, documents = self.queue(8)
        self.flush(documents)
        first = documents.session_id
        self.poll_simulator(first)
        documents.write({"state": "queued", "session_id": False, "reference_number": False})
        self.flush(documents)
        self.assertNotEqual(documents.session_id, first)
        before = len(self.simulator.calls(LIST))
        self.poll(documents)
        self.assertEqual(set(moves.mapped("l10n_pl_ksef_state")), {"accepted"})
        self.assertEqual(documents.session_id, first)
        # the new session, the first one for the originals, and once more for their UPOs
        self.assertEqual(len(self.simulator.calls(LIST)) - before, 3)
        self.assertEqual(len([r for r in self.simulator.invoices() if r["status"] == 200]), 8)

    def poll_simulator(self, session):
        """Let the simulator come to its verdicts, unseen by our rows."""
        ksef = self.connection._client()
        for _look in range(5):
            ksef.session_status(session.reference_number)

    def test_receipts_that_did_not_come_need_one_list_again(self):
        self.startPatcher(patch(f"{BATCH}.BATCH_ABOVE", 3))
        _moves, documents = self.queue(6)
        self.flush(documents)
        with patch.object(Client, "upos_at", lambda _client, _links: {}):
            self.make_due(documents)
            self.run_cron("ir_cron_poll")
        self.assertEqual(set(documents.mapped("state")), {"accepted"})
        self.assertFalse(any(documents.mapped("upo_file")))
        self.poll(documents)
        self.assertTrue(all(documents.mapped("upo_file")))
        self.assertFalse(self.simulator.calls(UPO))
        self.assertEqual(len(self.simulator.calls(LIST)), 2)

    def test_work_without_time_goes_on_in_another_run(self):
        """A run of Odoo's scheduler has ten seconds; what is left asks for the next one at once."""
        self.startPatcher(patch(f"{BATCH}.BATCH_ABOVE", 3))
        _moves, documents = self.queue(6)
        self.flush(documents)
        self.startPatcher(patch(f"{MODELS}.l10n_pl_ksef_sender_settle.TOGETHER", 2))
        cls = type(self.env["ir.cron"])
        real = cls._commit_progress

        def no_time(cron, *args, **kw):
            real(cron, *args, **kw)
            return 0

        with patch.object(cls, "_commit_progress", no_time):
            for accepted in (2, 4, 6):
                self.make_due(documents)
                wait = self.run_as_asked("ir_cron_poll")
                states = Counter(documents.mapped("state"))
                self.assertEqual(states["accepted"], accepted)
                if accepted < 6:
                    self.assertLessEqual(wait, 0, "the next run is at once")
        self.assertTrue(all(documents.mapped("upo_file")))

    def test_one_that_breaks_the_recording_is_recorded_apart(self):
        self.startPatcher(patch(f"{BATCH}.BATCH_ABOVE", 3))
        moves, documents = self.queue(6)
        self.flush(documents)
        bad = moves[2]
        cls = type(self.env["account.move"])
        real = cls._l10n_pl_ksef_on_accepted

        def breaks(move, document):
            if move.id == bad.id:
                raise ZeroDivisionError("a third module breaks here")
            return real(move, document)

        with (
            patch.object(cls, "_l10n_pl_ksef_on_accepted", breaks),
            self.assertLogs("odoo.addons.l10n_pl_ksef", "ERROR"),
        ):
            self.make_due(documents)
            self.run_cron("ir_cron_poll")
        states = Counter(moves.mapped("l10n_pl_ksef_state"))
        self.assertEqual(states, {"accepted": 5, "sending": 1})
        self.assertEqual(bad.l10n_pl_ksef_state, "sending")
        self.poll(documents)
        self.assertEqual(set(moves.mapped("l10n_pl_ksef_state")), {"accepted"})

    def test_queries_do_not_grow_with_each_document(self):
        """What one query does for a package must not become one for each document."""
        self.startPatcher(patch(f"{BATCH}.BATCH_ABOVE", 3))
        self.simulator.post("settings", count_requests=False)
        spent = {}
        for count in (10, 40):
            _moves, documents = self.queue(count)
            self.make_due(documents)
            self.env.flush_all()
            for step in ("ir_cron_flush", "ir_cron_poll"):
                self.make_due(documents)
                before = self.env.cr.sql_log_count
                self.run_cron(step)
                spent[step, count] = self.env.cr.sql_log_count - before
            self.assertEqual(set(documents.mapped("state")), {"accepted"})
        each = {
            step: (spent[step, 40] - spent[step, 10]) / 30
            for step in ("ir_cron_flush", "ir_cron_poll")
        }
        # a line of Odoo's own chatter for each change of an invoice
        self.assertLess(each["ir_cron_flush"], 3, spent)
        # the number, its chatter, its activities, the UPO and its attachment
        self.assertLess(each["ir_cron_poll"], 10, spent)

    # -- midnight --------------------------------------------------------------------------------

    def before_midnight(self):
        """Both clocks a little before the end of today in Warsaw; returns how midnight passes."""
        today = self.today()
        tomorrow = fields.Date.add(today, days=1)
        self.simulator.post("clock", set=f"{today}T23:59:00")

        def strike():
            self.simulator.post("clock", set=f"{tomorrow}T00:00:30")
            self.startPatcher(
                patch.object(
                    type(self.env["account.move"]), "_l10n_pl_ksef_today", lambda _self: tomorrow
                )
            )

        return strike

    def test_interactive_session_that_crosses_midnight(self):
        """Each document by the moment of its own sending, and said before it leaves."""
        self.startPatcher(patch(f"{BATCH}.BATCH_ABOVE", FOREVER))
        moves, documents = self.queue(3)
        strike = self.before_midnight()
        real = OnlineSession.send
        modes = []

        def send(session, xml, **how):
            self.env.invalidate_all()
            modes.append(documents.filtered(lambda d: d.state == "sending").legal_mode)
            reference = real(session, xml, **how)
            if len(modes) == 1:
                strike()
            return reference

        with patch.object(OnlineSession, "send", send):
            self.run_cron("ir_cron_flush")
        self.assertEqual(modes, ["online", "offline24", "offline24"])
        self.assertEqual(len(documents.session_id), 1)
        self.poll(documents)
        self.assertEqual(set(moves.mapped("l10n_pl_ksef_state")), {"accepted"})
        self.assertEqual(
            moves.mapped("l10n_pl_ksef_mode"), ["online", "offline24", "offline24"], "KSeF agrees"
        )
        told = [any("offline24" in body for body in m.message_ids.mapped("body")) for m in moves]
        self.assertEqual(told, [False, True, True])
        self.assertFalse(documents[1].issued_offline, "nothing was handed over: no offlineMode")

    def test_package_opened_before_midnight_keeps_its_day(self):
        self.startPatcher(patch(f"{BATCH}.BATCH_ABOVE", 3))
        moves, documents = self.queue(5)
        strike = self.before_midnight()
        real = BatchSession.upload

        def upload(batch, *args):
            strike()
            return real(batch, *args)

        with patch.object(BatchSession, "upload", upload):
            self.run_cron("ir_cron_flush")
        self.poll(documents)
        self.assertEqual(set(moves.mapped("l10n_pl_ksef_state")), {"accepted"})
        self.assertEqual(set(moves.mapped("l10n_pl_ksef_mode")), {"online"})

    def test_package_opened_after_midnight_is_offline24(self):
        self.startPatcher(patch(f"{BATCH}.BATCH_ABOVE", 3))
        moves, documents = self.queue(5)
        self.before_midnight()()
        seen = []
        real = BatchSession.upload

        def upload(batch, *args):
            self.env.invalidate_all()
            seen.extend(documents.mapped("legal_mode"))
            return real(batch, *args)

        with patch.object(BatchSession, "upload", upload):
            self.run_cron("ir_cron_flush")
        self.assertEqual(seen, ["offline24"] * 5, "said before it leaves")
        self.assertTrue(all(d.deadline > d.issue_date for d in documents))
        self.poll(documents)
        self.assertEqual(set(moves.mapped("l10n_pl_ksef_mode")), {"offline24"})

    def test_ksef_s_clock_decides_at_midnight(self):
        """Our clock runs ahead: what we take for late was in time."""
        move = self.invoice()
        document = self.freeze(move).sudo()
        document.legal_mode = "offline24"
        self.flush(document)
        self.poll(document)
        self.assertEqual(move.l10n_pl_ksef_mode, "online")

    def test_future_date_is_refused(self):
        move = self.invoice(invoice_date=fields.Date.add(self.today(), days=1))
        for issue in (self.freeze, lambda m: m.action_l10n_pl_ksef_issue_offline()):
            with self.assertRaises(UserError) as caught, self.env.cr.savepoint():
                issue(move)
            self.assertIn("future", str(caught.exception))
        self.assertFalse(move.sudo().l10n_pl_ksef_document_ids)
        self.assertFalse(self.simulator.calls(OPEN_ONLINE))
        self.assertFalse(self.simulator.calls(OPEN))
