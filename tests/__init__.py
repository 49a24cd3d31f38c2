from . import test_access
from . import test_fa3
from . import test_fa3_categories
from . import test_fa3_document
from . import test_flow
from . import test_print
from . import test_resilience
from . import test_settings
