"""Both translation files know every text of the add-on, and Polish has no gaps."""

import ast
import re
from pathlib import Path
from xml.etree import ElementTree

import polib
import pytest

ROOT = Path(__file__).resolve().parents[2]
I18N = ROOT / "i18n"
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]")
TERMS = ("UPO", "numer KSeF", "korekta techniczna", "offline24", "KOD II")
XML_ATTRIBUTES = ("string", "help", "placeholder", "confirm", "title")


def parse_po(path: Path) -> dict[str, tuple[str, bool]]:
    """msgid -> (msgstr, fuzzy); entries that the add-on has no more ("#~") are left out."""
    return {
        entry.msgid: (entry.msgstr, entry.fuzzy)
        for entry in polib.pofile(path)
        if not entry.obsolete
    }


def python_texts() -> dict[str, str]:
    """Literals given to `_()` in the Odoo floors: text -> file."""
    found = {}
    for folder in ("models", "wizards"):
        for path in sorted((ROOT / folder).glob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if not isinstance(node, ast.Call) or not node.args:
                    continue
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                first = node.args[0]
                if name in ("_", "_lt") and isinstance(first, ast.Constant):
                    found[first.value] = f"{folder}/{path.name}"
    return found


def view_texts() -> dict[str, str]:
    """Texts that stand in attributes of views: text -> file."""
    found = {}
    for path in sorted((ROOT / "views").glob("*.xml")) + sorted((ROOT / "wizards").glob("*.xml")):
        for node in ElementTree.parse(path).iter():
            for attribute in XML_ATTRIBUTES:
                text = node.get(attribute, "").strip()
                # Odoo exports nothing of three letters or less
                if len(text) > 3 and node.tag != "attribute":
                    found[text] = f"views/{path.name}"
    return found


@pytest.fixture(scope="module")
def template() -> dict[str, tuple[str, bool]]:
    return parse_po(I18N / "l10n_pl_ksef.pot")


@pytest.fixture(scope="module")
def polish() -> dict[str, tuple[str, bool]]:
    return parse_po(I18N / "pl.po")


def test_template_has_every_text(template):
    texts = {**python_texts(), **view_texts()}
    assert len(texts) > 50, "the search for texts finds almost nothing: it is broken"
    missing = {text: place for text, place in texts.items() if text not in template}
    assert not missing, "export the template again (CONTRIBUTING.md)"


def test_polish_has_every_term(template, polish):
    assert sorted(set(template) - set(polish)) == []
    assert sorted(set(polish) - set(template)) == []


def test_polish_is_complete(polish):
    assert [msgid for msgid, (msgstr, fuzzy) in polish.items() if not msgstr.strip() or fuzzy] == []


def test_placeholders_survive(polish):
    broken = [
        msgid
        for msgid, (msgstr, _fuzzy) in polish.items()
        if sorted(PLACEHOLDER.findall(msgid)) != sorted(PLACEHOLDER.findall(msgstr))
    ]
    assert broken == []


def test_terms_of_the_ministry(polish):
    words = " ".join(msgstr for msgstr, _fuzzy in polish.values()).lower()
    assert [term for term in TERMS if term.lower() not in words] == []
