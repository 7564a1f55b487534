"""Makes ``builders`` and ``contracts`` importable from every test folder."""
