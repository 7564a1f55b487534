"""Makes the shared helpers, ``builders`` and ``contracts``, importable from every test folder."""
