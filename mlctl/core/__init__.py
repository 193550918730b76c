"""One module a verb: values in, records out, progress through a callback. Nothing here prints or exits."""
