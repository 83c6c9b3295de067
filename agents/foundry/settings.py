"""What the model needs to be told; without a `base_url` there is none, and the embedded reasoner does the whole job."""

from __future__ import annotations

from typing import Literal

from pydantic import AnyHttpUrl, BaseModel, ConfigDict, Field, SecretStr, model_validator


class ModelSettings(BaseModel):
    """Any OpenAI-compatible endpoint."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    base_url: AnyHttpUrl | None = None
    """The endpoint, such as `https://NAME.openai.azure.com/openai/v1/` or `http://127.0.0.1:11434/v1`."""
    model: str = ""
    """The model, or the name of the deployment."""
    api_key: SecretStr | None = None
    """The key; give it in the environment or in `.env`."""
    auth: Literal["key", "entra"] = "key"
    """`entra` logs in with azure-identity instead of a key."""
    entra_scope: str = "https://ai.azure.com/.default"
    """The scope of the Entra token; older resources want `https://cognitiveservices.azure.com/.default`."""
    timeout_s: float = Field(default=60, gt=0, le=600)
    """Seconds for one answer."""
    deadline_s: float = Field(default=90, gt=0, le=900)
    """Seconds for one decision, with every repair."""
    tokens_per_incident: int = Field(default=60_000, ge=0)
    """The budget of one incident; when it is spent, the embedded reasoner goes on."""
    tokens_per_day: int = Field(default=2_000_000, ge=0)
    """The budget of a day (UTC)."""

    @model_validator(mode="after")
    def _named(self) -> ModelSettings:
        if self.base_url is not None and not self.model:
            raise ValueError("`model` is missing: name the model, or the deployment, that `base_url` serves")
        return self
