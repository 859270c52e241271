"""How much marketing one person may get, whatever campaigns it comes from."""

from datetime import timedelta

from pydantic import Field

from tasks.messaging.strict_model import StrictModel


class FrequencyCap(StrictModel):
    """The most marketing messages that one address may get in a number of days, over all campaigns."""

    messages: int = Field(
        ge=1,
        title="Messages",
        description="Who has had so many marketing messages on the same channel gets no further one.",
    )
    days: int = Field(
        ge=1, le=366, title="Days", description="In how many days before now; each day is 24 hours. At most 366."
    )

    @property
    def window(self) -> timedelta:
        """The time that is looked back."""
        return timedelta(days=self.days)
