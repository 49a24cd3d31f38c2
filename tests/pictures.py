"""Pictures of what a tour sees."""

import re
from unittest.mock import patch

from odoo.tests.common import ChromeBrowser


class Pictures:
    """For an HttpCase: its tours write "picture NAME" to the console."""

    def take_pictures(self):
        """From now on the browser saves what it shows when a tour asks for it."""
        original = ChromeBrowser._handle_console

        def watching(browser, type, args=None, **kwargs):  # noqa: A002 - Odoo's own name
            text = str(args[0].get("value", "")) if args else ""
            found = re.fullmatch(r"picture (\w+)", text)
            if found:
                browser.take_screenshot(f"ksef_{found[1]}_")
            return original(browser, type, args, **kwargs)

        self.startPatcher(patch.object(ChromeBrowser, "_handle_console", watching))
