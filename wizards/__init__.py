from . import l10n_pl_ksef_certificate_wizard
from . import l10n_pl_ksef_connect_wizard
from . import l10n_pl_ksef_revoke_wizard
from . import l10n_pl_ksef_schema_upload
