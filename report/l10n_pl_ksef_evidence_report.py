"""The confirmation of unavailability on paper: what the frozen file says, in Polish and English.

Both languages stand in one document, whoever prints it, so nothing here is translated.
"""

import json
from datetime import datetime, timedelta

from odoo import api, models

# Rows of a table on paper; the file has all of them.
EDGE = 5
# KSeF is asked every five minutes; a longer pause between two checks is told.
LONGEST_PAUSE = timedelta(minutes=15)
MOST_PROBES = 60
MOST_ATTEMPTS = 60
MOST_INVOICES = 500

# word of the file -> Polish, English
TITLE = ("Potwierdzenie niedostępności KSeF", "Confirmation of KSeF unavailability")
OWN_TITLE = (
    "Potwierdzenie pomiarów dostępności KSeF",
    "Confirmation of KSeF availability measurements",
)
KINDS = {
    "own": ("przyczyna po stronie wystawcy", "the issuer's own cause"),
    "trouble": (
        "KSeF nie odpowiadał, bez komunikatu Ministerstwa",
        "KSeF did not answer, not announced by the Ministry",
    ),
    "unavailability": ("ogłoszona niedostępność KSeF", "announced unavailability of KSeF"),
    "failure": ("ogłoszona awaria KSeF", "announced failure of KSeF"),
    "total_failure": ("awaria całkowita", "total failure"),
}
SOURCES = {
    "probe": ("pomiary własne", "own checks"),
    "announcement": ("komunikat Ministerstwa (Latarnia)", "the Ministry's status beacon"),
    "user": ("wpis użytkownika", "entered by a person"),
}
ENVIRONMENTS = {
    "prod": ("produkcyjne", "production"),
    "demo": ("przedprodukcyjne (demo)", "demo"),
    "test": ("testowe", "test"),
    "simulator": ("symulator", "simulator"),
}
MODES = {
    "online": ("online", "online"),
    "offline24": ("offline24 (art. 106nda)", "offline24"),
    "offline": ("offline, niedostępność (art. 106nh)", "offline, unavailability"),
    "emergency": ("awaryjny (art. 106nf)", "emergency, failure"),
    "total_failure": ("awaria całkowita (art. 106ng)", "total failure"),
}
NO_TERM = {
    "open": ("otwarty: przerwa trwa", "open: the outage lasts"),
    "lifted": ("brak obowiązku", "no duty to send"),
}


class ReportEvidence(models.AbstractModel):
    _name = "report.l10n_pl_ksef.report_evidence"
    _description = "Confirmation of KSeF unavailability on paper"

    @api.model
    def _get_report_values(self, docids, data=None):
        # OVERRIDE: live rows are read nowhere, only the frozen files
        docs = self.env["l10n_pl_ksef.evidence"].browse(docids)
        return {
            "doc_ids": docids,
            "doc_model": docs._name,
            "docs": docs,
            "pages": {doc.id: self._page(doc) for doc in docs},
        }

    @api.model
    def _page(self, doc):
        """Everything that the template prints of one confirmation."""
        data = doc._data()
        outage, probes = data["outage"], data["probes"]
        shown, left_out = self._chosen(probes)
        is_own_line = outage["kind"] == "trouble" and self._is_own_line(probes)
        return {
            "title": OWN_TITLE if outage["kind"] == "own" or is_own_line else TITLE,
            "is_own_line": is_own_line,
            "gaps": [(self._utc(first), self._utc(last)) for first, last in self._gaps(data)],
            "data": data,
            "faults": [str(problem) for problem in doc._faults()],
            "made_at": self._moment(data["made_at"]),
            "start": self._moment(outage["start"]),
            "end": self._moment(outage["end"]),
            "kind": KINDS.get(outage["kind"], (outage["kind"],) * 2),
            "source": SOURCES.get(outage["source"], (outage["source"],) * 2),
            "environment": ENVIRONMENTS.get(data["environment"], (data["environment"],) * 2),
            "duration": self._duration(outage),
            "bad": sum(not row["ok"] for row in probes),
            "probes": [(number, row, self._utc(row["at"])) for number, row in shown],
            "probes_left_out": left_out,
            "announcements": [
                (row, json.loads(row["raw"]), self._moment(row["read_at"]))
                for row in data["announcements"]
            ],
            "attempts": [
                (row, self._moment(row["at"])) for row in data["attempts"][:MOST_ATTEMPTS]
            ],
            "attempts_left_out": max(0, len(data["attempts"]) - MOST_ATTEMPTS),
            "invoices": [self._invoice(row) for row in data["invoices"][:MOST_INVOICES]],
            "invoices_left_out": max(0, len(data["invoices"]) - MOST_INVOICES),
            "hours": self._summed(data),
            "urls": sorted({row["url"] for row in probes if row.get("url")}),
            "sha256": [
                f"{doc.sha256[at : at + 8]} {doc.sha256[at + 8 : at + 16]}"
                for at in range(0, 64, 16)
            ],
            "code": doc._code_image(),
            "code_mm": doc._code_millimetres(),
        }

    @api.model
    def _is_own_line(self, probes):
        """Whether each failed probe was cut off from everything, not from KSeF alone."""
        bad = [row for row in probes if not row["ok"]]
        return bool(bad) and all(
            row.get("control_ok") == "no" and not row.get("reached") for row in bad
        )

    @api.model
    def _gaps(self, data):
        """Stretches of the outage in which nothing was measured: pairs of moments in UTC.

        Where only hourly sums are left, they tell of the checks.
        """
        outage, made_at = data["outage"], data["made_at"]["utc"]
        end = min((outage["end"] or data["made_at"])["utc"], made_at)
        sums = [
            row["hour"] for row in data["anchors"] if row["hour"] >= outage["start"]["utc"][:13]
        ]
        begin = max([outage["start"]["utc"], *sums])
        times = [begin, *(row["at"] for row in data["probes"] if begin < row["at"] < end), end]
        longest = LONGEST_PAUSE if len(sums) == 0 else LONGEST_PAUSE + timedelta(hours=1)
        return [
            pair
            for pair in zip(times, times[1:], strict=False)
            if self._instant(pair[1]) - self._instant(pair[0]) > longest
        ]

    @api.model
    def _instant(self, text):
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ")

    @api.model
    def _chosen(self, probes):
        """The probes that are printed: (pairs of number and row, how many are left out).

        All while they are few; else the first and the last ones, and the bad ones up to a limit.
        """
        numbered = list(enumerate(probes, 1))
        if len(numbered) <= MOST_PROBES:
            return numbered, 0
        edges = {number for number, _row in (*numbered[:EDGE], *numbered[-EDGE:])}
        bad = [number for number, row in numbered if not row["ok"] and number not in edges]
        chosen = edges.union(bad[: MOST_PROBES - len(edges)])
        shown = [pair for pair in numbered if pair[0] in chosen]
        return shown, len(numbered) - len(shown)

    @api.model
    def _summed(self, data):
        """How many checks in the hours of the outage are there as sums only."""
        outage = data["outage"]
        first = f"{outage['start']['utc'][:13]}:00:00Z"
        last = (outage["end"] or data["made_at"])["utc"]
        return sum(row["checks"] for row in data["anchors"] if first <= row["hour"] <= last)

    @api.model
    def _moment(self, moment):
        """Warsaw's time for people, with UTC beside it; empty for none."""
        if not moment:
            return None
        local = datetime.fromisoformat(moment["warsaw"])
        return f"{local:%Y-%m-%d %H:%M:%S}", self._utc(moment["utc"])

    @api.model
    def _utc(self, text):
        return f"{text[:10]} {text[11:19]} UTC"

    @api.model
    def _duration(self, outage):
        """Hours and minutes, None while it lasts."""
        if not outage["end"]:
            return None
        start, end = (datetime.fromisoformat(outage[side]["warsaw"]) for side in ("start", "end"))
        minutes = int((end - start).total_seconds()) // 60
        return f"{minutes // 60} h {minutes % 60:02d} min"

    @api.model
    def _invoice(self, row):
        mode = MODES.get(row["legal_mode"], (row["legal_mode"],) * 2)
        term = (row["deadline"],) if row["deadline"] else NO_TERM.get(row["deadline_status"], ("",))
        return row, mode, term
