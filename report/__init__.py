from . import l10n_pl_ksef_evidence_report
