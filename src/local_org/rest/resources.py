"""All resources of the REST API, in the order in which they are matched."""

from local_org.api.router import Endpoint, Router
from local_org.rest.composite import Composite
from local_org.rest.event_channels import EventChannels
from local_org.rest.org_info import OrgInfo
from local_org.rest.queries import Queries
from local_org.rest.records import Records
from local_org.rest.replication import Replication
from local_org.rest.sobject_collections import Collections
from local_org.rest.tooling import Tooling
from local_org.state.org import OrgState


def rest_endpoints(state: OrgState, router: Router) -> list[Endpoint]:
    """The endpoints of all resources.

    Args:
        state: the org.
        router: what handles the subrequests of composite requests.
    """
    return [
        # Before Records: ``describe``, ``updated`` and ``deleted`` stand where an id may stand.
        *OrgInfo(state).endpoints(),
        *Replication(state).endpoints(),
        *Records(state).endpoints(),
        *Queries(state).endpoints(),
        *Collections(state).endpoints(),
        *Composite(state, router).endpoints(),
        *Tooling(state).endpoints(),
        *EventChannels(state).endpoints(),
    ]
