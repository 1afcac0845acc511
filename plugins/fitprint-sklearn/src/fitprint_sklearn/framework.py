"""scikit-learn's targets: which calls train, and which add to a model's run later."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version

from fitprint.autologging.framework import Framework, Function, SubclassMethod, Target

__all__ = ["SklearnFramework"]

_BASE = "sklearn.base:BaseEstimator"

_VALIDATIONS = (
    "cross_val_predict",
    "cross_val_score",
    "cross_validate",
    "learning_curve",
    "permutation_test_score",
    "validation_curve",
)

# Functions that judge predictions, by the module that defines them.
_METRICS = {
    "_classification": """
        accuracy_score balanced_accuracy_score brier_score_loss class_likelihood_ratios classification_report cohen_kappa_score
        confusion_matrix d2_log_loss_score f1_score fbeta_score hamming_loss hinge_loss jaccard_score log_loss matthews_corrcoef
        multilabel_confusion_matrix precision_recall_fscore_support precision_score recall_score zero_one_loss
        """,  # noqa: E501
    "_ranking": """
        average_precision_score coverage_error dcg_score det_curve label_ranking_average_precision_score label_ranking_loss ndcg_score
        precision_recall_curve roc_auc_score roc_curve top_k_accuracy_score
        """,  # noqa: E501
    "_regression": """
        d2_absolute_error_score d2_pinball_score d2_tweedie_score explained_variance_score max_error mean_absolute_error
        mean_absolute_percentage_error mean_gamma_deviance mean_pinball_loss mean_poisson_deviance mean_squared_error
        mean_squared_log_error mean_tweedie_deviance median_absolute_error r2_score root_mean_squared_error
        root_mean_squared_log_error
        """,  # noqa: E501
    "cluster._supervised": """
        adjusted_mutual_info_score adjusted_rand_score completeness_score fowlkes_mallows_score homogeneity_completeness_v_measure
        homogeneity_score mutual_info_score normalized_mutual_info_score pair_confusion_matrix rand_score v_measure_score
        """,  # noqa: E501
    "cluster._unsupervised": "calinski_harabasz_score davies_bouldin_score silhouette_score",
}
# Functions that train by name: they give clusters, or coefficients for a target. What only changes
# how data are written, such as decompositions, embeddings and scalings, is a computation.
_TRAININGS = {
    "cluster": """
        _affinity_propagation:affinity_propagation _dbscan:dbscan _kmeans:k_means _mean_shift:mean_shift _spectral:spectral_clustering
        """,  # noqa: E501
    "linear_model": """
        _coordinate_descent:enet_path _coordinate_descent:lasso_path _least_angle:lars_path _omp:orthogonal_mp _ridge:ridge_regression
        """,  # noqa: E501
}

# Packages of imbalanced-learn and scikit-learn-contrib, in which everything that trains is an
# estimator: other calls are steps of those.
_HELPERS = """
    boruta category_encoders deslib fastcan hdbscan hiclass imblearn metric_learn skdim skglm sklearn_extra sklearn_pandas skmatter
    stability_selection
    """  # noqa: E501

_SINCE = {"d2_brier_score": ("_classification", (1, 8))}


class SklearnFramework(Framework):
    """scikit-learn and everything that derives from its ``BaseEstimator``."""

    name = "sklearn"
    distribution = "scikit-learn"
    helpers = tuple(_HELPERS.split())
    passing = (
        "sklearn.model_selection._plot:from_estimator",
        "sklearn.utils._set_output:wrapped",
        "sklearn.utils.parallel:__call__",
    )

    def targets(self) -> Sequence[Target]:
        return list(_targets())


def _targets() -> Iterator[Target]:
    for name in ("fit", "fit_transform", "fit_predict"):
        yield SubclassMethod(_BASE, name, "fitprint_sklearn.estimators:observe_fit")
    yield SubclassMethod(
        _BASE, "partial_fit", "fitprint_sklearn.sequences:observe_partial_fit", role="sequence"
    )
    for name in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
        yield SubclassMethod(
            _BASE, name, "fitprint_sklearn.post_training:observe_prediction", role="note"
        )
    yield SubclassMethod(
        _BASE, "score", "fitprint_sklearn.post_training:observe_score", role="note"
    )
    for name in _VALIDATIONS:
        path = f"sklearn.model_selection._validation:{name}"
        yield Function(
            path, "fitprint_sklearn.validation:observe_validation", kind="cross-validation"
        )
    for package, names in _TRAININGS.items():
        for name in names.split():
            yield Function(
                f"sklearn.{package}.{name}", "fitprint_sklearn.functions:observe_function"
            )
    yield Function(
        "sklearn.isotonic:isotonic_regression", "fitprint_sklearn.functions:observe_function"
    )
    yield Function(
        "sklearn.inspection._permutation_importance:permutation_importance",
        "fitprint_sklearn.post_training:observe_inspection",
        role="note",
    )
    for module, names in _METRICS.items():
        for name in names.split():
            yield Function(
                f"sklearn.metrics.{module}:{name}",
                "fitprint_sklearn.post_training:observe_metric",
                role="note",
            )
    for name, (module, since) in _SINCE.items():
        if _installed() >= since:
            yield Function(
                f"sklearn.metrics.{module}:{name}",
                "fitprint_sklearn.post_training:observe_metric",
                role="note",
            )


def _installed() -> tuple[int, int]:
    try:
        major, minor = version("scikit-learn").split(".")[:2]
        return int(major), int(minor)
    except (PackageNotFoundError, ValueError):
        return 0, 0
