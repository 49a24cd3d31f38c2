"""The FA(3) document: model, writer, validator, text hygiene, units."""
