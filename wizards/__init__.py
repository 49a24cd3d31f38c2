from . import l10n_pl_ksef_certificate_wizard
from . import l10n_pl_ksef_connect_wizard
from . import l10n_pl_ksef_revoke_wizard
from . import l10n_pl_ksef_schema_upload
from . import l10n_pl_ksef_correction
from . import l10n_pl_ksef_correction_line
from . import l10n_pl_ksef_mode_wizard
from . import l10n_pl_ksef_preview
