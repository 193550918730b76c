"""Loads one model in a fresh process and predicts rows, one at a time. Prints JSON.

    python -P load.py portable|sklearn ROWS GENERATED

Runs in the folder of the model. Seconds: ``load`` (the modules of the handler, or of scikit-learn, imported
before count for scikit-learn apart, in ``imports``), ``first`` and ``row`` (median). Memory in bytes, as the
kernel tells: ``before``, ``loaded``, ``walked`` (after all rows) and ``peak``.
"""

import json
import sys
import time


def memory(what: str = "VmRSS") -> int:
    """Bytes in memory now (VmRSS) or at most so far (VmHWM); https://man7.org/linux/man-pages/man5/proc.5.html."""
    with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123 - nothing more is imported
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(what))


def main() -> None:
    engine, file, generated = sys.argv[1], sys.argv[2], sys.argv[3] == "yes"
    with open(file, encoding="utf-8") as text:  # noqa: PTH123
        rows = json.load(text)
    sys.path.insert(0, ".")
    clock = time.perf_counter
    begin = clock()
    if engine == "portable":
        from handler.engine import load

        imports = clock() - begin
        before = memory()
        begin = clock()
        model = load("model/model.safetensors", n_features=len(rows[0]), generated=generated)
        loaded_in = clock() - begin

        def predict(row: list[float]) -> list[float]:
            probabilities: list[float] = model.predict(row)[1]
            return probabilities
    else:
        import joblib
        import sklearn.ensemble  # noqa: F401 - what unpickling would import

        imports = clock() - begin
        before = memory()
        begin = clock()
        pipeline = joblib.load("model.joblib")
        loaded_in = clock() - begin

        def predict(row: list[float]) -> list[float]:
            found: list[float] = pipeline.predict_proba([row])[0].tolist()
            return found

    loaded = memory()
    seconds = []
    for row in rows:
        begin = clock()
        answer = predict(row)
        seconds.append(clock() - begin)
    print(
        json.dumps(
            {
                "imports": imports,
                "load": loaded_in,
                "first": seconds[0],
                "row": sorted(seconds[1:])[len(seconds) // 2],
                "before": before,
                "loaded": loaded,
                "walked": memory(),
                "peak": memory("VmHWM"),
                "answer": answer,
            }
        )
    )


main()
