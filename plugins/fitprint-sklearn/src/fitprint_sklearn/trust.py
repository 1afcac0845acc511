"""The types and functions that belong to scikit-learn, NumPy and SciPy and that their own models
are made of.

Loading trusts these without being asked: making such an object, setting its state and, later,
calling such a function run nothing but the frameworks' numerical code. Estimators are known by a
rule, all else is listed: name by name, found by saving every estimator of scikit-learn 1.5 to 1.9.
What reads files, makes functions or evaluates text has no place here.
"""

from __future__ import annotations

import importlib
import inspect

from fitprint.hooks.manager import hooks
from fitprint.models import pickles
from fitprint.models.flavor import StateCheck, parts_of

__all__ = ["DISTANCES", "LOSSES", "is_constructor", "is_trusted", "parts"]

_UFUNCS = """abs absolute add arccos arccosh arcsin arcsinh arctan arctan2 arctanh cbrt ceil conj conjugate copysign cos cosh deg2rad
    degrees divide equal exp exp2 expm1 fabs floor floor_divide fmax fmin fmod greater greater_equal hypot invert isfinite isinf isnan
    less less_equal log log10 log1p log2 logaddexp logaddexp2 logical_and logical_not logical_or logical_xor maximum minimum mod
    multiply negative not_equal positive power rad2deg radians reciprocal remainder rint sign sin sinh sqrt square subtract tan tanh
    true_divide trunc"""  # noqa: E501
DISTANCES = " ".join(
    f"{name}Distance{size}"
    for name in (
        "BrayCurtis Canberra Chebyshev Dice Euclidean Hamming Haversine Jaccard "
        "Kulsinski Mahalanobis Manhattan Matching Minkowski RogersTanimoto RussellRao "
        "SEuclidean SokalMichener SokalSneath"
    ).split()
    for size in ("", "32", "64")
)
LOSSES = " ".join(
    f"{name} __pyx_unpickle_{name}"
    for name in (
        "CyAbsoluteError CyExponentialLoss CyHalfBinomialLoss CyHalfGammaLoss "
        "CyHalfMultinomialLoss CyHalfPoissonLoss CyHalfSquaredError CyHalfTweedieLoss "
        "CyHalfTweedieLossIdentity CyHuberLoss CyPinballLoss"
    ).split()
)


def _table(lines: dict[str, str]) -> dict[str, frozenset[str]]:
    return {module: frozenset(names.split()) for module, names in lines.items()}


# Types, and what makes objects of them: a pickle may call these.
_TYPES = _table(
    {
        "functools": "partial",
        "numpy.random": "MT19937 PCG64 PCG64DXSM Philox SFC64",
        # the latter holds the numbers from SciPy 1.18 on
        "scipy.interpolate._bsplines": "BSpline _BSpline",
        "scipy.interpolate._interpolate": "interp1d",
        "scipy.sparse._bsr": "bsr_array bsr_matrix",
        "scipy.sparse._coo": "coo_array coo_matrix",
        "scipy.sparse._csc": "csc_array csc_matrix",
        "scipy.sparse._csr": "csr_array csr_matrix",
        "scipy.sparse._dia": "dia_array dia_matrix",
        "scipy.sparse._dok": "dok_array dok_matrix",
        "scipy.sparse._lil": "lil_array lil_matrix",
        "_loss": LOSSES,  # the name under which scikit-learn 1.5 pickles its own
        "sklearn._loss._loss": LOSSES,
        "sklearn._loss.link": (
            "HalfLogitLink IdentityLink Interval LogLink LogitLink MultinomialLogit"
        ),
        "sklearn._loss.loss": (
            "AbsoluteError ExponentialLoss HalfBinomialLoss "
            "HalfBinomialLossArrayAPI HalfGammaLoss HalfMultinomialLoss "
            "HalfMultinomialLossArrayAPI HalfPoissonLoss "
            "HalfPoissonLossArrayAPI HalfSquaredError HalfTweedieLoss "
            "HalfTweedieLossIdentity HuberLoss PinballLoss"
        ),
        "sklearn.calibration": "_CalibratedClassifier _SigmoidCalibration _TemperatureScaling",
        "sklearn.cluster._birch": "_CFNode _CFSubcluster",
        "sklearn.cluster._bisect_k_means": "_BisectingTree",
        "sklearn.compose._column_transformer": "_RemainderColsList make_column_selector",
        "sklearn.ensemble._gb": "VerboseReporter",
        "sklearn.ensemble._hist_gradient_boosting.binning": "_BinMapper",
        "sklearn.ensemble._hist_gradient_boosting.predictor": "TreePredictor",
        "sklearn.gaussian_process._gpc": "_BinaryGaussianProcessClassifierLaplace",
        "sklearn.gaussian_process.kernels": (
            "CompoundKernel ConstantKernel DotProduct "
            "ExpSineSquared Exponentiation Hyperparameter Matern "
            "PairwiseKernel Product RBF RationalQuadratic Sum "
            "WhiteKernel"
        ),
        "sklearn.linear_model._base": "MultiOutputLinearModel",
        "sklearn.linear_model._sgd_fast": (
            "EpsilonInsensitive Hinge Huber Log ModifiedHuber "
            "SquaredEpsilonInsensitive SquaredHinge SquaredLoss"
        ),
        "sklearn.metrics._dist_metrics": (
            f"{DISTANCES} PyFuncDistance PyFuncDistance32 PyFuncDistance64 newObj"
        ),
        "sklearn.metrics._scorer": "_CurveScorer _MultimetricScorer _PassthroughScorer _Scorer",
        "sklearn.model_selection._split": (
            "GroupKFold GroupShuffleSplit KFold LeaveOneGroupOut "
            "LeaveOneOut LeavePGroupsOut LeavePOut PredefinedSplit "
            "RepeatedKFold RepeatedStratifiedKFold ShuffleSplit "
            "StratifiedGroupKFold StratifiedKFold "
            "StratifiedShuffleSplit TimeSeriesSplit "
            "_CVIterableWrapper"
        ),
        "sklearn.model_selection._classification_threshold": "_CurveScorer",
        "sklearn.multiclass": "_ConstantPredictor",
        "sklearn.neighbors._ball_tree": "BallTree BallTree32 BallTree64 newObj",
        "sklearn.neighbors._kd_tree": "KDTree KDTree32 KDTree64 newObj",
        "sklearn.neural_network._stochastic_optimizers": "AdamOptimizer SGDOptimizer",
        "sklearn.tree._tree": "Tree",
        "sklearn.utils._bunch": "Bunch",
        "sklearn.utils._metadata_requests": (
            "MetadataRequest MetadataRouter MethodMapping "
            "MethodMetadataRequest MethodPair RouterMappingPair"
        ),
    }
)
# Functions that a model may hold and call later; a pickle may refer to them, but has no business
# calling them itself.
_FUNCTIONS = _table(
    {
        "numpy": (
            "amax amin around array asarray clip concatenate cumsum expand_dims float_power "
            "hstack isclose max mean median min nan_to_num nanmax nanmean nanmedian nanmin "
            "ndim percentile prod quantile ravel reshape round size squeeze std sum "
            f"transpose var vstack where {_UFUNCS}"
        ),
        "numpy._core._multiarray_umath": _UFUNCS,
        "numpy.core._multiarray_umath": _UFUNCS,
        "numpy._core.umath": _UFUNCS,
        "numpy.core.umath": _UFUNCS,
        "scipy._lib.array_api_compat.numpy._aliases": "asarray",
        "scipy.special": "expit log_ndtr logit ndtr ndtri",
        "scipy.special._ufuncs": "expit log_ndtr logit ndtr ndtri",
        "sklearn.cluster._kmeans": "_kmeans_single_elkan _kmeans_single_lloyd",
        "sklearn.feature_extraction.text": "strip_accents_ascii strip_accents_unicode strip_tags",
        "sklearn.feature_selection._mutual_info": "mutual_info_classif mutual_info_regression",
        "sklearn.feature_selection._univariate_selection": (
            "chi2 f_classif f_oneway f_regression r_regression"
        ),
        "sklearn.metrics._classification": (
            "accuracy_score balanced_accuracy_score "
            "brier_score_loss cohen_kappa_score confusion_matrix "
            "d2_brier_score d2_log_loss_score f1_score "
            "fbeta_score hamming_loss hinge_loss jaccard_score "
            "log_loss matthews_corrcoef precision_score "
            "recall_score zero_one_loss"
        ),
        "sklearn.metrics._ranking": (
            "auc average_precision_score coverage_error dcg_score "
            "label_ranking_average_precision_score label_ranking_loss "
            "ndcg_score roc_auc_score top_k_accuracy_score"
        ),
        "sklearn.metrics._regression": (
            "d2_absolute_error_score d2_pinball_score "
            "d2_tweedie_score explained_variance_score max_error "
            "mean_absolute_error mean_absolute_percentage_error "
            "mean_gamma_deviance mean_pinball_loss "
            "mean_poisson_deviance mean_squared_error "
            "mean_squared_log_error mean_tweedie_deviance "
            "median_absolute_error r2_score root_mean_squared_error "
            "root_mean_squared_log_error"
        ),
        "sklearn.metrics.cluster._supervised": (
            "adjusted_mutual_info_score adjusted_rand_score "
            "completeness_score fowlkes_mallows_score "
            "homogeneity_score mutual_info_score "
            "normalized_mutual_info_score rand_score "
            "v_measure_score"
        ),
        "sklearn.metrics.cluster._unsupervised": (
            "calinski_harabasz_score davies_bouldin_score silhouette_score"
        ),
        "sklearn.utils.validation": "check_array",
        "sklearn.metrics.pairwise": (
            "additive_chi2_kernel chi2_kernel cosine_distances "
            "cosine_similarity euclidean_distances haversine_distances "
            "laplacian_kernel linear_kernel manhattan_distances "
            "nan_euclidean_distances polynomial_kernel rbf_kernel "
            "sigmoid_kernel"
        ),
    }
)


def is_trusted(module: str, name: str) -> bool:
    """Tell if a model may refer to it: a plain type, or a type or function of the frameworks' own
    that models are made of.
    """
    return (
        name in _FUNCTIONS.get(module, ())
        or pickles.is_harmless(module, name)
        or is_constructor(module, name)
    )


def is_constructor(module: str, name: str) -> bool:
    """Tell if a file may also have it called: it is a type, or a function with which pickles make
    objects of one.
    """
    return (
        name in _TYPES.get(module, ())
        or pickles.is_constructor(module, name)
        or _is_estimator(module, name)
    )


def parts() -> dict[tuple[str, str], StateCheck]:
    """Return the types that other frameworks' plugins lend: a file may make bare objects of them
    and give them their state, no more.
    """
    return parts_of(hooks().registered("register_flavors").values())


def _is_estimator(module: str, name: str) -> bool:
    """Tell if the name is an estimator class that scikit-learn itself defines in that module.

    Only scikit-learn's own installed modules are imported for this, none of its tests.
    """
    parts = module.split(".")
    if (
        parts[0] != "sklearn"
        or not name.isidentifier()
        or {"tests", "externals", "datasets", "conftest"} & set(parts)
    ):
        return False
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ImportError:
        return False
    if not inspect.isclass(found) or found.__module__ != module:
        return False
    from sklearn.base import BaseEstimator

    return issubclass(found, BaseEstimator)
