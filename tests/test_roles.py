"""Who may read, write and call what: per model and field, per role (laws 7 and 8)."""

from odoo.exceptions import AccessError, UserError
from odoo.service.model import get_public_method
from odoo.tests import new_test_user, tagged

from .enrolment_common import EnrolmentCommon

# model → what each role may do: r(ead), w(rite), c(reate), u(nlink)
RIGHTS = {
    "l10n_pl_ksef.connection": {"manager": "r", "administrator": "rw"},
    "l10n_pl_ksef.enrolment": {"administrator": "r"},
    "l10n_pl_ksef.certificate": {"administrator": "r"},
    "l10n_pl_ksef.certificate.wizard": {"administrator": "rwcu"},
    "l10n_pl_ksef.connect.wizard": {"administrator": "rwcu"},
    "l10n_pl_ksef.revoke.wizard": {"administrator": "rwcu"},
    "certificate.certificate": {},
    "certificate.key": {},
}
# model → field → who may read it beyond nobody; every other field goes with the model
FIELDS = {
    "l10n_pl_ksef.connection": {
        "token": (),
        "access_token": (),
        "access_valid_until": (),
        "refresh_token": (),
        "refresh_valid_until": (),
        "new_token": ("administrator",),
        "external_subject": ("administrator",),
    },
    "l10n_pl_ksef.enrolment": {"key_id": (), "certificate_id": ()},
    "l10n_pl_ksef.certificate": {"certificate_id": ()},
    "l10n_pl_ksef.connect.wizard": {"stored_certificate_id": ()},
}
# model → its own public methods: what the web client and RPC can call
METHODS = {
    "l10n_pl_ksef.connection": {
        "action_connect",
        "action_disconnect",
        "action_certificates",
        "action_generate_certificates",
        "action_connect_wizard",
    },
    "l10n_pl_ksef.enrolment": set(),
    "l10n_pl_ksef.certificate": {"action_refresh", "action_revoke", "action_renew"},
    "l10n_pl_ksef.certificate.wizard": {
        "action_generate",
        "action_wait",
        "action_manage",
        "action_other_way",
        "action_connect",
        "action_continue",
        "action_give_up",
    },
    "l10n_pl_ksef.connect.wizard": {
        "action_next",
        "action_back",
        "action_new_request",
        "action_test",
        "action_certificates",
    },
    "l10n_pl_ksef.revoke.wizard": {"action_revoke"},
    "certificate.certificate": set(),
    "certificate.key": set(),
}
# These only open a window, whose model refuses everybody else.
WINDOWS = {
    ("l10n_pl_ksef.connection", "action_generate_certificates"),
    ("l10n_pl_ksef.connection", "action_connect_wizard"),
    ("l10n_pl_ksef.certificate", "action_revoke"),
    ("l10n_pl_ksef.certificate", "action_renew"),
}
OPERATIONS = {"r": "read", "w": "write", "c": "create", "u": "unlink"}


@tagged("post_install", "-at_install", "post_install_l10n")
class TestRoles(EnrolmentCommon):
    def setUp(self):
        super().setUp()
        self.start_over()
        self.wizard_row = self.generate()
        self.connection.with_user(self.administrator).action_certificates()
        company = {"company_id": self.company.id, "company_ids": [(6, 0, self.company.ids)]}
        self.roles = {
            "invoicing": self.accountant,
            "manager": new_test_user(
                self.env, login="ksef_manager", groups="account.group_account_manager", **company
            ),
            "administrator": self.administrator,
            "portal": new_test_user(
                self.env, login="ksef_portal", groups="base.group_portal", **company
            ),
        }
        self.records = {model: self.record(model) for model in RIGHTS}

    def record(self, model):
        """One row that the KSeF administrator made or may see."""
        as_administrator = self.env[model].with_user(self.administrator)
        if model == "l10n_pl_ksef.connect.wizard":
            return as_administrator.create({"environment": "simulator", "token": "secret"})
        if model == "l10n_pl_ksef.revoke.wizard":
            row = self.env["l10n_pl_ksef.certificate"].sudo().search([], limit=1)
            return as_administrator.create({"certificate_id": row.id})
        if model == "l10n_pl_ksef.certificate.wizard":
            return self.wizard_row
        found = self.env[model].sudo().search([("company_id", "=", self.company.id)], limit=1)
        self.assertTrue(found, model)
        return found

    def as_role(self, model, role):
        return self.records[model].with_user(self.roles[role]).with_context(bin_size=False)

    def test_models(self):
        for model, rights in RIGHTS.items():
            for role in self.roles:
                for letter, operation in OPERATIONS.items():
                    with self.subTest(model=model, role=role, operation=operation):
                        allowed = letter in rights.get(role, "")
                        record = self.as_role(model, role)
                        self.assertEqual(record.browse().has_access(operation), allowed)
                        if letter in "rwu":
                            self.assertEqual(record.has_access(operation), allowed)

    def test_fields(self):
        for model in RIGHTS:
            restricted = FIELDS.get(model, {})
            for role in self.roles:
                readable = "r" in RIGHTS[model].get(role, "")
                for name, field in self.env[model]._fields.items():
                    allowed = readable and role in restricted.get(name, self.roles)
                    # core has its own groups on fields that come with mail and activities
                    if name not in restricted and field.groups:
                        self.assertNotIn("ksef", field._module or "", f"{model}.{name}")
                        continue
                    with self.subTest(model=model, role=role, field=name):
                        self.assert_reading(model, role, name, allowed)

    def assert_reading(self, model, role, name, allowed):
        self.env.invalidate_all()
        record = self.as_role(model, role)
        ways = (
            lambda: record.read([name]),
            lambda: record.export_data([name]),
            lambda: record.search([(name, "!=", False)]) and None,
        )
        for way in ways[: 1 if allowed else 3]:
            if allowed:
                way()
            else:
                with self.assertRaises(UserError):
                    way()

    def test_secrets_are_not_even_listed(self):
        for model, restricted in FIELDS.items():
            for role in self.roles:
                if "r" not in RIGHTS[model].get(role, ""):
                    continue
                listed = self.env[model].with_user(self.roles[role]).fields_get()
                for name, readers in restricted.items():
                    self.assertEqual(name in listed, role in readers, f"{model}.{name} {role}")

    def test_administrator_writes_only_two_fields_of_a_connection(self):
        record = self.as_role("l10n_pl_ksef.connection", "administrator")
        for name in record._fields:
            if name in ("auth_method", "new_token") or name.startswith(("activity", "message")):
                continue
            with self.subTest(name), self.assertRaises(UserError):
                record.write({name: record.sudo()[name]})

    def test_methods_are_the_known_ones(self):
        for model, known in METHODS.items():
            found = set()
            for parent in type(self.env[model]).__mro__:
                if ".l10n_pl_ksef." in getattr(parent, "__module__", ""):
                    found |= {
                        name
                        for name, value in vars(parent).items()
                        if callable(value) and self.is_callable_over_rpc(model, name)
                    }
            self.assertEqual(found - {"write", "create"}, known, model)

    def is_callable_over_rpc(self, model, name):
        try:
            get_public_method(self.env[model], name)
        except (AccessError, AttributeError):
            return False
        return True

    def test_methods(self):
        """Only a KSeF administrator gets anywhere; KSeF hears of nobody else."""
        heard = len(self.simulator.get("log"))
        for model, methods in METHODS.items():
            for role in ("invoicing", "manager", "portal"):
                for method in sorted(methods):
                    if (model, method) in WINDOWS:
                        continue
                    with self.subTest(model=model, role=role, method=method):
                        self.env.invalidate_all()
                        with self.assertRaises(UserError):
                            getattr(self.as_role(model, role), method)()
        self.assertEqual(len(self.simulator.get("log")), heard)

    def test_files_of_keys(self):
        """The key's bytes lie in attachments; those follow the rights of the key."""
        files = (
            self.env["ir.attachment"]
            .sudo()
            .search([("res_model", "=", "certificate.key"), ("res_field", "!=", False)])
        )
        self.assertTrue(files)
        for role, user in self.roles.items():
            with self.subTest(role):
                self.env.invalidate_all()
                with self.assertRaises(AccessError):
                    files[0].with_user(user).read(["datas"])
                found = files.with_user(user).search([("id", "in", files.ids)])
                self.assertFalse(found)

    def test_company_hides_its_certificates(self):
        names = ("l10n_pl_ksef_auth_certificate_id", "l10n_pl_ksef_offline_certificate_id")
        for role, user in self.roles.items():
            for name in names:
                with self.subTest(role=role, field=name), self.assertRaises(AccessError):
                    self.company.with_user(user).read([name])

    def test_other_companies_stay_out_of_sight(self):
        other = self.env["res.company"].sudo().create({"name": "Other"})
        stranger = new_test_user(
            self.env,
            login="ksef_stranger",
            groups="account.group_account_manager,l10n_pl_ksef.group_l10n_pl_ksef_admin",
            company_id=other.id,
            company_ids=[(6, 0, other.ids)],
        )
        for model in (
            "l10n_pl_ksef.connection",
            "l10n_pl_ksef.enrolment",
            "l10n_pl_ksef.certificate",
        ):
            rows = self.env[model].with_user(stranger).search([])
            self.assertNotIn(self.company, rows.sudo().company_id, model)
            with self.assertRaises(AccessError):
                self.records[model].with_user(stranger).read(["company_id"])
        wizards = self.env["l10n_pl_ksef.certificate.wizard"].with_user(stranger)
        with self.assertRaises(UserError):
            wizards.create({"connection_id": self.connection.id}).action_generate()
        revokes = self.env["l10n_pl_ksef.revoke.wizard"].with_user(stranger)
        row = self.records["l10n_pl_ksef.certificate"]
        with self.assertRaises(UserError):
            revokes.create({"certificate_id": row.id}).action_revoke()
        self.assertEqual(row.status, "active")
