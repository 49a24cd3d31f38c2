"""The Ministry's schemas: loading, uploading, and who may bring them."""

import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from ..ksef.fa3 import schema
from ..ksef.fa3.schema import SCHEMA_FILES
from .fa3_common import Fa3Common
from .schemas import schema_files

MODEL = "odoo.addons.l10n_pl_ksef.models.l10n_pl_ksef_schemas"
MAIN = SCHEMA_FILES[0]
#: Nobody listens there.
DEAD = "http://127.0.0.1:9"


class Ministry:
    """A server on the loopback that has what stands in `files`, path -> bytes."""

    def __init__(self, files):
        ministry = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                content = ministry.files.get(self.path)
                self.send_response(200 if content is not None else 404)
                self.end_headers()
                self.wfile.write(content or b"")

            def log_message(self, *args):
                logging.getLogger(__name__).debug("asked: %s", args[1])

        self.files = {f"/{number}.xsd": content for number, content in enumerate(files.values())}
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{self.server.server_port}"
        self.addresses = {name: f"{base}/{number}.xsd" for number, name in enumerate(files)}

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


@tagged("post_install", "-at_install", "post_install_l10n")
class TestSchemas(Fa3Common):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.files = schema_files()
        cls.ministry = Ministry(cls.files)
        cls.addClassCleanup(cls.ministry.stop)
        cls.schemas = cls.env["l10n_pl_ksef.schemas"]
        cls.main_company = cls.env.ref("base.main_company")

    def setUp(self):
        super().setUp()
        self.startPatcher(patch.dict(f"{MODEL}.ADDRESSES", self.ministry.addresses))
        for attachment in self.schemas._by_file().values():
            attachment.unlink()

    def new_user(self, groups):
        return new_test_user(self.env, login=f"u_{groups[-9:]}", groups=groups)

    def state(self):
        return self.schemas._status()[0]

    def everything(self):
        """Ids of the attachments whose name is that of a schema, whoever they belong to."""
        domain = [("name", "=like", "%.xsd")]
        return self.env["ir.attachment"].sudo().search(domain).ids

    def test_load(self):
        before = self.everything()
        self.assertEqual(self.state(), "missing")
        self.assertEqual(self.schemas._messages(b"<a/>"), [])
        self.schemas._load()
        self.assertEqual(self.state(), "ready")
        self.assertTrue(self.schemas._messages(b"<a/>"))
        stored = self.schemas._stored()
        self.assertEqual({name: a.raw for name, a in stored.items()}, self.files)
        self.assertEqual({a.res_id for a in stored.values()}, set(self.main_company.ids))
        self.assertFalse(any(a.public for a in stored.values()))
        # Odoo's loader leaves public attachments of its own: they are gone
        self.assertEqual(len(self.everything()), len(before) + len(SCHEMA_FILES))

    def test_loading_the_same_again_changes_nothing(self):
        self.schemas._load()
        moment = "2026-01-02 03:04:05"
        ids = [attachment.id for attachment in self.schemas._stored().values()]
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE ir_attachment SET write_date = %s WHERE id = ANY(%s)", [moment, ids]
        )
        self.env.invalidate_all()
        self.schemas._load()
        self.assertIn("2026-01-02", self.schemas._status()[1])
        changed = {**self.files, MAIN: self.files[MAIN] + b"<!-- new -->"}
        with patch.dict(self.ministry.files, {"/0.xsd": changed[MAIN]}):
            self.schemas._load()
        stored = self.schemas._stored()
        self.assertEqual(stored[MAIN].raw, changed[MAIN])
        self.assertEqual(sorted(a.id for a in stored.values()), sorted(ids))

    def test_no_internet(self):
        with (
            patch.dict(f"{MODEL}.ADDRESSES", {MAIN: f"{DEAD}/schemat.xsd"}),
            self.assertLogs("odoo.tools.xml_utils", "WARNING"),
            self.assertRaisesRegex(UserError, f"{DEAD}/schemat.xsd could not be read"),
        ):
            self.env["res.config.settings"].create({}).action_l10n_pl_ksef_load_schemas()
        self.assertEqual(self.state(), "missing")
        self.invoice(("A", 1, 100, "vs_kraj_23"))._l10n_pl_ksef_build_fa3()

    @mute_logger("odoo.tools.xml_utils")
    def test_one_address_fails_and_the_old_schemas_stay(self):
        self.schemas._load()
        before = self.everything()
        for content, sentence in (
            (None, "could not be read"),
            (b"", "could not be read"),
            (b"<html><p>Please log in", "StrukturyDanych_v10-0E.xsd is not XML"),
            (b"<html/>", "StrukturyDanych_v10-0E.xsd is not that schema"),
        ):
            with (
                self.subTest(content=content),
                patch.dict(self.ministry.files, {"/1.xsd": content}),
                self.assertRaisesRegex(UserError, sentence),
            ):
                self.schemas._load()
            self.assertEqual(self.state(), "ready")
        self.assertEqual(self.everything(), before)

    @mute_logger("odoo.tools.xml_utils")
    def test_cron_tries_again_tomorrow_until_it_succeeds(self):
        cron = self.env.ref("l10n_pl_ksef.ir_cron_schemas")
        self.assertEqual((cron.interval_number, cron.interval_type), (1, "months"))
        self.assertEqual((cron.model_name, cron.code), (self.schemas._name, "model._cron_load()"))
        triggers = self.env["ir.cron.trigger"]
        domain = [("cron_id", "=", cron.id)]
        triggers.search(domain).unlink()
        with (
            patch.dict(f"{MODEL}.ADDRESSES", {MAIN: f"{DEAD}/schemat.xsd"}),
            self.assertLogs(MODEL, "WARNING") as logged,
        ):
            self.schemas._cron_load()
        self.assertEqual(len(logged.records), 1)
        self.assertFalse(logged.records[0].exc_info)
        trigger = triggers.search(domain)
        self.assertEqual(str(trigger.call_at), "2026-11-06 10:00:00")
        trigger.unlink()
        self.schemas._cron_load()
        self.assertEqual(self.state(), "ready")
        with (
            patch.dict(f"{MODEL}.ADDRESSES", {MAIN: f"{DEAD}/schemat.xsd"}),
            self.assertLogs(MODEL, "WARNING"),
        ):
            self.schemas._cron_load()
        self.assertFalse(triggers.search(domain))

    def test_an_upload_of_that_name_is_no_schema(self):
        accountant = self.new_user("account.group_account_manager")
        self.main_company.sudo().user_ids |= accountant
        accountant.company_ids |= self.main_company
        attachments = self.env["ir.attachment"].with_user(accountant)
        for name in SCHEMA_FILES:
            values = {"name": f"l10n_pl_ksef.{name}", "raw": b"<mine/>"}
            mine = attachments.create(values)
            with self.assertRaises(AccessError):
                mine.write({"res_model": "res.company", "res_id": self.main_company.id})
            with self.assertRaises(AccessError):
                attachments.create(
                    {**values, "res_model": "res.company", "res_id": self.main_company.id}
                )
        self.assertEqual(self.state(), "missing")
        self.schemas._load()
        self.assertEqual(self.state(), "ready")
        self.assertEqual(mine.raw, b"<mine/>")

    def upload(self, files, user=None):
        environment = self.env(user=user) if user else self.env
        attachments = environment["ir.attachment"].create(
            [{"name": name, "raw": content} for name, content in files.items()]
        )
        wizard = environment["l10n_pl_ksef.schema.upload"].create(
            {"attachment_ids": [(6, 0, attachments.ids)]}
        )
        wizard.action_store()
        return attachments

    def test_upload(self):
        names = {MAIN: "schemat.xsd"}
        files = {names.get(name, name): content for name, content in self.files.items()}
        left = self.upload(files, self.new_user("base.group_system"))
        self.assertEqual(self.state(), "ready")
        self.assertFalse(left.exists())

    def test_upload_of_one_newer_file(self):
        self.schemas._load()
        newer = self.files[MAIN] + b"<!-- newer -->"
        self.upload({MAIN: newer})
        self.assertEqual(self.schemas._stored()[MAIN].raw, newer)

    def test_upload_says_which_file_is_wrong(self):
        official = self.files
        for files, sentence in (
            (
                {"a.xsd": b"x", **official, MAIN: b"<a"},
                r"^a\.xsd is no schema of FA\(3\);.*\nschemat_FA\(3\)_v1-0E\.xsd is not XML.*$",
            ),
            ({MAIN: official[MAIN]}, r"^Struktury.* is missing.*\nElem.*\nKodyKrajow.* is missing"),
            ({**official, "KodyKrajow_v10-0E.xsd": b"<a"}, "KodyKrajow_v10-0E.xsd is not XML"),
            ({**official, MAIN: official["KodyKrajow_v10-0E.xsd"]}, "is not that schema"),
        ):
            with self.subTest(sentence), self.assertRaisesRegex(UserError, sentence):
                self.upload(files)
            self.assertEqual(self.state(), "missing")

    def test_only_administrators_bring_schemas(self):
        groups = "account.group_account_manager,l10n_pl_ksef.group_l10n_pl_ksef_admin"
        manager = self.new_user(groups)
        with self.assertRaises(AccessError):
            self.upload(self.files, manager)
        with self.assertRaises(AccessError):
            self.schemas.with_user(manager)._store(self.files)
        self.assertEqual(self.state(), "missing")

    def test_invoices_are_checked(self):
        strict = self.files[MAIN].replace(b'enumeration value="8"', b'enumeration value="88"')
        self.assertNotEqual(strict, self.files[MAIN])
        self.schemas._store({**self.files, MAIN: strict})
        self.invoice(("A", 1, 100, "vs_kraj_23"))._l10n_pl_ksef_build_fa3()
        move = self.invoice(("A", 1, 100, "vs_kraj_8"))
        accountant = self.new_user("account.group_account_invoice")
        with self.assertRaisesRegex(UserError, "KS29.*P_12"):
            move.with_user(accountant)._l10n_pl_ksef_build_fa3()

    def test_compiled_once_for_many_invoices(self):
        schema._compiled.clear()
        self.schemas._store(self.files)
        moves = [self.invoice(("A", 1, 100, "vs_kraj_23")) for _ in range(3)]
        with patch.object(schema, "_compile", wraps=schema._compile) as compiler:
            for move in moves:
                self.env.invalidate_all()
                move._l10n_pl_ksef_build_fa3()
        self.assertEqual(compiler.call_count, 1)

    def test_a_broken_schema_stops_no_invoice(self):
        self.schemas._load()
        self.schemas._stored()["KodyKrajow_v10-0E.xsd"].raw = b"<broken"
        move = self.invoice(("A", 1, 100, "vs_kraj_23"))
        with self.assertLogs(MODEL, "WARNING") as logged:
            move._l10n_pl_ksef_build_fa3()
        self.assertEqual(len(logged.records), 1)
        self.assertFalse(logged.records[0].exc_info)
        settings = self.env["res.config.settings"].create({})
        self.assertEqual(settings.l10n_pl_ksef_schema_state, "broken")
        self.assertIn("KodyKrajow_v10-0E.xsd is not XML", settings.l10n_pl_ksef_schema_text)
        settings.action_l10n_pl_ksef_load_schemas()
        self.assertEqual(self.state(), "ready")

    def test_a_file_lost_on_disk_comes_back(self):
        self.schemas._load()
        attachment = self.schemas._stored()[MAIN]
        self.env.flush_all()
        self.env.cr.execute(  # everything in a test happens at one moment
            "UPDATE ir_attachment SET write_date = '2026-01-01' WHERE id = %s", attachment.ids
        )
        self.env.invalidate_all()
        schema._compiled.clear()
        with patch.object(type(attachment), "_file_read", return_value=b""):
            self.assertEqual(self.state(), "broken")
            self.schemas._store(self.files)
        self.env.invalidate_all()
        self.assertEqual(self.state(), "ready")
