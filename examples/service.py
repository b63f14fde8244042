"""
A service with FastAPI
======================

A fitted model behind HTTP: probabilities and answers for rows of JSON, and class frequencies that can be changed while
it runs. It needs ``pip install fastapi uvicorn``, and a file that :func:`~balanced_nn.save_model` wrote::

    BALANCED_NN_MODEL=model.skops uvicorn --factory service:app_from_environment

    curl localhost:8000/predict -H 'Content-Type: application/json' -d '{"rows": [{"amount": 12.5, "country": null}]}'

Endpoints that are plain functions run in several threads of FastAPI. That is safe: a prediction reads the model once,
so that it sees a change of `set_prior`, `set_decision` or `fit` in another thread as a whole or not at all. This file
is not run with the gallery; the tests run it.
"""

import os
from pathlib import Path
from typing import Any

import pandas as pd
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field

from balanced_nn import load_model

# %%
# What comes in. A row maps the names of columns to cells; null is a missing cell.

MOST_ROWS = 10_000  # of a request: a prediction holds its table in memory
Cell = bool | int | float | str | None


class Rows(BaseModel):
    rows: list[dict[str, Cell]] = Field(min_length=1, max_length=MOST_ROWS)


class Prior(BaseModel):
    prior: dict[str, float] | None  # null: those of the training data


# %%
# A skops file is read without running code in it. A sentence of the package that says what is wrong with rows or
# frequencies goes back to the caller; everything else is an error of the service.


def make_app(file: Path) -> FastAPI:
    model = load_model(file)
    columns, labels = list(model.feature_names_in_), model.classes_.tolist()
    app = FastAPI(title="balanced_nn")

    @app.get("/health")
    def health() -> dict[str, Any]:
        report = model.collapse_report_
        return {"outcome": report.outcome.value, "classes": labels, "columns": columns, "prior": prior_now()}

    @app.post("/predict")
    def predict(given: Rows) -> dict[str, Any]:
        unknown = sorted({name for row in given.rows for name in row} - set(columns))
        if unknown:
            raise HTTPException(422, f"unknown columns {unknown}; the model knows {columns}")
        table = pd.DataFrame(given.rows, columns=columns)
        try:
            proba, answers = model.predict_proba(table), model.predict(table)
        except (TypeError, ValueError) as error:
            raise HTTPException(422, str(error)) from error
        return {"classes": labels, "probabilities": proba.tolist(), "answers": answers.tolist()}

    @app.put("/prior")
    def set_prior(wanted: Prior) -> dict[str, Any]:
        by_name = {str(label): label for label in labels}
        try:
            prior = wanted.prior and {by_name.get(name, name): share for name, share in wanted.prior.items()}
            model.set_prior(prior)
        except ValueError as error:
            raise HTTPException(422, str(error)) from error
        return {"prior": prior_now()}

    def prior_now() -> dict[str, float]:
        return dict(zip(map(str, labels), model.class_prior_.tolist(), strict=True))

    return app


def app_from_environment() -> FastAPI:
    return make_app(Path(os.environ["BALANCED_NN_MODEL"]))
