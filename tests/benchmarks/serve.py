"""Sends requests to one engine in an unpacked package, and prints the times as JSON.

    python -P serve.py ENGINE REQUESTS ROUNDS [lambda]

``REQUESTS`` is a file with a list of request bodies. They are sent in turn: first a hundred (or ``ROUNDS`` if that is
fewer) that do not count, then ``ROUNDS`` that do. The output has ``seconds`` of each counted request, and ``first``,
the time from the import of the handler to the first response. With ``lambda``, Lambda's runtime client is imported
before, because it imports other modules.
"""

import json
import sys
import time


class Context:
    aws_request_id = "11111111-2222-3333-4444-555555555555"


def main() -> None:
    engine, requests, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
    with open(requests, encoding="utf-8") as file:  # noqa: PTH123 - pathlib must not be imported before the clock starts
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
        # engines.py is in the folder of the package.
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
