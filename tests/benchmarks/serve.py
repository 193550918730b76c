"""Runs in an unpacked package: one process of one engine, asked for requests. Prints JSON.

    python -P serve.py ENGINE REQUESTS ROUNDS [lambda]

``REQUESTS``: a file with a list of request bodies; they are asked in turn, ``ROUNDS`` in all after a hundred
(or as many as there are rounds) that are not counted. Prints ``seconds``, one a counted request, and
``first``, from the import of the handler to the first answer; ``lambda``: Lambda's runtime client, which imports
some modules of its own, is imported before.
"""

import json
import sys
import time


class Context:
    aws_request_id = "11111111-2222-3333-4444-555555555555"


def main() -> None:
    engine, requests, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
    with open(requests, encoding="utf-8") as file:  # noqa: PTH123 - pathlib would be imported before the clock starts
        bodies = json.load(file)
    events = [
        {
            "rawPath": "/predict",
            "headers": {"content-type": "application/json"},
            "requestContext": {"http": {"method": "POST"}, "stage": "$default"},
            "body": body,
        }
        for body in bodies
    ]
    if "lambda" in sys.argv:
        import awslambdaric.bootstrap  # noqa: F401
    sys.path.insert(0, ".")
    out = sys.stdout
    with open("/dev/null", "w", encoding="utf-8") as sys.stdout:  # noqa: PTH123
        started = time.perf_counter()
        # It stands in the package's folder.
        lambda_handler = __import__("engines").use(engine)
        answer = lambda_handler(events[0], Context)
        first = time.perf_counter() - started
        if answer["statusCode"] != 200:
            raise SystemExit(answer["body"])
        for turn in range(min(100, rounds)):
            lambda_handler(events[turn % len(events)], Context)
        clock = time.perf_counter
        seconds = []
        for turn in range(rounds):
            event = events[turn % len(events)]
            begin = clock()
            lambda_handler(event, Context)
            seconds.append(clock() - begin)
    json.dump({"first": first, "seconds": seconds}, out)


main()
