"""The classes of the model against the schema itself: order, types, cardinalities, choices."""

from decimal import Decimal

import pytest
from fa3_cases import schema_dir
from lxml import etree

from ksef.fa3 import codes, lexical, model
from ksef.fa3.schema import SCHEMA_FILES
from ksef.fa3.structure import Choice, Group, content, occurrences

pytestmark = pytest.mark.skipif(schema_dir() is None, reason="the schemas are not at hand")

#: Lengths that a type has from the type it restricts.
LIMITS = {"TNIPIdWew": 20}
XSD = "{http://www.w3.org/2001/XMLSchema}"
#: Not modelled; the schema lets it be absent.
SKIPPED = {"Zalacznik"}
#: Elements whose type the schema declares on the spot -> our name for it.
INLINE = {
    "NrID": "TNrID",
    "IDNabywcy": "TIDNabywcy",
    "JST": "TWybor1_2",
    "GV": "TWybor1_2",
    "WariantFormularza": "TWariant",
    "DataWytworzeniaFa": "TDataWytworzenia",
    "Ilosc": "TIlosc",
    "LinkDoPlatnosci": "TLinkDoPlatnosci",
    "IPKSeF": "TIPKSeF",
    "BDO": "TBDO",
    "KodFormularza": "TKodFormularza",
}


def tree(index=0):
    return etree.parse(str(schema_dir() / SCHEMA_FILES[index])).getroot()


def named(root, kind):
    return {node.get("name"): node for node in root.iterchildren(XSD + kind)}


SCHEMA = tree() if schema_dir() else None


def particles(node):
    """Children of a sequence or choice as (kind, node, optional)."""
    for child in node.iterchildren(XSD + "sequence", XSD + "choice", XSD + "element"):
        if child.get("name") not in SKIPPED:
            yield etree.QName(child).localname, child, child.get("minOccurs") == "0"


def elements(node):
    """All elements of a complex type, in order, whatever the nesting of its particles."""
    for kind, child, _optional in particles(node):
        if kind == "element":
            yield child
        else:
            yield from elements(child)


def type_of(element):
    declared = element.get("type", "").split(":")[-1]
    return INLINE.get(element.get("name")) or declared or None


def complex_type(element):
    """The element's complex type, or None for a simple one."""
    own = element.find(XSD + "complexType")
    if own is not None and own.find(f"{XSD}complexContent") is not None:
        return named(SCHEMA, "complexType")["TAdres"]
    if own is not None and own.find(f"{XSD}simpleContent") is None:
        return own
    return named(SCHEMA, "complexType").get(type_of(element))


def pairs():
    """(class, complex type of the schema) for everything that can be reached from the root."""
    todo = [(model.Faktura, complex_type(named(SCHEMA, "element")["Faktura"]))]
    seen = set()
    while todo:
        cls, definition = todo.pop()
        if cls.__name__ in seen:
            continue
        seen.add(cls.__name__)
        yield cls, definition
        fields = occurrences(cls)
        for element in elements(definition):
            occurs = fields.get(element.get("name"))
            if occurs and not isinstance(occurs.type, lexical.Lexical):
                todo.append((occurs.type, complex_type(element)))


def test_elements_types_and_cardinalities():
    for cls, definition in pairs():
        expected = []
        for element in elements(definition):
            name = element.get("name")
            many = int(element.get("maxOccurs", 1))
            expected.append((name, int(element.get("minOccurs", 1)), many))
        found = [(name, o.minimum, o.maximum) for name, o in occurrences(cls).items()]
        assert found == expected, cls


def test_simple_types_have_the_names_of_the_schema():
    for cls, definition in pairs():
        fields = occurrences(cls)
        for element in elements(definition):
            occurs = fields.get(element.get("name"))
            if occurs and isinstance(occurs.type, lexical.Lexical):
                assert occurs.type.name == type_of(element), (cls, element.get("name"))


def shape(node, fields, optional=False):
    """The content model of a schema particle, normalised: (kind, optional, parts)."""
    parts = []
    for kind, child, absent in particles(node):
        if kind == "element":
            parts.append(child.get("name"))
        else:
            parts.append(shape(child, fields, absent))
    return normal(etree.QName(node).localname, optional, parts, fields)


def own_shape(rule, fields):
    """The same for a rule of the model."""
    if isinstance(rule, str):
        return rule
    kind = "choice" if isinstance(rule, Choice) else "sequence"
    parts = [own_shape(part, fields) for part in rule.parts]
    return normal(kind, rule.optional, parts, fields)


def normal(kind, optional, parts, fields):
    """Brackets without meaning removed: sequences in a sequence that demand nothing together."""
    result = []
    for part in parts:
        dissolves = kind == "sequence" and not isinstance(part, str) and part[0] == "sequence"
        if dissolves and part[1]:
            dissolves = all(isinstance(n, str) and not fields[n].minimum for n in part[2])
        result.extend(part[2] if dissolves else [part])
    if len(result) == 1 and not optional:
        return result[0]
    return kind, optional, tuple(result)


def test_choices_and_groups():
    for cls, definition in pairs():
        fields = occurrences(cls)
        expected = normal("sequence", False, [shape(definition, fields)], fields)
        found = normal("sequence", False, [own_shape(content(cls), fields)], fields)
        assert found == expected, cls


def facets(node):
    result = {"values": set()}
    for facet in node.iter():
        if not isinstance(facet.tag, str):
            continue
        kind, value = etree.QName(facet).localname, facet.get("value")
        if kind == "enumeration":
            result["values"].add(value)
        elif value is not None:
            result[kind] = value
    return result


def simple_types():
    types = {}
    for index in (2, 0):
        types.update(named(tree(index), "simpleType"))
    return types


def test_facets():
    types = simple_types()
    for name, own in vars(lexical).items():
        if not isinstance(own, lexical.Lexical) or name not in types:
            continue
        facet = facets(types[name])
        if isinstance(own, lexical.Text):
            if facet["values"]:
                assert own.values == facet["values"], name
            else:
                limit = facet.get("maxLength") or LIMITS.get(name)
                assert own.maximum == (int(limit) if limit else None), name
        elif isinstance(own, lexical.Integer) and own.values:
            assert {str(value) for value in own.values} == facet["values"], name
        elif isinstance(own, lexical.Number):
            assert own.decimals == int(facet["fractionDigits"]), name
            assert own.digits == int(facet["totalDigits"]), name
        elif isinstance(own, lexical.Day):
            assert own.first.isoformat() == facet["minInclusive"], name
            assert own.last.isoformat() == facet["maxInclusive"], name


def test_code_lists():
    enumerations = named(SCHEMA, "simpleType")
    assert facets(enumerations["TKodWaluty"])["values"] == codes.CURRENCIES
    assert facets(enumerations["TKodyKrajowUE"])["values"] == codes.EU_PREFIXES
    assert facets(named(tree(3), "simpleType")["TKodKraju"])["values"] == codes.COUNTRIES


def test_rules_name_only_fields():
    for cls, _definition in pairs():
        assert set(content(cls).names()) == set(occurrences(cls))
        assert isinstance(content(cls), Group)


def test_amounts_of_sixteen_digits():
    assert lexical.TKwotowy.problem(Decimal("9999999999999999.99")) is None
    assert lexical.TKwotowy.problem(Decimal("10000000000000000")) is not None
