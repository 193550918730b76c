"""What of scikit-learn compiles, and of the rest why not: the table of ``mlctl models support``.

What compiles is read from the registry. The reasons stand here, a class in one of them; a test holds
both against ``sklearn.utils.all_estimators()``.
"""

from dataclasses import dataclass
from typing import Any, Literal

import sklearn
from sklearn.base import (
    ClassifierMixin,
    ClusterMixin,
    OutlierMixin,
    RegressorMixin,
    TransformerMixin,
)
from sklearn.utils import all_estimators

from mlctl.portable.entry import Entry
from mlctl.portable.registry import ENTRIES

Kind = Literal["classifier", "regressor", "cluster", "outlier", "transformer", "other"]
_KINDS: tuple[tuple[type, Kind], ...] = (
    (ClassifierMixin, "classifier"),
    (RegressorMixin, "regressor"),
    (OutlierMixin, "outlier"),
    (TransformerMixin, "transformer"),
    (ClusterMixin, "cluster"),
)

NOT_KNOWN = "is not known to this release of mlctl"
REASONS: dict[str, tuple[str, ...]] = {
    "computes with the training rows, or with those of them that it keeps; not built": (
        "GaussianProcessClassifier",
        "GaussianProcessRegressor",
        "KNNImputer",
        "KNeighborsClassifier",
        "KNeighborsRegressor",
        "KNeighborsTransformer",
        "KernelPCA",
        "KernelRidge",
        "LabelPropagation",
        "LabelSpreading",
        "NuSVC",
        "NuSVR",
        "Nystroem",
        "RadiusNeighborsClassifier",
        "RadiusNeighborsRegressor",
        "RadiusNeighborsTransformer",
        "SVC",
        "SVR",
    ),
    "predicts by distances, densities or layers of its own; not built": (
        "BernoulliNB",
        "CategoricalNB",
        "ComplementNB",
        "GaussianNB",
        "MLPClassifier",
        "MLPRegressor",
        "MultinomialNB",
        "NearestCentroid",
        "QuadraticDiscriminantAnalysis",
    ),
    "combines other models in a way of its own; not built": (
        "CalibratedClassifierCV",
        "ClassifierChain",
        "OneVsOneClassifier",
        "OneVsRestClassifier",
        "OutputCodeClassifier",
        "SelfTrainingClassifier",
    ),
    "finds clusters: an API of mlctl predicts a class or a number": (
        "AffinityPropagation",
        "AgglomerativeClustering",
        "Birch",
        "BisectingKMeans",
        "DBSCAN",
        "HDBSCAN",
        "KMeans",
        "MeanShift",
        "MiniBatchKMeans",
        "OPTICS",
        "SpectralBiclustering",
        "SpectralClustering",
        "SpectralCoclustering",
    ),
    "finds outliers: an API of mlctl predicts a class or a number": (
        "EllipticEnvelope",
        "IsolationForest",
        "LocalOutlierFactor",
        "OneClassSVM",
        "SGDOneClassSVM",
    ),
    "describes how rows are spread, and predicts nothing of one": (
        "BayesianGaussianMixture",
        "EmpiricalCovariance",
        "GaussianMixture",
        "GraphicalLasso",
        "GraphicalLassoCV",
        "KernelDensity",
        "LedoitWolf",
        "MinCovDet",
        "NearestNeighbors",
        "OAS",
        "ShrunkCovariance",
    ),
    "places the training rows alone, and no new ones": (
        "ClassicalMDS",
        "MDS",
        "SpectralEmbedding",
        "TSNE",
    ),
    "places a new row among the training rows": ("Isomap", "LocallyLinearEmbedding"),
    "solves a problem of optimisation for each row": (
        "DictionaryLearning",
        "LatentDirichletAllocation",
        "MiniBatchDictionaryLearning",
        "MiniBatchNMF",
        "MiniBatchSparsePCA",
        "NMF",
        "SparseCoder",
        "SparsePCA",
    ),
    "takes documents, dictionaries or images, not the columns of a table": (
        "CountVectorizer",
        "DictVectorizer",
        "FeatureHasher",
        "HashingVectorizer",
        "PatchExtractor",
        "TfidfTransformer",
        "TfidfVectorizer",
    ),
    "encodes the target, which no request holds": ("LabelBinarizer", "LabelEncoder", "MultiLabelBinarizer"),
    "transforms by features at random, components or a kernel of its own; not built": (
        "AdditiveChi2Sampler",
        "BernoulliRBM",
        "KernelCenterer",
        "NeighborhoodComponentsAnalysis",
        "PLSSVD",
        "PolynomialCountSketch",
        "RBFSampler",
        "RandomTreesEmbedding",
        "SkewedChi2Sampler",
    ),
}


@dataclass(frozen=True)
class Support:
    """One class of the installed scikit-learn.

    ``parity``: None for one that does not compile; "inner" where it is that of the parts inside.
    ``note``: of one that compiles what of it does not, else the reason.
    """

    name: str
    module: str
    kind: Kind
    parity: Literal["exact", "close", "inner"] | None
    note: str


def table() -> tuple[Support, ...]:
    """Every class of the installed scikit-learn that can be fitted, by module and name."""
    public = dict(all_estimators())
    # What is public only once an experimental feature is switched on.
    found = {**{each.__name__: each for each in ENTRIES}, **public}
    reasons = {name: reason for reason, names in REASONS.items() for name in names}
    rows = (_support(name, each, ENTRIES.get(each), reasons) for name, each in found.items())
    return tuple(sorted(rows, key=lambda row: (row.module, row.name)))


def _minor() -> str:
    return ".".join(sklearn.__version__.split(".")[:2])


def _support(name: str, found: type, entry: Entry | None, reasons: dict[str, str]) -> Support:
    return Support(
        name=name,
        module=found.__module__.split("._")[0],
        kind=_kind(found),
        parity=entry.parity if entry else None,
        note=entry.limits if entry else reasons.get(name, NOT_KNOWN),
    )


def _kind(found: Any) -> Kind:
    return next((kind for mixin, kind in _KINDS if issubclass(found, mixin)), "other")


def markdown() -> str:
    """The table as docs/PORTABLE.md holds it."""
    rows = table()
    compiled = [row for row in rows if row.parity]
    lines = [
        f"Of scikit-learn {_minor()}, {len(compiled)} of {len(rows)} classes compile.",
        "",
        "| class | kind | parity | does not compile |",
        "|---|---|---|---|",
        *(
            f"| `{row.module}.{row.name}` | {row.kind} | {PARITIES[row.parity or 'inner']} | {row.note} |"
            for row in compiled
        ),
        "",
        "Not compiled:",
        "",
        "| why not | classes |",
        "|---|---|",
    ]
    for reason in dict.fromkeys(row.note for row in rows if not row.parity):
        names = ", ".join(f"`{row.name}`" for row in rows if not row.parity and row.note == reason)
        lines.append(f"| {reason} | {names} |")
    return "\n".join(lines) + "\n"


PARITIES = {"exact": "exact", "close": "close", "inner": "of its parts"}
