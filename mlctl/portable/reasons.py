"""Why a class does not compile: of scikit-learn's each in one reason, which says what the class does."""

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

_BY_NAME = {name: reason for reason, names in REASONS.items() for name in names}


def of(found: type) -> str:
    """Why ``found``, a class without a compiler, has none."""
    package = found.__module__.partition(".")[0]
    if package != "sklearn":
        return f"is a class of {package}, and only scikit-learn's own classes compile"
    return of_name(found.__name__)


def of_name(name: str) -> str:
    """The same of a class of scikit-learn."""
    return _BY_NAME.get(name, NOT_KNOWN)
