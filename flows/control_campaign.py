"""Pause, resume or cancel a campaign that is being sent.

From the command line `python -m flows.control_campaign pause NAME`; as a Prefect deployment
`flows.control_campaign.control_campaign`.
"""

import sys

from prefect import flow, get_run_logger

from flows.named_runs import find_run
from tasks.report import publish_report
from tasks.run_control import Action, Decided, control_run, sentences


@flow(name="control-campaign", flow_run_name="{action} {campaign}", persist_result=False)
def control_campaign(action: Action, campaign: str, run_key: str | None = None) -> Decided:
    """Pause, resume or cancel a run, wherever it is being sent. Every process that sends it obeys within seconds.

    Args:
        action: `pause`: hand over nothing more until it is resumed. `resume`: take that back; the run goes on when
            it is sent again. `cancel`: never hand over what is left.
        campaign: The campaign's name.
        run_key: Which run of it; may be left out when only one is not over.

    Raises:
        CampaignError: There is no such run.
        ControlRefused: The run is in no state for it, for example handed over already.
    """
    run = find_run(campaign, run_key)
    decided = control_run(run.id, action)
    for sentence in sentences(decided):
        get_run_logger().info(sentence)
    if action is Action.CANCEL:
        publish_report(run.id)
    return decided


if __name__ == "__main__":
    from flows.control_command import main_control_campaign

    sys.exit(main_control_campaign())
