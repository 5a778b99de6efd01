"""A project on disk, opened: paths, configuration, pool, embeddings, ledger, labeler, learner."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from curator.config import Config, load_config
from curator.errors import ConfigError, CuratorError
from curator.files import project_lock
from curator.ledger import queries
from curator.ledger.class_history import History
from curator.ledger.store import Ledger
from curator.pool.catalogue import Pool
from curator.pool.embeddings import EmbeddingStore, EncodeReport
from curator.progress import NoProgress, Progress
from curator.project.labeler import make_labeler, studio_warnings
from curator.tasks.task import Task

if TYPE_CHECKING:
    from modAL.models import ActiveLearner

    from curator.learner.checkpoint import Checkpoint
    from curator.learner.model import Model
    from curator.pool.graph import GraphStore
    from integrations.labelers.protocol import Labeler

IntArray = NDArray[np.int64]


def state_folder(folder: Path) -> Path:
    """Where curator keeps a project's state."""
    return folder / ".curator"


class Project:
    """One project. Parts are opened when first used; `close` (or `with`) lets go of them."""

    def __init__(
        self,
        folder: Path,
        *,
        state: Path | None = None,
        progress: Progress | None = None,
        take_over: bool = False,
        say: Callable[[str], None] = lambda _text: None,
    ) -> None:
        """Open the project in `folder`.

        Args:
            folder: holds curator.toml.
            state: where its state is, while `curator restore` still builds it; None = in the folder.
            progress: draws bars for long work.
            take_over: run the campaign from here, whoever ran it before.
            say: told, in a sentence, what a person should know while something runs.
        """
        self.folder = folder.resolve()
        self.config: Config = load_config(self.folder)
        self._task: tuple[Config, Task] | None = None
        self.state = state or state_folder(self.folder)
        self.progress: Progress = progress or NoProgress()
        self.take_over = take_over
        self.say = say
        if not (self.state / "ledger.db").is_file():
            raise ConfigError(
                f"{self.folder} has a curator.toml but no ledger (.curator/ledger.db). `curator restore` rebuilds it, best "
                "from a backup; or start over: move curator.toml away and run `curator init` again."
            )

    @cached_property
    def ledger(self) -> Ledger:
        """What was picked, asked, answered, paid and measured."""
        return Ledger(self.state / "ledger.db")

    @cached_property
    def pool(self) -> Pool:
        """All items, the hold-out's included."""
        return Pool.open(self.state / "pool")

    @cached_property
    def embeddings(self) -> EmbeddingStore:
        """The embeddings of all items; missing ones are computed when first asked for."""
        self.encode()
        return self._store

    def encode(self) -> EncodeReport:
        """Compute the embeddings that are missing."""
        report = self._store.ensure(self.progress)
        for warning in report.warnings:
            self.say(warning)
        return report

    @cached_property
    def _store(self) -> EmbeddingStore:
        from integrations.encoders.registry import make_encoder

        encoder = make_encoder(self.config.encoder.name, self.config.project.kind)
        return EmbeddingStore(self.state / "embeddings", self.pool, encoder, seed=self.config.project.seed)

    @cached_property
    def graph(self) -> GraphStore:
        """The nearest neighbours of every item; built when first asked for."""
        from curator.pool.graph import GraphStore

        return GraphStore(self.embeddings, self.pool, seed=self.config.project.seed)

    @cached_property
    def labeler(self) -> Labeler:
        """Who answers."""
        made = make_labeler(self.config, self.folder, self.pool)
        for warning in studio_warnings(self.config, self.folder):
            self.say(warning)
        return made

    @property
    def campaign(self) -> str:
        """A short id that tells this campaign's questions from any other's."""
        found = self.ledger.get("campaign")
        if found is None:
            raise CuratorError(f"{self.ledger.path} is not the ledger of a campaign: it has no campaign id.")
        return found

    def holdout_rows(self) -> IntArray:
        """Pool rows of the sealed sample, ascending."""
        return np.sort(self.pool.rows(queries.holdout.holdout_ids(self.ledger)))

    @property
    def holdout_size(self) -> int:
        """Number of items in the hold-out, whether drawn already or not."""
        return queries.holdout.holdout_size(self.ledger, self.config.holdout.size)

    @property
    def task(self) -> Task:
        """What a label is: whatever depends on that is asked of it."""
        if self._task is None or self._task[0] is not self.config:  # else the classes may be others by now
            self._task = self.config, self.config.task()
        return self._task[1]

    def model_folder(self, round_id: int) -> Path:
        """Where the checkpoint of a round is kept."""
        return self.state / "models" / f"round-{round_id:03d}"

    def new_model(self) -> Model:
        """An untrained model as curator.toml wants it."""
        section = self.config.model
        return self.task.new_model(
            section.name, section.params, section.seeds, random_state=self.config.project.seed
        )

    def checkpoint(self, round_id: int) -> Checkpoint:
        """The model that a round trained, with what it was trained on.

        When the encoder or the classes have changed since, the model is retrained on the same labels: the stored one
        could not read the new embeddings, or would answer with the old classes. Labels that no longer say enough are left
        out; if none are left, the model stays untrained and `train_rows` is empty. An encoder that was fitted again and
        is the same within rounding has not changed.
        """
        from curator.learner.checkpoint import load_checkpoint
        from curator.learner.model import fit_model
        from curator.project.unlabeled import unlabeled_sample

        found = load_checkpoint(self.model_folder(round_id), self.embeddings.take)
        then, now = tuple(found.model.classes_.tolist()), self.config.project.classes
        changed = ""
        if found.meta["encoder_fingerprint"] != self.embeddings.fingerprint:
            if self.reads_as_before(round_id, found):
                self.say(
                    f"The encoder was fitted again and is the same within rounding: the model of round {round_id} is kept."
                )
            else:
                changed = "The encoder has"
        changed = "The classes have" if then != now else changed
        if not changed:
            return found
        known, labels = self.task.labels_now(History.read(self.ledger), then, found.train_labels)
        rows = found.train_rows[known]
        if not len(rows):
            return replace(found, model=self.new_model(), train_rows=rows, train_labels=labels)
        trained_in = f"round {round_id}" if round_id else "the first round"
        self.say(f"{changed} changed since {trained_in}: its model is retrained.")
        model = fit_model(
            self.new_model(),
            self.embeddings.take(rows),
            self.task.targets(labels),
            lambda: unlabeled_sample(self, rows),
        )
        return replace(found, model=model, train_rows=rows, train_labels=labels)

    def reads_as_before(self, round_id: int, found: Checkpoint) -> bool:
        """Whether today's embeddings are, within rounding, those a round's model was trained on."""
        from curator.project.holdout_probs import says_the_same

        return says_the_same(self.model_folder(round_id), found, self.embeddings, self.holdout_rows())

    def learner(self) -> ActiveLearner:
        """The current model as a modAL `ActiveLearner`, trained, with its training data in place.

        Its query strategy is the configured one where modAL can run it, else margin.

        Raises:
            CuratorError: no round has trained a model yet.
        """
        from curator.project.modal import query_strategy
        from integrations.modal import load_query_strategy, make_learner

        newest = queries.rounds.last_trained(self.ledger)
        if newest is None:
            raise CuratorError(
                "No model yet: the first is trained when the seed batch is answered. Run `curator round`."
            )
        checkpoint = self.checkpoint(newest["id"])
        if not len(checkpoint.train_rows):
            raise CuratorError(
                "No label is left since the classes changed: `curator round` asks for the next."
            )
        if not self.task.traits.modal:
            raise CuratorError(
                f"modAL's learners know one class of several; the labels here are {self.task.summary}."
            )
        spec = self.config.acquisition.strategy
        if isinstance(spec, dict):
            strategy = query_strategy("margin")
        elif ":" in spec:
            strategy = load_query_strategy(spec, allow_code=self.config.acquisition.allow_code)
        else:
            strategy = query_strategy(spec, seed=self.config.project.seed)
        return make_learner(
            checkpoint.model,
            self.embeddings.take(checkpoint.train_rows),
            self.task.targets(checkpoint.train_labels),
            strategy,
        )

    @contextmanager
    def locked(self, command: str) -> Iterator[None]:
        """Hold the project's lock; tells the user when the last holder died."""
        with project_lock(self.state / "lock", command) as dead:
            if dead:
                self.say(dead)
            yield

    def config_json(self) -> str:
        """The configuration as the ledger keeps it with each round."""
        return json.dumps(self.config.model_dump(mode="json"), sort_keys=True)

    def close(self) -> None:
        """Close the ledger."""
        if "ledger" in self.__dict__:
            self.ledger.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
