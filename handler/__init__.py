"""What runs in AWS Lambda: the standard library and this package, nothing else.

Its contract with the tool that ships it is files only (see docs/FORMAT.md):
``model/package.json``, ``model/schema.json``, ``model/metrics.json`` and
``model/model.safetensors``, beside this package in the zip.
"""

# Every module sets TYPE_CHECKING itself: importing typing costs a cold start some milliseconds. Type checkers know the
# name and read what follows it.
