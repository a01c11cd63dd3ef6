"""What a search has found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from omega_jupyter.store.wording.facts import facts_html, facts_text

if TYPE_CHECKING:
    from omega_jupyter.store.versions.metadata import Metadata

__all__ = ["SearchResult"]


class SearchResult:
    """What a search has found, under scikit-learn's names.

    Parameters
    ----------
    found : mapping
        As the worker wrote it.
    model : Metadata, optional
        The version that was published.

    Attributes
    ----------
    best_params_ : dict or None
        The parameters of the best candidate; None where ``refit=False`` and there are
        several scores.
    best_score_ : float or None
        Its mean score over the splits.
    best_index_ : int or None
        Its row in ``cv_results_``.
    cv_results_ : pandas.DataFrame
        A row for each candidate; what ``GridSearchCV.cv_results_`` has.
    model : Metadata or None
        The new version of the model, refitted on all data; None with ``refit=False``.
    """

    def __init__(self, found: Mapping[str, Any], model: Metadata | None) -> None:
        import pandas as pd

        self.best_params_: dict[str, Any] | None = found["best_params"]
        self.best_score_: float | None = found["best_score"]
        self.best_index_: int | None = found["best_index"]
        self.cv_results_ = pd.DataFrame(found["cv_results"])
        self.model = model

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data: best_params, best_score, best_index, model, cv_results."""
        return {
            "best_params": self.best_params_,
            "best_score": self.best_score_,
            "best_index": self.best_index_,
            "model": None if self.model is None else self.model.ref,
            "cv_results": self.cv_results_.to_dict("list"),
        }

    def _facts(self) -> list[tuple[str, str]]:
        best = self.best_params_ or {}
        score = "" if self.best_score_ is None else f"{self.best_score_:.6g}"
        facts = [
            ("best score", score),
            ("best params", ", ".join(f"{name}={value!r}" for name, value in best.items())),
            ("candidates", str(len(self.cv_results_))),
            ("model", "" if self.model is None else self.model.ref),
        ]
        return [(label, text) for label, text in facts if text]

    def __repr__(self) -> str:
        return facts_text(self._facts())

    def _repr_html_(self) -> str:
        names = [str(name) for name in self.cv_results_.columns]
        ranks = [name for name in names if name.startswith("rank_test")]
        shown = [
            name
            for name in names
            if name.startswith(("param_", "mean_test", "std_test", "rank_test"))
        ]
        best = self.cv_results_.sort_values(ranks[:1])[shown].head(5)
        return facts_html(self._facts()) + str(best.to_html(index=False))
