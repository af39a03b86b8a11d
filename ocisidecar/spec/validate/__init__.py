"""Validation of specs: `validate.spec` runs everything, `validate.fields` holds the checks that fields declare."""
