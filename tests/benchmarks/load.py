"""Loads one model in a fresh process, predicts rows one at a time, and prints JSON.

    python -P load.py portable|sklearn ROWS GENERATED

Runs in the folder of the model. Seconds: ``imports`` (the modules of the handler or of scikit-learn), ``load``,
``first`` and ``row`` (the median). Memory in bytes, as reported by the kernel: ``before``, ``loaded``, ``walked``
(after all rows) and ``peak``.
"""

import json
import sys
import time


def memory(field: str = "VmRSS") -> int:
    """Resident bytes now (VmRSS) or at peak (VmHWM): https://man7.org/linux/man-pages/man5/proc.5.html."""
    with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123 - avoids another import
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(field))


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
        import sklearn.ensemble  # noqa: F401 - unpickling would import it

        imports = clock() - begin
        before = memory()
        begin = clock()
        pipeline = joblib.load("model.joblib")
        loaded_in = clock() - begin

        def predict(row: list[float]) -> list[float]:
            probabilities: list[float] = pipeline.predict_proba([row])[0].tolist()
            return probabilities

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
