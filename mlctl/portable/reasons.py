"""The reason why each class of scikit-learn without a compiler does not compile."""

NOT_KNOWN = "is not known to this release of mlctl"
REASONS: dict[str, tuple[str, ...]] = {
    "computes with the training rows that it keeps; not implemented": (
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
    "predicts with distances, densities or layers; not implemented": (
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
    "combines other models; not implemented": (
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
    "describes a distribution, and does not predict": (
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
    "embeds the training rows only, not new rows": (
        "ClassicalMDS",
        "MDS",
        "SpectralEmbedding",
        "TSNE",
    ),
    "embeds a new row among the training rows": ("Isomap", "LocallyLinearEmbedding"),
    "solves an optimisation problem for each row": (
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
    "encodes the target, which is not part of a request": ("LabelBinarizer", "LabelEncoder", "MultiLabelBinarizer"),
    "transforms with random features, components or a kernel; not implemented": (
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


def of(estimator_class: type) -> str:
    """The reason why a class without a compiler does not compile."""
    package = estimator_class.__module__.partition(".")[0]
    if package != "sklearn":
        return f"is a class of {package}, and only scikit-learn's own classes compile"
    return of_name(estimator_class.__name__)


def of_name(name: str) -> str:
    """The reason for a class of scikit-learn, by name."""
    return _BY_NAME.get(name, NOT_KNOWN)
