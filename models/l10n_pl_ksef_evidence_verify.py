"""Is a confirmation what was made, and are the measurements behind it still what they were?"""

from odoo import api, models

from ..ksef import chain, evidence


class L10nPlKsefEvidence(models.Model):
    _inherit = "l10n_pl_ksef.evidence"

    @api.model
    def _examine(self, content, printed=None):
        """Check a file by itself, against what is stored, and the chain in the database.

        :param bytes content: the file
        :param str printed: the SHA-256 that it must have, None if it is not known
        :return: (faults, remarks), lists of sentences; without a fault all is well
        """
        problems = evidence.verify_file(content, printed)
        faults = [self._problem_texts()[one.code] % one.data for one in problems]
        remarks = []
        stored = self.search([("sha256", "=", evidence.file_sha256(content))], limit=1)
        if stored:
            remarks.append(
                self.env._(
                    "It is the stored confirmation %(name)s (%(company)s).",
                    name=stored.name,
                    company=stored.company_id.name,
                )
            )
        else:
            faults.append(self.env._("No confirmation that is stored here has its SHA-256."))
        data = self._readable(content)
        if data:
            faults += self._database_faults(data["environment"])
            lost, found = self._compare_probes(data["environment"], data["probes"])
            faults += lost
            remarks += found
        return faults, remarks

    @api.model
    def _readable(self, content):
        """The contents of a file whose probes can be looked up, else None."""
        try:
            data = evidence.read(content)
        except ValueError:
            return None
        probes = data.get("probes")
        environments = dict(self.env["l10n_pl_ksef.outage"]._fields["environment"].selection)
        is_readable = (
            data.get("environment") in environments
            and isinstance(probes, list)
            and all(
                isinstance(row, dict)
                and isinstance(row.get(chain.HASH), str)
                and isinstance(row.get("at"), str)
                for row in probes
            )
        )
        return data if is_readable else None

    @api.model
    def _database_faults(self, environment):
        """Every break of the chain that is stored, as sentences."""
        # anybody can ask KSeF: checks hold nothing of a company
        breaks = self.env["l10n_pl_ksef.probe"].sudo()._breaks(environment)
        return [self._break_texts()[one.code] % {"at": one.at} for one in breaks]

    @api.model
    def _compare_probes(self, environment, rows):
        """Whether the probes of a file are in the database: (faults, remarks).

        Those that are older than the database keeps them are in the file alone.
        """
        probes = self.env["l10n_pl_ksef.probe"].sudo()
        same = [("environment", "=", environment)]
        hashes = [row[chain.HASH] for row in rows]
        kept = set(probes.search([*same, ("hash", "in", hashes)]).mapped("hash"))
        gone = [row["at"] for row in rows if row[chain.HASH] not in kept]
        thinned = set()
        if self.env["l10n_pl_ksef.probe.hour"].sudo()._anchor(environment):
            oldest = probes.search(same, order="id", limit=1)
            first = oldest and oldest._chain_row()["at"]
            thinned = {at for at in gone if not first or at < first}
        faults = [
            self.env._(
                "The check of %s is in the file and not in the database: "
                "it was changed or removed there.",
                at,
            )
            for at in gone
            if at not in thinned
        ]
        remarks = []
        if thinned:
            remarks.append(
                self.env._(
                    "%s checks are older than the database keeps them: the file alone has them.",
                    len(thinned),
                )
            )
        if rows and not gone:
            remarks.append(self.env._("All its %s checks are in the database.", len(rows)))
        return faults, remarks

    @api.model
    def _break_texts(self):
        """What a break of the chain in the database means."""
        return {
            chain.CHANGED: self.env._(
                "Database: the check of %(at)s was changed; its contents do not fit its hash."
            ),
            chain.MISSING: self.env._(
                "Database: before the check of %(at)s one is missing; it was removed, or replaced "
                "and hashed again."
            ),
            chain.INSERTED: self.env._("Database: the check of %(at)s was inserted."),
            chain.REORDERED: self.env._("Database: the check of %(at)s stands in the wrong place."),
        }

    @api.model
    def _problem_texts(self):
        """ksef.evidence.TEXTS in the user's language."""
        return {
            "sha256": self.env._(
                "The SHA-256 of the file is %(found)s, not %(expected)s: it is another file."
            ),
            "encoding": self.env._("This is no evidence file: it is not text in UTF-8."),
            "depth": self.env._("This is no evidence file: it is nested too deeply."),
            "json": self.env._(
                "This is no evidence file: it is not JSON (%(reason)s, line %(line)s)."
            ),
            "object": self.env._("This is no evidence file: it is not a JSON object."),
            "number": self.env._(
                "This is no evidence file: it has the number %(number)s, which is no whole one."
            ),
            "twice": self.env._("This is no evidence file: it names the field %(field)s twice."),
            "spelling": self.env._("The file has text or numbers that cannot be spelled as JSON."),
            "format": self.env._("The format is %(found)s; this program knows %(expected)s."),
            "field": self.env._(
                "%(place)s: the field %(field)s is missing or not what it should be."
            ),
            "not_canonical": self.env._(
                "The file is not written the way it was made: somebody edited it."
            ),
            "seal": self.env._(
                "The seal does not fit the contents: something in the file was changed."
            ),
            "moment": self.env._(
                "%(place)s: the times in UTC and in Warsaw are not the same moment."
            ),
            "period": self.env._("The outage ends before it starts."),
            "environment": self.env._("Probe %(position)s measures another environment."),
            "time": self.env._("Probe %(position)s (%(at)s) is older than the one before it."),
            "head": self.env._("The chain of probes does not end where the file says."),
            "announcement": self.env._(
                "Announcement %(position)s: its text and its event number do not agree."
            ),
            "digest": self.env._("Invoice %(number)s: its SHA-256 is not 32 bytes in Base64."),
            chain.CHANGED: self.env._(
                "Probe %(position)s (%(at)s) was changed: its contents do not fit its hash."
            ),
            chain.MISSING: self.env._(
                "Before probe %(position)s (%(at)s) one is missing: it was removed, or replaced "
                "and hashed again."
            ),
            chain.INSERTED: self.env._(
                "Probe %(position)s (%(at)s) was inserted: no other one is chained to it."
            ),
            chain.REORDERED: self.env._("Probe %(position)s (%(at)s) stands in the wrong place."),
        }
