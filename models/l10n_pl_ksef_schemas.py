import logging
from functools import partial
from uuid import uuid4

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools.xml_utils import load_xsd_files_from_url

from ..ksef.fa3.schema import SCHEMA_FILES, SchemaError, compiled, validate_xsd
from ..ksef.fa3.schema_check import ADDRESSES, ALIASES, check_schemas

_logger = logging.getLogger(__name__)

#: Attachment of the main company -> file.
_NAMES = {f"l10n_pl_ksef.{name}": name for name in SCHEMA_FILES}
_CACHE_KEY = "l10n_pl_ksef_schemas"
#: Days until the next attempt while there are no schemas.
_NEXT_ATTEMPT = 1


class L10nPlKsefSchemas(models.AbstractModel):
    """The Ministry's schemas of FA(3), one set for the whole database.

    They are attachments of the main company under fixed names: only who may change that company
    can write them, whatever others upload under the same names elsewhere.
    """

    _name = "l10n_pl_ksef.schemas"
    _description = "Schemas of FA(3)"

    @api.model
    def _messages(self, xml):
        """What the schemas say against an FA(3) file: a list of texts.

        Empty also while there are no schemas, or none that can be used: the document's own rules
        hold all the same, and the settings tell the administrator.
        """
        source = self._source_of_transaction()
        if not source:
            return []
        try:
            return validate_xsd(xml, *source)
        except SchemaError as error:
            _logger.warning("KSeF: invoices are not checked against the schemas: %s", error)
            return []

    @api.model
    def _source_of_transaction(self):
        """`_source`, looked up once in a transaction: invoices are built by the hundred."""
        cache = self.env.cr.cache
        if _CACHE_KEY not in cache:
            stored = self._stored()
            if not stored:
                return None
            cache[_CACHE_KEY] = self._source(stored)
        return cache[_CACHE_KEY]

    @api.model
    def _stored(self):
        """The attachments by file name; empty unless all are there."""
        # sudo: the schemas are public, and only administrators write what hangs on this company
        found = self.sudo()._by_file()
        return found if len(found) == len(SCHEMA_FILES) else {}

    @api.model
    def _by_file(self):
        company = self._company()
        domain = [
            ("res_model", "=", company._name),
            ("res_id", "=", company.id),
            ("name", "in", list(_NAMES)),
        ]
        attachments = self.env["ir.attachment"].search(domain, order="id")
        return {_NAMES[attachment.name]: attachment for attachment in attachments}

    @api.model
    def _company(self):
        """The company that keeps the schemas of the whole database."""
        company = self.env.ref("base.main_company", raise_if_not_found=False)
        return company or self.env["res.company"].search([], order="id", limit=1)

    @api.model
    def _source(self, stored):
        """Function from file name to bytes, and what its answers hang on."""
        # the moment too: a file that was lost on disk comes back with the same checksum
        key = tuple((stored[name].checksum, stored[name].write_date) for name in SCHEMA_FILES)
        return lambda name: stored[name].raw or b"", key

    @api.model
    def _status(self):
        """Whether invoices are checked against the schemas.

        :return: (`missing`, `ready` or `broken`, a sentence for the administrator)
        """
        stored = self._stored()
        if not stored:
            return "missing", self.env._(
                "The Ministry's schemas are not loaded: invoices are checked by this module's own "
                "rules only."
            )
        try:
            compiled(*self._source(stored))
        except SchemaError as error:
            text = self.env._("Invoices are not checked against the Ministry's schemas.")
            return "broken", f"{text} {self._explain(error)}"
        since = max(attachment.write_date for attachment in stored.values())
        return "ready", self.env._(
            "Invoices are checked against the Ministry's schemas loaded on %(date)s.",
            date=fields.Datetime.context_timestamp(self, since).date(),
        )

    @api.model
    def _load(self):
        """Fetch the schemas from the Ministry and keep them.

        :raise UserError: an address does not answer, or answers with something else
        """
        files = {}
        for name, address in ADDRESSES.items():
            files[name] = self._fetch(name, address)
            if not files[name]:
                raise UserError(
                    self.env._(
                        "%(address)s could not be read. Check that this server reaches the "
                        "Internet, or download the four schemas yourself and upload them.",
                        address=address,
                    )
                )
        self._store(files)

    @api.model
    def _fetch(self, name, address):
        """The content of an address, or None. The attachments of Odoo's loader do not stay."""
        # a name of its own: the loader would overwrite whatever attachment has that name already
        loader = partial(load_xsd_files_from_url, file_name=name, xsd_names_filter=[name])
        try:
            found = loader(self.env, address, xsd_name_prefix=uuid4().hex)
        except OSError as error:  # the failures of requests that the loader lets through
            _logger.warning("KSeF: %s could not be read: %s", address, type(error).__name__)
            return None
        content = found[:1].raw if found else None
        if found:
            found.unlink()
        return content

    @api.model
    def _store(self, files):
        """Check schemas and keep them; files that are not given stay as they are.

        :param files: name (the Ministry's) -> bytes
        :raise UserError: a sentence for each file that is wrong
        :raise AccessError: the user may not change the main company
        """
        self._company().check_access("write")
        present = self._by_file()
        new = {ALIASES[name]: content for name, content in files.items() if name in ALIASES}
        problems = [
            self.env._(
                "%(file)s is no schema of FA(3); the files are called %(names)s.",
                file=name,
                names=", ".join(SCHEMA_FILES),
            )
            for name in sorted(set(files) - set(ALIASES))
        ]
        complete = {name: attachment.raw for name, attachment in present.items()} | new
        problems += [self._explain(fault) for fault in check_schemas(complete)]
        if problems:
            raise UserError("\n".join(problems))
        self.env.cr.cache.pop(_CACHE_KEY, None)
        company = self._company()
        for name, content in new.items():
            if name not in present:
                self.env["ir.attachment"].create(
                    {
                        "name": f"l10n_pl_ksef.{name}",
                        "raw": content,
                        "res_model": company._name,
                        "res_id": company.id,
                    }
                )
            elif present[name].raw != content:
                present[name].raw = content

    @api.model
    def _explain(self, error):
        """A SchemaError as one sentence for people."""
        _ = self.env._
        sentences = {
            "missing": _("%(file)s is missing or empty."),
            "large": _("%(file)s is too large for a schema."),
            "xml": _("%(file)s is not XML (%(detail)s)."),
            "dtd": _("%(file)s has a document type declaration, which no schema needs."),
            "kind": _("%(file)s is not that schema: its namespace must be %(detail)s."),
            "reference": _("%(file)s leads to a file that is not one of the four (%(detail)s)."),
            "compile": _("%(file)s does not fit the other files (%(detail)s)."),
            "sample": _("%(file)s does not describe FA(3): it misjudges a known invoice."),
        }
        return sentences[error.key] % {"file": error.file, "detail": error.detail}

    @api.model
    def _cron_load(self):
        """Load the schemas; without them the next attempt is tomorrow, else in a month."""
        try:
            self._load()
        except UserError as error:
            _logger.warning("KSeF: the schemas were not loaded: %s", error)
            if self._status()[0] != "ready":
                later = fields.Datetime.add(fields.Datetime.now(), days=_NEXT_ATTEMPT)
                self.env.ref("l10n_pl_ksef.ir_cron_schemas")._trigger(at=later)
