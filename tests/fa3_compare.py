"""Compares a whole `Fa` element with what it must be: nothing missing, nothing beside it."""

#: Differ from run to run, or stand in the examples already.
SKIPPED = frozenset({"P_1", "P_2", "UU_ID", "UU_IDZ", "Platnosc"})
#: The annotations of an ordinary invoice.
ANNOTATIONS = {
    "P_16": "2",
    "P_17": "2",
    "P_18": "2",
    "P_18A": "2",
    "Zwolnienie": {"P_19N": "1"},
    "NoweSrodkiTransportu": {"P_22N": "1"},
    "P_23": "2",
    "PMarzy": {"P_PMarzyN": "1"},
}


def content(node, skipped=frozenset()):
    """Text of a leaf, else {tag: content}; a tag that comes several times has a list."""
    if not len(node):
        return node.text
    result = {}
    for child in node:
        if child.tag in skipped:
            continue
        value = content(child, skipped)
        if child.tag in result:
            if not isinstance(result[child.tag], list):
                result[child.tag] = [result[child.tag]]
            result[child.tag].append(value)
        else:
            result[child.tag] = value
    return result


def row(name, quantity, price, net, rate, number=1, **values):
    """`FaWiersz`; a value of None takes an element away."""
    usual = {
        "NrWierszaFa": str(number),
        "P_7": name,
        "P_8A": "szt.",
        "P_8B": quantity,
        "P_9A": price,
        "P_11": net,
        "P_12": rate,
    }
    return {tag: value for tag, value in (usual | values).items() if value is not None}


class Fa3Compare:
    """Mixin for tests of the builder."""

    def check(self, tree, *rows, annotations=(), shown=(), **values):
        """The `Fa` of the document is exactly: these values, the rows, the usual annotations.

        :param annotations: those that differ from the usual ones
        :param shown: tags that are compared although they usually are not
        """
        expected = {
            "KodWaluty": "PLN",
            "RodzajFaktury": "VAT",
            "Adnotacje": ANNOTATIONS | dict(annotations),
            **values,
        }
        if rows:
            expected["FaWiersz"] = list(rows) if len(rows) > 1 else rows[0]
        found = content(tree.find("Fa"), SKIPPED - set(shown))
        self.assertEqual(found, expected)

    def check_part(self, tree, path, expected):
        """One element of the document, whole; None when it must not be there."""
        node = tree.find(path)
        self.assertEqual(None if node is None else content(node), expected)
